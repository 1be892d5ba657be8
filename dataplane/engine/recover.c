/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/recover.h"

#include "dataplane/abi/lb_check.h"
#include "dataplane/abi/lb_crc.h"

#define COMMANDS_MAX (LB_BLOCK_POOL + LB_POOLS_MAX)

/* Commands of one generation. */
struct batch {
	struct lb_cmd cmd[COMMANDS_MAX];
	uint32_t n;
};

static uint8_t flags_of(const struct lb_directory *directory, enum lb_block kind, uint32_t pool)
{
	switch (kind) {
	case LB_BLOCK_PARAMS:
		return directory->params_buffer;
	case LB_BLOCK_SERVICES:
		return directory->services_buffer;
	case LB_BLOCK_INSTANCES:
		return directory->instances_buffer;
	default:
		return directory->pool_buffer[pool];
	}
}

/*
 * What was in use when the predecessor ended: sluiced may not have learnt yet that a generation was
 * taken.
 */
static uint8_t flags_in_use(const struct segment *segment, enum lb_block kind, uint32_t pool)
{
	const struct lb_directory *directory = segment->directory;
	uint8_t flags = flags_of(directory, kind, pool);

	if ((flags & LB_DIRECTORY_SENT) && directory->generation <= segment->node_stats->generation)
		return (uint8_t)((flags ^ LB_DIRECTORY_BUFFER ^ LB_DIRECTORY_SENT) |
				 LB_DIRECTORY_RUNS);
	return flags;
}

static void length_set(const struct segment *segment, struct lb_cmd *cmd)
{
	const struct lb_directory *directory = segment->directory;
	uint32_t buffer = cmd->buffer;

	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		cmd->count = 1;
		cmd->bytes = sizeof(struct lb_params);
		break;
	case LB_BLOCK_SERVICES:
		cmd->bytes = directory->services_bytes[buffer];
		cmd->count = (uint32_t)((cmd->bytes - sizeof(struct lb_service_table)) /
					sizeof(struct lb_service));
		break;
	case LB_BLOCK_INSTANCES:
		cmd->count = directory->instances_count[buffer];
		cmd->bytes = cmd->count * (uint32_t)sizeof(struct lb_instance);
		break;
	default:
		cmd->count = directory->pool_slots[cmd->index][buffer];
		cmd->bytes = cmd->count * (uint32_t)sizeof(uint16_t);
	}
}

/*
 * @is_spare: the buffer that is not in use.
 * Return: false if its length cannot be right; nothing is added then.
 */
static bool block_add(const struct segment *segment, struct batch *batch, enum lb_block kind,
		      uint32_t pool, bool is_spare)
{
	uint8_t flags = flags_in_use(segment, kind, pool) & LB_DIRECTORY_BUFFER;
	struct lb_cmd cmd = { .type = LB_CMD_BLOCK,
			      .block = (uint16_t)kind,
			      .index = pool,
			      .buffer = flags ^ is_spare };

	length_set(segment, &cmd);
	if (lb_check_bounds(&cmd))
		return false;
	cmd.crc = lb_crc32c(segment_block(segment, &cmd), cmd.bytes);
	batch->cmd[batch->n++] = cmd;
	return true;
}

static bool is_in_use(const struct segment *segment, enum lb_block kind, uint32_t pool)
{
	return flags_in_use(segment, kind, pool) & LB_DIRECTORY_RUNS;
}

/* Return: whether all of it is in use now. */
static bool batch_apply(struct consumer *consumer, struct batch *batch, uint64_t generation)
{
	for (uint32_t i = 0; i < batch->n; i++) {
		batch->cmd[i].generation = generation;
		batch->cmd[i].flags = i + 1 < batch->n ? LB_CMD_MORE : 0;
		lb_cmd_seal(&batch->cmd[i]);
		consumer_apply(consumer, &batch->cmd[i]);
	}
	while (consumer_poll(consumer))
		;
	return consumer->generation == generation;
}

/* First the previous tables, which the current ones then displace. */
static void previous_apply(struct consumer *consumer, uint64_t generation)
{
	const struct segment *segment = consumer->segment;
	const struct lb_directory *directory = segment->directory;
	struct batch batch = { .n = 0 };

	block_add(segment, &batch, LB_BLOCK_INSTANCES, 0, false);
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (is_in_use(segment, LB_BLOCK_POOL, pool) && directory->pool_changed_ns[pool] &&
		    !(flags_in_use(segment, LB_BLOCK_POOL, pool) & LB_DIRECTORY_SENT))
			block_add(segment, &batch, LB_BLOCK_POOL, pool, true);
	if (batch.n > 1 && generation > 1)
		batch_apply(consumer, &batch, generation - 1);
}

const struct lb_params *recover_params(const struct segment *segment)
{
	uint8_t flags = flags_in_use(segment, LB_BLOCK_PARAMS, 0);
	const struct lb_cmd cmd = { .block = LB_BLOCK_PARAMS,
				    .buffer = flags & LB_DIRECTORY_BUFFER };

	if (!(flags & LB_DIRECTORY_RUNS))
		return NULL;
	return segment_block(segment, &cmd);
}

bool recover_tables(struct consumer *consumer)
{
	const struct segment *segment = consumer->segment;
	uint64_t generation = segment->node_stats->generation;
	struct batch batch = { .n = 0 };
	bool is_whole = generation != 0 && recover_params(segment);

	for (uint32_t kind = 0; kind < LB_BLOCK_POOL; kind++)
		if (is_in_use(segment, (enum lb_block)kind, 0))
			is_whole &= block_add(segment, &batch, (enum lb_block)kind, 0, false);
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (is_in_use(segment, LB_BLOCK_POOL, pool))
			is_whole &= block_add(segment, &batch, LB_BLOCK_POOL, pool, false);
	if (!is_whole)
		return false;
	previous_apply(consumer, generation);
	return batch_apply(consumer, &batch, generation);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/consumer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "config/base/clock.h"
#include "dataplane/abi/lb_check.h"
#include "dataplane/abi/lb_crc.h"

/* Commands per call: the caller serves the kernel path, too. */
#define COMMANDS_MAX 16

/* A controller that doesn't read its events loses them; its next publish returns the state. */
static void event_send(struct consumer *consumer, struct lb_event *event)
{
	const uint64_t one = 1;

	lb_event_seal(event);
	if (rte_ring_sp_enqueue_elem(consumer->segment->event_ring, event, sizeof(*event))) {
		consumer->segment->node_stats->events_lost++;
		return;
	}
	/* Fails only when the counter is at its maximum, and then the reader is awake. */
	if (write(consumer->segment->event_fd, &one, sizeof(one)) < 0)
		return;
}

static void staged_drop(struct consumer *consumer)
{
	tables_destroy(consumer->staged);
	consumer->staged = NULL;
	consumer->staged_generation = 0;
}

static void refuse(struct consumer *consumer, const struct lb_cmd *cmd, enum lb_refusal reason)
{
	struct lb_event event = {
		.type = LB_EVENT_REFUSED,
		.status = (uint16_t)reason,
		.generation = cmd->generation,
		.sent_ns = cmd->sent_ns,
		.taken_ns = clock_now_ns(),
	};

	consumer->segment->node_stats->refused[reason]++;
	consumer->n_refused++;
	consumer->refused_cmd = *cmd;
	consumer->refused_reason = reason;
	event_send(consumer, &event);
}

/* Refuse a command, and with it all commands of its generation, earlier and later. */
static void refuse_generation(struct consumer *consumer, const struct lb_cmd *cmd,
			      enum lb_refusal reason)
{
	staged_drop(consumer);
	consumer->refused_generation = cmd->generation;
	refuse(consumer, cmd, reason);
}

/*
 * A message with a wrong checksum: its generation may be wrong, too. It belongs to the generation
 * being staged, or to one whose first commands were refused already, or else to the one that it
 * names.
 */
static void refuse_unsealed(struct consumer *consumer, const struct lb_cmd *cmd)
{
	struct lb_cmd named = *cmd;

	if (consumer->staged)
		named.generation = consumer->staged_generation;
	else if (consumer->refused_generation > consumer->generation)
		named.generation = consumer->refused_generation;
	refuse_generation(consumer, &named, LB_REFUSED_CHECK);
}

/* Start a grace period. */
static void grace_start(struct consumer *consumer, const struct lb_cmd *cmd, uint64_t taken_ns)
{
	consumer->ack = (struct lb_event){
		.type = LB_EVENT_ACK,
		.workers = consumer->segment->n_workers,
		.generation = cmd->generation,
		.sent_ns = cmd->sent_ns,
		.taken_ns = taken_ns,
		.swapped_ns = clock_now_ns(),
	};
	consumer->token = rte_rcu_qsbr_start(consumer->qsbr);
	consumer->waiting = true;
}

/* Return: whether the grace period is over. */
static bool grace_poll(struct consumer *consumer)
{
	if (!rte_rcu_qsbr_check(consumer->qsbr, consumer->token, false))
		return false;
	consumer->waiting = false;
	consumer->ack.acked_ns = clock_now_ns();
	event_send(consumer, &consumer->ack);
	/* Last, since it takes long: DPDK clears memory that is freed. */
	tables_destroy(consumer->retiring);
	consumer->retiring = NULL;
	return true;
}

/* The release pairs with the acquire of consumer_tables(). */
static void tables_publish(struct consumer *consumer)
{
	struct lb_node_stats *stats = consumer->segment->node_stats;

	consumer->retiring = (struct tables *)(uintptr_t)consumer->live;
	consumer->generation = consumer->staged_generation;
	consumer->staged->generation = consumer->generation;
	__atomic_store_n(&consumer->live, consumer->staged, __ATOMIC_RELEASE);
	stats->generation = consumer->generation;
	stats->tables_bytes = tables_bytes(consumer->staged);
	consumer->staged = NULL;
	consumer->staged_generation = 0;
}

/* Copy a block to private memory, check the copy, and stage it. */
static int block_stage(struct consumer *consumer, const struct lb_cmd *cmd)
{
	int refusal = lb_check_bounds(cmd);
	struct tables_block *block;

	if (refusal)
		return refusal;
	block = tables_block_create(cmd);
	if (!block)
		return LB_REFUSED_MEMORY;
	memcpy(tables_block_data(block), segment_block(consumer->segment, cmd), cmd->bytes);
	if (lb_crc32c(tables_block_data(block), cmd->bytes) != cmd->crc) {
		tables_block_destroy(block);
		return LB_REFUSED_CRC;
	}
	return tables_block_put(consumer->staged, cmd, block);
}

/* Generations only increase, from command to command as well. */
static bool command_is_late(const struct consumer *consumer, const struct lb_cmd *cmd)
{
	return cmd->generation <= consumer->generation ||
	       (consumer->staged && cmd->generation < consumer->staged_generation);
}

static int command_stage(struct consumer *consumer, const struct lb_cmd *cmd)
{
	if (consumer->staged && consumer->staged_generation != cmd->generation)
		staged_drop(consumer); /* its controller died; @cmd is from the successor */
	if (!consumer->staged) {
		consumer->staged = tables_create(consumer->live);
		if (!consumer->staged)
			return LB_REFUSED_MEMORY;
		consumer->staged_generation = cmd->generation;
	}
	if (cmd->type == LB_CMD_BLOCK)
		return block_stage(consumer, cmd);
	if (cmd->type == LB_CMD_RETIRE)
		return tables_retire(consumer->staged, cmd->index);
	return LB_REFUSED_TYPE;
}

void consumer_apply(struct consumer *consumer, const struct lb_cmd *cmd)
{
	uint64_t taken_ns = clock_now_ns();
	int refusal;

	if (!lb_cmd_is_sealed(cmd)) {
		refuse_unsealed(consumer, cmd);
		return;
	}
	if (cmd->type == LB_CMD_PING) {
		grace_start(consumer, cmd, taken_ns);
		return;
	}
	if (cmd->generation == consumer->refused_generation)
		return;
	if (command_is_late(consumer, cmd)) {
		refuse(consumer, cmd, LB_REFUSED_GENERATION);
		return;
	}
	refusal = command_stage(consumer, cmd);
	if (!refusal && !(cmd->flags & LB_CMD_MORE))
		refusal = tables_check(consumer->staged);
	if (refusal) {
		refuse_generation(consumer, cmd, (enum lb_refusal)refusal);
		return;
	}
	if (cmd->flags & LB_CMD_MORE)
		return;
	tables_publish(consumer);
	grace_start(consumer, cmd, taken_ns);
}

static bool command_take(struct consumer *consumer)
{
	struct lb_cmd cmd;

	if (!segment_ring_check(consumer->segment->cmd_ring)) {
		cmd = (struct lb_cmd){ .type = 0 };
		refuse_unsealed(consumer, &cmd);
		return false;
	}
	if (rte_ring_sc_dequeue_elem(consumer->segment->cmd_ring, &cmd, sizeof(cmd)))
		return false;
	consumer_apply(consumer, &cmd);
	return true;
}

int consumer_init(struct consumer *consumer, struct segment *segment, struct rte_rcu_qsbr *qsbr)
{
	*consumer = (struct consumer){ .segment = segment, .qsbr = qsbr };
	consumer->live = tables_create(NULL);
	if (!consumer->live)
		return -ENOMEM;
	segment->node_stats->tables_bytes = tables_bytes(consumer->live);
	return 0;
}

void consumer_fini(struct consumer *consumer)
{
	tables_destroy(consumer->staged);
	tables_destroy(consumer->retiring);
	tables_destroy((struct tables *)(uintptr_t)consumer->live);
	*consumer = (struct consumer){ .live = NULL };
}

bool consumer_poll(struct consumer *consumer)
{
	for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
		if (consumer->waiting && !grace_poll(consumer))
			return true;
		if (!command_take(consumer))
			return consumer->waiting;
	}
	return true;
}

void consumer_abandon(struct consumer *consumer)
{
	staged_drop(consumer);
	consumer->refused_generation = 0;
}

const char *consumer_refusal_text(enum lb_refusal reason)
{
	static const char *const text[LB_REFUSED_COUNT] = {
		[LB_REFUSED_CHECK] = "bad checksum of the message",
		[LB_REFUSED_TYPE] = "unknown command or block",
		[LB_REFUSED_BOUNDS] = "an index, count or length is out of range",
		[LB_REFUSED_CRC] = "bad checksum of the block",
		[LB_REFUSED_CONTENT] = "a value in the block is out of range",
		[LB_REFUSED_MEMORY] = "no memory for a copy of the block",
		[LB_REFUSED_GENERATION] = "the generation is not newer than the one in use",
		[LB_REFUSED_SECRET] = "node.secret is not the one in use; restart sluice-dataplane",
	};

	return reason < LB_REFUSED_COUNT && text[reason] ? text[reason] : "unknown reason";
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Snapshots and the blocks that they share. Only the main lcore touches the
 * reference counts; workers read through a snapshot and never see a count. All
 * memory is hugepage memory, since every packet reads it.
 */
#include "dataplane/engine/tables.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "dataplane/engine/tables_check.h"

struct tables_block {
	uint64_t generation; /* that brought it */
	uint32_t refs;
	uint32_t bytes;
	uint32_t count;
	uint16_t max_slot; /* of a pool: the highest instance that it names */
	uint8_t data[] LB_ALIGNED(64);
};

/* No entries: one free slot, so that a lookup ends there. */
static const struct {
	struct lb_service_table table;
	struct lb_service slot;
} no_services LB_ALIGNED(64);

static struct tables_block *block_create(const struct lb_cmd *cmd, const void *data)
{
	struct tables_block *block = rte_malloc("tables_block", sizeof(*block) + cmd->bytes, 64);

	if (!block)
		return NULL;
	block->generation = cmd->generation;
	block->refs = 1;
	block->bytes = cmd->bytes;
	block->count = cmd->count;
	block->max_slot = 0;
	memcpy(block->data, data, cmd->bytes);
	return block;
}

static struct tables_block *block_get(struct tables_block *block)
{
	if (block)
		block->refs++;
	return block;
}

static void block_put(struct tables_block *block)
{
	if (block && --block->refs == 0)
		rte_free(block);
}

/* Whether a block says what is in use anyway. */
static bool block_is_same(const struct tables_block *block, const struct lb_cmd *cmd,
			  const void *data)
{
	return block && block->count == cmd->count && block->bytes == cmd->bytes &&
	       memcmp(block->data, data, cmd->bytes) == 0;
}

static void pool_view_update(struct tables *tables, uint32_t pool)
{
	const struct tables_block *current = tables->current_block[pool];
	const struct tables_block *previous = tables->previous_block[pool];
	struct lb_pool_view *view = &tables->pool[pool];

	view->n_current = current ? current->count : 0;
	view->current = view->n_current ? (const uint16_t *)current->data : NULL;
	view->n_previous = previous ? previous->count : 0;
	view->previous = view->n_previous ? (const uint16_t *)previous->data : NULL;
}

struct tables *tables_create(const struct tables *old)
{
	struct tables *tables = rte_zmalloc("tables", sizeof(*tables), 64);

	if (!tables) {
		errno = ENOMEM;
		return NULL;
	}
	if (!old) {
		tables->services = &no_services.table;
		tables->mtu = 1500;
		return tables;
	}
	*tables = *old;
	block_get(tables->services_block);
	block_get(tables->instances_block);
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		block_get(tables->current_block[i]);
		block_get(tables->previous_block[i]);
	}
	return tables;
}

void tables_destroy(struct tables *tables)
{
	if (!tables)
		return;
	block_put(tables->services_block);
	block_put(tables->instances_block);
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		block_put(tables->current_block[i]);
		block_put(tables->previous_block[i]);
	}
	rte_free(tables);
}

/* Where a flow lies in a worker's table follows from the secret, so it stays until the end. */
static int put_params(struct tables *tables, const struct lb_params *params)
{
	bool is_first = tables->params.mtu == 0;
	int refusal = tables_check_params(params);

	if (refusal)
		return refusal;
	if (!is_first && memcmp(tables->params.secret, params->secret, sizeof(params->secret)) != 0)
		return LB_REFUSED_SECRET;
	tables->params = *params;
	tables->mtu = params->mtu;
	tables->timeouts = params->timeouts;
	lb_secret_expand(params->secret, &tables->secret);
	return 0;
}

/* Replace a block of which there is only one generation. */
static int put_single(struct tables_block **place, const struct lb_cmd *cmd, const void *data)
{
	struct tables_block *block = block_create(cmd, data);

	if (!block)
		return LB_REFUSED_MEMORY;
	block_put(*place);
	*place = block;
	return 0;
}

static int put_services(struct tables *tables, const struct lb_cmd *cmd,
			const struct lb_service_table *table)
{
	int refusal;

	if (block_is_same(tables->services_block, cmd, table))
		return 0;
	refusal = tables_check_services(table, cmd->count);
	if (!refusal)
		refusal = put_single(&tables->services_block, cmd, table);
	if (!refusal)
		tables->services = (const struct lb_service_table *)tables->services_block->data;
	return refusal;
}

static int put_instances(struct tables *tables, const struct lb_cmd *cmd,
			 const struct lb_instance *instances)
{
	int refusal;

	if (block_is_same(tables->instances_block, cmd, instances))
		return 0;
	refusal = tables_check_instances(instances, cmd->count);
	if (!refusal)
		refusal = put_single(&tables->instances_block, cmd, instances);
	if (!refusal) {
		tables->instances = (const struct lb_instance *)tables->instances_block->data;
		tables->n_instances = cmd->count;
	}
	return refusal;
}

static int put_pool(struct tables *tables, const struct lb_cmd *cmd, const uint16_t *slots)
{
	struct tables_block **current = &tables->current_block[cmd->index];
	struct tables_block **previous = &tables->previous_block[cmd->index];
	struct tables_block *block;
	uint16_t max_slot;
	int refusal;

	if (block_is_same(*current, cmd, slots))
		return 0;
	refusal = tables_check_slots(slots, cmd->count, &max_slot);
	if (refusal)
		return refusal;
	block = block_create(cmd, slots);
	if (!block)
		return LB_REFUSED_MEMORY;
	block->max_slot = max_slot;
	if (*current && (*current)->generation == cmd->generation) {
		block_put(*current);
	} else {
		block_put(*previous);
		*previous = *current;
	}
	*current = block;
	pool_view_update(tables, cmd->index);
	return 0;
}

int tables_block_put(struct tables *tables, const struct lb_cmd *cmd, const void *data)
{
	int refusal = tables_check_bounds(cmd);

	if (refusal)
		return refusal;
	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		return put_params(tables, data);
	case LB_BLOCK_SERVICES:
		return put_services(tables, cmd, data);
	case LB_BLOCK_INSTANCES:
		return put_instances(tables, cmd, data);
	default:
		return put_pool(tables, cmd, data);
	}
}

int tables_retire(struct tables *tables, uint32_t pool)
{
	if (pool >= LB_POOLS_MAX)
		return LB_REFUSED_BOUNDS;
	block_put(tables->previous_block[pool]);
	tables->previous_block[pool] = NULL;
	pool_view_update(tables, pool);
	return 0;
}

int tables_check(const struct tables *tables)
{
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		const struct tables_block *block = tables->current_block[i];

		if (block && block->count && block->max_slot >= tables->n_instances)
			return LB_REFUSED_CONTENT;
	}
	return 0;
}

static uint64_t block_bytes(const struct tables_block *block)
{
	return block ? sizeof(*block) + block->bytes : 0;
}

uint64_t tables_bytes(const struct tables *tables)
{
	uint64_t bytes = sizeof(*tables) + block_bytes(tables->services_block) +
			 block_bytes(tables->instances_block);

	for (uint32_t i = 0; i < LB_POOLS_MAX; i++)
		bytes += block_bytes(tables->current_block[i]) +
			 block_bytes(tables->previous_block[i]);
	return bytes;
}

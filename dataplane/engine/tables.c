/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Snapshots and the blocks that they share. Only the main lcore touches the reference counts;
 * workers read through a snapshot and never see a count. All memory is hugepage memory, since every
 * packet reads it.
 */
#include "dataplane/engine/tables.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "dataplane/abi/lb_check.h"
#include "dataplane/engine/flow_table.h"

struct tables_block {
	uint64_t generation; /* which brought it */
	uint32_t refs;
	uint32_t bytes;
	uint32_t count;
	uint16_t max_slot; /* of a pool: the highest instance index in it */
	uint8_t data[] LB_ALIGNED(64);
};

/* An empty table: one free slot, which ends a lookup. */
static const struct {
	struct lb_service_table table;
	struct lb_service slot;
} no_services LB_ALIGNED(64);

struct tables_block *tables_block_create(const struct lb_cmd *cmd)
{
	size_t bytes = sizeof(struct tables_block) + cmd->bytes,
	       nat = sizeof(struct lb_nat_ports) + cmd->count * sizeof(uint16_t);
	struct tables_block *block;

	if (cmd->block == LB_BLOCK_SERVICES) /* which put_services() fills */
		bytes += nat;
	block = rte_malloc("tables_block", bytes, 64);

	if (!block)
		return NULL;
	block->generation = cmd->generation;
	block->refs = 1;
	block->bytes = cmd->bytes;
	block->count = cmd->count;
	block->max_slot = 0;
	return block;
}

void *tables_block_data(struct tables_block *block)
{
	return block->data;
}

static struct tables_block *block_get(struct tables_block *block)
{
	if (block)
		block->refs++;
	return block;
}

void tables_block_destroy(struct tables_block *block)
{
	if (block && --block->refs == 0)
		rte_free(block);
}

/* Whether a block has the same contents as the one in use. */
static bool block_is_same(const struct tables_block *used, const struct tables_block *block)
{
	return used && used->count == block->count && used->bytes == block->bytes &&
	       memcmp(used->data, block->data, block->bytes) == 0;
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
	tables_block_destroy(tables->services_block);
	tables_block_destroy(tables->instances_block);
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		tables_block_destroy(tables->current_block[i]);
		tables_block_destroy(tables->previous_block[i]);
	}
	rte_free(tables);
}

LB_STATIC_ASSERT(FLOW_TABLE_SWEEP_TICKS <= LB_CHECK_SWEEP_TICKS, "idle times do not wrap");

/* Nor can the ports: they name the records. */
static bool ports_differ(const struct lb_nat_params *used, const struct lb_nat_params *nat)
{
	return used->port_first && nat->port_first &&
	       (used->port_first != nat->port_first || used->port_last != nat->port_last);
}

/* The secret can't change: it determines where flows are in the workers' tables. */
static int put_params(struct tables *tables, const struct lb_params *params)
{
	bool is_first = tables->params.mtu == 0;
	int refusal = lb_check_params(params);

	if (refusal)
		return refusal;
	if (!is_first && memcmp(tables->params.secret, params->secret, sizeof(params->secret)) != 0)
		return LB_REFUSED_SECRET;
	if (ports_differ(&tables->params.nat, &params->nat))
		return LB_REFUSED_CONTENT;
	tables->params = *params;
	tables->mtu = params->mtu;
	tables->timeouts = params->timeouts;
	lb_secret_expand(params->secret, &tables->secret);
	lb_nat_index_make(&tables->nat_index, &params->nat);
	return 0;
}

/* Replace a block that has only one generation. */
static void put_single(struct tables_block **place, struct tables_block *block)
{
	tables_block_destroy(*place);
	*place = block_get(block);
}

static bool has_nat(const struct lb_service_table *table)
{
	for (uint32_t i = 0; i <= table->mask; i++)
		if (table->slot[i].family && table->slot[i].forward == LB_FORWARD_NAT)
			return true;
	return false;
}

static int put_services(struct tables *tables, struct tables_block *block)
{
	const struct lb_service_table *table = (const struct lb_service_table *)block->data;
	int refusal;

	if (block_is_same(tables->services_block, block))
		return 0;
	refusal = lb_check_services(table, block->count);
	if (refusal)
		return refusal;
	put_single(&tables->services_block, block);
	tables->services = table;
	tables->service_by_id = NULL;
	if (has_nat(table)) {
		struct lb_nat_ports *ports = (void *)(block->data + block->bytes);
		uint16_t *by_id = (void *)(ports + 1);

		lb_nat_ports_make(table, ports);
		lb_service_ids_make(table, by_id);
		tables->nat_ports = ports;
		tables->service_by_id = by_id;
	}
	return 0;
}

static int put_instances(struct tables *tables, struct tables_block *block)
{
	const struct lb_instance *instances = (const struct lb_instance *)block->data;
	int refusal;

	if (block_is_same(tables->instances_block, block))
		return 0;
	refusal = lb_check_instances(instances, block->count);
	if (refusal)
		return refusal;
	put_single(&tables->instances_block, block);
	tables->instances = instances;
	tables->n_instances = block->count;
	return 0;
}

static int put_pool(struct tables *tables, uint32_t pool, struct tables_block *block)
{
	struct tables_block **current = &tables->current_block[pool];
	struct tables_block **previous = &tables->previous_block[pool];
	int refusal;

	if (block_is_same(*current, block))
		return 0;
	refusal = lb_check_slots((const uint16_t *)block->data, block->count, &block->max_slot);
	if (refusal)
		return refusal;
	if (*current && (*current)->generation == block->generation) {
		tables_block_destroy(*current);
	} else {
		tables_block_destroy(*previous);
		*previous = *current;
	}
	*current = block_get(block);
	pool_view_update(tables, pool);
	return 0;
}

static int put_kind(struct tables *tables, const struct lb_cmd *cmd, struct tables_block *block)
{
	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		return put_params(tables, (const struct lb_params *)block->data);
	case LB_BLOCK_SERVICES:
		return put_services(tables, block);
	case LB_BLOCK_INSTANCES:
		return put_instances(tables, block);
	default:
		return put_pool(tables, cmd->index, block);
	}
}

int tables_block_put(struct tables *tables, const struct lb_cmd *cmd, struct tables_block *block)
{
	int refusal = put_kind(tables, cmd, block);

	tables_block_destroy(block); /* stays allocated if the snapshot has it, too */
	return refusal;
}

int tables_retire(struct tables *tables, uint32_t pool)
{
	if (pool >= LB_POOLS_MAX)
		return LB_REFUSED_BOUNDS;
	tables_block_destroy(tables->previous_block[pool]);
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

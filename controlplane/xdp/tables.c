/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/tables.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/sluice_xdp.skel.h"
#include "controlplane/xdp/access.h"
#include "dataplane/abi/lb_check.h"
#include "dataplane/core/lb_nat_find.h"

#define POOL_TABLES 3 /* current, previous, and the one being filled */

LB_STATIC_ASSERT(LB_POOLS_MAX == LB_XDP_POOLS_MAX && LB_INSTANCES_MAX == LB_XDP_INSTANCES_MAX &&
			 LB_SERVICE_SLOTS_MAX == LB_XDP_SERVICE_SLOTS_MAX,
		 "both dataplanes take the same blocks");

static const struct lb_xdp_generation *in_use(const struct xdp_object *o)
{
	return &o->control->generation[o->control->active & 1];
}

uint64_t xdp_tables_generation(const struct xdp_object *o)
{
	return in_use(o)->generation;
}

void xdp_tables_port_set(struct xdp_object *o, const uint8_t *port_mac)
{
	struct lb_xdp_generation *gen = &o->control->generation[o->control->active & 1];

	__atomic_store_n(&gen->port_mac, lb_mac_load(port_mac), __ATOMIC_RELAXED);
}

/* ---- Checks ---- */

/* The secret determines the place of recorded flows. */
static bool secret_is_other(const struct xdp_object *o, const struct publish_block *block)
{
	struct lb_secret secret;

	if (block->kind != LB_BLOCK_PARAMS || xdp_tables_generation(o) == 0)
		return false;
	lb_secret_expand(((const struct lb_params *)block->data)->secret, &secret);
	return memcmp(&secret, &in_use(o)->secret, sizeof(secret)) != 0;
}

static bool block_is_sound(const struct xdp_object *o, const struct publish_block *block)
{
	const struct lb_cmd cmd = { .block = block->kind,
				    .index = block->pool,
				    .count = block->count,
				    .bytes = block->bytes };
	uint16_t max;

	if (block->kind == LB_BLOCK_POOL && block->count > o->pool_lines * LB_XDP_LINE_SLOTS)
		return false;
	return lb_check_bounds(&cmd) == 0 && lb_check_content(&cmd, block->data, &max) == 0;
}

/* ---- Filling ---- */

/* Limits are divided evenly; each CPU gets at least one packet per second. */
static struct lb_rate_limit limit_share(const struct xdp_object *o, uint32_t per_second)
{
	return lb_rate_limit_make((per_second + o->regions - 1) / o->regions);
}

/* What is configured to be translated, and which ports each region has. */
static void nat_put(struct xdp_object *o, struct lb_xdp_nat *next,
		    const struct lb_nat_params *params)
{
	struct lb_nat nat = {
		.params = params,
		.n_workers = o->regions,
		.n_spaces = o->nat_spaces,
		.room = o->nat_room,
	};

	next->params = *params;
	lb_nat_index_make(&next->index, params);
	next->share = lb_nat_set_ports(&nat) ? nat.share : 0;
	next->inverse = nat.inverse;
}

/* @first: of the services' slots, in their map. */
static void nat_ids_put(struct xdp_object *o, uint32_t first, const struct lb_service_table *table)
{
	uint64_t *ids = &o->nat_ids[first ? LB_XDP_IDS : 0];

	memset(ids, 0, LB_XDP_IDS * sizeof(*ids));
	for (uint32_t i = 0; i <= table->mask; i++)
		if (table->slot[i].id)
			ids[table->slot[i].id] = i + 1;
}

static void params_put(struct xdp_object *o, struct lb_xdp_generation *next,
		       const struct lb_params *params)
{
	lb_secret_expand(params->secret, &next->secret);
	next->timeouts = params->timeouts;
	next->mtu = params->mtu;
	next->kernel_rate = limit_share(o, params->kernel_rate_pps);
	next->icmp_rate = limit_share(o, params->icmp_rate_pps);
	nat_put(o, &o->nat[next - o->control->generation], &params->nat);
}

static int services_put(struct xdp_object *o, struct lb_xdp_generation *next,
			const struct publish_block *block)
{
	const struct lb_service_table *table = block->data;
	uint32_t first = in_use(o)->services.first ? 0 : LB_XDP_SERVICE_SLOTS_MAX;
	int err = xdp_access_put(bpf_map__fd(o->skel->maps.xdp_access), first != 0, table);

	if (err)
		return err;
	memcpy(&o->services[first], table->slot, (table->mask + 1ULL) * sizeof(*table->slot));
	next->services = *table;
	next->services.first = first;
	if (o->nat_ids)
		nat_ids_put(o, first, table);
	return 0;
}

static void instances_put(struct xdp_object *o, struct lb_xdp_generation *next,
			  const struct publish_block *block)
{
	next->instances = in_use(o)->instances ? 0 : LB_XDP_INSTANCES_MAX;
	next->n_instances = block->count;
	if (block->bytes)
		memcpy(&o->instances[next->instances], block->data, block->bytes);
}

/* Of a pool's three tables the one that the generation in use does not name. */
static uint32_t pool_spare(const struct xdp_object *o, uint32_t pool)
{
	const struct lb_xdp_pool *now = &in_use(o)->pool[pool];
	uint32_t line = pool * POOL_TABLES * o->pool_lines;

	for (uint32_t i = 0; i < POOL_TABLES; i++, line += o->pool_lines)
		if (!(now->n_current && now->current == line) &&
		    !(now->n_previous && now->previous == line))
			break;
	return line;
}

static bool pool_is(const struct xdp_object *o, const struct lb_xdp_pool *now,
		    const struct publish_block *block)
{
	return now->n_current == block->count &&
	       (block->bytes == 0 || !memcmp(&o->slots[now->current], block->data, block->bytes));
}

/* The current table becomes the previous one; an equal table changes nothing. */
static void pool_put(struct xdp_object *o, struct lb_xdp_generation *next,
		     const struct publish_block *block)
{
	struct lb_xdp_pool *pool = &next->pool[block->pool];
	const struct lb_xdp_pool *now = &in_use(o)->pool[block->pool];

	if (pool_is(o, now, block))
		return;
	pool->previous = now->current;
	pool->n_previous = now->n_current;
	pool->current = pool_spare(o, block->pool);
	pool->n_current = block->count;
	if (block->bytes)
		memcpy(&o->slots[pool->current], block->data, block->bytes);
}

static int block_put(struct xdp_object *o, struct lb_xdp_generation *next,
		     const struct publish_block *block)
{
	switch (block->kind) {
	case LB_BLOCK_PARAMS:
		params_put(o, next, block->data);
		break;
	case LB_BLOCK_SERVICES:
		return services_put(o, next, block);
	case LB_BLOCK_INSTANCES:
		instances_put(o, next, block);
		break;
	default:
		pool_put(o, next, block);
		break;
	}
	return 0;
}

static void retire(struct lb_xdp_generation *next, uint64_t pools)
{
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++)
		if (pools >> i & 1)
			next->pool[i].n_previous = 0;
}

int xdp_tables_apply(struct xdp_object *o, const struct publish_batch *batch, uint64_t generation,
		     const uint8_t *port_mac)
{
	uint32_t spare = !(o->control->active & 1);
	struct lb_xdp_generation *next = &o->control->generation[spare];
	int err = 0;

	for (uint32_t i = 0; i < batch->block_count; i++) {
		if (!block_is_sound(o, &batch->block[i]))
			return -EINVAL;
		if (secret_is_other(o, &batch->block[i]))
			return -EKEYREJECTED;
	}
	*next = *in_use(o);
	o->nat[spare] = o->nat[!spare];
	next->generation = generation;
	next->port_mac = lb_mac_load(port_mac);
	retire(next, batch->retire);
	for (uint32_t i = 0; i < batch->block_count && !err; i++)
		err = block_put(o, next, &batch->block[i]);
	if (err)
		return err;
	retire(next, batch->retire_after);
	__atomic_store_n(&o->control->active, spare, __ATOMIC_RELEASE); /* read by each packet */
	return 0;
}

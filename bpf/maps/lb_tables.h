/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Tables in BPF maps: see dataplane/core/lb_memory.h. */
#ifndef BPF_MAPS_LB_TABLES_H
#define BPF_MAPS_LB_TABLES_H

#include "bpf/sluice_xdp_maps.h"

struct lb_table {
	struct lb_worker_stats *stats;
	uint32_t first; /* bucket in the flows map */
	uint32_t n_buckets;
	uint32_t counts; /* first one in the counts map */
};

/* No journal: this program can't be killed, and a CPU that loses the lock in mid-packet is rare. */
LB_INLINE struct lb_journal *lb_table_journal(const struct lb_table *table)
{
	(void)table;
	return NULL;
}

LB_INLINE uint32_t lb_table_index(const struct lb_table *table, const struct lb_bucket *bucket)
{
	(void)table;
	(void)bucket;
	return 0;
}

LB_INLINE bool lb_table_is_lost(const struct lb_table *table)
{
	(void)table;
	return false;
}

struct lb_instances {
	uint32_t first;
	uint32_t n;
};

LB_INLINE struct lb_bucket *lb_table_bucket(const struct lb_table *table, uint32_t index)
{
	return lb_xdp_at(&xdp_flows, table->first + index);
}

LB_INLINE struct lb_instance_stats *lb_table_counts(const struct lb_table *table, uint32_t instance)
{
	return lb_xdp_at(&xdp_counts, table->counts + instance % LB_XDP_INSTANCES_MAX);
}

LB_INLINE const struct lb_instance *lb_instance_at(const struct lb_instances *instances,
						   uint32_t index)
{
	if (index >= instances->n)
		return NULL;
	return lb_xdp_at(&xdp_instances, instances->first + index);
}

/* The two tables of a pool: first lines in the slots map, and slots. */
struct lb_pool_view {
	uint32_t current;
	uint32_t previous;
	uint32_t n_current;
	uint32_t n_previous;
};

LB_INLINE uint32_t lb_xdp_slot(uint32_t first_line, uint32_t slot)
{
	const struct lb_xdp_line *line;

	line = lb_xdp_at(&xdp_slots, first_line + slot / LB_XDP_LINE_SLOTS);
	return line ? line->slot[slot % LB_XDP_LINE_SLOTS] : LB_INSTANCE_NONE;
}

LB_INLINE uint32_t lb_pool_current(const struct lb_pool_view *pool, uint32_t slot)
{
	return lb_xdp_slot(pool->current, slot);
}

LB_INLINE uint32_t lb_pool_previous(const struct lb_pool_view *pool, uint32_t slot)
{
	return lb_xdp_slot(pool->previous, slot);
}

LB_INLINE const struct lb_service *lb_service_at(const struct lb_service_table *table,
						 uint32_t index)
{
	return lb_xdp_at(&xdp_services, table->first + index);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables that workers read: one immutable snapshot per generation.
 *
 * A snapshot shares the blocks that did not change with its predecessor (each
 * block counts its references). The main lcore builds, publishes by one pointer
 * store, waits until every worker has passed a quiescent point, and only then
 * drops the old snapshot.
 */
#ifndef ENGINE_TABLES_H
#define ENGINE_TABLES_H

#include <stdint.h>

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_memory.h"
#include "dataplane/core/lb_nat_find.h"

struct tables_block; /* reference-counted bytes; see tables.c */

struct tables {
	/* read by every packet */
	const struct lb_service_table *services;
	const struct lb_instance *instances;
	uint32_t n_instances;
	uint32_t mtu; /* bytes of an IP packet that may be sent */
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	/* read by packets that are translated */
	const uint16_t *service_by_id;	      /* lb_service_ids_make(); NULL: no service is nat */
	const struct lb_nat_ports *nat_ports; /* of the same services: lb_nat_ports_make() */
	struct lb_nat_index nat_index;
	/* read by flows that are not in the flow table */
	struct lb_pool_view pool[LB_POOLS_MAX];

	uint64_t generation;
	struct lb_params params;
	struct tables_block *services_block;
	struct tables_block *instances_block;
	struct tables_block *current_block[LB_POOLS_MAX];
	struct tables_block *previous_block[LB_POOLS_MAX];
};

/**
 * Copy a snapshot, to be changed before it is published.
 * @old: NULL gives an empty one (no services: every packet is the kernel's).
 * Return: owned by the caller until published; NULL and errno ENOMEM.
 * Context: main lcore.
 */
struct tables *tables_create(const struct tables *old);

/** Free a snapshot that no worker can see. Context: main lcore. */
void tables_destroy(struct tables *tables);

/**
 * Allocate a block, to be filled and put.
 * @cmd: describes it; its bounds have been checked.
 * Return: NULL: no memory. Context: main lcore.
 */
struct tables_block *tables_block_create(const struct lb_cmd *cmd);

/** Its bytes, aligned to 64. */
void *tables_block_data(struct tables_block *block);

/** Release a block that was not put; NULL is allowed. Context: main lcore. */
void tables_block_destroy(struct tables_block *block);

/**
 * Put a block into a snapshot that is not published yet.
 * @cmd: for which the block was created.
 * @block: filled, and not written any more. Consumed: it is the snapshot's, or freed.
 * Return: 0, or an enum lb_refusal; then the snapshot is unchanged.
 *
 * A pool's current slots become its previous generation, unless they were put by the same
 * generation. A block equal to the one in use changes nothing. No slots (count 0) means a pool
 * without instances.
 * Context: main lcore.
 */
int tables_block_put(struct tables *tables, const struct lb_cmd *cmd, struct tables_block *block);

/** Drop the previous generation of a pool. Return: 0 or an enum lb_refusal. */
int tables_retire(struct tables *tables, uint32_t pool);

/**
 * Checks across blocks: slots of current generations name only existing instances. To be called
 * once all blocks of a generation are put.
 * Return: 0 or LB_REFUSED_CONTENT.
 */
int tables_check(const struct tables *tables);

/** Bytes held by a snapshot's blocks. */
uint64_t tables_bytes(const struct tables *tables);

#endif

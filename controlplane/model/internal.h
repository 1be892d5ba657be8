/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to the model: for its own sources only. */
#ifndef CONTROLPLANE_MODEL_INTERNAL_H
#define CONTROLPLANE_MODEL_INTERNAL_H

#include <search.h>

#include "controlplane/model/eligible.h"
#include "controlplane/model/maglev.h"
#include "controlplane/model/model.h"
#include "controlplane/model/ramp.h"
#include "controlplane/model/template.h"

struct model {
	struct lb_instance block[LB_INSTANCES_MAX];
	uint32_t block_count; /* one more than the highest index ever used */
	const struct model_ops *ops;
	void *ops_arg;
	struct config *config;
	struct model_pool **pools; /* in the file's order */
	uint32_t pool_count;
	struct model_pool *pool_by_id[LB_POOLS_MAX];
	struct model_instance *by_index[LB_INSTANCES_MAX];
	struct model_instance *gone;
	struct hsearch_data paths; /* the configured instances */
	struct lb_service_table *services;
	uint32_t services_bytes;
	uint32_t service_id_last;
	struct model_nat_address nat[LB_NAT_ADDRESSES_MAX]; /* by index */
	uint16_t nat_ports
		[2]; /* first and last of the range that runs: records follow it; 0: none */
	struct lb_secret secret;
	struct template_source source;
	uint16_t port_mtu_bytes;
	uint64_t now_ms;
	uint8_t steps[LB_INSTANCES_MAX]; /* of a table's members, by index */
	bool busy; /* setters do not decide; the caller that set this does afterwards */
	/* scratch space for a decision, and for a table's members */
	struct eligible_instance eligible[LB_INSTANCES_MAX];
	struct maglev_member members[LB_INSTANCES_MAX];
};

#define MODEL_TICKS_MAX 60000 /* below the dataplane's limit, where its 16-bit times wrap */

/* A timeout of the configuration, at least a tick. */
static inline uint16_t model_ticks(uint32_t ms)
{
	uint32_t ticks = (ms + LB_FLOW_TICK_MS - 1) / LB_FLOW_TICK_MS;

	return (uint16_t)(ticks == 0 ? 1 : ticks > MODEL_TICKS_MAX ? MODEL_TICKS_MAX : ticks);
}

/* model/paths.c */
int model_paths_create(struct hsearch_data *paths, uint32_t count); /* -ENOMEM */
void model_paths_add(struct hsearch_data *paths, struct model_instance *instance);
struct model_instance *model_paths_find(const struct hsearch_data *paths, const char *path);

/* model/index.c: assignment of indices and ids */
int model_index_assign(struct model *model, struct model_instance *instance); /* -ENOSPC */
int model_index_take(struct model *model, struct model_instance *instance, uint32_t index);
void model_index_free(struct model *model, struct model_instance *instance);
int model_pool_id_assign(struct model *model, struct model_pool *pool);

/* model/leave.c: instances that are removed and drain; they are in model->gone */
void model_leave_decide(struct model_instance *instance);
/* Decide again, for one that drains alone, else for its pool; and report the changes. */
void model_instance_refresh(struct model *model, struct model_instance *instance);
void model_leave_begin(struct model *model, struct model_instance *instance, uint32_t drain_ms,
		       enum config_on_down on_down);
void model_leave_cancel(struct model *model, struct model_instance *instance);
void model_leave_tick(struct model *model);
void model_leaving_release_lost(struct model *model); /* those without an index */
/* How long an instance of a pool drains that @config doesn't have; 0: it doesn't. */
uint32_t model_leave_drain_ms(const struct config *config, const struct model_pool *pool);

/* model/agent.c */
/* Whether the weights of a pool's instances are to be in units. */
bool model_pool_has_agents(const struct model_pool *pool);
/* A weight with the agent's share of it; 0 only if either is 0. */
uint32_t model_agent_weight(const struct model_instance *instance, uint32_t weight, bool in_units);

/* model/minimum.c */
/* Count again, and decide whether the VIPs are announced. Return: whether that changed. */
bool model_minimum_decide(const struct model *model, struct model_pool *pool, uint32_t up);
void model_minimum_configure(struct model_pool *pool, const struct config_pool *from);
/*
 * Set how many must be up. Once the pool has settled, instances that no check has judged yet are in
 * no share: they were just added.
 */
void model_minimum_count(struct model_pool *pool);
bool model_minimum_is_due(const struct model_pool *pool, uint64_t now_ms); /* a hold is over */
/* The minimum below which a pool takes no flows; 0: none. */
uint32_t model_minimum_to_drop(const struct config_pool *pool);

/* model/nat.c */
void model_nat_assign(struct model *model); /* indices, from the configuration in force */
void model_nat_adopt(struct model *model, const struct lb_nat_params *running); /* NULL: none */
void model_nat_forget(struct model *model); /* no flow uses any */
void model_nat_params(const struct model *model, struct lb_nat_params *params); /* all 0 before */
void model_nat_pins(struct lb_flow_timeouts *timeouts); /* of flows, where some are translated */

/* model/decide.c: from the model's inputs to what is published */
void model_changed(const struct model *model, uint32_t what, uint32_t pool_id);

/** Whether an instance is in another zone than the node. */
bool model_is_far(const struct config_node *node, const struct config_instance *instance);

/** Whether packets of its pool's services can be sent to an instance that has a pool. */
bool model_is_reachable(const struct model_instance *instance);

/** Update an instance's entry in the block. Return: whether it changed. */
bool model_entry_update(struct model *model, const struct model_instance *instance);
bool model_entries_update(struct model *model);

/**
 * Decide again which instances take and keep the flows of a pool, and update its entries.
 * Return: enum model_change of the differences.
 */
uint32_t model_pool_decide(struct model *model, struct model_pool *pool);

/* The same, and report the changes. */
void model_pool_refresh(struct model *model, struct model_pool *pool);

/**
 * Decide for all pools, then report: no partial result may be seen.
 * @what: enum model_change to be reported in any case, except those of pools.
 * @tables, @retire: ids of pools, a bit each, whose table must be published or whose old generation
 * must be retired.
 */
void model_tell(struct model *model, uint32_t what, uint64_t tables, uint64_t retire);

/* Inputs of a services block. */
struct model_services {
	const struct config *config;
	struct model_pool *const *pools; /* in the order of config->pools */
	const struct lb_secret *secret;
	const struct lb_service_table *old; /* ids are kept from it; may be NULL */
};

/**
 * The services block of a configuration.
 * @id_last: in and out.
 * Return: to be freed; NULL and errno, then nothing was written.
 */
struct lb_service_table *model_services_build(const struct model_services *request,
					      uint32_t *id_last, uint32_t *bytes);

void model_pool_free(struct model_pool *pool);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the node is to do: services, pools and instances as the configuration has them, what operators
 * said at run time (admin state, weight), what the checks found (health), and what follows: who takes
 * new flows, who keeps old ones, and the slots of each pool.
 *
 * The model knows neither sockets nor clocks nor the dataplane. It tells its owner through model_ops
 * what has changed, and hands out finished blocks when it is asked for them. One thread, the event
 * loop's. Structs are open for reading; only the functions of this header write them.
 */
#ifndef CONTROLPLANE_MODEL_MODEL_H
#define CONTROLPLANE_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/diff.h"
#include "controlplane/model/health.h"
#include "dataplane/abi/lb_abi.h"

/*
 * A pool whose instances have not all been checked yet does not count as "all down" for this long, so
 * that a start doesn't send clients to instances that nobody has looked at.
 */
#define MODEL_SETTLE_MS 3000

/*
 * A pool without a table waits so long for the results and next hops of all its instances. First checks
 * are made within 250 ms, so only those that do not answer are left out of the first table.
 */
#define MODEL_GATHER_MS 1000

#define MODEL_INDEX_NONE 0xffffu
#define MODEL_PATH_MAX (2 * CONFIG_NAME_MAX + 2) /* "pool/instance", with the final NUL */

/* What the operator said. Apart from health on purpose: neither ever overwrites the other. */
enum model_admin {
	MODEL_READY,
	MODEL_DRAIN, /* no new flows, old ones stay */
	MODEL_MAINT, /* out at once */
};

/* How packets reach an instance, from the kernel's routes and neighbours. */
struct model_next_hop {
	bool resolved; /* mac is known; stays so while the kernel only doubts it */
	bool on_link;  /* mac is the instance's own */
	uint8_t mac[LB_ETH_ALEN];
	uint16_t mtu_bytes; /* of the route; 0: it has none of its own */
	char reason[96];    /* why it is not resolved; "" if it is */
};

struct model_pool;

struct model_instance {
	struct model_pool *pool;   /* NULL once it has left the configuration */
	char path[MODEL_PATH_MAX]; /* "web/web-1": the identity, with the address */
	const char *name;	   /* "web-1", inside path */
	struct config_address address;
	bool backup;

	enum model_admin admin;
	uint32_t weight;	/* in force */
	uint32_t config_weight; /* of the file */
	bool weight_set;	/* by the operator: the file's does not count */

	enum health_state health;
	char reason[HEALTH_REASON_MAX]; /* "" if there is nothing to say */
	struct model_next_hop next_hop;
	uint16_t path_mtu_bytes; /* as routers on the way have said; 0: they have not */
	uint64_t path_mtu_until_ms;

	bool accepts;	      /* takes new flows */
	bool serves;	      /* keeps the flows that it has */
	uint16_t index;	      /* LB_CMD_BLOCK's; kept over reloads and restarts */
	uint16_t pool_id;     /* of the pool that it is or was in */
	uint64_t key;	      /* of its path, for the table */
	uint32_t slots;	      /* that it has in the pool's table, as built last */
	uint32_t other_slots; /* in the pool's other table */

	bool is_new;			 /* came with the configuration that is being applied */
	struct health_instance *checker; /* the owner's; the model only keeps it */
	struct model_instance *next;	 /* in the list of those that have left */
};

struct model_pool {
	char name[CONFIG_NAME_MAX + 1];
	uint16_t id;	    /* LB_CMD_BLOCK's index; kept like instance indices */
	bool wants_on_link; /* a service of forward l2 uses it */
	enum config_on_down on_down;
	enum config_all_down all_down;
	struct model_instance **instances; /* in the file's order */
	uint32_t instance_count;

	bool settled;	    /* all checked once, or MODEL_SETTLE_MS passed */
	bool pending;	    /* an instance has not been checked, or its next hop is not known */
	uint64_t settle_ms; /* when it settles at the latest */
	bool gathered;	    /* it has had a table, or MODEL_GATHER_MS passed */
	uint64_t gather_ms; /* when it has gathered at the latest */
	bool open;	    /* all_down: open is in force */
	bool on_backup;	    /* backups take the new flows */
	bool stale;	    /* slots have to be built anew; model_pool_slots() does */
	uint64_t set;	    /* fingerprint of who is in the table, with which weights */
	uint16_t *slots;    /* the table; slot_count of them, 0 before the first */
	uint32_t slot_count;
	uint64_t slots_set; /* fingerprint of the set that it was built for; 0: it was adopted */
	uint16_t *other;    /* the table before it, or room for one */
	uint64_t other_set; /* 0: none */
};

enum model_change {
	MODEL_CHANGE_PARAMS = 1 << 0,
	MODEL_CHANGE_SERVICES = 1 << 1,
	MODEL_CHANGE_INSTANCES = 1 << 2,
	MODEL_CHANGE_POOL = 1 << 3,   /* @pool_id says which */
	MODEL_CHANGE_RETIRE = 1 << 4, /* the old generation of @pool_id is another pool's */
};

struct model_ops {
	/**
	 * Blocks differ from what they were. Called from inside the functions that change the model, once
	 * all its fields agree; must not change it.
	 */
	void (*changed)(void *arg, enum model_change what, uint32_t pool_id);

	/*
	 * Instances come (with a configuration), have new checks (@config_pool says which), or go. The
	 * owner starts and ends their checks and next hops, and may call the setters: changed() comes once
	 * all are through. All may be NULL. An instance that went is still in memory until its index is
	 * free.
	 */
	void (*instance_added)(void *arg, struct model_instance *instance,
			       const struct config_pool *config_pool);
	void (*instance_updated)(void *arg, struct model_instance *instance,
				 const struct config_pool *config_pool);
	void (*instance_removed)(void *arg, struct model_instance *instance);
};

struct model;

/**
 * Create a model without anything in it.
 * @ops: must outlive the model.
 * Return: NULL and errno ENOMEM.
 */
struct model *model_create(const struct model_ops *ops, void *arg);

/* Tells nobody. NULL is allowed. */
void model_destroy(struct model *model);

/**
 * Take a configuration over, the first or another one: all of it or nothing.
 * @config: belongs to the model if this succeeds, to the caller if not.
 * @now_ms: monotonic; starts the time in which new pools settle.
 * Admin states and weights by operators stay with the instances of the same path and address.
 * Return: 0; -ENOSPC (indices of instances that left are still in use by their flows), -ENOMEM.
 */
int model_apply(struct model *model, struct config *config, uint64_t now_ms);

/* The configuration in force; NULL before the first. Valid until the next model_apply(). */
const struct config *model_config(const struct model *model);

/* Pools in the file's order. */
uint32_t model_pool_count(const struct model *model);
struct model_pool *model_pool_at(const struct model *model, uint32_t i);
struct model_pool *model_pool_find(const struct model *model, const char *name);

/** The instance of a path ("web/web-1"), or NULL. Those that left are not found. */
struct model_instance *model_instance_find(const struct model *model, const char *path);

/** The instance of an index, or NULL. Those that left are found until their index is free. */
struct model_instance *model_instance_at(const struct model *model, uint32_t index);

/**
 * Set what an operator says. Blocks that change are reported before the call returns.
 * Return: whether anything is different now.
 */
bool model_admin_set(struct model *model, struct model_instance *instance, enum model_admin admin);

/** @weight: 0 to CONFIG_WEIGHT_MAX; @by_operator false: back to the file's weight. */
bool model_weight_set(struct model *model, struct model_instance *instance, uint32_t weight,
		      bool by_operator);

/** Set what the checks found. @reason: may be NULL. */
bool model_health_set(struct model *model, struct model_instance *instance,
		      enum health_state health, const char *reason);

/** Set what the kernel says of the way there. */
bool model_next_hop_set(struct model *model, struct model_instance *instance,
			const struct model_next_hop *hop);

/**
 * Routers on the way to an instance have said what they take (RFC 1191).
 * @mtu_bytes: of a tunnel packet; below what any host has to take with an outer header counts as that.
 * @until_ms: monotonic; then larger packets are tried again.
 * Return: whether smaller packets are sent now than before.
 */
bool model_path_mtu_set(struct model *model, struct model_instance *instance, uint32_t mtu_bytes,
			uint64_t until_ms);

/** Bytes of the largest tunnel packet to an instance, and whether the route or routers keep it so small. */
enum model_mtu_from { MODEL_MTU_PORT, MODEL_MTU_ROUTE, MODEL_MTU_PATH };
uint16_t model_instance_mtu(const struct model *model, const struct model_instance *instance,
			    enum model_mtu_from *from);

/** Set what the dataplane says of its port, for headers and the MTU. */
void model_port_set(struct model *model, const uint8_t *mac, uint16_t mtu_bytes);

/**
 * Whether the port's own MTU, once the dataplane has said it, is enough for every service.
 * @note: of MODEL_NOTE_MAX bytes; one sentence, or "" if it is.
 */
#define MODEL_NOTE_MAX 256
void model_port_mtu_note(const struct model *model, char *note);

/* Time passes: pools settle, path MTUs are forgotten. To be called about every 100 ms. */
void model_tick(struct model *model, uint64_t now_ms);

/** Nothing can be found out about instances now: pools that settle or gather get their whole time from here. */
void model_hold(struct model *model, uint64_t now_ms);

/** Share of the pool's new flows, 0 to 1. Builds the pool's table if need be. */
double model_share(struct model *model, const struct model_instance *instance);

const char *model_admin_name(enum model_admin admin);		  /* "ready", "drain", "maint" */
int model_admin_parse(const char *word, enum model_admin *admin); /* 0 or -EINVAL */

/* ---- What a configuration would change ---- */

/** Flows of an instance index now. */
typedef uint64_t (*model_flows)(void *arg, uint32_t index);

struct model_plan {
	struct config_diff_totals keys; /* keys.restarts > 0: model_apply() is not allowed */
	uint32_t instances_added;
	uint32_t instances_removed;
	uint32_t slots;		/* of all pools that are there before and after */
	uint32_t slots_changed; /* of them, with another instance */
	uint64_t flows;		/* now */
	/* New connections of so many of today's flows would go to another instance. The flows themselves
	 * stay: they are in the flow tables. */
	uint64_t flows_rehashed;
	uint64_t flows_moved; /* really move: their instance goes */
};

/**
 * Compute what model_apply() would do. Changes nothing.
 * Return: 0 or -ENOMEM.
 */
int model_plan(struct model *model, const struct config *config, model_flows flows, void *arg,
	       struct model_plan *plan);

/* ---- Blocks and adoption, for the publisher ---- */

/** Fill in the parameters. */
void model_params(const struct model *model, struct lb_params *params);

/** All instances by index. @count: set. Valid until the model changes. */
const struct lb_instance *model_instances(const struct model *model, uint32_t *count);

/** The services block. @bytes: set; 0 before the first configuration. Valid until model_apply(). */
const struct lb_service_table *model_services(const struct model *model, uint32_t *bytes);

/** The youngest service id that was handed out, in this life or in one that was adopted. */
uint32_t model_service_id_last(const struct model *model);

/**
 * The slots of a pool, built anew if they are stale. @count: set; 0: no such pool, or it has never
 * had an instance that takes flows. While none does, the last table stays: nobody in it accepts, and
 * nothing moves when they come back.
 */
const uint16_t *model_pool_slots(struct model *model, uint32_t pool_id, uint32_t *count);

/**
 * Whether a pool's table, as built last, names so few instances that still take flows that a new flow
 * may draw in vain (LB_SELECT_ROUNDS): its next table must not come after the instances.
 */
bool model_tables_urgent(const struct model *model);

/**
 * Whether all tables that have changed are those that were there before, and name all who are in the
 * present ones: they need not be built, nor need anybody's new flows be stopped sooner than that.
 */
bool model_tables_at_hand(const struct model *model);

/** The pool of an id, or NULL. */
struct model_pool *model_pool_by_id(const struct model *model, uint32_t pool_id);

/** Milliseconds after which flows without packets are forgotten. */
uint32_t model_idle_timeout_ms(const struct model *model);

/** What a dataplane runs that another life of this daemon fed. All of it was copied or checked. */
struct model_running {
	const struct lb_directory *directory;
	const struct lb_instance *instances; /* NULL with count 0: none that can be read */
	uint32_t instance_count;
	const struct lb_service_table *services; /* NULL: none that can be read */
	const uint16_t *slots[LB_POOLS_MAX];
	uint32_t slot_count[LB_POOLS_MAX];
};

/**
 * Take over indices, ids, headers and health of what runs; everything is marked as changed. To be
 * called whenever a dataplane is reached that somebody has published to.
 * Return: 0 or -ENOSPC; then indices are not as they were, but sound.
 */
int model_adopt(struct model *model, const struct model_running *running);

/** A dataplane without flows was reached, or none is there: indices of gone instances are free. */
void model_gone_forget(struct model *model);

/**
 * Instances that left the configuration, one after another (@last NULL: the first), whose indices
 * their flows still hold.
 */
struct model_instance *model_gone_next(const struct model *model,
				       const struct model_instance *last);

/** Free the index of one that left, and the instance: no flow and no table has it any more. */
void model_gone_release(struct model *model, struct model_instance *instance);

#endif

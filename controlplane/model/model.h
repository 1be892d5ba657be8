/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The node's desired state: services, pools and instances from the configuration, operators'
 * run-time settings (admin state, weight), the checks' results (health), and what follows from
 * them: which instances take new flows, which keep old ones, and the slots of each pool.
 *
 * The model knows nothing of sockets, clocks or the dataplane. It reports changes to its owner
 * through model_ops, and returns finished blocks on request. One thread, the event loop's. Structs
 * may be read directly; only the functions of this header write them.
 */
#ifndef CONTROLPLANE_MODEL_MODEL_H
#define CONTROLPLANE_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/schema/diff.h"
#include "controlplane/model/health.h"
#include "dataplane/abi/lb_abi.h"

/*
 * A pool whose instances have not all been checked yet does not count as "all down" for this long,
 * so that a start doesn't send clients to instances that were never checked.
 */
#define MODEL_SETTLE_MS 3000

/*
 * A pool without a table waits this long for the results and next hops of all its instances. First
 * checks are made within 250 ms, so only instances that do not answer are left out of the first
 * table.
 */
#define MODEL_GATHER_MS 1000

#define MODEL_INDEX_NONE 0xffffu
#define MODEL_PATH_MAX (2 * CONFIG_NAME_MAX + 2) /* "pool/instance", with the final NUL */

/* Set by the operator. Separate from health on purpose: neither ever overwrites the other. */
enum model_admin {
	MODEL_READY,
	MODEL_DRAIN, /* no new flows, old ones stay */
	MODEL_MAINT, /* out at once */
};

/* How packets reach an instance, from the kernel's routes and neighbours. */
struct model_next_hop {
	bool resolved; /* mac is known; stays set while the kernel merely doubts it */
	bool on_link;  /* mac is the instance's own */
	uint8_t mac[LB_ETH_ALEN];
	uint16_t mtu_bytes; /* of the route; 0: none of its own */
	uint16_t vlan;	    /* of the network that it is on; 0: untagged */
	char reason[96];    /* why it is unresolved; "" if resolved */
};

#define MODEL_AGENT_TEXT_MAX 81

/* What the agent on an instance has said of it. Zeros: nothing. */
struct model_agent {
	bool known;
	bool down;
	enum model_admin admin;
	uint16_t percent;			/* of the weight */
	char text[MODEL_AGENT_TEXT_MAX];	/* its last line */
	char reason[MODEL_AGENT_TEXT_MAX + 32]; /* why it is down */
};

struct model_pool;

struct model_instance {
	struct model_pool *pool;   /* NULL once removed from the configuration */
	char path[MODEL_PATH_MAX]; /* "web/web-1": the identity, together with the address */
	const char *name;	   /* "web-1", inside path */
	struct config_address address;
	bool backup;
	bool far; /* in another zone than the node */

	enum model_admin admin;
	uint32_t weight;	/* in force */
	uint32_t config_weight; /* from the file */
	bool weight_set;	/* by the operator: overrides the file's */

	enum health_state health;
	char reason[HEALTH_REASON_MAX]; /* "": none */
	struct model_next_hop next_hop;
	uint16_t path_mtu_bytes; /* as reported by routers on the path; 0: not reported */
	uint64_t path_mtu_until_ms;

	struct model_agent agent;

	bool held; /* by flap control: no new flows while others take them */

	uint32_t slow_start_ms; /* 0: none */
	bool was_out;		/* its next start is slow */
	uint64_t ramp_ms;	/* when its slow start began; monotonic */
	uint8_t ramp_step;	/* of RAMP_STEPS; 0: it has its full share */

	bool accepts;	      /* takes new flows */
	bool serves;	      /* keeps its existing flows */
	uint16_t index;	      /* of LB_CMD_BLOCK; kept over reloads and restarts */
	uint16_t pool_id;     /* of its current or last pool */
	uint64_t key;	      /* of its path, for the table */
	uint32_t slots;	      /* its slots in the pool's table, as built last */
	uint32_t other_slots; /* in the pool's other table */

	/* Removed from the configuration, and in model_leaving_next(): it keeps its flows. */
	bool leaving;
	uint64_t leave_ms; /* until then; monotonic */
	uint32_t drain_ms; /* so long in all */
	enum config_on_down leave_on_down;
	const char *leave_why; /* it ended; NULL: it had no time */

	bool is_new;			 /* added by the configuration being applied */
	struct health_instance *checker; /* the owner's, as the next; only stored here */
	struct agent *asked;
	uint64_t agent_told_ms; /* when a failure of its agent was told last; monotonic */
	struct flaps_entry *flapping;
	struct model_instance *next; /* in the list of removed ones */
};

/* Whether the VIPs of a pool's services are announced, as far as minimum_up decides. */
enum model_vips {
	MODEL_VIPS_UNKNOWN, /* until it has settled: they stay as they are */
	MODEL_VIPS_ANNOUNCED,
	MODEL_VIPS_WITHDRAWN, /* too few are up */
	MODEL_VIPS_HELD,      /* enough are up, but not for long enough */
};

/* After a withdrawal enough instances must be up for so long, twice as long after each further one. */
#define MODEL_VIPS_HOLD_MS 5000
#define MODEL_VIPS_HOLD_MAX_MS 300000
#define MODEL_VIPS_FORGET_MS 600000 /* announced for so long: it starts over */

struct model_minimum {
	struct config_minimum want;
	enum config_on_minimum on_minimum;
	uint32_t need; /* instances; 0: none */
	uint32_t up;
	enum model_vips vips;
	uint32_t hold_ms;  /* after the last withdrawal; 0: there was none */
	uint64_t since_ms; /* of HELD and ANNOUNCED; monotonic */
};

struct model_pool {
	char name[CONFIG_NAME_MAX + 1];
	uint16_t id;	    /* index of LB_CMD_BLOCK; kept like instance indices */
	bool wants_on_link; /* used by a service with forward l2 */
	enum config_proxy proxy_protocol;
	enum config_on_down on_down;
	enum config_affinity affinity;
	enum config_all_down all_down;
	uint32_t zone_minimum;
	uint32_t panic_percent;
	struct model_minimum minimum;
	uint32_t drain_ms;		   /* of removed instances */
	struct model_instance **instances; /* in the file's order */
	uint32_t instance_count;

	bool settled;	    /* all were checked once, or MODEL_SETTLE_MS passed */
	bool pending;	    /* an instance was not checked, or its next hop is unknown */
	uint64_t settle_ms; /* when it settles at the latest */
	bool gathered;	    /* it has had a table, or MODEL_GATHER_MS passed */
	uint64_t gather_ms; /* when it has gathered at the latest */
	bool open;	    /* all count as up: all_down: open, or panic */
	bool panic;	    /* too small a share is up */
	bool in_zone;	    /* the node's zone takes all new flows */
	bool on_backup;	    /* backups take the new flows */
	bool stale;	    /* slots must be rebuilt; model_pool_slots() does that */
	uint64_t set;	    /* fingerprint of the table's members and their weights */
	uint16_t *slots;    /* the table; slot_count of them, 0 before the first */
	uint32_t slot_count;
	uint64_t slots_set; /* fingerprint of the set that it was built for; 0: adopted */
	uint16_t *other;    /* the previous table, or room for one */
	uint64_t other_set; /* 0: none */
};

enum model_change {
	MODEL_CHANGE_PARAMS = 1 << 0,
	MODEL_CHANGE_SERVICES = 1 << 1,
	MODEL_CHANGE_INSTANCES = 1 << 2,
	MODEL_CHANGE_POOL = 1 << 3,   /* of @pool_id */
	MODEL_CHANGE_RETIRE = 1 << 4, /* the old generation of @pool_id belongs to another pool */
	MODEL_CHANGE_VIPS = 1 << 5,   /* which VIPs are announced; not the dataplane's business */
};

struct model_ops {
	/**
	 * Blocks have changed. Called from inside the functions that change the model, once all its
	 * fields are consistent; must not change it.
	 */
	void (*changed)(void *arg, enum model_change what, uint32_t pool_id);

	/*
	 * Instances are added (by a configuration), get new checks (from @config_pool), or are
	 * removed. The owner starts and ends their checks and next hops, and may call the setters:
	 * changed() is called once all are done. All may be NULL. A removed instance stays in
	 * memory until its index is free.
	 */
	void (*instance_added)(void *arg, struct model_instance *instance,
			       const struct config_pool *config_pool);
	void (*instance_updated)(void *arg, struct model_instance *instance,
				 const struct config_pool *config_pool);
	void (*instance_removed)(void *arg, struct model_instance *instance);

	/*
	 * An instance is removed, but keeps its flows for a time; instance_removed() ends it, and
	 * instance_returned() if the configuration has it again, before instance_updated().
	 * @adopted: a predecessor of this daemon had it already.
	 */
	void (*instance_leaves)(void *arg, struct model_instance *instance, bool adopted);
	void (*instance_returned)(void *arg, struct model_instance *instance);

	/** The time that was left to it before a restart; UINT32_MAX: nothing is known of it. */
	uint32_t (*leave_left_ms)(void *arg, const struct model_instance *instance);
};

struct model;

/**
 * Create an empty model.
 * @ops: must outlive the model.
 * Return: NULL and errno ENOMEM.
 */
struct model *model_create(const struct model_ops *ops, void *arg);

/* Calls no ops. NULL is allowed. */
void model_destroy(struct model *model);

/**
 * Apply a configuration, the first or another one: all or nothing.
 * @config: belongs to the model if this succeeds, to the caller if not.
 * @now_ms: monotonic; starts the settle time of new pools.
 * Operators' admin states and weights stay with the instances of the same path and address.
 * Return: 0; -ENOSPC (indices of removed instances are still in use by their flows), -ENOMEM.
 */
int model_apply(struct model *model, struct config *config, uint64_t now_ms);

/*
 * An instance that a configuration doesn't have any more drains for its pool's `drain`, as long as it
 * has flows: it takes no new ones and serves its own. Checks go on, since a dead one must not keep
 * them. Iterate (@last NULL: first).
 */
struct model_instance *model_leaving_next(const struct model *model,
					  const struct model_instance *last);

/** One of them, or NULL. @address: NULL: any. */
struct model_instance *model_leaving_find(const struct model *model, const char *path,
					  const struct config_address *address);

/** It has no flows, or there is another reason not to wait. @why: a constant. */
void model_leave_end(struct model *model, struct model_instance *instance, const char *why);

/** The dataplane has no flows at all: the same for all of them, and their indices are free. */
void model_leaving_forget(struct model *model);

/** Whether an instance is or was one of a pool. */
bool model_is_of_pool(const struct model_instance *instance, const char *pool);

/** The pool of a configuration that an instance is or was in, or NULL. */
const struct config_pool *model_config_pool_of(const struct config *config,
					       const struct model_instance *instance);

/* The configuration in force; NULL before the first. Valid until the next model_apply(). */
const struct config *model_config(const struct model *model);

/* Pools in the file's order. */
uint32_t model_pool_count(const struct model *model);
struct model_pool *model_pool_at(const struct model *model, uint32_t i);
struct model_pool *model_pool_find(const struct model *model, const char *name);

/** The instance of a path ("web/web-1"), or NULL. Removed instances are not found. */
struct model_instance *model_instance_find(const struct model *model, const char *path);

/** The instance of an index, or NULL. Removed instances are found until their index is free. */
struct model_instance *model_instance_at(const struct model *model, uint32_t index);

/**
 * Set the admin state. Blocks that change are reported before the call returns.
 * Return: whether anything changed.
 */
bool model_admin_set(struct model *model, struct model_instance *instance, enum model_admin admin);

/** @weight: 0 to CONFIG_WEIGHT_MAX; @by_operator false: back to the file's weight. */
bool model_weight_set(struct model *model, struct model_instance *instance, uint32_t weight,
		      bool by_operator);

/** Set the result of the checks. @reason: may be NULL. */
bool model_health_set(struct model *model, struct model_instance *instance,
		      enum health_state health, const char *reason);

/** Flap control takes an instance out, or lets it in again. */
bool model_held_set(struct model *model, struct model_instance *instance, bool held);

/** Set what its agent says. Return: whether anything but the text changed. */
bool model_agent_set(struct model *model, struct model_instance *instance,
		     const struct model_agent *agent);

/* The admin state, health and its reason that count: the agent's, where it says more. */
enum model_admin model_admin_in_force(const struct model_instance *instance);
enum health_state model_health_in_force(const struct model_instance *instance);
const char *model_reason(const struct model_instance *instance);

/** Set the next hop according to the kernel. */
bool model_next_hop_set(struct model *model, struct model_instance *instance,
			const struct model_next_hop *hop);

/**
 * Set the path MTU that routers on the way to an instance have reported (RFC 1191).
 * @mtu_bytes: of a tunnel packet; less than the minimum any host must accept, plus the outer
 * header, counts as that sum.
 * @until_ms: monotonic; after that larger packets are tried again.
 * Return: whether smaller packets are sent now than before.
 */
bool model_path_mtu_set(struct model *model, struct model_instance *instance, uint32_t mtu_bytes,
			uint64_t until_ms);

/**
 * Bytes of the largest tunnel packet to an instance, and whether the port, the route or routers
 * limit it.
 */
enum model_mtu_from { MODEL_MTU_PORT, MODEL_MTU_ROUTE, MODEL_MTU_PATH };
uint16_t model_instance_mtu(const struct model *model, const struct model_instance *instance,
			    enum model_mtu_from *from);

/** Set the port's properties as reported by the dataplane, for headers and the MTU. */
void model_port_set(struct model *model, const uint8_t *mac, uint16_t mtu_bytes);

/**
 * Check whether the port's own MTU, once reported by the dataplane, is enough for every service.
 * @note: of MODEL_NOTE_MAX bytes; one sentence, or "" if it is.
 */
#define MODEL_NOTE_MAX 256
void model_port_mtu_note(const struct model *model, char *note);

/* Advance time: pools settle, path MTUs expire. To be called about every 100 ms. */
void model_tick(struct model *model, uint64_t now_ms);

/** Health cannot be determined now: pools that settle or gather start their time over. */
void model_hold(struct model *model, uint64_t now_ms);

/** Share of the pool's new flows, 0 to 1. Builds the pool's table if necessary. */
double model_share(struct model *model, const struct model_instance *instance);

const char *model_admin_name(enum model_admin admin);		  /* "ready", "drain", "maint" */
int model_admin_parse(const char *word, enum model_admin *admin); /* 0 or -EINVAL */

/* ---- VIPs that are not announced ---- */

/** A VIP that is not to be announced now. */
struct model_vip_hold {
	struct config_address address;
	bool stays; /* if it is announced already */
};

/**
 * VIPs of services of which a pool has too few instances up, or is not known to have enough; one may
 * be there several times.
 * Return: how many there are; up to @room of them are written.
 */
uint32_t model_vips_held(const struct model *model, struct model_vip_hold *list, uint32_t room);

/** The first pool because of which a service's VIPs are withdrawn, or NULL. */
const struct model_pool *model_vips_withdrawn_by(const struct model *model,
						 const struct config_service *service);

/** Milliseconds until they are announced, if enough instances stay up; 0: not known, or now. */
uint32_t model_vips_left_ms(const struct model *model, const struct model_pool *pool);

const char *model_vips_name(enum model_vips vips); /* "announced", "withdrawn", "held", "unknown" */

/* ---- NAT addresses ---- */

struct model_nat_address {
	struct config_address address; /* family 0: the index is free */
	bool accepts; /* new flows; false: the configuration has it no more, and flows use it */
	bool is_own;  /* one of the node's own */
};

/** The address of an index, or NULL. */
const struct model_nat_address *model_nat_at(const struct model *model, uint32_t index);

/** Addresses that are not the node's own: it answers for them like for VIPs. */
void model_nat_hosts(const struct model *model, struct config_addresses *hosts);

/**
 * Release the indices of addresses that take no new flows.
 * @unused: indices that no flow uses, a bit each; others are ignored.
 * Return: whether there were any.
 */
bool model_nat_release(struct model *model, uint32_t unused);

/**
 * Whether all services of a pool have `forward: nat`.
 * @source: set if so, to CONFIG_SOURCE_CLIENT if one of them has that.
 */
bool model_pool_has_nat(const struct model *model, const char *pool, enum config_source *source);

/**
 * Whether a configuration needs a restart of the dataplane, which takes the memory of NAT records
 * when it starts.
 * @segment: NULL: there is no dataplane.
 */
bool model_nat_lacks_memory(const struct config *config, const struct lb_segment *segment);

/* ---- What a configuration would change ---- */

/** Current flows of an instance index. */
typedef uint64_t (*model_flows)(void *arg, uint32_t index);

struct model_plan {
	struct config_diff_totals keys; /* keys.restarts > 0: model_apply() is not allowed */
	uint32_t instances_added;
	uint32_t instances_removed;
	uint32_t slots;		/* of all pools that exist before and after */
	uint32_t slots_changed; /* of these, slots with another instance */
	uint64_t flows;		/* now */
	/*
	 * Of the current flows, those whose new connections would go to another instance. The flows
	 * themselves stay: they are in the flow tables.
	 */
	uint64_t flows_rehashed;
	uint64_t flows_moved; /* flows that move because their instance is removed */
	uint64_t
		flows_drained; /* flows of removed instances that stay until they end or time is up */
};

/**
 * Compute what model_apply() would do. Changes nothing.
 * Return: 0 or -ENOMEM.
 */
int model_plan(struct model *model, const struct config *config, model_flows flows, void *arg,
	       struct model_plan *plan);

/* ---- Blocks and adoption, for the publisher ---- */

/** Fill in the parameters block. */
void model_params(const struct model *model, struct lb_params *params);

/** All instances by index. @count: set. Valid until the model changes. */
const struct lb_instance *model_instances(const struct model *model, uint32_t *count);

/** The services block. @bytes: set; 0 before the first configuration. Valid until model_apply(). */
const struct lb_service_table *model_services(const struct model *model, uint32_t *bytes);

/** The latest service id assigned, by this process or adopted. */
uint32_t model_service_id_last(const struct model *model);

/**
 * The slots of a pool, rebuilt if stale. @count: set; 0: no such pool, or none of its instances has
 * ever taken flows. While none does, the last table stays: no instance in it accepts, and nothing
 * moves when they return.
 */
const uint16_t *model_pool_slots(struct model *model, uint32_t pool_id, uint32_t *count);

/**
 * Whether a pool's table, as built last, names so few instances that still take flows that a new
 * flow may draw in vain (LB_SELECT_ROUNDS): its next table must not be published after the
 * instances.
 */
bool model_tables_urgent(const struct model *model);

/**
 * Whether all changed tables equal their previous ones, and have all members of the current ones:
 * they need not be built, and no instance's new flows need to be stopped before they are published.
 */
bool model_tables_at_hand(const struct model *model);

/** The pool of an id, or NULL. */
struct model_pool *model_pool_by_id(const struct model *model, uint32_t pool_id);

/** Idle timeout of flows, in milliseconds. */
uint32_t model_idle_timeout_ms(const struct model *model);

/**
 * What a dataplane runs that a predecessor of this daemon has published. All of it was copied or
 * checked.
 */
struct model_running {
	const struct lb_directory *directory;
	const struct lb_params *params;	     /* NULL: none readable */
	const struct lb_instance *instances; /* NULL with count 0: none readable */
	uint32_t instance_count;
	const struct lb_service_table *services; /* NULL: none readable */
	const uint16_t *slots[LB_POOLS_MAX];
	uint32_t slot_count[LB_POOLS_MAX];
};

/**
 * Adopt indices, ids, headers and health of what runs; everything is marked as changed. To be
 * called for each newly connected dataplane that has a published state.
 * Return: 0 or -ENOSPC; then indices differ from before, but are consistent.
 */
int model_adopt(struct model *model, const struct model_running *running);

/** The dataplane has no flows, or there is none: indices of removed instances are free, but for those that drain. */
void model_gone_forget(struct model *model);

/**
 * Iterate (@last NULL: first) over instances that were removed from the configuration, whose
 * indices are still held by their flows.
 */
struct model_instance *model_gone_next(const struct model *model,
				       const struct model_instance *last);

/** Free a removed instance and its index: no flow and no table refers to it any more. */
void model_gone_release(struct model *model, struct model_instance *instance);

#endif

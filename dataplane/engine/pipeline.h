/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet path: a burst of mbufs in, verdicts out. No NIC calls, no locks, no allocation, no
 * clock; the caller passes the tables and the time.
 */
#ifndef ENGINE_PIPELINE_H
#define ENGINE_PIPELINE_H

#include <rte_mbuf.h>

#include "dataplane/core/lb_nat_find.h"
#include "dataplane/core/lb_rate.h"
#include "dataplane/engine/capture.h"
#include "dataplane/engine/flow_table.h"
#include "dataplane/engine/nat_sweep.h"
#include "dataplane/engine/tables.h"

#define PIPELINE_BURST 64 /* packets at most */

/* A rate limit and its remaining tokens; of one worker. */
struct pipeline_rate {
	struct lb_rate_limit limit;
	struct lb_rate rate;
};

struct burst; /* pipeline_internal.h */

/*
 * State of a worker's packet path; the caller fills in all but the fields set by pipeline_init().
 */
struct pipeline {
	struct flow_table *flows;
	struct lb_worker_stats *stats;
	struct lb_instance_stats *instance_stats; /* [LB_INSTANCES_MAX] */
	struct lb_table *const *peers; /* tables whose flows may arrive here, and its own */
	uint32_t n_peers;
	struct pipeline_rate kernel_rate;
	struct pipeline_rate icmp_rate;
	struct pipeline_rate peek_rate; /* of lookups in peers' tables; set by pipeline_init() */
	uint64_t port_mac;		/* lb_mac_load() of the port's address */
	/* memory, n_workers, worker, n_spaces, room; the rest is set here. No memory: no translation */
	struct lb_nat nat;
	uint64_t nat_generation;			 /* of tables, that the rest is of */
	uint64_t nat_address_hash[LB_NAT_ADDRESSES_MAX]; /* of the same: lb_addr_hash() */
	struct nat_sweep nat_sweep;
	struct capture *capture;	 /* NULL: off; set by the worker, between bursts */
	bool is_mixed;			 /* the last burst was of both families */
	void (*parse)(struct burst *b);	 /* set by pipeline_init() */
	void (*lookup)(struct burst *b); /* the same */
};

/* How many packets or slots are processed at once, in ascending order of preference. */
enum pipeline_simd { PIPELINE_PORTABLE, PIPELINE_AVX2, PIPELINE_AVX512 };

/** The best that this CPU has. */
enum pipeline_simd pipeline_simd_best(void);

/** "portable", "avx2" or "avx512". */
const char *pipeline_simd_name(enum pipeline_simd simd);

/**
 * Set the fields that do not depend on the worker.
 * @simd: not better than pipeline_simd_best().
 * Context: before the worker starts.
 */
void pipeline_init(struct pipeline *pl, enum pipeline_simd simd);

/* Result of a burst. Each packet is in one of the arrays, or freed and counted. */
struct pipeline_out {
	uint16_t n_tx;
	uint16_t n_kernel;
	struct rte_mbuf *tx[PIPELINE_BURST];
	struct rte_mbuf *kernel[PIPELINE_BURST];
};

/**
 * Process a burst.
 * @tables: the snapshot in use; valid until the caller's next quiescent point.
 * @now: coarse time, in ticks of LB_FLOW_TICK_MS.
 * @pkts: @n mbufs, at most PIPELINE_BURST; ownership passes to @out or to the mempool.
 *
 * Counts everything but the caller's next steps: the caller adds transmitted packets to
 * stats->tx_pkts and the kernel's to stats->kernel_pkts, and those that it could not send to their
 * drop reasons.
 * Context: the worker that owns @pl.
 */
void pipeline_burst(struct pipeline *pl, const struct tables *tables, uint16_t now,
		    struct rte_mbuf **pkts, uint16_t n, struct pipeline_out *out);

/** Count and free one packet that could not be sent. Context: the worker. */
void pipeline_drop(struct pipeline *pl, struct rte_mbuf *pkt, enum lb_drop reason);

/**
 * Free expired records of translated connections, and reset connections: what is in
 * pl->nat_sweep.out then is to be sent.
 * @max: records now, at most. Context: the worker.
 */
void pipeline_nat_sweep(struct pipeline *pl, const struct tables *tables, uint16_t now,
			uint32_t max);

/** Set a rate limit. @per_second: this worker's share. */
void pipeline_rate_set(struct pipeline_rate *rate, uint32_t per_second);

/** Refill the limits; to be called once a tick. Context: the worker. */
void pipeline_tick(struct pipeline *pl);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The consumer of control messages: from the command ring to the tables that
 * workers read.
 *
 * A generation is one or more commands. Each one's block is copied into private
 * memory, checked there, and staged in a new snapshot; the last command publishes
 * the snapshot by one pointer store. When every worker has passed a quiescent
 * point the old snapshot is freed and the generation acknowledged. If a command
 * is refused, all of its generation is, and the tables stay as they are.
 *
 * All functions but consumer_tables() belong to the main lcore; none blocks.
 */
#ifndef ENGINE_CONSUMER_H
#define ENGINE_CONSUMER_H

#include <rte_rcu_qsbr.h>

#include "dataplane/engine/segment.h"
#include "dataplane/engine/tables.h"

struct consumer {
	const struct tables *live; /* workers load it; the main lcore alone stores it */
	struct segment *segment;
	struct rte_rcu_qsbr *qsbr;
	uint64_t generation; /* of @live */
	struct tables *staged;
	uint64_t staged_generation;
	uint64_t refused_generation; /* its remaining commands are ignored */
	/* the grace period of the last publication or ping */
	bool waiting;
	uint64_t token;
	struct tables *retiring; /* NULL for a ping */
	struct lb_event ack;
	/* the last refusal, for the log */
	uint64_t n_refused;
	struct lb_cmd refused_cmd;
	enum lb_refusal refused_reason;
};

/**
 * Start with empty tables: every packet goes to the kernel.
 * @segment: outlives the consumer.
 * @qsbr: one registered thread for each worker; outlives the consumer.
 * Return: 0 or -ENOMEM.
 */
int consumer_init(struct consumer *consumer, struct segment *segment, struct rte_rcu_qsbr *qsbr);

/** Free all tables. No worker may run any more. A zeroed struct is allowed. */
void consumer_fini(struct consumer *consumer);

/**
 * Take pending commands, and check the grace period of the last publication.
 * Return: whether there is more to do soon, so that the caller should not sleep.
 */
bool consumer_poll(struct consumer *consumer);

/** Apply one command, as if it had come from the ring. */
void consumer_apply(struct consumer *consumer, const struct lb_cmd *cmd);

/** Discard a generation that a dead controller left unfinished. */
void consumer_abandon(struct consumer *consumer);

/**
 * The tables in use.
 * Context: worker; valid until its next quiescent point. Acquires what
 * tables_publish() in consumer.c releases.
 */
static inline const struct tables *consumer_tables(const struct consumer *consumer)
{
	return __atomic_load_n(&consumer->live, __ATOMIC_ACQUIRE);
}

/** Text of a reason, for logs: "the block's checksum". Never NULL. */
const char *consumer_refusal_text(enum lb_refusal reason);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How generations reach a dataplane: one interface for every kind. A backend keeps the connection,
 * finds out what runs and hands that to the model (model_adopt()); publish.c decides what to send
 * and when.
 * Context: the event loop's thread. No function blocks.
 */
#ifndef CONTROLPLANE_PUBLISH_BACKEND_H
#define CONTROLPLANE_PUBLISH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/model/batch.h"
#include "dataplane/abi/lb_abi.h"

struct event_base;
struct flows_view;
struct model;
struct publish_backend;
struct publish_capture_missed;

struct publish_answer {
	uint64_t generation;
	bool refused;
	const char *reason; /* why, if refused */
	uint64_t sent_ns;
	uint64_t taken_ns; /* by the dataplane; 0: unknown, or not tracked by this backend */
	uint64_t swapped_ns;
	uint64_t acked_ns;
	uint32_t workers;
};

struct publish_backend_events {
	/* Ready to send. The model has its port, and the running state was adopted. */
	void (*connected)(void *arg);
	/* @why: one line, or NULL if there is nothing new to log. */
	void (*gone)(void *arg, const char *why);
	void (*answered)(void *arg, const struct publish_answer *answer);
	/*
	 * Another dataplane connected and needs everything. Only from a backend for more than one
	 * dataplane.
	 */
	void (*joined)(void *arg);
};

struct publish_backend_options {
	struct event_base *base;
	struct model *model;
	const char *run_dir;
	const struct publish_backend_events *events;
	void *arg;
	/*
	 * One of two on a port. The XDP program then leaves packets to a process, and only its
	 * state is adopted: the ring backend leaves the model alone.
	 */
	bool has_handover;
};

/* Which of two dataplanes on a port gets the packets. */
struct publish_handover {
	bool is_on; /* false: the port has one dataplane, and the rest is unused */
	bool is_dpdk;
	uint64_t since_ns;    /* CLOCK_MONOTONIC */
	uint32_t takeovers;   /* by the XDP program */
	uint64_t handed_pkts; /* from there to the DPDK process */
	char why[80];
};

struct publish_backend_ops {
	/** Return: NULL and errno. */
	struct publish_backend *(*create)(const struct publish_backend_options *options);
	void (*destroy)(struct publish_backend *backend);

	/** Try to connect now if not connected. The outcome is reported through the events. */
	void (*poke)(struct publish_backend *backend);

	/** Whether a block equals what runs. */
	bool (*runs)(const struct publish_backend *backend, const struct publish_block *block);

	/**
	 * Send a generation; answered() follows. Not to be called while an answer is outstanding.
	 * Return: 0, -EAGAIN (no room now), -ENOTCONN.
	 */
	int (*send)(struct publish_backend *backend, const struct publish_batch *batch);

	/** When a pool's table last changed, if its previous generation is still kept; else 0. */
	uint64_t (*pool_changed_ns)(const struct publish_backend *backend, uint32_t pool);

	const struct lb_segment *(*segment)(const struct publish_backend *backend);

	/** What it decides with; see publish_view(). */
	int (*view)(struct publish_backend *backend, struct flows_view *view);

	/**
	 * Have packets copied: see publish_capture(). All three are without effect, or tell of
	 * nothing, while there is no dataplane.
	 */
	void (*capture)(struct publish_backend *backend, const struct lb_capture_select *select);
	bool (*capture_next)(struct publish_backend *backend, struct lb_capture_record *record);
	void (*capture_missed)(const struct publish_backend *backend,
			       struct publish_capture_missed *missed);

	/** Refresh the segment's statistics. NULL if the dataplane writes them there itself. */
	void (*refresh)(struct publish_backend *backend);

	/** NULL if there is only one dataplane. */
	void (*handover_get)(const struct publish_backend *backend,
			     struct publish_handover *handover);
};

/* The DPDK dataplane: rings in a shared segment. */
extern const struct publish_backend_ops publish_ring_ops;

/* The XDP dataplane: maps of a program on a kernel interface. */
extern const struct publish_backend_ops publish_xdp_ops;

/* Both on one kernel interface. */
extern const struct publish_backend_ops publish_handover_ops;

#endif

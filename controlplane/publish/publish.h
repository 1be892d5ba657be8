/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publishing: bring the model's state to the dataplane. Nothing here blocks. Changes are marked;
 * marked blocks are sent as one generation as soon as the previous one is answered, with their
 * newest contents. Blocks equal to what already runs are not sent at all.
 *
 * A change is sent in two steps. The instances block (small: flags and headers) is sent at once, so
 * that a drained instance gets no more flows within microseconds; the pools' tables follow as the
 * next generation, which combines the changes of a millisecond. If most of a table's slots name
 * instances that take no flows any more, both are sent as one: a flow that draws again would find
 * no instance.
 *
 * How a generation reaches the dataplane is left to a backend (publish/backend.h).
 * Context: the event loop's thread, all of it.
 */
#ifndef CONTROLPLANE_PUBLISH_PUBLISH_H
#define CONTROLPLANE_PUBLISH_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct flows_view;
struct lb_capture_record;
struct lb_capture_select;
struct lb_segment;
struct model;
struct publish;
struct publish_wait;

struct publish_options {
	struct event_base *base;
	struct model *model;
	const char *run_dir; /* directory of dataplane.sock */
	/**
	 * The dataplane connected (its segment is mapped, the model knows its port), or
	 * disconnected.
	 */
	void (*link_changed)(void *arg, bool connected);
	void *arg;
};

/**
 * Create a publisher. It tries to reach a dataplane until it is destroyed.
 * Return: the publisher; NULL and errno.
 */
struct publish *publish_create(const struct publish_options *options);

/* Waits end with -ECANCELED. The dataplane continues with its current tables. NULL is allowed. */
void publish_destroy(struct publish *publish);

/**
 * Try to reach the dataplane now rather than in the next turn of the loop, and adopt what it runs.
 * To be called at start, when the model has its configuration and no checks have begun.
 * Return: whether it is connected.
 */
bool publish_connect(struct publish *publish, uint32_t timeout_ms);

/** To be called by model_ops.changed; @what and @pool_id are its arguments. */
void publish_mark(struct publish *publish, uint32_t what, uint32_t pool_id);

enum publish_scope {
	PUBLISH_INSTANCES, /* which instances take and keep flows: what drain and maint need */
	PUBLISH_ALL,	   /* the tables too */
};

/* How a wait ended. */
struct publish_result {
	/*
	 * 0: all workers use it. -ENOTCONN: no dataplane, published when one connects. -EBADMSG:
	 * refused. -ECANCELED: the publisher is being destroyed.
	 */
	int status;
	uint64_t generation; /* the one acknowledged last */
	uint64_t acked_ns;   /* when the last worker had switched to it */
	/* Path of the generation acknowledged last. */
	uint64_t sent_ns;    /* into the ring */
	uint64_t taken_ns;   /* out of it; 0 if the backend does not know */
	uint64_t swapped_ns; /* the workers' pointer; 0 likewise */
	uint32_t workers;
};

typedef void (*publish_done)(void *arg, const struct publish_result *result);

/**
 * Request a call when everything marked so far runs in all workers.
 * @started_ns: when the operator's command was received, for the result; 0: now.
 * @done: called once; from inside this call if there is nothing to wait for or no dataplane.
 * Return: a handle, valid until done() is called; NULL if done() was called already, or with errno
 * ENOMEM (done() was called with -ENOMEM then).
 */
struct publish_wait *publish_wait_start(struct publish *publish, enum publish_scope scope,
					uint64_t started_ns, publish_done done, void *arg);

/** Cancel a wait; done() is not called. NULL is allowed. */
void publish_wait_cancel(struct publish_wait *wait);

/** The dataplane's segment, or NULL. Valid until link_changed(false). */
const struct lb_segment *publish_segment(const struct publish *publish);

/**
 * What the dataplane decides with. Valid until the loop continues.
 * @view: filled in; to be freed with flows_view_fini() if this succeeds.
 * Return: 0; -ENOTCONN: there is no dataplane; -ENODATA: it has no tables yet; -ENOMEM.
 */
int publish_view(struct publish *publish, struct flows_view *view);

/* Selected packets that are in no record. */
struct publish_capture_missed {
	uint64_t lost;	  /* read too slowly */
	uint64_t skipped; /* above the rate */
};

/**
 * Have the dataplane copy packets. To be called again before select->until_ns: a dataplane that has
 * come meanwhile takes part then.
 * @select: what is wanted; the same until the end. NULL: the end.
 */
void publish_capture(struct publish *publish, const struct lb_capture_select *select);

/** Take a copied packet. What it says is not checked. Return: whether there was one. */
bool publish_capture_next(struct publish *publish, struct lb_capture_record *record);

/** What was missed since the dataplane started. */
void publish_capture_missed(const struct publish *publish, struct publish_capture_missed *missed);

/**
 * Refresh the statistics in the segment that XDP programs keep elsewhere. To be called about every
 * 100 ms, and before any of them is reported.
 */
void publish_refresh(struct publish *publish);

struct publish_info {
	bool connected;
	bool pending;	      /* something marked does not run yet */
	uint64_t generation;  /* in use: acknowledged last, or adopted */
	uint64_t published;   /* generations sent since start */
	uint64_t refused;     /* of them */
	uint64_t skipped;     /* blocks not sent because they equal what runs */
	uint64_t last_ack_ns; /* from sending the last generation until the last worker had it */
	char problem[320];    /* why there is no dataplane, or why it refuses; "": none */
};

struct publish_handover;

/** Which of two dataplanes gets the packets. */
void publish_handover_get(const struct publish *publish, struct publish_handover *handover);

void publish_info_get(const struct publish *publish, struct publish_info *info);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the health checker; all others include health.h. */
#ifndef SLUICE_CONTROLPLANE_HEALTH_INTERNAL_H
#define SLUICE_CONTROLPLANE_HEALTH_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "config/base/clock.h"
#include "controlplane/health/health.h"
#include "controlplane/health/probe.h"
#include "controlplane/health/track.h"
#include "controlplane/metrics/histogram.h"

/*
 * Instances that do not answer must not use up the places of those that do. A check of
 * HEALTH_ANSWERS frees its place after HEALTH_YOUNG_US in flight, which also covers many instances
 * that fail at the same time, before they are known to be silent.
 */
enum health_places {
	HEALTH_ANSWERS, /* includes all that are not known to be silent */
	HEALTH_SILENT,
	HEALTH_PLACES,
};

enum { HEALTH_YOUNG_US = 100000 };

enum { HEALTH_CHECK_TYPES = CONFIG_CHECK_HTTPS + 1 };

extern const struct metric_bounds health_duration_bounds;

struct health {
	struct event_base *base;
	const struct health_ops *ops;
	void *ops_arg;
	struct health_probes *probes;
	struct health_limits limits;
	uint64_t random; /* never 0 */
	struct health_stats stats;
	struct metric_histogram durations[HEALTH_CHECK_TYPES];
	TAILQ_HEAD(health_queue, health_check) waiting[HEALTH_PLACES]; /* due, oldest first */
	struct health_queue young; /* in flight, in places of HEALTH_ANSWERS, oldest first */
	struct event *
		young_timer; /* pending while checks wait for the first of them to free its place */
	uint32_t taken[HEALTH_PLACES];
	LIST_HEAD(, health_instance) instances;
};

/* In exactly one state: its timer is pending, it is in health.waiting, or it has a probe. */
struct health_check {
	struct health_instance *instance;
	struct config_check spec; /* target and path are owned */
	struct health_track track;
	struct event *timer;
	struct health_probe *probe;
	TAILQ_ENTRY(health_check) queue_entry; /* in one of health.waiting, or in health.young */
	enum health_places places;
	bool waiting;
	bool placed;  /* its probe holds a place */
	bool delayed; /* no place was free when it became due */
	bool starved; /* the last attempt failed for lack of resources on this node */
	uint64_t due_us;
	uint64_t start_us; /* 0 before the first one */
	uint64_t end_us;   /* of the last result, 0 before the first one */
	uint32_t latency_us;
	char reason[HEALTH_REASON_MAX]; /* of the last failure */
};

struct health_instance {
	struct health *health;
	LIST_ENTRY(health_instance) entry;
	char *name;
	void *owner;
	struct config_address address;
	struct config_address source;
	enum health_state state;
	enum health_state reported; /* the state last reported to the owner */
	struct event *report_timer;
	struct health_check **checks;
	uint32_t check_count;
	char reason[HEALTH_REASON_MAX];
};

/* health/check.c: life cycle of a check. */

/* Return: the check, in none of the three states yet, or NULL with errno. */
struct health_check *health_check_create(struct health_instance *instance,
					 const struct config_check *spec);

/* Remove it from its timer or queue, end its probe, and free it. NULL is allowed. */
void health_check_destroy(struct health_check *check);

/* Whether type, port and path are the same. */
bool health_check_same(const struct health_check *check, const struct config_check *spec);

/* 0 or -EINVAL. */
int health_check_validate(const struct config_check *spec);

/* health/schedule.c: when a check runs. */

void health_schedule_on_timer(evutil_socket_t fd, short what, void *arg);
void health_schedule_on_young(evutil_socket_t fd, short what, void *arg);

/* Schedule the first run, within min(interval, 1 s). */
void health_schedule_first(struct health_check *check);

/* Schedule the next run one jittered interval after the last start; soon, if that has passed. */
void health_schedule_next(struct health_check *check);

/* Cancel its timer, take it out of the queue or end its probe. */
void health_schedule_cancel(struct health_check *check);

/* Start waiting checks as long as places are free. */
void health_schedule_pump(struct health *health);

/* Of the waiting checks: how many have missed a whole interval, and the longest wait. */
void health_schedule_late(const struct health *health, uint32_t *late, uint32_t *wait_max_ms);

/* health/notify.c: evaluation of results. */

/*
 * Every result passes here, before the next run is scheduled, whose time depends on it. Does not
 * call ops.changed.
 */
void health_notify_result(struct health_check *check, const struct health_verdict *verdict);

/* Compute the instance's state from its checks, and log a change. Does not call ops.changed. */
void health_notify_evaluate(struct health_instance *instance);

/* Report the state to the owner if it changed. The instance may be freed then. */
void health_notify_owner(struct health_instance *instance);

#endif

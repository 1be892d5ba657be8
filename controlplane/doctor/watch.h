/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks that only read, once a minute, one at a time: none takes the event loop for longer than
 * the read of a few files. The findings become metrics.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_DOCTOR_WATCH_H
#define CONTROLPLANE_DOCTOR_WATCH_H

#include "controlplane/doctor/doctor.h"
#include "controlplane/metrics/metric.h"

#define DOCTOR_CHECKS_MAX 48

struct doctor_watch {
	struct doctor doctor; /* between rounds it is closed */
	json_t *status;
	bool is_open;
	uint32_t next;	   /* check of this round */
	uint64_t round_ms; /* when it began, CLOCK_MONOTONIC */
	uint64_t next_ms;  /* when the next check is due; 0: not begun */
	/* Of the last round; the worst finding of each. */
	enum doctor_result results[DOCTOR_CHECKS_MAX];
	bool is_known[DOCTOR_CHECKS_MAX];
};

/* What a round begins with. */
struct doctor_watch_ops {
	/** The answer to "status", without services and pools. Return: new, or NULL. */
	json_t *(*status)(void *arg);
	void *arg;
};

/**
 * Run the check that is due, if one is.
 * @config: in force now. @path: of its file.
 */
void doctor_watch_run(struct doctor_watch *watch, const struct config *config, const char *path,
		      const struct doctor_watch_ops *ops, uint64_t now_ms);
void doctor_watch_fini(struct doctor_watch *watch); /* zeros are allowed */

/* Source: struct doctor_watch. */
extern const struct metric_table doctor_metrics;

#endif

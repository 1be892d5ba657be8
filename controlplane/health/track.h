/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state machine of one check, and the combination of its checks into an instance's state. Pure:
 * no clock, no I/O, no allocation.
 */
#ifndef SLUICE_CONTROLPLANE_HEALTH_TRACK_H
#define SLUICE_CONTROLPLANE_HEALTH_TRACK_H

#include <stdbool.h>

#include "controlplane/model/health.h"

struct health_track {
	enum health_state state; /* after thresholds */
	enum health_state last;	 /* last result, HEALTH_UNKNOWN before the first one */
	unsigned int streak;	 /* consecutive results equal to `last` */
	unsigned int failures;	 /* consecutive results that are not HEALTH_UP */
};

/* Start in `state`, without a result so far. */
void health_track_init(struct health_track *track, enum health_state state);

/**
 * Process one result.
 * @result: HEALTH_UP, HEALTH_LAME or HEALTH_DOWN.
 * @unhealthy: consecutive failures that leave HEALTH_UP, and consecutive results of the other
 * failing class that change between HEALTH_LAME and HEALTH_DOWN; 0 counts as 1.
 * @healthy: consecutive passes that reach HEALTH_UP; 0 counts as 1.
 * Return: whether track->state changed.
 */
bool health_track_result(struct health_track *track, enum health_state result,
			 unsigned int unhealthy, unsigned int healthy);

/**
 * The state of an instance.
 * @counts: how many of its checks are in each state, indexed by enum health_state.
 * @current: the instance's state so far; while a check is undecided it stays, or gets worse.
 */
enum health_state health_track_combine(const unsigned int counts[HEALTH_STATES],
				       enum health_state current);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/track.h"

void health_track_init(struct health_track *track, enum health_state state)
{
	*track = (struct health_track){ .state = state, .last = HEALTH_UNKNOWN };
}

/*
 * Failures of either class count for leaving UP, so that an instance that is sometimes lame and
 * sometimes down is still taken out; between the two classes only an unbroken streak decides, so
 * that it does not flap between keeping and moving its flows.
 */
static bool track_decides(const struct health_track *track, unsigned int unhealthy,
			  unsigned int healthy)
{
	if (track->state == track->last)
		return false;
	switch (track->state) {
	case HEALTH_UP:
		return track->failures >= unhealthy;
	case HEALTH_LAME:
	case HEALTH_DOWN:
		return track->streak >= (track->last == HEALTH_UP ? healthy : unhealthy);
	default:
		return true;
	}
}

bool health_track_result(struct health_track *track, enum health_state result,
			 unsigned int unhealthy, unsigned int healthy)
{
	track->streak = result == track->last ? track->streak + 1 : 1;
	track->failures = result == HEALTH_UP ? 0 : track->failures + 1;
	track->last = result;

	if (!track_decides(track, unhealthy, healthy))
		return false;
	track->state = result;
	return true;
}

enum health_state health_track_combine(const unsigned int counts[HEALTH_STATES],
				       enum health_state current)
{
	if (counts[HEALTH_DOWN])
		return HEALTH_DOWN;
	if (counts[HEALTH_UNKNOWN] && current == HEALTH_DOWN)
		return HEALTH_DOWN;
	if (counts[HEALTH_LAME])
		return HEALTH_LAME;
	return counts[HEALTH_UNKNOWN] ? current : HEALTH_UP;
}

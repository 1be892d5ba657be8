/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "controlplane/health/internal.h"

static int64_t info_ago_ms(uint64_t then_us)
{
	return then_us ? (int64_t)(clock_now_us() - then_us) / 1000 : -1;
}

enum health_state health_instance_state(const struct health_instance *instance)
{
	return instance->state;
}

const char *health_instance_reason(const struct health_instance *instance)
{
	return instance->reason;
}

int64_t health_instance_last_ms(const struct health_instance *instance)
{
	uint64_t end_us = 0;

	for (uint32_t i = 0; i < instance->check_count; i++) {
		if (instance->checks[i]->end_us > end_us)
			end_us = instance->checks[i]->end_us;
	}
	return info_ago_ms(end_us);
}

uint32_t health_instance_check_count(const struct health_instance *instance)
{
	return instance->check_count;
}

int health_check_info(const struct health_instance *instance, uint32_t index,
		      struct health_check_info *info)
{
	const struct health_check *check;

	if (index >= instance->check_count)
		return -ENOENT;
	check = instance->checks[index];
	*info = (struct health_check_info){
		.target = check->spec.target,
		.reason = check->track.last == HEALTH_UP ? "" : check->reason,
		.state = check->track.state,
		.last = check->track.last,
		.streak = check->track.streak,
		.last_ms = info_ago_ms(check->end_us),
		.latency_us = check->latency_us,
		.in_flight = check->probe != NULL,
	};
	return 0;
}

void health_stats_get(const struct health *health, struct health_stats *stats)
{
	*stats = health->stats;
	stats->silent = stats->in_flight - health->taken[HEALTH_ANSWERS];
	health_schedule_late(health, &stats->late, &stats->wait_max_ms);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/metrics.h"

#include <math.h>

#include "controlplane/health/internal.h"
#include "controlplane/model/metrics.h"
#include "controlplane/model/model.h"

/* ---- Each check ---- */

static const char *const check_labels[] = { "pool", "instance", "check", NULL };

/* @cursor: at an instance, not behind it as for model_metrics_instance_next(); and a check of it. */
static bool check_next(const void *source, struct metric_cursor *cursor,
		       struct metric_entity *entity)
{
	struct metric_cursor at = { cursor->outer, cursor->inner, 0 };
	uint32_t third = cursor->third;

	while (model_metrics_instance_next(source, &at, entity)) {
		const struct model_instance *instance = entity->object;
		const struct health_instance *checker = instance->checker;

		if (!checker || third >= checker->check_count) {
			third = 0;
			continue;
		}
		*cursor = (struct metric_cursor){ at.outer, at.inner - 1, third + 1 };
		entity->object = checker->checks[third];
		entity->labels[2] =
			(struct metric_label){ "check", checker->checks[third]->spec.target };
		return true;
	}
	return false;
}

static double check_passing(const struct metric_entity *entity)
{
	const struct health_check *check = entity->object;

	return check->track.state == HEALTH_UNKNOWN ? NAN : check->track.state == HEALTH_UP;
}

static double check_streak(const struct metric_entity *entity)
{
	const struct health_check *check = entity->object;

	return check->track.streak;
}

static double check_last_duration(const struct metric_entity *entity)
{
	const struct health_check *check = entity->object;

	return check->end_us ? (double)check->latency_us / 1e6 : NAN;
}

static double check_age(const struct metric_entity *entity)
{
	const struct health_check *check = entity->object;

	return check->end_us ? (double)(clock_now_us() - check->end_us) / 1e6 : NAN;
}

static const struct metric check_rows[] = {
	{ .name = "check_passing",
	  .value = check_passing,
	  .help = "1 if it passes, after `healthy` and `unhealthy` results in a row." },
	{ .name = "check_streak",
	  .value = check_streak,
	  .help = "Consecutive results equal to the last one." },
	{ .name = "check_last_duration_seconds",
	  .unit = "seconds",
	  .value = check_last_duration,
	  .help = "From the start to the verdict of the last result." },
	{ .name = "check_last_result_age_seconds",
	  .unit = "seconds",
	  .value = check_age,
	  .help = "Since the last result." },
};

const struct metric_table health_metrics_checks = {
	.scope = "check",
	.about = "Each check of each instance.",
	.labels = check_labels,
	.next = check_next,
	METRIC_ROWS(check_rows),
};

/* ---- All checks ---- */

static struct health_stats stats_of(const struct metric_entity *entity)
{
	struct health_stats stats;

	health_stats_get(entity->object, &stats);
	return stats;
}

static double all_checks(const struct metric_entity *entity)
{
	return stats_of(entity).checks;
}

static double all_in_flight(const struct metric_entity *entity)
{
	return stats_of(entity).in_flight;
}

static double all_silent(const struct metric_entity *entity)
{
	return stats_of(entity).silent;
}

static double all_waiting(const struct metric_entity *entity)
{
	return stats_of(entity).waiting;
}

static double all_late(const struct metric_entity *entity)
{
	return stats_of(entity).late;
}

static double all_started(const struct metric_entity *entity)
{
	return (double)stats_of(entity).started;
}

static double all_delayed(const struct metric_entity *entity)
{
	return (double)stats_of(entity).delayed;
}

static double all_cancelled(const struct metric_entity *entity)
{
	return (double)stats_of(entity).cancelled;
}

static double all_delay_max(const struct metric_entity *entity)
{
	return stats_of(entity).delay_max_ms / 1e3;
}

static const struct metric all_rows[] = {
	{ .name = "checks", .value = all_checks, .help = "Checks of all instances." },
	{ .name = "checks_in_flight", .value = all_in_flight, .help = "Checks that run now." },
	{ .name = "checks_silent",
	  .value = all_silent,
	  .help = "Of those in flight: no answer within 100 ms, or none last time." },
	{ .name = "checks_waiting",
	  .value = all_waiting,
	  .help = "Checks that are due and wait for a place (`node.checks_in_flight`)." },
	{ .name = "checks_late",
	  .value = all_late,
	  .help = "Of those waiting: for their whole interval, or longer." },
	{ .name = "checks_started",
	  .type = METRIC_COUNTER,
	  .value = all_started,
	  .help = "Checks started." },
	{ .name = "checks_delayed",
	  .type = METRIC_COUNTER,
	  .value = all_delayed,
	  .help = "Checks that had to wait for a place." },
	{ .name = "checks_cancelled",
	  .type = METRIC_COUNTER,
	  .value = all_cancelled,
	  .help = "Checks removed or replaced while in flight." },
	{ .name = "checks_delay_max_seconds",
	  .unit = "seconds",
	  .value = all_delay_max,
	  .help = "Longest wait for a place so far." },
};

const struct metric_table health_metrics_all = {
	.scope = "check",
	.about = "All checks together.",
	.next = metric_single_next,
	METRIC_ROWS(all_rows),
};

/* ---- Results ---- */

static const char *const result_labels[] = { "result", NULL };

/* "error": no verdict for lack of memory or sockets on this node. */
static const char *const results[] = { "pass", "lame", "down", "error" };

#define RESULTS (sizeof(results) / sizeof(results[0]))

static bool result_next(const void *source, struct metric_cursor *cursor,
			struct metric_entity *entity)
{
	(void)source;
	if (cursor->outer >= RESULTS)
		return false;
	entity->object = &results[cursor->outer];
	entity->labels[0] = (struct metric_label){ "result", results[cursor->outer++] };
	return true;
}

static double result_count(const struct metric_entity *entity)
{
	const size_t i = (size_t)((const char *const *)entity->object - results);
	struct health_stats stats;

	health_stats_get(entity->source, &stats);
	return (double)(i == 0	 ? stats.passed
			: i == 1 ? stats.lame
			: i == 2 ? stats.down
				 : stats.errors);
}

static const struct metric result_rows[] = {
	{ .name = "check_results",
	  .type = METRIC_COUNTER,
	  .value = result_count,
	  .help = "Results; `error`: none, for lack of memory or sockets on this node." },
};

const struct metric_table health_metrics_results = {
	.scope = "check",
	.about = "Each kind of result.",
	.labels = result_labels,
	.next = result_next,
	METRIC_ROWS(result_rows),
};

/* ---- Durations ---- */

static const char *const duration_labels[] = { "type", NULL };

static bool duration_next(const void *source, struct metric_cursor *cursor,
			  struct metric_entity *entity)
{
	const struct health *health = source;

	if (cursor->outer >= HEALTH_CHECK_TYPES)
		return false;
	entity->object = &health->durations[cursor->outer];
	entity->labels[0] = (struct metric_label){
		"type", config_check_type_name((enum config_check_type)cursor->outer)
	};
	cursor->outer++;
	return true;
}

static const struct metric_histogram *duration_histogram(const struct metric_entity *entity)
{
	return entity->object;
}

static const struct metric duration_rows[] = {
	{ .name = "check_duration_seconds",
	  .type = METRIC_HISTOGRAM,
	  .unit = "seconds",
	  .bounds = &health_duration_bounds,
	  .histogram = duration_histogram,
	  .help = "From the start of a check to its verdict." },
};

const struct metric_table health_metrics_durations = {
	.scope = "check",
	.about = "Each type of check.",
	.labels = duration_labels,
	.next = duration_next,
	METRIC_ROWS(duration_rows),
};

/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "controlplane/health/internal.h"

/* Room for the longest names and reasons; only a check's path is truncated. */
enum {
	NOTIFY_LINE_MAX = 512,
	NOTIFY_TARGET_MAX = 96,
};

static void __attribute__((format(printf, 3, 4)))
notify_log(const struct health_instance *instance, int priority, const char *format, ...)
{
	const struct health *health = instance->health;
	char line[NOTIFY_LINE_MAX];
	int used;
	va_list args;

	if (!health->ops->log)
		return;
	used = snprintf(line, sizeof(line), "%.*s: ", CONFIG_NAME_MAX * 2 + 2, instance->name);
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	health->ops->log(health->ops_arg, priority, line);
}

/* The check that best explains the instance's state: both its state and last result equal it. */
static const struct health_check *notify_culprit(const struct health_instance *instance)
{
	const struct health_check *culprit = NULL;

	for (uint32_t i = 0; i < instance->check_count; i++) {
		const struct health_check *check = instance->checks[i];

		if (check->track.state != instance->state)
			continue;
		if (check->track.last == instance->state)
			return check;
		if (!culprit)
			culprit = check;
	}
	return culprit;
}

static void notify_explain(struct health_instance *instance)
{
	const struct health_check *culprit;

	if (instance->state == HEALTH_UP) {
		instance->reason[0] = '\0';
		return;
	}
	culprit = notify_culprit(instance);
	if (!culprit || culprit->track.last == HEALTH_UNKNOWN)
		snprintf(instance->reason, sizeof(instance->reason), "not checked yet");
	else
		snprintf(instance->reason, sizeof(instance->reason), "%.*s: %.*s",
			 NOTIFY_TARGET_MAX, culprit->spec.target,
			 HEALTH_REASON_MAX - NOTIFY_TARGET_MAX - 3, culprit->reason);
}

void health_notify_evaluate(struct health_instance *instance)
{
	unsigned int counts[HEALTH_STATES] = { 0 };
	enum health_state old = instance->state;

	for (uint32_t i = 0; i < instance->check_count; i++)
		counts[instance->checks[i]->track.state]++;
	instance->state = health_track_combine(counts, old);
	notify_explain(instance);

	if (instance->state == old)
		return;
	notify_log(instance, instance->state == HEALTH_UP ? LOG_NOTICE : LOG_WARNING,
		   "%s -> %s%s%s", health_state_name(old), health_state_name(instance->state),
		   instance->reason[0] ? ", " : "", instance->reason);
}

void health_notify_owner(struct health_instance *instance)
{
	struct health *health = instance->health;
	enum health_state old = instance->reported;

	if (instance->state == old)
		return;
	instance->reported = instance->state;
	health->ops->changed(health->ops_arg, instance->owner, old, instance->state,
			     instance->reason);
}

/* The instance may be fine: it keeps its state, and the check runs again at its next time. */
static void notify_starved(struct health_check *check, const struct health_verdict *verdict)
{
	check->instance->health->stats.errors++;
	if (!check->starved)
		notify_log(check->instance, LOG_WARNING, "%.*s %s", NOTIFY_TARGET_MAX,
			   check->spec.target, verdict->reason);
	check->starved = true;
}

static void notify_count(struct health_stats *stats, enum health_state result)
{
	if (result == HEALTH_UP)
		stats->passed++;
	else if (result == HEALTH_LAME)
		stats->lame++;
	else
		stats->down++;
}

const struct metric_bounds health_duration_bounds = {
	.count = 13,
	.seconds = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 },
};

static void notify_keep(struct health_check *check, const struct health_verdict *verdict)
{
	check->starved = false;
	check->end_us = clock_now_us();
	check->latency_us = verdict->latency_us;
	metric_observe(&check->instance->health->durations[check->spec.type],
		       &health_duration_bounds, verdict->latency_us * UINT64_C(1000));
	if (verdict->state != HEALTH_UP)
		memcpy(check->reason, verdict->reason, sizeof(check->reason));
}

/* Failures of a check that still counts as passed: an early warning for operators. */
static void notify_log_result(const struct health_check *check,
			      const struct health_verdict *verdict)
{
	const struct health_track *track = &check->track;
	bool early = track->state == HEALTH_UP && verdict->state != HEALTH_UP;

	notify_log(check->instance, early ? LOG_INFO : LOG_DEBUG, "%.*s %s, %u in a row, %u us%s%s",
		   NOTIFY_TARGET_MAX, check->spec.target,
		   verdict->state == HEALTH_UP ? "pass" : health_state_name(verdict->state),
		   track->streak, verdict->latency_us, verdict->reason[0] ? ": " : "",
		   verdict->reason);
}

void health_notify_result(struct health_check *check, const struct health_verdict *verdict)
{
	struct health_instance *instance = check->instance;
	enum health_state was = check->track.state;
	enum health_state instance_was = instance->state;

	if (verdict->state == HEALTH_UNKNOWN) {
		notify_starved(check, verdict);
		return;
	}
	notify_count(&instance->health->stats, verdict->state);
	notify_keep(check, verdict);
	health_track_result(&check->track, verdict->state, check->spec.unhealthy,
			    check->spec.healthy);
	notify_log_result(check, verdict);
	health_notify_evaluate(instance);
	/* otherwise the instance's own line covers it */
	if (check->track.state != was && instance->state == instance_was)
		notify_log(instance, LOG_INFO, "%.*s %s -> %s", NOTIFY_TARGET_MAX,
			   check->spec.target, health_state_name(was),
			   health_state_name(check->track.state));
}

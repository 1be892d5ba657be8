/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/doctor/watch.h"

#define ROUND_MS 60000u
/* After the start, when addresses and next hops are set up. */
#define FIRST_MS 10000u
#define CHECK_MS 500u

static void round_begin(struct doctor_watch *watch, const struct config *config, const char *path,
			const struct doctor_watch_ops *ops)
{
	watch->status = ops->status(ops->arg);
	watch->doctor = (struct doctor){
		.config = config,
		.root = "",
		.path = path,
		.status = watch->status,
	};
	watch->is_open = true;
	watch->next = doctor_open(&watch->doctor) ? DOCTOR_CHECKS_MAX : 0;
}

static void round_end(struct doctor_watch *watch)
{
	doctor_close(&watch->doctor);
	json_decref(watch->status);
	watch->status = NULL;
	watch->is_open = false;
}

/* Without a finding it does not apply. */
static void check_run(struct doctor_watch *watch, uint32_t i)
{
	struct doctor *doctor = &watch->doctor;
	enum doctor_result worst = DOCTOR_OK;

	doctor->count = 0;
	doctor_run(doctor, doctor_check_at(i));
	for (uint32_t f = 0; f < doctor->count; f++)
		if (doctor->findings[f].result > worst)
			worst = doctor->findings[f].result;
	watch->results[i] = worst;
	watch->is_known[i] = doctor->count > 0;
}

void doctor_watch_run(struct doctor_watch *watch, const struct config *config, const char *path,
		      const struct doctor_watch_ops *ops, uint64_t now_ms)
{
	if (!watch->next_ms)
		watch->next_ms = now_ms + FIRST_MS;
	if (now_ms < watch->next_ms)
		return;
	if (!watch->is_open) {
		watch->round_ms = now_ms;
		round_begin(watch, config, path, ops);
	}
	watch->doctor.config = config; /* it may be another one since the last check */
	while (doctor_check_at(watch->next)->name &&
	       doctor_check_at(watch->next)->how == DOCTOR_TESTED)
		watch->next++;
	if (watch->next < DOCTOR_CHECKS_MAX && doctor_check_at(watch->next)->name) {
		check_run(watch, watch->next++);
		watch->next_ms = now_ms + CHECK_MS;
		return;
	}
	round_end(watch);
	watch->next_ms = watch->round_ms + ROUND_MS;
}

void doctor_watch_fini(struct doctor_watch *watch)
{
	if (watch->is_open)
		round_end(watch);
}

/* ---- Metrics ---- */

static const char *const labels[] = { "check", NULL };
static const char *const states[] = { "ok", "skipped", "advice", "wrong", NULL };

static bool next(const void *source, struct metric_cursor *cursor, struct metric_entity *entity)
{
	const struct doctor_watch *watch = source;

	while (cursor->outer < DOCTOR_CHECKS_MAX && !watch->is_known[cursor->outer])
		cursor->outer++;
	if (cursor->outer >= DOCTOR_CHECKS_MAX)
		return false;
	entity->object = &watch->results[cursor->outer];
	entity->labels[0] = (struct metric_label){ "check", doctor_check_at(cursor->outer)->name };
	cursor->outer++;
	return true;
}

static uint32_t state(const struct metric_entity *entity)
{
	return *(const enum doctor_result *)entity->object;
}

static const struct metric rows[] = {
	{ .name = "doctor_check",
	  .type = METRIC_STATE,
	  .states = states,
	  .state = state,
	  .help = "1 for what it found; `sluicectl doctor` says more." },
};

const struct metric_table doctor_metrics = {
	.scope = "doctor",
	.about = "Each check of this machine that only reads, once a minute.",
	.labels = labels,
	.next = next,
	METRIC_ROWS(rows),
};

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/owner.h"

#include <errno.h>
#include <stdio.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/scalar.h"
#include "controlplane/api/ops_model.h"
#include "controlplane/health/adapter.h"
#include "controlplane/health/flaps.h"
#include "controlplane/model/model.h"
#include "controlplane/net/next_hops.h"
#include "controlplane/notes.h"
#include "controlplane/publish/publish.h"
#include "controlplane/state/leaving.h"

static int64_t now_unix_ms(void)
{
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	struct sluiced *sluiced = arg;

	if (sluiced->publish && (what & ~(uint32_t)MODEL_CHANGE_VIPS))
		publish_mark(sluiced->publish, what, pool_id);
	if (sluiced->neighbours && (what & MODEL_CHANGE_VIPS))
		neighbours_vips_changed(sluiced->neighbours);
	if (sluiced->publish &&
	    (what & (MODEL_CHANGE_INSTANCES | MODEL_CHANGE_POOL | MODEL_CHANGE_VIPS)))
		notes_pools(sluiced);
}

/* @pool: NULL: the configuration has none for it, and its health stays. */
static void instance_start(struct sluiced *sluiced, struct model_instance *instance,
			   const struct config_pool *pool)
{
	if (sluiced->checks && pool)
		checks_add(sluiced->checks, instance, pool);
	if (sluiced->neighbours && neighbours_add(sluiced->neighbours, instance))
		log_err("%s: no memory for its next hop", instance->path);
}

static void on_added(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	struct sluiced *sluiced = arg;

	control_model_restore(sluiced->state, sluiced->model, instance);
	notes_instance(sluiced, instance, true);
	if (sluiced->flaps)
		flaps_follow(sluiced->flaps, instance, &pool->flapping);
	instance_start(sluiced, instance, pool);
}

static void on_updated(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	struct sluiced *sluiced = arg;

	if (sluiced->flaps)
		flaps_follow(sluiced->flaps, instance, &pool->flapping);
	if (sluiced->checks)
		checks_update(sluiced->checks, instance, pool);
}

/* At the start checks and next hops don't exist yet, and owner_instances_start() follows. */
static void on_leaves(void *arg, struct model_instance *instance, bool adopted)
{
	struct sluiced *sluiced = arg;
	char drain[16], cause[64];

	leaving_mark(sluiced->leaving);
	if (adopted) {
		instance_start(sluiced, instance,
			       model_config_pool_of(model_config(sluiced->model), instance));
		return;
	}
	snprintf(cause, sizeof(cause), "removed; drains for %s",
		 config_scalar_duration_format(instance->drain_ms, drain));
	notes_leaving(sluiced, instance, "configured", "draining", cause);
	log_info("%s: removed from the configuration, drains for %s", instance->path, drain);
}

static void on_returned(void *arg, struct model_instance *instance)
{
	struct sluiced *sluiced = arg;

	leaving_mark(sluiced->leaving);
	control_model_restore(sluiced->state, sluiced->model, instance);
	notes_leaving(sluiced, instance, "draining", "configured", "put back");
	log_info("%s: put back while it was drained", instance->path);
}

static void on_removed(void *arg, struct model_instance *instance)
{
	struct sluiced *sluiced = arg;

	if (instance->leaving) {
		leaving_mark(sluiced->leaving);
		notes_leaving(sluiced, instance, "draining", "removed", instance->leave_why);
	} else {
		notes_instance(sluiced, instance, false);
	}
	checks_remove(instance);
	if (sluiced->flaps)
		flaps_forget(sluiced->flaps, instance);
	if (sluiced->neighbours)
		neighbours_remove(sluiced->neighbours, instance);
	log_info("%s: removed%s%s", instance->path,
		 instance->leaving ? ": " : " from the configuration",
		 instance->leaving ? instance->leave_why : "");
}

static uint32_t leave_left_ms(void *arg, const struct model_instance *instance)
{
	const struct sluiced *sluiced = arg;

	return leaving_left_ms(sluiced->leaving, instance, now_unix_ms());
}

const struct model_ops owner_ops = {
	.changed = on_changed,
	.instance_added = on_added,
	.instance_updated = on_updated,
	.instance_removed = on_removed,
	.instance_leaves = on_leaves,
	.instance_returned = on_returned,
	.leave_left_ms = leave_left_ms,
};

int owner_flaps_start(struct sluiced *sluiced)
{
	const struct flaps_options options = {
		.model = sluiced->model,
		.events = sluiced->events,
		.dir = sluiced->state_dir,
	};
	const struct config *config = model_config(sluiced->model);

	sluiced->flaps = flaps_create(&options);
	if (!sluiced->flaps)
		return -errno;
	for (uint32_t i = 0; i < model_pool_count(sluiced->model); i++) {
		const struct model_pool *pool = model_pool_at(sluiced->model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			flaps_follow(sluiced->flaps, pool->instances[j],
				     &config->pools[i].flapping);
	}
	return 0;
}

void owner_instances_start(struct sluiced *sluiced)
{
	const struct config *config = model_config(sluiced->model);
	struct model_instance *leaving = NULL;

	for (uint32_t i = 0; i < model_pool_count(sluiced->model); i++) {
		struct model_pool *pool = model_pool_at(sluiced->model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			instance_start(sluiced, pool->instances[j], &config->pools[i]);
	}
	while ((leaving = model_leaving_next(sluiced->model, leaving)))
		instance_start(sluiced, leaving, model_config_pool_of(config, leaving));
}

void owner_tick(struct sluiced *sluiced)
{
	leaving_write(sluiced->leaving, sluiced->model, clock_now_ms(), now_unix_ms());
}

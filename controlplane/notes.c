/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/notes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/base/log.h"
#include "config/base/scalar.h"
#include "config/base/version.h"
#include "controlplane/api/stats.h"
#include "controlplane/events/events.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/publish.h"
#include "controlplane/sluiced.h"

/* ---- Flows of an object ---- */

static int64_t flows_of_instance(const struct sluiced *sluiced,
				 const struct model_instance *instance)
{
	struct stats_instance figures;

	if (!sluiced->stats || !sluiced->publish || !publish_segment(sluiced->publish))
		return EVENTS_FLOWS_UNKNOWN;
	stats_instance_get(sluiced->stats, instance->index, &figures);
	return (int64_t)figures.flows;
}

static int64_t flows_of_pool(const struct sluiced *sluiced, const struct model_pool *pool)
{
	int64_t flows = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		flows += flows_of_instance(sluiced, pool->instances[i]);
	return flows;
}

static int64_t flows_of(void *arg, const char *object)
{
	const struct sluiced *sluiced = arg;
	const struct model_instance *instance;
	const struct model_pool *pool;
	struct stats_node node;

	if (!sluiced->model || !sluiced->stats || !sluiced->publish ||
	    !publish_segment(sluiced->publish))
		return EVENTS_FLOWS_UNKNOWN;
	instance = strchr(object, '/') ? model_instance_find(sluiced->model, object) : NULL;
	if (instance)
		return flows_of_instance(sluiced, instance);
	pool = model_pool_find(sluiced->model, object);
	if (pool)
		return flows_of_pool(sluiced, pool);
	stats_node_get(sluiced->stats, &node);
	return (int64_t)node.flows;
}

int notes_start(struct sluiced *sluiced)
{
	const struct events_options options = { .base = sluiced->base, .dir = sluiced->state_dir };

	sluiced->events = events_open(&options);
	if (!sluiced->events)
		return -errno;
	events_set_flows(sluiced->events, flows_of, sluiced);
	return 0;
}

void notes_stop(struct sluiced *sluiced)
{
	events_close(sluiced->events);
	sluiced->events = NULL;
}

/* ---- The daemon ---- */

void notes_process(struct sluiced *sluiced, const char *to, const char *cause)
{
	const struct events_change event = {
		.object = "sluiced",
		.what = "process",
		.to = to,
		.cause = cause,
		.flows = EVENTS_FLOWS_ASK,
	};

	events_add(sluiced->events, &event);
}

void notes_dataplane(struct sluiced *sluiced, bool connected)
{
	const struct events_change event = {
		.object = "dataplane",
		.what = "connection",
		.from = connected ? "disconnected" : "connected",
		.to = connected ? "connected" : "disconnected",
		.flows = connected ? EVENTS_FLOWS_ASK : EVENTS_FLOWS_UNKNOWN,
	};

	if (sluiced->noted_connected != connected)
		events_add(sluiced->events, &event);
	sluiced->noted_connected = connected;
}

void notes_checks(struct sluiced *sluiced, const char *why)
{
	const struct events_change event = {
		.object = "node",
		.what = "checks",
		.from = why ? "running" : "suspended",
		.to = why ? "suspended" : "running",
		.cause = why,
		.flows = EVENTS_FLOWS_ASK,
	};

	events_add(sluiced->events, &event);
}

/* ---- Pools and instances ---- */

/* The line of the configuration that has an instance, or "FILE" alone. */
static void note_place(const struct config *config, const struct model_instance *instance,
		       char *text, size_t size)
{
	const struct config_pool *pool = NULL;
	const struct config_instance *entry = NULL;
	char name[CONFIG_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)(instance->name - instance->path - 1),
		 instance->path);
	pool = config_pool_find(config, name);
	entry = pool ? config_instance_find(pool, instance->name) : NULL;
	if (entry)
		snprintf(text, size, "%s:%u",
			 entry->place.file == CONFIG_FILE_COMMANDS ? config->commands_file
								   : config->file,
			 entry->place.line);
	else
		snprintf(text, size, "not in %s", config->file);
}

void notes_instance(struct sluiced *sluiced, const struct model_instance *instance, bool added)
{
	char cause[256];
	const struct events_change event = {
		.object = instance->path,
		.what = "instance",
		.from = added ? NULL : "configured",
		.to = added ? "configured" : "removed",
		.cause = cause,
		.flows = added ? 0 : flows_of_instance(sluiced, instance),
	};

	if (!sluiced->applying)
		return;
	note_place(sluiced->applying, instance, cause, sizeof(cause));
	events_add(sluiced->events, &event);
}

void notes_leaving(struct sluiced *sluiced, const struct model_instance *instance, const char *from,
		   const char *to, const char *cause)
{
	const struct events_change event = {
		.object = instance->path,
		.what = "instance",
		.from = from,
		.to = to,
		.cause = cause,
		.flows = flows_of_instance(sluiced, instance),
	};

	events_add(sluiced->events, &event);
}

static const char *pool_state(const struct model_pool *pool)
{
	if (pool->open)
		return "open";
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (pool->instances[i]->accepts)
			return pool->on_backup ? "backup" : "up";
	return "down";
}

/* Pools that always were above their minimum, or have none, are not worth an event. */
static void vips_look(struct sluiced *sluiced, const struct model_pool *pool,
		      enum model_vips before)
{
	const struct model_minimum *minimum = &pool->minimum;
	char cause[128], want[16], hold[16];
	const struct events_change event = {
		.object = pool->name,
		.what = "vips",
		.from = model_vips_name(before),
		.to = model_vips_name(minimum->vips),
		.cause = cause,
		.flows = EVENTS_FLOWS_ASK,
	};
	int used;

	if (minimum->vips == before ||
	    (before == MODEL_VIPS_UNKNOWN && minimum->vips == MODEL_VIPS_ANNOUNCED))
		return;
	used = snprintf(cause, sizeof(cause), "%u of %u instances up, minimum_up %s", minimum->up,
			pool->instance_count, config_minimum_format(&minimum->want, want));
	if (minimum->vips == MODEL_VIPS_HELD)
		snprintf(cause + used, sizeof(cause) - (size_t)used, "; announced if for %s",
			 config_scalar_duration_format(minimum->hold_ms, hold));
	events_add(sluiced->events, &event);
	log_info("%s: VIPs of its services %s: %s", pool->name, event.to, cause);
}

/* Known by name: an id may be another pool's later. */
static void pool_look(struct sluiced *sluiced, const struct model_pool *pool)
{
	struct notes_pool *known = &sluiced->noted[pool->id];
	const char *state = pool_state(pool);
	bool same = strcmp(known->name, pool->name) == 0;
	const struct events_change event = {
		.object = pool->name,
		.what = "pool",
		.from = same ? known->state : NULL,
		.to = state,
		.flows = EVENTS_FLOWS_ASK,
	};

	vips_look(sluiced, pool, same ? known->vips : MODEL_VIPS_UNKNOWN);
	known->vips = pool->minimum.vips;
	if (same && strcmp(known->state, state) == 0)
		return;
	/* At a start the first checks are still to come. */
	if ((same && known->state[0]) || strcmp(state, "down") != 0)
		events_add(sluiced->events, &event);
	snprintf(known->name, sizeof(known->name), "%s", pool->name);
	known->state = state;
}

void notes_pools(struct sluiced *sluiced)
{
	for (uint32_t i = 0; i < model_pool_count(sluiced->model); i++) {
		const struct model_pool *pool = model_pool_at(sluiced->model, i);

		if (pool->id < LB_POOLS_MAX)
			pool_look(sluiced, pool);
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/adapter.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/version.h"
#include "controlplane/events/events.h"
#include "controlplane/health/descriptors.h"
#include "controlplane/health/flaps.h"
#include "controlplane/health/health.h"
#include "controlplane/health/kept.h"
#include "controlplane/model/model.h"

/* How long to wait for the interface if it is not reported as usable. */
#define RESUME_S 1

/* Most sockets of checks, even if many instances stop answering at the same time. */
#define SOCKETS_MAX 2048

struct checks {
	struct health *health;
	struct health_kept *kept;
	struct model *model;
	struct events *events;
	struct flaps *flaps;
	struct event *resume_timer;
	uint32_t clients; /* of the control socket, at most */
	bool paused;
	bool resuming;
};

static void on_changed(void *arg, void *owner, enum health_state old, enum health_state now,
		       const char *reason)
{
	struct checks *checks = arg;
	const struct events_change event = {
		.object = ((struct model_instance *)owner)->path,
		.what = "health",
		.from = health_state_name(old),
		.to = health_state_name(now),
		.cause = reason,
		.flows = EVENTS_FLOWS_ASK,
	};

	events_add(checks->events, &event);
	model_health_set(checks->model, owner, now, reason);
	if (old != HEALTH_UNKNOWN && checks->flaps)
		flaps_change(checks->flaps, owner, now == HEALTH_UP ? "up again" : reason);
	health_kept_mark(checks->kept);
}

static void on_log(void *arg, int priority, const char *line)
{
	(void)arg;
	log_line(priority, line);
}

static const struct health_ops health_ops = { .changed = on_changed, .log = on_log };

static struct health_instance_spec spec_of(const struct checks *checks,
					   struct model_instance *instance,
					   const struct config_pool *pool)
{
	const struct config_node *node = &model_config(checks->model)->node;
	const struct config_address *source = config_node_address_for(node, &instance->address);

	return (struct health_instance_spec){
		.name = instance->path,
		.owner = instance,
		.address = instance->address,
		.source = source ? *source : (struct config_address){ .family = 0 },
		.checks = pool->checks,
		.check_count = pool->check_count,
		.initial = instance->health,
	};
}

void checks_add(struct checks *checks, struct model_instance *instance,
		const struct config_pool *pool)
{
	struct health_instance_spec spec = spec_of(checks, instance, pool);
	enum health_state state;

	if (checks->paused)
		return;
	instance->checker = health_instance_add(checks->health, &spec);
	if (!instance->checker) {
		log_err("%s: its checks cannot be started: %s", instance->path, strerror(errno));
		return;
	}
	state = health_instance_state(instance->checker);
	if (state != instance->health)
		model_health_set(checks->model, instance, state,
				 health_instance_reason(instance->checker));
}

void checks_update(struct checks *checks, struct model_instance *instance,
		   const struct config_pool *pool)
{
	struct health_instance_spec spec = spec_of(checks, instance, pool);
	int err;

	if (!instance->checker) {
		checks_add(checks, instance, pool);
		return;
	}
	err = health_instance_update(instance->checker, &spec);
	if (err)
		log_err("%s: its checks cannot be changed: %s", instance->path, strerror(-err));
}

void checks_remove(struct model_instance *instance)
{
	health_instance_remove(instance->checker);
	instance->checker = NULL;
}

/*
 * A check that fails for lack of a descriptor is no evidence about its instance, so checks use at
 * most half of them.
 */
static struct health_limits limits_of(const struct checks *checks, const struct config_node *node)
{
	const uint32_t sockets = descriptors_reserve(checks->clients, SOCKETS_MAX);
	const struct health_limits limits = {
		node->checks_in_flight < sockets ? node->checks_in_flight : sockets, sockets
	};

	return limits;
}

void checks_configure(struct checks *checks, const struct config_node *node)
{
	const struct health_limits limits = limits_of(checks, node);

	health_set_limits(checks->health, &limits);
}

/* Call a function for each instance of a pool of the configuration, and for those that drain. */
static void each_instance(struct checks *checks,
			  void (*do_one)(struct checks *checks, struct model_instance *instance,
					 const struct config_pool *pool))
{
	const struct config *config = model_config(checks->model);
	struct model_instance *leaving = NULL;

	for (uint32_t i = 0; i < model_pool_count(checks->model); i++) {
		const struct model_pool *pool = model_pool_at(checks->model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			do_one(checks, pool->instances[j], &config->pools[i]);
	}
	while ((leaving = model_leaving_next(checks->model, leaving))) {
		const struct config_pool *pool = model_config_pool_of(config, leaving);

		if (pool)
			do_one(checks, leaving, pool);
		else
			checks_remove(leaving);
	}
}

static void pause_one(struct checks *checks, struct model_instance *instance,
		      const struct config_pool *pool)
{
	(void)checks;
	(void)pool;
	checks_remove(instance);
}

/* While checks are suspended, what was collected before stays. */
static void keep(struct checks *checks)
{
	if (!checks->paused)
		health_kept_collect(checks->kept, checks->model, time(NULL));
	health_kept_write(checks->kept, clock_now_ms());
}

void checks_tick(struct checks *checks)
{
	uint64_t now_ms = clock_now_ms();

	if (checks->paused)
		model_hold(checks->model, now_ms);
	if (health_kept_is_due(checks->kept, now_ms))
		keep(checks);
}

void checks_pause(struct checks *checks)
{
	if (!checks->paused) {
		health_kept_collect(checks->kept, checks->model, time(NULL));
		health_kept_mark(checks->kept);
	}
	each_instance(checks, pause_one);
	checks->paused = true;
	checks->resuming = false;
	evtimer_del(checks->resume_timer);
}

void checks_resume(struct checks *checks)
{
	if (!checks->resuming)
		return;
	checks->resuming = false;
	evtimer_del(checks->resume_timer);
	checks->paused = false;
	model_hold(checks->model, clock_now_ms());
	each_instance(checks, checks_add);
}

void checks_resume_later(struct checks *checks)
{
	const struct timeval delay = { .tv_sec = RESUME_S };

	if (!checks->paused)
		return;
	checks->resuming = true;
	evtimer_add(checks->resume_timer, &delay);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	checks_resume(arg);
}

static int checks_init(struct checks *checks, const struct checks_options *from)
{
	const struct health_options options = {
		.ops = &health_ops,
		.ops_arg = checks,
		.limits = limits_of(checks, &model_config(checks->model)->node),
		.version = SLUICE_VERSION,
	};

	checks->resume_timer = evtimer_new(from->base, on_resume, checks);
	if (!checks->resume_timer)
		return -ENOMEM;
	checks->kept = health_kept_open(from->state_dir);
	if (!checks->kept)
		return -errno;
	checks->health = health_create(from->base, &options);
	return checks->health ? 0 : -errno;
}

struct checks *checks_create(const struct checks_options *options)
{
	struct checks *checks = calloc(1, sizeof(*checks));
	int err;

	if (!checks)
		return NULL;
	checks->model = options->model;
	checks->clients = options->clients;
	checks->events = options->events;
	checks->flaps = options->flaps;
	/* Without a dataplane they would report every instance down. */
	checks->paused = !options->connected;
	err = checks_init(checks, options);
	if (!err) {
		health_kept_restore(checks->kept, checks->model, time(NULL));
		model_hold(checks->model, clock_now_ms());
		return checks;
	}
	checks_destroy(checks);
	errno = -err;
	return NULL;
}

void checks_destroy(struct checks *checks)
{
	if (!checks)
		return;
	if (checks->kept)
		keep(checks);
	if (checks->health)
		health_destroy(checks->health);
	health_kept_close(checks->kept);
	if (checks->resume_timer)
		event_free(checks->resume_timer);
	free(checks);
}

struct health *checks_health(const struct checks *checks)
{
	return checks->health;
}

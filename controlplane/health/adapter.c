/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/adapter.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/version.h"
#include "controlplane/events/events.h"
#include "controlplane/health/agent.h"
#include "controlplane/health/descriptors.h"
#include "controlplane/health/flaps.h"
#include "controlplane/health/health.h"
#include "controlplane/health/kept.h"
#include "controlplane/model/model.h"

/* How long to wait for the interface if it is not reported as usable. */
#define RESUME_S 1

/* Most sockets of checks, even if many instances stop answering at the same time. */
#define SOCKETS_MAX 2048

/* An agent that fails is an event so often at most. */
#define AGENT_TOLD_MS 3600000

#define AGENT_STATE_MAX 32

struct checks {
	struct health *health;
	struct agents *agents;
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

/* ---- Agents ---- */

static const char *agent_state(const struct model_agent *agent, char text[AGENT_STATE_MAX])
{
	snprintf(text, AGENT_STATE_MAX, "%s, %s%s", model_admin_name(agent->admin),
		 agent->down ? "down" : "up", agent->known && !agent->percent ? ", 0%" : "");
	return text;
}

/* A changed share alone is no event: agents may report their load with each line. */
static void agent_note(const struct checks *checks, const struct model_instance *instance,
		       const struct model_agent *before)
{
	char from[AGENT_STATE_MAX], to[AGENT_STATE_MAX];
	const struct events_change event = {
		.object = instance->path,
		.what = "agent",
		.from = agent_state(before, from),
		.to = agent_state(&instance->agent, to),
		.cause = instance->agent.text,
		.flows = EVENTS_FLOWS_ASK,
	};

	if (strcmp(from, to) == 0)
		return;
	events_add(checks->events, &event);
	log_info("%s: its agent says \"%s\"", instance->path, instance->agent.text);
}

static void on_says(void *arg, void *owner, const struct agent_says *says)
{
	struct checks *checks = arg;
	struct model_instance *instance = owner;
	const struct model_agent before = instance->agent;
	struct model_agent now = before;

	agent_words_apply(says, &now);
	if (!model_agent_set(checks->model, instance, &now))
		return;
	agent_note(checks, instance, &before);
	if (before.down != now.down && checks->flaps)
		flaps_change(checks->flaps, instance, instance->agent.text);
	health_kept_mark(checks->kept);
}

/* Once an hour at most for each instance: an agent may fail every other time. */
static void on_fails(void *arg, void *owner, const char *why)
{
	struct checks *checks = arg;
	struct model_instance *instance = owner;
	const struct events_change event = {
		.object = instance->path,
		.what = "agent",
		.to = "failing",
		.cause = why,
		.flows = EVENTS_FLOWS_ASK,
	};
	uint64_t now_ms = clock_now_ms();

	if (instance->agent_told_ms && now_ms - instance->agent_told_ms < AGENT_TOLD_MS)
		return;
	instance->agent_told_ms = now_ms;
	events_add(checks->events, &event);
	log_warn("%s: its agent fails: %s; what it said last stays in force", instance->path, why);
}

static const struct agents_ops agents_ops = { .says = on_says, .fails = on_fails };

static void agent_end(struct model_instance *instance)
{
	agent_remove(instance->asked);
	instance->asked = NULL;
}

static void agent_follow(struct checks *checks, struct model_instance *instance,
			 const struct config_pool *pool, const struct health_instance_spec *from)
{
	const struct agent_spec spec = {
		.address = from->address,
		.source = from->source,
		.port = config_agent_port(pool, config_instance_find(pool, instance->name)),
		.interval_ms = pool->agent_interval_ms,
	};
	const struct model_agent nothing = { .known = false };

	if (instance->asked && !checks->paused && agent_is(instance->asked, &spec))
		return;
	agent_end(instance);
	if (spec.port == 0)
		model_agent_set(checks->model, instance, &nothing);
	if (spec.port == 0 || checks->paused)
		return;
	instance->asked = agent_add(checks->agents, &spec, instance);
	if (!instance->asked)
		log_err("%s: its agent cannot be asked: %s", instance->path, strerror(errno));
}

/* ---- Checks ---- */

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

	agent_follow(checks, instance, pool, &spec);
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
	agent_follow(checks, instance, pool, &spec);
	err = health_instance_update(instance->checker, &spec);
	if (err)
		log_err("%s: its checks cannot be changed: %s", instance->path, strerror(-err));
}

void checks_remove(struct model_instance *instance)
{
	health_instance_remove(instance->checker);
	instance->checker = NULL;
	agent_end(instance);
}

/*
 * A check that fails for lack of a descriptor is no evidence about its instance, so checks use at
 * most half of them.
 */
static struct health_limits limits_of(const struct checks *checks, const struct config_node *node)
{
	const uint32_t sockets =
		descriptors_reserve(checks->clients + AGENTS_IN_FLIGHT, SOCKETS_MAX);
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
	checks->agents = agents_create(from->base, &agents_ops, checks, AGENTS_IN_FLIGHT);
	if (!checks->agents)
		return -errno;
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

static void agents_end(struct checks *checks)
{
	struct model_instance *leaving = NULL;

	for (uint32_t i = 0; i < model_pool_count(checks->model); i++) {
		const struct model_pool *pool = model_pool_at(checks->model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			agent_end(pool->instances[j]);
	}
	while ((leaving = model_leaving_next(checks->model, leaving)))
		agent_end(leaving);
}

void checks_destroy(struct checks *checks)
{
	if (!checks)
		return;
	if (checks->kept)
		keep(checks);
	if (checks->health)
		health_destroy(checks->health);
	agents_end(checks);
	agents_destroy(checks->agents);
	health_kept_close(checks->kept);
	if (checks->resume_timer)
		event_free(checks->resume_timer);
	free(checks);
}

struct health *checks_health(const struct checks *checks)
{
	return checks->health;
}

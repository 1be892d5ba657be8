/* SPDX-License-Identifier: BSD-3-Clause */
/* The checker and its instances: add, update and remove. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "controlplane/health/internal.h"

static int instance_validate(const struct health_instance_spec *spec)
{
	if (!spec->name || (spec->address.family != 4 && spec->address.family != 6))
		return -EINVAL;
	if (spec->check_count > CONFIG_CHECKS_MAX || (unsigned int)spec->initial >= HEALTH_STATES)
		return -EINVAL;
	for (uint32_t i = 0; i < spec->check_count; i++) {
		int err = health_check_validate(&spec->checks[i]);

		if (err)
			return err;
	}
	return 0;
}

static void instance_on_report(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	health_notify_owner(arg);
}

/* Find a check of the instance that a new spec keeps; each is kept once. */
static struct health_check *instance_claim(struct health_instance *instance,
					   const struct config_check *spec, bool *claimed)
{
	for (uint32_t i = 0; i < instance->check_count; i++) {
		if (!claimed[i] && health_check_same(instance->checks[i], spec)) {
			claimed[i] = true;
			return instance->checks[i];
		}
	}
	return NULL;
}

/* The checks of a new spec. */
struct instance_draft {
	struct health_check **checks;
	struct config_check specs[CONFIG_CHECKS_MAX]; /* of kept checks, owned */
	bool claimed[CONFIG_CHECKS_MAX];	      /* by index of the old checks: kept */
	bool created[CONFIG_CHECKS_MAX];	      /* by index of the new ones */
};

static int instance_draft_check(struct health_instance *instance, const struct config_check *spec,
				struct instance_draft *draft, uint32_t i)
{
	draft->checks[i] = instance_claim(instance, spec, draft->claimed);
	if (draft->checks[i])
		return config_check_copy(&draft->specs[i], spec);
	draft->checks[i] = health_check_create(instance, spec);
	draft->created[i] = draft->checks[i] != NULL;
	return draft->created[i] ? 0 : -ENOMEM;
}

/* All that can fail, before any old check is changed or freed. Return: 0 or -ENOMEM. */
static int instance_draft(struct health_instance *instance, const struct health_instance_spec *spec,
			  struct instance_draft *draft)
{
	int err = 0;

	draft->checks = calloc(spec->check_count + 1, sizeof(struct health_check *));
	if (!draft->checks)
		return -ENOMEM;
	for (uint32_t i = 0; i < spec->check_count && !err; i++)
		err = instance_draft_check(instance, &spec->checks[i], draft, i);
	if (!err)
		return 0;
	for (uint32_t i = 0; i < spec->check_count; i++) {
		if (draft->created[i])
			health_check_destroy(draft->checks[i]);
		config_check_fini(&draft->specs[i]);
	}
	free(draft->checks);
	return err;
}

static bool check_is_retimed(const struct config_check *old, const struct config_check *spec)
{
	return old->interval_ms != spec->interval_ms ||
	       old->fast_interval_ms != spec->fast_interval_ms ||
	       old->down_interval_ms != spec->down_interval_ms;
}

/* @spec: now the check's. */
static void check_renew(struct health_check *check, const struct config_check *spec)
{
	bool retime = check_is_retimed(&check->spec, spec);

	config_check_fini(&check->spec);
	check->spec = *spec;
	/* if in flight or queued, the check takes the new interval after its run */
	if (!retime || check->waiting || check->probe)
		return;
	if (check->start_us)
		health_schedule_next(check);
	else
		health_schedule_first(check);
}

static void instance_set_checks(struct health_instance *instance,
				const struct health_instance_spec *spec,
				struct instance_draft *draft)
{
	struct health_check **checks = draft->checks;
	enum health_state seed = instance->state == HEALTH_UP ? HEALTH_UP : HEALTH_UNKNOWN;

	for (uint32_t i = 0; i < spec->check_count; i++) {
		if (draft->created[i]) {
			health_track_init(&checks[i]->track, seed);
			health_schedule_first(checks[i]);
		} else {
			check_renew(checks[i], &draft->specs[i]);
		}
	}
	instance->health->stats.checks += spec->check_count;
	instance->health->stats.checks -= instance->check_count;
	free(instance->checks);
	instance->checks = checks;
	instance->check_count = spec->check_count;
}

static int instance_apply(struct health_instance *instance, const struct health_instance_spec *spec)
{
	struct instance_draft draft = { 0 };
	char *name = strdup(spec->name);

	if (!name)
		return -ENOMEM;
	if (instance_draft(instance, spec, &draft)) {
		free(name);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < instance->check_count; i++) {
		if (!draft.claimed[i])
			health_check_destroy(instance->checks[i]);
	}
	instance_set_checks(instance, spec, &draft);
	free(instance->name);
	instance->name = name;
	instance->owner = spec->owner;
	instance->source = spec->source;
	health_notify_evaluate(instance);
	health_schedule_pump(instance->health);
	return 0;
}

struct health_instance *health_instance_add(struct health *health,
					    const struct health_instance_spec *spec)
{
	struct health_instance *instance;
	int err = instance_validate(spec);

	if (err)
		goto err_errno;
	err = -ENOMEM;
	instance = calloc(1, sizeof(*instance));
	if (!instance)
		goto err_errno;
	instance->health = health;
	instance->address = spec->address;
	instance->state = spec->initial;
	instance->report_timer = evtimer_new(health->base, instance_on_report, instance);
	if (!instance->report_timer)
		goto err_instance;
	err = instance_apply(instance, spec);
	if (err)
		goto err_timer;
	instance->reported = instance->state;
	LIST_INSERT_HEAD(&health->instances, instance, entry);
	return instance;

err_timer:
	event_free(instance->report_timer);
err_instance:
	free(instance);
err_errno:
	errno = -err;
	return NULL;
}

int health_instance_update(struct health_instance *instance,
			   const struct health_instance_spec *spec)
{
	static const struct timeval now;
	int err = instance_validate(spec);

	if (err)
		return err;
	if (memcmp(&instance->address, &spec->address, sizeof(spec->address)) != 0)
		return -EINVAL;
	err = instance_apply(instance, spec);
	if (!err && instance->state != instance->reported)
		evtimer_add(instance->report_timer, &now);
	return err;
}

static void instance_destroy(struct health_instance *instance)
{
	struct health *health = instance->health;

	for (uint32_t i = 0; i < instance->check_count; i++)
		health_check_destroy(instance->checks[i]);
	health->stats.checks -= instance->check_count;
	LIST_REMOVE(instance, entry);
	event_free(instance->report_timer);
	free(instance->checks);
	free(instance->name);
	free(instance);
}

void health_instance_remove(struct health_instance *instance)
{
	struct health *health;

	if (!instance)
		return;
	health = instance->health;
	instance_destroy(instance);
	health_schedule_pump(health);
}

void health_set_limits(struct health *health, const struct health_limits *limits)
{
	health->limits.in_flight = limits->in_flight ? limits->in_flight : 1;
	health->limits.sockets = limits->sockets ? limits->sockets : 1;
	health_schedule_pump(health);
}

static uint64_t health_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = clock_now_us();
	return seed ? seed : 1;
}

struct health *health_create(struct event_base *base, const struct health_options *options)
{
	struct health *health;

	if (!base || !options->ops || !options->ops->changed || !options->version ||
	    !options->limits.in_flight || !options->limits.sockets) {
		errno = EINVAL;
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto err_errno;
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL)) {
		curl_global_cleanup();
		errno = ENOSYS;
		return NULL;
	}
	health = calloc(1, sizeof(*health));
	if (!health)
		goto err_curl;
	health->base = base;
	health->ops = options->ops;
	health->ops_arg = options->ops_arg;
	health->limits = options->limits;
	health->random = health_seed();
	for (int places = 0; places < HEALTH_PLACES; places++)
		TAILQ_INIT(&health->waiting[places]);
	TAILQ_INIT(&health->young);
	LIST_INIT(&health->instances);
	health->young_timer = evtimer_new(base, health_schedule_on_young, health);
	if (!health->young_timer)
		goto err_health;
	health->probes = health_probes_create(base, options->version);
	if (!health->probes)
		goto err_timer;
	return health;

err_timer:
	event_free(health->young_timer);
err_health:
	free(health);
err_curl:
	curl_global_cleanup();
err_errno:
	errno = ENOMEM;
	return NULL;
}

void health_destroy(struct health *health)
{
	struct health_instance *instance;
	struct health_instance *next;

	if (!health)
		return;
	for (instance = LIST_FIRST(&health->instances); instance; instance = next) {
		next = LIST_NEXT(instance, entry);
		instance_destroy(instance);
	}
	health_probes_destroy(health->probes);
	event_free(health->young_timer);
	free(health);
	curl_global_cleanup();
}

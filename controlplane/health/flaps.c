/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/flaps.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/scalar.h"
#include "controlplane/events/events.h"
#include "controlplane/model/model.h"
#include "controlplane/state/file.h"

#define FLAPS_NAME "flapping.json"
#define FLAPS_VERSION 1
#define FLAPS_WRITE_MS 1000 /* at the earliest, after a change */

struct flaps_entry {
	struct flap flap;
	struct config_flapping rule;
};

struct flaps {
	struct flaps_options options;
	json_t *kept; /* by path, as read at the start */
	bool marked;
	bool failed; /* writing failed, and this was logged */
	uint64_t write_ms;
};

static uint64_t monotonic_ms(void *arg)
{
	(void)arg;
	return clock_now_ms();
}

static int64_t realtime_ms(void *arg)
{
	(void)arg;
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

static uint64_t now_of(const struct flaps *flaps)
{
	return flaps->options.now_ms(flaps->options.arg);
}

/* Call a function for each instance with flap control. */
static void each_entry(struct flaps *flaps,
		       void (*do_one)(struct flaps *flaps, struct model_instance *instance,
				      void *arg),
		       void *arg)
{
	for (uint32_t i = 0; i < model_pool_count(flaps->options.model); i++) {
		const struct model_pool *pool = model_pool_at(flaps->options.model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			if (pool->instances[j]->flapping)
				do_one(flaps, pool->instances[j], arg);
	}
}

/* ---- The file: times in it are of the wall clock ---- */

/* What is to be added to a time of ours for one of the file. */
static int64_t offset_of(const struct flaps *flaps)
{
	return flaps->options.now_unix_ms(flaps->options.arg) - (int64_t)now_of(flaps);
}

static json_t *times_pack(const struct flap_times *times, int64_t offset_ms)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < times->count; i++)
		json_array_append_new(list, json_integer((int64_t)times->ms[i] + offset_ms));
	return list;
}

/* Times before our clock began count as its beginning; those in the future don't count. */
static void times_unpack(const json_t *list, int64_t offset_ms, uint64_t now_ms,
			 struct flap_times *times)
{
	const json_t *value;
	size_t i;

	times->count = 0;
	json_array_foreach(list, i, value) {
		int64_t ms = json_integer_value(value) - offset_ms;

		if (ms <= (int64_t)now_ms && times->count < CONFIG_FLAPPING_TIMES_MAX)
			times->ms[times->count++] = ms > 0 ? (uint64_t)ms : 0;
	}
}

static json_t *entry_pack(const struct flaps *flaps, const struct model_instance *instance)
{
	const struct flap *flap = &instance->flapping->flap;
	int64_t offset_ms = offset_of(flaps);
	char address[CONFIG_ADDRESS_STRLEN];

	return json_pack("{s:s, s:i, s:I, s:o, s:o}", "address",
			 config_address_format(&instance->address, address), "state",
			 (int)flap->state, "until_unix_ms",
			 flap->state == FLAP_OUT ? (json_int_t)flap->until_ms + offset_ms : 0,
			 "changes", times_pack(&flap->changes, offset_ms), "outs",
			 times_pack(&flap->outs, offset_ms));
}

static bool entry_is_empty(const struct flaps_entry *entry)
{
	return entry->flap.state == FLAP_IN && entry->flap.changes.count == 0 &&
	       entry->flap.outs.count == 0;
}

static void pack_one(struct flaps *flaps, struct model_instance *instance, void *arg)
{
	json_t *entries = arg;

	if (!entry_is_empty(instance->flapping))
		json_object_set_new(entries, instance->path, entry_pack(flaps, instance));
}

static json_t *flaps_pack(struct flaps *flaps)
{
	json_t *entries = json_object();

	each_entry(flaps, pack_one, entries);
	return json_pack("{s:i, s:o}", "version", FLAPS_VERSION, "instances", entries);
}

/* Without fsync(2), as health.json: it is lost only with the whole machine. */
static int flaps_save(struct flaps *flaps)
{
	json_t *root = flaps_pack(flaps);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int fd, err;

	json_decref(root);
	if (!text)
		return -ENOMEM;
	fd = state_file_prepare(flaps->options.dir, FLAPS_NAME, text, strlen(text));
	free(text);
	if (fd < 0)
		return fd;
	err = state_file_rename(flaps->options.dir, FLAPS_NAME ".new", FLAPS_NAME);
	state_file_abort(flaps->options.dir, FLAPS_NAME, fd);
	return err;
}

static void flaps_write(struct flaps *flaps)
{
	int err = flaps_save(flaps);

	if (err && !flaps->failed)
		log_warn(
			"health: cannot write %s/%s: %s; a restart brings instances back that flap",
			flaps->options.dir, FLAPS_NAME, strerror(-err));
	flaps->failed = err != 0;
	flaps->marked = err != 0;
	flaps->write_ms = now_of(flaps) + FLAPS_WRITE_MS;
}

static json_t *flaps_load(const char *dir)
{
	json_t *root = NULL, *entries = NULL;
	char *text;
	size_t size;
	int err = state_file_read(dir, FLAPS_NAME, &text, &size);

	if (!err) {
		root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
		free(text);
		if (json_integer_value(json_object_get(root, "version")) == FLAPS_VERSION)
			entries = json_incref(json_object_get(root, "instances"));
		json_decref(root);
	}
	if ((err && err != -ENOENT) || (!err && !json_is_object(entries)))
		log_warn("health: %s/%s: %s: no instance is out", dir, FLAPS_NAME,
			 err ? strerror(-err) : "damaged");
	return entries;
}

/* What was kept of an instance at the start, once. */
static void entry_restore(struct flaps *flaps, const struct model_instance *instance,
			  struct flap *flap)
{
	const json_t *value = json_object_get(flaps->kept, instance->path);
	const char *address = json_string_value(json_object_get(value, "address"));
	json_int_t state = json_integer_value(json_object_get(value, "state"));
	int64_t offset_ms = offset_of(flaps), until_ms;
	char text[CONFIG_ADDRESS_STRLEN];

	config_address_format(&instance->address, text);
	if (address && strcmp(address, text) == 0 && state >= FLAP_IN && state <= FLAP_LEFT_OUT) {
		flap->state = (enum flap_state)state;
		until_ms = json_integer_value(json_object_get(value, "until_unix_ms")) - offset_ms;
		flap->until_ms = until_ms > 0 ? (uint64_t)until_ms : 0;
		times_unpack(json_object_get(value, "changes"), offset_ms, now_of(flaps),
			     &flap->changes);
		times_unpack(json_object_get(value, "outs"), offset_ms, now_of(flaps), &flap->outs);
	}
	json_object_del(flaps->kept, instance->path);
}

/* ---- Changes ---- */

static void note(const struct flaps *flaps, const struct model_instance *instance, const char *from,
		 const char *to, const char *cause, const char *who)
{
	const struct events_change event = {
		.object = instance->path,
		.what = "flapping",
		.from = from,
		.to = to,
		.cause = cause,
		.who = who,
		.flows = EVENTS_FLOWS_ASK,
	};

	log_warn("%s: flapping: %s -> %s, %s", instance->path, from, to, cause);
	events_add(flaps->options.events, &event);
}

static void outcome_note(const struct flaps *flaps, const struct model_instance *instance,
			 const struct flaps_entry *entry, enum flap_outcome outcome,
			 const char *cause)
{
	char within[16], retry[16], text[320];

	config_scalar_duration_format(entry->rule.within_ms, within);
	config_scalar_duration_format(entry->rule.retry_in_ms, retry);
	if (outcome == FLAP_IS_OUT)
		snprintf(text, sizeof(text), "%u changes within %s; retried in %s; %.180s",
			 entry->rule.times, within, retry, cause);
	config_scalar_duration_format(entry->rule.retry_within_ms, within);
	if (outcome == FLAP_IS_LEFT_OUT)
		snprintf(text, sizeof(text), "flapped %u times within %s; %.180s",
			 entry->rule.retry_times, within, cause);
	if (outcome == FLAP_IS_SPARED)
		snprintf(text, sizeof(text), "not taken out: the last one of its pool; %.180s",
			 cause);
	if (outcome == FLAP_IS_RETRIED)
		snprintf(text, sizeof(text), "retried after %s", retry);
	note(flaps, instance, outcome == FLAP_IS_RETRIED ? "out" : "in",
	     flap_state_name(entry->flap.state), text, NULL);
}

static void outcome_apply(struct flaps *flaps, struct model_instance *instance,
			  struct flaps_entry *entry, enum flap_outcome outcome, const char *cause)
{
	if (outcome == FLAP_NOTHING)
		return;
	flaps->marked = true;
	flaps->write_ms = 0;
	outcome_note(flaps, instance, entry, outcome, cause);
	model_held_set(flaps->options.model, instance, entry->flap.state != FLAP_IN);
}

/* Those that take flows because no other one is up don't count. */
static bool is_sound(const struct model_instance *instance)
{
	return instance->accepts && instance->health == HEALTH_UP && !instance->held;
}

static bool is_last(const struct model_instance *instance)
{
	const struct model_pool *pool = instance->pool;

	for (uint32_t i = 0; pool && i < pool->instance_count; i++)
		if (pool->instances[i] != instance && is_sound(pool->instances[i]))
			return false;
	return true;
}

void flaps_change(struct flaps *flaps, struct model_instance *instance, const char *cause)
{
	struct flaps_entry *entry = instance->flapping;
	enum flap_outcome outcome;

	if (!entry || !instance->pool)
		return;
	outcome = flap_change(&entry->flap, &entry->rule, is_last(instance), now_of(flaps));
	flaps->marked = true;
	outcome_apply(flaps, instance, entry, outcome, cause);
}

void flaps_resume(struct flaps *flaps, struct model_instance *instance, const char *who)
{
	struct flaps_entry *entry = instance->flapping;
	enum flap_state before = entry ? entry->flap.state : FLAP_IN;

	if (!entry || entry_is_empty(entry))
		return;
	entry->flap = (struct flap){ .state = FLAP_IN };
	flaps->marked = true;
	flaps->write_ms = 0;
	if (before != FLAP_IN)
		note(flaps, instance, flap_state_name(before), "in", "resume", who);
	model_held_set(flaps->options.model, instance, false);
}

void flaps_follow(struct flaps *flaps, struct model_instance *instance,
		  const struct config_flapping *rule)
{
	struct flaps_entry *entry = instance->flapping;

	if (rule->place.line == 0) {
		flaps_forget(flaps, instance);
		model_held_set(flaps->options.model, instance, false);
		return;
	}
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry) {
			log_err("%s: no memory for its flap control", instance->path);
			return;
		}
		instance->flapping = entry;
		entry_restore(flaps, instance, &entry->flap);
	}
	entry->rule = *rule;
	model_held_set(flaps->options.model, instance, entry->flap.state != FLAP_IN);
}

void flaps_forget(struct flaps *flaps, struct model_instance *instance)
{
	flaps->marked |= instance->flapping != NULL;
	free(instance->flapping);
	instance->flapping = NULL;
}

static void tick_one(struct flaps *flaps, struct model_instance *instance, void *arg)
{
	const uint64_t *now_ms = arg;
	struct flaps_entry *entry = instance->flapping;

	outcome_apply(flaps, instance, entry, flap_tick(&entry->flap, *now_ms), "");
}

void flaps_tick(struct flaps *flaps)
{
	uint64_t now_ms = now_of(flaps);

	each_entry(flaps, tick_one, &now_ms);
	if (flaps->marked && now_ms >= flaps->write_ms)
		flaps_write(flaps);
}

static void forget_one(struct flaps *flaps, struct model_instance *instance, void *arg)
{
	(void)arg;
	flaps_forget(flaps, instance);
}

const struct flap *flaps_get(const struct flaps *flaps, const struct model_instance *instance,
			     uint64_t *left_ms)
{
	const struct flaps_entry *entry = instance->flapping;
	uint64_t now_ms = now_of(flaps);

	if (!entry)
		return NULL;
	*left_ms = entry->flap.until_ms > now_ms ? entry->flap.until_ms - now_ms : 0;
	return &entry->flap;
}

/* ---- Start and end ---- */

struct flaps *flaps_create(const struct flaps_options *options)
{
	struct flaps *flaps = calloc(1, sizeof(*flaps));

	if (!flaps)
		return NULL;
	flaps->options = *options;
	if (!options->now_ms)
		flaps->options.now_ms = monotonic_ms;
	if (!options->now_unix_ms)
		flaps->options.now_unix_ms = realtime_ms;
	flaps->kept = flaps_load(options->dir);
	return flaps;
}

void flaps_destroy(struct flaps *flaps)
{
	if (!flaps)
		return;
	if (flaps->marked)
		flaps_write(flaps);
	each_entry(flaps, forget_one, NULL);
	json_decref(flaps->kept);
	free(flaps);
}

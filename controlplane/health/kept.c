/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/kept.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "controlplane/health/agent_words.h"
#include "controlplane/health/health.h"
#include "controlplane/model/model.h"
#include "controlplane/state/file.h"

#define KEPT_NAME "health.json"
#define KEPT_VERSION 1

struct health_kept {
	char *dir;
	json_t *entries; /* by path */
	json_t *agents;	 /* what they said, by path */
	bool marked;
	bool failed;	     /* writing failed, and this was logged */
	uint64_t written_ms; /* 0: not yet */
};

struct kept_entry {
	enum health_state health;
	int64_t time_unix;
};

/* ---- The file ---- */

/* @agents: set; a file of an older version has none. */
static json_t *kept_parse(const char *text, size_t size, json_t **agents)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	json_t *entries = json_object_get(root, "instances");

	if (json_integer_value(json_object_get(root, "version")) != KEPT_VERSION ||
	    !json_is_object(entries))
		entries = NULL;
	json_incref(entries);
	*agents = entries ? json_incref(json_object_get(root, "agents")) : NULL;
	json_decref(root);
	return entries;
}

static json_t *kept_load(const char *dir, json_t **agents)
{
	json_t *entries = NULL;
	size_t size;
	char *text;
	int err = state_file_read(dir, KEPT_NAME, &text, &size);

	if (!err) {
		entries = kept_parse(text, size, agents);
		free(text);
	}
	if (err && err != -ENOENT)
		log_warn("health: cannot read %s/%s: %s", dir, KEPT_NAME, strerror(-err));
	else if (!err && !entries)
		log_warn("health: %s/%s is damaged: the health of all instances is unknown", dir,
			 KEPT_NAME);
	return entries ? entries : json_object();
}

static int kept_save(const char *dir, json_t *entries, json_t *agents)
{
	json_t *root = json_pack("{s:i, s:O, s:O}", "version", KEPT_VERSION, "instances", entries,
				 "agents", agents);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int fd, err = -ENOMEM;

	json_decref(root);
	if (!text)
		return err;
	fd = state_file_prepare(dir, KEPT_NAME, text, strlen(text));
	free(text);
	if (fd < 0)
		return fd;
	err = state_file_rename(dir, KEPT_NAME ".new", KEPT_NAME);
	state_file_abort(dir, KEPT_NAME, fd);
	return err;
}

/* ---- One instance ---- */

static int health_parse(const char *word, enum health_state *health)
{
	for (int i = HEALTH_UP; word && i <= HEALTH_DOWN; i++) {
		if (strcmp(word, health_state_name((enum health_state)i)) != 0)
			continue;
		*health = (enum health_state)i;
		return 0;
	}
	return -EINVAL;
}

/* Return: whether there is an entry for this instance, with the same address. */
static bool entry_read(json_t *entries, const struct model_instance *instance,
		       struct kept_entry *entry)
{
	const json_t *value = json_object_get(entries, instance->path);
	const char *address = json_string_value(json_object_get(value, "address"));
	const json_t *time = json_object_get(value, "time");
	char text[CONFIG_ADDRESS_STRLEN];

	config_address_format(&instance->address, text);
	if (!address || strcmp(address, text) != 0 || !json_is_integer(time))
		return false;
	entry->time_unix = json_integer_value(time);
	return !health_parse(json_string_value(json_object_get(value, "health")), &entry->health);
}

/* Return: whether the instance has had a check result, before or after the restart. */
static bool entry_find(json_t *entries, const struct model_instance *instance, int64_t now_unix,
		       struct kept_entry *entry)
{
	int64_t ago_ms = instance->checker ? health_instance_last_ms(instance->checker) : -1;

	if (instance->health == HEALTH_UNKNOWN)
		return false;
	if (ago_ms < 0 && !entry_read(entries, instance, entry))
		return false;
	entry->health = instance->health;
	if (ago_ms >= 0)
		entry->time_unix = now_unix - ago_ms / 1000;
	return true;
}

static void entry_write(json_t *entries, const struct model_instance *instance,
			const struct kept_entry *entry)
{
	char text[CONFIG_ADDRESS_STRLEN];

	json_object_set_new(entries, instance->path,
			    json_pack("{s:s, s:s, s:I}", "health", health_state_name(entry->health),
				      "address", config_address_format(&instance->address, text),
				      "time", (json_int_t)entry->time_unix));
}

static void entry_restore(const struct health_kept *kept, struct model *model,
			  struct model_instance *instance, int64_t now_unix)
{
	struct kept_entry entry;
	bool young;

	if (instance->health != HEALTH_UNKNOWN || !entry_read(kept->entries, instance, &entry))
		return;
	/* A time in the future: the clock was or is wrong, and the entry's age is unknown. */
	young = entry.time_unix <= now_unix && entry.time_unix >= now_unix - HEALTH_KEPT_MAX_S;
	if (young)
		model_health_set(model, instance, entry.health,
				 entry.health == HEALTH_UP ? ""
							   : "as before the restart of sluiced");
}

/* What its agent has said stays until it says something else: there is no age. */
static void agent_write(json_t *agents, const struct model_instance *instance)
{
	const struct model_agent *agent = &instance->agent;
	char text[CONFIG_ADDRESS_STRLEN];

	if (agent->known)
		json_object_set_new(agents, instance->path,
				    json_pack("{s:s, s:i, s:s, s:b, s:s}", "address",
					      config_address_format(&instance->address, text),
					      "percent", (int)agent->percent, "admin",
					      model_admin_name(agent->admin), "down", agent->down,
					      "text", agent->text));
}

static void agent_restore(const struct health_kept *kept, struct model *model,
			  struct model_instance *instance)
{
	const json_t *value = json_object_get(kept->agents, instance->path);
	const char *address = json_string_value(json_object_get(value, "address"));
	const char *admin = json_string_value(json_object_get(value, "admin"));
	const char *said = json_string_value(json_object_get(value, "text"));
	json_int_t percent = json_integer_value(json_object_get(value, "percent"));
	struct model_agent agent = { .known = true };
	char text[CONFIG_ADDRESS_STRLEN];

	config_address_format(&instance->address, text);
	if (!address || strcmp(address, text) != 0 || !admin || !said ||
	    model_admin_parse(admin, &agent.admin) || percent < 0 || percent > AGENT_PERCENT_MAX)
		return;
	agent.percent = (uint16_t)percent;
	agent.down = json_is_true(json_object_get(value, "down"));
	snprintf(agent.text, sizeof(agent.text), "%s", said);
	model_agent_set(model, instance, &agent);
}

/* ---- All instances ---- */

void health_kept_restore(const struct health_kept *kept, struct model *model, int64_t now_unix)
{
	for (uint32_t i = 0; i < model_pool_count(model); i++) {
		const struct model_pool *pool = model_pool_at(model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			entry_restore(kept, model, pool->instances[j], now_unix);
			agent_restore(kept, model, pool->instances[j]);
		}
	}
}

void health_kept_collect(struct health_kept *kept, const struct model *model, int64_t now_unix)
{
	json_t *entries = json_object(), *agents = json_object();

	if (!entries || !agents) {
		json_decref(entries);
		json_decref(agents);
		return;
	}
	for (uint32_t i = 0; i < model_pool_count(model); i++) {
		const struct model_pool *pool = model_pool_at(model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			const struct model_instance *instance = pool->instances[j];
			struct kept_entry entry;

			if (entry_find(kept->entries, instance, now_unix, &entry))
				entry_write(entries, instance, &entry);
			agent_write(agents, instance);
		}
	}
	json_decref(kept->entries);
	json_decref(kept->agents);
	kept->entries = entries;
	kept->agents = agents;
}

void health_kept_mark(struct health_kept *kept)
{
	kept->marked = true;
}

bool health_kept_is_due(const struct health_kept *kept, uint64_t now_ms)
{
	uint32_t pause_ms = kept->marked ? HEALTH_KEPT_WRITE_MS : HEALTH_KEPT_REFRESH_MS;

	return kept->written_ms == 0 ? kept->marked : now_ms >= kept->written_ms + pause_ms;
}

int health_kept_write(struct health_kept *kept, uint64_t now_ms)
{
	int err = kept_save(kept->dir, kept->entries, kept->agents);

	kept->marked = false;
	kept->written_ms = now_ms;
	if (err && !kept->failed)
		log_warn(
			"health: cannot write %s/%s: %s; after a restart of both daemons the first "
			"checks must be waited for",
			kept->dir, KEPT_NAME, strerror(-err));
	kept->failed = err != 0;
	return err;
}

/* ---- Open and close ---- */

struct health_kept *health_kept_open(const char *dir)
{
	struct health_kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return NULL;
	kept->dir = strdup(dir);
	kept->entries = kept->dir ? kept_load(dir, &kept->agents) : NULL;
	if (!json_is_object(kept->agents)) {
		json_decref(kept->agents);
		kept->agents = json_object();
	}
	if (kept->entries && kept->agents)
		return kept;
	health_kept_close(kept);
	errno = ENOMEM;
	return NULL;
}

void health_kept_close(struct health_kept *kept)
{
	if (!kept)
		return;
	json_decref(kept->entries);
	json_decref(kept->agents);
	free(kept->dir);
	free(kept);
}

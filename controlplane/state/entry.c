/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/entry.h"

#include <stdio.h>
#include <string.h>

#define STATE_VERSION 1

/* "pool/instance", up to the longest names. The configuration checks their characters. */
static bool state_path_valid(const char *path)
{
	const char *slash = strchr(path, '/');
	size_t length = strlen(path);

	return slash != NULL && slash != path && slash[1] != '\0' && length < MODEL_PATH_MAX &&
	       strchr(slash + 1, '/') == NULL;
}

static bool state_entry_valid(json_t *value)
{
	const json_t *admin = json_object_get(value, "admin");
	const json_t *weight = json_object_get(value, "weight");
	const json_t *changed = json_object_get(value, "changed");
	enum model_admin parsed;

	if (!json_is_string(admin) || model_admin_parse(json_string_value(admin), &parsed) != 0)
		return false;
	if (weight != NULL && (!json_is_integer(weight) || json_integer_value(weight) < 0 ||
			       json_integer_value(weight) > CONFIG_WEIGHT_MAX))
		return false;
	return json_is_integer(changed);
}

static json_t *state_root_check(json_t *root, char reason[STATE_REASON_MAX])
{
	json_t *version = json_object_get(root, "version");
	json_t *entries = json_object_get(root, "instances");
	const char *path;
	json_t *value;

	if (!json_is_integer(version) || !json_is_object(entries)) {
		snprintf(reason, STATE_REASON_MAX, "\"version\" or \"instances\" is missing");
		return NULL;
	}
	if (json_integer_value(version) != STATE_VERSION) {
		snprintf(reason, STATE_REASON_MAX, "version %lld is not supported, only %d",
			 (long long)json_integer_value(version), STATE_VERSION);
		return NULL;
	}
	if (json_object_size(entries) > STATE_ENTRIES_MAX) {
		snprintf(reason, STATE_REASON_MAX, "more than %d entries", STATE_ENTRIES_MAX);
		return NULL;
	}
	json_object_foreach(entries, path, value) {
		if (!state_path_valid(path) || !state_entry_valid(value)) {
			snprintf(reason, STATE_REASON_MAX, "the entry \"%.140s\" is not valid",
				 path);
			return NULL;
		}
	}
	return json_incref(entries);
}

json_t *state_entries_parse(const char *text, size_t size, char reason[STATE_REASON_MAX])
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	json_t *entries;

	if (root == NULL) {
		snprintf(reason, STATE_REASON_MAX, "line %d: %s", error.line, error.text);
		return NULL;
	}
	entries = state_root_check(root, reason);
	json_decref(root);
	return entries;
}

char *state_entries_format(json_t *entries)
{
	json_t *root = json_pack("{s:i, s:O}", "version", STATE_VERSION, "instances", entries);
	char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);

	json_decref(root);
	return text;
}

void state_entry_read(const json_t *value, struct state_entry *entry)
{
	const json_t *weight = json_object_get(value, "weight");
	const char *admin = json_string_value(json_object_get(value, "admin"));

	*entry = (struct state_entry){ .admin = MODEL_READY };
	if (value == NULL || admin == NULL)
		return;
	(void)model_admin_parse(admin, &entry->admin);
	entry->weight_set = weight != NULL;
	entry->weight = (uint32_t)json_integer_value(weight);
	entry->changed_unix = json_integer_value(json_object_get(value, "changed"));
}

json_t *state_entry_format(const struct state_entry *entry)
{
	json_t *value = json_pack("{s:s, s:I}", "admin", model_admin_name(entry->admin), "changed",
				  (json_int_t)entry->changed_unix);

	if (value != NULL && entry->weight_set &&
	    json_object_set_new(value, "weight", json_integer(entry->weight)) != 0) {
		json_decref(value);
		return NULL;
	}
	return value;
}

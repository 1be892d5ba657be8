/* SPDX-License-Identifier: BSD-3-Clause */
/* Contents of state.json: {"version": 1, "instances": {"web/web-1": {"admin": "drain", ...}}}. */
#ifndef CONTROLPLANE_STATE_ENTRY_H
#define CONTROLPLANE_STATE_ENTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/model/model.h"

#define STATE_REASON_MAX 256
/* Twice the instances that a configuration may have. */
#define STATE_ENTRIES_MAX (2 * CONFIG_INSTANCES_MAX)

/** Default without an entry in the file: MODEL_READY, the configuration's weight, never changed. */
struct state_entry {
	enum model_admin admin;
	bool weight_set;
	uint32_t weight;      /* 0 to CONFIG_WEIGHT_MAX; 0 if not set */
	int64_t changed_unix; /* seconds; 0: never */
};

/**
 * Parse a file and check all of it: one wrong value invalidates the whole file.
 * @reason: why it is refused.
 * Return: its entries by path, or NULL.
 */
json_t *state_entries_parse(const char *text, size_t size, char reason[STATE_REASON_MAX]);

/** Return: the text of the file, to be freed, or NULL without memory. */
char *state_entries_format(json_t *entries);

/** @value: of state_entries_parse(), or NULL: the defaults. */
void state_entry_read(const json_t *value, struct state_entry *entry);

/** Return: a new value, or NULL without memory. */
json_t *state_entry_format(const struct state_entry *entry);

#endif

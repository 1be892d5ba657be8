/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/leaving.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/state/file.h"

#define LEAVING_NAME "draining.json"
#define LEAVING_VERSION 1

struct leaving {
	char *dir;
	json_t *list; /* as read or written last */
	bool marked;
	bool failed; /* writing failed, and this was logged */
};

static json_t *leaving_load(const char *dir)
{
	json_t *root = NULL, *list = NULL;
	char *text;
	size_t size;
	int err = state_file_read(dir, LEAVING_NAME, &text, &size);

	if (!err) {
		root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
		free(text);
		if (json_integer_value(json_object_get(root, "version")) == LEAVING_VERSION)
			list = json_incref(json_object_get(root, "instances"));
		json_decref(root);
	}
	if ((err && err != -ENOENT) || (!err && !json_is_array(list)))
		log_warn("state: %s/%s: %s: removed instances drain from the beginning", dir,
			 LEAVING_NAME, err ? strerror(-err) : "damaged");
	return list;
}

struct leaving *leaving_open(const char *dir)
{
	struct leaving *leaving = calloc(1, sizeof(*leaving));

	if (!leaving)
		return NULL;
	leaving->dir = strdup(dir);
	if (!leaving->dir) {
		free(leaving);
		return NULL;
	}
	leaving->list = leaving_load(dir);
	return leaving;
}

void leaving_close(struct leaving *leaving)
{
	if (!leaving)
		return;
	json_decref(leaving->list);
	free(leaving->dir);
	free(leaving);
}

static bool entry_is_of(const json_t *entry, const struct model_instance *instance)
{
	const char *path = json_string_value(json_object_get(entry, "instance"));
	const char *address = json_string_value(json_object_get(entry, "address"));
	char text[CONFIG_ADDRESS_STRLEN];

	return path && address && strcmp(path, instance->path) == 0 &&
	       strcmp(address, config_address_format(&instance->address, text)) == 0;
}

uint32_t leaving_left_ms(const struct leaving *leaving, const struct model_instance *instance,
			 int64_t now_unix_ms)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(leaving->list, i, entry) {
		json_int_t left, drain;

		if (!entry_is_of(entry, instance))
			continue;
		drain = json_integer_value(json_object_get(entry, "drain_ms"));
		left = json_integer_value(json_object_get(entry, "until_unix_ms")) - now_unix_ms;
		/* The clock may have been set back. */
		left = left > drain ? drain : left;
		return left > 0 && left < UINT32_MAX ? (uint32_t)left : 0;
	}
	return UINT32_MAX;
}

void leaving_mark(struct leaving *leaving)
{
	leaving->marked = true;
}

static json_t *leaving_pack(const struct model *model, uint64_t now_ms, int64_t now_unix_ms)
{
	const struct model_instance *instance = NULL;
	char address[CONFIG_ADDRESS_STRLEN];
	json_t *list = json_array();

	while (list && (instance = model_leaving_next(model, instance)))
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:I}", "instance", instance->path, "address",
				  config_address_format(&instance->address, address),
				  "until_unix_ms",
				  now_unix_ms + (json_int_t)(instance->leave_ms - now_ms),
				  "drain_ms", (json_int_t)instance->drain_ms));
	return list;
}

static int leaving_save(const struct leaving *leaving)
{
	json_t *root =
		json_pack("{s:i, s:O}", "version", LEAVING_VERSION, "instances", leaving->list);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int fd, err;

	json_decref(root);
	if (!text)
		return -ENOMEM;
	fd = state_file_prepare(leaving->dir, LEAVING_NAME, text, strlen(text));
	free(text);
	if (fd < 0)
		return fd;
	err = state_file_rename(leaving->dir, LEAVING_NAME ".new", LEAVING_NAME);
	state_file_abort(leaving->dir, LEAVING_NAME, fd);
	return err;
}

void leaving_write(struct leaving *leaving, const struct model *model, uint64_t now_ms,
		   int64_t now_unix_ms)
{
	json_t *list;
	int err = -ENOMEM;

	if (!leaving->marked)
		return;
	list = leaving_pack(model, now_ms, now_unix_ms);
	if (list) {
		json_decref(leaving->list);
		leaving->list = list;
		err = leaving_save(leaving);
	}
	if (err && !leaving->failed)
		log_warn("state: cannot write %s/%s: %s; after a restart removed instances drain "
			 "from the beginning",
			 leaving->dir, LEAVING_NAME, strerror(-err));
	leaving->failed = err != 0;
	leaving->marked = err != 0;
}

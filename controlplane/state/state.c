/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/state.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "config/base/log.h"
#include "controlplane/state/entry.h"
#include "controlplane/state/file.h"

#define STATE_NAME "state.json"
#define STATE_COPY_NAME "state.json~"

struct state {
	char *dir;
	char path[PATH_MAX];
	json_t *entries;  /* by path */
	bool copy_failed; /* and this was logged */
	bool (*known)(void *arg, const char *path);
	void *known_arg;
};

/* Return: the entries of a file, or NULL and errno: ENOENT, EINVAL if it is damaged (logged), other. */
static json_t *state_load_file(const struct state *state, const char *name)
{
	char reason[STATE_REASON_MAX];
	json_t *entries;
	char *text;
	size_t size;
	int err;

	err = state_file_read(state->dir, name, &text, &size);
	if (err != 0) {
		if (err != -ENOENT)
			log_err("state: cannot read %s/%s: %s", state->dir, name, strerror(-err));
		errno = -err;
		return NULL;
	}
	entries = state_entries_parse(text, size, reason);
	free(text);
	if (entries == NULL) {
		log_err("state: %s/%s is damaged: %s", state->dir, name, reason);
		errno = EINVAL;
	}
	return entries;
}

static void state_put_aside(const struct state *state)
{
	char name[64];
	time_t now = time(NULL);
	struct tm when;
	int err;

	gmtime_r(&now, &when);
	strftime(name, sizeof(name), STATE_NAME ".corrupt-%Y%m%dT%H%M%SZ", &when);
	err = state_file_rename(state->dir, STATE_NAME, name);
	if (err != 0)
		log_err("state: cannot rename %s: %s", state->path, strerror(-err));
	else
		log_err("state: the damaged file is kept as %s/%s", state->dir, name);
}

static void state_write_copy(struct state *state, const char *text)
{
	int fd = state_file_prepare(state->dir, STATE_COPY_NAME, text, strlen(text));
	int err = fd;

	if (fd >= 0) {
		/* The file itself is already on disk: no need to sync its copy. */
		err = state_file_rename(state->dir, STATE_COPY_NAME ".new", STATE_COPY_NAME);
		state_file_abort(state->dir, STATE_COPY_NAME, fd);
	}
	if (err < 0 && !state->copy_failed)
		log_warn("state: cannot write the copy %s~: %s", state->path, strerror(-err));
	state->copy_failed = err < 0;
}

/* Write the file, then its copy. Return: 0 or -errno, and the file is unchanged. */
static int state_write(struct state *state, json_t *entries)
{
	char *text = state_entries_format(entries);
	int err, fd;

	if (text == NULL)
		return -ENOMEM;
	fd = state_file_prepare(state->dir, STATE_NAME, text, strlen(text));
	err = fd < 0 ? fd : state_file_commit(state->dir, STATE_NAME, fd);
	if (err == 0)
		state_write_copy(state, text);
	free(text);
	return err;
}

static void state_load(struct state *state)
{
	int err;

	state->entries = state_load_file(state, STATE_NAME);
	if (state->entries != NULL)
		return;
	err = errno;
	if (err == EINVAL || err == EFBIG)
		state_put_aside(state);

	state->entries = state_load_file(state, STATE_COPY_NAME);
	if (state->entries != NULL) {
		log_warn("state: %s is %s; using its copy %s~ with %zu entries", state->path,
			 err == ENOENT ? "missing" : "damaged", state->path,
			 json_object_size(state->entries));
		err = state_write(state, state->entries);
		if (err != 0)
			log_err("state: cannot write %s: %s", state->path, strerror(-err));
		return;
	}
	if (err != ENOENT || errno != ENOENT)
		log_err("state: administrative state is lost: all instances start as ready, with "
			"their configured weights");
	state->entries = json_object();
}

static void state_make_dir(const char *dir)
{
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		log_warn("state: cannot create %s: %s", dir, strerror(errno));
}

struct state *state_open(const char *dir)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL)
		return NULL;
	state->dir = strdup(dir);
	if (state->dir == NULL)
		goto fail;
	if (snprintf(state->path, sizeof(state->path), "%s/%s", dir, STATE_NAME) >=
	    (int)sizeof(state->path)) {
		errno = ENAMETOOLONG;
		goto fail;
	}
	state_make_dir(dir);
	state_load(state);
	if (state->entries == NULL) {
		errno = ENOMEM;
		goto fail;
	}
	return state;
fail:
	free(state->dir);
	free(state);
	return NULL;
}

void state_close(struct state *state)
{
	if (state == NULL)
		return;
	json_decref(state->entries);
	free(state->dir);
	free(state);
}

const char *state_path(const struct state *state)
{
	return state->path;
}

void state_get(const struct state *state, const char *path, struct state_entry *entry)
{
	state_entry_read(json_object_get(state->entries, path), entry);
}

void state_set_known(struct state *state, bool (*known)(void *arg, const char *path), void *arg)
{
	state->known = known;
	state->known_arg = arg;
}

/* Evict the entry changed longest ago among those that the configuration doesn't have. */
static int state_make_room(const struct state *state, json_t *entries)
{
	const char *path, *oldest = NULL;
	int64_t oldest_unix = INT64_MAX;
	json_t *value;

	if (state->known == NULL)
		return -E2BIG;
	json_object_foreach(entries, path, value) {
		struct state_entry entry;

		state_entry_read(value, &entry);
		if (entry.changed_unix < oldest_unix && !state->known(state->known_arg, path)) {
			oldest_unix = entry.changed_unix;
			oldest = path;
		}
	}
	if (oldest == NULL)
		return -E2BIG;
	log_warn("state: %s is full: removing %s, which is not in the configuration", state->path,
		 oldest);
	json_object_del(entries, oldest);
	return 0;
}

static int state_change(const struct state *state, json_t *entries, const char *path,
			const struct state_entry *entry)
{
	struct state_entry stamped = *entry;
	int err;

	if (entry->admin == MODEL_READY && !entry->weight_set) {
		json_object_del(entries, path);
		return 0;
	}
	if (json_object_get(entries, path) == NULL &&
	    json_object_size(entries) >= STATE_ENTRIES_MAX) {
		err = state_make_room(state, entries);
		if (err != 0)
			return err;
	}
	stamped.changed_unix = time(NULL);
	return json_object_set_new(entries, path, state_entry_format(&stamped)) != 0 ? -ENOMEM : 0;
}

int state_set(struct state *state, const char *path, const struct state_entry *entry)
{
	json_t *entries = json_copy(state->entries);
	int err;

	if (entries == NULL)
		return -ENOMEM;
	err = state_change(state, entries, path, entry);
	if (err == 0)
		err = state_write(state, entries);
	if (err != 0) {
		json_decref(entries);
		return err;
	}
	json_decref(state->entries);
	state->entries = entries;
	return 0;
}

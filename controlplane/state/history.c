/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/history.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/state/file.h"

#define HISTORY_NAME_MAX 40
#define HISTORY_MARK "# "

struct history {
	char dir[PATH_MAX];
	uint64_t last;				    /* the last number given */
	struct history_entry *entries[HISTORY_MAX]; /* the newest first */
	uint32_t count;
};

static void history_name(uint64_t generation, char name[HISTORY_NAME_MAX])
{
	snprintf(name, HISTORY_NAME_MAX, "%" PRIu64 ".yaml", generation);
}

/* ---- The first line ---- */

static void history_copy(char *to, size_t size, const json_t *value)
{
	const char *text = json_string_value(value);

	snprintf(to, size, "%s", text != NULL ? text : "");
}

/* Return: bytes of the first line with its newline; 0: it is not one of ours. */
static size_t history_head_parse(const char *text, size_t size, struct history_entry *entry)
{
	const char *end = memchr(text, '\n', size);
	size_t mark = sizeof(HISTORY_MARK) - 1;
	json_t *head = NULL;

	if (end != NULL && (size_t)(end - text) > mark && memcmp(text, HISTORY_MARK, mark) == 0)
		head = json_loadb(text + mark, (size_t)(end - text) - mark, 0, NULL);
	if (!json_is_object(head)) {
		json_decref(head);
		return 0;
	}
	entry->time_unix = json_integer_value(json_object_get(head, "time"));
	history_copy(entry->who, sizeof(entry->who), json_object_get(head, "who"));
	history_copy(entry->how, sizeof(entry->how), json_object_get(head, "how"));
	history_copy(entry->file, sizeof(entry->file), json_object_get(head, "file"));
	json_decref(head);
	return (size_t)(end + 1 - text);
}

/* Return: the file's contents, to be freed. */
static char *history_format(const struct history_entry *entry, const char *text, size_t bytes,
			    size_t *size)
{
	json_t *file = json_string(entry->file);
	json_t *head = json_pack("{s:I, s:s, s:s, s:o}", "time", (json_int_t)entry->time_unix,
				 "who", entry->who, "how", entry->how, "file",
				 file != NULL ? file : json_string("?"));
	char *line = head != NULL ? json_dumps(head, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	char *whole = NULL;

	json_decref(head);
	if (line != NULL) {
		*size = sizeof(HISTORY_MARK) + strlen(line) + bytes;
		whole = malloc(*size + 1);
	}
	if (whole != NULL) {
		snprintf(whole, *size + 1, HISTORY_MARK "%s\n", line);
		memcpy(whole + *size - bytes, text, bytes);
	}
	free(line);
	return whole;
}

/* ---- Reading ---- */

int history_text(const struct history *history, uint64_t generation, char **text, size_t *bytes)
{
	char name[HISTORY_NAME_MAX];
	struct history_entry entry;
	size_t head;
	int err;

	history_name(generation, name);
	err = state_file_read(history->dir, name, text, bytes);
	if (err != 0)
		return err;
	head = history_head_parse(*text, *bytes, &entry);
	if (head == 0) {
		free(*text);
		*text = NULL;
		return -EINVAL;
	}
	*bytes -= head;
	memmove(*text, *text + head, *bytes + 1);
	return 0;
}

/* Return: NULL if it can't be used. */
static struct history_entry *history_read(const struct history *history, uint64_t generation)
{
	struct history_entry *entry = calloc(1, sizeof(*entry));
	char name[HISTORY_NAME_MAX];
	char *text = NULL;
	size_t size = 0, head = 0;
	int err;

	if (entry == NULL)
		return NULL;
	history_name(generation, name);
	err = state_file_read(history->dir, name, &text, &size);
	if (err == 0)
		head = history_head_parse(text, size, entry);
	if (text != NULL)
		explicit_bzero(text, size);
	free(text);
	entry->generation = generation;
	entry->bytes = size - head;
	if (head > 0)
		return entry;
	log_warn("history: %s/%s: %s", history->dir, name,
		 err != 0 ? strerror(-err) : "not written by sluiced");
	free(entry);
	return NULL;
}

/* Return: 0: not a name of ours. */
static uint64_t history_number(const char *name)
{
	char *end, again[HISTORY_NAME_MAX];
	uint64_t number = strtoull(name, &end, 10);

	history_name(number, again);
	return strcmp(name, again) == 0 ? number : 0;
}

static int history_compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a > b ? -1 : a < b;
}

/* Return: how many numbers there are in the directory, the highest first; -errno. */
static int history_list(const struct history *history, uint64_t *numbers, uint32_t max)
{
	DIR *dir = opendir(history->dir);
	const struct dirent *entry;
	uint32_t count = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (count < max && (entry = readdir(dir)) != NULL) {
		numbers[count] = history_number(entry->d_name);
		count += numbers[count] != 0;
	}
	closedir(dir);
	qsort(numbers, count, sizeof(*numbers), history_compare);
	return (int)count;
}

static void history_remove(const struct history *history, uint64_t generation)
{
	char name[HISTORY_NAME_MAX], path[PATH_MAX + HISTORY_NAME_MAX];

	history_name(generation, name);
	snprintf(path, sizeof(path), "%s/%s", history->dir, name);
	if (unlink(path) != 0 && errno != ENOENT)
		log_warn("history: cannot remove %s: %s", path, strerror(errno));
}

static void history_load(struct history *history)
{
	uint64_t numbers[4 * HISTORY_MAX] = { 0 };
	int count = history_list(history, numbers, sizeof(numbers) / sizeof(numbers[0]));

	if (count < 0)
		log_warn("history: cannot read %s: %s", history->dir, strerror(-count));
	for (int i = 0; i < count; i++) {
		if (history->last == 0)
			history->last = numbers[i];
		if (history->count == HISTORY_MAX) {
			history_remove(history, numbers[i]);
			continue;
		}
		history->entries[history->count] = history_read(history, numbers[i]);
		history->count += history->entries[history->count] != NULL;
	}
}

struct history *history_open(const char *state_dir)
{
	struct history *history = calloc(1, sizeof(*history));

	if (history == NULL)
		return NULL;
	if (snprintf(history->dir, sizeof(history->dir), "%s/" HISTORY_DIR, state_dir) >=
	    (int)sizeof(history->dir)) {
		free(history);
		errno = ENAMETOOLONG;
		return NULL;
	}
	history_load(history);
	return history;
}

void history_close(struct history *history)
{
	if (history == NULL)
		return;
	for (uint32_t i = 0; i < history->count; i++)
		free(history->entries[i]);
	free(history);
}

uint32_t history_count(const struct history *history)
{
	return history->count;
}

const struct history_entry *history_at(const struct history *history, uint32_t back)
{
	return back < history->count ? history->entries[back] : NULL;
}

const struct history_entry *history_before(const struct history *history, uint64_t generation,
					   uint32_t back)
{
	bool kept = history->count == 0 || history->entries[0]->generation == generation;

	if (kept)
		return history_at(history, back);
	return back > 0 ? history_at(history, back - 1) : NULL;
}

int history_find(const struct history *history, uint64_t generation)
{
	for (uint32_t i = 0; i < history->count; i++)
		if (history->entries[i]->generation == generation)
			return (int)i;
	return -ENOENT;
}

/* ---- Writing ---- */

static bool history_is_newest(const struct history *history, const char *text, size_t bytes)
{
	char *newest = NULL;
	size_t size;
	bool same;

	if (history->count == 0 || history->entries[0]->generation != history->last ||
	    history->entries[0]->bytes != bytes ||
	    history_text(history, history->last, &newest, &size) != 0)
		return false;
	same = size == bytes && memcmp(newest, text, size) == 0;
	explicit_bzero(newest, size);
	free(newest);
	return same;
}

static int history_write(const struct history *history, const struct history_entry *entry,
			 const char *text, size_t bytes)
{
	char name[HISTORY_NAME_MAX];
	size_t size = 0;
	char *whole = history_format(entry, text, bytes, &size);
	int fd;

	if (whole == NULL)
		return -ENOMEM;
	if (mkdir(history->dir, 0700) != 0 && errno != EEXIST) {
		fd = -errno;
	} else {
		history_name(entry->generation, name);
		fd = state_file_prepare(history->dir, name, whole, size);
		if (fd >= 0)
			fd = state_file_commit(history->dir, name, fd);
	}
	explicit_bzero(whole, size);
	free(whole);
	return fd;
}

static void history_push(struct history *history, struct history_entry *entry)
{
	if (history->count == HISTORY_MAX) {
		history_remove(history, history->entries[HISTORY_MAX - 1]->generation);
		free(history->entries[HISTORY_MAX - 1]);
		history->count--;
	}
	memmove(history->entries + 1, history->entries,
		history->count * sizeof(history->entries[0]));
	history->entries[0] = entry;
	history->count++;
}

int history_add(struct history *history, const struct history_entry *entry, const char *text,
		size_t bytes, uint64_t *generation)
{
	struct history_entry *stored;
	int err;

	*generation = history->last;
	if (history_is_newest(history, text, bytes))
		return 0;
	*generation = ++history->last;
	stored = malloc(sizeof(*stored));
	if (stored == NULL)
		return -ENOMEM;
	*stored = *entry;
	stored->generation = *generation;
	stored->bytes = bytes;
	err = history_write(history, stored, text, bytes);
	if (err == 0)
		history_push(history, stored);
	else
		free(stored);
	return err;
}

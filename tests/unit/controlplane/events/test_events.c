/* SPDX-License-Identifier: BSD-3-Clause */
/* What is recorded is read back: over restarts, full disks, damage, and by slow readers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/events/events.h"
#include "controlplane/events/file.h"

struct world {
	char dir[64];
	int64_t now_ms;
	uint32_t bytes_max;
	struct events *events;
};

/* What the journal got, in place of libsystemd's. */
static char journal[4096];

int sd_journal_sendv(const struct iovec *fields, int n);
int sd_journal_sendv(const struct iovec *fields, int n)
{
	size_t used = 0;

	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(journal + used, sizeof(journal) - used, "%.*s\n",
					 (int)fields[i].iov_len, (const char *)fields[i].iov_base);
	return 0;
}

static int64_t now_of(void *arg)
{
	const struct world *world = arg;

	return world->now_ms;
}

static void open_again(struct world *world)
{
	const struct events_options options = {
		.dir = world->dir,
		.now_unix_ms = now_of,
		.arg = world,
		.file_bytes_max = world->bytes_max,
	};

	events_close(world->events);
	world->events = events_open(&options);
	assert_non_null(world->events);
}

static int setup(void **state)
{
	static struct world world;

	log_set_level(LOG_EMERG);
	unsetenv("JOURNAL_STREAM");
	world = (struct world){ .dir = "/tmp/test_events.XXXXXX", .now_ms = 1764532308123 };
	if (mkdtemp(world.dir) == NULL)
		return -1;
	open_again(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	char command[96];

	events_close(world->events);
	snprintf(command, sizeof(command), "rm -r %s", world->dir);
	return system(command);
}

static void add(struct world *world, const char *object, const char *cause)
{
	const struct events_change change = {
		.object = object,
		.what = "health",
		.from = "up",
		.to = "down",
		.cause = cause,
		.flows = 132,
	};

	events_add(world->events, &change);
}

static void add_many(struct world *world, uint32_t n)
{
	char cause[32];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(cause, sizeof(cause), "number %u", i);
		add(world, "web/web-1", cause);
	}
}

/* Return: how many there are to read; @first and @last: their numbers. */
static uint64_t count(struct world *world, uint64_t *first, uint64_t *last)
{
	uint64_t after = 0, lost = 0, n = 0;
	const struct events_record *record;

	*first = *last = 0;
	while ((record = events_next(world->events, &after, &lost)) != NULL) {
		assert_int_equal(record->seq, after);
		*first = n++ == 0 ? record->seq : *first;
		*last = record->seq;
	}
	assert_int_equal(lost, 0);
	return n;
}

static const char *text_of(struct world *world, uint64_t seq)
{
	uint64_t after = seq - 1, lost = 0;
	const struct events_record *record = events_next(world->events, &after, &lost);

	assert_non_null(record);
	assert_int_equal(record->seq, seq);
	return record->text;
}

static void path_of(const struct world *world, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", world->dir, name);
}

static off_t size_of(const struct world *world, const char *name)
{
	char path[128];
	struct stat info;

	path_of(world, name, path, sizeof(path));
	return stat(path, &info) == 0 ? info.st_size : -1;
}

/* ---- */

static void record_has_every_part(void **state)
{
	struct world *world = *state;
	const struct events_change change = {
		.object = "web/web-1",
		.what = "admin",
		.from = "ready",
		.to = "drain",
		.cause = "drain, uid 0, pid 4711",
		.who = "root",
		.generation = 12,
		.flows = 3,
	};

	add(world, "web/web-1", "HTTP:80/up.html: status 404");
	events_add(world->events, &change);
	assert_string_equal(
		text_of(world, 1),
		"{\"seq\":1,\"time\":\"2025-11-30T19:51:48.123Z\",\"unix_ms\":1764532308123,"
		"\"object\":\"web/web-1\",\"what\":\"health\",\"from\":\"up\",\"to\":\"down\","
		"\"cause\":\"HTTP:80/up.html: status 404\",\"who\":null,\"generation\":null,"
		"\"flows\":132}");
	assert_string_equal(
		text_of(world, 2),
		"{\"seq\":2,\"time\":\"2025-11-30T19:51:48.123Z\",\"unix_ms\":1764532308123,"
		"\"object\":\"web/web-1\",\"what\":\"admin\",\"from\":\"ready\",\"to\":\"drain\","
		"\"cause\":\"drain, uid 0, pid 4711\",\"who\":\"root\",\"generation\":12,"
		"\"flows\":3}");
}

/* An instance may answer with any bytes. */
static void text_of_any_bytes(void **state)
{
	struct world *world = *state;
	json_t *value;

	add(world, "web/web-1", "said \xff\xfe \"quoted\"\nand more");
	value = json_loads(text_of(world, 1), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(value, "cause")),
			    "said ?? \"quoted\"\nand more");
	assert_null(strchr(text_of(world, 1), '\n'));
	json_decref(value);
}

static int64_t flows_of(void *arg, const char *object)
{
	assert_string_equal(object, "web/web-1");
	return *(int64_t *)arg;
}

static void flows_are_asked_for(void **state)
{
	struct world *world = *state;
	struct events_change change = { .object = "web/web-1", .flows = EVENTS_FLOWS_ASK };
	int64_t flows = 77;

	events_add(world->events, &change);
	events_set_flows(world->events, flows_of, &flows);
	events_add(world->events, &change);
	assert_non_null(strstr(text_of(world, 1), "\"flows\":null"));
	assert_non_null(strstr(text_of(world, 2), "\"flows\":77"));
}

static void survives_a_restart(void **state)
{
	struct world *world = *state;
	uint64_t first, last;

	add_many(world, 5);
	open_again(world);
	assert_int_equal(count(world, &first, &last), 5);
	assert_non_null(strstr(text_of(world, 5), "number 4"));
	add(world, "web/web-2", "after");
	open_again(world);
	assert_int_equal(count(world, &first, &last), 6);
	assert_int_equal(last, 6);
}

static void file_is_bounded(void **state)
{
	struct world *world = *state;
	uint64_t first, last, n;

	world->bytes_max = 8192;
	open_again(world);
	for (uint32_t i = 0; i < 50; i++) {
		add_many(world, 10);
		assert_int_equal(events_flush(world->events), 0);
		assert_true(size_of(world, EVENTS_FILE_NAME) <= 8192);
		assert_true(size_of(world, EVENTS_FILE_OLD_NAME) <= 8192);
	}
	open_again(world);
	n = count(world, &first, &last);
	assert_int_equal(last, 500);
	assert_int_equal(first, last + 1 - n);
	/* More than one file's worth: the older one was read too. */
	assert_true(n > 8192 / 250 && n < 500);
}

static void memory_is_bounded(void **state)
{
	struct world *world = *state;
	uint64_t first, last;

	add_many(world, EVENTS_MAX + 7);
	assert_int_equal(count(world, &first, &last), EVENTS_MAX);
	assert_int_equal(first, 8);
	assert_int_equal(last, EVENTS_MAX + 7);
}

static void damage(struct world *world, const char *text)
{
	char path[128];
	int fd;

	events_close(world->events);
	world->events = NULL;
	path_of(world, EVENTS_FILE_NAME, path, sizeof(path));
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	open_again(world);
}

/* As a crash leaves it: the next record must not be glued to it. */
static void torn_record_is_removed(void **state)
{
	struct world *world = *state;
	uint64_t first, last;
	off_t whole;

	add_many(world, 3);
	assert_int_equal(events_flush(world->events), 0);
	whole = size_of(world, EVENTS_FILE_NAME);
	damage(world, "{\"seq\":4,\"time\":\"2025-11-30T19:5");
	assert_int_equal(size_of(world, EVENTS_FILE_NAME), whole);
	assert_int_equal(count(world, &first, &last), 3);
	add(world, "web/web-2", "after");
	open_again(world);
	assert_int_equal(count(world, &first, &last), 4);
	assert_non_null(strstr(text_of(world, 4), "after"));
}

static void damaged_lines_are_skipped(void **state)
{
	static const char *const lines[] = {
		"no JSON\n",
		"\n",
		"[]\n",
		"{\"seq\":\"4\"}\n",
		"{\"seq\":-1,\"unix_ms\":1,\"object\":\"a\"}\n",
		"{\"seq\":2,\"unix_ms\":1,\"object\":\"a number that was\"}\n",
	};
	struct world *world = *state;
	uint64_t first, last;

	add_many(world, 3);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		damage(world, lines[i]);
	assert_int_equal(count(world, &first, &last), 3);
	add(world, "web/web-2", "after");
	open_again(world);
	assert_int_equal(count(world, &first, &last), 4);
}

static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Whole lines or none; and nothing is lost once there is room. */
static void full_disk(void **state)
{
	struct world *world = *state;
	uint64_t first, last;
	off_t before;

	add_many(world, 3);
	assert_int_equal(events_flush(world->events), 0);
	before = size_of(world, EVENTS_FILE_NAME);
	limit_files((rlim_t)before + 100); /* part of a record fits */
	add_many(world, 4);
	assert_true(events_flush(world->events) < 0);
	assert_int_equal(size_of(world, EVENTS_FILE_NAME), before);
	assert_true(events_flush(world->events) < 0);
	assert_int_equal(count(world, &first, &last), 7);
	limit_files(RLIM_INFINITY);
	assert_int_equal(events_flush(world->events), 0);
	open_again(world);
	assert_int_equal(count(world, &first, &last), 7);
}

static void directory_comes_late(void **state)
{
	struct world *world = *state;
	char kept[64];
	uint64_t first, last;

	assert_int_equal(rmdir(world->dir), 0);
	add_many(world, 2);
	assert_int_equal(events_flush(world->events), -ENOENT);
	snprintf(kept, sizeof(kept), "%s", world->dir);
	assert_int_equal(mkdir(kept, 0700), 0);
	assert_int_equal(events_flush(world->events), 0);
	open_again(world);
	assert_int_equal(count(world, &first, &last), 2);
}

/* Somebody removes the file: what comes next is in a new one. */
static void file_is_removed(void **state)
{
	struct world *world = *state;
	char path[128];
	uint64_t first, last;

	add_many(world, 2);
	assert_int_equal(events_flush(world->events), 0);
	path_of(world, EVENTS_FILE_NAME, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	add(world, "web/web-1", "after");
	open_again(world);
	assert_int_equal(count(world, &first, &last), 1);
	assert_int_equal(first, 3);
}

/* A reader that was overtaken is told by how many. */
static void slow_reader(void **state)
{
	struct world *world = *state;
	const struct events_record *record;
	uint64_t after = 0, lost = 0;

	add_many(world, 10);
	record = events_next(world->events, &after, &lost);
	assert_int_equal(record->seq, 1);
	add_many(world, EVENTS_MAX);
	record = events_next(world->events, &after, &lost);
	assert_int_equal(record->seq, 11);
	assert_int_equal(lost, 9);
}

static void filter_of_objects(void **state)
{
	static const struct {
		const char *object, *filter;
		bool matches;
	} rows[] = {
		{ "web/web-1", "", true },
		{ "web/web-1", NULL, true },
		{ "web/web-1", "web/web-1", true },
		{ "web/web-1", "web", true },
		{ "web/web-10", "web/web-1", false },
		{ "website/a", "web", false },
		{ "web", "web/web-1", false },
		{ "web", "web", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct events_record record = { .object = rows[i].object };

		assert_int_equal(events_is_about(&record, rows[i].filter), rows[i].matches);
	}
}

static void journal_has_fields(void **state)
{
	struct world *world = *state;

	journal[0] = '\0';
	add(world, "web/web-1", "not to the journal");
	assert_string_equal(journal, "");
	setenv("JOURNAL_STREAM", "8:1", 1);
	open_again(world);
	add(world, "web/web-1", "TCP:80: connection refused");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(journal,
			    "MESSAGE=web/web-1: health up -> down, TCP:80: connection refused\n"
			    "MESSAGE_ID=5f0c2a8e4b7d4e0f9a61c3d2b8e7f415\n"
			    "PRIORITY=5\n"
			    "SLUICE_EVENT=2\n"
			    "SLUICE_OBJECT=web/web-1\n"
			    "SLUICE_WHAT=health\n"
			    "SLUICE_FROM=up\n"
			    "SLUICE_TO=down\n"
			    "SLUICE_CAUSE=TCP:80: connection refused\n"
			    "SLUICE_WHO=\n"
			    "SLUICE_FLOWS=132\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(record_has_every_part, setup, teardown),
		cmocka_unit_test_setup_teardown(text_of_any_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(flows_are_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(file_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_record_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_lines_are_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(directory_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(file_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(filter_of_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_has_fields, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

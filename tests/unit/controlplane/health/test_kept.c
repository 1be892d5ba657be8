/* SPDX-License-Identifier: BSD-3-Clause */
/* The health that outlives restarts: what is kept, what of it is believed, and how often it's written. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/health/kept.h"
#include "tests/support/model_fixture.h"

#define NOW 1700000000

struct fixture {
	char dir[64];
	struct model *model;
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static struct model *model_make(void)
{
	struct model *model = model_create(&ops, NULL);

	assert_non_null(model);
	assert_int_equal(model_apply(model, fixture_web(3), 0), 0);
	return model;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_health_kept.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->model = model_make();
	log_set_level(LOG_EMERG);
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	model_destroy(f->model);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static const char *file_path(const struct fixture *f)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/health.json", f->dir);
	return path;
}

static void file_write(const struct fixture *f, const char *text)
{
	FILE *file = fopen(file_path(f), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A file that says this of web-1 and web-2; web-3 is not in it. */
static void file_say(const struct fixture *f, const char *health, const char *address, int64_t when)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"version\":1,\"instances\":{"
		 "\"web/web-1\":{\"health\":\"%s\",\"address\":\"%s\",\"time\":%lld},"
		 "\"web/web-2\":{\"health\":\"up\",\"address\":\"10.0.1.3\",\"time\":%d}}}",
		 health, address, (long long)when, NOW);
	file_write(f, text);
}

static enum health_state health_of(const struct fixture *f, const char *path)
{
	return model_instance_find(f->model, path)->health;
}

static void restore(struct fixture *f, int64_t now)
{
	struct health_kept *kept = health_kept_open(f->dir);

	assert_non_null(kept);
	health_kept_restore(kept, f->model, now);
	health_kept_close(kept);
}

/* What an agent has said is there after a restart; not if the address is another. */
static void test_agent(void **state)
{
	const struct model_agent says = { .known = true,
					  .percent = 30,
					  .admin = MODEL_DRAIN,
					  .down = true,
					  .text = "30% drain" };
	struct fixture *f = *state;
	struct health_kept *kept = health_kept_open(f->dir);
	const struct model_instance *instance;

	model_agent_set(f->model, model_instance_find(f->model, "web/web-2"), &says);
	health_kept_collect(kept, f->model, NOW);
	assert_int_equal(health_kept_write(kept, 1), 0);
	health_kept_close(kept);
	model_destroy(f->model);
	f->model = model_make();
	restore(f, NOW + 100000);
	instance = model_instance_find(f->model, "web/web-2");
	assert_true(instance->agent.known && instance->agent.down);
	assert_int_equal(instance->agent.percent, 30);
	assert_int_equal(instance->agent.admin, MODEL_DRAIN);
	assert_string_equal(instance->agent.text, "30% drain");
	assert_false(model_instance_find(f->model, "web/web-1")->agent.known);
	file_write(f, "{\"version\":1,\"instances\":{},\"agents\":{"
		      "\"web/web-1\":{\"address\":\"10.0.1.9\",\"percent\":30,\"admin\":\"drain\","
		      "\"down\":true,\"text\":\"\"},"
		      "\"web/web-3\":{\"address\":\"10.0.1.4\",\"percent\":-1,\"admin\":\"drain\","
		      "\"down\":true,\"text\":\"\"}}}");
	restore(f, NOW);
	assert_false(model_instance_find(f->model, "web/web-1")->agent.known);
	assert_false(model_instance_find(f->model, "web/web-3")->agent.known);
}

static void test_rows(void **state)
{
	static const struct {
		const char *what, *health, *address;
		int64_t when;
		enum health_state then;
	} rows[] = {
		{ "up", "up", "10.0.1.2", NOW, HEALTH_UP },
		{ "lame", "lame", "10.0.1.2", NOW, HEALTH_LAME },
		{ "down", "down", "10.0.1.2", NOW - 5, HEALTH_DOWN },
		{ "just young enough", "up", "10.0.1.2", NOW - HEALTH_KEPT_MAX_S, HEALTH_UP },
		{ "too old", "up", "10.0.1.2", NOW - HEALTH_KEPT_MAX_S - 1, HEALTH_UNKNOWN },
		{ "of the future", "up", "10.0.1.2", NOW + 1, HEALTH_UNKNOWN },
		{ "of long ago", "up", "10.0.1.2", INT64_MIN, HEALTH_UNKNOWN },
		{ "another address", "up", "10.0.1.9", NOW, HEALTH_UNKNOWN },
		{ "no health", "unknown", "10.0.1.2", NOW, HEALTH_UNKNOWN },
		{ "a word of a later version", "dizzy", "10.0.1.2", NOW, HEALTH_UNKNOWN },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		model_destroy(f->model);
		f->model = model_make();
		file_say(f, rows[i].health, rows[i].address, rows[i].when);
		restore(f, NOW);
		if (health_of(f, "web/web-1") != rows[i].then)
			fail_msg("%s: %d", rows[i].what, health_of(f, "web/web-1"));
		assert_int_equal(health_of(f, "web/web-2"), HEALTH_UP);
		assert_int_equal(health_of(f, "web/web-3"), HEALTH_UNKNOWN);
	}
}

static void test_what_is_known_stays(void **state)
{
	struct fixture *f = *state;

	model_health_set(f->model, model_instance_find(f->model, "web/web-1"), HEALTH_DOWN, "x");
	file_say(f, "up", "10.0.1.2", NOW);
	restore(f, NOW);
	assert_int_equal(health_of(f, "web/web-1"), HEALTH_DOWN);
}

static void test_bad_files(void **state)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "{}",
					     "{\"version\":1}",
					     "{\"version\":1,\"instances\":[]}",
					     "{\"version\":2,\"instances\":{}}",
					     "{\"version\":1,\"instances\":{\"web/web-1\":5}}" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		file_write(f, texts[i]);
		restore(f, NOW);
		assert_int_equal(health_of(f, "web/web-1"), HEALTH_UNKNOWN);
	}
	unlink(file_path(f));
	restore(f, NOW);
	assert_int_equal(health_of(f, "web/web-1"), HEALTH_UNKNOWN);
}

/* Time stays that of the last result, however often the file is written before the next one. */
static void test_time_stays(void **state)
{
	struct fixture *f = *state;
	struct health_kept *kept;

	file_say(f, "lame", "10.0.1.2", NOW - 800);
	restore(f, NOW);
	for (uint32_t i = 1; i <= 3; i++) {
		kept = health_kept_open(f->dir);
		health_kept_collect(kept, f->model, NOW + i);
		assert_int_equal(health_kept_write(kept, i), 0);
		health_kept_close(kept);
	}
	model_destroy(f->model);
	f->model = model_make();
	restore(f, NOW + 101);
	assert_int_equal(health_of(f, "web/web-1"), HEALTH_UNKNOWN);
	restore(f, NOW + 100);
	assert_int_equal(health_of(f, "web/web-1"), HEALTH_LAME);
}

/* Once a second at most, however much changes, and once a minute. */
static void test_writes_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct health_kept *kept = health_kept_open(f->dir);
	uint32_t writes = 0;

	assert_false(health_kept_is_due(kept, 100000));
	for (uint32_t ms = 1; ms <= 10000; ms += 10) {
		health_kept_mark(kept);
		if (!health_kept_is_due(kept, ms))
			continue;
		assert_int_equal(health_kept_write(kept, ms), 0);
		writes++;
	}
	assert_int_equal(writes, 10);
	assert_int_equal(health_kept_write(kept, 20000), 0);
	assert_false(health_kept_is_due(kept, 20000 + HEALTH_KEPT_REFRESH_MS - 1));
	assert_true(health_kept_is_due(kept, 20000 + HEALTH_KEPT_REFRESH_MS));
	health_kept_close(kept);
}

static void test_unwritable_directory(void **state)
{
	struct fixture *f = *state;
	struct health_kept *kept = health_kept_open("/proc/none");

	assert_non_null(kept);
	health_kept_restore(kept, f->model, NOW);
	health_kept_collect(kept, f->model, NOW);
	assert_int_equal(health_kept_write(kept, 1), -ENOENT);
	assert_false(health_kept_is_due(kept, 2));
	health_kept_close(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),
		TEST(test_agent),
		TEST(test_what_is_known_stays),
		TEST(test_bad_files),
		TEST(test_time_stays),
		TEST(test_writes_are_bounded),
		TEST(test_unwritable_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

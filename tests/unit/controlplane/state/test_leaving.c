/* SPDX-License-Identifier: BSD-3-Clause */
/* Until when removed instances drain, as it is kept in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/state/leaving.h"
#include "tests/support/model_fixture.h"

#define NOW_MS 5000000u
#define NOW_UNIX_MS 1764532308000ll

static char dir[64];

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static struct config *web(uint32_t n)
{
	static const char *const instances[] = {
		"      web-1: { address: 10.0.1.1 }\n",
		"      web-1: { address: 10.0.1.1 }\n      web-2: { address: 10.0.1.2 }\n",
	};
	char pools[256];

	snprintf(pools, sizeof(pools), "  web:\n    drain: 60s\n    instances:\n%s",
		 instances[n - 1]);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
				     "    listeners: [ { port: 80, pool: web } ]\n");
}

/* web/web-2 drains. */
static struct model *create(void)
{
	struct model *model = model_create(&ops, NULL);

	assert_non_null(model);
	assert_int_equal(model_apply(model, web(2), NOW_MS), 0);
	fixture_up(model);
	assert_int_equal(model_apply(model, web(1), NOW_MS), 0);
	assert_non_null(model_leaving_find(model, "web/web-2", NULL));
	return model;
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	snprintf(dir, sizeof(dir), "/tmp/test_leaving.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* Another process, whose monotonic clock differs. */
static uint32_t left_later(const struct model_instance *instance, int64_t later_ms)
{
	struct leaving *leaving = leaving_open(dir);
	uint32_t left_ms;

	assert_non_null(leaving);
	left_ms = leaving_left_ms(leaving, instance, NOW_UNIX_MS + later_ms);
	leaving_close(leaving);
	return left_ms;
}

static void written_and_read(void **state)
{
	struct model *model = create();
	struct model_instance *instance = model_leaving_find(model, "web/web-2", NULL);
	struct leaving *leaving = leaving_open(dir);

	(void)state;
	assert_non_null(leaving);
	leaving_write(leaving, model, NOW_MS, NOW_UNIX_MS);
	assert_int_equal(left_later(instance, 0), UINT32_MAX); /* nothing was marked */
	leaving_mark(leaving);
	leaving_write(leaving, model, NOW_MS + 10000, NOW_UNIX_MS + 10000);
	assert_int_equal(left_later(instance, 10000), 50000);
	assert_int_equal(left_later(instance, 59999), 1);
	assert_int_equal(left_later(instance, 60000), 0);
	assert_int_equal(left_later(instance, 600000), 0);
	assert_int_equal(left_later(instance, -3600000), 60000); /* the clock was set back */
	instance->address.bytes[3] ^= 1;
	assert_int_equal(left_later(instance, 0), UINT32_MAX); /* another instance of that name */
	instance->address.bytes[3] ^= 1;
	model_leave_end(model, instance, "no flow is left");
	leaving_mark(leaving);
	leaving_write(leaving, model, NOW_MS, NOW_UNIX_MS);
	assert_int_equal(left_later(instance, 0), UINT32_MAX);
	leaving_close(leaving);
	model_destroy(model);
}

static void damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"version\":2,\"instances\":[]}",
		"{\"version\":1,\"instances\":7}",
		"{\"version\":1,\"instances\":[7,{},{\"instance\":7,\"address\":\"10.0.1.2\"}]}",
	};
	struct model *model = create();
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/draining.json", dir);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(texts[i], file);
		fclose(file);
		assert_int_equal(left_later(model_leaving_find(model, "web/web-2", NULL), 0),
				 UINT32_MAX);
	}
	model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(written_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged, setup, teardown),
	};

	return cmocka_run_group_tests_name("leaving", tests, NULL, NULL);
}

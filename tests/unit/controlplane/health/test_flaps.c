/* SPDX-License-Identifier: BSD-3-Clause */
/* Flap control of a pool: who is held, over restarts, and never the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/events/events.h"
#include "controlplane/health/flaps.h"
#include "tests/support/model_fixture.h"
#include "tests/support/refuse.h"

#define MINUTE 60000

static const struct config_flapping rule = {
	.place = { 1, 1 },
	.times = 5,
	.within_ms = 5 * MINUTE,
	.retry_in_ms = 10 * MINUTE,
	.retry_times = 3,
	.retry_within_ms = 120 * MINUTE,
};
static const struct config_flapping no_rule;

struct world {
	char dir[64];
	uint64_t ms;
	int64_t unix_ms;
	struct model *model;
	struct events *events;
	struct flaps *flaps;
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static uint64_t world_ms(void *arg)
{
	return ((const struct world *)arg)->ms;
}

static int64_t world_unix_ms(void *arg)
{
	return ((const struct world *)arg)->unix_ms;
}

static struct model_instance *instance(struct world *world, const char *path)
{
	struct model_instance *found = model_instance_find(world->model, path);

	assert_non_null(found);
	return found;
}

static void follow(struct world *world, const struct config_flapping *of)
{
	struct model_pool *pool = model_pool_at(world->model, 0);

	for (uint32_t i = 0; i < pool->instance_count; i++)
		flaps_follow(world->flaps, pool->instances[i], of);
}

/* Start as sluiced does, on a machine whose clock may have begun anew. */
static void restart(struct world *world)
{
	const struct flaps_options options = {
		.model = world->model,
		.events = world->events,
		.dir = world->dir,
		.now_ms = world_ms,
		.now_unix_ms = world_unix_ms,
		.arg = world,
	};

	flaps_destroy(world->flaps);
	world->ms = 7 * 24 * 60 * MINUTE - world->ms;
	world->flaps = flaps_create(&options);
	assert_non_null(world->flaps);
	follow(world, &rule);
}

static int setup(void **state)
{
	static struct world world;
	const struct events_options events = { .dir = world.dir };

	log_set_level(LOG_EMERG);
	world = (struct world){
		.dir = "/tmp/test_flaps.XXXXXX",
		.ms = 24 * 60 * MINUTE,
		.unix_ms = 1764532308000,
	};
	if (mkdtemp(world.dir) == NULL)
		return -1;
	world.events = events_open(&events);
	world.model = model_create(&ops, NULL);
	if (model_apply(world.model, fixture_web(3), 0) != 0)
		return -1;
	fixture_up(world.model);
	restart(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	char command[96];

	flaps_destroy(world->flaps);
	model_destroy(world->model);
	events_close(world->events);
	snprintf(command, sizeof(command), "rm -r %s", world->dir);
	return system(command);
}

static void pass(struct world *world, uint32_t ms)
{
	world->ms += ms;
	world->unix_ms += ms;
	flaps_tick(world->flaps);
}

/* As the checks report it: down and up in turns, one change a second; it ends up. */
static void flap(struct world *world, const char *path, uint32_t changes)
{
	for (uint32_t i = changes; i > 0; i--) {
		fixture_set(world->model, path, i % 2 ? HEALTH_UP : HEALTH_DOWN);
		flaps_change(world->flaps, instance(world, path), "TCP:80: refused");
		pass(world, 1000);
	}
}

static enum flap_state state_of(struct world *world, const char *path, uint64_t *left_ms)
{
	const struct flap *flap = flaps_get(world->flaps, instance(world, path), left_ms);

	assert_non_null(flap);
	return flap->state;
}

static const char *last_event(const struct world *world)
{
	uint64_t after = events_last(world->events) - 1, lost = 0;

	return events_next(world->events, &after, &lost)->text;
}

static void drained_and_retried(void **state)
{
	struct world *world = *state;
	uint64_t left_ms;

	flap(world, "web/web-1", 4);
	assert_true(instance(world, "web/web-1")->accepts);
	flap(world, "web/web-1", 1);
	assert_int_equal(state_of(world, "web/web-1", &left_ms), FLAP_OUT);
	assert_int_equal(left_ms, 10 * MINUTE - 1000);
	assert_false(instance(world, "web/web-1")->accepts);
	assert_true(instance(world, "web/web-1")->serves);
	assert_non_null(strstr(last_event(world),
			       "\"from\":\"in\",\"to\":\"out\",\"cause\":\"5 changes "
			       "within 5m; retried in 10m; TCP:80: refused\""));
	pass(world, 10 * MINUTE - 1001);
	assert_false(instance(world, "web/web-1")->accepts);
	pass(world, 1);
	assert_true(instance(world, "web/web-1")->accepts);
	assert_non_null(strstr(last_event(world), "\"from\":\"out\",\"to\":\"in\""));
}

static void left_out_until_resumed(void **state)
{
	struct world *world = *state;
	uint64_t left_ms;

	for (uint32_t i = 0; i < 3; i++) {
		flap(world, "web/web-1", 5);
		pass(world, 10 * MINUTE);
	}
	assert_int_equal(state_of(world, "web/web-1", &left_ms), FLAP_LEFT_OUT);
	assert_false(instance(world, "web/web-1")->accepts);
	pass(world, 10000 * MINUTE);
	assert_false(instance(world, "web/web-1")->accepts);
	flaps_resume(world->flaps, instance(world, "web/web-1"), "root");
	assert_true(instance(world, "web/web-1")->accepts);
	assert_non_null(strstr(last_event(world), "\"from\":\"left out\",\"to\":\"in\","
						  "\"cause\":\"resume\",\"who\":\"root\""));
}

/* Whatever order they flap in, one takes flows. */
static void never_the_last_one(void **state)
{
	struct world *world = *state;
	uint64_t left_ms;

	flap(world, "web/web-1", 5);
	flap(world, "web/web-2", 5);
	flap(world, "web/web-3", 25);
	assert_int_equal(state_of(world, "web/web-3", &left_ms), FLAP_IN);
	assert_true(instance(world, "web/web-3")->accepts);
	assert_non_null(strstr(last_event(world), "not taken out: the last one of its pool"));
	/* And if that one goes down, those that are out are better than none. */
	fixture_set(world->model, "web/web-3", HEALTH_DOWN);
	assert_true(instance(world, "web/web-1")->accepts);
	assert_true(instance(world, "web/web-2")->accepts);
	assert_false(model_pool_at(world->model, 0)->open);
}

/* What would move says what flap control leaves alone. */
static uint64_t flows_of_one(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 100;
}

static struct config *web_with(const char *flapping)
{
	char pools[256];

	snprintf(pools, sizeof(pools),
		 "  web:\n%s    instances:\n      web-1: { address: 10.0.1.2 }\n"
		 "      web-2: { address: 10.0.1.3 }\n      web-3: { address: 10.0.1.4 }\n",
		 flapping);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
				     "    listeners: [ { port: 80, pool: web } ]\n");
}

static void plan_knows_who_is_out(void **state)
{
	struct world *world = *state;
	struct config *with = web_with("    flapping: {}\n"), *without = web_with("");
	struct model_plan plan;

	flap(world, "web/web-1", 5);
	assert_int_equal(model_plan(world->model, with, flows_of_one, NULL, &plan), 0);
	assert_int_equal(plan.slots_changed, 0);
	assert_int_equal(model_plan(world->model, without, flows_of_one, NULL, &plan), 0);
	assert_true(plan.slots_changed > 0);
	config_free(with);
	config_free(without);
}

static void outlives_a_restart(void **state)
{
	struct world *world = *state;
	uint64_t left_ms;

	flap(world, "web/web-1", 5);
	flap(world, "web/web-2", 4);
	pass(world, 2 * MINUTE);
	restart(world);
	assert_int_equal(state_of(world, "web/web-1", &left_ms), FLAP_OUT);
	assert_int_equal(left_ms, 8 * MINUTE - 5000);
	assert_false(instance(world, "web/web-1")->accepts);
	assert_true(instance(world, "web/web-2")->accepts);
	flap(world, "web/web-2", 1);
	assert_false(instance(world, "web/web-2")->accepts);
	pass(world, 11 * MINUTE);
	assert_true(instance(world, "web/web-1")->accepts);
}

static void rule_is_removed(void **state)
{
	struct world *world = *state;
	uint64_t left_ms;

	flap(world, "web/web-1", 5);
	follow(world, &no_rule);
	assert_true(instance(world, "web/web-1")->accepts);
	assert_null(flaps_get(world->flaps, instance(world, "web/web-1"), &left_ms));
	flap(world, "web/web-1", 50);
	assert_true(instance(world, "web/web-1")->accepts);
}

static void damaged_file(void **state)
{
	struct world *world = *state;
	char path[128];
	FILE *file;

	flap(world, "web/web-1", 5);
	pass(world, 2000);
	snprintf(path, sizeof(path), "%s/flapping.json", world->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"version\":1,\"inst", file);
	fclose(file);
	restart(world);
	assert_true(instance(world, "web/web-1")->accepts);
}

static void rule_of_the_file(void **state)
{
	char *text = refuse_edit("    checks:\n", "    flapping: {}\n    checks:\n");
	struct config *config = refuse_load(refuse_base);

	(void)state;
	assert_int_equal(config->pools[0].flapping.place.line, 0);
	config_free(config);
	config = refuse_load(text);
	assert_int_equal(config->pools[0].flapping.place.line, 9);
	assert_int_equal(config->pools[0].flapping.times, 5);
	assert_int_equal(config->pools[0].flapping.within_ms, 5 * MINUTE);
	assert_int_equal(config->pools[0].flapping.retry_in_ms, 10 * MINUTE);
	assert_int_equal(config->pools[0].flapping.retry_times, 5);
	assert_int_equal(config->pools[0].flapping.retry_within_ms, 120 * MINUTE);
	config_free(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_of_the_file),
		cmocka_unit_test_setup_teardown(drained_and_retried, setup, teardown),
		cmocka_unit_test_setup_teardown(left_out_until_resumed, setup, teardown),
		cmocka_unit_test_setup_teardown(never_the_last_one, setup, teardown),
		cmocka_unit_test_setup_teardown(plan_knows_who_is_out, setup, teardown),
		cmocka_unit_test_setup_teardown(outlives_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(rule_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

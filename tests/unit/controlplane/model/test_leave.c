/* SPDX-License-Identifier: BSD-3-Clause */
/* Instances that a configuration doesn't have any more: they drain, end, come back, outlive restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_fixture.h"

#define SECOND 1000u
#define WEB_1 "      web-1: { address: 10.0.1.1 }\n"
#define WEB_2 "      web-2: { address: 10.0.1.2 }\n"
#define WEB_2_ELSEWHERE "      web-2: { address: 10.0.1.9 }\n"

static struct world {
	struct model *model;
	uint64_t now_ms;
	uint32_t told;
	uint32_t left_ms; /* what was kept; UINT32_MAX: nothing */
	uint32_t leaves, adopted, returned, removed, added, updated;
	const char *why;
} world;

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)pool_id;
	world.told |= what;
}

static void on_added(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	(void)arg;
	(void)instance;
	(void)pool;
	world.added++;
}

static void on_updated(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	(void)arg;
	(void)instance;
	(void)pool;
	world.updated++;
}

static void on_removed(void *arg, struct model_instance *instance)
{
	(void)arg;
	world.removed++;
	world.why = instance->leave_why;
}

static void on_leaves(void *arg, struct model_instance *instance, bool adopted)
{
	(void)arg;
	assert_true(instance->leaving);
	world.leaves++;
	world.adopted += adopted;
}

static void on_returned(void *arg, struct model_instance *instance)
{
	(void)arg;
	(void)instance;
	world.returned++;
}

static uint32_t on_left_ms(void *arg, const struct model_instance *instance)
{
	(void)arg;
	(void)instance;
	return world.left_ms;
}

static const struct model_ops ops = {
	.changed = on_changed,
	.instance_added = on_added,
	.instance_updated = on_updated,
	.instance_removed = on_removed,
	.instance_leaves = on_leaves,
	.instance_returned = on_returned,
	.leave_left_ms = on_left_ms,
};

static struct config *web(const char *keys, const char *instances)
{
	char pools[1024];

	snprintf(pools, sizeof(pools), "  web:\n%s%s    instances:%s\n%s",
		 strstr(keys, "drain:") ? "" : "    drain: 5m\n", keys, instances[0] ? "" : " {}",
		 instances);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
				     "    listeners: [ { port: 80, pool: web } ]\n");
}

static void apply(struct config *config)
{
	assert_int_equal(model_apply(world.model, config, world.now_ms), 0);
}

static int setup(void **state)
{
	(void)state;
	world = (struct world){ .now_ms = 1000 * SECOND, .left_ms = UINT32_MAX };
	world.model = model_create(&ops, NULL);
	apply(web("", WEB_1 WEB_2));
	fixture_up(world.model);
	world.told = 0;
	world.added = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	model_destroy(world.model);
	return 0;
}

static void pass(uint32_t ms)
{
	world.now_ms += ms;
	model_tick(world.model, world.now_ms);
}

static struct model_instance *leaving(void)
{
	return model_leaving_find(world.model, "web/web-2", NULL);
}

static uint8_t flags_at(uint32_t index)
{
	uint32_t count;
	const struct lb_instance *block = model_instances(world.model, &count);

	assert_in_range(index, 0, count - 1);
	return block[index].flags;
}

#define KEEPS (LB_INSTANCE_SERVES | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

/* For five minutes unless the pool says otherwise, and not a moment longer. */
static void drains_for_its_time(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	assert_null(model_instance_find(world.model, "web/web-2"));
	assert_non_null(leaving());
	assert_int_equal(leaving()->index, index);
	assert_int_equal(flags_at(index), KEEPS);
	assert_int_equal(fixture_slots(world.model, "web", "web/web-1"), FIXTURE_SLOTS);
	assert_int_equal(world.leaves, 1);
	assert_int_equal(world.removed, 0);
	pass(300 * SECOND - 1);
	assert_int_equal(flags_at(index), KEEPS);
	world.told = 0;
	pass(1);
	assert_null(leaving());
	assert_int_equal(flags_at(index), 0);
	assert_int_equal(world.told, MODEL_CHANGE_INSTANCES);
	assert_int_equal(world.removed, 1);
	assert_string_equal(world.why, "its time to drain is over");
	/* Its index is still its flows'. */
	assert_non_null(model_instance_at(world.model, index));
}

/* The time of the configuration that removes it counts. */
static void time_of_the_pool(void **state)
{
	(void)state;
	apply(web("    drain: 10s\n", WEB_1));
	pass(9 * SECOND);
	assert_non_null(leaving());
	pass(SECOND);
	assert_null(leaving());
}

static void removed_at_once(void **state)
{
	static const struct {
		const char *keys;
		enum model_admin admin;
		enum health_state health;
	} cases[] = {
		{ "    drain: 0s\n", MODEL_READY, HEALTH_UP },
		{ "", MODEL_MAINT, HEALTH_UP },
		{ "", MODEL_READY, HEALTH_DOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_instance *instance = model_instance_find(world.model, "web/web-2");
		uint16_t index = instance->index;

		world.removed = 0;
		model_admin_set(world.model, instance, cases[i].admin);
		fixture_set(world.model, "web/web-2", cases[i].health);
		apply(web(cases[i].keys, WEB_1));
		assert_null(leaving());
		assert_int_equal(flags_at(index), 0);
		assert_int_equal(world.removed, 1);
		assert_null(world.why);
		teardown(state);
		setup(state);
	}
}

/* It is the same instance again, at the same index. */
static void put_back(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	pass(100 * SECOND);
	world.updated = 0;
	apply(web("", WEB_1 WEB_2));
	assert_int_equal(world.returned, 1);
	assert_int_equal(world.added, 0);
	assert_int_equal(world.updated, 2);
	assert_int_equal(world.removed, 0);
	assert_null(leaving());
	assert_int_equal(model_instance_find(world.model, "web/web-2")->index, index);
	assert_int_equal(flags_at(index), KEEPS | LB_INSTANCE_ACCEPTS);
	assert_true(fixture_slots(world.model, "web", "web/web-2") > 0);
	pass(1000 * SECOND);
	assert_int_equal(world.removed, 0);
}

/* Another address is another instance: the old one drains beside it. */
static void replaced(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1 WEB_2_ELSEWHERE));
	assert_int_equal(leaving()->index, index);
	assert_int_not_equal(model_instance_find(world.model, "web/web-2")->index, index);
	assert_int_equal(world.returned, 0);
	assert_int_equal(world.added, 1);
	apply(web("", WEB_1 WEB_2));
	assert_int_equal(model_instance_find(world.model, "web/web-2")->index, index);
	assert_int_equal(world.returned, 1);
}

/* Dead ones don't keep flows, unless on_down says so. */
static void dies_meanwhile(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	model_health_set(world.model, leaving(), HEALTH_LAME, "status 404");
	assert_int_equal(flags_at(index), KEEPS);
	world.told = 0;
	model_health_set(world.model, leaving(), HEALTH_DOWN, "refused");
	assert_int_equal(flags_at(index) & LB_INSTANCE_SERVES, 0);
	assert_int_equal(world.told, MODEL_CHANGE_INSTANCES);
	apply(web("    on_down: keep\n", WEB_1 WEB_2));
	apply(web("    on_down: keep\n", WEB_1));
	assert_true(flags_at(index) & LB_INSTANCE_SERVES);
}

/* With its pool, whose id another one gets. */
static void pool_is_removed(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(fixture_config("  api:\n    instances:\n      a: { address: 10.0.1.7 }\n",
			     "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
			     "    listeners: [ { port: 80, pool: api } ]\n"));
	assert_int_equal(world.leaves, 2);
	assert_int_equal(flags_at(index), KEEPS);
	pass(300 * SECOND);
	assert_int_equal(flags_at(index), 0);
	assert_int_equal(world.removed, 2);
}

static uint64_t hundred_each(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 100;
}

static void plan_says_so(void **state)
{
	struct config *drained = web("", WEB_1), *cut = web("    drain: 0s\n", WEB_1);
	struct config *back = web("", WEB_1 WEB_2);
	struct model_plan plan;

	(void)state;
	assert_int_equal(model_plan(world.model, drained, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.flows_moved, 0);
	assert_int_equal(plan.flows_drained, 100);
	assert_int_equal(model_plan(world.model, cut, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.flows_moved, 100);
	assert_int_equal(plan.flows_drained, 0);
	apply(drained);
	assert_int_equal(model_plan(world.model, back, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.flows_moved, 0);
	assert_int_equal(plan.flows_drained, 0);
	config_free(cut);
	config_free(back);
}

/* ---- Restarts ---- */

static struct lb_directory directory;
static struct lb_instance instances[LB_INSTANCES_MAX];

/* What a dataplane runs, as the publisher writes it. */
static struct model_running running(void)
{
	struct model_running now = { .directory = &directory, .instances = instances };
	const struct lb_instance *block = model_instances(world.model, &now.instance_count);

	memset(&directory, 0, sizeof(directory));
	memcpy(instances, block, now.instance_count * sizeof(*block));
	for (uint32_t i = 0; i < now.instance_count; i++) {
		const struct model_instance *one = model_instance_at(world.model, i);

		if (!one)
			continue;
		directory.instance[i].name_hash = one->key | 1;
		directory.instance[i].health = HEALTH_UP;
		directory.instance[i].gone = !one->pool && !one->leaving;
		snprintf(directory.instance[i].name, sizeof(directory.instance[i].name), "%s",
			 one->path);
	}
	directory.pool[0].name_hash = 1;
	snprintf(directory.pool[0].name, LB_NAME_MAX, "web");
	return now;
}

/* sluiced starts with @config, in front of what runs. */
static void restart(struct config *config)
{
	struct model_running now = running();

	model_destroy(world.model);
	world.model = model_create(&ops, NULL);
	world.leaves = 0;
	world.adopted = 0;
	apply(config);
	assert_int_equal(model_adopt(world.model, &now), 0);
}

static void outlives_a_restart(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	pass(100 * SECOND);
	world.left_ms = 200 * SECOND;
	restart(web("", WEB_1));
	assert_int_equal(world.adopted, 1);
	assert_int_equal(leaving()->index, index);
	assert_int_equal(flags_at(index), KEEPS);
	pass(200 * SECOND - 1);
	assert_int_equal(flags_at(index), KEEPS);
	pass(1);
	assert_int_equal(flags_at(index), 0);
	/* It is over for good. */
	restart(web("", WEB_1));
	assert_int_equal(world.adopted, 0);
	assert_int_equal(flags_at(index), 0);
}

/* The time was over meanwhile. */
static void ends_during_a_restart(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	world.left_ms = 0;
	restart(web("", WEB_1));
	assert_int_equal(world.adopted, 0);
	assert_int_equal(flags_at(index), 0);
}

/* Edited while sluiced was not running: the drain begins with its start. */
static void removed_during_a_restart(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	restart(web("    drain: 20s\n", WEB_1));
	assert_int_equal(flags_at(index), KEEPS);
	pass(20 * SECOND);
	assert_int_equal(flags_at(index), 0);
	assert_int_equal(world.adopted, 1);
}

static void put_back_during_a_restart(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;

	(void)state;
	apply(web("", WEB_1));
	restart(web("", WEB_1 WEB_2));
	assert_null(leaving());
	assert_int_equal(model_instance_find(world.model, "web/web-2")->index, index);
}

/* Another process of the dataplane, with the same flows, or with none. */
static void dataplane_restarts(void **state)
{
	uint16_t index = model_instance_find(world.model, "web/web-2")->index;
	struct model_running now;

	(void)state;
	apply(web("", WEB_1));
	now = running();
	model_gone_forget(world.model); /* the connection is lost */
	assert_non_null(leaving());
	world.adopted = 0;
	assert_int_equal(model_adopt(world.model, &now), 0);
	assert_int_equal(leaving()->index, index);
	assert_int_equal(flags_at(index), KEEPS);
	assert_int_equal(world.adopted, 0); /* its checks go on */
	assert_int_equal(world.removed, 0);
	model_leaving_forget(world.model);
	assert_null(leaving());
	assert_null(model_instance_at(world.model, index));
	assert_int_equal(world.removed, 1);
	assert_string_equal(world.why, "no flow is left");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drains_for_its_time),
		TEST(time_of_the_pool),
		TEST(removed_at_once),
		TEST(put_back),
		TEST(replaced),
		TEST(dies_meanwhile),
		TEST(pool_is_removed),
		TEST(plan_says_so),
		TEST(outlives_a_restart),
		TEST(ends_during_a_restart),
		TEST(removed_during_a_restart),
		TEST(put_back_during_a_restart),
		TEST(dataplane_restarts),
	};

	return cmocka_run_group_tests_name("leave", tests, NULL, NULL);
}

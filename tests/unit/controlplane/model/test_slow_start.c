/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow starts of a pool in virtual time: when they begin, which slots move, how many tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/ramp.h"
#include "tests/support/model_fixture.h"

#define SECOND 1000u
#define START_MS (1000 * SECOND)

static struct world {
	struct model *model;
	uint64_t now_ms;
	uint32_t tables; /* that were reported as changed */
	uint16_t before[FIXTURE_SLOTS];
} world;

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)pool_id;
	world.tables += (what & MODEL_CHANGE_POOL) != 0;
}

static const struct model_ops ops = { .changed = on_changed };

/* A pool of @n instances. */
static struct config *web(const char *slow_start, uint32_t n)
{
	static char pools[2048];
	int at = sprintf(pools, "  web:\n%s    instances:\n", slow_start);

	for (uint32_t i = 1; i <= n; i++)
		at += sprintf(pools + at, "      web-%u: { address: 10.0.1.%u }\n", i, i);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
				     "    listeners: [ { port: 80, pool: web } ]\n");
}

static struct model *create(struct config *config)
{
	struct model *model = model_create(&ops, NULL);

	assert_non_null(model);
	assert_int_equal(model_apply(model, config, world.now_ms), 0);
	return model;
}

static const uint16_t *slots_of(struct model *model)
{
	uint32_t count;
	const uint16_t *slots = model_pool_slots(model, model_pool_find(model, "web")->id, &count);

	assert_int_equal(count, FIXTURE_SLOTS);
	return slots;
}

static void remember(void)
{
	memcpy(world.before, slots_of(world.model), sizeof(world.before));
}

static int setup(void **state)
{
	(void)state;
	world = (struct world){ .now_ms = START_MS };
	world.model = create(web("    slow_start: 60s\n", 10));
	fixture_up(world.model);
	model_tick(world.model, world.now_ms);
	remember();
	world.tables = 0;
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
	for (uint64_t end_ms = world.now_ms + ms; world.now_ms < end_ms;) {
		world.now_ms += 100;
		model_tick(world.model, world.now_ms);
	}
}

static struct model_instance *instance(const char *path)
{
	return model_instance_find(world.model, path);
}

static uint32_t has(const char *path)
{
	return fixture_slots(world.model, "web", path);
}

/* Slots that moved since remember() between instances other than @path, or away from it. */
static uint32_t moved_elsewhere(const char *path)
{
	const uint16_t *slots = slots_of(world.model);
	uint32_t moved = 0;

	for (uint32_t i = 0; i < FIXTURE_SLOTS; i++)
		moved += slots[i] != world.before[i] && slots[i] != instance(path)->index;
	return moved;
}

static void starts_whole(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(model_pool_find(world.model, "web")->instances[i]->ramp_step, 0);
	assert_in_range(has("web/web-3"), 90, 115);
}

/* It goes, and comes back in 20 steps: each moves slots to it and nothing else. */
static void comes_back_slowly(void **state)
{
	uint32_t full = has("web/web-3"), last = 0;

	(void)state;
	fixture_set(world.model, "web/web-3", HEALTH_DOWN);
	pass(5 * SECOND);
	assert_int_equal(has("web/web-3"), 0);
	fixture_set(world.model, "web/web-3", HEALTH_UP);
	world.tables = 0;
	for (uint32_t step = 1; step < RAMP_STEPS; step++) {
		assert_int_equal(instance("web/web-3")->ramp_step, step);
		assert_in_range(has("web/web-3"), last, full);
		last = has("web/web-3");
		assert_in_range(100 * last + 25 * full, 5 * step * full,
				5 * step * full + 50 * full);
		if (step > 1)
			assert_int_equal(moved_elsewhere("web/web-3"), 0);
		remember();
		pass(3 * SECOND);
	}
	assert_int_equal(instance("web/web-3")->ramp_step, 0);
	assert_int_equal(has("web/web-3"), full);
	assert_in_range(world.tables, 1, RAMP_STEPS);
	pass(600 * SECOND);
	assert_in_range(world.tables, 1, RAMP_STEPS);
}

/* At half of the time it has about half of its share. */
static void half_way(void **state)
{
	uint32_t full = has("web/web-3");

	(void)state;
	model_admin_set(world.model, instance("web/web-3"), MODEL_DRAIN);
	pass(SECOND);
	model_admin_set(world.model, instance("web/web-3"), MODEL_READY);
	pass(30 * SECOND);
	assert_in_range(has("web/web-3"), full * 35 / 100, full * 70 / 100);
	pass(30 * SECOND);
	assert_int_equal(has("web/web-3"), full);
}

/* However many come back, and whenever, the pool has few tables. */
static void tables_are_bounded(void **state)
{
	char path[32];

	(void)state;
	for (uint32_t i = 2; i <= 9; i++) {
		snprintf(path, sizeof(path), "web/web-%u", i);
		fixture_set(world.model, path, HEALTH_LAME);
	}
	pass(SECOND);
	world.tables = 0;
	for (uint32_t i = 2; i <= 9; i++) {
		snprintf(path, sizeof(path), "web/web-%u", i);
		fixture_set(world.model, path, HEALTH_UP);
		pass(300);
	}
	assert_in_range(world.tables, 8, 9);
	pass(120 * SECOND);
	assert_in_range(world.tables, RAMP_STEPS, 8 + RAMP_STEPS);
	assert_memory_equal(slots_of(world.model), world.before, sizeof(world.before));
}

/* With nobody else there is nothing to ramp against. */
static void the_only_one_takes_all(void **state)
{
	char path[32];

	(void)state;
	for (uint32_t i = 1; i <= 10; i++) {
		snprintf(path, sizeof(path), "web/web-%u", i);
		fixture_set(world.model, path, HEALTH_DOWN);
	}
	pass(SECOND);
	assert_true(model_pool_find(world.model, "web")->open);
	fixture_set(world.model, "web/web-5", HEALTH_UP);
	assert_int_equal(has("web/web-5"), FIXTURE_SLOTS);
	fixture_set(world.model, "web/web-6", HEALTH_UP);
	assert_in_range(has("web/web-6"), 1, FIXTURE_SLOTS / 10);
}

/* One that is added starts slowly, as config diff says before. */
static uint64_t no_flows(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 0;
}

static void an_added_one_starts_slowly(void **state)
{
	struct config *more = web("    slow_start: 60s\n", 11);
	const uint16_t *slots;
	struct model_plan plan;
	uint32_t moved = 0;

	(void)state;
	assert_int_equal(model_plan(world.model, more, no_flows, NULL, &plan), 0);
	assert_int_equal(model_apply(world.model, more, world.now_ms), 0);
	fixture_set(world.model, "web/web-11", HEALTH_UP);
	assert_int_equal(instance("web/web-11")->ramp_step, 1);
	slots = slots_of(world.model);
	for (uint32_t i = 0; i < FIXTURE_SLOTS; i++)
		moved += slots[i] != world.before[i];
	assert_int_equal(moved, plan.slots_changed);
	assert_int_equal(moved, has("web/web-11"));
	assert_in_range(moved, 1, FIXTURE_SLOTS / 11 / 5);
}

static void without_the_key(void **state)
{
	uint32_t full = has("web/web-3");

	(void)state;
	assert_int_equal(model_apply(world.model, web("", 10), world.now_ms), 0);
	fixture_set(world.model, "web/web-3", HEALTH_DOWN);
	pass(SECOND);
	fixture_set(world.model, "web/web-3", HEALTH_UP);
	assert_int_equal(has("web/web-3"), full);
}

/* A restart of sluiced in the middle: the first table is the running one, and the ramp goes on. */
static void outlives_a_restart(void **state)
{
	static struct lb_directory directory;
	static uint16_t slots[FIXTURE_SLOTS];
	static struct lb_instance instances[LB_INSTANCES_MAX];
	struct model_running running = { .directory = &directory, .instances = instances };
	const struct model_pool *pool = model_pool_find(world.model, "web");
	const struct lb_instance *block;
	uint32_t full = has("web/web-3");

	(void)state;
	fixture_set(world.model, "web/web-3", HEALTH_DOWN);
	pass(SECOND);
	fixture_set(world.model, "web/web-3", HEALTH_UP);
	pass(20 * SECOND);
	remember();
	memcpy(slots, world.before, sizeof(slots));
	block = model_instances(world.model, &running.instance_count);
	memcpy(instances, block, running.instance_count * sizeof(*block));
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *one = pool->instances[i];
		struct lb_directory_entry *entry = &directory.instance[one->index];

		entry->name_hash = one->key | 1;
		entry->health = HEALTH_UP;
		snprintf(entry->name, sizeof(entry->name), "%s", one->path);
	}
	directory.pool[pool->id].name_hash = 1;
	snprintf(directory.pool[pool->id].name, LB_NAME_MAX, "web");
	running.slots[pool->id] = slots;
	running.slot_count[pool->id] = FIXTURE_SLOTS;
	model_destroy(world.model);

	world.model = create(web("    slow_start: 60s\n", 10));
	assert_int_equal(model_adopt(world.model, &running), 0);
	assert_memory_equal(slots_of(world.model), world.before, sizeof(world.before));
	assert_in_range(has("web/web-3"), 1, full * 60 / 100);
	pass(60 * SECOND);
	assert_int_equal(has("web/web-3"), full);
	assert_int_equal(instance("web/web-3")->ramp_step, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(starts_whole),
		TEST(comes_back_slowly),
		TEST(half_way),
		TEST(tables_are_bounded),
		TEST(the_only_one_takes_all),
		TEST(an_added_one_starts_slowly),
		TEST(without_the_key),
		TEST(outlives_a_restart),
	};

	return cmocka_run_group_tests_name("slow_start", tests, NULL, NULL);
}

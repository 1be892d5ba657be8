/* SPDX-License-Identifier: BSD-3-Clause */
/* minimum_up: when the VIPs of a pool's services are announced, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_fixture.h"

struct fixture {
	struct model *model;
	struct model_pool *pool;
	uint64_t now_ms;
	uint32_t changes; /* of which VIPs are announced */
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	struct fixture *f = arg;

	(void)pool_id;
	f->changes += (what & MODEL_CHANGE_VIPS) != 0;
}

static const struct model_ops ops = { .changed = on_changed };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->model = model_create(&ops, f);
	f->now_ms = 1000000;
	*state = f;
	return f->model ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	model_destroy(f->model);
	free(f);
	return 0;
}

static const char services[] =
	"  www: { vip: [ 198.51.100.10, 198.51.100.11 ], forward: l2, listeners: [ { port: 80, pool: "
	"web } ] }\n"
	"  other: { vip: [ 198.51.100.20 ], forward: l2, listeners: [ { port: 80, pool: "
	"other } ] }\n";

static void apply(struct fixture *f, const char *minimum)
{
	char pools[1024];

	snprintf(pools, sizeof(pools),
		 "  web:\n    all_down: drop\n%s    instances: { a: { address: 10.0.1.1 }, b: { "
		 "address: 10.0.1.2 }, c: { address: 10.0.1.3 }, d: { address: 10.0.1.4 } }\n"
		 "  other:\n    instances: { a: { address: 10.0.2.1 } }\n",
		 minimum);
	assert_int_equal(model_apply(f->model, fixture_config(pools, services), f->now_ms), 0);
	f->pool = model_pool_find(f->model, "web");
}

static void pass(struct fixture *f, uint64_t ms)
{
	for (uint64_t end = f->now_ms + ms; f->now_ms < end;) {
		f->now_ms += 100;
		model_tick(f->model, f->now_ms);
	}
}

static void start(struct fixture *f, const char *minimum)
{
	apply(f, minimum);
	fixture_up(f->model);
	pass(f, 100);
}

/* So many of the four are up. */
static void up(struct fixture *f, uint32_t count)
{
	for (uint32_t i = 0; i < 4; i++)
		fixture_set(f->model, f->pool->instances[i]->path,
			    i < count ? HEALTH_UP : HEALTH_DOWN);
}

static void expect(struct fixture *f, const char *vips)
{
	assert_string_equal(model_vips_name(f->pool->minimum.vips), vips);
}

static void expect_held(struct fixture *f, uint32_t count, bool stay)
{
	struct model_vip_hold list[8];

	assert_int_equal(model_vips_held(f->model, list, 8), count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(list[i].stays, stay);
		assert_int_equal(list[i].address.bytes[3], 10 + i);
	}
}

static void test_withdrawn_and_back(void **state)
{
	struct fixture *f = *state;

	start(f, "    minimum_up: 2\n");
	expect(f, "announced");
	expect_held(f, 0, false);
	up(f, 2);
	expect(f, "announced");
	f->changes = 0;
	up(f, 1);
	expect(f, "withdrawn");
	assert_int_equal(f->changes, 1);
	assert_int_equal(f->pool->minimum.up, 1);
	expect_held(f, 2, false);
	assert_string_equal(
		model_vips_withdrawn_by(f->model, &model_config(f->model)->services[0])->name,
		"web");
	assert_null(model_vips_withdrawn_by(f->model, &model_config(f->model)->services[1]));
	up(f, 2);
	expect(f, "held");
	expect_held(f, 2, false);
	pass(f, MODEL_VIPS_HOLD_MS - 100);
	expect(f, "held");
	assert_int_equal(model_vips_left_ms(f->model, f->pool), 100);
	pass(f, 100);
	expect(f, "announced");
	expect_held(f, 0, false);
}

static void apply_more(struct fixture *f, const char *minimum)
{
	char pools[1024];

	snprintf(pools, sizeof(pools),
		 "  web:\n    all_down: drop\n%s    instances: { a: { address: 10.0.1.1 }, b: { "
		 "address: 10.0.1.2 }, c: { address: 10.0.1.3 }, d: { address: 10.0.1.4 }, e: { "
		 "address: 10.0.1.5 }, f: { address: 10.0.1.6 }, g: { address: 10.0.1.7 } }\n"
		 "  other:\n    instances: { a: { address: 10.0.2.1 } }\n",
		 minimum);
	assert_int_equal(model_apply(f->model, fixture_config(pools, services), f->now_ms), 0);
}

/* Instances that are added are in the share once a check has judged them. */
static void test_added(void **state)
{
	static const char minimum[] = "    minimum_up: 75%\n    on_minimum: drop\n";
	struct fixture *f = *state;

	start(f, minimum);
	up(f, 3);
	expect(f, "announced");
	apply_more(f, minimum);
	expect(f, "announced");
	assert_int_equal(f->pool->minimum.need, 3);
	assert_true(f->pool->instances[0]->accepts && f->pool->instances[0]->serves);
	pass(f, 2 * MODEL_SETTLE_MS);
	expect(f, "announced");
	fixture_set(f->model, "web/e", HEALTH_UP);
	assert_int_equal(f->pool->minimum.need, 4);
	fixture_set(f->model, "web/f", HEALTH_UP);
	expect(f, "announced");
	fixture_set(f->model, "web/g", HEALTH_DOWN);
	assert_int_equal(f->pool->minimum.need, 6);
	expect(f, "withdrawn");
	assert_false(f->pool->instances[0]->serves);
}

/* Flows are none of its business, but with on_minimum drop none is forwarded. */
static void test_flows(void **state)
{
	struct fixture *f = *state;

	start(f, "    minimum_up: 2\n");
	up(f, 1);
	assert_true(f->pool->instances[0]->accepts && f->pool->instances[0]->serves);
	apply(f, "    minimum_up: 2\n    on_minimum: drop\n");
	expect(f, "withdrawn");
	assert_false(f->pool->instances[0]->accepts || f->pool->instances[0]->serves);
	up(f, 2);
	assert_true(f->pool->instances[0]->accepts && f->pool->instances[0]->serves);
	expect(f, "held");
}

/* What isn't known yet withdraws nothing that a predecessor announced, and announces nothing. */
static void test_start(void **state)
{
	struct fixture *f = *state;

	apply(f, "    minimum_up: 2\n    on_minimum: drop\n");
	expect(f, "unknown");
	expect_held(f, 2, true);
	fixture_set(f->model, "web/a", HEALTH_UP);
	assert_true(f->pool->instances[0]->serves);
	expect(f, "unknown");
	pass(f, MODEL_SETTLE_MS);
	expect(f, "withdrawn");
	assert_false(f->pool->instances[0]->serves);
	expect_held(f, 2, false);
	/* nothing was announced by this process: there is nothing to damp */
	up(f, 2);
	pass(f, 100);
	expect(f, "announced");
}

static void test_share(void **state)
{
	struct fixture *f = *state;

	start(f, "    minimum_up: 51%\n");
	assert_int_equal(f->pool->minimum.need, 3);
	up(f, 3);
	expect(f, "announced");
	model_admin_set(f->model, f->pool->instances[0], MODEL_DRAIN);
	expect(f, "withdrawn");
	apply(f, "    minimum_up: 50%\n");
	expect(f, "held");
	apply(f, "");
	expect(f, "announced");
	expect_held(f, 0, false);
}

static uint32_t held_ms(struct fixture *f)
{
	uint32_t ms = 0;

	up(f, 0);
	expect(f, "withdrawn");
	pass(f, 1000);
	up(f, 4);
	while (f->pool->minimum.vips != MODEL_VIPS_ANNOUNCED) {
		pass(f, 100);
		ms += 100;
	}
	return ms;
}

/* The VIPs of a pool that flaps are announced ever more rarely. */
static void test_flapping(void **state)
{
	static const uint32_t expected[] = { 5000,  10000,  20000,  40000,
					     80000, 160000, 300000, 300000 };
	struct fixture *f = *state;

	start(f, "    minimum_up: 1\n");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(held_ms(f), expected[i]);
	f->changes = 0;
	up(f, 0);
	for (uint32_t i = 0; i < 50; i++) {
		up(f, i % 2 ? 0 : 4);
		pass(f, 1000);
		assert_int_not_equal(f->pool->minimum.vips, MODEL_VIPS_ANNOUNCED);
	}
	up(f, 4);
	pass(f, MODEL_VIPS_HOLD_MAX_MS);
	expect(f, "announced");
	pass(f, MODEL_VIPS_FORGET_MS);
	assert_int_equal(held_ms(f), 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_withdrawn_and_back), TEST(test_flows), TEST(test_start), TEST(test_share),
		TEST(test_flapping),	       TEST(test_added),
	};

	return cmocka_run_group_tests_name("minimum", tests, NULL, NULL);
}

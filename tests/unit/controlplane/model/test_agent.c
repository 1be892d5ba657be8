/* SPDX-License-Identifier: BSD-3-Clause */
/* What follows from what an agent says, beside operator and checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_fixture.h"

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static int setup(void **state)
{
	struct model *model = model_create(&ops, NULL);

	*state = model;
	if (!model || model_apply(model, fixture_web(4), 0))
		return -1;
	fixture_up(model);
	model_tick(model, MODEL_SETTLE_MS);
	return 0;
}

static int teardown(void **state)
{
	model_destroy(*state);
	return 0;
}

static struct model_instance *says(struct model *model, uint16_t percent, enum model_admin admin,
				   bool down)
{
	struct model_instance *instance = model_instance_find(model, "web/web-1");
	const struct model_agent agent = {
		.known = true, .percent = percent, .admin = admin, .down = down, .text = "words"
	};

	model_agent_set(model, instance, &agent);
	return instance;
}

static void expect_share(struct model *model, double share)
{
	double is = model_share(model, model_instance_find(model, "web/web-1"));

	if (is < share - 0.01 || is > share + 0.01)
		fail_msg("%f, not %f", is, share);
}

static void test_share(void **state)
{
	struct model *model = *state;

	expect_share(model, 0.25);
	says(model, 50, MODEL_READY, false);
	expect_share(model, 0.5 / 3.5);
	/* with weights of 1, too */
	for (uint32_t i = 0; i < 4; i++)
		model_weight_set(model, model_pool_at(model, 0)->instances[i], 1, true);
	expect_share(model, 0.5 / 3.5);
	says(model, 200, MODEL_READY, false);
	expect_share(model, 0.4);
	says(model, 100, MODEL_READY, false);
	expect_share(model, 0.25);
	assert_int_equal(model_instance_find(model, "web/web-1")->weight, 1);
}

static void test_states(void **state)
{
	struct model *model = *state;
	struct model_instance *instance = says(model, 0, MODEL_READY, false);

	assert_false(instance->accepts);
	assert_true(instance->serves);
	says(model, 100, MODEL_DRAIN, false);
	assert_true(!instance->accepts && instance->serves);
	assert_int_equal(instance->admin, MODEL_READY);
	says(model, 100, MODEL_MAINT, false);
	assert_true(!instance->accepts && !instance->serves);
	says(model, 100, MODEL_READY, true);
	assert_true(!instance->accepts && !instance->serves);
	assert_int_equal(instance->health, HEALTH_UP);
	assert_int_equal(model_health_in_force(instance), HEALTH_DOWN);
	assert_string_equal(model_reason(instance), "its agent says \"words\"");
	says(model, 100, MODEL_READY, false);
	assert_true(instance->accepts && instance->serves);
	assert_string_equal(model_reason(instance), "");
}

/* Neither makes an instance up or ready that the other two have not. */
static void test_operator_and_checks_first(void **state)
{
	struct model *model = *state;
	struct model_instance *instance = says(model, 100, MODEL_READY, false);

	model_admin_set(model, instance, MODEL_DRAIN);
	assert_false(instance->accepts);
	says(model, 100, MODEL_MAINT, false);
	assert_true(instance->serves); /* the operator's drain is in force */
	says(model, 100, MODEL_READY, false);
	assert_false(instance->accepts);
	model_admin_set(model, instance, MODEL_READY);
	assert_true(instance->accepts);
	says(model, 100, MODEL_DRAIN, false);
	model_admin_set(model, instance, MODEL_MAINT);
	assert_false(instance->serves);
	model_admin_set(model, instance, MODEL_READY);
	assert_true(!instance->accepts && instance->serves);
	says(model, 100, MODEL_READY, false);
	model_health_set(model, instance, HEALTH_LAME, "status 404");
	assert_false(instance->accepts);
	assert_string_equal(model_reason(instance), "status 404");
}

static uint64_t no_flows(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 0;
}

/* Four instances, with an agent each or none. */
static struct config *with_agent(const char *agent)
{
	char pools[512];

	snprintf(
		pools, sizeof(pools),
		"  web:\n%s    instances: { web-1: { address: 10.0.1.2 }, web-2: { address: 10.0.1.3 }, "
		"web-3: { address: 10.0.1.4 }, web-4: { address: 10.0.1.5 } }\n",
		agent);
	return fixture_config(pools, "  www: { vip: [198.51.100.10], forward: l2, listeners: [ { "
				     "port: 80, pool: web } ] }\n");
}

static uint32_t planned(struct model *model, const char *agent)
{
	struct config *config = with_agent(agent);
	struct model_plan plan;

	assert_int_equal(model_plan(model, config, no_flows, NULL, &plan), 0);
	config_free(config);
	return plan.slots_changed;
}

/* An agent's share stays in force with its agent, and ends with it. */
static void test_plan(void **state)
{
	struct model *model = *state;
	uint32_t moved;

	says(model, 30, MODEL_READY, false);
	assert_int_equal(planned(model, "    agent: 9707\n"), 0);
	assert_int_equal(planned(model, "    checks: [ { target: \"TCP:80\", agent: 9707 } ]\n"),
			 0);
	moved = planned(model, "");
	assert_in_range(moved, FIXTURE_SLOTS * 14 / 100,
			FIXTURE_SLOTS * 20 / 100); /* 0.25 - 0.3/3.3 */
	says(model, 100, MODEL_DRAIN, false);
	assert_int_equal(planned(model, "    agent: 9707\n"), 0);
	assert_in_range(planned(model, ""), FIXTURE_SLOTS * 22 / 100, FIXTURE_SLOTS * 28 / 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_share),
		TEST(test_states),
		TEST(test_operator_and_checks_first),
		TEST(test_plan),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}

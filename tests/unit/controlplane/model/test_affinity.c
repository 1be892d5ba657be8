/* SPDX-License-Identifier: BSD-3-Clause */
/* `affinity: client` of a pool: its listeners' entries, and what a change of it would move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/model_fixture.h"

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static struct config *config_make(const char *affinity)
{
	char pools[512];

	snprintf(pools, sizeof(pools),
		 "  web:\n    %s\n    drain: 0s\n    instances: { a: { address: 10.0.1.1 }, "
		 "b: { address: 10.0.1.2 }, c: { address: 10.0.1.3, weight: 200 } }\n"
		 "  api:\n    instances: { a: { address: 10.0.2.1 } }\n",
		 affinity);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10, \"2001:db8:f::10\"]\n"
				     "    forward: l2\n    listeners: [ { port: 80, pool: web }, "
				     "{ port: 443, pool: web }, { port: 8080, pool: api } ]\n");
}

static void all_listeners_of_the_pool_have_it(void **state)
{
	struct model *model = model_create(&ops, NULL);
	const struct lb_service_table *table;
	uint32_t bytes, with = 0, without = 0;

	(void)state;
	assert_int_equal(model_apply(model, config_make("affinity: client"), 0), 0);
	table = model_services(model, &bytes);
	for (uint32_t i = 0; i <= table->mask; i++) {
		const struct lb_service *s = &table->slot[i];

		if (!s->port)
			continue;
		assert_int_equal(s->affinity, s->port != LB_BE16(8080));
		with += s->affinity;
		without += !s->affinity;
	}
	assert_int_equal(with, 4);
	assert_int_equal(without, 2);
	model_destroy(model);
}

static uint64_t thousand_each(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 1000;
}

/* With shares of 1/4, 1/4 and 1/2 another hash leaves 3/8 of the flows with their instance. */
static void a_plan_says_how_many_flows_it_would_rehash(void **state)
{
	struct config *same = config_make("affinity: flow"),
		      *other = config_make("affinity: client");
	struct model *model = model_create(&ops, NULL);
	struct model_plan plan;
	uint32_t count;

	(void)state;
	assert_int_equal(model_apply(model, config_make("affinity: flow"), 0), 0);
	fixture_up(model);
	model_pool_slots(model, 0, &count);
	model_pool_slots(model, 1, &count);
	assert_int_equal(model_plan(model, same, thousand_each, NULL, &plan), 0);
	assert_int_equal(plan.keys.changes + plan.flows_rehashed, 0);
	assert_int_equal(model_plan(model, other, thousand_each, NULL, &plan), 0);
	assert_int_equal(plan.keys.changes, 1);
	assert_int_equal(plan.keys.restarts, 0);
	assert_int_equal(plan.slots_changed, 0);
	assert_int_equal(plan.flows_moved, 0);
	assert_in_range(plan.flows_rehashed, 3000 * 5 / 8 - 15, 3000 * 5 / 8 + 15);
	config_free(same);
	config_free(other);
	model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_listeners_of_the_pool_have_it),
		cmocka_unit_test(a_plan_says_how_many_flows_it_would_rehash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

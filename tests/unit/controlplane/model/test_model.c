/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_service_find.h"
#include "tests/support/model_fixture.h"

struct fixture {
	struct model *model;
	uint32_t told; /* enum model_change, since it was read last */
	uint64_t pools;
	uint64_t retired;
	uint32_t added, updated, removed;
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	struct fixture *f = arg;

	f->told |= what;
	if (what & MODEL_CHANGE_POOL)
		f->pools |= 1ULL << pool_id;
	if (what & MODEL_CHANGE_RETIRE)
		f->retired |= 1ULL << pool_id;
}

static void on_added(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	struct fixture *f = arg;

	assert_non_null(config_instance_find(pool, instance->name));
	f->added++;
	/* as a daemon does that remembers a drain */
	if (strcmp(instance->path, "web/web-7") == 0)
		model_admin_set(f->model, instance, MODEL_DRAIN);
}

static void on_updated(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	(void)instance;
	(void)pool;
	((struct fixture *)arg)->updated++;
}

static void on_removed(void *arg, struct model_instance *instance)
{
	(void)instance;
	((struct fixture *)arg)->removed++;
}

static const struct model_ops ops = { on_changed, on_added, on_updated, on_removed };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->model = model_create(&ops, f);
	*state = f;
	return f->model ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		assert_true(!model_instance_at(f->model, i) ||
			    model_instance_at(f->model, i)->index == i);
	model_destroy(f->model);
	free(f);
	return 0;
}

static uint32_t told(struct fixture *f)
{
	uint32_t what = f->told;

	f->told = 0;
	f->pools = 0;
	f->retired = 0;
	return what;
}

static void apply(struct fixture *f, struct config *config)
{
	assert_int_equal(model_apply(f->model, config, 0), 0);
}

static uint8_t flags(const struct fixture *f, const char *path)
{
	uint32_t count;

	return model_instances(f->model, &count)[model_instance_find(f->model, path)->index].flags;
}

static uint16_t index_of(const struct fixture *f, const char *path)
{
	return model_instance_find(f->model, path)->index;
}

static void test_first_configuration(void **state)
{
	struct fixture *f = *state;
	uint32_t count, bytes;

	apply(f, fixture_web(3));
	assert_int_equal(f->added, 3);
	assert_int_equal(told(f), MODEL_CHANGE_PARAMS | MODEL_CHANGE_SERVICES |
					  MODEL_CHANGE_INSTANCES | MODEL_CHANGE_POOL |
					  MODEL_CHANGE_RETIRE);
	assert_non_null(model_services(f->model, &bytes));
	model_instances(f->model, &count);
	assert_int_equal(count, 3);
	/* no instance has been checked: none takes flows yet */
	assert_int_equal(flags(f, "web/web-1"), LB_INSTANCE_SERVES);
	model_pool_slots(f->model, 0, &count);
	assert_int_equal(count, 0);
}

static void test_settling(void **state)
{
	struct fixture *f = *state;

	apply(f, fixture_web(3));
	model_tick(f->model, MODEL_SETTLE_MS - 1);
	assert_false(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	model_tick(f->model, MODEL_SETTLE_MS);
	assert_true(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	assert_true(model_pool_find(f->model, "web")->open);
	fixture_up(f->model);
	assert_false(model_pool_find(f->model, "web")->open);
}

/* The first table waits for all, but not for long; later ones for nobody. */
static void test_gathering(void **state)
{
	struct fixture *f = *state;
	uint32_t count;

	apply(f, fixture_web(3));
	model_tick(f->model, 0);
	fixture_set(f->model, "web/web-1", HEALTH_UP);
	fixture_set(f->model, "web/web-2", HEALTH_UP);
	assert_false(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	model_hold(f->model, 5000);
	model_tick(f->model, 5000 + MODEL_GATHER_MS - 1);
	assert_false(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	model_pool_slots(f->model, 0, &count);
	assert_int_equal(count, 0);
	model_tick(f->model, 5000 + MODEL_GATHER_MS);
	assert_true(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	assert_true(fixture_slots(f->model, "web", "web/web-2") > 0);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-3"), 0);
}

static void test_first_table_is_whole(void **state)
{
	struct fixture *f = *state;

	apply(f, fixture_web(3));
	fixture_set(f->model, "web/web-1", HEALTH_UP);
	assert_false(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	fixture_set(f->model, "web/web-2", HEALTH_UP);
	fixture_set(f->model, "web/web-3", HEALTH_UP);
	assert_true(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-1"), FIXTURE_SLOTS / 3);
	/* not again for one that comes later */
	apply(f, fixture_web(4));
	assert_true(flags(f, "web/web-1") & LB_INSTANCE_ACCEPTS);
}

static void test_two_steps(void **state)
{
	struct fixture *f = *state;
	struct model_instance *one;

	apply(f, fixture_web(3));
	fixture_up(f->model);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-1"), FIXTURE_SLOTS / 3);
	told(f);
	one = model_instance_find(f->model, "web/web-1");
	assert_true(model_admin_set(f->model, one, MODEL_DRAIN));
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES | MODEL_CHANGE_POOL);
	assert_int_equal(flags(f, "web/web-1"),
			 LB_INSTANCE_SERVES | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-1"), 0);
	assert_false(model_admin_set(f->model, one, MODEL_DRAIN));
	assert_int_equal(told(f), 0);
	/* from drain to maint no table changes */
	model_admin_set(f->model, one, MODEL_MAINT);
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES);
	/* nor does it by an instance's health that has no say */
	fixture_set(f->model, "web/web-1", HEALTH_LAME);
	assert_int_equal(told(f), 0);
}

static void test_table_comes_back(void **state)
{
	struct fixture *f = *state;
	uint16_t before[FIXTURE_SLOTS];
	uint32_t count;
	struct model_instance *one;

	apply(f, fixture_web(5));
	fixture_up(f->model);
	memcpy(before, model_pool_slots(f->model, 0, &count), sizeof(before));
	one = model_instance_find(f->model, "web/web-3");
	model_admin_set(f->model, one, MODEL_DRAIN);
	model_pool_slots(f->model, 0, &count);
	model_admin_set(f->model, one, MODEL_READY);
	assert_memory_equal(model_pool_slots(f->model, 0, &count), before, sizeof(before));
	assert_int_equal(count, FIXTURE_SLOTS);
}

/* Drain one of three in turns, with the others' weights as they are: which table is there? */
static void drained(struct fixture *f, uint32_t which, uint16_t *slots, double *share)
{
	const char *const path[] = { "web/web-2", "web/web-3", "web/web-4" };
	struct model_instance *one = model_instance_find(f->model, path[which]);
	uint32_t count;

	model_admin_set(f->model, one, MODEL_DRAIN);
	memcpy(slots, model_pool_slots(f->model, 0, &count), FIXTURE_SLOTS * sizeof(*slots));
	*share = model_share(f->model, model_instance_find(f->model, "web/web-1"));
	model_admin_set(f->model, one, MODEL_READY);
}

/* Tables that were kept are those that are built, whatever was there between. */
static void test_kept_tables_are_the_right_ones(void **state)
{
	static uint16_t first[3][FIXTURE_SLOTS], again[FIXTURE_SLOTS], whole[FIXTURE_SLOTS];
	struct fixture *f = *state;
	struct model_instance *one;
	double share[3], share_whole, now;
	uint32_t count;

	apply(f, fixture_web(5));
	fixture_up(f->model);
	one = model_instance_find(f->model, "web/web-1");
	memcpy(whole, model_pool_slots(f->model, 0, &count), sizeof(whole));
	share_whole = model_share(f->model, one);
	for (uint32_t i = 0; i < 3; i++)
		drained(f, i, first[i], &share[i]);
	assert_memory_not_equal(first[0], first[1], sizeof(first[0]));
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t which = i * i % 3;

		if (i % 4 == 0) {
			model_weight_set(f->model, one, 7, true);
			model_pool_slots(f->model, 0, &count);
			model_weight_set(f->model, one, 100, true);
		}
		drained(f, which, again, &now);
		assert_memory_equal(again, first[which], sizeof(again));
		assert_true(now == share[which]);
		assert_memory_equal(model_pool_slots(f->model, 0, &count), whole, sizeof(whole));
		assert_true(model_share(f->model, one) == share_whole);
	}
}

/* With nobody to take flows the table stays, so that nothing moves afterwards. */
static void test_nobody_accepts(void **state)
{
	struct fixture *f = *state;
	uint16_t before[FIXTURE_SLOTS];
	uint32_t count;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	memcpy(before, model_pool_slots(f->model, 0, &count), sizeof(before));
	model_admin_set(f->model, model_instance_find(f->model, "web/web-1"), MODEL_DRAIN);
	model_pool_slots(f->model, 0, &count);
	memcpy(before, model_pool_slots(f->model, 0, &count), sizeof(before));
	told(f);
	model_admin_set(f->model, model_instance_find(f->model, "web/web-2"), MODEL_DRAIN);
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES);
	assert_memory_equal(model_pool_slots(f->model, 0, &count), before, sizeof(before));
}

static void test_weights(void **state)
{
	struct fixture *f = *state;
	struct model_instance *one;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	one = model_instance_find(f->model, "web/web-1");
	assert_true(model_weight_set(f->model, one, 300, true));
	assert_in_range(fixture_slots(f->model, "web", "web/web-1"), 765, 767);
	assert_true(model_share(f->model, one) > 0.74 && model_share(f->model, one) < 0.76);
	apply(f, fixture_web(2)); /* the operator's stays over a reload */
	assert_int_equal(one->weight, 300);
	assert_true(model_weight_set(f->model, one, 0, false));
	assert_int_equal(one->weight, 100);
	assert_true(model_weight_set(f->model, one, 0, true));
	assert_int_equal(fixture_slots(f->model, "web", "web/web-1"), 0);
	assert_true(flags(f, "web/web-1") & LB_INSTANCE_SERVES);
}

static void test_indices_are_kept(void **state)
{
	struct fixture *f = *state;
	uint16_t first, third;

	apply(f, fixture_web(3));
	fixture_up(f->model);
	first = index_of(f, "web/web-1");
	third = index_of(f, "web/web-3");
	apply(f, fixture_config("  web:\n    drain: 0s\n    instances:\n"
				"      web-3: { address: 10.0.1.4 }\n"
				"      web-9: { address: 10.0.1.9 }\n"
				"      web-1: { address: 10.0.1.2 }\n",
				"  www: { vip: [198.51.100.10], forward: l2, listeners: [ { port: "
				"80, pool: web } ] }\n"));
	assert_int_equal(f->added, 4);
	assert_int_equal(f->updated, 2);
	assert_int_equal(f->removed, 1);
	assert_int_equal(index_of(f, "web/web-1"), first);
	assert_int_equal(index_of(f, "web/web-3"), third);
	assert_int_equal(index_of(f, "web/web-9"), 3);
	assert_int_equal(model_instance_find(f->model, "web/web-1")->health, HEALTH_UP);
	assert_null(model_instance_find(f->model, "web/web-2"));
}

/* An index that flows may still hold is nobody else's. */
static void test_gone_hold_their_index(void **state)
{
	struct fixture *f = *state;
	struct model_instance *gone;
	uint32_t count;

	apply(f, fixture_web(3));
	fixture_up(f->model);
	apply(f, fixture_web(2));
	gone = model_gone_next(f->model, NULL);
	assert_non_null(gone);
	assert_int_equal(gone->index, 2);
	assert_int_equal(model_instances(f->model, &count)[2].flags, 0);
	assert_int_equal(model_instances(f->model, &count)[2].header[12], 0x08);
	apply(f, fixture_web(3)); /* back, but as another one: its flows were told to move */
	assert_int_equal(index_of(f, "web/web-3"), 3);
	model_gone_release(f->model, gone);
	assert_null(model_gone_next(f->model, NULL));
	apply(f, fixture_web(4));
	assert_int_equal(index_of(f, "web/web-4"), 2);
}

static void test_another_address_is_another_instance(void **state)
{
	static const char service[] =
		"  www: { vip: [198.51.100.10], forward: l2, listeners: [ { port: 80, pool: web } ] }\n";
	struct fixture *f = *state;

	apply(f, fixture_config("  web: { instances: { a: { address: 10.0.0.10 } } }\n", service));
	fixture_up(f->model);
	apply(f, fixture_config("  web: { drain: 0s, instances: { a: { address: 10.0.0.11 } } }\n",
				service));
	assert_int_equal(index_of(f, "web/a"), 1);
	assert_int_equal(model_instance_find(f->model, "web/a")->health, HEALTH_UNKNOWN);
	assert_int_equal(f->removed, 1);
}

static uint16_t service_id(const struct fixture *f, uint16_t port)
{
	uint32_t bytes;
	const struct lb_service_table *table = model_services(f->model, &bytes);
	const uint8_t vip[4] = { 198, 51, 100, 10 };
	const struct lb_service *s =
		lb_service_find4(table, lb_load32(vip), lb_cpu_to_be16(port), LB_IPPROTO_TCP);

	return s ? s->id : 0;
}

static struct config *with_ports(const char *ports)
{
	static char text[512];
	char *at = text + sprintf(text, "  www:\n    vip: [198.51.100.10]\n    forward: ipip\n"
					"    listeners:\n");

	for (; *ports; ports++)
		at += sprintf(at, "      - { port: %d, pool: web }\n", *ports);
	return fixture_config("  web: { instances: { a: { address: 10.0.0.10 } } }\n", text);
}

static uint16_t networks_of(const struct lb_service_table *table, uint8_t last, uint16_t port)
{
	const uint8_t vip[4] = { 198, 51, 100, last };
	const struct lb_service *s = lb_service_find4(table, lb_load32(vip), lb_cpu_to_be16(port),
						      port ? LB_IPPROTO_TCP : 0);

	assert_non_null(s);
	return s->networks;
}

/* Networks of the services block, and the tag of a next hop in the instances block. */
static void test_trunk(void **state)
{
	static const char networks[] = "  networks: [ { vlan: 10, address: [ 10.0.10.5/24 ] }, "
				       "{ vlan: 20, address: [ 10.0.20.5/24 ] } ]\n";
	static const char services[] =
		"  all: { vip: [ 198.51.100.10 ], forward: l2, listeners: [ { port: 80, pool: web } ] }\n"
		"  some: { vip: [ 198.51.100.11 ], forward: l2, networks: [ 20 ], listeners: [ { port: 80, pool: web } ] }\n"
		"  more: { vip: [ 198.51.100.11 ], forward: l2, networks: [ 10 ], listeners: [ { port: 81, pool: web } ] }\n";
	static const char pools[] = "  web: { instances: { a: { address: 10.0.20.10 } } }\n";
	struct model_next_hop hop = { .resolved = true, .on_link = true, .vlan = 20 };
	const struct lb_service_table *table;
	struct fixture *f = *state;
	struct model_instance *a;
	uint32_t bytes, count;

	apply(f, fixture_config_on(networks, pools, services));
	table = model_services(f->model, &bytes);
	assert_int_equal(table->n_networks, 2);
	assert_int_equal(table->vlan[0], LB_BE16(10));
	assert_int_equal(table->vlan[1], LB_BE16(20));
	assert_int_equal(networks_of(table, 10, 80), 3);
	assert_int_equal(networks_of(table, 10, 0), 3);
	assert_int_equal(networks_of(table, 11, 80), 2);
	assert_int_equal(networks_of(table, 11, 81), 1);
	assert_int_equal(networks_of(table, 11, 0), 3);
	a = model_instance_find(f->model, "web/a");
	model_next_hop_set(f->model, a, &hop);
	assert_int_equal(model_instances(f->model, &count)[a->index].vlan, LB_BE16(20));
	hop.vlan = 10;
	assert_true(model_next_hop_set(f->model, a, &hop));
	assert_int_equal(model_instances(f->model, &count)[a->index].vlan, LB_BE16(10));
	/* no longer a trunk */
	apply(f, fixture_config(pools, "  all: { vip: [ 198.51.100.10 ], forward: l2, "
				       "listeners: [ { port: 80, pool: web } ] }\n"));
	table = model_services(f->model, &bytes);
	assert_int_equal(table->n_networks, 0);
	assert_int_equal(networks_of(table, 10, 80), 0);
	assert_int_equal(model_instances(f->model, &count)[a->index].vlan, LB_VLAN_KEEP);
}

/* Ids are part of flow keys: one that was given back is not given out again soon. */
static void test_service_ids(void **state)
{
	struct fixture *f = *state;
	uint16_t eighty;

	apply(f, with_ports("PQ"));
	eighty = service_id(f, 'P');
	assert_int_not_equal(eighty, 0);
	assert_int_not_equal(service_id(f, 'Q'), eighty);
	apply(f, with_ports("RP"));
	assert_int_equal(service_id(f, 'P'), eighty);
	assert_int_equal(service_id(f, 'Q'), 0);
	assert_int_equal(service_id(f, 'R'), 3);
	apply(f, with_ports("RPQ"));
	assert_int_equal(service_id(f, 'Q'), 4);
	assert_int_equal(model_service_id_last(f->model), 4);
}

static void test_pools_come_and_go(void **state)
{
	static const char services[] =
		"  www: { vip: [198.51.100.10], forward: l2, listeners: [ { port: 80, pool: b } ] }\n";
	struct fixture *f = *state;
	uint32_t count;
	uint16_t b;

	apply(f, fixture_config("  a: { instances: { x: { address: 10.0.0.10 } } }\n"
				"  b: { instances: { y: { address: 10.0.0.11 } } }\n",
				services));
	fixture_up(f->model);
	b = model_pool_find(f->model, "b")->id;
	told(f);
	apply(f, fixture_config("  b: { instances: { y: { address: 10.0.0.11 } } }\n", services));
	assert_int_equal(model_pool_find(f->model, "b")->id, b);
	assert_int_equal(f->retired, 1);
	model_pool_slots(f->model, 0, &count);
	assert_int_equal(count, 0);
	apply(f, fixture_config("  b: { instances: { } }\n", services));
	assert_true(f->pools >> b & 1);
	model_pool_slots(f->model, b, &count);
	assert_int_equal(count, 0);
}

static void test_restored_before_it_is_told(void **state)
{
	struct fixture *f = *state;

	apply(f, fixture_web(8));
	assert_int_equal(model_instance_find(f->model, "web/web-7")->admin, MODEL_DRAIN);
	fixture_up(f->model);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-7"), 0);
}

static void test_full_of_flows(void **state)
{
	struct fixture *f = *state;
	struct config *config;
	static char pools[1 << 16];
	int at = sprintf(pools, "  web:\n    instances:\n");
	uint32_t removed = 0;

	for (uint32_t i = 0; i < 60; i++)
		at += sprintf(pools + at, "      i%u: { address: 10.0.2.%u }\n", i, i + 1);
	/* every apply with other addresses leaves 60 behind whose flows are not known to be gone */
	for (uint32_t round = 0; round < LB_INSTANCES_MAX / 60; round++) {
		char text[1 << 14], *to = text;

		to += sprintf(to, "  web:\n    instances:\n");
		for (uint32_t i = 0; i < 60; i++)
			to += sprintf(to, "      i%u: { address: 10.%u.2.%u }\n", i, round + 1,
				      i + 1);
		apply(f, fixture_config(text, "  {}\n"));
	}
	config = fixture_config(pools, "  {}\n");
	assert_int_equal(model_apply(f->model, config, 0), -ENOSPC);
	config_free(config);
	/* as it was, to the last instance */
	assert_int_equal(model_pool_find(f->model, "web")->instance_count, 60);
	assert_non_null(model_instance_find(f->model, "web/i59"));
	while (model_gone_next(f->model, NULL)) {
		model_gone_release(f->model, model_gone_next(f->model, NULL));
		removed++;
	}
	assert_int_equal(removed, (LB_INSTANCES_MAX / 60 - 1) * 60);
	apply(f, fixture_config(pools, "  {}\n"));
}

static void test_params(void **state)
{
	static const uint8_t mac[6] = { 2 };
	struct fixture *f = *state;
	struct lb_params params;

	apply(f, fixture_web(1));
	model_params(f->model, &params);
	assert_int_equal(params.mtu, 1500);
	assert_int_equal(params.timeouts.ticks[LB_FLOW_UNCONFIRMED], 100);
	assert_int_equal(params.timeouts.ticks[LB_FLOW_ESTABLISHED], 10);
	assert_int_equal(params.timeouts.ticks[LB_FLOW_FIN], 600);
	assert_int_equal(params.timeouts.ticks[LB_FLOW_CLOSED], 50);
	assert_int_equal(params.secret[15], 15);
	assert_int_equal(params.node_addr4[3], 5);
	assert_int_equal(params.node_addr6[0], 0x20);
	told(f);
	model_port_set(f->model, mac, 9000);
	assert_int_equal(told(f), MODEL_CHANGE_PARAMS | MODEL_CHANGE_INSTANCES);
	model_params(f->model, &params);
	assert_int_equal(params.mtu, 9000);
}

/* Without node.mtu it is the port's own that may be too small, and only under way is that known. */
static void test_port_mtu_note(void **state)
{
	static const struct {
		const char *vip, *forward, *instance;
		uint16_t least; /* 0: none */
	} rows[] = {
		{ "198.51.100.10", "ipip", "10.0.0.1", 0 },
		{ "\"2001:db8:f::10\"", "l2", "10.0.0.1", 1280 },
		{ "\"2001:db8:f::10\"", "ipip", "10.0.0.1", 1300 },
		{ "\"2001:db8:f::10\"", "ipip", "\"2001:db8::1\"", 1320 },
		{ "198.51.100.10, \"2001:db8:f::10\"", "ipip", "\"2001:db8::1\"", 1320 },
		{ "\"2001:db8:f::10\"", "gue", "10.0.0.1", 1312 },
		{ "\"2001:db8:f::10\"", "gue", "\"2001:db8::1\"", 1332 },
	};
	static const uint8_t mac[6] = { 2 };
	struct fixture *f = *state;
	char pools[256], services[256], note[MODEL_NOTE_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint16_t least = rows[i].least ? rows[i].least : 576;

		snprintf(pools, sizeof(pools), "  web:\n    instances: { a: { address: %s } }\n",
			 rows[i].instance);
		snprintf(
			services, sizeof(services),
			"  www: { vip: [%s], forward: %s, listeners: [ { port: 80, pool: web } ] }\n",
			rows[i].vip, rows[i].forward);
		model_port_set(f->model, mac, 0);
		apply(f, fixture_config(pools, services));
		model_port_mtu_note(f->model, note);
		assert_string_equal(note, ""); /* not known */
		model_port_set(f->model, mac, least);
		model_port_mtu_note(f->model, note);
		assert_string_equal(note, "");
		model_port_set(f->model, mac, rows[i].least ? least - 1 : least);
		model_port_mtu_note(f->model, note);
		assert_int_equal(strstr(note, "service www") != NULL, rows[i].least != 0);
	}
}

/* l2 needs an instance on the link; a gateway's MAC address will not do. */
static void test_l2_wants_the_link(void **state)
{
	const struct model_next_hop by_gateway = { .resolved = true, .mac = { 2, 1 } };
	struct fixture *f = *state;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	model_next_hop_set(f->model, model_instance_find(f->model, "web/web-1"), &by_gateway);
	assert_int_equal(flags(f, "web/web-1"), LB_INSTANCE_SERVES | LB_INSTANCE_RESOLVED);
	assert_int_equal(fixture_slots(f->model, "web", "web/web-1"), 0);
}

static uint16_t entry_mtu(const struct fixture *f, const char *path)
{
	uint32_t count;

	return model_instances(f->model, &count)[model_instance_find(f->model, path)->index].mtu;
}

static void expect_mtu(const struct fixture *f, uint16_t bytes, enum model_mtu_from from)
{
	const struct model_instance *instance = model_instance_find(f->model, "web/web-1");
	enum model_mtu_from is;

	assert_int_equal(model_instance_mtu(f->model, instance, &is), bytes);
	assert_int_equal(is, from);
	assert_int_equal(entry_mtu(f, "web/web-1"), bytes);
}

/* Frames to instances are from the port, after a reload too. */
static void test_frames_are_from_the_port(void **state)
{
	const uint8_t mac[LB_ETH_ALEN] = { 2, 0xed, 0x9e, 0, 0, 7 };
	struct fixture *f = *state;
	const struct lb_instance *entry;
	uint32_t count;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	model_port_set(f->model, mac, 9000);
	for (uint32_t n = 2; n < 4; n++) {
		for (uint32_t i = 0; i < 2; i++) {
			entry = &model_instances(f->model, &count)[i];
			assert_memory_equal(entry->header + LB_ETH_ALEN, mac, LB_ETH_ALEN);
		}
		apply(f, fixture_web(n + 1));
	}
}

/* The least of what port, route and routers on the way say is in the entry. */
static void test_mtus(void **state)
{
	const uint8_t mac[6] = { 2, 0xed, 0x9e, 0, 0, 7 };
	struct fixture *f = *state;
	struct model_next_hop hop;
	struct model_instance *instance;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	instance = model_instance_find(f->model, "web/web-1");
	expect_mtu(f, 1500, MODEL_MTU_PORT);
	model_port_set(f->model, mac, 9000);
	expect_mtu(f, 9000, MODEL_MTU_PORT);
	told(f);
	hop = instance->next_hop;
	hop.mtu_bytes = 1400;
	assert_true(model_next_hop_set(f->model, instance, &hop));
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES);
	expect_mtu(f, 1400, MODEL_MTU_ROUTE);
	assert_int_equal(entry_mtu(f, "web/web-2"), 9000);
	hop.mtu_bytes = 9500; /* more than the port sends */
	model_next_hop_set(f->model, instance, &hop);
	expect_mtu(f, 9000, MODEL_MTU_PORT);
	hop.mtu_bytes = 1400;
	model_next_hop_set(f->model, instance, &hop);

	told(f);
	assert_false(model_path_mtu_set(f->model, instance, 1400, 600000)); /* nothing new */
	assert_false(model_path_mtu_set(f->model, instance, 1450, 600000));
	assert_int_equal(told(f), 0);
	expect_mtu(f, 1400, MODEL_MTU_ROUTE);
	assert_true(model_path_mtu_set(f->model, instance, 1300, 600000));
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES);
	expect_mtu(f, 1300, MODEL_MTU_PATH);
	assert_int_equal(entry_mtu(f, "web/web-2"), 9000);
	model_port_set(f->model, mac, 1200);
	expect_mtu(f, 1200, MODEL_MTU_PORT);
	model_port_set(f->model, mac, 1500);
	expect_mtu(f, 1300, MODEL_MTU_PATH);
}

/* Forged or not, nothing goes below what every host takes; and after its time all is tried again. */
static void test_path_mtu_has_a_floor_and_an_end(void **state)
{
	struct fixture *f = *state;
	struct model_instance *instance;

	apply(f, fixture_web(2));
	fixture_up(f->model);
	instance = model_instance_find(f->model, "web/web-1");
	assert_true(model_path_mtu_set(f->model, instance, 1400, 5000));
	model_tick(f->model, 4999);
	expect_mtu(f, 1400, MODEL_MTU_PATH);
	/* said once more: its time begins anew */
	assert_false(model_path_mtu_set(f->model, instance, 1400, 8000));
	model_tick(f->model, 7999);
	expect_mtu(f, 1400, MODEL_MTU_PATH);
	assert_true(model_path_mtu_set(f->model, instance, 68, 9000));
	expect_mtu(f, 576 + LB_TUNNEL4_LEN, MODEL_MTU_PATH);
	assert_false(model_path_mtu_set(f->model, instance, 0, 9000));
	told(f);
	model_tick(f->model, 9000);
	expect_mtu(f, 1500, MODEL_MTU_PORT);
	assert_int_equal(told(f), MODEL_CHANGE_INSTANCES);
	/* another configuration keeps what was learned */
	assert_true(model_path_mtu_set(f->model, instance, 1400, 20000));
	apply(f, fixture_web(3));
	expect_mtu(f, 1400, MODEL_MTU_PATH);
}

static uint64_t hundred_each(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return 100;
}

static void test_plan(void **state)
{
	struct fixture *f = *state;
	struct config *less = fixture_web(3), *more = fixture_web(5), *same = fixture_web(4);
	struct config *none = fixture_web(0);
	struct model_plan plan;
	uint16_t before[FIXTURE_SLOTS];
	uint32_t count, changed = 0;
	const uint16_t *slots;

	apply(f, fixture_web(4));
	fixture_up(f->model);
	memcpy(before, model_pool_slots(f->model, 0, &count), sizeof(before));
	told(f);
	assert_int_equal(model_plan(f->model, same, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.keys.changes + plan.slots_changed + plan.flows_moved, 0);
	assert_int_equal(plan.flows, 400);
	assert_int_equal(model_plan(f->model, more, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.instances_added, 1);
	assert_int_equal(plan.flows_moved, 0);
	assert_in_range(plan.slots_changed, FIXTURE_SLOTS / 5 - 1, FIXTURE_SLOTS / 5 * 2);
	assert_int_equal(model_plan(f->model, less, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.instances_removed, 1);
	assert_int_equal(plan.flows_moved, 100);
	changed = plan.slots_changed;
	assert_int_equal(model_plan(f->model, none, hundred_each, NULL, &plan), 0);
	assert_int_equal(plan.slots_changed, FIXTURE_SLOTS);
	assert_int_equal(plan.flows_moved, 400);
	assert_int_equal(told(f), 0); /* nothing has happened */
	/* the plan was true */
	apply(f, less);
	slots = model_pool_slots(f->model, 0, &count);
	for (uint32_t i = 0; i < FIXTURE_SLOTS; i++)
		changed -= slots[i] != before[i];
	assert_int_equal(changed, 0);
	config_free(none);
	config_free(more);
	config_free(same);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_configuration),
		TEST(test_settling),
		TEST(test_gathering),
		TEST(test_first_table_is_whole),
		TEST(test_two_steps),
		TEST(test_table_comes_back),
		TEST(test_kept_tables_are_the_right_ones),
		TEST(test_nobody_accepts),
		TEST(test_weights),
		TEST(test_indices_are_kept),
		TEST(test_gone_hold_their_index),
		TEST(test_another_address_is_another_instance),
		TEST(test_trunk),
		TEST(test_service_ids),
		TEST(test_pools_come_and_go),
		TEST(test_restored_before_it_is_told),
		TEST(test_full_of_flows),
		TEST(test_params),
		TEST(test_port_mtu_note),
		TEST(test_l2_wants_the_link),
		TEST(test_frames_are_from_the_port),
		TEST(test_mtus),
		TEST(test_path_mtu_has_a_floor_and_an_end),
		TEST(test_plan),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}

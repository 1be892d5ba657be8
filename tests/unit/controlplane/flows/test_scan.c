/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over flow tables: what is counted, what is listed, in steps of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/flows/scan.h"
#include "controlplane/model/model.h"
#include "dataplane/core/lb_service_find.h"
#include "tests/support/model_fixture.h"

#define BUCKETS 50
#define NOW 30000

struct fixture {
	struct model *model;
	struct lb_bucket bucket[2][BUCKETS];
	struct flows_view view;
	struct scan scan;
	struct scan_filter filter;
	uint32_t next; /* slot, over both tables */
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static int setup(void **state)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) / 64 * 64);
	struct lb_params params;
	uint32_t bytes, count;

	memset(f, 0, sizeof(*f));
	f->model = model_create(&ops, NULL);
	assert_int_equal(
		model_apply(
			f->model,
			fixture_config("  web:\n    instances:\n      a: { address: 10.0.0.11 }\n"
				       "      b: { address: 10.0.0.12 }\n"
				       "  api:\n    instances:\n      a: { address: 10.0.0.13 }\n",
				       "  www:\n    vip: [198.51.100.10, \"2001:db8::10\"]\n"
				       "    forward: l2\n"
				       "    listeners: [ { port: 80, pool: web } ]\n"
				       "  rest:\n    vip: [198.51.100.11]\n    forward: l2\n"
				       "    listeners: [ { port: 80, pool: api } ]\n"),
			0),
		0);
	fixture_up(f->model);
	model_params(f->model, &params);
	flows_view_params(&f->view, &params);
	f->view.timeouts.ticks[LB_FLOW_ESTABLISHED] = 9000;
	f->view.timeouts.ticks[LB_FLOW_FIN] = 600;
	f->view.services = model_services(f->model, &bytes);
	f->view.instances.instance = model_instances(f->model, &count);
	f->view.instances.n = count;
	f->view.now = NOW;
	f->view.n_regions = 2;
	for (uint32_t i = 0; i < 2; i++)
		f->view.region[i] = (struct flows_region){ f->bucket[i], BUCKETS, i };
	f->filter.instance = LB_INSTANCE_NONE;
	f->filter.limit = 4;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	model_destroy(f->model);
	free(f);
	return 0;
}

static uint16_t service_id(const struct fixture *f, const char *vip)
{
	struct config_address address;
	const struct lb_service *s;

	assert_int_equal(config_address_parse(vip, &address), 0);
	s = lb_service_find4(f->view.services, lb_load32(address.bytes), LB_BE16(80),
			     LB_IPPROTO_TCP);
	assert_non_null(s);
	return s->id;
}

static uint16_t index_of(const struct fixture *f, const char *path)
{
	return model_instance_find(f->model, path)->index;
}

/* In the tables' slots one after the other, in steps that touch both. */
static void put(struct fixture *f, uint64_t key, uint16_t home, uint32_t idle,
		enum lb_flow_state state)
{
	uint32_t at = f->next++ * 7 % (2 * BUCKETS * LB_BUCKET_SLOTS);

	lb_bucket_put(&f->bucket[at / LB_BUCKET_SLOTS / BUCKETS][at / LB_BUCKET_SLOTS % BUCKETS],
		      at % LB_BUCKET_SLOTS, key, home, (uint16_t)(NOW - idle), state);
}

static void put4(struct fixture *f, const char *client, uint16_t port, const char *vip,
		 const char *instance, uint32_t idle)
{
	struct config_address address;

	assert_int_equal(config_address_parse(client, &address), 0);
	put(f, lb_flow_key4(lb_load32(address.bytes), lb_cpu_to_be16(port), service_id(f, vip)),
	    index_of(f, instance), idle, LB_FLOW_ESTABLISHED);
}

/* A fingerprint whose upper bits are no service's id. */
static void put6(struct fixture *f, uint64_t low, const char *instance, uint32_t idle)
{
	put(f, 0xfff0ULL << 48 | low, index_of(f, instance), idle, LB_FLOW_ESTABLISHED);
}

static void fill(struct fixture *f)
{
	for (uint16_t i = 0; i < 30; i++)
		put4(f, "192.0.2.1", (uint16_t)(1000 + i), "198.51.100.10", "web/a", 10u * i);
	for (uint16_t i = 0; i < 20; i++)
		put4(f, "192.0.2.2", (uint16_t)(1000 + i), "198.51.100.10", "web/b", 100u + i);
	for (uint16_t i = 0; i < 5; i++)
		put4(f, "192.0.2.1", (uint16_t)(2000 + i), "198.51.100.11", "api/a", 5);
	for (uint32_t i = 0; i < 7; i++)
		put6(f, i + 1, "web/b", 700 + i);
	put(f, 77, index_of(f, "web/a") | LB_FLOW_MOVED, 5, LB_FLOW_ESTABLISHED);
	put(f, 78, index_of(f, "web/a"), 9001, LB_FLOW_ESTABLISHED);
	put(f, 79, index_of(f, "web/a"), 601, LB_FLOW_FIN);
}

static void walk(struct fixture *f, uint32_t step)
{
	f->scan = (struct scan){ .region = 0 };
	for (uint32_t turns = 0; !scan_step(&f->scan, &f->view, &f->filter, step); turns++)
		assert_true(turns < 1000);
	scan_end(&f->scan, &f->view);
}

static void test_all(void **state)
{
	static const uint32_t steps[] = { 1, 2, 7, BUCKETS, 2 * BUCKETS, 100000 };
	struct fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		walk(f, steps[i]);
		assert_int_equal(f->scan.flows, 62);
		assert_int_equal(f->scan.all, 62);
		assert_int_equal(f->scan.by_state[LB_FLOW_ESTABLISHED], 62);
		assert_int_equal(f->scan.six, 7);
		assert_int_equal(f->scan.moved, 1);
		assert_int_equal(f->scan.expired, 2);
		assert_int_equal(f->scan.listed, 4);
		/* longest idle first */
		for (uint32_t j = 0; j < 4; j++)
			assert_int_equal(flows_record_idle(&f->view, &f->scan.list[j]), 706 - j);
	}
}

static void test_of_an_instance(void **state)
{
	struct fixture *f = *state;

	fill(f);
	f->filter.instance = index_of(f, "web/b");
	f->filter.limit = SCAN_LIST_MAX;
	walk(f, 9);
	assert_int_equal(f->scan.flows, 27);
	assert_int_equal(f->scan.six, 7);
	assert_int_equal(f->scan.listed, 27);
	for (uint32_t i = 1; i < f->scan.listed; i++)
		assert_true(flows_record_idle(&f->view, &f->scan.list[i]) <=
			    flows_record_idle(&f->view, &f->scan.list[i - 1]));
	f->filter.older_ticks = 700;
	walk(f, 9);
	assert_int_equal(f->scan.flows, 7);
	assert_int_equal(f->scan.all, 62);
}

static void test_of_a_client(void **state)
{
	struct fixture *f = *state;
	struct config_address client;
	uint16_t port;

	fill(f);
	assert_int_equal(config_address_parse("192.0.2.1", &f->filter.client), 0);
	walk(f, 9);
	assert_int_equal(f->scan.flows, 35);
	assert_int_equal(f->scan.six, 0);
	scan_client4(&f->scan.list[0], &client, &port);
	assert_true(config_address_equal(&client, &f->filter.client));
	assert_int_equal(port, 1029);
	assert_int_equal(scan_service4(&f->view, &f->scan.list[0])->id,
			 service_id(f, "198.51.100.10"));
}

static void test_of_a_service(void **state)
{
	struct fixture *f = *state;
	uint16_t id = service_id(f, "198.51.100.10");

	fill(f);
	f->filter.has_service = true;
	f->filter.service[id / 64] |= 1ULL << id % 64;
	f->filter.pools = 1ULL << model_pool_find(f->model, "web")->id;
	walk(f, 9);
	assert_int_equal(f->scan.flows, 50);
	/* of IPv6, in its pool: perhaps of it */
	assert_int_equal(f->scan.six_unknown, 7);
	assert_int_equal(f->scan.six, 0);
}

static void test_of_another_pool_is_a_fingerprint(void **state)
{
	struct fixture *f = *state;

	/* as an IPv6 flow may look */
	put4(f, "192.0.2.1", 7, "198.51.100.10", "api/a", 5);
	walk(f, 9);
	assert_int_equal(f->scan.six, 1);
	assert_null(scan_service4(&f->view, &f->scan.list[0]));
}

static void test_nothing_to_list(void **state)
{
	struct fixture *f = *state;

	f->filter.limit = 0;
	walk(f, 9);
	assert_int_equal(f->scan.flows, 0);
	fill(f);
	walk(f, 9);
	assert_int_equal(f->scan.flows, 62);
	assert_int_equal(f->scan.listed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all),
		TEST(test_of_an_instance),
		TEST(test_of_a_client),
		TEST(test_of_a_service),
		TEST(test_of_another_pool_is_a_fingerprint),
		TEST(test_nothing_to_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

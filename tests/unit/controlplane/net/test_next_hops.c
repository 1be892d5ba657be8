/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops and the kernel interface, against the kernel: in a network namespace of the test's own. */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/net/next_hops.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"

#define MAC_A "02:00:00:00:0a:01"
#define MAC_B "02:00:00:00:0b:02"

struct fixture {
	struct event_base *base;
	struct model *model;
	struct neighbours *neighbours;
	uint32_t ready;
};

static const char services[] =
	"  www: { vip: [198.51.100.10, \"2001:db8:1::10\"], forward: ipip, listeners: [ { port: 80, "
	"pool: web } ] }\n";
static const char pools[] = "  web:\n    instances:\n"
			    "      a: { address: 10.0.1.1 }\n"
			    "      b: { address: \"2001:db8::b\" }\n"
			    "      far: { address: 192.0.2.7 }\n";

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static void on_added(void *arg, struct model_instance *instance, const struct config_pool *pool)
{
	struct fixture *f = arg;

	(void)pool;
	if (f->neighbours)
		neighbours_add(f->neighbours, instance);
}

static void on_removed(void *arg, struct model_instance *instance)
{
	neighbours_remove(((struct fixture *)arg)->neighbours, instance);
}

static const struct model_ops ops = { .changed = on_changed,
				      .instance_added = on_added,
				      .instance_removed = on_removed };

static void on_ready(void *arg)
{
	((struct fixture *)arg)->ready++;
}

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	assert_int_equal(system(command), 0);
}

static bool shows(const char *arguments, const char *text)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -o %s 2>/dev/null | grep -q -- '%s'", arguments,
		 text);
	return system(command) == 0;
}

static void iface_make(void)
{
	ip("link add sluice0 type veth peer name far0");
	ip("link set far0 up");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct neighbours_options options = { .ready = on_ready, .arg = f };
	struct neighbours_options mine = options;

	*state = f;
	log_set_level(LOG_EMERG);
	if (!f || unshare(CLONE_NEWNET))
		return -1;
	ip("link set lo up");
	iface_make();
	f->base = event_base_new();
	f->model = model_create(&ops, f);
	if (model_apply(f->model, fixture_config(pools, services), 0))
		return -1;
	mine.base = f->base;
	mine.model = f->model;
	f->neighbours = neighbours_create(&mine);
	for (uint32_t i = 0; i < 3; i++)
		neighbours_add(f->neighbours, model_pool_at(f->model, 0)->instances[i]);
	return f->neighbours ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neighbours_destroy(f->neighbours);
	model_destroy(f->model);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void run_ms(struct fixture *f, uint32_t ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000 };

	event_base_loopexit(f->base, &limit);
	event_base_dispatch(f->base);
}

static const struct model_next_hop *hop(const struct fixture *f, const char *path)
{
	return &model_instance_find(f->model, path)->next_hop;
}

/* Wait for a next hop, as "MAC link", "MAC via", or a part of the reason. */
static void expect(struct fixture *f, const char *path, const char *want)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;
	const struct model_next_hop *h = hop(f, path);
	char is[160];

	do {
		run_ms(f, 10);
		snprintf(is, sizeof(is), "%02x:%02x:%02x:%02x:%02x:%02x %s", h->mac[0], h->mac[1],
			 h->mac[2], h->mac[3], h->mac[4], h->mac[5], h->on_link ? "link" : "via");
		if (!h->resolved)
			snprintf(is, sizeof(is), "%s", h->reason);
		if (strstr(is, want))
			return;
	} while (clock_now_ms() < end);
	fail_msg("%s: \"%s\", not \"%s\"", path, is, want);
}

/* Until the tables run, the kernel would answer the packets of services, with resets. */
static void test_vips_wait_for_the_tables(void **state)
{
	struct fixture *f = *state;

	run_ms(f, 100);
	assert_true(shows("addr show dev sluice0", "10.0.0.5/16"));
	assert_false(shows("addr show dev sluice0", "198.51.100.10"));
	neighbours_set_published(f->neighbours, true);
	run_ms(f, 100);
	assert_true(shows("addr show dev sluice0", "198.51.100.10/32"));
	assert_true(shows("addr show dev sluice0", "2001:db8:1::10/128"));
}

static void test_interface(void **state)
{
	struct fixture *f = *state;

	neighbours_set_published(f->neighbours, true);
	run_ms(f, 100);
	assert_true(f->ready > 0);
	assert_true(shows("addr show dev sluice0", "inet 10.0.0.5/16 scope global"));
	assert_true(shows("addr show dev sluice0", "inet 198.51.100.10/32 scope host"));
	assert_true(shows("addr show dev sluice0", "inet6 2001:db8::5/64"));
	assert_true(shows("addr show dev sluice0", "inet6 2001:db8:1::10/128.*deprecated"));
	assert_true(shows("link show dev sluice0", "UP"));
	/* nobody is sent to from a VIP */
	assert_true(shows("route get 10.0.9.9", "src 10.0.0.5"));
	assert_true(shows("route get 2001:db8::9", "src 2001:db8::5"));
}

static void test_interface_follows_the_configuration(void **state)
{
	struct fixture *f = *state;

	neighbours_set_published(f->neighbours, true);
	run_ms(f, 100);
	ip("addr add 203.0.113.77/24 dev sluice0");
	assert_int_equal(model_apply(f->model,
				     fixture_config(pools,
						    "  www: { vip: [198.51.100.11], forward: ipip, "
						    "listeners: [ { port: 80, pool: web } ] }\n"),
				     0),
			 0);
	neighbours_apply(f->neighbours);
	run_ms(f, 100);
	assert_true(shows("addr show dev sluice0", "198.51.100.11/32"));
	assert_false(shows("addr show dev sluice0", "198.51.100.10"));
	assert_false(shows("addr show dev sluice0", "2001:db8:1::10"));
	assert_false(shows("addr show dev sluice0", "203.0.113.77"));
	assert_true(shows("addr show dev sluice0", "10.0.0.5/16"));
	/* a restarted daemon finds the VIPs there, and leaves them until it knows what runs */
	neighbours_set_published(f->neighbours, false);
	neighbours_apply(f->neighbours);
	run_ms(f, 100);
	assert_true(shows("addr show dev sluice0", "198.51.100.11/32"));
}

static void test_neighbours(void **state)
{
	struct fixture *f = *state;

	expect(f, "web/a", "10.0.1.1");
	ip("neigh replace 10.0.1.1 dev sluice0 lladdr " MAC_A);
	ip("neigh replace 2001:db8::b dev sluice0 lladdr " MAC_B);
	expect(f, "web/a", MAC_A " link");
	expect(f, "web/b", MAC_B " link");
	ip("neigh replace 10.0.1.1 dev sluice0 lladdr " MAC_B);
	expect(f, "web/a", MAC_B " link");
	/* what the kernel merely forgets stays */
	ip("neigh del 10.0.1.1 dev sluice0");
	run_ms(f, 1300);
	expect(f, "web/a", MAC_B " link");
}

static void test_routes(void **state)
{
	struct fixture *f = *state;

	expect(f, "web/far", "no route");
	ip("route add 192.0.2.0/24 via 10.0.0.1 dev sluice0");
	ip("neigh replace 10.0.0.1 dev sluice0 lladdr " MAC_A);
	expect(f, "web/far", MAC_A " via");
	ip("neigh replace 10.0.0.2 dev sluice0 lladdr " MAC_B);
	ip("route replace 192.0.2.0/24 via 10.0.0.2 dev sluice0");
	expect(f, "web/far", MAC_B " via");
	ip("link add other type veth peer name far1");
	ip("link set far1 up");
	ip("link set other up");
	ip("route replace 192.0.2.0/24 dev other");
	expect(f, "web/far", "leaves by other");
	ip("route del 192.0.2.0/24");
	expect(f, "web/far", "no route");
	ip("addr add 192.0.2.7/32 dev lo");
	ip("route add 192.0.2.0/24 dev sluice0");
	expect(f, "web/far", "local");
}

static void expect_mtu(struct fixture *f, const char *path, uint16_t want)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	do {
		run_ms(f, 10);
	} while (hop(f, path)->mtu_bytes != want && clock_now_ms() < end);
	assert_int_equal(hop(f, path)->mtu_bytes, want);
}

static void test_route_mtus(void **state)
{
	struct fixture *f = *state;

	expect(f, "web/far", "no route");
	ip("route add 192.0.2.0/24 via 10.0.0.1 dev sluice0 mtu 1400");
	ip("neigh replace 10.0.0.1 dev sluice0 lladdr " MAC_A);
	ip("neigh replace 2001:db8::b dev sluice0 lladdr " MAC_B);
	expect(f, "web/far", MAC_A " via");
	expect(f, "web/b", MAC_B " link");
	expect_mtu(f, "web/far", 1400);
	expect_mtu(f, "web/b", 0);
	ip("route replace 192.0.2.0/24 via 10.0.0.1 dev sluice0 mtu lock 1300");
	expect_mtu(f, "web/far", 1300);
	ip("-6 route replace 2001:db8::b/128 dev sluice0 mtu 1350");
	expect_mtu(f, "web/b", 1350);
	/* a neighbour's answer leaves the route's MTU alone */
	ip("neigh replace 10.0.0.1 dev sluice0 lladdr " MAC_B);
	expect(f, "web/far", MAC_B " via");
	expect_mtu(f, "web/far", 1300);
	ip("route replace 192.0.2.0/24 via 10.0.0.1 dev sluice0");
	ip("-6 route del 2001:db8::b/128 dev sluice0");
	expect_mtu(f, "web/far", 0);
	expect_mtu(f, "web/b", 0);
}

/* What leaves has the node's address as its source: rules may go by that. */
static void test_rules_by_source(void **state)
{
	struct fixture *f = *state;

	ip("link add mgmt0 type veth peer name mgmt1");
	ip("link set mgmt1 up");
	ip("link set mgmt0 up");
	ip("addr add 10.77.0.9/24 dev mgmt0");
	ip("route add default via 10.77.0.1 dev mgmt0");
	run_ms(f, 100);
	ip("neigh replace 10.0.0.1 dev sluice0 lladdr " MAC_A);
	expect(f, "web/far", "leaves by mgmt0");
	/* only the rule tells that the other table is asked */
	ip("route add default via 10.0.0.1 dev sluice0 table 100");
	ip("rule add from 10.0.0.5 lookup 100");
	expect(f, "web/far", MAC_A " via");
	ip("rule del from 10.0.0.5 lookup 100");
	expect(f, "web/far", "leaves by mgmt0");

	ip("-6 route add 2001:db8:77::/64 dev mgmt0");
	ip("-6 route add 2001:db8::b via fe80::1 dev sluice0 table 100");
	ip("neigh replace fe80::1 dev sluice0 lladdr " MAC_B);
	ip("-6 rule add from 2001:db8::5 lookup 100");
	expect(f, "web/b", MAC_B " via");
}

/* With nexthop_compat_mode=0 the kernel says nothing of the routes that use it. */
static void test_nexthop_objects(void **state)
{
	struct fixture *f = *state;
	static const char *const modes[] = { "1", "0" };

	run_ms(f, 100);
	ip("neigh replace 10.0.0.1 dev sluice0 lladdr " MAC_A);
	ip("neigh replace 10.0.0.2 dev sluice0 lladdr " MAC_B);
	for (int i = 0; i < 2; i++) {
		FILE *knob = fopen("/proc/sys/net/ipv4/nexthop_compat_mode", "we");

		assert_non_null(knob);
		fputs(modes[i], knob);
		assert_int_equal(fclose(knob), 0);
		ip("nexthop replace id 1 via 10.0.0.1 dev sluice0");
		ip("route replace 192.0.2.0/24 nhid 1");
		expect(f, "web/far", MAC_A " via");
		ip("nexthop replace id 1 via 10.0.0.2 dev sluice0");
		expect(f, "web/far", MAC_B " via");
		ip("nexthop add id 2 via 10.0.0.1 dev sluice0");
		ip("nexthop add id 3 group 2");
		ip("route replace 192.0.2.0/24 nhid 3");
		expect(f, "web/far", MAC_A " via");
		ip("nexthop replace id 3 group 1");
		expect(f, "web/far", MAC_B " via");
		ip("route del 192.0.2.0/24");
		ip("nexthop flush >/dev/null");
	}
}

/* The dataplane is started again: another interface of the same name. */
static void test_interface_comes_again(void **state)
{
	struct fixture *f = *state;

	run_ms(f, 50);
	ip("neigh replace 10.0.1.1 dev sluice0 lladdr " MAC_A);
	expect(f, "web/a", MAC_A " link");
	f->ready = 0;
	ip("link del sluice0");
	run_ms(f, 200);
	expect(f, "web/a", MAC_A " link");
	iface_make();
	for (uint32_t i = 0; i < 200 && !f->ready; i++)
		run_ms(f, 10);
	assert_true(f->ready > 0);
	assert_true(shows("addr show dev sluice0", "10.0.0.5/16"));
	expect(f, "web/a", MAC_A " link");
	/* down and up loses routes and IPv6 addresses */
	ip("link set sluice0 down");
	run_ms(f, 50);
	ip("link set sluice0 up");
	run_ms(f, 200);
	assert_true(shows("addr show dev sluice0", "inet6 2001:db8::5/64"));
}

static void test_instances_come_and_go(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		model_apply(f->model,
			    fixture_config("  web: { instances: { c: { address: 10.0.1.3 } } }\n",
					   services),
			    0),
		0);
	ip("neigh replace 10.0.1.3 dev sluice0 lladdr " MAC_A " 2>/dev/null || true");
	run_ms(f, 100);
	ip("neigh replace 10.0.1.3 dev sluice0 lladdr " MAC_A);
	expect(f, "web/c", MAC_A " link");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vips_wait_for_the_tables),
		TEST(test_interface),
		TEST(test_interface_follows_the_configuration),
		TEST(test_neighbours),
		TEST(test_routes),
		TEST(test_route_mtus),
		TEST(test_rules_by_source),
		TEST(test_nexthop_objects),
		TEST(test_interface_comes_again),
		TEST(test_instances_come_and_go),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root, for a network namespace");
		return 0;
	}
	return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}

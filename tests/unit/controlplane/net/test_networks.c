/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interfaces of a trunk and next hops on them, in a network namespace of the test's own. VLANs
 * 10 and 20 have interfaces of the expected name that are no VLAN interfaces, since not all kernels
 * have those; 30 is a real one where they have.
 */
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
#include "controlplane/net/vlan.h"
#include "tests/support/model_fixture.h"

#define PATIENCE_MS 20000
#define MAC_A "02:00:00:00:0a:01"
#define MAC_B "02:00:00:00:0b:02"
#define MAC_C "02:00:00:00:0c:03"

struct fixture {
	struct event_base *base;
	struct model *model;
	struct neighbours *neighbours;
};

#define NET10                                                                                      \
	"{ vlan: 10, address: [ 10.0.10.5/24, \"2001:db8:10::5/64\" ], gateway: [ 10.0.10.1 ] }"
#define NET20 "{ vlan: 20, address: [ 10.0.20.5/24 ] }"
#define NET30 "{ vlan: 30, address: [ 10.0.30.5/24 ] }"
#define UNTAGGED "{ address: [ 10.0.1.5/24 ] }"

static const char services[] =
	"  www: { vip: [ 198.51.100.10, \"2001:db8:1::10\" ], forward: ipip, listeners: [ { port: 80, "
	"pool: web } ] }\n"
	"  nat: { vip: [ 198.51.100.30 ], forward: nat, listeners: [ { port: 80, pool: web } ] }\n"
	"  in: { vip: [ 198.51.100.20 ], forward: ipip, networks: [ 20 ], listeners: [ { port: 80, pool: "
	"web } ] }\n";
static const char pools[] = "  web:\n    instances:\n"
			    "      a: { address: 10.0.20.1 }\n"
			    "      b: { address: 10.0.1.1 }\n"
			    "      far: { address: 192.0.2.7 }\n";

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static bool run(const char *command)
{
	return system(command) == 0;
}

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	assert_true(run(command));
}

static bool shows(const char *arguments, const char *text)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -o %s 2>/dev/null | grep -q -- '%s'", arguments,
		 text);
	return run(command);
}

static void links_make(void)
{
	ip("link set lo up");
	ip("link add sluice0 type veth peer name far0");
	ip("link add sluice0.10 type veth peer name far10");
	ip("link add sluice0.20 type veth peer name far20");
	ip("link set far0 up");
	ip("link set far10 up");
	ip("link set far20 up");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct neighbours_options options = { .base = NULL };

	*state = f;
	log_set_level(LOG_EMERG);
	if (!f || unshare(CLONE_NEWNET))
		return -1;
	links_make();
	f->base = event_base_new();
	f->model = model_create(&ops, f);
	if (model_apply(f->model,
			fixture_config_on("  networks: [ " NET10 ", " UNTAGGED ", " NET20 " ]\n"
					  "  nat_addresses: [ 10.0.20.32, 203.0.113.32 ]\n",
					  pools, services),
			0))
		return -1;
	options.base = f->base;
	options.model = f->model;
	f->neighbours = neighbours_create(&options);
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

/* Wait until an interface shows a text, or no longer does. */
static void expect(struct fixture *f, const char *arguments, const char *text, bool want)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	do {
		run_ms(f, 50);
		if (shows(arguments, text) == want)
			return;
	} while (clock_now_ms() < end);
	fail_msg("%s: '%s' is %s", arguments, text, want ? "missing" : "still there");
}

static void expect_hop(struct fixture *f, const char *path, const char *mac, uint16_t vlan)
{
	const struct model_next_hop *h = &model_instance_find(f->model, path)->next_hop;
	uint64_t end = clock_now_ms() + PATIENCE_MS;
	char is[32];

	do {
		run_ms(f, 10);
		snprintf(is, sizeof(is), "%02x:%02x:%02x:%02x:%02x:%02x", h->mac[0], h->mac[1],
			 h->mac[2], h->mac[3], h->mac[4], h->mac[5]);
		if (h->resolved && !strcmp(is, mac) && h->vlan == vlan)
			return;
	} while (clock_now_ms() < end);
	fail_msg("%s: %s on VLAN %u, '%s'; expected %s on %u", path, is, h->vlan, h->reason, mac,
		 vlan);
}

static void reconfigure(struct fixture *f, const char *networks)
{
	assert_int_equal(model_apply(f->model,
				     fixture_config_on(networks, pools,
						       "  www: { vip: [ 198.51.100.10 ], forward: "
						       "ipip, listeners: [ { port: 80, pool: web "
						       "} ] }\n"),
				     0),
			 0);
	neighbours_apply(f->neighbours);
}

/* Each network has its addresses, and the VIPs that are announced there. */
static void test_addresses(void **state)
{
	struct fixture *f = *state;

	neighbours_set_published(f->neighbours, true);
	expect(f, "addr show dev sluice0.20", "198.51.100.20/32", true);
	expect(f, "addr show dev sluice0.10", "2001:db8:1::10/128", true);
	assert_true(shows("addr show dev sluice0.10", "inet 10.0.10.5/24"));
	assert_true(shows("addr show dev sluice0.10", "198.51.100.10/32"));
	assert_false(shows("addr show dev sluice0.10", "198.51.100.20"));
	assert_false(shows("addr show dev sluice0.10", "10.0.20.5"));
	assert_true(shows("addr show dev sluice0.20", "inet 10.0.20.5/24"));
	assert_true(shows("addr show dev sluice0.20", "198.51.100.10/32"));
	assert_true(shows("addr show dev sluice0", "inet 10.0.1.5/24"));
	assert_false(shows("addr show dev sluice0", "198.51.100.20"));
	assert_true(shows("route get 192.0.2.9", "via 10.0.10.1 dev sluice0.10 src 10.0.10.5"));
	assert_true(run("grep -q 1 /proc/sys/net/ipv4/conf/sluice0.20/arp_ignore"));
}

/* A pool with too few instances up: its VIPs are not there, and they come back. */
static void test_minimum(void **state)
{
	static const char with_minimum[] = "  strict:\n    minimum_up: 2\n    instances:\n"
					   "      a: { address: 10.0.20.1 }\n"
					   "      b: { address: 10.0.1.1 }\n"
					   "  single:\n    instances:\n"
					   "      far: { address: 192.0.2.7 }\n";
	static const char two_services[] =
		"  www: { vip: [ 198.51.100.10, \"2001:db8:1::10\" ], forward: ipip, listeners: [ { "
		"port: 80, pool: strict } ] }\n"
		"  in: { vip: [ 198.51.100.20 ], forward: ipip, listeners: [ { port: 80, pool: "
		"single } ] }\n";
	struct fixture *f = *state;

	assert_int_equal(model_apply(f->model,
				     fixture_config_on("  networks: [ " NET10 ", " UNTAGGED
						       ", " NET20 " ]\n",
						       with_minimum, two_services),
				     0),
			 0);
	for (uint32_t i = 0; i < 2; i++)
		neighbours_add(f->neighbours, model_pool_at(f->model, 0)->instances[i]);
	neighbours_set_published(f->neighbours, true);
	neighbours_apply(f->neighbours);
	expect(f, "addr show dev sluice0", "198.51.100.20/32", true);
	assert_false(shows("addr show dev sluice0", "198.51.100.10/32")); /* not known yet */
	ip("neigh replace 10.0.20.1 dev sluice0.20 lladdr " MAC_A);
	ip("neigh replace 10.0.1.1 dev sluice0 lladdr " MAC_B);
	expect_hop(f, "strict/a", MAC_A, 20);
	expect_hop(f, "strict/b", MAC_B, 0);
	model_health_set(f->model, model_instance_find(f->model, "strict/a"), HEALTH_UP, NULL);
	model_health_set(f->model, model_instance_find(f->model, "strict/b"), HEALTH_UP, NULL);
	neighbours_vips_changed(f->neighbours);
	expect(f, "addr show dev sluice0.10", "2001:db8:1::10/128", true);
	expect(f, "addr show dev sluice0", "198.51.100.10/32", true);
	model_tick(f->model, 100);
	model_health_set(f->model, model_instance_find(f->model, "strict/a"), HEALTH_DOWN, NULL);
	neighbours_vips_changed(f->neighbours);
	expect(f, "addr show dev sluice0.10", "2001:db8:1::10/128", false);
	expect(f, "addr show dev sluice0.10", "198.51.100.10/32", false);
	expect(f, "addr show dev sluice0", "198.51.100.10/32", false);
	assert_true(shows("addr show dev sluice0", "198.51.100.20/32"));
	assert_true(shows("addr show dev sluice0", "inet 10.0.1.5/24"));
	model_health_set(f->model, model_instance_find(f->model, "strict/a"), HEALTH_UP, NULL);
	model_tick(f->model, 100 + MODEL_VIPS_HOLD_MS);
	neighbours_vips_changed(f->neighbours);
	expect(f, "addr show dev sluice0.10", "2001:db8:1::10/128", true);
	expect(f, "addr show dev sluice0", "198.51.100.10/32", true);
}

/* A NAT address is in the network that has it; one of none, which is routed, in all. */
static void test_nat_addresses(void **state)
{
	struct fixture *f = *state;

	neighbours_set_published(f->neighbours, true);
	expect(f, "addr show dev sluice0.20", "10.0.20.32/32", true);
	expect(f, "addr show dev sluice0.10", "203.0.113.32/32", true);
	expect(f, "addr show dev sluice0", "203.0.113.32/32", true);
	assert_true(shows("addr show dev sluice0.20", "203.0.113.32/32"));
	assert_false(shows("addr show dev sluice0.10", "10.0.20.32"));
	assert_false(shows("addr show dev sluice0", "10.0.20.32"));
}

static void test_next_hops(void **state)
{
	struct fixture *f = *state;

	expect(f, "route show", "default via 10.0.10.1 dev sluice0.10", true);
	ip("neigh replace 10.0.20.1 dev sluice0.20 lladdr " MAC_A);
	ip("neigh replace 10.0.1.1 dev sluice0 lladdr " MAC_B);
	ip("neigh replace 10.0.10.1 dev sluice0.10 lladdr " MAC_C);
	/* the same address elsewhere is another neighbour */
	ip("neigh replace 10.0.20.1 dev sluice0.10 lladdr " MAC_C);
	expect_hop(f, "web/a", MAC_A, 20);
	expect_hop(f, "web/b", MAC_B, 0);
	expect_hop(f, "web/far", MAC_C, 10);
	ip("route add 192.0.2.0/24 via 10.0.20.1");
	expect_hop(f, "web/far", MAC_A, 20);
}

static void test_network_removed(void **state)
{
	struct fixture *f = *state;

	neighbours_set_published(f->neighbours, true);
	expect(f, "addr show dev sluice0", "10.0.1.5", true);
	reconfigure(f, "  networks: [ " NET20 ", { vlan: 10, address: [ 10.0.10.6/24 ] } ]\n");
	expect(f, "addr show dev sluice0", "10.0.1.5", false);
	expect(f, "addr show dev sluice0.10", "10.0.10.6/24", true);
	assert_false(shows("addr show dev sluice0.10", "10.0.10.5"));
	assert_false(shows("addr show dev sluice0", "198.51.100.10"));
	assert_false(shows("route show", "default"));
	assert_true(shows("addr show dev sluice0.20", "10.0.20.5/24"));
}

/* sluice-dataplane is started again: the port is another one. */
static void test_port_comes_again(void **state)
{
	struct fixture *f = *state;

	expect(f, "addr show dev sluice0.20", "10.0.20.5", true);
	ip("link del sluice0");
	run_ms(f, 50);
	ip("addr flush dev sluice0.20");
	ip("link add sluice0 type veth peer name far0");
	expect(f, "addr show dev sluice0.20", "10.0.20.5", true);
	expect(f, "addr show dev sluice0", "10.0.1.5", true);
}

static bool has_vlans(void)
{
	bool has = run("ip link add link far0 name probe type vlan id 7 2>/dev/null");

	if (has)
		ip("link del probe");
	return has;
}

/* Created, marked, and removed with its network. */
static void test_vlan_interface(void **state)
{
	struct fixture *f = *state;

	if (!has_vlans()) {
		print_message("# this kernel has no VLAN interfaces\n");
		skip();
	}
	ip("link add link sluice0 name other type vlan id 40");
	ip("addr add 10.0.40.1/24 dev other");
	reconfigure(f, "  networks: [ " NET10 ", " NET30
		       ", { vlan: 40, address: [ 10.0.40.5/24 ] } ]\n");
	expect(f, "addr show dev sluice0.30", "10.0.30.5/24", true);
	assert_true(shows("-d link show dev sluice0.30", "vlan protocol 802.1Q id 30"));
	assert_true(shows("link show group 83", "sluice0.30@sluice0"));
	expect(f, "addr show dev other", "10.0.40.5/24", true);
	assert_false(shows("link show group 83", "other"));
	reconfigure(f, "  networks: [ " NET10 " ]\n");
	expect(f, "link show", "sluice0.30", false);
	expect(f, "link show", "other@sluice0", true);
}

static void test_names(void **state)
{
	char name[IFNAMSIZ];

	(void)state;
	vlan_name("sluice0", 4094, name);
	assert_string_equal(name, "sluice0.4094");
	vlan_name("enp129s0f0np0", 7, name);
	assert_string_equal(name, "enp129s0f0np0.7");
	vlan_name("enp129s0f0np0", 10, name);
	assert_string_equal(name, "sluice.10");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), TEST(test_addresses),
		TEST(test_nat_addresses),     TEST(test_next_hops),
		TEST(test_network_removed),   TEST(test_port_comes_again),
		TEST(test_vlan_interface),    TEST(test_minimum),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root, for a network namespace");
		return 0;
	}
	return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}

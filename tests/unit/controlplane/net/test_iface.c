/* SPDX-License-Identifier: BSD-3-Clause */
/* A port that others use too: what is ours comes and goes, what is theirs stays. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/link.h"
#include "config/base/log.h"
#include "config/load/load.h"
#include "controlplane/net/iface.h"
#include "tests/support/model_fixture.h"

#define NODE                                                                                       \
	"  port: eth1\n  cpus: \"1\"\n  dataplane: xdp\n  flows: 65536\n"                          \
	"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"

struct fixture {
	struct config_addresses hosts;
	struct netlink netlink;
	struct iface_added added;
};

static struct config *config_make(const char *node, const char *vips)
{
	static struct config_errors errors;
	char text[1024];
	int length = snprintf(text, sizeof(text),
			      "node:\n" NODE "%spools:\n  p:\n    instances: { a: { address: "
			      "10.0.1.1 } }\nservices:\n  s:\n    vip: %s\n    forward: l2\n    "
			      "listeners: [ { port: 80, pool: p } ]\n",
			      node, vips);
	struct config *config = config_load_buffer(text, (size_t)length, "test", &errors);

	if (!config)
		config_errors_print(&errors, stderr);
	assert_non_null(config);
	return config;
}

static const char node_one[] = "  address: [10.0.0.5/16, \"2001:db8::5/64\"]\n"
			       "  gateway: [10.0.0.1, \"2001:db8::1\"]\n";
static const char vips_one[] = "[198.51.100.10, \"2001:db8:1::10\"]";

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): of this file */
}

/* How many lines of what ip(8) says have the text. */
static int lines(const char *arguments, const char *text)
{
	char command[256], line[32];
	FILE *from;
	int n;

	snprintf(command, sizeof(command), "ip -o %s 2>/dev/null | grep -c -- '%s'", arguments,
		 text);
	from = popen(command, "r"); /* NOLINT(cert-env33-c): of this file */
	assert_non_null(from);
	n = fgets(line, sizeof(line), from) ? atoi(line) : -1; /* NOLINT(cert-err34-c) */
	pclose(from);
	return n;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	log_set_level(LOG_EMERG);
	if (!f || unshare(CLONE_NEWNET))
		return -1;
	ip("link add eth1 type veth peer name far1");
	ip("link set far1 up");
	ip("link set eth1 up");
	ip("addr add 10.0.0.99/16 dev eth1");
	ip("addr add 192.0.2.1/24 dev eth1");
	ip("addr add 2001:db8::99/64 dev eth1 nodad");
	ip("route add default via 192.0.2.254 metric 700");
	return netlink_open(&f->netlink);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	netlink_close(&f->netlink);
	free(f->added.list);
	free(f);
	return 0;
}

static int wish(struct fixture *f, const char *node, const char *vips, enum iface_vips how)
{
	struct config *config = config_make(node, vips);
	struct link_state link = { .index = 0 };
	int found = link_find(&f->netlink, "eth1", &link);
	const struct iface_wish wish = {
		.name = "eth1",
		.index = link.index,
		.config = config,
		.hosts = f->hosts,
		.vips = how,
		.shared = true,
		.is_up = link.is_up,
		.added = &f->added,
	};
	int err = found ? found : iface_setup(&f->netlink, &wish);

	config_free(config);
	return err;
}

static void successor(struct fixture *f)
{
	free(f->added.list);
	f->added = (struct iface_added){ .count = 0 };
}

static void expect_theirs(void)
{
	assert_int_equal(lines("addr show dev eth1", "10.0.0.99/16"), 1);
	assert_int_equal(lines("addr show dev eth1", "192.0.2.1/24"), 1);
	assert_int_equal(lines("addr show dev eth1", "2001:db8::99/64"), 1);
	assert_int_equal(lines("addr show dev eth1", "fe80::"), 1);
	assert_int_equal(lines("route show", "default via 192.0.2.254"), 1);
}

static void expect_ours(int node, int vips)
{
	assert_int_equal(lines("addr show dev eth1", "10.0.0.5/16"), node);
	assert_int_equal(lines("addr show dev eth1", "2001:db8::5/64"), node);
	assert_int_equal(lines("addr show dev eth1", "198.51.100.10/32"), vips);
	assert_int_equal(lines("addr show dev eth1", "2001:db8:1::10/128"), vips);
	assert_int_equal(lines("route show proto 83", "default via 10.0.0.1"), node);
	assert_int_equal(lines("-6 route show proto 83", "default via 2001:db8::1"), node);
	expect_theirs();
}

static void setup_is_idempotent_and_clear_removes_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	expect_ours(1, 0);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_ADD), 0);
	expect_ours(1, 1);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_ADD), 0);
	expect_ours(1, 1);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	expect_ours(1, 1);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_REMOVE), 0);
	expect_ours(1, 0);
	assert_true(iface_clear(&f->netlink, "eth1", if_nametoindex("eth1")) > 0);
	expect_ours(0, 0);
	assert_int_equal(iface_clear(&f->netlink, "eth1", if_nametoindex("eth1")), 0);
}

/* Killed, and started with another file: what the file before said goes. */
static void successor_removes_what_left_the_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_ADD), 0);
	successor(f);
	assert_int_equal(wish(f, "  address: [10.0.0.6/16]\n", "[198.51.100.11]", IFACE_VIPS_ADD),
			 0);
	expect_ours(0, 0);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.6/16"), 1);
	assert_int_equal(lines("addr show dev eth1", "198.51.100.11/32"), 1);
	assert_int_equal(lines("route show proto 83", "default"), 0);
}

/* An address that the administrator had added before stays, even if it leaves the file. */
static void existing_addresses_are_not_ours(void **state)
{
	struct fixture *f = *state;
	static const char same[] = "  address: [10.0.0.99/16, \"2001:db8::99/64\"]\n";

	ip("addr add 198.51.100.10/32 dev eth1");
	assert_int_equal(wish(f, same, vips_one, IFACE_VIPS_ADD), 0);
	assert_int_equal(wish(f, same, vips_one, IFACE_VIPS_REMOVE), 0);
	assert_int_equal(wish(f, "  address: [10.0.0.5/16]\n", "[198.51.100.11]", IFACE_VIPS_ADD),
			 0);
	assert_int_equal(lines("addr show dev eth1", "198.51.100.10/32"), 1);
	expect_theirs();
}

/* The kernel removes secondary addresses with the primary one unless promote_secondaries is set. */
static void removed_primary_keeps_other_addresses(void **state)
{
	struct fixture *f = *state;

	ip("addr flush dev eth1 scope global");
	assert_int_equal(wish(f, "  address: [10.0.0.5/16]\n", vips_one, IFACE_VIPS_KEEP), 0);
	ip("addr add 10.0.0.99/16 dev eth1");
	assert_int_equal(lines("addr show dev eth1", "10.0.0.99/16.*secondary"), 1);
	assert_int_equal(wish(f, "  address: [10.0.0.6/16]\n", vips_one, IFACE_VIPS_KEEP), 0);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.99/16"), 1);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.5/16"), 0);
}

static void route_of_another_stays(void **state)
{
	struct fixture *f = *state;

	ip("route add default via 192.0.2.253 metric 50");
	assert_int_not_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	assert_int_equal(lines("route show", "default via 192.0.2.253"), 1);
	assert_int_equal(lines("route show proto 83", "default"), 0);
	ip("route del default via 192.0.2.253 metric 50");
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	assert_int_equal(lines("route show proto 83", "default via 10.0.0.1"), 1);
	assert_int_equal(wish(f, "  address: [10.0.0.5/16]\n  gateway: [10.0.0.2]\n", vips_one,
			      IFACE_VIPS_KEEP),
			 0);
	assert_int_equal(lines("route show proto 83", "default via 10.0.0.2"), 1);
	assert_int_equal(lines("route show proto 83", "default"), 1);
}

static void expect_sources(const char *network)
{
	assert_int_equal(lines("route show table local proto 83", "local "), network ? 1 : 0);
	if (network)
		assert_int_equal(lines("route show table local proto 83", network), 1);
	expect_theirs();
}

/* The kernel takes what comes for node.tunnel_sources as its own; not longer than the file says so. */
static void tunnel_sources_are_local(void **state)
{
	struct fixture *f = *state;
	static const char with[] = "  address: [10.0.0.5/16]\n  tunnel_sources: 10.255.0.0/16\n";
	static const char other[] = "  address: [10.0.0.5/16]\n  tunnel_sources: 10.254.0.0/17\n";

	assert_int_equal(wish(f, with, vips_one, IFACE_VIPS_KEEP), 0);
	expect_sources("local 10.255.0.0/16 dev eth1");
	assert_int_equal(wish(f, with, vips_one, IFACE_VIPS_KEEP), 0);
	expect_sources("local 10.255.0.0/16 dev eth1");
	assert_int_equal(wish(f, other, vips_one, IFACE_VIPS_KEEP), 0);
	expect_sources("local 10.254.0.0/17 dev eth1");
	successor(f);
	assert_int_equal(wish(f, "  address: [10.0.0.5/16]\n", vips_one, IFACE_VIPS_KEEP), 0);
	expect_sources(NULL);
	assert_int_equal(wish(f, with, vips_one, IFACE_VIPS_KEEP), 0);
	assert_true(iface_clear(&f->netlink, "eth1", if_nametoindex("eth1")) > 0);
	expect_sources(NULL);
}

/* Set up when it is new; what an administrator does later counts. */
static void link_is_set_up_once(void **state)
{
	struct fixture *f = *state;

	ip("link set eth1 down");
	(void)wish(f, node_one, vips_one, IFACE_VIPS_KEEP);
	assert_int_equal(lines("link show dev eth1", "LOWER_UP"), 1);
	ip("link set eth1 down");
	(void)wish(f, node_one, vips_one, IFACE_VIPS_KEEP);
	assert_int_equal(lines("link show dev eth1", "LOWER_UP"), 0);
}

static void hosts_set(struct fixture *f, const char *first, const char *second)
{
	f->hosts.count = 2;
	assert_int_equal(config_address_parse(first, &f->hosts.list[0]), 0);
	assert_int_equal(config_address_parse(second, &f->hosts.list[1]), 0);
}

/* They come and go with the VIPs, and are never the source of what the kernel sends. */
static void nat_addresses_are_like_vips(void **state)
{
	struct fixture *f = *state;

	hosts_set(f, "10.0.0.32", "2001:db8::32");
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.32"), 0);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_ADD), 0);
	expect_ours(1, 1);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.32/32 scope host"), 1);
	assert_int_equal(lines("addr show dev eth1", "2001:db8::32/128.*deprecated"), 1);
	successor(f);
	hosts_set(f, "10.0.0.33", "2001:db8::32");
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_KEEP), 0);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.32"), 0);
	assert_int_equal(lines("addr show dev eth1", "10.0.0.33"), 0);
	assert_int_equal(lines("addr show dev eth1", "2001:db8::32/128"), 1);
	assert_int_equal(wish(f, node_one, vips_one, IFACE_VIPS_REMOVE), 0);
	assert_int_equal(lines("addr show dev eth1", "2001:db8::32/128"), 0);
	expect_ours(1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(setup_is_idempotent_and_clear_removes_it),
		TEST(successor_removes_what_left_the_file),
		TEST(existing_addresses_are_not_ours),
		TEST(removed_primary_keeps_other_addresses),
		TEST(tunnel_sources_are_local),
		TEST(nat_addresses_are_like_vips),
		TEST(route_of_another_stays),
		TEST(link_is_set_up_once),
	};

	return cmocka_run_group_tests_name("iface", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What a trunk's configuration means: its networks, and where services are announced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/schema/diff.h"
#include "tests/support/refuse.h"

#define HEAD "node:\n  port: eth1\n  cpus: \"1\"\n  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
#define TAIL                                                                                       \
	"pools: { web: { instances: { a: { address: 10.0.2.9 } } } }\n"                            \
	"services:\n"                                                                              \
	"  all: { vip: [ 203.0.113.10 ], forward: l2, listeners: [ { port: 80, pool: web } ] }\n"  \
	"  some: { vip: [ 203.0.113.11 ], forward: ipip, networks: [ untagged, 10 ],\n"            \
	"          listeners: [ { port: 80, pool: web } ] }\n"
#define NETWORKS                                                                                    \
	"  networks:\n"                                                                             \
	"    - { vlan: 10, address: [ 10.0.0.5/24, \"2001:db8::5/64\" ], gateway: [ 10.0.0.1 ] }\n" \
	"    - { vlan: 4094, address: [ 10.0.2.5/24 ], gateway: [ \"fe80::1\" ] }\n"

static const struct config_address *for_address(const struct config *config, const char *text)
{
	struct config_address to;

	assert_int_equal(config_address_parse(text, &to), 0);
	return config_node_address_for(&config->node, &to);
}

static void test_trunk(void **state)
{
	struct config *config =
		refuse_load(HEAD NETWORKS "    - { address: [ 10.0.3.5/24 ] }\n" TAIL);
	const struct config_network *networks;
	uint32_t count;

	(void)state;
	networks = config_node_networks(&config->node, &count);
	assert_int_equal(count, 3);
	assert_int_equal(networks[0].vlan, 10);
	assert_int_equal(networks[1].vlan, 4094);
	assert_int_equal(networks[2].vlan, 0);
	assert_int_equal(networks[0].gateway_count, 1);
	assert_ptr_equal(config_node_address(&config->node, 4), &networks[0].addresses[0].address);
	assert_ptr_equal(config_node_address(&config->node, 6), &networks[0].addresses[1].address);
	assert_ptr_equal(for_address(config, "10.0.2.77"), &networks[1].addresses[0].address);
	assert_ptr_equal(for_address(config, "10.0.3.77"), &networks[2].addresses[0].address);
	assert_ptr_equal(for_address(config, "192.0.2.1"), &networks[0].addresses[0].address);
	assert_int_equal(config->services[0].network_mask, 7);
	assert_int_equal(config->services[1].network_mask, 5);
	assert_true(config_service_is_on(config, &config->services[1], 0));
	assert_false(config_service_is_on(config, &config->services[1], 1));
	config_free(config);
}

/* The sources of nat: those of the networks where its instances are. */
static void test_nat_sources(void **state)
{
	struct config *config =
		refuse_load(HEAD NETWORKS
			    "    - { address: [ 10.0.3.5/24, \"2001:db8:3::5/64\" ] }\n"
			    "pools:\n"
			    "  web: { instances: { a: { address: 10.0.2.9 } } }\n"
			    "  six: { instances: { a: { address: \"2001:db8:9::9\" } } }\n"
			    "  plain: { instances: { a: { address: 10.0.3.9 } } }\n"
			    "services:\n"
			    "  n: { vip: [ 203.0.113.10 ], forward: nat, listeners: [ { port: 443, "
			    "instance_port: 8443, pool: web }, { port: 80, pool: six } ] }\n"
			    "  l: { vip: [ 203.0.113.11 ], forward: ipip, listeners: [ { port: 80, "
			    "pool: plain } ] }\n");
	struct config_addresses addresses;
	char text[CONFIG_ADDRESS_STRLEN];

	(void)state;
	config_nat_addresses(config, &addresses);
	assert_int_equal(addresses.count, 2);
	assert_string_equal(config_address_format(&addresses.list[0], text), "2001:db8::5");
	assert_string_equal(config_address_format(&addresses.list[1], text), "10.0.2.5");
	config_free(config);
}

static void test_untagged(void **state)
{
	struct config *config = refuse_load(refuse_base);
	uint32_t count;

	(void)state;
	assert_ptr_equal(config_node_networks(&config->node, &count), &config->node.plain);
	assert_int_equal(count, 1);
	assert_int_equal(config->services[0].network_mask, 0);
	assert_true(config_service_is_on(config, &config->services[0], 0));
	config_free(config);
}

static void on_change(const struct config_change *change, void *context)
{
	(void)context;
	assert_true(change->reloadable);
}

static void test_changes_are_live(void **state)
{
	struct config *before =
		refuse_load(HEAD NETWORKS "    - { address: [ 10.0.3.5/24 ] }\n" TAIL);
	struct config *after = refuse_load(
		HEAD "  networks:\n"
		     "    - { address: [ 10.0.3.5/24 ] }\n"
		     "    - { vlan: 10, address: [ 10.0.0.6/24, \"2001:db8::5/64\" ] }\n" TAIL);
	struct config_diff_totals totals = config_diff(before, after, on_change, NULL);

	(void)state;
	assert_int_equal(totals.changes, 3); /* an address, a gateway, a network */
	assert_int_equal(config_diff(before, before, NULL, NULL).changes, 0);
	config_free(before);
	config_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trunk),
		cmocka_unit_test(test_nat_sources),
		cmocka_unit_test(test_untagged),
		cmocka_unit_test(test_changes_are_live),
	};

	return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}

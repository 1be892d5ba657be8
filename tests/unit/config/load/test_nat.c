/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* asprintf */
/* `forward: nat`: its keys, and what its rules allow. */
#include "tests/support/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* To be freed by config_free(). */
static struct config *load(const char *node, const char *services)
{
	struct config *config;
	char *text;

	assert_true(
		asprintf(
			&text,
			"node:\n"
			"  port: eth1\n"
			"  cpus: \"1\"\n"
			"  address: [\"10.0.0.5/24\", \"10.0.3.5/32\"]\n"
			"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			"%s"
			"pools:\n"
			"  web: { instances: { a: { address: 10.0.1.1 }, b: { address: 10.0.1.2 } "
			"} }\n"
			"  api: { instances: { a: { address: 10.0.1.2 } } }\n"
			"  mapped: { instance_program: true, instances: { a: { address: 10.0.1.3 } } }\n"
			"  six: { instances: { a: { address: \"2001:db8::2\" } } }\n"
			"services:\n"
			"%s",
			node, services) > 0);
	config = refuse_load(text);
	free(text);
	return config;
}

#define SERVICE(name, vip, more)                                                                   \
	"  " name ": { vip: [" vip "], forward: nat, listeners: [{ " more " }\n"

static void test_defaults(void **state)
{
	struct config *config = load("", SERVICE("s", "203.0.113.10", "port: 443, pool: web }]"));
	const struct config_service *service = &config->services[0];
	const struct config_node *node = &config->node;

	(void)state;
	assert_int_equal(node->nat_address_count, 0);
	assert_int_equal(node->nat_port_first, 1024);
	assert_int_equal(node->nat_port_last, 32767);
	assert_int_equal(node->nat_idle_timeout_ms, 3600000);
	assert_int_equal(node->nat_syn_timeout_ms, 10000);
	assert_int_equal(node->nat_fin_timeout_ms, 120000);
	assert_int_equal(node->nat_closed_timeout_ms, 60000);
	assert_true(node->reset_on_expiry);
	assert_int_equal(service->forward, LB_FORWARD_NAT);
	assert_int_equal(service->source, CONFIG_SOURCE_NODE);
	assert_int_equal(service->listeners[0].instance_port, 443);
	config_free(config);
}

static void test_values(void **state)
{
	struct config *config =
		load("  nat_ports: 32768-65535\n  nat_idle_timeout: 10m\n  nat_syn_timeout: 1s\n"
		     "  nat_fin_timeout: 3m\n  nat_closed_timeout: 5s\n  reset_on_expiry: false\n",
		     SERVICE("s", "203.0.113.10",
			     "port: 443, instance_port: 8443, pool: web }], source: node"));
	const struct config_node *node = &config->node;

	(void)state;
	assert_int_equal(node->nat_port_first, 32768);
	assert_int_equal(node->nat_port_last, 65535);
	assert_int_equal(node->nat_idle_timeout_ms, 600000);
	assert_int_equal(node->nat_syn_timeout_ms, 1000);
	assert_int_equal(node->nat_fin_timeout_ms, 180000);
	assert_int_equal(node->nat_closed_timeout_ms, 5000);
	assert_false(node->reset_on_expiry);
	assert_int_equal(config->services[0].source, CONFIG_SOURCE_NODE);
	assert_int_equal(config->services[0].listeners[0].port, 443);
	assert_int_equal(config->services[0].listeners[0].instance_port, 8443);
	config_free(config);
}

/* Without translation the instance's program maps the ports. */
static void test_mapped(void **state)
{
	static const char *const modes[] = { "l2", "ipip", "gue" };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct config *config;
		char services[256];

		snprintf(services, sizeof(services),
			 "  s: { vip: [203.0.113.10], forward: %s, listeners: [{ port: 443, "
			 "instance_port: 8443, pool: mapped }, { port: 80, pool: mapped }] }\n",
			 modes[i]);
		config = load("", services);
		assert_int_equal(config->services[0].listeners[0].instance_port, 8443);
		assert_int_equal(config->services[0].listeners[1].instance_port, 80);
		config_free(config);
	}
}

/* The addresses of node.nat_addresses, separated by spaces. */
static void assert_addresses(const char *node, const char *expected)
{
	struct config *config = load(node, "  {}\n");
	struct config_addresses addresses;
	char text[CONFIG_ADDRESS_STRLEN], all[CONFIG_NAT_ADDRESSES_MAX * sizeof(text)] = "";

	config_nat_addresses(config, &addresses);
	if (config->node.nat_address_count)
		assert_int_equal(config_nat_address_count(&config->node), addresses.count);
	for (uint32_t i = 0; i < addresses.count; i++) {
		strcat(all, i ? " " : "");
		strcat(all, config_address_format(&addresses.list[i], text));
	}
	assert_string_equal(all, expected);
	config_free(config);
}

static void test_addresses(void **state)
{
	(void)state;
	assert_addresses("", "10.0.0.5 10.0.3.5");
	assert_addresses("  nat_addresses: []\n", "10.0.0.5 10.0.3.5");
	assert_addresses("  nat_addresses: [10.0.0.5]\n", "10.0.0.5");
	assert_addresses("  nat_addresses: [10.0.0.9/32, 10.0.2.0/31, 10.0.2.4/30]\n",
			 "10.0.0.9 10.0.2.0 10.0.2.1 10.0.2.4 10.0.2.5 10.0.2.6 10.0.2.7");
	assert_addresses("  nat_addresses: [\"2001:db8::fe/127\", 10.0.0.7]\n",
			 "2001:db8::fe 2001:db8::ff 10.0.0.7");
}

/* Near a rule, and allowed. */
static void test_allowed(void **state)
{
	static const struct {
		const char *node, *services;
	} rows[] = {
		{ "  nat_addresses: [10.0.0.8/30, \"2001:db8::7\"]\n",
		  SERVICE("s", "203.0.113.10, \"2001:db8:f::1\"",
			  "port: 443, instance_port: 8443, pool: web }, { port: 80, pool: six }]") },
		{ "  nat_addresses: [10.0.2.0/27]\n",
		  SERVICE("s", "203.0.113.10", "port: 1, pool: web }]") },
		{ "  nat_addresses: [10.0.0.1, 10.0.0.254]\n",
		  SERVICE("s", "203.0.113.10", "port: 1, pool: web }]") },
		{ "  dataplane: auto\n  nat_addresses: [10.0.0.7]\n",
		  SERVICE("s", "203.0.113.10", "port: 443, instance_port: 8443, pool: web }]") },
		{ "  dataplane: xdp\n  nat_addresses: [10.0.0.7]\n",
		  SERVICE("s", "203.0.113.10", "port: 443, instance_port: 8443, pool: web }]") },
		{ "  nat_ports: 1-1024\n", "  {}\n" },
		/* source: client; the second shares the first one's port of an instance */
		{ "  nat_addresses: [10.0.0.7]\n",
		  SERVICE("s", "203.0.113.10",
			  "port: 443, instance_port: 8443, pool: web }], source: client")
			  SERVICE("t", "203.0.113.11",
				  "port: 443, instance_port: 8443, pool: api }], source: client")
				  SERVICE("u", "\"2001:db8:f::1\"",
					  "port: 443, pool: six }], source: client") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		config_free(load(rows[i].node, rows[i].services));
}

/* Checks of a pool with a PROXY header send one, unless they say that they do not. */
static void test_proxy(void **state)
{
	static const char text[] =
		"node: { port: eth1, cpus: \"1\", address: [10.0.0.5/24],\n"
		"  secret: \"000102030405060708090a0b0c0d0e0f\" }\n"
		"pools:\n"
		"  plain: { checks: [{ target: \"TCP:80\" }, { target: \"TCP:81\", send_proxy: true }] }\n"
		"  told: { proxy_protocol: v2, checks: [{ target: \"TCP:80\" },\n"
		"    { target: \"TCP:81\", send_proxy: false }] }\n"
		"  none: { proxy_protocol: none, checks: [{ target: \"TCP:80\" }] }\n"
		"services: { s: { vip: [203.0.113.10], forward: nat,\n"
		"  listeners: [{ port: 443, instance_port: 8443, pool: told }] } }\n";
	struct config *config = refuse_load(text);

	(void)state;
	assert_int_equal(config->pools[0].proxy_protocol, CONFIG_PROXY_NONE);
	assert_false(config->pools[0].checks[0].send_proxy);
	assert_true(config->pools[0].checks[1].send_proxy);
	assert_int_equal(config->pools[1].proxy_protocol, CONFIG_PROXY_V2);
	assert_true(config->pools[1].checks[0].send_proxy);
	assert_false(config->pools[1].checks[1].send_proxy);
	assert_int_equal(config->pools[2].proxy_protocol, CONFIG_PROXY_NONE);
	assert_false(config->pools[2].checks[0].send_proxy);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
		cmocka_unit_test(test_mapped),	 cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_allowed),	 cmocka_unit_test(test_proxy),
	};

	return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}

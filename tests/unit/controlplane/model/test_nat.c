/* SPDX-License-Identifier: BSD-3-Clause */
/* What of `forward: nat` is published, and which index a NAT address has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/load/load.h"
#include "controlplane/model/model.h"
#include "dataplane/abi/lb_check.h"
#include "dataplane/core/lb_service_find.h"

static uint32_t told; /* enum model_change, since it was read last */

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)pool_id;
	told |= what;
}

static const struct model_ops ops = { .changed = on_changed };

static struct config *load(const char *node, const char *service)
{
	static char text[8192];
	static struct config_errors errors;
	struct config *config;
	int length = snprintf(text, sizeof(text),
			      "node:\n"
			      "  port: eth1\n"
			      "  cpus: \"1\"\n"
			      "  address: [\"10.0.0.5/16\", \"2001:db8::5/64\"]\n"
			      "  table_slots: 251\n"
			      "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			      "%s"
			      "pools:\n"
			      "  web: { instances: { a: { address: 10.0.1.1 } } }\n"
			      "  api: { instances: { a: { address: 10.0.1.2 } } }\n"
			      "services:\n"
			      "%s",
			      node, service);

	config = config_load_buffer(text, (size_t)length, "test", &errors);
	config_errors_print(&errors, stderr);
	assert_non_null(config);
	return config;
}

#define NAT                                                                                         \
	"  s: { vip: [198.51.100.10], forward: nat, listeners: [{ port: 443, instance_port: 8443, " \
	"pool: web }, { port: 80, pool: web }] }\n"
#define L2 "  s: { vip: [198.51.100.10], forward: l2, listeners: [{ port: 443, pool: web }] }\n"

/* The configuration's check does not let it through yet. */
static struct config *load_client(const char *services, uint32_t service)
{
	struct config *config = load("", services);

	config->services[service].source = CONFIG_SOURCE_CLIENT;
	return config;
}

static struct config *load_proxy(const char *services)
{
	struct config *config = load("", services);

	config->pools[0].proxy_protocol = CONFIG_PROXY_V2;
	return config;
}

static void apply(struct model *model, const char *node, const char *services)
{
	assert_int_equal(model_apply(model, load(node, services), 1), 0);
}

static int setup(void **state)
{
	*state = model_create(&ops, NULL);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	model_destroy(*state);
	return 0;
}

/* "10.0.0.7", "10.0.0.7+" if it gets new flows, "=" if it is the node's own, "-": a free index. */
static void assert_indices(const struct lb_params *params, const char *expected)
{
	const struct lb_nat_params *nat = &params->nat;
	char text[1024] = "", address[CONFIG_ADDRESS_STRLEN];
	uint32_t last = 0;

	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++)
		last = nat->flags[i] ? i + 1 : last;
	for (uint32_t i = 0; i < last; i++) {
		const uint8_t *bytes = nat->address[i];
		bool is4 = bytes[10] == 0xff && bytes[11] == 0xff && !bytes[0];
		struct config_address from = { .family = is4 ? 4 : 6 };

		memcpy(from.bytes, is4 ? bytes + 12 : bytes, is4 ? 4 : 16);
		config_address_format(&from, address);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s%s", i ? " " : "",
			 nat->flags[i] ? address : "-",
			 nat->flags[i] & LB_NAT_ADDRESS_ACCEPTS ? "+" : "",
			 nat->flags[i] & LB_NAT_ADDRESS_OWN ? "=" : "");
	}
	assert_string_equal(text, expected);
}

static void assert_published(const struct model *model, const char *expected)
{
	struct lb_params params;

	model_params(model, &params);
	assert_int_equal(lb_check_params(&params), 0);
	assert_indices(&params, expected);
}

static void test_params(void **state)
{
	struct model *model = *state;
	const uint16_t ticks[] = { 0, 100, 100, 36000, 1200, 1200, 600, 600 };
	struct lb_params params;

	apply(model, "", NAT);
	model_params(model, &params);
	assert_int_equal(params.nat.port_first, 1024);
	assert_int_equal(params.nat.port_last, 32767);
	assert_int_equal(params.nat.reset_on_expiry, 1);
	assert_memory_equal(params.nat.timeouts.ticks, ticks, sizeof(ticks));
	assert_published(model, "10.0.0.5+= 2001:db8::5+=");
	apply(model,
	      "  nat_ports: 40000-50000\n  nat_syn_timeout: 5s\n  nat_idle_timeout: 10m\n"
	      "  nat_fin_timeout: 3s\n  nat_closed_timeout: 2s\n  reset_on_expiry: false\n",
	      NAT);
	model_params(model, &params);
	assert_int_equal(params.nat.port_first, 40000);
	assert_int_equal(params.nat.port_last, 50000);
	assert_int_equal(params.nat.reset_on_expiry, 0);
	assert_int_equal(params.nat.timeouts.ticks[LB_NAT_ANSWERED], 50);
	assert_int_equal(params.nat.timeouts.ticks[LB_NAT_ESTABLISHED], 6000);
	assert_int_equal(params.nat.timeouts.ticks[LB_NAT_FIN_INSTANCE], 30);
	assert_int_equal(params.nat.timeouts.ticks[LB_NAT_CLOSED], 20);
}

static void test_none_without_a_service(void **state)
{
	static const struct lb_nat_params none;
	struct model *model = *state;
	struct lb_params params;

	apply(model, "  nat_addresses: [10.0.2.1]\n", L2);
	model_params(model, &params);
	assert_memory_equal(&params.nat, &none, sizeof(none));
	assert_int_equal(lb_check_params(&params), 0);
}

static const struct lb_service *service(const struct model *model, uint16_t port)
{
	const uint8_t vip[4] = { 198, 51, 100, 10 };
	uint32_t bytes;
	const struct lb_service_table *table = model_services(model, &bytes);

	return lb_service_find4(table, lb_load32(vip), lb_cpu_to_be16(port), LB_IPPROTO_TCP);
}

static void test_services(void **state)
{
	const struct lb_service_table *table;
	struct model *model = *state;
	uint32_t bytes;

	apply(model, "", NAT);
	table = model_services(model, &bytes);
	assert_int_equal(lb_check_services(table, table->mask + 1), 0);
	assert_int_equal(service(model, 443)->forward, LB_FORWARD_NAT);
	assert_int_equal(service(model, 443)->source, LB_NAT_SOURCE_NODE);
	assert_int_equal(lb_be16_to_cpu(service(model, 443)->instance_port), 8443);
	assert_int_equal(lb_be16_to_cpu(service(model, 80)->instance_port), 80);
	assert_int_equal(model_apply(model, load_client(NAT, 0), 1), 0);
	assert_int_equal(service(model, 443)->source, LB_NAT_SOURCE_CLIENT);
	assert_int_equal(model_apply(model, load_proxy(NAT), 1), 0);
	assert_int_equal(service(model, 443)->source, LB_NAT_SOURCE_PROXY);
	table = model_services(model, &bytes);
	assert_int_equal(lb_check_services(table, table->mask + 1), 0);
	apply(model, "", L2);
	assert_int_equal(service(model, 443)->instance_port, 0);
	assert_int_equal(service(model, 443)->source, 0);
}

/* Flows name an address by its index: it stays until no flow uses it, whatever the file says. */
static void test_indices_are_kept(void **state)
{
	struct model *model = *state;

	apply(model, "  nat_addresses: [10.0.2.1, 10.0.2.2, 10.0.2.3]\n", NAT);
	assert_published(model, "10.0.2.1+ 10.0.2.2+ 10.0.2.3+");
	apply(model, "  nat_addresses: [10.0.2.3, 10.0.2.1, 10.0.0.5]\n", NAT);
	assert_published(model, "10.0.2.1+ 10.0.2.2 10.0.2.3+ 10.0.0.5+=");
	apply(model, "  nat_addresses: [10.0.2.2, 10.0.0.5]\n", NAT);
	assert_published(model, "10.0.2.1 10.0.2.2+ 10.0.2.3 10.0.0.5+=");
	told = 0;
	assert_false(model_nat_release(model, 0));
	assert_false(model_nat_release(model, 1 << 1 | 1 << 3)); /* they get new flows */
	assert_int_equal(told, 0);
	assert_true(model_nat_release(model, 1 << 0));
	assert_int_equal(told, MODEL_CHANGE_PARAMS);
	assert_published(model, "- 10.0.2.2+ 10.0.2.3 10.0.0.5+=");
	apply(model, "  nat_addresses: [10.0.2.2, 10.0.2.9]\n", NAT);
	assert_published(model, "10.0.2.9+ 10.0.2.2+ 10.0.2.3 10.0.0.5=");
}

/* An address waits until another one's index is released. */
static void test_no_free_index(void **state)
{
	struct model *model = *state;

	apply(model, "  nat_addresses: [10.0.2.0/27]\n", NAT);
	apply(model, "  nat_addresses: [10.0.3.7]\n", NAT);
	assert_null(model_nat_at(model, 32));
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++)
		assert_false(model_nat_at(model, i)->accepts);
	assert_true(model_nat_release(model, 1u << 31));
	assert_true(model_nat_at(model, 31)->accepts);
	assert_int_equal(model_nat_at(model, 31)->address.bytes[2], 3);
}

/* The interface answers for what is not the node's own, as long as flows use it. */
static void test_hosts(void **state)
{
	struct model *model = *state;
	struct config_addresses hosts;

	apply(model, "  nat_addresses: [10.0.2.1, 10.0.0.5, \"2001:db8::7\"]\n", NAT);
	model_nat_hosts(model, &hosts);
	assert_int_equal(hosts.count, 2);
	assert_int_equal(hosts.list[0].bytes[2], 2);
	assert_int_equal(hosts.list[1].family, 6);
	apply(model, "", L2);
	model_nat_hosts(model, &hosts);
	assert_int_equal(hosts.count, 2);
	assert_true(model_nat_release(model, UINT32_MAX));
	model_nat_hosts(model, &hosts);
	assert_int_equal(hosts.count, 0);
}

static void adopt(struct model *model, const struct lb_params *params)
{
	static struct lb_directory directory;
	const struct model_running running = { .directory = &directory, .params = params };

	assert_int_equal(model_adopt(model, &running), 0);
}

/* A successor takes the indices that run, for addresses of its file and others. */
static void test_adoption(void **state)
{
	struct model *model = *state, *successor = model_create(&ops, NULL);
	struct lb_params params;

	apply(model, "  nat_addresses: [10.0.2.1, 10.0.2.2, \"2001:db8::7\"]\n", NAT);
	model_params(model, &params);
	apply(successor, "  nat_addresses: [\"2001:db8::7\", 10.0.2.9, 10.0.2.1]\n", NAT);
	assert_published(successor, "2001:db8::7+ 10.0.2.9+ 10.0.2.1+");
	adopt(successor, &params);
	assert_published(successor, "10.0.2.1+ 10.0.2.2 2001:db8::7+ 10.0.2.9+");
	/* A dataplane without flows: nothing of it is kept. */
	adopt(successor, NULL);
	assert_published(successor, "2001:db8::7+ 10.0.2.9+ 10.0.2.1+");
	adopt(successor, &params);
	model_gone_forget(successor);
	assert_published(successor, "10.0.2.1+ - 2001:db8::7+ 10.0.2.9+");
	model_destroy(successor);
}

static void test_pools(void **state)
{
	static const char two[] = NAT
		"  t: { vip: [198.51.100.11], forward: nat, listeners: [{ port: 1, pool: api }] }\n"
		"  u: { vip: [198.51.100.12], forward: nat, listeners: [{ port: 2, pool: api }] }\n";
	struct model *model = *state;
	enum config_source source;

	assert_int_equal(model_apply(model, load_client(two, 1), 1), 0);
	assert_true(model_pool_has_nat(model, "web", &source));
	assert_int_equal(source, CONFIG_SOURCE_NODE);
	assert_true(model_pool_has_nat(model, "api", &source));
	assert_int_equal(source, CONFIG_SOURCE_CLIENT);
	apply(model, "",
	      NAT "  t: { vip: [198.51.100.11], forward: ipip, listeners: [{ port: 1, pool: web }] "
		  "}\n");
	assert_false(model_pool_has_nat(model, "web", &source));
	assert_false(model_pool_has_nat(model, "api", &source));
}

static void test_memory(void **state)
{
	static struct lb_segment segment;
	struct config *nat = load("", NAT), *l2 = load("", L2);

	(void)state;
	assert_false(model_nat_lacks_memory(nat, NULL));
	assert_true(model_nat_lacks_memory(nat, &segment));
	assert_false(model_nat_lacks_memory(l2, &segment));
	segment.nat_spaces = 8;
	assert_false(model_nat_lacks_memory(nat, &segment));
	config_free(nat);
	config_free(l2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_params),	  TEST(test_none_without_a_service),
		TEST(test_services),	  TEST(test_indices_are_kept),
		TEST(test_no_free_index), TEST(test_hosts),
		TEST(test_adoption),	  TEST(test_pools),
		TEST(test_memory),
	};

	return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}

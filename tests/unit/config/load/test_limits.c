/* SPDX-License-Identifier: BSD-3-Clause */
/* Each limit of config.h: the largest good file, and the smallest that is too large. */
#include "config/load/load.h"
#include "tests/support/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char limits_node[] = "node: { port: eth1, cpus: 1, address: [10.255.0.5/24],\n"
				  "        secret: 000102030405060708090a0b0c0d0e0f }\n";

struct limits_size {
	uint32_t pools, instances, services, vips, listeners;
};

static void limits_write_pools(FILE *to, const struct limits_size *size)
{
	fputs("pools:\n", to);
	for (uint32_t i = 0; i < size->pools; i++) {
		fprintf(to, "  p%u:\n    instances:\n", i);
		for (uint32_t j = 0; j < size->instances; j++)
			fprintf(to, "      i%u: { address: 10.%u.%u.%u }\n", j, i, j / 250,
				j % 250 + 1);
	}
}

/* To be freed. Each service has its own VIPs. */
static char *limits_text(const struct limits_size *size)
{
	char *text;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	fputs(limits_node, to);
	limits_write_pools(to, size);
	fputs(size->services ? "services:\n" : "services: {}\n", to);
	for (uint32_t i = 0; i < size->services; i++) {
		fprintf(to, "  s%u:\n    forward: l2\n    vip:\n", i);
		for (uint32_t j = 0; j < size->vips; j++)
			fprintf(to, "    - \"2001:db8:%x::%x\"\n", i, j + 1);
		fputs("    listeners:\n", to);
		for (uint32_t j = 0; j < size->listeners; j++)
			fprintf(to, "    - { port: %u, pool: p0 }\n", j + 1);
	}
	fclose(to);
	return text;
}

static void test_sizes(void **state)
{
	static const struct {
		struct limits_size size;
		const char *errors; /* NULL: none */
	} rows[] = {
		{ { 64, 64, 1, 4096, 1 }, NULL },
		{ { 1, 4096, 1, 1, 4096 }, NULL },
		{ { 1, 1, 4096, 1, 1 }, NULL },
		{ { 1, 1, 64, 8, 8 }, NULL },
		{ { 65, 1, 0, 0, 0 }, "t:196:3: pools: expected at most 64 entries\n" },
		{ { 1, 4097, 0, 0, 0 },
		  "t:4102:7: pools.p0.instances: expected at most 4096 entries\n" },
		{ { 2, 2049, 0, 0, 0 },
		  "t:4:3: pools: expected at most 4096 instances in all "
		  "pools together, not 4098\n" },
		{ { 1, 1, 1, 4097, 1 },
		  "t:4107:7: services.s0.vip[4096]: expected at most 4096 "
		  "entries\n" },
		{ { 1, 1, 65, 8, 8 },
		  "t:8:3: services: expected at most 4096 pairs of VIP and "
		  "listener, not 4160\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = limits_text(&rows[i].size);

		if (rows[i].errors)
			refuse_expect(text, strlen(text), rows[i].errors);
		else
			config_free(refuse_load(text));
		free(text);
	}
}

static void test_slots(void **state)
{
	const struct limits_size size = { 1, 17, 0, 0, 0 };
	char *text = limits_text(&size);
	char edited[4096];

	(void)state;
	snprintf(edited, sizeof(edited), "node: { table_slots: 271, %s", text + strlen("node: { "));
	refuse_expect(edited, strlen(edited),
		      "t:4:3: pools.p0.instances: 17 instances need node.table_slots of at least "
		      "272, not 271\n");
	snprintf(edited, sizeof(edited), "node: { table_slots: 277, %s", text + strlen("node: { "));
	config_free(refuse_load(edited));
	free(text);
}

/* @count times @unit, after @head; to be freed. */
static char *limits_repeat(const char *head, const char *unit, size_t count, const char *tail)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	fputs(head, to);
	for (size_t i = 0; i < count; i++)
		fputs(unit, to);
	fputs(tail, to);
	fclose(to);
	return text;
}

static void limits_try(const char *from, char *to, const char *errors)
{
	char *text = refuse_edit(from, to);

	if (errors)
		refuse_expect(text, strlen(text), errors);
	else
		config_free(refuse_load(text));
	free(text);
	free(to);
}

static void test_lengths(void **state)
{
	(void)state;
	limits_try("up.html", limits_repeat("", "a", CONFIG_PATH_MAX - 1, ""), NULL);
	limits_try(
		"HTTP:80/up.html", limits_repeat("HTTP:80/", "a", CONFIG_PATH_MAX, ""),
		"t:10:19: pools.web.checks[0].target: "
		"\"HTTP:80/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": "
		"expected a path of at most 1024 characters, not 1025\n");
	limits_try("eth1", limits_repeat("net_", "x", CONFIG_PORT_MAX - 4, ""), NULL);
	limits_try(
		"eth1", limits_repeat("net_", "x", CONFIG_PORT_MAX - 3, ""),
		"t:2:9: node.port: "
		"\"net_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\": "
		"expected a PCI address (\"0000:3b:00.0\"), a kernel interface (\"eth1\") or a "
		"DPDK vdev (\"net_af_xdp0,iface=eth1\")\n");
	limits_try("web-2", limits_repeat("", "n", CONFIG_NAME_MAX, ""), NULL);
}

/* As many checks, each with a target of its own; to be freed. */
static char *limits_checks(uint32_t count)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	for (uint32_t i = 1; i <= count; i++)
		fprintf(to, "      - { target: \"TCP:%u\" }\n", i);
	fclose(to);
	return text;
}

static void test_counts(void **state)
{
	static const char one[] =
		"      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n";

	(void)state;
	limits_try(one, limits_checks(CONFIG_CHECKS_MAX), NULL);
	limits_try(one, limits_checks(CONFIG_CHECKS_MAX + 1),
		   "t:26:9: pools.web.checks[16]: expected at most 16 entries\n");
	limits_try("\"10.0.0.5/24\"",
		   strdup("10.0.0.1/8, 10.0.0.2/8, 10.0.0.3/8, 10.0.0.4/8, 10.0.0.5/8, 10.0.0.6/8,"
			  "10.0.0.7/8, 10.0.0.8/8, 10.0.0.9/8, 10.0.0.10/8, 10.0.0.11/8,\n"
			  "    10.0.0.12/8, 10.0.0.13/8, 10.0.0.14/8, 10.0.0.15/8, 10.0.0.16/8, a"),
		   "t:5:70: node.address[16]: expected at most 16 entries\n");
}

/* Nothing that is cheap to write may be dear to read. */
static void test_bombs(void **state)
{
	static struct config_errors errors;
	char *bombs[] = {
		limits_repeat("x: ", "[", 3000000, ""),
		limits_repeat("x: ", "{a: ", 900000, ""),
		limits_repeat("x: ", "- ", 1000000, ""),
		limits_repeat("x: {", "a: b, ", 600000, "}"),
		limits_repeat("", "?", 4000000, ""),
		limits_repeat("a: &a [x]\nb: ", "*a, ", 100000, ""),
		limits_repeat("pools:\n", " a:\n", 900000, ""),
		limits_repeat("", "\n", 4000000, "a"),
		limits_repeat("\"", "\\u0041", 600000, "\""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		assert_null(config_load_buffer(bombs[i], strlen(bombs[i]), "t", &errors));
		assert_true(errors.count > 0);
		free(bombs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_slots),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}

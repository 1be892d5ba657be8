/* SPDX-License-Identifier: BSD-3-Clause */
/* What is too much to go by mistake. */
#include "config/schema/diff.h"
#include "tests/support/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char node[] = "node:\n"
			   "  port: eth1\n"
			   "  cpus: \"1\"\n"
			   "  address: [\"10.0.0.5/24\"]\n"
			   "  secret: \"000102030405060708090a0b0c0d0e0f\"\n";

/* Instances are letters, of pool p the small ones and of q the large ones; services are "name=last byte of the VIP". */
static struct config *build(const char *instances, const char *services)
{
	char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text), "%spools:\n", node);
	const struct {
		const char *name;
		char first;
	} pools[] = { { "p", 'a' }, { "q", 'A' } };

	for (size_t p = 0; p < 2; p++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  %s:\n    instances: {", pools[p].name);
		for (const char *c = instances; *c; c++)
			if (*c >= pools[p].first && *c < pools[p].first + 26)
				used += (size_t)snprintf(text + used, sizeof(text) - used,
							 " %c: { address: 10.0.%zu.%d },", *c,
							 p + 1, *c);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " }\n");
	}
	used += (size_t)snprintf(text + used, sizeof(text) - used, "services: {");
	for (const char *c = services; *c; c += 2)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 " %c: { vip: [203.0.113.%c], forward: l2, listeners: "
					 "[ { port: 80, pool: p } ] },",
					 c[0], c[1]);
	snprintf(text + used, sizeof(text) - used, " }\n");
	return refuse_load(text);
}

static void test_rows(void **state)
{
	static const struct {
		const char *instances[2], *services[2], *what;
	} rows[] = {
		{ { "abAB", "abAB" }, { "x1", "x1" }, "" },
		{ { "abAB", "ab" }, { "x1", "x1" }, "" },
		{ { "abAB", "a" }, { "x1", "x1" }, "3 of 4 instances" },
		{ { "abAB", "bcdeB" }, { "x1", "x1" }, "" },
		{ { "abA", "a" }, { "x1", "x1" }, "2 of 3 instances" },
		{ { "abA", "bA" }, { "x1", "x1" }, "" },
		{ { "a", "" }, { "x1", "x1" }, "1 of 1 instances" },
		{ { "ab", "AB" }, { "x1", "x1" }, "2 of 2 instances" },
		{ { "", "abAB" }, { "x1", "x1" }, "" },
		{ { "ab", "ab" }, { "x1y2", "" }, "all services (2)" },
		{ { "ab", "ab" }, { "x1y2", "y2" }, "" },
		{ { "ab", "ab" }, { "x1", "z1" }, "" },
		{ { "ab", "ab" }, { "x1", "x2" }, "" },
		{ { "ab", "ab" }, { "x1y2", "z3" }, "all services (2)" },
		{ { "ab", "ab" }, { "", "x1" }, "" },
		{ { "ab", "" }, { "x1", "" }, "all services (1) and 2 of 2 instances" },
	};
	char what[96];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *before = build(rows[i].instances[0], rows[i].services[0]);
		struct config *after = build(rows[i].instances[1], rows[i].services[1]);

		assert_int_equal(config_removes_much(before, after, what, sizeof(what)),
				 rows[i].what[0] != '\0');
		assert_string_equal(what, rows[i].what);
		config_free(before);
		config_free(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}

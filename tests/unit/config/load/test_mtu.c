/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* asprintf */
/* The IPv6 minimum MTU plus the tunnel header must fit: each mode and family, exactly and one byte short. */
#include "config/load/load.h"
#include "tests/support/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *build(const char *vip, const char *forward, const char *instances, uint32_t mtu)
{
	char *text;

	assert_true(
		asprintf(
			&text,
			"node:\n"
			"  port: eth1\n"
			"  cpus: \"1\"\n"
			"  address: [\"10.0.0.5/24\", \"2001:db8:1::5/64\"]\n"
			"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			"  mtu: %u\n"
			"pools:\n"
			"  web:\n"
			"    instances: {%s}\n"
			"services:\n"
			"  site: { vip: [%s], forward: %s, listeners: [ { port: 80, pool: web } ] }\n",
			mtu, instances, vip, forward) > 0);
	return text;
}

#define V4 "203.0.113.10"
#define V6 "\"2001:db8:f::10\""
#define I4 " a: { address: 10.0.0.11 }"
#define I6 " b: { address: \"2001:db8:1::12\" }"

static void test_rows(void **state)
{
	static const struct {
		const char *vip, *forward, *instances;
		uint32_t least; /* 1280: the key's own */
	} rows[] = {
		{ V4, "l2", I4, 1280 },		  { V6, "l2", I6, 1280 },
		{ V6, "l2", I4, 1280 },		  { V4, "ipip", I4, 1280 },
		{ V4, "ipip", I6, 1280 },	  { V6, "ipip", I4, 1300 },
		{ V6, "ipip", I6, 1320 },	  { V6, "ipip", I4 "," I6, 1320 },
		{ V4 ", " V6, "ipip", I4, 1300 }, { V6 ", " V4, "ipip", I6, 1320 },
		{ V6, "ipip", "", 1280 },	  { V4, "gue", I6, 1280 },
		{ V6, "gue", I4, 1312 },	  { V6, "gue", I4 "," I6, 1332 },
		{ V6, "nat", I4 "," I6, 1280 },	  { V4, "nat", I6, 1280 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct config_errors errors;
		uint32_t least = rows[i].least;
		char *good = build(rows[i].vip, rows[i].forward, rows[i].instances, least);
		char *bad = build(rows[i].vip, rows[i].forward, rows[i].instances, least - 1);
		char expect[64];
		struct config *config = refuse_load(good);

		assert_true(config_listener_mtu_min(config, &config->services[0],
						    &config->services[0].listeners[0]) <= least);
		config_free(config);
		assert_null(config_load_buffer(bad, strlen(bad), "t", &errors));
		assert_int_equal(errors.count, 1);
		assert_string_equal(errors.list[0].key, "node.mtu");
		assert_int_equal(errors.list[0].place.line, 6);
		assert_int_equal(errors.list[0].place.column, 8);
		snprintf(expect, sizeof(expect), "expected at least %u: service \"site\"", least);
		if (least > 1280)
			assert_non_null(strstr(errors.list[0].message, expect));
		free(good);
		free(bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests_name("mtu", tests, NULL, NULL);
}

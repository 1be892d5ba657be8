/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the node's addresses is the source of what it sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static const struct {
	const char *to;
	const char *from; /* NULL: none */
} cases[] = {
	{ "10.0.3.1", "10.0.0.5" },	      { "10.1.0.1", "10.0.0.5" },
	{ "10.9.15.255", "10.9.8.7" },	      { "10.9.16.1", "10.0.0.5" },
	{ "10.9.0.0", "10.9.8.7" },	      { "192.0.2.1", "192.0.2.1" },
	{ "192.0.2.2", "10.0.0.5" },	      { "2001:db8:1::9", "2001:db8:1::5" },
	{ "2001:db8:2::9", "2001:db8::5" },   { "2001:db8:2:ffff::", "2001:db8::5" },
	{ "2001:db8:3::7", "2001:db8:3::7" },
};

static struct config_prefix addresses[] = {
	{ .length = 22 }, { .length = 20 }, { .length = 32 },
	{ .length = 64 }, { .length = 48 }, { .length = 128 },
};

static void test_address_for(void **state)
{
	static const char *const texts[] = { "10.0.0.5",    "10.9.8.7",	     "192.0.2.1",
					     "2001:db8::5", "2001:db8:1::5", "2001:db8:3::7" };
	struct config_node node = { .plain = { .addresses = addresses, .address_count = 6 } };
	struct config_address to;
	char text[CONFIG_ADDRESS_STRLEN];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(config_address_parse(texts[i], &addresses[i].address), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(config_address_parse(cases[i].to, &to), 0);
		assert_string_equal(config_address_format(config_node_address_for(&node, &to),
							  text),
				    cases[i].from);
	}
	assert_ptr_equal(config_node_address(&node, 4), &addresses[0].address);
	assert_ptr_equal(config_node_address(&node, 6), &addresses[3].address);
	node.plain.address_count = 3;
	assert_null(config_node_address(&node, 6));
	assert_null(config_node_address_for(&node, &to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_for),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}

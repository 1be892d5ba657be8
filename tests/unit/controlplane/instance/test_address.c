/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/instance/address.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int family;
		const char *back;
	} rows[] = {
		{ "203.0.113.10", 0, 4, "203.0.113.10" },
		{ "2001:DB8:0::10", 0, 6, "2001:db8::10" },
		{ "::", 0, 6, "::" },
		{ "", -EINVAL, 0, NULL },
		{ "203.0.113", -EINVAL, 0, NULL },
		{ "203.0.113.256", -EINVAL, 0, NULL },
		{ "203.0.113.10 ", -EINVAL, 0, NULL },
		{ "203.0.113.10/32", -EINVAL, 0, NULL },
		{ "2001:db8::1%eth0", -EINVAL, 0, NULL },
		{ "web-1", -EINVAL, 0, NULL },
	};
	struct lb_unwrap_addr addr;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(address_parse(rows[i].text, &addr), rows[i].ret);
		if (rows[i].ret)
			continue;
		assert_int_equal(addr.family, rows[i].family);
		assert_string_equal(address_format(&addr, text), rows[i].back);
	}
}

/* The key of a map: two ways to write one address must be the same bytes. */
static void test_keys_have_no_leftovers(void **state)
{
	struct lb_unwrap_addr a, b;

	(void)state;
	memset(&a, 0xff, sizeof(a));
	assert_int_equal(address_parse("10.0.0.1", &a), 0);
	memset(&b, 0, sizeof(b));
	assert_int_equal(address_parse("10.0.0.1", &b), 0);
	assert_true(address_equal(&a, &b));
	assert_int_equal(address_parse("a00:1::", &b), 0);
	assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
	assert_false(address_equal(&a, &b));
}

static void test_unfit_vips(void **state)
{
	static const struct {
		const char *text;
		int fit;
	} rows[] = {
		{ "203.0.113.10", 1 }, { "10.9.9.9", 1 },	 { "2001:db8::10", 1 },
		{ "fd00::1", 1 },      { "0.0.0.0", 0 },	 { "0.1.2.3", 0 },
		{ "127.0.0.1", 0 },    { "224.0.0.1", 0 },	 { "240.0.0.1", 0 },
		{ "::", 0 },	       { "255.255.255.255", 0 }, { "::1", 0 },
		{ "ff02::1", 0 },      { "fe80::1", 0 },	 { "::ffff:10.0.0.1", 0 },
		{ "::10.0.0.1", 0 },
	};
	struct lb_unwrap_addr addr;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(address_parse(rows[i].text, &addr), 0);
		if (rows[i].fit)
			assert_null(address_unfit_vip(&addr));
		else
			assert_non_null(address_unfit_vip(&addr));
	}
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int bits; /* without the family's */
		const char *back;
	} rows[] = {
		{ "10.0.0.5", 0, 32, "10.0.0.5" },
		{ "10.0.0.5/32", 0, 32, "10.0.0.5" },
		{ "10.0.0.0/8", 0, 8, "10.0.0.0/8" },
		{ "10.128.0.0/9", 0, 9, "10.128.0.0/9" },
		{ "0.0.0.0/0", 0, 0, "0.0.0.0/0" },
		{ "2001:db8::/64", 0, 64, "2001:db8::/64" },
		{ "2001:db8::5", 0, 128, "2001:db8::5" },
		{ "10.0.0.5/24", -EINVAL, 0, NULL },
		{ "10.0.0.0/33", -EINVAL, 0, NULL },
		{ "10.0.0.0/", -EINVAL, 0, NULL },
		{ "10.0.0.0/-1", -EINVAL, 0, NULL },
		{ "10.0.0.0/+8", -EINVAL, 0, NULL },
		{ "10.0.0.0/8x", -EINVAL, 0, NULL },
		{ "10.0.0.0/99999999999999999999", -EINVAL, 0, NULL },
		{ "/8", -EINVAL, 0, NULL },
		{ "2001:db8::/129", -EINVAL, 0, NULL },
		{ "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128/128/128", -EINVAL, 0, NULL },
	};
	struct lb_unwrap_prefix prefix;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(address_parse_prefix(rows[i].text, &prefix), rows[i].ret);
		if (rows[i].ret)
			continue;
		assert_int_equal(prefix.bits, LB_UNWRAP_FAMILY_BITS + rows[i].bits);
		assert_string_equal(address_format_prefix(&prefix, text), rows[i].back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_keys_have_no_leftovers),
		cmocka_unit_test(test_unfit_vips),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

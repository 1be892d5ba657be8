/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/scalar.h"
#include "config/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_number(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "443", 0, 443 },
		{ "4294967295", 0, 4294967295u },
		{ "4294967296", -ERANGE, 0 },
		{ "18446744073709551617", -ERANGE, 0 },
		{ "99999999999999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "01", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "0o7", -EINVAL, 0 },
		{ "443abc", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1,000", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t value = 0;

		assert_int_equal(config_scalar_number(rows[i].text, &value), rows[i].rc);
		assert_int_equal(value, rows[i].value);
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t ms;
		const char *again;
	} rows[] = {
		{ "500ms", 0, 500, "500ms" },
		{ "10s", 0, 10000, "10s" },
		{ "5m", 0, 300000, "5m" },
		{ "1h", 0, 3600000, "1h" },
		{ "90s", 0, 90000, "90s" },
		{ "120s", 0, 120000, "2m" },
		{ "1000ms", 0, 1000, "1s" },
		{ "0s", 0, 0, "0ms" },
		{ "1193h", 0, 4294800000u, "1193h" },
		{ "1194h", -ERANGE, 0, NULL },
		{ "4294967296ms", -ERANGE, 0, NULL },
		{ "10", -EINVAL, 0, NULL },
		{ "s", -EINVAL, 0, NULL },
		{ "", -EINVAL, 0, NULL },
		{ "10S", -EINVAL, 0, NULL },
		{ "10 s", -EINVAL, 0, NULL },
		{ "1m30s", -EINVAL, 0, NULL },
		{ "1.5s", -EINVAL, 0, NULL },
		{ "010s", -EINVAL, 0, NULL },
		{ "-1s", -EINVAL, 0, NULL },
		{ "10us", -EINVAL, 0, NULL },
		{ "1d", -EINVAL, 0, NULL },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t ms = 0;

		assert_int_equal(config_scalar_duration(rows[i].text, &ms), rows[i].rc);
		assert_int_equal(ms, rows[i].ms);
		if (rows[i].again)
			assert_string_equal(config_scalar_duration_format(ms, text), rows[i].again);
	}
}

static void test_bool_and_hex(void **state)
{
	uint8_t bytes[2];
	bool value = false;

	(void)state;
	assert_int_equal(config_scalar_bool("true", &value), 0);
	assert_true(value);
	assert_int_equal(config_scalar_bool("false", &value), 0);
	assert_false(value);
	assert_int_equal(config_scalar_bool("yes", &value), -EINVAL);
	assert_int_equal(config_scalar_bool("", &value), -EINVAL);
	assert_int_equal(config_scalar_hex("a0Ff", bytes, 2), 0);
	assert_int_equal(bytes[0], 0xa0);
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(config_scalar_hex("a0F", bytes, 2), -EINVAL);
	assert_int_equal(config_scalar_hex("a0Fg", bytes, 2), -EINVAL);
	assert_int_equal(config_scalar_hex("a0Ff0", bytes, 2), -EINVAL);
	assert_int_equal(config_scalar_hex("0xFf", bytes, 2), -EINVAL);
}

static void test_guess(void **state)
{
	static const char *const keys[] = { "port", "pool", "instance_port", "idle_timeout", "l2" };
	static const struct {
		const char *word;
		const char *best;
	} rows[] = {
		{ "prot", "port" },
		{ "pools", "pool" },
		{ "Port", "port" },
		{ "idle-timeout", "idle_timeout" },
		{ "instanceport", "instance_port" },
		{ "idle_tmotu", NULL },
		{ "nat", NULL },
		{ "", NULL },
		{ "l3", "l2" },
		{ "x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_guess guess = { .word = rows[i].word };

		for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++)
			config_guess_offer(&guess, keys[j]);
		if (rows[i].best)
			assert_string_equal(guess.best, rows[i].best);
		else
			assert_null(guess.best);
	}
}

/* What a file says must not reach a terminal as it is. */
static void test_printable(void **state)
{
	static struct config_errors errors;
	const struct config_place place = { 3, 7 };
	char wide[121] = "", line[512];

	(void)state;
	for (size_t i = 0; i < 120; i += 2)
		snprintf(wide + i, sizeof(wide) - i, "%s", "\xc3\xbc");
	config_errors_init(&errors, "f");
	config_error_add(&errors, place, "a\nb", "x\x1b[31m\"y\"\t\xc2\x9b", "no %s", "way");
	config_error_add(&errors, place, NULL, wide, "wide");
	config_error_add(&errors, place, NULL, NULL, "bare");
	config_error_format(&errors, 0, line, sizeof(line));
	assert_string_equal(line, "f:3:7: a?b: \"x?[31m'y'??\": no way");
	config_error_format(&errors, 1, line, sizeof(line));
	assert_int_equal(strlen(errors.list[1].value), 2 * 38 + 3);
	config_error_format(&errors, 2, line, sizeof(line));
	assert_string_equal(line, "f:3:7: bare");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),	     cmocka_unit_test(test_duration),
		cmocka_unit_test(test_bool_and_hex), cmocka_unit_test(test_guess),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests_name("scalar", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of CPUs as the kernel writes them, and what is said of one that is not there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/cpus.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int result, count, last;
	} rows[] = {
		{ "0", 0, 1, 0 },
		{ "0-3", 0, 4, 3 },
		{ "0-1,8,10-11", 0, 5, 11 },
		{ "1023", 0, 1, 1023 },
		{ "0\n", -EINVAL, 0, 0 },
		{ "", -EINVAL, 0, 0 },
		{ "x", -EINVAL, 0, 0 },
		{ "1,", -EINVAL, 0, 0 },
		{ ",1", -EINVAL, 0, 0 },
		{ "1-", -EINVAL, 0, 0 },
		{ "3-1", -EINVAL, 0, 0 },
		{ "01", -EINVAL, 0, 0 },
		{ "0-1024", -ERANGE, 0, 0 },
		{ "9999", -ERANGE, 0, 0 },
		{ "3,3", -EEXIST, 0, 3 },
		{ "0-4,7,2-3", -EEXIST, 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t twice = 0;
		char text[32];
		cpu_set_t set;

		assert_int_equal(cpus_parse(rows[i].text, &set, &twice), rows[i].result);
		if (rows[i].result == -EEXIST)
			assert_int_equal(twice, rows[i].last);
		if (rows[i].result)
			continue;
		cpus_format(&set, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_int_equal(CPU_COUNT(&set), rows[i].count);
		assert_true(CPU_ISSET(rows[i].last, &set));
	}
}

static void test_format(void **state)
{
	char text[CPUS_TEXT_MAX], small[8];
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	cpus_format(&set, text, sizeof(text));
	assert_string_equal(text, "");
	for (int i = 0; i < CPU_SETSIZE; i += 2)
		CPU_SET(i, &set);
	cpus_format(&set, text, sizeof(text));
	assert_string_equal(text + strlen(text) - 5, ",1022");
	CPU_SET(1, &set);
	cpus_format(&set, small, sizeof(small));
	assert_string_equal(small, "0-2,4,6");
}

/* Also those that this process may not run on. */
static void test_online(void **state)
{
	cpu_set_t before, one, online;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpus_online(&online), 0);
	assert_int_equal(CPU_COUNT(&online), sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void test_absent(void **state)
{
	static const uint16_t cpus[] = { 0, 2, 3, 5, 1023, 1024, 4000 };
	char note[256], small[24];
	cpu_set_t online;
	uint32_t twice;

	(void)state;
	assert_int_equal(cpus_parse("0-3", &online, &twice), 0);
	cpus_absent_note(&online, cpus, 3, note, sizeof(note));
	assert_string_equal(note, "");
	cpus_absent_note(&online, cpus, 7, note, sizeof(note));
	assert_string_equal(note,
			    "node.cpus: not online: CPU 5,1023,1024,4000; its part of the flow "
			    "table is not used");
	cpus_absent_note(&online, cpus, 7, small, sizeof(small));
	assert_string_equal(small, "node.cpus: not online: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_online),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

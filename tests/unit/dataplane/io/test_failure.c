/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts that fail, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/io/failure.h"

static char dir[] = "/tmp/sluice-failure-XXXXXX";
static char path[sizeof(dir) + 32];

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/dataplane.failed", dir);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void same_reason_is_counted(void **state)
{
	char line[64];
	struct stat st;
	FILE *file;

	(void)state;
	umask(0077);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(failure_record(dir, "0000:3b:00.0 is bound to e1000e"), i);
	assert_int_equal(failure_record(dir, "no memory"), 0);
	assert_int_equal(failure_record(dir, "no memory"), 1);
	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_string_equal(line, "1 no memory\n");
	/* sluiced is another user. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	failure_clear(dir);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(failure_record(dir, "no memory"), 0);
	failure_clear(dir);
}

static void truncated_reasons_are_equal(void **state)
{
	char why[2000];

	(void)state;
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	assert_int_equal(failure_record(dir, why), 0);
	assert_int_equal(failure_record(dir, why), 1);
	failure_clear(dir);
}

static void no_link_is_followed(void **state)
{
	char target[sizeof(dir) + 32];

	(void)state;
	snprintf(target, sizeof(target), "%s/target", dir);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(failure_record(dir, "no memory"), 0);
	assert_int_not_equal(access(target, F_OK), 0);
	failure_clear(dir);
}

static void delays_grow_to_the_maximum(void **state)
{
	static const uint32_t expected[] = { 0, 1, 2, 4, 8, 16, 30, 30 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(failure_delay_s(i, 30), expected[i]);
		assert_int_equal(failure_delay_s(i, 0), 0);
	}
	assert_int_equal(failure_delay_s(1000000, 30), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_reason_is_counted),
		cmocka_unit_test(truncated_reasons_are_equal),
		cmocka_unit_test(no_link_is_followed),
		cmocka_unit_test(delays_grow_to_the_maximum),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

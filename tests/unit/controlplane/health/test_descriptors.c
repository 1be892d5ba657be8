/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "controlplane/api/server.h"
#include "controlplane/health/descriptors.h"

static rlim_t limit_now(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

static void descriptors_for_the_checks(void **state)
{
	struct rlimit limit = { .rlim_cur = 64, .rlim_max = 4096 };

	(void)state;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_reserve(CONTROL_CLIENTS_MAX, 64), 64);
	assert_true(limit_now() >= 64 * 2 + CONTROL_CLIENTS_MAX);
	assert_int_equal(descriptors_reserve(CONTROL_CLIENTS_MAX, 1024), 1024);
	assert_true(limit_now() >= 1024 * 2 + CONTROL_CLIENTS_MAX);
	assert_int_equal(descriptors_reserve(CONTROL_CLIENTS_MAX, 1), 1);
	assert_true(limit_now() >= 1024 * 2); /* never lowered */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_for_the_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

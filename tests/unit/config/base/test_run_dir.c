/* SPDX-License-Identifier: BSD-3-Clause */
/* One daemon of a kind in a run directory. */
#include <errno.h>
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

#include "config/base/run_dir.h"

static char top[] = "/tmp/sluice-run-XXXXXX";
static char dir[sizeof(top) + 8], path[sizeof(dir) + 16];
static char why[256];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/run", top);
	snprintf(path, sizeof(path), "%s/sluiced.pid", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(dir);
	return rmdir(top);
}

static int claim(void)
{
	why[0] = '\0';
	return run_dir_claim(dir, "sluiced", "sluiced.pid", why, sizeof(why));
}

static void run_dir_is_exclusive_and_names_its_owner(void **state)
{
	char expected[256], pid[16] = "";
	int fd = claim();
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(why, "");
	assert_int_equal(claim(), -EWOULDBLOCK);
	snprintf(expected, sizeof(expected), "another sluiced (process %d) runs with -r %s",
		 (int)getpid(), dir);
	assert_string_equal(why, expected);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(pid, sizeof(pid), f));
	fclose(f);
	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	assert_string_equal(pid, expected);
	run_dir_release(fd);
}

static void the_file_stays_and_is_empty(void **state)
{
	struct stat st;

	(void)state;
	run_dir_release(claim());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	run_dir_release(-1);
}

static void unusable_run_dir_is_reported(void **state)
{
	(void)state;
	assert_int_equal(run_dir_claim("/nonexistent/deeper", "sluiced", "sluiced.pid", why,
				       sizeof(why)),
			 -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/deeper: cannot be created"));
	/* Nobody can have the pid written through a link. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(claim(), -ELOOP);
	assert_non_null(strstr(why, "cannot be opened"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_dir_is_exclusive_and_names_its_owner),
		cmocka_unit_test(the_file_stays_and_is_empty),
		cmocka_unit_test(unusable_run_dir_is_reported),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

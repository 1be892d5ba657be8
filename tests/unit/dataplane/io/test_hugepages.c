/* SPDX-License-Identifier: BSD-3-Clause */
/* Hugepages, with a kernel that is made up: files that a function fills. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "dataplane/io/hugepages.h"

static char root[] = "/tmp/sluice-hugepages-XXXXXX";
static char meminfo[sizeof(root) + 16];

static struct kernel {
	uint64_t pages;	 /* of 2 MB, in the pool */
	uint64_t in_use; /* of those */
	uint64_t surplus;
	uint64_t most; /* that it finds */
	uint64_t available_mb;
	int err;     /* of each change */
	int stop_fd; /* becomes readable at the first change; -1: none */
	uint32_t changes;
} kernel;

static void __attribute__((format(printf, 2, 3))) put(const char *name, const char *format, ...)
{
	char path[256];
	va_list values;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(values, format);
	vfprintf(file, format, values);
	va_end(values);
	fclose(file);
}

static void kernel_show(void)
{
	put("hugepages-2048kB/nr_hugepages", "%llu\n", (unsigned long long)kernel.pages);
	put("hugepages-2048kB/free_hugepages", "%llu\n",
	    (unsigned long long)(kernel.pages - kernel.in_use));
	put("meminfo", "MemTotal: %u kB\nMemFree: 5 kB\nMemAvailable: %llu kB\n", 3072 * 1024,
	    (unsigned long long)kernel.available_mb * 1024);
}

static int resize(const struct hugepages_pool *pool, uint64_t pages)
{
	(void)pool;
	kernel.changes++;
	if (kernel.stop_fd >= 0)
		assert_int_equal(eventfd_write(kernel.stop_fd, 1), 0);
	if (kernel.err)
		return kernel.err;
	kernel.pages = pages < kernel.most ? pages : kernel.most;
	kernel_show();
	return 0;
}

static const struct hugepages_pool pool = { .sys = root, .meminfo = meminfo, .resize = resize };

static uint64_t recorded(void)
{
	unsigned long long pages = 0;
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/dataplane.hugepages", root);
	file = fopen(path, "r");
	if (!file)
		return 0;
	assert_int_equal(fscanf(file, "%llu", &pages), 1);
	fclose(file);
	return pages;
}

static int start(void **state)
{
	char path[256];

	(void)state;
	log_set_level(LOG_ERR - 1);
	if (!mkdtemp(root))
		return -1;
	snprintf(meminfo, sizeof(meminfo), "%s/meminfo", root);
	snprintf(path, sizeof(path), "%s/hugepages-2048kB", root);
	return mkdir(path, 0755);
}

static int stop(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static int fresh(void **state)
{
	(void)state;
	kernel =
		(struct kernel){ .pages = 10, .most = 100000, .available_mb = 2000, .stop_fd = -1 };
	kernel_show();
	return 0;
}

static void missing_hugepages_are_added_and_released(void **state)
{
	(void)state;
	assert_int_equal(hugepages_reserve(&pool, root, 1001, -1), 0);
	assert_int_equal(kernel.pages, 501);
	assert_int_equal(recorded(), 491);
	kernel.in_use = 501;
	kernel_show();
	/* By another process, while they are in use. */
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 10);
	assert_int_equal(recorded(), 0);
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 10);
}

/* As Linux does it: pages in use that are given back become surplus, and those count first when the pool grows. */
static int resize_surplus(const struct hugepages_pool *same, uint64_t persistent)
{
	uint64_t before = kernel.pages - kernel.surplus;
	uint64_t convert = persistent > before ? persistent - before : 0;
	uint64_t all;

	convert = convert < kernel.surplus ? convert : kernel.surplus;
	all = persistent + kernel.surplus - convert;
	all = all < kernel.in_use ? kernel.in_use : all;
	kernel.surplus = all - persistent;
	put("hugepages-2048kB/surplus_hugepages", "%llu\n", (unsigned long long)kernel.surplus);
	return resize(same, all);
}

/* A process ends; what it had of the surplus is gone. */
static void use_change(uint64_t in_use)
{
	uint64_t persistent = kernel.pages - kernel.surplus;

	kernel.in_use = in_use;
	kernel.surplus = in_use > persistent ? in_use - persistent : 0;
	kernel.pages = persistent + kernel.surplus;
	put("hugepages-2048kB/surplus_hugepages", "%llu\n", (unsigned long long)kernel.surplus);
	kernel_show();
}

/* Flow tables stay when the process ends, and their pages are to go when they do. */
static void hugepages_of_kept_tables_are_released_with_them(void **state)
{
	struct hugepages_pool linux_pool = pool;

	(void)state;
	linux_pool.resize = resize_surplus;
	for (uint32_t life = 0; life < 3; life++) {
		uint64_t held = life ? 100 : 0; /* of 2 MB, by the tables of the life before */

		assert_int_equal(hugepages_reserve(&linux_pool, root, life ? 60 : 260, -1), 0);
		assert_int_equal(kernel.pages, held + (life ? 30 : 130));
		kernel.in_use = kernel.pages;
		kernel_show();
		hugepages_release(&linux_pool, root);
		use_change(100);
		assert_int_equal(kernel.pages, 100);
		assert_int_equal(kernel.surplus, 90);
		assert_int_equal(recorded(), 0);
	}
	use_change(0);
	assert_int_equal(kernel.pages, 10);
}

static void free_hugepages_suffice(void **state)
{
	(void)state;
	assert_int_equal(hugepages_reserve(&pool, root, 20, -1), 0);
	assert_int_equal(kernel.changes, 0);
	hugepages_release(&pool, root);
	assert_int_equal(kernel.changes, 0);
}

/* 100,000,000 flows on a machine of 3 GB. */
static void reserve_of_other_programs_is_kept(void **state)
{
	const char *said;

	(void)state;
	assert_int_equal(hugepages_reserve(&pool, root, 5000, -1), -ENOMEM);
	assert_int_equal(kernel.changes, 0);
	said = log_last_error();
	assert_non_null(strstr(said, "need 5000 MB"));
	assert_non_null(strstr(said, "2000 MB of available memory"));
	assert_non_null(strstr(said, "192 MB are reserved"));
	assert_non_null(strstr(said, "lower node.flows"));
	/* 2000 MB are available, and 192 MB of them stay. */
	assert_int_equal(hugepages_reserve(&pool, root, 20 + 1809, -1), -ENOMEM);
	assert_int_equal(hugepages_reserve(&pool, root, 20 + 1808, -1), 0);
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 10);
}

/* The kernel finds 781 pages of those that were asked for. */
static void partial_growth_is_undone(void **state)
{
	(void)state;
	kernel.most = 10 + 781;
	assert_int_equal(hugepages_reserve(&pool, root, 1800, -1), -ENOMEM);
	assert_int_equal(kernel.pages, 10);
	assert_int_equal(recorded(), 0);
	assert_non_null(strstr(log_last_error(), "sysctl -w vm.nr_hugepages=900"));
}

static void signal_ends_it(void **state)
{
	(void)state;
	kernel.stop_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(hugepages_reserve(&pool, root, 1800, kernel.stop_fd), -ECANCELED);
	assert_int_equal(kernel.changes, 2); /* one step, and back */
	assert_int_equal(kernel.pages, 10);
	assert_int_equal(recorded(), 0);
	close(kernel.stop_fd);
}

static void missing_permission_is_reported(void **state)
{
	(void)state;
	kernel.err = -EACCES;
	assert_int_equal(hugepages_reserve(&pool, root, 100, -1), -EACCES);
	assert_non_null(strstr(log_last_error(), "may not add any (Permission denied)"));
	assert_non_null(strstr(log_last_error(), "sysctl -w vm.nr_hugepages=50"));
	kernel.err = 0;
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 10);
}

/* Killed with a large table; the next start wants a small one, and ends as it should. */
static void hugepages_of_a_killed_run_are_released(void **state)
{
	(void)state;
	assert_int_equal(hugepages_reserve(&pool, root, 1000, -1), 0);
	assert_int_equal(recorded(), 490);
	assert_int_equal(hugepages_reserve(&pool, root, 1000, -1), 0);
	assert_int_equal(kernel.pages, 500);
	assert_int_equal(recorded(), 490);
	assert_int_equal(hugepages_reserve(&pool, root, 100, -1), 0);
	assert_int_equal(kernel.pages, 50);
	assert_int_equal(recorded(), 40);
	assert_int_equal(hugepages_reserve(&pool, root, 400, -1), 0);
	assert_int_equal(kernel.pages, 200);
	assert_int_equal(recorded(), 190);
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 10);
}

/* Pages that an administrator has set stay, also if he lowers the pool meanwhile. */
static void pages_of_others_stay(void **state)
{
	(void)state;
	assert_int_equal(hugepages_reserve(&pool, root, 1000, -1), 0);
	kernel.pages = 300;
	kernel_show();
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 0);
	kernel.pages = 600;
	kernel_show();
	assert_int_equal(hugepages_reserve(&pool, root, 1000, -1), 0);
	hugepages_release(&pool, root);
	assert_int_equal(kernel.pages, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(missing_hugepages_are_added_and_released, fresh),
		cmocka_unit_test_setup(hugepages_of_kept_tables_are_released_with_them, fresh),
		cmocka_unit_test_setup(free_hugepages_suffice, fresh),
		cmocka_unit_test_setup(reserve_of_other_programs_is_kept, fresh),
		cmocka_unit_test_setup(partial_growth_is_undone, fresh),
		cmocka_unit_test_setup(signal_ends_it, fresh),
		cmocka_unit_test_setup(missing_permission_is_reported, fresh),
		cmocka_unit_test_setup(hugepages_of_a_killed_run_are_released, fresh),
		cmocka_unit_test_setup(pages_of_others_stay, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of flow tables that outlives its process: what a successor takes, and what it does not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/engine/flow_memory.h"

#define WORKERS 3
#define BUCKETS 100
#define LARGE (3 * LB_KEPT_PAGE / 2 / sizeof(struct lb_bucket)) /* a page and a half */
#define BOOT 0x1234567890abcdefULL

/* A predecessor that has filled the first bucket of each worker, and ended. Return: descriptor. */
static int leave(uint32_t n_buckets)
{
	struct flow_memory memory;
	int fd;

	assert_int_equal(flow_memory_create(&memory, WORKERS, n_buckets, 0), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(flow_memory_fill(&memory, i, -1), 0);
		assert_int_equal(flow_memory_table(&memory, i)->key[0], 0);
		flow_memory_table(&memory, i)->key[0] = 100 + i;
		flow_memory_table(&memory, i)[n_buckets - 1].key[4] = 200 + i;
	}
	flow_memory_seal(&memory, BOOT);
	fd = dup(memory.fd);
	flow_memory_destroy(&memory);
	assert_true(fd >= 0);
	return fd;
}

static void flows_outlive_the_process(void **state)
{
	const uint32_t sizes[] = { BUCKETS, LARGE };
	struct flow_memory memory;

	(void)state;
	for (uint32_t s = 0; s < 2; s++) {
		int fd = leave(sizes[s]);

		assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, sizes[s], 0, BOOT),
				 FLOW_MEMORY_FITS);
		for (uint32_t i = 0; i < WORKERS; i++) {
			const struct lb_bucket *table = flow_memory_table(&memory, i);

			assert_int_equal((uintptr_t)table % 64, 0);
			assert_int_equal(table[0].key[0], 100 + i);
			assert_int_equal(table[sizes[s] - 1].key[4], 200 + i);
			assert_int_equal(flow_memory_fill(&memory, i, 0), 0);
			assert_int_equal(table[0].key[0], 100 + i);
		}
		flow_memory_clear(&memory);
		assert_int_equal(flow_memory_table(&memory, 1)->key[0], 0);
		flow_memory_destroy(&memory);
		flow_memory_destroy(&memory);
	}
}

/* A large table has pages of its own, so that they can be near its worker. */
static void layout(void **state)
{
	(void)state;
	assert_int_equal(lb_kept_bytes(1, 100, 0), LB_KEPT_PAGE);
	assert_int_equal(lb_kept_bytes(3, 100, 0), LB_KEPT_PAGE);
	assert_int_equal(lb_kept_bytes(2, LARGE, 0), 2 * LB_KEPT_PAGE + 2 * LB_KEPT_PAGE);
	assert_int_equal(lb_kept_stride(LARGE, 0), 2 * LB_KEPT_PAGE);
	assert_int_equal(lb_kept_bytes(1, LB_KEPT_PAGE / 64 - 1, 0), LB_KEPT_PAGE);
	assert_int_equal(lb_kept_bytes(1, LB_KEPT_PAGE / 64, 0), 2 * LB_KEPT_PAGE);
}

static struct lb_kept *tail_map(int fd)
{
	struct stat st;
	uint8_t *map;

	assert_int_equal(fstat(fd, &st), 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	return (struct lb_kept *)(void *)(map + st.st_size - sizeof(struct lb_kept));
}

static void what_does_not_fit_is_left(void **state)
{
	int fd = leave(BUCKETS);
	struct lb_kept *kept = tail_map(fd);
	struct flow_memory memory;

	(void)state;
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS + 1, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_SIZE);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS + 1, 0, BOOT),
			 FLOW_MEMORY_SIZE);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT + 1),
			 FLOW_MEMORY_PAIR);
	assert_int_equal(flow_memory_sizes(fd).n_workers, WORKERS);
	assert_int_equal(flow_memory_sizes(fd).n_buckets, BUCKETS);
	kept->abi_hash ^= 1;
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FOREIGN);
	kept->abi_hash ^= 1;
	kept->magic = 0; /* killed before it was complete */
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FOREIGN);
	kept->magic = LB_KEPT_MAGIC;
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FITS);
	assert_int_equal(ftruncate(fd, 0), -1); /* it cannot shrink under its mapping */
	flow_memory_destroy(&memory);
}

/* Each worker's, behind its table, and beside nobody else's. */
static void records_outlive_the_process(void **state)
{
	enum { RECORDS = 1000 };
	struct flow_memory memory;
	int fd;

	(void)state;
	assert_int_equal(flow_memory_create(&memory, WORKERS, BUCKETS, RECORDS), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct lb_nat_memory nat = flow_memory_nat(&memory, i);

		assert_int_equal(flow_memory_fill(&memory, i, -1), 0);
		assert_int_equal((uintptr_t)nat.area % 64, 0);
		flow_memory_table(&memory, i)[BUCKETS - 1].key[0] = 100 + i;
		nat.area->hop[0] = 200 + i;
		nat.record[RECORDS - 1].seq = 300 + i;
	}
	flow_memory_seal(&memory, BOOT);
	fd = dup(memory.fd);
	flow_memory_destroy(&memory);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, RECORDS + 1, BOOT),
			 FLOW_MEMORY_SIZE);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_SIZE);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, RECORDS, BOOT),
			 FLOW_MEMORY_FITS);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(flow_memory_table(&memory, i)[BUCKETS - 1].key[0], 100 + i);
		assert_int_equal(flow_memory_nat(&memory, i).area->hop[0], 200 + i);
		assert_int_equal(flow_memory_nat(&memory, i).record[RECORDS - 1].seq, 300 + i);
	}
	flow_memory_destroy(&memory);
	fd = leave(BUCKETS);
	assert_int_equal(flow_memory_adopt(&memory, fd, WORKERS, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FITS);
	assert_null(flow_memory_nat(&memory, 0).record);
	flow_memory_destroy(&memory);
}

static void foreign_files_are_refused(void **state)
{
	struct flow_memory memory;
	int unsealed = memfd_create("unsealed", MFD_ALLOW_SEALING);
	int fds[2];

	(void)state;
	assert_int_equal(ftruncate(unsealed, (off_t)LB_KEPT_PAGE), 0);
	assert_int_equal(flow_memory_adopt(&memory, unsealed, 1, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FOREIGN);
	close(unsealed);
	unsealed = memfd_create("empty", MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(flow_memory_adopt(&memory, unsealed, 1, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FOREIGN);
	assert_int_equal(flow_memory_sizes(unsealed).magic, 0);
	close(unsealed);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(flow_memory_adopt(&memory, fds[0], 1, BUCKETS, 0, BOOT),
			 FLOW_MEMORY_FOREIGN);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_outlive_the_process),
		cmocka_unit_test(layout),
		cmocka_unit_test(what_does_not_fit_is_left),
		cmocka_unit_test(foreign_files_are_refused),
		cmocka_unit_test(records_outlive_the_process),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

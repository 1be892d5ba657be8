/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/file.h"
#include "config/base/log.h"
#include "config/base/memory.h"

#define SMALL "hugepages-2048kB"
#define LARGE "hugepages-1048576kB"
#define PAGE_MB 2
#define STEP_PAGES 128 /* after which signals are checked */

/* ---- The kernel's pool ---- */

/* A page count of this size from sysfs; 0 if the kernel doesn't have that size. */
static uint64_t pages_read(const struct hugepages_pool *pool, const char *what)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%s/%s", pool->sys, what);
	(void)file_line(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static uint64_t free_megabytes(const struct hugepages_pool *pool)
{
	return pages_read(pool, SMALL "/free_hugepages") * PAGE_MB +
	       pages_read(pool, LARGE "/free_hugepages") * 1024;
}

static uint64_t pool_pages(const struct hugepages_pool *pool)
{
	return pages_read(pool, SMALL "/nr_hugepages");
}

/* The kernel adds as many as it can find; the result is read afterwards. */
static int kernel_resize(const struct hugepages_pool *pool, uint64_t pages)
{
	char path[PATH_MAX], text[32];
	int fd, err, length = snprintf(text, sizeof(text), "%" PRIu64 "\n", pages);

	snprintf(path, sizeof(path), "%s/" SMALL "/nr_hugepages", pool->sys);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write(fd, text, (size_t)length) == length ? 0 : -errno;
	close(fd);
	return err;
}

const struct hugepages_pool hugepages_of_kernel = {
	.sys = "/sys/kernel/mm/hugepages",
	.meminfo = MEMORY_MEMINFO,
	.resize = kernel_resize,
};

/* Return: number of pages removed. */
static uint64_t pool_shrink(const struct hugepages_pool *pool, uint64_t pages)
{
	uint64_t before = pool_pages(pool);

	pages = pages < before ? pages : before;
	return pages && !pool->resize(pool, before - pages) ? pages : 0;
}

/* ---- The record of added pages ---- */

static void record_path(const char *run_dir, char *path)
{
	snprintf(path, PATH_MAX, "%s/dataplane.hugepages", run_dir);
}

static uint64_t record_read(const char *run_dir)
{
	char path[PATH_MAX], text[32];

	record_path(run_dir, path);
	(void)file_line(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* O_NOFOLLOW: root writes it to a directory that another user may write to. */
static void record_write(const char *run_dir, uint64_t pages)
{
	char path[PATH_MAX], text[32];
	int fd, length = snprintf(text, sizeof(text), "%" PRIu64 "\n", pages);

	record_path(run_dir, path);
	if (pages == 0) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, text, (size_t)length, 0) != length)
		log_warn("%s: cannot be written: %s; %" PRIu64
			 " hugepages will stay in the pool after exit",
			 path, strerror(errno), pages);
	if (fd >= 0)
		close(fd);
}

/* ---- Pool and record together ---- */

static void shrink(const struct hugepages_pool *pool, const char *run_dir, uint64_t ours,
		   uint64_t pages)
{
	uint64_t left = ours - pool_shrink(pool, pages < ours ? pages : ours);

	if (left != ours)
		record_write(run_dir, left);
}

static bool is_told_to_stop(int fd)
{
	struct pollfd stop = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&stop, 1, 0) > 0;
}

static uint64_t surplus_pages(const struct hugepages_pool *pool)
{
	return pages_read(pool, SMALL "/surplus_hugepages");
}

/*
 * One step. Flow tables that have outlived their process may hold pages that were given back when
 * it ended, and are to go with them: surplus ones, which a larger pool takes in. So they are ours
 * again.
 * @ours: these are added to it.
 * Return: number of pages added, or -errno.
 */
static int64_t grow_step(const struct hugepages_pool *pool, const char *run_dir, uint64_t *ours,
			 uint64_t pages)
{
	uint64_t before = pool_pages(pool), surplus = surplus_pages(pool), after;
	int err;

	/* Record first: if killed in between, the record has one step too many, not one too few. */
	record_write(run_dir, *ours + pages + surplus);
	err = pool->resize(pool, before + pages);
	after = pool_pages(pool);
	pages = after > before ? after - before : 0;
	after = surplus_pages(pool);
	*ours += surplus > after ? surplus - after : 0;
	record_write(run_dir, *ours + pages);
	return err && !pages ? err : (int64_t)pages;
}

/* Return: 0 or -errno; @added is valid in both cases. */
static int grow(const struct hugepages_pool *pool, const char *run_dir, uint64_t missing,
		uint64_t *added, int stop_fd)
{
	uint64_t ours = record_read(run_dir);

	while (*added < missing) {
		uint64_t left = missing - *added;
		uint64_t step = left < STEP_PAGES ? left : STEP_PAGES;
		int64_t got = grow_step(pool, run_dir, &ours, step);

		if (got < 0)
			return (int)got;
		ours += (uint64_t)got;
		*added += (uint64_t)got;
		if (is_told_to_stop(stop_fd))
			return -ECANCELED;
		if ((uint64_t)got < step)
			return -ENOMEM;
	}
	return 0;
}

static int too_little_memory(const struct memory *memory, uint32_t megabytes, uint64_t free_mb)
{
	log_err("hugepages: node.flows and the port need %u MB, of which %" PRIu64
		" MB are there; of %" PRIu64 " MB of available memory %" PRIu64
		" MB are reserved for other programs, so %" PRIu64
		" MB cannot be added; lower node.flows, or add memory",
		megabytes, free_mb, memory->available_mb,
		memory->available_mb - memory->takeable_mb, megabytes - free_mb);
	return -ENOMEM;
}

static void grow_failed(uint32_t megabytes, uint64_t free_mb, uint64_t wanted, int err)
{
	if (err == -ECANCELED)
		log_info("ending: signal while hugepages were allocated");
	else if (err == -ENOMEM)
		log_err("hugepages: %u MB are needed, %" PRIu64
			" MB are free, and the kernel cannot allocate more: memory is fragmented; run"
			" 'echo 1 > /proc/sys/vm/compact_memory' or 'sysctl -w vm.nr_hugepages=%" PRIu64
			"' early after boot",
			megabytes, free_mb, wanted);
	else
		log_err("hugepages: %u MB are needed, %" PRIu64
			" MB are free, and this process may not add any (%s); run"
			" 'sysctl -w vm.nr_hugepages=%" PRIu64 "' as root",
			megabytes, free_mb, strerror(-err), wanted);
}

int hugepages_reserve(const struct hugepages_pool *pool, const char *run_dir, uint32_t megabytes,
		      int stop_fd)
{
	uint64_t free_mb = free_megabytes(pool), added = 0, missing, before;
	struct memory memory;
	int err;

	if (free_mb >= megabytes) {
		/* Added for a larger table by an earlier run that was killed. */
		shrink(pool, run_dir, record_read(run_dir), (free_mb - megabytes) / PAGE_MB);
		return 0;
	}
	(void)memory_read(pool->meminfo, &memory);
	if (megabytes - free_mb > memory.takeable_mb)
		return too_little_memory(&memory, megabytes, free_mb);
	missing = (megabytes - free_mb + PAGE_MB - 1) / PAGE_MB;
	before = pool_pages(pool);
	err = grow(pool, run_dir, missing, &added, stop_fd);
	if (err) {
		shrink(pool, run_dir, record_read(run_dir), added);
		grow_failed(megabytes, free_mb, before + missing, err);
		return err;
	}
	log_info("hugepages: raised vm.nr_hugepages from %" PRIu64 " to %" PRIu64
		 ", %u MB were needed; lowered again at exit",
		 before, before + added, megabytes);
	return 0;
}

void hugepages_release(const struct hugepages_pool *pool, const char *run_dir)
{
	uint64_t ours = record_read(run_dir), given = pool_shrink(pool, ours);

	/* If the pool was lowered meanwhile by others, the rest is gone already. */
	if (given || (ours && pool_pages(pool) == 0))
		record_write(run_dir, 0);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hugepages that the dataplane needs. Missing pages are added to the kernel's pool, and removed
 * from it again. Their number is in a file of the run directory, for the process that gives them
 * back (this one, the one that runs after a service has ended, or the next start after a kill -9).
 */
#ifndef IO_HUGEPAGES_H
#define IO_HUGEPAGES_H

#include <stdint.h>

/* Location of the kernel's pool. Tests bring files and a kernel of their own. */
struct hugepages_pool {
	const char *sys; /* "/sys/kernel/mm/hugepages" */
	const char *meminfo;
	int (*resize)(const struct hugepages_pool *pool, uint64_t pages); /* of 2 MB; 0 or -errno */
};

extern const struct hugepages_pool hugepages_of_kernel;

/**
 * Make at least this much memory free, or change nothing; pages added before in excess of it are
 * given back. Memory that other programs need is not taken.
 * @run_dir: exists.
 * @stop_fd: readable to cancel; -1: none.
 * Return: 0; -ENOMEM, -EACCES: logged, with the remedy; -ECANCELED. Context: one process of
 * @run_dir at a time.
 */
int hugepages_reserve(const struct hugepages_pool *pool, const char *run_dir, uint32_t megabytes,
		      int stop_fd);

/** Give back the pages that were added. Pages in use follow when their process ends. */
void hugepages_release(const struct hugepages_pool *pool, const char *run_dir);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hugepages that the dataplane needs. What is missing is added to the kernel's pool, and taken out of it
 * again: how many that are stands in a file of the run directory, for whoever gives them back (this process, the
 * one that runs after a service has ended, or the next start after a kill -9).
 */
#ifndef IO_HUGEPAGES_H
#define IO_HUGEPAGES_H

#include <stdint.h>

/* Where the kernel has them. A test brings files and a kernel of its own. */
struct hugepages_pool {
	const char *sys; /* "/sys/kernel/mm/hugepages" */
	const char *meminfo;
	int (*resize)(const struct hugepages_pool *pool, uint64_t pages); /* of 2 MB; 0 or -errno */
};

extern const struct hugepages_pool hugepages_of_kernel;

/**
 * See to it that this much is free: no less, or nothing is changed, and no more of what was added. Memory that other
 * programs need is not taken.
 * @run_dir: exists.
 * @stop_fd: readable when this is to be given up; -1: none.
 * Return: 0; -ENOMEM, -EACCES: logged, with what mends it; -ECANCELED. Context: one process of @run_dir at a time.
 */
int hugepages_reserve(const struct hugepages_pool *pool, const char *run_dir, uint32_t megabytes,
		      int stop_fd);

/** Give back what was added. Pages in use follow when their process ends. */
void hugepages_release(const struct hugepages_pool *pool, const char *run_dir);

#endif

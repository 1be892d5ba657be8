/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How workers wake the main lcore. A worker makes no system call per packet; it makes one for each
 * sleep of the main lcore, at most a thousand a second, since the main lcore stays awake for a
 * while after each packet. Polling instead would cost an idle machine a timer every 100
 * microseconds.
 */
#ifndef IO_DOORBELL_H
#define IO_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <rte_atomic.h>

struct doorbell {
	uint32_t is_asleep; /* set by the main lcore, cleared by whichever thread rings or wakes */
	int fd;		    /* eventfd */
} __attribute__((aligned(64)));

/** Something is in a ring. Context: worker. */
static inline void doorbell_ring(struct doorbell *bell)
{
	const uint64_t one = 1;

	/* The ring's entry must be visible before the flag is read: pairs with doorbell_sleep(). */
	rte_smp_mb();
	if (!__atomic_load_n(&bell->is_asleep, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&bell->is_asleep, 0, __ATOMIC_RELAXED))
		return;
	/* Fails only when the counter is at its maximum; then the descriptor is readable anyway. */
	if (write(bell->fd, &one, sizeof(one)) < 0)
		return;
}

/** From now on workers ring. The rings must be checked once more before the sleep. */
static inline void doorbell_sleep(struct doorbell *bell)
{
	__atomic_store_n(&bell->is_asleep, 1, __ATOMIC_RELAXED);
	rte_smp_mb();
}

static inline void doorbell_wake(struct doorbell *bell)
{
	__atomic_store_n(&bell->is_asleep, 0, __ATOMIC_RELAXED);
}

#endif

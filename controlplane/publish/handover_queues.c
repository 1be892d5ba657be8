/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/handover_queues.h"

#include "config/base/clock.h"

void handover_queues_allow(const struct handover_queues *queues, uint64_t process)
{
	for (uint32_t i = 0; i < queues->n; i++)
		__atomic_store_n(&queues->queue[i].allowed, process, __ATOMIC_RELEASE);
}

bool handover_queues_is_beating(const struct handover_queues *queues, uint64_t process)
{
	uint64_t now_ns = clock_coarse_ns();

	for (uint32_t i = 0; i < queues->n; i++)
		if (!lb_handover_is_beating(&queues->queue[i], process, now_ns))
			return false;
	return queues->n > 0;
}

bool handover_queues_is_handed(const struct handover_queues *queues)
{
	uint64_t now_ns = clock_coarse_ns();

	for (uint32_t i = 0; i < queues->n; i++)
		if (!lb_handover_is_due(&queues->queue[i], now_ns))
			return false;
	return queues->n > 0;
}

uint32_t handover_queues_takeovers(const struct handover_queues *queues)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < queues->n; i++) {
		uint32_t n = __atomic_load_n(&queues->queue[i].takeovers, __ATOMIC_RELAXED);

		most = n > most ? n : most;
	}
	return most;
}

uint64_t handover_queues_handed_pkts(const struct handover_queues *queues)
{
	uint64_t pkts = 0;

	for (uint32_t i = 0; i < queues->n; i++)
		pkts += __atomic_load_n(&queues->queue[i].handed_pkts, __ATOMIC_RELAXED);
	return pkts;
}

bool handover_queues_note(const struct handover_queues *queues, bool is_handed)
{
	struct lb_handover *first = &queues->queue[0];

	if (first->noted_ns && first->noted_handed == is_handed)
		return false;
	first->noted_handed = is_handed;
	first->noted_ns = clock_now_ns();
	return true;
}

uint64_t handover_queues_since_ns(const struct handover_queues *queues)
{
	return queues->queue[0].noted_ns;
}

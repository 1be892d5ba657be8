/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/shared.h"

#include "controlplane/base/clock.h"

void publish_shared_allow(const struct publish_shared *shared, uint64_t process)
{
	for (uint32_t i = 0; i < shared->n; i++)
		__atomic_store_n(&shared->queue[i].carrier, process, __ATOMIC_RELEASE);
}

bool publish_shared_is_beating(const struct publish_shared *shared, uint64_t process)
{
	uint64_t now_ns = clock_coarse_ns();

	for (uint32_t i = 0; i < shared->n; i++)
		if (!lb_handover_is_beating(&shared->queue[i], process, now_ns))
			return false;
	return shared->n > 0;
}

bool publish_shared_is_handed(const struct publish_shared *shared)
{
	uint64_t now_ns = clock_coarse_ns();

	for (uint32_t i = 0; i < shared->n; i++)
		if (!lb_handover_is_due(&shared->queue[i], now_ns))
			return false;
	return shared->n > 0;
}

uint32_t publish_shared_takeovers(const struct publish_shared *shared)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shared->n; i++) {
		uint32_t n = __atomic_load_n(&shared->queue[i].takeovers, __ATOMIC_RELAXED);

		most = n > most ? n : most;
	}
	return most;
}

bool publish_shared_note(const struct publish_shared *shared, bool is_handed)
{
	struct lb_handover *first = &shared->queue[0];

	if (first->noted_ns && first->noted_handed == is_handed)
		return false;
	first->noted_handed = is_handed;
	first->noted_ns = clock_now_ns();
	return true;
}

uint64_t publish_shared_since_ns(const struct publish_shared *shared)
{
	return shared->queue[0].noted_ns;
}

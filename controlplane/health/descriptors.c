/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/descriptors.h"

#include <sys/resource.h>

#include "config/base/log.h"

#define ALWAYS 192 /* maps, links, sockets, timers, state, and short-lived ones */
#define PER_CHECK 2

static rlim_t needed_for(uint32_t clients, uint32_t checks)
{
	return (rlim_t)ALWAYS + clients + (rlim_t)checks * PER_CHECK;
}

/* Raise as far as possible: beyond the hard limit only with CAP_SYS_RESOURCE. */
static void raise_to(struct rlimit *limit, rlim_t needed)
{
	struct rlimit wish = { .rlim_cur = needed, .rlim_max = limit->rlim_max };

	if (wish.rlim_max < needed)
		wish.rlim_max = needed;
	if (setrlimit(RLIMIT_NOFILE, &wish)) {
		wish.rlim_max = limit->rlim_max;
		wish.rlim_cur = needed < limit->rlim_max ? needed : limit->rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &wish);
	}
	(void)getrlimit(RLIMIT_NOFILE, limit);
}

uint32_t descriptors_reserve(uint32_t clients, uint32_t checks)
{
	const rlim_t needed = needed_for(clients, checks), least = needed_for(clients, 1);
	struct rlimit limit;
	uint32_t fit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= needed)
		return checks;
	raise_to(&limit, needed);
	if (limit.rlim_cur >= needed)
		return checks;
	fit = limit.rlim_cur < least ? 1 : 1 + (uint32_t)((limit.rlim_cur - least) / PER_CHECK);
	log_warn(
		"node.checks_in_flight: %u concurrent checks need %llu file descriptors, the limit is "
		"%llu: reduced to %u (LimitNOFILE= of the unit, ulimit -n)",
		checks, (unsigned long long)needed, (unsigned long long)limit.rlim_cur, fit);
	return fit;
}

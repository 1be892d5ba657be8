/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/flap.h"

#include <string.h>

static void times_forget(struct flap_times *times, uint32_t n)
{
	times->count -= n;
	memmove(times->ms, times->ms + n, times->count * sizeof(times->ms[0]));
}

/* Add a time, and drop those that are @within_ms old or older. */
static void times_add(struct flap_times *times, uint64_t now_ms, uint32_t within_ms)
{
	uint32_t old = 0;

	while (old < times->count && now_ms - times->ms[old] >= within_ms)
		old++;
	if (old == 0 && times->count == CONFIG_FLAPPING_TIMES_MAX)
		old = 1;
	times_forget(times, old);
	times->ms[times->count++] = now_ms;
}

static enum flap_outcome take_out(struct flap *flap, const struct config_flapping *rule,
				  uint64_t now_ms)
{
	flap->changes.count = 0;
	flap->is_spared = false;
	times_add(&flap->outs, now_ms, rule->retry_within_ms);
	if (flap->outs.count >= rule->retry_times) {
		flap->state = FLAP_LEFT_OUT;
		flap->until_ms = 0;
		return FLAP_IS_LEFT_OUT;
	}
	flap->state = FLAP_OUT;
	flap->until_ms = now_ms + rule->retry_in_ms;
	return FLAP_IS_OUT;
}

enum flap_outcome flap_change(struct flap *flap, const struct config_flapping *rule, bool is_last,
			      uint64_t now_ms)
{
	bool was_spared = flap->is_spared;

	if (flap->state != FLAP_IN)
		return FLAP_NOTHING;
	times_add(&flap->changes, now_ms, rule->within_ms);
	flap->is_spared = flap->changes.count >= rule->times && is_last;
	if (flap->changes.count < rule->times)
		return FLAP_NOTHING;
	if (is_last)
		return was_spared ? FLAP_NOTHING : FLAP_IS_SPARED;
	return take_out(flap, rule, now_ms);
}

enum flap_outcome flap_tick(struct flap *flap, uint64_t now_ms)
{
	if (flap->state != FLAP_OUT || now_ms < flap->until_ms)
		return FLAP_NOTHING;
	flap->state = FLAP_IN;
	flap->until_ms = 0;
	return FLAP_IS_RETRIED;
}

const char *flap_state_name(enum flap_state state)
{
	return state == FLAP_OUT ? "out" : state == FLAP_LEFT_OUT ? "left out" : "in";
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/traffic.h"

#include "controlplane/api/stats.h"

const char *const traffic_names[TRAFFIC_SERIES] = {
	[TRAFFIC_BITS] = "bits",   [TRAFFIC_PACKETS] = "packets", [TRAFFIC_NEW] = "new",
	[TRAFFIC_FLOWS] = "flows", [TRAFFIC_DROPS] = "drops",
};

static void counters(const struct stats_node *figures, uint64_t *now)
{
	now[TRAFFIC_BITS] = figures->rx_bytes * 8;
	now[TRAFFIC_PACKETS] = figures->rx_pkts;
	now[TRAFFIC_NEW] = figures->new_flows;
	now[TRAFFIC_FLOWS] = figures->flows;
	now[TRAFFIC_DROPS] = figures->drops;
}

bool traffic_look(struct traffic *traffic, const struct stats_node *figures, uint64_t now_ns)
{
	const double seconds = (double)(now_ns - traffic->last_ns) / 1e9;
	const bool first = traffic->last_ns == 0;
	uint64_t now[TRAFFIC_SERIES] = { 0 };
	double *sample;

	if (!first && now_ns < traffic->last_ns + TRAFFIC_STEP_NS)
		return false;
	counters(figures, now);
	sample = traffic->samples[(traffic->first + traffic->count) % TRAFFIC_SAMPLES];
	for (uint32_t i = 0; i < TRAFFIC_SERIES; i++) {
		/* Fewer than before: another dataplane counts. */
		sample[i] = i == TRAFFIC_FLOWS ? (double)now[i]
			    : now[i] >= traffic->last[i]
				    ? (double)(now[i] - traffic->last[i]) / seconds
				    : 0;
		traffic->last[i] = now[i];
	}
	traffic->last_ns = now_ns;
	if (first)
		return false;
	if (traffic->count < TRAFFIC_SAMPLES)
		traffic->count++;
	else
		traffic->first = (traffic->first + 1) % TRAFFIC_SAMPLES;
	return true;
}

const double *traffic_at(const struct traffic *traffic, uint32_t i)
{
	return traffic->samples[(traffic->first + i) % TRAFFIC_SAMPLES];
}

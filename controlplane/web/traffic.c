/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/traffic.h"

#include "controlplane/api/stats.h"

const char *const traffic_names[TRAFFIC_SERIES] = {
	[TRAFFIC_BITS] = "bits",   [TRAFFIC_PACKETS] = "packets", [TRAFFIC_NEW] = "new",
	[TRAFFIC_FLOWS] = "flows", [TRAFFIC_DROPS] = "drops",
};

static uint64_t counter(const struct stats_node *figures, uint32_t series)
{
	switch ((enum traffic_series)series) {
	case TRAFFIC_BITS:
		return figures->rx_bytes * 8;
	case TRAFFIC_PACKETS:
		return figures->rx_pkts;
	case TRAFFIC_NEW:
		return figures->new_flows;
	case TRAFFIC_FLOWS:
		return figures->flows;
	case TRAFFIC_DROPS:
		return figures->drops;
	case TRAFFIC_SERIES:
		break;
	}
	return 0;
}

bool traffic_look(struct traffic *traffic, const struct stats_node *figures, uint64_t now_ns)
{
	const double seconds = (double)(now_ns - traffic->last_ns) / 1e9;
	const bool first = traffic->last_ns == 0;
	double *sample;

	if (!first && now_ns < traffic->last_ns + TRAFFIC_STEP_NS)
		return false;
	sample = traffic->samples[(traffic->first + traffic->count) % TRAFFIC_SAMPLES];
	for (uint32_t i = 0; i < TRAFFIC_SERIES; i++) {
		const uint64_t now = counter(figures, i), last = traffic->last[i];

		/* Fewer than before: another dataplane counts. */
		sample[i] = i == TRAFFIC_FLOWS ? (double)now
			    : now >= last      ? (double)(now - last) / seconds
					       : 0;
		traffic->last[i] = now;
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

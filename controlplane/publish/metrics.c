/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/metrics.h"

#include "controlplane/publish/internal.h"

static struct publish_info info_of(const struct metric_entity *entity)
{
	struct publish_info info;

	publish_info_get(entity->object, &info);
	return info;
}

static double connected(const struct metric_entity *entity)
{
	return info_of(entity).connected;
}

static double pending(const struct metric_entity *entity)
{
	return info_of(entity).pending;
}

static double generation(const struct metric_entity *entity)
{
	return (double)info_of(entity).generation;
}

static double published(const struct metric_entity *entity)
{
	return (double)info_of(entity).published;
}

static double refused(const struct metric_entity *entity)
{
	return (double)info_of(entity).refused;
}

static double skipped(const struct metric_entity *entity)
{
	return (double)info_of(entity).skipped;
}

static const struct metric_histogram *latency(const struct metric_entity *entity)
{
	const struct publish *publish = entity->object;

	return &publish->latency;
}

static const struct metric rows[] = {
	{ .name = "dataplane_connected", .value = connected, .help = "1 if a dataplane runs." },
	{ .name = "publish_pending",
	  .value = pending,
	  .help = "1 while a change is not in force in all workers." },
	{ .name = "publish_generation",
	  .value = generation,
	  .help = "Generation of tables in force." },
	{ .name = "publish_generations",
	  .type = METRIC_COUNTER,
	  .value = published,
	  .help = "Generations sent to the dataplane." },
	{ .name = "publish_refused",
	  .type = METRIC_COUNTER,
	  .value = refused,
	  .help = "Generations that the dataplane refused." },
	{ .name = "publish_skipped_blocks",
	  .type = METRIC_COUNTER,
	  .value = skipped,
	  .help = "Tables not sent because they equal what runs." },
	{ .name = "publish_latency_seconds",
	  .type = METRIC_HISTOGRAM,
	  .unit = "seconds",
	  .bounds = &publish_latency_bounds,
	  .histogram = latency,
	  .help = "From sending a generation until the last worker uses it." },
};

const struct metric_table publish_metrics = {
	.scope = "publish",
	.about = "From the control plane to the dataplane.",
	.next = metric_single_next,
	METRIC_ROWS(rows),
};

/* ---- Two dataplanes ---- */

static bool handover_next(const void *source, struct metric_cursor *cursor,
			  struct metric_entity *entity)
{
	struct publish_handover handover;

	publish_handover_get(source, &handover);
	return handover.is_on && metric_single_next(source, cursor, entity);
}

static struct publish_handover handover_of(const struct metric_entity *entity)
{
	struct publish_handover handover;

	publish_handover_get(entity->object, &handover);
	return handover;
}

static const char *const carriers[] = { "xdp", "dpdk", NULL };

static uint32_t carrier(const struct metric_entity *entity)
{
	return handover_of(entity).is_dpdk;
}

static double takeovers(const struct metric_entity *entity)
{
	return handover_of(entity).takeovers;
}

static double handed(const struct metric_entity *entity)
{
	return (double)handover_of(entity).handed_pkts;
}

static const struct metric handover_rows[] = {
	{ .name = "carrier",
	  .type = METRIC_STATE,
	  .states = carriers,
	  .state = carrier,
	  .help = "1 for the dataplane that gets the packets." },
	{ .name = "takeovers",
	  .type = METRIC_COUNTER,
	  .value = takeovers,
	  .help = "Times that the XDP program has taken over." },
	{ .name = "handed_packets",
	  .type = METRIC_COUNTER,
	  .value = handed,
	  .help = "Packets that the XDP program has passed to `sluice-dataplane`." },
};

const struct metric_table publish_metrics_handover = {
	.scope = "publish",
	.about = "Two dataplanes on one port (`dataplane: auto`).",
	.next = handover_next,
	METRIC_ROWS(handover_rows),
};

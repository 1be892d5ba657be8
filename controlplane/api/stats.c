/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/stats.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "controlplane/api/ops.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"

/* struct lb_worker_stats has only counters, so that it can be summed. */
#define COUNTERS (sizeof(struct lb_worker_stats) / sizeof(uint64_t))

/* A counter's value a second ago, and the rate since. */
struct stats_rate {
	uint64_t last;
	double per_s;
};

struct stats {
	struct publish *publish;
	struct event *timer;
	uint64_t sampled_ns;
	uint64_t boot_id; /* of the dataplane that owns the counters */
	struct stats_rate rx_pkts;
	struct stats_rate rx_bytes;
	struct stats_rate new_flows;
	struct stats_rate instance[LB_INSTANCES_MAX];
};

static const char *const drop_names[] = {
#define DROP_NAME(id, name, text) [LB_DROP_##id] = name,
	LB_DROP_LIST(DROP_NAME)
#undef DROP_NAME
};

static const char *const drop_texts[] = {
#define DROP_TEXT(id, name, text) [LB_DROP_##id] = text,
	LB_DROP_LIST(DROP_TEXT)
#undef DROP_TEXT
};

const char *stats_drop_name(uint32_t reason)
{
	return reason < LB_DROP_COUNT ? drop_names[reason] : NULL;
}

const char *stats_drop_text(uint32_t reason)
{
	return reason < LB_DROP_COUNT ? drop_texts[reason] : NULL;
}

/* ---- Reading: each counter has one writer, in another process ---- */

static void worker_add(struct lb_worker_stats *sum, const struct lb_worker_stats *from)
{
	const uint64_t *counter = (const uint64_t *)from;
	uint64_t *to = (uint64_t *)sum;

	for (uint32_t i = 0; i < COUNTERS; i++)
		to[i] += __atomic_load_n(&counter[i], __ATOMIC_RELAXED);
}

uint32_t stats_workers(const struct lb_segment *segment)
{
	return segment->n_workers < LB_SEGMENT_WORKERS_MAX ? segment->n_workers
							   : LB_SEGMENT_WORKERS_MAX;
}

/* Kernel path drops are the main lcore's: workers have counted those packets as kernel packets. */
static void node_add(const struct lb_segment *segment, struct stats_node *out)
{
	const struct lb_worker_stats *lcore = lb_segment_worker_stats(segment, segment->n_workers);
	uint64_t kernel_drops = 0;

	for (uint32_t i = 0; i < out->workers; i++)
		worker_add(&out->sum, lb_segment_worker_stats(segment, i));
	worker_add(&out->sum, lcore);
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++) {
		kernel_drops += __atomic_load_n(&lcore->drop[i], __ATOMIC_RELAXED);
		out->drop[i] = out->sum.drop[i];
		out->drops += out->drop[i];
	}
	out->kernel_pkts = out->sum.kernel_pkts - kernel_drops;
}

static void node_name(struct stats_node *out)
{
	out->rx_pkts = out->sum.rx_pkts;
	out->rx_bytes = out->sum.rx_bytes;
	out->tx_pkts = out->sum.tx_pkts;
	out->tx_bytes = out->sum.tx_bytes;
	out->from_kernel_pkts = out->sum.from_kernel_pkts;
	out->from_kernel_drops = out->sum.from_kernel_drops;
	out->flows = out->sum.flows;
	out->new_flows = out->sum.flow_inserts;
	out->flows_capacity = out->node.flows_capacity;
}

const struct lb_segment *stats_segment(const struct stats *stats)
{
	return publish_segment(stats->publish);
}

void stats_node_get(const struct stats *stats, struct stats_node *out)
{
	const struct lb_segment *segment = publish_segment(stats->publish);

	memset(out, 0, sizeof(*out));
	if (!segment)
		return;
	out->connected = true;
	out->workers = stats_workers(segment);
	out->node = *(const struct lb_node_stats *)lb_segment_at(segment, segment->node_stats);
	node_add(segment, out);
	node_name(out);
	out->new_per_s = stats->new_flows.per_s;
	out->rx_pkts_per_s = stats->rx_pkts.per_s;
	out->rx_bits_per_s = stats->rx_bytes.per_s * 8;
}

void stats_instance_get(const struct stats *stats, uint32_t index, struct stats_instance *out)
{
	const struct lb_segment *segment = publish_segment(stats->publish);

	memset(out, 0, sizeof(*out));
	if (!segment || index >= LB_INSTANCES_MAX)
		return;
	out->flows = lb_segment_instance_flows(segment, index);
	for (uint32_t i = 0; i < stats_workers(segment); i++) {
		const struct lb_instance_stats *from =
			&lb_segment_instance_stats(segment, i)[index];

		out->new_flows += __atomic_load_n(&from->new_flows, __ATOMIC_RELAXED);
		out->pkts += __atomic_load_n(&from->pkts, __ATOMIC_RELAXED);
		out->bytes += __atomic_load_n(&from->bytes, __ATOMIC_RELAXED);
		out->reply_pkts += __atomic_load_n(&from->reply_pkts, __ATOMIC_RELAXED);
	}
	out->new_per_s = stats->instance[index].per_s;
}

static uint64_t row_new_flows(const struct lb_segment *segment, uint32_t row, uint32_t index)
{
	return __atomic_load_n(&lb_segment_instance_stats(segment, row)[index].new_flows,
			       __ATOMIC_RELAXED);
}

/*
 * Rows of a port that two dataplanes share: first the XDP program's, of which only the queues of
 * workers have a CPU; last the workers'.
 */
uint32_t stats_instance_workers(const struct stats *stats, uint32_t index,
				struct control_worker *workers, uint32_t max)
{
	const struct lb_segment *segment = publish_segment(stats->publish);
	uint32_t n = segment ? stats_workers(segment) : 0, named = 0, used = 0;
	struct publish_handover handover;

	publish_handover_get(stats->publish, &handover);
	for (uint32_t i = 0; i < n; i++)
		named += segment->cpu[i] != LB_SEGMENT_CPU_NONE;
	for (uint32_t i = 0; i < n && used < max && index < LB_INSTANCES_MAX; i++) {
		if (segment->cpu[i] == LB_SEGMENT_CPU_NONE)
			continue;
		workers[used] = (struct control_worker){ segment->cpu[i],
							 row_new_flows(segment, i, index) };
		if (handover.is_on)
			workers[used].new_flows += row_new_flows(segment, n - named + used, index);
		used++;
	}
	return used;
}

/* ---- Rates ---- */

static void rate_sample(struct stats_rate *rate, uint64_t count, double seconds)
{
	rate->per_s =
		seconds > 0 && count >= rate->last ? (double)(count - rate->last) / seconds : 0;
	rate->last = count;
}

static void sample(struct stats *stats, const struct lb_segment *segment)
{
	const struct lb_directory *directory = lb_segment_at(segment, segment->directory);
	uint64_t now_ns = clock_now_ns();
	bool same = stats->boot_id == segment->boot_id;
	double seconds = same ? (double)(now_ns - stats->sampled_ns) / CLOCK_NS_PER_S : 0;
	struct stats_instance instance;
	struct stats_node node;

	stats->sampled_ns = now_ns;
	stats->boot_id = segment->boot_id;
	stats_node_get(stats, &node);
	rate_sample(&stats->rx_pkts, node.rx_pkts, seconds);
	rate_sample(&stats->rx_bytes, node.rx_bytes, seconds);
	rate_sample(&stats->new_flows, node.new_flows, seconds);
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++) {
		if (!directory->instance[i].name_hash)
			continue; /* many CPUs have many counters to sum */
		stats_instance_get(stats, i, &instance);
		rate_sample(&stats->instance[i], instance.new_flows, seconds);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stats *stats = arg;
	const struct lb_segment *segment = publish_segment(stats->publish);

	(void)fd;
	(void)what;
	publish_refresh(stats->publish);
	if (segment)
		sample(stats, segment);
	else
		stats->boot_id = 0;
}

struct stats *stats_create(struct event_base *base, struct publish *publish)
{
	const struct timeval second = { .tv_sec = 1 };
	struct stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return NULL;
	stats->publish = publish;
	stats->timer = event_new(base, -1, EV_PERSIST, on_timer, stats);
	if (!stats->timer || event_add(stats->timer, &second)) {
		stats_destroy(stats);
		errno = ENOMEM;
		return NULL;
	}
	return stats;
}

void stats_destroy(struct stats *stats)
{
	if (!stats)
		return;
	if (stats->timer)
		event_free(stats->timer);
	free(stats);
}

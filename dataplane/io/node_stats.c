/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/node_stats.h"

#include <rte_mempool.h>

static uint64_t mbufs_free(const struct dataplane *dp)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		n += rte_mempool_avail_count(dp->pool[i]);
	return n;
}

void node_stats_start(struct dataplane *dp)
{
	struct lb_node_stats *stats = dp->segment.node_stats;

	stats->mbuf_total = (uint64_t)dp->plan.n_workers * dp->plan.n_mbufs;
	stats->mbuf_baseline = mbufs_free(dp);
	stats->mbuf_free = stats->mbuf_baseline;
	stats->flows_capacity = 0;
	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		stats->flows_capacity +=
			(uint64_t)dp->worker[i].flows.table.n_buckets * LB_BUCKET_SLOTS;
}

void node_stats_update(struct dataplane *dp, uint64_t now_ns)
{
	struct lb_node_stats *stats = dp->segment.node_stats;
	struct rte_eth_stats nic;

	port_stats(&dp->port, &nic);
	stats->nic_missed = nic.imissed;
	stats->nic_rx_errors = nic.ierrors;
	stats->nic_no_mbuf = nic.rx_nombuf;
	stats->nic_tx_errors = nic.oerrors;
	stats->mbuf_free = mbufs_free(dp);
	stats->kernel_mac_reset = dp->kernel_path.n_mac_reset;
	stats->link = dp->port.link;
	stats->heartbeat_ns = now_ns;
}

bool node_stats_workers_live(const struct dataplane *dp)
{
	static uint64_t loops_before[LB_WORKERS_MAX];
	bool live = true;

	for (uint32_t i = 0; i < dp->plan.n_workers; i++) {
		uint64_t loops = __atomic_load_n(&dp->worker[i].stats->loops, __ATOMIC_RELAXED);

		live = live && loops != loops_before[i];
		loops_before[i] = loops;
	}
	return live;
}

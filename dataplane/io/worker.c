/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/worker.h"

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "dataplane/io/eal.h"

#define TX_RETRIES 16
#define FROM_KERNEL_BURST 32
#define IDLE_POLLS 2000 /* without a packet, and a worker calls itself idle */
/* Buckets looked at between two bursts: a few hundred nanoseconds, or what idleness allows. */
#define SWEEP_BUSY 64
#define SWEEP_IDLE 1024

/*
 * Send what the queue takes; retry for a moment, since it drains as fast as the
 * wire. Return: packets sent; the others are still the caller's.
 */
static uint16_t queue_send(const struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(w->queue.dev, w->queue.queue, pkts, n);

	for (uint32_t i = 0; lb_unlikely(sent < n) && i < TX_RETRIES; i++) {
		rte_pause();
		sent += rte_eth_tx_burst(w->queue.dev, w->queue.queue, pkts + sent, n - sent);
	}
	return sent;
}

static uint64_t bytes_of(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

static void forward(struct worker *w)
{
	struct pipeline_out *out = &w->out;
	uint64_t bytes = bytes_of(out->tx, out->n_tx);
	uint16_t sent = queue_send(w, out->tx, out->n_tx);

	w->stats->tx_pkts += sent;
	w->stats->tx_bytes += bytes - bytes_of(out->tx + sent, out->n_tx - sent);
	for (uint16_t i = sent; i < out->n_tx; i++)
		pipeline_drop(&w->pl, out->tx[i], LB_DROP_TX_FULL);
}

static void to_kernel(struct worker *w)
{
	struct pipeline_out *out = &w->out;
	unsigned int put = rte_ring_sp_enqueue_burst(w->to_kernel, (void *const *)out->kernel,
						     out->n_kernel, NULL);

	w->stats->kernel_pkts += put;
	doorbell_ring(w->bell);
	for (unsigned int i = put; i < out->n_kernel; i++)
		pipeline_drop(&w->pl, out->kernel[i], LB_DROP_KERNEL_FULL);
}

static void from_kernel(struct worker *w)
{
	struct rte_mbuf *pkts[FROM_KERNEL_BURST];
	uint16_t n = (uint16_t)rte_ring_sc_dequeue_burst(w->from_kernel, (void **)pkts,
							 FROM_KERNEL_BURST, NULL);
	uint16_t sent;

	if (lb_likely(n == 0))
		return;
	sent = queue_send(w, pkts, n);
	w->stats->from_kernel_pkts += sent;
	w->stats->from_kernel_drops += n - sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
	w->empty_polls = 0;
}

/* Limits are shared evenly; one packet a second is the least that a worker can have. */
static uint32_t share_of(const struct worker *w, uint32_t per_second)
{
	return (per_second + w->n_workers - 1) / w->n_workers;
}

static void rates_follow(struct worker *w, const struct tables *tables)
{
	if (lb_likely(w->kernel_rate_pps == tables->params.kernel_rate_pps &&
		      w->icmp_rate_pps == tables->params.icmp_rate_pps) ||
	    tables->generation == 0)
		return;
	w->kernel_rate_pps = tables->params.kernel_rate_pps;
	w->icmp_rate_pps = tables->params.icmp_rate_pps;
	pipeline_rate_set(&w->pl.kernel_rate, share_of(w, w->kernel_rate_pps));
	pipeline_rate_set(&w->pl.icmp_rate, share_of(w, w->icmp_rate_pps));
}

/* A new tick; after a long stall, the one of now, and one refill of the limits. */
static void tick(struct worker *w, const struct tables *tables, uint64_t tsc)
{
	uint64_t ticks = (tsc - w->tsc_start) / w->tsc_per_tick;

	w->now = (uint16_t)ticks;
	w->tsc_next_tick = w->tsc_start + (ticks + 1) * w->tsc_per_tick;
	pipeline_tick(&w->pl);
	flow_table_tick(&w->flows);
	rates_follow(w, tables);
	if (w->empty_polls >= IDLE_POLLS)
		port_reclaim(w->queue);
}

static void sweep(struct worker *w, const struct tables *tables, uint32_t max_buckets)
{
	const struct flow_sweep what = {
		.secret = &tables->secret,
		.timeouts = &tables->timeouts,
		.instances = tables->instances,
		.n_instances = tables->n_instances,
		.now = w->now,
	};

	flow_table_sweep(&w->flows, &what, max_buckets);
}

uint32_t worker_step(struct worker *w)
{
	const struct tables *tables = consumer_tables(w->consumer);
	struct rte_mbuf *pkts[PIPELINE_BURST];
	uint64_t tsc = rte_rdtsc();
	uint16_t n;

	if (lb_unlikely(tsc >= w->tsc_next_tick))
		tick(w, tables, tsc);
	n = rte_eth_rx_burst(w->queue.dev, w->queue.queue, pkts, PIPELINE_BURST);
	if (n) {
		pipeline_burst(&w->pl, tables, w->now, pkts, n, &w->out);
		if (w->out.n_tx)
			forward(w);
		if (w->out.n_kernel)
			to_kernel(w);
		w->stats->busy_loops++;
		w->empty_polls = 0;
	} else {
		w->empty_polls++;
	}
	if (w->from_kernel)
		from_kernel(w);
	sweep(w, tables, w->empty_polls < IDLE_POLLS ? SWEEP_BUSY : SWEEP_IDLE);
	w->stats->loops++;
	return n;
}

/* Off duty for the grace periods of the main lcore: a sleeping worker holds no tables. */
static void idle_sleep(struct worker *w)
{
	const struct timespec pause = { .tv_nsec = (long)w->idle_sleep_us * 1000 };

	rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
	nanosleep(&pause, NULL);
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
}

int worker_main(void *arg)
{
	struct worker *w = arg;

	/* Otherwise the kernel adds 50 microseconds to every sleep. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
	while (!__atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
		worker_step(w);
		rte_rcu_qsbr_quiescent(w->qsbr, w->index);
		if (lb_likely(w->empty_polls < IDLE_POLLS))
			continue;
		if (w->empty_polls == IDLE_POLLS)
			port_reclaim(w->queue);
		if (w->idle_sleep_us)
			idle_sleep(w);
		else
			rte_pause();
	}
	rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
	rte_rcu_qsbr_thread_unregister(w->qsbr, w->index);
	return 0;
}

static void pipeline_setup(struct worker *w, const struct worker_common *common,
			   struct pipeline *const *peers)
{
	const struct config_node *node = common->plan->node;

	w->kernel_rate_pps = node->kernel_rate_pps;
	w->icmp_rate_pps = node->icmp_rate_pps;
	w->pl = (struct pipeline){
		.flows = &w->flows,
		.stats = w->stats,
		.instance_stats =
			common->segment->instance_stats + (size_t)w->index * LB_INSTANCES_MAX,
		.peers = peers,
		.n_peers = w->n_workers,
		.port_mac = lb_mac_load(common->port->mac),
	};
	pipeline_init(&w->pl);
	pipeline_rate_set(&w->pl.kernel_rate, share_of(w, w->kernel_rate_pps));
	pipeline_rate_set(&w->pl.icmp_rate, share_of(w, w->icmp_rate_pps));
}

int worker_init(struct worker *w, uint32_t index, const struct worker_common *common,
		struct pipeline *const *peers)
{
	const struct plan *plan = common->plan;
	int socket = (int)rte_lcore_to_socket_id(eal_lcore(index));

	*w = (struct worker){
		.index = index,
		.n_workers = plan->n_workers,
		.queue = common->port->queue[index],
		.consumer = common->consumer,
		.qsbr = common->qsbr,
		.to_kernel = common->to_kernel[index],
		.from_kernel = index == 0 ? common->from_kernel : NULL,
		.bell = common->bell,
		.stop = common->stop,
		.idle_sleep_us = common->idle_sleep_us,
		.tsc_start = common->tsc_start,
		.tsc_per_tick = rte_get_tsc_hz() * LB_FLOW_TICK_MS / 1000,
		.stats = common->segment->worker_stats + index,
	};
	w->flow_memory = rte_zmalloc_socket("flows", plan->flow_bytes, 64, socket);
	if (!w->flow_memory)
		return -ENOMEM;
	pipeline_setup(w, common, peers);
	flow_table_init(&w->flows, w->flow_memory, plan->flows_per_worker, w->stats,
			w->pl.instance_stats);
	return rte_rcu_qsbr_thread_register(w->qsbr, index) ? -ENOMEM : 0;
}

void worker_fini(struct worker *w)
{
	rte_free(w->flow_memory);
	w->flow_memory = NULL;
}

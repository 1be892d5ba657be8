/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "config/base/clock.h"
#include "dataplane/engine/nat_memory.h"
#include "dataplane/io/eal.h"

#define TX_RETRIES 16
#define FROM_KERNEL_BURST 32
#define IDLE_POLLS 2000 /* polls without a packet after which a worker is idle */
/* Buckets swept between two bursts: a few hundred nanoseconds, or more when idle. */
#define SWEEP_BUSY 64
#define SWEEP_IDLE 1024
#define RECOUNT_BUCKETS 65536 /* counted between two heartbeats: a millisecond or two */
#define END_MS 3	      /* for packets in flight from the XDP program to arrive */

/*
 * Send what the queue takes; retry for a moment, since it drains at line rate. Return: packets
 * sent; the others are still the caller's.
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

/* Limits are divided evenly; a worker's minimum is one packet a second. */
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

/* After a long stall the limits get only one refill. */
static void tick(struct worker *w, const struct tables *tables, uint16_t now)
{
	w->now = now;
	pipeline_tick(&w->pl);
	flow_table_tick(&w->flows);
	rates_follow(w, tables);
	if (w->empty_polls >= IDLE_POLLS)
		port_reclaim(w->queue);
}

/* From the vDSO, without a system call. */
/* ---- Beside the XDP program ---- */

/*
 * Pending packets date from before the worker stalled. They have been retransmitted since, and the
 * XDP program has handled that.
 */
static void late_drop(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	w->stats->rx_pkts += n;
	w->stats->rx_bytes += bytes_of(pkts, n);
	for (uint16_t i = 0; i < n; i++)
		pipeline_drop(&w->pl, pkts[i], LB_DROP_LATE);
}

static void queue_empty_out(struct worker *w)
{
	struct rte_mbuf *pkts[PIPELINE_BURST];
	uint16_t n;

	do {
		n = rte_eth_rx_burst(w->queue.dev, w->queue.queue, pkts, PIPELINE_BURST);
		late_drop(w, pkts, n);
	} while (n);
}

/* Whether the worker was stalled for so long that the packets in its queue are stale. */
static bool was_away(const struct worker *w, uint64_t now_ns)
{
	return now_ns - w->looked_ns > LB_BEAT_OLD_NS / 2;
}

/* Replaced: no packet from before may be used once the heartbeat asks for packets again. */
static void replaced_follow(struct worker *w, uint64_t now_ns)
{
	if (was_away(w, now_ns))
		queue_empty_out(w);
	handover_follow(&w->handover);
}

/* Become the only writer of the flow table, or drop packets that are too late. */
static bool table_lock(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	if (!handover_is_on(&w->handover))
		return true;
	if (!handover_lock(&w->handover)) {
		if (was_away(w, clock_coarse_ns())) {
			late_drop(w, pkts, n);
			return false;
		}
		do
			handover_follow(&w->handover);
		while (!handover_lock(&w->handover));
	}
	w->flows.table.held = handover_held(&w->handover);
	return true;
}

/*
 * A change may have been made twice. Meanwhile the XDP program handles the packets; it records no
 * flow.
 */
static void table_recount(struct worker *w)
{
	do {
		memset(&w->recount, 0, sizeof(w->recount));
		handover_beat_quiet(&w->handover, clock_coarse_ns());
		while (!handover_lock(&w->handover))
			handover_follow(&w->handover);
		while (!flow_table_recount(&w->flows, w->xdp_counts, &w->recount, RECOUNT_BUCKETS))
			handover_beat_quiet(&w->handover, clock_coarse_ns());
		w->flows.table.journal->is_doubtful = 0;
	} while (!handover_unlock(&w->handover));
}

static void table_unlock(struct worker *w)
{
	if (!handover_is_on(&w->handover) || lb_likely(handover_unlock(&w->handover)) ||
	    !w->flows.table.journal->is_doubtful)
		return;
	replaced_follow(w, clock_coarse_ns());
	table_recount(w);
}

/* Stop the handover of packets; those in flight are still forwarded. */
static void handover_end(struct worker *w)
{
	uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 1000 * END_MS;

	w->is_ending = true;
	handover_beat_quiet(&w->handover, clock_coarse_ns());
	while (worker_step(w) || rte_rdtsc() < until)
		;
	handover_beat(&w->handover, 0);
}

void worker_look(struct worker *w, const struct tables *tables, uint64_t now_ns)
{
	uint16_t now = (uint16_t)(now_ns / LB_FLOW_TICK_NS);

	w->pl.port_mac = __atomic_load_n(w->port_mac, __ATOMIC_RELAXED);
	w->pl.capture = capture_look(&w->capture, now_ns) ? &w->capture : NULL;
	if (now != w->now)
		tick(w, tables, now);
	if (handover_is_on(&w->handover)) {
		if (handover_is_replaced(&w->handover))
			replaced_follow(w, now_ns);
		if (w->is_ending)
			handover_beat_quiet(&w->handover, now_ns);
		else
			handover_beat(&w->handover, now_ns);
	}
	w->looked_ns = now_ns;
}

/* ---- The loop ---- */

/* Beside the XDP program, whose sweep goes on meanwhile if this process is not to take part. */
static bool sweep_lock(struct worker *w)
{
	if (!handover_is_on(&w->handover))
		return true;
	if (!handover_is_allowed(&w->handover) || !handover_lock(&w->handover))
		return false;
	w->flows.table.held = handover_held(&w->handover);
	return true;
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

	if (!flow_table_sweep_is_due(&w->flows) || !sweep_lock(w))
		return;
	flow_table_sweep(&w->flows, &what, max_buckets);
	table_unlock(w);
}

/* Connections that the sweep has reset. Without buffers nothing is sent: others need them more. */
static void resets_send(struct worker *w)
{
	const struct nat_sweep *sweep = &w->pl.nat_sweep;
	struct rte_mbuf *pkts[NAT_SWEEP_OUT];
	uint16_t n = (uint16_t)sweep->n_out, sent;

	if (lb_likely(!n) || rte_pktmbuf_alloc_bulk(w->pool, pkts, n))
		return;
	for (uint16_t i = 0; i < n; i++) {
		void *frame = rte_pktmbuf_append(pkts[i], LB_NAT_RESET_LEN);

		pkts[i]->data_len = (uint16_t)lb_nat_reset_write(frame, &sweep->out[i]);
		pkts[i]->pkt_len = pkts[i]->data_len;
	}
	sent = queue_send(w, pkts, n);
	w->stats->nat_reset_pkts += sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void nat_sweep_some(struct worker *w, const struct tables *tables, uint32_t max)
{
	if (!nat_sweep_is_due(&w->pl.nat_sweep, &w->pl.nat) || !sweep_lock(w))
		return;
	pipeline_nat_sweep(&w->pl, tables, w->now, max);
	table_unlock(w);
	resets_send(w);
}

static void burst(struct worker *w, const struct tables *tables, struct rte_mbuf **pkts, uint16_t n)
{
	if (lb_unlikely(w->pl.capture))
		capture_begin(w->pl.capture, tables->generation, clock_now_ns());
	if (!table_lock(w, pkts, n))
		return;
	pipeline_burst(&w->pl, tables, w->now, pkts, n, &w->out);
	table_unlock(w);
	if (w->out.n_tx)
		forward(w);
	if (w->out.n_kernel)
		to_kernel(w);
}

uint32_t worker_step(struct worker *w)
{
	const struct tables *tables = consumer_tables(w->consumer);
	struct rte_mbuf *pkts[PIPELINE_BURST];
	uint64_t tsc = rte_rdtsc();
	uint16_t n;

	if (lb_unlikely(tsc >= w->tsc_next_look)) {
		w->tsc_next_look = tsc + w->tsc_per_look;
		worker_look(w, tables, clock_coarse_ns());
	}
	n = rte_eth_rx_burst(w->queue.dev, w->queue.queue, pkts, PIPELINE_BURST);
	if (n) {
		burst(w, tables, pkts, n);
		w->stats->busy_loops++;
		w->empty_polls = 0;
	} else {
		w->empty_polls++;
	}
	if (w->from_kernel)
		from_kernel(w);
	sweep(w, tables, w->empty_polls < IDLE_POLLS ? SWEEP_BUSY : SWEEP_IDLE);
	if (w->pl.nat.memory)
		nat_sweep_some(w, tables, w->empty_polls < IDLE_POLLS ? SWEEP_BUSY : SWEEP_IDLE);
	w->stats->loops++;
	return n;
}

/* Offline for the main lcore's grace periods: a sleeping worker holds no tables. */
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

	/* With the default slack the kernel adds 50 microseconds to every sleep. */
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
	if (handover_is_on(&w->handover))
		handover_end(w);
	rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
	rte_rcu_qsbr_thread_unregister(w->qsbr, w->index);
	return 0;
}

static void pipeline_setup(struct worker *w, const struct worker_common *common)
{
	const struct config_node *node = common->plan->node;

	w->kernel_rate_pps = node->kernel_rate_pps;
	w->icmp_rate_pps = node->icmp_rate_pps;
	w->pl = (struct pipeline){
		.flows = &w->flows,
		.stats = w->stats,
		.instance_stats =
			common->segment->instance_stats + (size_t)w->index * LB_INSTANCES_MAX,
		.peers = common->regions,
		.n_peers = common->n_regions,
		.port_mac = *w->port_mac,
	};
	pipeline_init(&w->pl, pipeline_simd_best());
	pipeline_rate_set(&w->pl.kernel_rate, share_of(w, w->kernel_rate_pps));
	pipeline_rate_set(&w->pl.icmp_rate, share_of(w, w->icmp_rate_pps));
}

static void nat_use(struct worker *w, const struct worker_common *common)
{
	w->pool = common->pool ? common->pool[w->index] : NULL;
	if (!common->nat)
		return;
	w->pl.nat = (struct lb_nat){
		.memory = common->nat,
		.n_workers = common->n_regions,
		.worker = w->index,
		.n_spaces = common->plan->nat_spaces,
		.room = common->plan->nat_room,
		.clients_move = common->handover != NULL,
	};
}

static void capture_setup(struct worker *w, const struct segment *segment)
{
	w->capture.shared = segment->capture_select;
	w->capture.ring = segment->capture + w->index;
}

static void flows_use(struct worker *w, const struct worker_common *common)
{
	w->flow_memory = common->flows;
	w->keep = common->keep;
	flow_table_adopt(&w->flows, flow_memory_table(common->flows, w->index),
			 common->flows->n_buckets, w->stats, w->pl.instance_stats);
}

int worker_prepare(void *arg)
{
	struct worker *w = arg;
	int err;

	if (!w->flow_memory)
		return 0;
	err = flow_memory_fill(w->flow_memory, w->index, (int)rte_socket_id());
	if (err || !w->keep)
		return err;
	flow_table_keep(&w->flows, w->keep);
	if (w->pl.nat.memory)
		nat_keep(&w->pl.nat.memory[w->index], w->flow_memory->n_records,
			 &consumer_tables(w->consumer)->params.nat.timeouts, w->keep, w->stats);
	lb_stats_close(w->stats);
	return 0;
}

/* A region with the flows that are in it. */
static void flows_share(struct worker *w, const struct handover_port *port)
{
	flow_table_adopt(&w->flows, port->flows + (size_t)w->index * port->n_buckets,
			 port->n_buckets, w->stats, w->pl.instance_stats);
	w->handover = (struct handover){ .queue = &port->queues[w->index], .process = w->boot_id };
	w->xdp_counts = port->counts + (size_t)w->index * LB_INSTANCES_MAX;
	w->flows.table.journal = &w->handover.queue->journal;
	w->flows.table.lock = &w->handover.queue->lock;
	handover_beat_quiet(&w->handover,
			    clock_coarse_ns()); /* or the XDP program would not wait */
	if (handover_start(&w->handover)) {
		lb_table_recover(&w->flows.table, w->flows.table.journal);
		handover_unlock(&w->handover);
	}
	if (w->flows.table.journal->is_doubtful)
		table_recount(w);
	lb_stats_close(w->stats);
}

int worker_init(struct worker *w, uint32_t index, const struct worker_common *common)
{
	*w = (struct worker){
		.index = index,
		.n_workers = common->plan->n_workers,
		.queue = common->port->queue[index],
		.port_mac = &common->port->mac_word,
		.consumer = common->consumer,
		.qsbr = common->qsbr,
		.to_kernel = common->to_kernel[index],
		.from_kernel = index == 0 ? common->from_kernel : NULL,
		.bell = common->bell,
		.stop = common->stop,
		.idle_sleep_us = common->idle_sleep_us,
		.tsc_per_look = rte_get_tsc_hz() * LB_BEAT_MS / 1000,
		.stats = common->segment->worker_stats + index,
		.boot_id = common->segment->boot_id,
	};
	pipeline_setup(w, common);
	nat_use(w, common);
	capture_setup(w, common->segment);
	if (common->handover)
		flows_share(w, common->handover);
	else
		flows_use(w, common);
	return rte_rcu_qsbr_thread_register(w->qsbr, index) ? -ENOMEM : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/generator.h"

#include <sched.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#define RX_BURST WIRE_BURST
#define DRAIN_SILENCE_MS 20 /* with none of ours for this long, no more will come back */
#define DRAIN_MORE_MS 10000 /* what still arrives after this long is looping */
/*
 * At a chosen rate, a backlog beyond this is given up: sending it all at once would not be the
 * traffic that was asked for.
 */
#define BACKLOG_MIN 512
#define BACKLOG_US 100

static inline uint32_t stamp_of(uint64_t tsc)
{
	return (uint32_t)(tsc >> STAMP_SHIFT);
}

static inline void batch_put(struct generator *g, struct wire_batch *b, uint32_t i,
			     const struct flows_pick *pick, const struct wire_kind **kind)
{
	const struct wire *wire = &g->wire;
	uint32_t flow = pick->flow;

	if (lb_unlikely(flow == FLOWS_FLOOD)) {
		uint32_t host = WIRE_FLOOD_NET | (pick->random & ~WIRE_FLOOD_MASK);

		*kind = &wire->kinds[wire_kind_of(
			wire, wire_target_of(wire, host << WIRE_PORTS_LOG2), pick->size)];
		b->src[i] = lb_cpu_to_be32(host);
		b->sport[i] = lb_cpu_to_be16((uint16_t)(WIRE_FIRST_PORT + (pick->random >> 17)));
		b->seq[i] = lb_cpu_to_be32((uint32_t)g->stats.flood++);
	} else {
		struct flow *f = &g->flows.flow[flow];

		*kind = &wire->kinds[wire_kind_of(wire, wire_target_of(wire, flow), pick->size)];
		b->src[i] = wire_src(wire, flow, (*kind)->family);
		b->sport[i] = wire_sport(flow);
		b->seq[i] = lb_cpu_to_be32(f->tx_seq++);
		if (pick->tcp_flags == LB_TCP_SYN) {
			f->instance = FLOWS_INSTANCE_NONE;
			g->stats.syns++;
		}
		g->stats.fins += pick->tcp_flags & LB_TCP_FIN;
		g->stats.flows++;
	}
	b->flags[i] = wire_flags(pick->tcp_flags);
	b->tcp_base[i] = (*kind)->tcp_base;
	b->ip_base[i] = (*kind)->ip_base;
}

/* Choose the packets of a burst that will be sent one round later. */
static void picks_make(struct generator *g, uint64_t now)
{
	g->n_picked = g->burst;
	g->next_pick = 0;
	if (g->run.open_flows)
		g->n_picked = flows_open(&g->flows, &g->open_next, g->pick, g->burst);
	else
		flows_pick(&g->flows, now, g->tsc_hz, g->pick, g->burst);
	for (uint32_t i = 0; i < g->n_picked; i++)
		if (g->pick[i].flow != FLOWS_FLOOD)
			rte_prefetch0(&g->flows.flow[g->pick[i].flow]);
	/* Buffers that a zero-copy device has sent were last in the other CPU's cache. */
	if (g->n_ready || rte_pktmbuf_alloc_bulk(g->tx_pool, g->ready, g->burst))
		return;
	g->n_ready = g->burst;
	for (uint32_t i = 0; i < g->n_ready; i++)
		__builtin_prefetch(rte_pktmbuf_mtod(g->ready[i], const void *), 1);
}

/* Take @n of the ready buffers. Return: whether there are that many. */
static bool buffers_take(struct generator *g, uint32_t n)
{
	if (lb_unlikely(g->n_ready < n))
		return rte_pktmbuf_alloc_bulk(g->tx_pool, g->pending, n) == 0;
	g->n_ready -= n;
	memcpy(g->pending, g->ready + g->n_ready, n * sizeof(g->pending[0]));
	return true;
}

/* Make at most @n packets. Return: their number. */
static uint32_t packets_make(struct generator *g, uint32_t n, uint64_t now)
{
	const struct wire_kind *kind[WIRE_BURST];
	struct wire_batch batch;

	if (g->next_pick == g->n_picked)
		picks_make(g, now);
	if (n > g->n_picked - g->next_pick)
		n = g->n_picked - g->next_pick;
	if (!n || !buffers_take(g, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		batch.stamp[i] = lb_cpu_to_be32(stamp_of(now));
		batch_put(g, &batch, i, &g->pick[g->next_pick + i], &kind[i]);
	}
	g->next_pick += n;
	wire_compute(&batch, n);
	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = g->pending[i];

		m->data_len = kind[i]->frame_bytes;
		m->pkt_len = kind[i]->frame_bytes;
		g->stats.bytes += kind[i]->frame_bytes;
		wire_write(kind[i], &batch, i, rte_pktmbuf_mtod(m, uint8_t *));
	}
	if (g->next_pick == g->n_picked)
		picks_make(g, now);
	return n;
}

static void pending_send(struct generator *g)
{
	uint32_t sent = rte_eth_tx_burst(g->dev, 0, g->pending, (uint16_t)g->n_pending);

	g->stats.pkts += sent;
	g->n_pending -= sent;
	if (lb_unlikely(g->n_pending))
		memmove(g->pending, g->pending + sent, g->n_pending * sizeof(g->pending[0]));
}

/* How many packets are due. */
static uint32_t packets_due(struct generator *g, uint64_t now)
{
	uint64_t due, backlog;

	if (g->run.rate_pps == 0)
		return g->burst;
	due = (uint64_t)((double)(now - g->began) / (double)g->tsc_hz * g->run.rate_pps);
	backlog = (uint64_t)(g->run.rate_pps * BACKLOG_US / 1e6);
	if (backlog < BACKLOG_MIN)
		backlog = BACKLOG_MIN;
	if (lb_unlikely(due - g->offered > backlog)) {
		uint64_t excess = due - g->offered - backlog;

		/* Opening flows may take any time. */
		if (g->n_pending)
			g->stats.dropped += g->run.open_flows ? 0 : excess;
		else
			g->stats.late += g->run.open_flows ? 0 : excess;
		g->offered += excess;
	}
	due -= g->offered;
	return (uint32_t)(due < g->burst ? due : g->burst);
}

/* Return: whether there is more to send. */
static bool transmit(struct generator *g, uint64_t now)
{
	uint32_t n = packets_due(g, now);

	if (!g->n_pending && n) {
		if (g->run.packets && g->offered + n > g->run.packets)
			n = (uint32_t)(g->run.packets - g->offered);
		g->n_pending = packets_make(g, n, now);
		if (g->run.open_flows && !g->n_pending)
			return false;
		g->offered += g->n_pending;
	}
	if (g->n_pending)
		pending_send(g);
	if (g->n_pending)
		return true;
	return !(g->run.packets && g->offered >= g->run.packets);
}

/* Receive a burst. It is judged a moment later, when it is in the cache. */
static uint32_t receive(struct generator *g)
{
	g->n_received = rte_eth_rx_burst(g->dev, 0, g->received, RX_BURST);
	if (!g->n_received)
		return 0;
	g->received_stamp = stamp_of(rte_rdtsc());
	receiver_prefetch(&g->receiver, g->received, g->n_received);
	return g->n_received;
}

static void judge(struct generator *g)
{
	struct rte_mbuf *others[RX_BURST];
	uint32_t n_others;

	if (!g->n_received)
		return;
	n_others =
		receiver_burst(&g->receiver, g->received, g->n_received, g->received_stamp, others);
	if (lb_unlikely(n_others)) {
		/*
		 * Answers are made in place: the extra reference keeps these mbufs from being freed
		 * below.
		 */
		for (uint32_t i = 0; i < n_others; i++)
			rte_mbuf_refcnt_update(others[i], 1);
		g->stats.answers += answer_burst(g, others, n_others);
	}
	rte_pktmbuf_free_bulk(g->received, g->n_received);
	g->n_received = 0;
}

static void stall_note(struct generator *g, uint64_t gap)
{
	if (lb_likely(gap < g->tsc_hz / 1000))
		return;
	g->stats.stalls++;
	if (gap > g->stats.stall_tsc)
		g->stats.stall_tsc = gap;
}

/* Wait until all packets are back, or no more arrive. */
static void drain(struct generator *g)
{
	uint64_t began = rte_rdtsc(), last = began, now = began;
	uint64_t silence = g->tsc_hz / 1000 * DRAIN_SILENCE_MS;
	uint64_t limit = g->tsc_hz / 1000 * g->options->drain_ms;
	uint64_t end = limit + g->tsc_hz / 1000 * DRAIN_MORE_MS;
	const struct receiver_stats *rx = &g->receiver.stats;
	uint64_t ours = rx->pkts;

	/* Silence alone proves nothing: the device under test may be waiting for a CPU. */
	while (now - began < limit || (now - last < silence && now - began < end)) {
		if (g->n_pending)
			pending_send(g);
		if (!receive(g)) {
			if (g->options->yield)
				sched_yield();
			else
				rte_pause();
		}
		judge(g);
		now = rte_rdtsc();
		if (rx->pkts != ours)
			last = now;
		ours = rx->pkts;
		if (!g->n_pending && rx->good + rx->flood + rx->bad >= g->stats.pkts &&
		    now - last >= silence)
			break;
		if (g->stop && now - began > silence)
			break;
	}
	rte_pktmbuf_free_bulk(g->pending, g->n_pending);
	rte_pktmbuf_free_bulk(g->ready, g->n_ready);
	g->n_pending = g->n_ready = 0;
}

int generator_run(void *arg)
{
	struct generator *g = arg;
	uint64_t now = rte_rdtsc(), last, until = UINT64_MAX;
	bool more = true, idle;

	g->began = now;
	g->offered = 0;
	g->n_picked = g->next_pick = 0;
	g->open_next = 0;
	if (g->run.duration_s > 0)
		until = now + (uint64_t)(g->run.duration_s * (double)g->tsc_hz);
	flows_begin(&g->flows, now);
	while (more && now < until && !g->stop) {
		receive(g);
		more = transmit(g, now);
		idle = !g->n_received && g->n_pending;
		judge(g);
		if (lb_unlikely(idle && g->options->yield))
			sched_yield();
		last = now;
		now = rte_rdtsc();
		stall_note(g, now - last);
	}
	g->ended = now;
	drain(g);
	g->done = true;
	return 0;
}

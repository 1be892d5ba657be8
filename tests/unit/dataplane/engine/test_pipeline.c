/* SPDX-License-Identifier: BSD-3-Clause */
/* What packets do to flows over time: bursts, generations, drains, deaths, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_reply.h"
#include "dataplane/engine/pipeline_internal.h"
#include "tests/support/harness.h"

#define VIP 0xcb00710au
#define NODE 0x0a000005u
#define N_INSTANCES 4
#define SLOTS 251
#define REACHABLE (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define DOWN REACHABLE
#define DRAINED (REACHABLE | LB_INSTANCE_SERVES)
#define UP (REACHABLE | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS)

static struct lb_instance instances[N_INSTANCES];

static void instances_put(struct harness *h)
{
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), N_INSTANCES);
}

static void flags_put(struct harness *h, uint16_t instance, uint8_t flags)
{
	instances[instance].flags = flags;
	instances_put(h);
}

/* Slots that take turns among the instances of a mask. */
static void slots_put(struct harness *h, uint32_t mask)
{
	uint16_t slots[SLOTS], n = 0, member[N_INSTANCES];

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		if (mask & 1u << i)
			member[n++] = i;
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = member[i % n];
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
}

static struct harness *world_create(void)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .forward = LB_FORWARD_L2 };
	struct harness *h = harness_create(5000);

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		harness_instance(&instances[i], i, 4, UP);
	instances_put(h);
	slots_put(h, 0xf);
	harness_services(h, &service, 1);
	return h;
}

static void world_destroy(struct harness *h)
{
	harness_check_accounting(h);
	harness_destroy(h);
}

static int send_seq(struct harness *h, uint16_t sport, uint8_t flags, uint32_t seq)
{
	return harness_send(h, harness_tcp4(h, &(struct harness_tcp){ .src = 0xc6336407,
								      .dst = VIP,
								      .sport = sport,
								      .dport = 443,
								      .flags = flags,
								      .seq = seq }));
}

static int send(struct harness *h, uint16_t sport, uint8_t flags)
{
	return send_seq(h, sport, flags, 0);
}

static int open_flow(struct harness *h, uint16_t sport)
{
	int instance = send(h, sport, LB_TCP_SYN);

	assert_int_equal(send(h, sport, LB_TCP_ACK), instance);
	return instance;
}

/* A port whose SYN goes to @instance. */
static uint16_t port_for(struct harness *h, int instance)
{
	static uint16_t next = 2000;

	while (open_flow(h, ++next) != instance)
		;
	return next;
}

static void one_burst_begins_a_flow_once(void **state)
{
	static const uint8_t flags[] = { LB_TCP_SYN, LB_TCP_ACK, LB_TCP_ACK | LB_TCP_PSH,
					 LB_TCP_FIN | LB_TCP_ACK };
	enum { N = sizeof(flags) };
	struct harness *h = world_create();
	struct rte_mbuf *pkts[2 * N], *sent[2 * N];
	struct pipeline_out out;
	struct lb_flow_ref ref = { .slot = 0 };
	uint64_t key = lb_flow_key4(lb_cpu_to_be32(0xc6336407), LB_BE16(7), 1);

	(void)state;
	for (uint32_t i = 0; i < 2 * N; i++)
		pkts[i] = sent[i] = harness_tcp4(h, &(struct harness_tcp){ .src = 0xc6336407,
									   .dst = VIP,
									   .dport = 443,
									   .sport = i % 2 ? 7 : 8,
									   .flags = flags[i / 2] });
	pipeline_burst(&h->pl, h->tables, 0, pkts, 2 * N, &out);
	assert_int_equal(out.n_tx, 2 * N);
	assert_memory_equal(out.tx, sent, sizeof(sent)); /* in order of arrival */
	assert_int_equal(h->stats.flow_inserts, 2);
	assert_int_equal(h->stats.flow_misses, 2);
	assert_int_equal(h->stats.flow_hits, 2 * N - 2);
	assert_int_equal(h->stats.flows, 2);
	assert_true(
		lb_table_find(&h->flows.table, key, lb_flow_spread(&h->tables->secret, key), &ref));
	assert_int_equal(lb_bucket_state(ref.bucket, ref.slot), LB_FLOW_FIN);
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	h->stats.tx_pkts += out.n_tx;
	world_destroy(h);
}

static void drained_instance_keeps_its_flows_and_gets_no_new_ones(void **state)
{
	struct harness *h = world_create();
	uint16_t old = port_for(h, 2);

	(void)state;
	/* the step before the new slots arrive: the slots still name the drained instance */
	flags_put(h, 2, DRAINED);
	assert_int_equal(send(h, old, LB_TCP_ACK), 2);
	for (uint16_t port = 10000; port < 11000; port++)
		assert_int_not_equal(open_flow(h, port), 2);
	assert_int_equal(h->instance_stats[2].new_flows, 1);
	slots_put(h, 0xb);
	assert_int_equal(send(h, old, LB_TCP_ACK), 2);
	for (uint16_t port = 11000; port < 12000; port++)
		assert_int_not_equal(open_flow(h, port), 2);
	/* a new connection with the ports of a finished one is a new flow */
	assert_int_equal(send(h, old, LB_TCP_FIN | LB_TCP_ACK), 2);
	assert_int_equal(send(h, old, LB_TCP_ACK), 2);
	assert_int_not_equal(send(h, old, LB_TCP_SYN), 2);
	assert_int_equal(h->instance_stats[2].flows, 0);
	world_destroy(h);
}

static void dead_instance_loses_its_flows(void **state)
{
	struct harness *h = world_create();
	uint16_t old = port_for(h, 1);
	uint32_t before = h->instance_stats[1].flows;
	int moved_to;

	(void)state;
	flags_put(h, 1, DOWN);
	moved_to = send(h, old, LB_TCP_ACK);
	assert_int_not_equal(moved_to, 1);
	assert_int_equal(send(h, old, LB_TCP_ACK), moved_to);
	assert_int_equal(h->stats.flow_moved, 1);
	assert_int_equal(h->instance_stats[1].flows, before - 1);
	world_destroy(h);
}

static uint64_t pkts_of_all(const struct harness *h)
{
	uint64_t pkts = 0;

	for (uint32_t i = 0; i < N_INSTANCES; i++)
		pkts += h->instance_stats[i].pkts;
	return pkts;
}

static void one_burst_moves_a_flow_once(void **state)
{
	enum { N = 3 };
	struct harness *h = world_create();
	uint16_t old = port_for(h, 1);
	struct rte_mbuf *pkts[N];
	struct pipeline_out out;
	uint64_t before, before_all;

	(void)state;
	flags_put(h, 1, DOWN);
	before = h->instance_stats[1].pkts;
	before_all = pkts_of_all(h);
	for (uint32_t i = 0; i < N; i++)
		pkts[i] = harness_tcp4(h, &(struct harness_tcp){ .src = 0xc6336407,
								 .dst = VIP,
								 .dport = 443,
								 .sport = old,
								 .flags = LB_TCP_ACK });
	pipeline_burst(&h->pl, h->tables, 0, pkts, N, &out);
	assert_int_equal(out.n_tx, N);
	for (uint32_t i = 1; i < N; i++) /* to one MAC address */
		assert_memory_equal(rte_pktmbuf_mtod(out.tx[i], void *),
				    rte_pktmbuf_mtod(out.tx[0], void *), LB_ETH_ALEN);
	assert_int_equal(h->stats.flow_moved, 1);
	assert_int_equal(h->instance_stats[1].pkts, before);
	assert_int_equal(pkts_of_all(h) - before_all, N);
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	h->stats.tx_pkts += out.n_tx;
	world_destroy(h);
}

/* The last instance is gone, and its flows name what there is not. */
static void flow_of_an_instance_that_is_gone_moves(void **state)
{
	struct harness *h = world_create();
	uint16_t old = port_for(h, N_INSTANCES - 1);
	int moved_to;

	(void)state;
	slots_put(h, 0x7);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances[0]) * (N_INSTANCES - 1),
		    N_INSTANCES - 1);
	moved_to = send(h, old, LB_TCP_ACK);
	assert_in_range(moved_to, 0, N_INSTANCES - 2);
	assert_int_equal(send(h, old, LB_TCP_ACK), moved_to);
	assert_int_equal(h->stats.flow_moved, 1);
	world_destroy(h);
}

static void no_instance_left_is_a_drop(void **state)
{
	struct harness *h = world_create();

	(void)state;
	for (uint16_t i = 0; i < N_INSTANCES; i++)
		flags_put(h, i, DOWN);
	assert_int_equal(send(h, 1, LB_TCP_SYN), -2);
	assert_int_equal(send(h, 1, LB_TCP_ACK), -2);
	assert_int_equal(h->stats.drop[LB_DROP_NO_INSTANCE], 2);
	assert_int_equal(h->stats.flows, 0);
	world_destroy(h);
}

/* Flows that this worker never saw: begun on another node, or before a restart. */
static void previous_generation_answers_for_foreign_flows(void **state)
{
	struct harness *h = world_create();
	struct harness *twin = world_create(); /* stays as it was; same secret, same slots */
	uint32_t pinned = 0;

	(void)state;
	slots_put(h, 0x7);
	for (uint16_t port = 1; port < 500; port++) {
		int begun = send(twin, port, LB_TCP_SYN);

		assert_int_equal(send(h, port, LB_TCP_ACK), begun);
		pinned += begun == 3;
	}
	assert_true(pinned > 50);
	assert_int_equal(h->stats.flow_adopted, 499);
	/* another change: they are recorded by now, and stay */
	slots_put(h, 0x3);
	for (uint16_t port = 1; port < 500; port++)
		assert_int_equal(send(h, port, LB_TCP_ACK), send(twin, port, LB_TCP_ACK));
	/* new ones follow the new slots */
	for (uint16_t port = 1000; port < 1500; port++)
		assert_in_range(send(h, port, LB_TCP_SYN), 0, 1);
	/* the previous answer does not hold once its instance is gone */
	flags_put(h, 3, DOWN);
	assert_in_range(send(h, 60000, LB_TCP_ACK), 0, 2);
	world_destroy(twin);
	world_destroy(h);
}

static void syn_does_not_steal_an_established_flow(void **state)
{
	struct harness *h = world_create();
	uint16_t old = port_for(h, 2);

	(void)state;
	flags_put(h, 2, DRAINED);
	slots_put(h, 0xb);
	assert_int_equal(send(h, old, LB_TCP_SYN), 2);
	assert_int_equal(send(h, old, LB_TCP_ACK), 2);
	/* nor does a spoofed RST: the flow goes on with its next packet */
	assert_int_equal(send(h, old, LB_TCP_RST), 2);
	assert_int_equal(send(h, old, LB_TCP_ACK), 2);
	world_destroy(h);
}

/* An instance that is drained keeps the SYNs of its connections that are sent again, and gets no other. */
static void port_of_a_drained_instance_is_used_again(void **state)
{
	struct harness *h = world_create();

	(void)state;
	for (uint32_t simd = 0; simd <= pipeline_simd_best(); simd++) {
		uint16_t begun, established;
		int to[2];

		pipeline_init(&h->pl, (enum pipeline_simd)simd);
		flags_put(h, 2, UP);
		slots_put(h, 0xf);
		established = port_for(h, 2);
		while (send(h, begun = (uint16_t)(30000 + h->stats.flow_inserts), LB_TCP_SYN) != 2)
			;
		flags_put(h, 2, DRAINED);
		slots_put(h, 0xb);
		assert_int_equal(send(h, begun, LB_TCP_SYN), 2);
		assert_int_equal(send(h, established, LB_TCP_SYN), 2);
		to[0] = send_seq(h, begun, LB_TCP_SYN, 64000);
		to[1] = send_seq(h, established, LB_TCP_SYN, 64000);
		for (uint32_t i = 0; i < 2; i++) {
			uint16_t port = i ? established : begun;

			assert_int_not_equal(to[i], 2);
			assert_int_equal(send_seq(h, port, LB_TCP_SYN, 64000), to[i]);
			assert_int_equal(send(h, port, LB_TCP_ACK), to[i]);
		}
	}
	world_destroy(h);
}

/* Where flows are taken there is nothing to be told apart. */
static void port_of_an_instance_that_accepts_stays(void **state)
{
	struct harness *h = world_create();
	uint16_t port = port_for(h, 2);

	(void)state;
	slots_put(h, 0xb);
	assert_int_equal(send_seq(h, port, LB_TCP_SYN, 64000), 2);
	flags_put(h, 2, DRAINED);
	assert_int_equal(send_seq(h, port, LB_TCP_SYN, 64000), 2); /* that one once more */
	world_destroy(h);
}

/* What has expired is forgotten by a SYN, swept or not; after the time of a handshake none is sent again. */
static void port_of_an_expired_flow_is_used_again(void **state)
{
	struct harness *h = world_create();
	uint16_t port[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		port[i] = port_for(h, 2);
	slots_put(h, 0xb);
	h->now = (uint16_t)(h->now + h->tables->timeouts.ticks[LB_FLOW_ESTABLISHED] + 1);
	assert_int_not_equal(send(h, port[0], LB_TCP_SYN), 2);
	flags_put(h, 2, DRAINED);
	assert_int_equal(send(h, port[1], LB_TCP_ACK), 2); /* it was not forgotten yet */
	assert_int_equal(send(h, port[1], LB_TCP_SYN), 2);
	h->now = (uint16_t)(h->now + h->tables->timeouts.ticks[LB_FLOW_UNCONFIRMED] + 1);
	assert_int_not_equal(send(h, port[1], LB_TCP_SYN), 2);
	world_destroy(h);
}

/* While nobody takes connections, a SYN spoils none. */
static void syn_that_nobody_takes_leaves_the_flow(void **state)
{
	struct harness *h = world_create();
	uint16_t port = port_for(h, 2);

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		flags_put(h, i, DRAINED);
	assert_int_equal(send_seq(h, port, LB_TCP_SYN, 64000), -2);
	assert_int_equal(send(h, port, LB_TCP_ACK), 2);
	flags_put(h, 1, UP);
	slots_put(h, 0x2);
	assert_int_equal(send(h, port, LB_TCP_ACK), 2);
	world_destroy(h);
}

static struct rte_mbuf *icmp_error(struct harness *h, uint16_t sport)
{
	struct rte_mbuf *m = harness_tcp4(
		h, &(struct harness_tcp){ .src = 0xc0000201, .dst = VIP, .payload = 8 });
	struct lb_ipv4 *ip = rte_pktmbuf_mtod_offset(m, struct lb_ipv4 *, sizeof(struct lb_eth));
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + 1);
	struct lb_ipv4 *quote = (struct lb_ipv4 *)(icmp + 1);
	struct lb_ports *ports = (struct lb_ports *)(quote + 1);

	assert_non_null(rte_pktmbuf_append(m, 8));
	ip->proto = LB_IPPROTO_ICMP;
	ip->total_len = LB_BE16(56);
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	*icmp = (struct lb_icmp){ .type = LB_ICMP4_UNREACH, .code = 1 };
	*quote = (struct lb_ipv4){ .version_ihl = 0x45,
				   .proto = LB_IPPROTO_TCP,
				   .src = lb_cpu_to_be32(VIP),
				   .dst = lb_cpu_to_be32(0xc6336407) };
	*ports = (struct lb_ports){ LB_BE16(443), lb_cpu_to_be16(sport) };
	return m;
}

static void icmp_error_finds_a_flow_of_another_worker(void **state)
{
	struct harness *h = world_create();
	struct harness *other = world_create();
	struct lb_table *peers[] = { &h->flows.table, &other->flows.table };
	uint16_t port = port_for(other, 2);

	(void)state;
	h->pl.peers = peers;
	h->pl.n_peers = 2;
	flags_put(h, 2, DRAINED); /* so that only the other worker's table says 2 */
	slots_put(h, 0xb);
	slots_put(h, 0x9);
	assert_int_equal(harness_send(h, icmp_error(h, port)), 2);
	h->pl.n_peers = 1;
	assert_int_not_equal(harness_send(h, icmp_error(h, port)), 2);
	assert_int_equal(h->stats.flows, 0); /* an error records nothing */
	world_destroy(other);
	world_destroy(h);
}

static void sweep(struct harness *h)
{
	const struct flow_sweep what = { .secret = &h->tables->secret,
					 .timeouts = &h->tables->timeouts,
					 .instances = h->tables->instances,
					 .n_instances = h->tables->n_instances,
					 .now = h->now };

	for (uint32_t tick = 0; tick <= FLOW_TABLE_SWEEP_TICKS; tick++) {
		flow_table_tick(&h->flows);
		while (flow_table_sweep(&h->flows, &what, 1000))
			;
	}
}

/* Flows that a NIC moves from one worker to another in the middle of changes. */
static void flow_of_another_worker_is_taken_over(void **state)
{
	struct harness *h = world_create(), *other = world_create(), *alone = world_create();
	struct lb_table *peers[] = { &h->flows.table, &other->flows.table };
	int begun[500], elsewhere = 0;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct harness *one = i ? other : h;

		one->pl.peers = peers;
		one->pl.n_peers = 2;
		slots_put(one, 0x7); /* so that the two generations differ */
	}
	for (uint16_t port = 1; port < 500; port++) {
		begun[port] = send(other, port, LB_TCP_SYN);
		assert_int_equal(send(other, port, LB_TCP_ACK), begun[port]);
	}
	slots_put(alone, 0x7);
	for (uint16_t port = 1; port < 400; port++) {
		elsewhere += send(alone, port, LB_TCP_ACK) != begun[port];
		assert_int_equal(send(h, port, LB_TCP_ACK), begun[port]);
	}
	assert_true(elsewhere > 50); /* alone it would have gone wrong */
	assert_int_equal(h->stats.flows, 399);
	assert_int_equal(h->stats.flow_adopted, 399);

	/* It is as established here as it was there: a SYN doesn't move it, a drain neither. */
	slots_put(h, 0x8);
	assert_int_equal(send(h, 7, LB_TCP_SYN), begun[7]);
	assert_int_equal(send(h, 8, LB_TCP_ACK), begun[8]);

	/* The end of a flow is seen here too, and a SYN after the end begins a flow here. */
	assert_int_equal(send(h, 450, LB_TCP_RST), begun[450]);
	assert_int_equal(h->stats.flows, 400);
	send(other, 451, LB_TCP_RST);
	assert_int_equal(send(h, 451, LB_TCP_SYN), 3);
	assert_int_equal(send(h, 452, LB_TCP_SYN), begun[452]);

	/* There it is gone with the next round of the sweep. */
	sweep(other);
	assert_int_equal(other->stats.flows, 97);

	/* An instance that no longer serves keeps nothing, whoever recorded it. */
	flags_put(h, (uint16_t)begun[460], DOWN);
	assert_int_not_equal(send(h, 460, LB_TCP_ACK), begun[460]);
	world_destroy(alone);
	world_destroy(other);
	world_destroy(h);
}

/* From worker to worker, and on: what the first one still has of it is no record of a flow any more. */
static void flow_moved_twice_is_counted_once(void **state)
{
	struct harness *h[3] = { world_create(), world_create(), world_create() };
	struct lb_table *peers[] = { &h[0]->flows.table, &h[1]->flows.table, &h[2]->flows.table };
	uint64_t flows = 0;
	int instance;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		h[i]->pl.peers = peers;
		h[i]->pl.n_peers = 3;
	}
	instance = send(h[0], 7, LB_TCP_SYN);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(send(h[i], 7, LB_TCP_ACK), instance);
	for (uint32_t i = 0; i < 3; i++) {
		sweep(h[i]);
		flows += h[i]->stats.flows;
	}
	assert_int_equal(flows, 1);
	assert_int_equal(h[2]->stats.flows, 1);
	for (uint32_t i = 0; i < 3; i++)
		world_destroy(h[i]);
}

static bool is_alive(const struct harness *h, uint16_t sport)
{
	uint64_t key = lb_flow_key4(lb_cpu_to_be32(0xc6336407), lb_cpu_to_be16(sport), 1);
	uint64_t spread = lb_flow_spread(&h->tables->secret, key);

	return lb_table_peek(&h->flows.table, key, spread, h->now, &h->tables->timeouts) !=
	       LB_INSTANCE_NONE;
}

/*
 * Begun on worker 0, its instance in maintenance, gone on with another one on worker 1, the instance back
 * before the sweep has seen it: both workers send it the same way.
 */
static void record_of_a_returned_instance_is_not_used(void **state)
{
	struct harness *h[2] = { world_create(), world_create() };
	struct lb_table *peers[] = { &h[0]->flows.table, &h[1]->flows.table };
	uint16_t port = port_for(h[0], 3);
	int instance;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		h[i]->pl.peers = peers;
		h[i]->pl.n_peers = 2;
		flags_put(h[i], 3, DOWN);
		slots_put(h[i], 0x7);
	}
	instance = send(h[1], port, LB_TCP_ACK);
	assert_int_not_equal(instance, 3);
	for (uint32_t i = 0; i < 2; i++)
		flags_put(h[i], 3, UP);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(send(h[i % 2], port, LB_TCP_ACK), instance);
	for (uint32_t i = 0; i < 2; i++)
		world_destroy(h[i]);
}

/* Whatever happens to pools, and wherever a NIC sends the packets. */
static void at_most_one_record_is_alive(void **state)
{
	enum { WORKERS = 3, PORTS = 8, STEPS = 30000 };
	static const uint8_t flags[] = {
		LB_TCP_SYN, LB_TCP_ACK, LB_TCP_ACK, LB_TCP_ACK, LB_TCP_FIN | LB_TCP_ACK, LB_TCP_RST
	};
	struct harness *h[WORKERS] = { world_create(), world_create(), world_create() };
	struct lb_table *peers[] = { &h[0]->flows.table, &h[1]->flows.table, &h[2]->flows.table };
	uint64_t r = 1, flows = 0;

	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++) {
		h[i]->pl.peers = peers;
		h[i]->pl.n_peers = WORKERS;
	}
	for (uint32_t step = 0; step < STEPS; step++) {
		uint16_t port = (uint16_t)(1 + (r = lb_hash_mix(r + LB_HASH_MUL2)) % PORTS);
		const uint8_t to[] = { UP, UP, DRAINED, DOWN };
		uint32_t alive = 0;

		send_seq(h[(r >> 8 & 0xff) % WORKERS], port,
			 flags[(r >> 16 & 0xff) % sizeof(flags)], r >> 24 & 3);
		for (uint32_t i = 0; i < WORKERS; i++)
			alive += is_alive(h[i], port);
		assert_in_range(alive, 0, 1);
		for (uint32_t i = 0; i < WORKERS && step % 4 == 0; i++)
			flags_put(h[i], r >> 32 & 3, to[r >> 34 & 3]);
		for (uint32_t i = 0; i < WORKERS && step % 16 == 0; i++)
			slots_put(h[i], 1 + (r >> 36 & 0xff) % 15);
		for (uint32_t i = 0; i < WORKERS && step % 8 == 0; i++) {
			pipeline_tick(&h[i]->pl);
			h[i]->now = (uint16_t)(h[i]->now + (r >> 44 & 1) * (r >> 48) % 40000);
			if (r >> 45 & 1)
				sweep(h[i]);
		}
	}
	for (uint32_t i = 0; i < WORKERS; i++) {
		flows += h[i]->stats.flow_inserts;
		world_destroy(h[i]);
	}
	assert_true(flows > STEPS / 10);
}

/* While no instance accepts flows, repeated SYNs from a reused port open no connection. */
static void drained_pool_takes_no_connection_on_a_reused_port(void **state)
{
	struct harness *h = world_create();
	int instance = send(h, 7, LB_TCP_SYN);

	(void)state;
	send(h, 7, LB_TCP_ACK);
	send(h, 7, LB_TCP_FIN | LB_TCP_ACK);
	for (uint16_t i = 0; i < 4; i++)
		flags_put(h, i, DRAINED);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(send(h, 7, LB_TCP_SYN), -2);
	assert_int_equal(h->stats.drop[LB_DROP_NO_INSTANCE], 3);
	/* the old connection's last packets still arrive */
	assert_int_equal(send(h, 7, LB_TCP_ACK), instance);
	world_destroy(h);
}

/* Beyond the limit a worker decides by itself. */
static void flood_causes_few_peeks(void **state)
{
	struct harness *h = world_create(), *other = world_create();
	struct lb_table *peers[] = { &h->flows.table, &other->flows.table };

	(void)state;
	h->pl.peers = peers;
	h->pl.n_peers = 2;
	pipeline_rate_set(&h->pl.peek_rate, 1000); /* 100 a tick, of which each look takes two */
	for (uint16_t port = 1; port < 200; port++)
		send(h, port, LB_TCP_ACK);
	assert_int_equal(h->pl.peek_rate.rate.tokens, 0);
	for (uint16_t port = 200; port < 300; port++)
		send(h, port, LB_TCP_SYN);
	pipeline_tick(&h->pl);
	assert_int_equal(h->pl.peek_rate.rate.tokens, 100);
	world_destroy(other);
	world_destroy(h);
}

static int send_to(struct harness *h, uint32_t dst)
{
	return harness_send(h, harness_tcp4(h, &(struct harness_tcp){ .src = 0xc6336407,
								      .dst = dst,
								      .sport = 5,
								      .dport = 22,
								      .flags = LB_TCP_SYN }));
}

static void flood_to_a_vip_leaves_the_kernel_its_half(void **state)
{
	struct harness *h = world_create();
	uint32_t to_vip = 0, to_node = 0;

	(void)state;
	pipeline_rate_set(&h->pl.kernel_rate, 10000); /* 1000 a tick */
	for (uint32_t i = 0; i < 5000; i++)
		to_vip += send_to(h, VIP) == -1;
	for (uint32_t i = 0; i < 5000; i++)
		to_node += send_to(h, NODE) == -1;
	assert_int_equal(to_vip, 500);
	assert_int_equal(to_node, 500);
	pipeline_tick(&h->pl);
	assert_int_equal(send_to(h, NODE), -1);
	assert_int_equal(h->stats.drop[LB_DROP_KERNEL_RATE], 9000);
	world_destroy(h);
}

static void low_rates_add_up(void **state)
{
	struct harness *h = world_create();
	uint32_t passed = 0;

	(void)state;
	pipeline_rate_set(&h->pl.kernel_rate, 3);
	while (send_to(h, NODE) == -1)
		;
	for (uint32_t tick = 0; tick < 100; tick++) { /* ten seconds */
		pipeline_tick(&h->pl);
		passed += send_to(h, NODE) == -1;
	}
	assert_in_range(passed, 29, 30);
	world_destroy(h);
}

static void all_instruction_sets_agree(void **state)
{
	uint64_t hits[PIPELINE_AVX512 + 1];

	(void)state;
	for (uint32_t simd = 0; simd <= pipeline_simd_best(); simd++) {
		struct harness *h = world_create();

		pipeline_init(&h->pl, (enum pipeline_simd)simd);
		for (uint32_t i = 0; i < 3000; i++)
			open_flow(h, (uint16_t)(1 + i % 1500));
		hits[simd] = h->stats.flow_hits;
		assert_int_equal(h->stats.flows, 1500);
		assert_int_equal(hits[simd], hits[0]);
		print_message("# %s: %lu hits\n", pipeline_simd_name((enum pipeline_simd)simd),
			      hits[simd]);
		world_destroy(h);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_burst_begins_a_flow_once),
		cmocka_unit_test(drained_instance_keeps_its_flows_and_gets_no_new_ones),
		cmocka_unit_test(dead_instance_loses_its_flows),
		cmocka_unit_test(one_burst_moves_a_flow_once),
		cmocka_unit_test(flow_of_an_instance_that_is_gone_moves),
		cmocka_unit_test(no_instance_left_is_a_drop),
		cmocka_unit_test(previous_generation_answers_for_foreign_flows),
		cmocka_unit_test(syn_does_not_steal_an_established_flow),
		cmocka_unit_test(port_of_a_drained_instance_is_used_again),
		cmocka_unit_test(port_of_an_instance_that_accepts_stays),
		cmocka_unit_test(port_of_an_expired_flow_is_used_again),
		cmocka_unit_test(syn_that_nobody_takes_leaves_the_flow),
		cmocka_unit_test(icmp_error_finds_a_flow_of_another_worker),
		cmocka_unit_test(flow_of_another_worker_is_taken_over),
		cmocka_unit_test(flow_moved_twice_is_counted_once),
		cmocka_unit_test(record_of_a_returned_instance_is_not_used),
		cmocka_unit_test(at_most_one_record_is_alive),
		cmocka_unit_test(drained_pool_takes_no_connection_on_a_reused_port),
		cmocka_unit_test(flood_causes_few_peeks),
		cmocka_unit_test(flood_to_a_vip_leaves_the_kernel_its_half),
		cmocka_unit_test(low_rates_add_up),
		cmocka_unit_test(all_instruction_sets_agree),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

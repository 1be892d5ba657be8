/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows and the regions of other CPUs: what RSS moves must land right. TEST_RUN stays on
 * one CPU; that it is another one's turn is told by giving it another region.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/support/xdp_world.h"

#define VIP 0xcb00710au
#define CLIENT 0xc6336407u
#define N_INSTANCES 4
#define SLOTS 251
#define REGIONS 3
#define FLOWS 20
#define ELSEWHERE 0xfffffffeu
#define REACHABLE (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define DRAINED (REACHABLE | LB_INSTANCE_SERVES)
#define UP (DRAINED | LB_INSTANCE_ACCEPTS)

struct world {
	struct harness *h; /* tables only */
	struct xdp_world *xdp;
	struct lb_instance instances[N_INSTANCES];
};

static void publish(struct world *w, uint32_t mask)
{
	uint16_t slots[SLOTS], n = 0, member[N_INSTANCES];

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		if (mask & 1u << i)
			member[n++] = i;
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = member[i % n];
	harness_put(w->h, LB_BLOCK_INSTANCES, 0, w->instances, sizeof(w->instances), N_INSTANCES);
	harness_put(w->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	xdp_world_publish(w->xdp, w->h);
}

static int world_create(void **state)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .forward = LB_FORWARD_L2 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->h = harness_create(1000);
	w->xdp = xdp_world_create(w->h, REGIONS, false);
	for (uint16_t i = 0; i < N_INSTANCES; i++)
		harness_instance(&w->instances[i], i, 4, UP);
	harness_services(w->h, &service, 1);
	publish(w, 0xf);
	xdp_world_clock_set(w->xdp, 1000);
	*state = w;
	return 0;
}

static int world_destroy(void **state)
{
	struct world *w = *state;

	xdp_world_destroy(w->xdp);
	harness_destroy(w->h);
	free(w);
	return 0;
}

static int run_mbuf(struct world *w, struct rte_mbuf *m)
{
	struct xdp_run run = { .frame = rte_pktmbuf_mtod(m, const uint8_t *),
			       .len = m->data_len,
			       .headroom = -1 };

	xdp_world_run(w->xdp, &run);
	rte_pktmbuf_free(m);
	return run.action == XDP_TX ? run.out[4] << 8 | run.out[5] : -1;
}

static int send_seq(struct world *w, uint32_t region, uint16_t sport, uint8_t flags, uint32_t seq)
{
	const struct harness_tcp tcp = {
		.src = CLIENT, .dst = VIP, .sport = sport, .dport = 443, .flags = flags, .seq = seq
	};

	w->xdp->cpu->region = region;
	return run_mbuf(w, harness_tcp4(w->h, &tcp));
}

static int send(struct world *w, uint32_t region, uint16_t sport, uint8_t flags)
{
	return send_seq(w, region, sport, flags, 0);
}

/* Established flows of instance 2, on the CPU of @region. */
static uint32_t open_flows(struct world *w, uint32_t region, uint16_t *ports, uint32_t n)
{
	static uint16_t next = 2000;
	uint32_t found = 0, opened = 0;

	while (found < n) {
		uint16_t port = next++;
		int instance = send(w, region, port, LB_TCP_SYN);

		assert_int_equal(send(w, region, port, LB_TCP_ACK), instance);
		opened++;
		if (instance == 2)
			ports[found++] = port;
	}
	return opened;
}

/* A packet of each flow, on the CPU of a region or on two others in turns, goes to instance 2. */
static void all_to_2(struct world *w, uint32_t region, const uint16_t *ports, uint8_t flags)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t here = region != ELSEWHERE ? region : i % 2 ? 0 : 2;

		assert_int_equal(send(w, here, ports[i], flags), 2);
	}
}

/* Only the table can know them any more: neither generation of slots names instance 2. */
static void drain_twice(struct world *w)
{
	w->instances[2].flags = DRAINED;
	publish(w, 0xb);
	publish(w, 0x9);
}

static void moved_flow_stays_with_its_instance(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];

	open_flows(w, 1, ports, FLOWS);
	drain_twice(w);
	all_to_2(w, ELSEWHERE, ports, LB_TCP_ACK);
	/* recorded there: without looking elsewhere it is found again */
	w->xdp->cpu->peek_rate.tokens = 0;
	all_to_2(w, ELSEWHERE, ports, LB_TCP_ACK);
}

static void moved_flow_is_counted_once(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];
	uint32_t opened = open_flows(w, 1, ports, FLOWS);

	drain_twice(w);
	all_to_2(w, 0, ports, LB_TCP_ACK);
	assert_int_equal(w->xdp->cpu->stats.flows, opened + FLOWS);
	assert_int_equal(w->xdp->counts[2].flows, 2 * FLOWS);
	w->xdp->cpu->region = 1;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->cpu->stats.flows, opened);
	assert_int_equal(w->xdp->counts[2].flows, FLOWS);
}

/* Also one that comes back to a CPU which still knows it. */
static void each_packet_is_a_hit_or_a_miss(void **state)
{
	struct world *w = *state;
	uint16_t port;
	uint32_t opened = open_flows(w, 1, &port, 1);

	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(send(w, i % 2, port, LB_TCP_ACK), 2);
	assert_int_equal(w->xdp->cpu->stats.flow_hits + w->xdp->cpu->stats.flow_misses,
			 2 * opened + 6);
}

/* Wherever it comes to. */
static void syn_sent_again_elsewhere_stays(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];

	open_flows(w, 1, ports, FLOWS);
	drain_twice(w);
	all_to_2(w, 0, ports, LB_TCP_SYN);
	all_to_2(w, 1, ports, LB_TCP_ACK);
}

/* The packets of the new connection go where its SYN went, on all CPUs. */
static void new_syn_on_another_cpu_begins_a_flow(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];

	open_flows(w, 1, ports, FLOWS);
	drain_twice(w);
	for (uint32_t i = 0; i < FLOWS; i++) {
		int instance = send_seq(w, 0, ports[i], LB_TCP_SYN, 64000);

		assert_int_not_equal(instance, 2);
		for (uint32_t region = 0; region < REGIONS; region++)
			assert_int_equal(send(w, region, ports[i], LB_TCP_ACK), instance);
	}
}

static void instance_put(struct world *w, uint32_t instance, uint8_t flags, uint32_t mask)
{
	w->instances[instance].flags = flags;
	publish(w, mask);
}

/*
 * Begun on CPU 1, its instance in maintenance, gone on with another one on CPU 0, the instance back
 * before the sweep has seen it: all CPUs send it the same way.
 */
static void record_of_a_returned_instance_is_not_used(void **state)
{
	struct world *w = *state;
	int instance;
	uint16_t port;

	open_flows(w, 1, &port, 1);
	instance_put(w, 2, REACHABLE, 0xb);
	instance = send(w, 0, port, LB_TCP_ACK);
	assert_int_not_equal(instance, 2);
	instance_put(w, 2, UP, 0xf);
	for (uint32_t i = 0; i < 2 * REGIONS; i++)
		assert_int_equal(send(w, i % REGIONS, port, LB_TCP_ACK), instance);
}

static uint32_t alive(const struct world *w, uint16_t sport, uint64_t ticks)
{
	uint64_t key = lb_flow_key4(lb_cpu_to_be32(CLIENT), lb_cpu_to_be16(sport), 1);
	const struct tables *tables = w->h->tables;
	uint32_t n = 0;

	for (uint32_t region = 0; region < REGIONS; region++) {
		const struct lb_table table = {
			.bucket = &w->xdp->flows[(size_t)region * w->xdp->n_buckets],
			.n_buckets = w->xdp->n_buckets,
		};

		n += lb_table_peek(&table, key, lb_flow_spread(&tables->secret, key),
				   (uint16_t)ticks, &tables->timeouts) != LB_INSTANCE_NONE;
	}
	return n;
}

/* Whatever happens to pools, and wherever RSS sends the packets. */
static void at_most_one_record_is_alive(void **state)
{
	enum { PORTS = 8, STEPS = 10000 };
	static const uint8_t flags[] = {
		LB_TCP_SYN, LB_TCP_ACK, LB_TCP_ACK, LB_TCP_ACK, LB_TCP_FIN | LB_TCP_ACK, LB_TCP_RST
	};
	static const uint8_t to[] = { UP, UP, DRAINED, REACHABLE };
	struct world *w = *state;
	uint64_t r = 1, ticks = 1000;

	for (uint32_t step = 0; step < STEPS; step++) {
		uint16_t port = (uint16_t)(1 + (r = lb_hash_mix(r + LB_HASH_MUL2)) % PORTS);

		send_seq(w, (r >> 8 & 0xff) % REGIONS, port,
			 flags[(r >> 16 & 0xff) % sizeof(flags)], r >> 24 & 3);
		assert_in_range(alive(w, port, ticks), 0, 1);
		if (step % 4 == 0)
			instance_put(w, r >> 32 & 3, to[r >> 34 & 3], 1 + (r >> 36 & 0xff) % 15);
		if (step % 8 == 0)
			ticks += 1 + (r >> 44 & 1) * (r >> 48) % 40000;
		xdp_world_clock_set(w->xdp, ticks);
		if (step % 16 == 0)
			xdp_world_sweep(w->xdp);
	}
	assert_true(w->xdp->cpu->stats.flow_inserts > STEPS / 10);
}

/*
 * A port is used again after the pool has changed: the new connection's packets go where its SYN
 * went, whatever other CPUs still know of the old one.
 */
static void port_used_again_elsewhere(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];
	int instance[FLOWS];

	open_flows(w, 1, ports, FLOWS);
	all_to_2(w, 0, ports, LB_TCP_ACK); /* two CPUs know it; one sees its end */
	all_to_2(w, 1, ports, LB_TCP_ACK);
	all_to_2(w, 0, ports, LB_TCP_RST);
	drain_twice(w);
	for (uint32_t i = 0; i < FLOWS; i++) {
		instance[i] = send(w, i % 2 ? 0 : 2, ports[i], LB_TCP_SYN);
		assert_int_not_equal(instance[i], 2);
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_int_equal(send(w, 1, ports[i], LB_TCP_ACK), instance[i]);
	w->xdp->cpu->peek_rate.tokens = 0; /* and is at home there */
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_int_equal(send(w, 1, ports[i], LB_TCP_ACK), instance[i]);
}

/* Its CPU of now sees the end, so that the next connection from that port is a new one. */
static void end_of_a_moved_flow_is_seen(void **state)
{
	struct world *w = *state;
	uint16_t port;
	uint32_t opened = open_flows(w, 1, &port, 1);

	drain_twice(w);
	assert_int_equal(send(w, 0, port, LB_TCP_FIN | LB_TCP_ACK), 2);
	assert_int_equal(w->xdp->cpu->stats.flows, opened + 1);
	assert_int_not_equal(send(w, 0, port, LB_TCP_SYN), 2);
	w->xdp->cpu->region = 1;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->cpu->stats.flows, opened);
}

static void flood_cannot_cause_peeks(void **state)
{
	struct world *w = *state;
	uint16_t port;

	open_flows(w, 1, &port, 1);
	drain_twice(w);
	w->xdp->cpu->peek_rate.tokens = 7 * REGIONS;
	for (uint16_t i = 0; i < 7; i++)
		send(w, 0, (uint16_t)(60000 + i), LB_TCP_ACK);
	assert_int_equal(w->xdp->cpu->peek_rate.tokens, 0);
	assert_int_not_equal(send(w, 0, port, LB_TCP_ACK), 2);
}

static void cpu_without_region_forwards_and_records_nothing(void **state)
{
	struct world *w = *state;
	int instance = send(w, LB_XDP_REGION_NONE, 9, LB_TCP_SYN);

	assert_in_range(instance, 0, N_INSTANCES - 1);
	assert_int_equal(send(w, LB_XDP_REGION_NONE, 9, LB_TCP_ACK), instance);
	assert_int_equal(w->xdp->cpu->stats.flows, 0);
	assert_int_equal(w->xdp->cpu->stats.flow_table_full, 2);
}

/* Also while the two generations of a pool differ. */
static void cpu_without_region_sends_a_flow_one_way(void **state)
{
	struct world *w = *state;

	publish(w, 0x3);
	publish(w, 0xc);
	for (uint16_t port = 100; port < 200; port++) {
		int instance = send(w, LB_XDP_REGION_NONE, port, LB_TCP_SYN);

		assert_in_range(instance, 2, 3);
		assert_int_equal(send(w, LB_XDP_REGION_NONE, port, LB_TCP_ACK), instance);
	}
}

/* Also a connection whose ports another CPU knows from one that has ended. */
static void cpu_without_region_sends_a_port_used_again_one_way(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];

	open_flows(w, 1, ports, FLOWS);
	all_to_2(w, 1, ports, LB_TCP_FIN | LB_TCP_ACK);
	publish(w, 0xb);
	publish(w, 0x9);
	for (uint32_t i = 0; i < FLOWS; i++) {
		int instance;

		if (i == FLOWS / 2)
			drain_twice(w); /* so far instance 2 accepts */
		instance = send_seq(w, LB_XDP_REGION_NONE, ports[i], LB_TCP_SYN, 64000);
		assert_int_equal(send(w, LB_XDP_REGION_NONE, ports[i], LB_TCP_ACK), instance);
		assert_int_equal(instance == 2, i < FLOWS / 2);
	}
}

/* It neither takes them over nor lets them grow old, also if there is but one region. */
static void cpu_without_region_leaves_flows_where_they_are(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];
	uint32_t opened = open_flows(w, 1, ports, FLOWS);

	drain_twice(w);
	for (uint32_t minutes = 0; minutes < 70; minutes++) {
		xdp_world_clock_set(w->xdp, 1000 + minutes * 60000 / LB_FLOW_TICK_MS);
		all_to_2(w, LB_XDP_REGION_NONE, ports, LB_TCP_ACK);
	}
	assert_int_equal(w->xdp->cpu->stats.flow_table_full, 0);
	w->xdp->cpu->region = 1;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->counts[2].flows, FLOWS);
	assert_true(w->xdp->cpu->stats.flows >= FLOWS && w->xdp->cpu->stats.flows < opened);
	w->xdp->cpu->peek_rate.tokens = 0;
	all_to_2(w, 1, ports, LB_TCP_ACK);
}

static struct rte_mbuf *icmp_error(struct harness *h, uint16_t sport)
{
	struct rte_mbuf *m = harness_tcp4(
		h, &(struct harness_tcp){ .src = 0xc0000201, .dst = VIP, .payload = 16 });
	struct lb_ipv4 *ip = rte_pktmbuf_mtod_offset(m, struct lb_ipv4 *, sizeof(struct lb_eth));
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + 1);
	struct lb_ipv4 *quote = (struct lb_ipv4 *)(icmp + 1);
	struct lb_ports *ports = (struct lb_ports *)(quote + 1);

	ip->proto = LB_IPPROTO_ICMP;
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	*icmp = (struct lb_icmp){ .type = LB_ICMP4_UNREACH, .code = 1 };
	*quote = (struct lb_ipv4){ .version_ihl = 0x45,
				   .proto = LB_IPPROTO_TCP,
				   .src = lb_cpu_to_be32(VIP),
				   .dst = lb_cpu_to_be32(CLIENT) };
	*ports = (struct lb_ports){ LB_BE16(443), lb_cpu_to_be16(sport) };
	return m;
}

static void icmp_error_finds_a_flow_of_another_cpu(void **state)
{
	struct world *w = *state;
	uint16_t port;
	uint32_t opened = open_flows(w, 1, &port, 1);

	drain_twice(w);
	w->xdp->cpu->region = 0;
	assert_int_equal(run_mbuf(w, icmp_error(w->h, port)), 2);
	assert_int_equal(w->xdp->cpu->stats.flows, opened);
}

/* Its ports are another connection's by now, which another CPU knows. */
static void icmp_error_follows_a_port_used_again(void **state)
{
	struct world *w = *state;
	uint16_t ports[FLOWS];
	int instance;

	open_flows(w, 1, ports, FLOWS);
	all_to_2(w, ELSEWHERE, ports, LB_TCP_ACK);
	all_to_2(w, ELSEWHERE, ports, LB_TCP_RST);
	drain_twice(w);
	for (uint32_t i = 0; i < FLOWS; i++) {
		instance = send(w, i % 2 ? 0 : 2, ports[i], LB_TCP_SYN);
		assert_int_not_equal(instance, 2);
		for (uint32_t region = 0; region < REGIONS; region++) {
			w->xdp->cpu->region = region;
			assert_int_equal(run_mbuf(w, icmp_error(w->h, ports[i])), instance);
		}
	}
}

#define REGION_TEST(name) cmocka_unit_test_setup_teardown(name, world_create, world_destroy)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		REGION_TEST(moved_flow_stays_with_its_instance),
		REGION_TEST(moved_flow_is_counted_once),
		REGION_TEST(each_packet_is_a_hit_or_a_miss),
		REGION_TEST(syn_sent_again_elsewhere_stays),
		REGION_TEST(new_syn_on_another_cpu_begins_a_flow),
		REGION_TEST(record_of_a_returned_instance_is_not_used),
		REGION_TEST(at_most_one_record_is_alive),
		REGION_TEST(port_used_again_elsewhere),
		REGION_TEST(end_of_a_moved_flow_is_seen),
		REGION_TEST(flood_cannot_cause_peeks),
		REGION_TEST(cpu_without_region_forwards_and_records_nothing),
		REGION_TEST(cpu_without_region_sends_a_flow_one_way),
		REGION_TEST(cpu_without_region_sends_a_port_used_again_one_way),
		REGION_TEST(cpu_without_region_leaves_flows_where_they_are),
		REGION_TEST(icmp_error_finds_a_flow_of_another_cpu),
		REGION_TEST(icmp_error_follows_a_port_used_again),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

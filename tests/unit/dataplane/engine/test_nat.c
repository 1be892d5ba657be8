/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation in the pipeline: whole connections through NAT addresses and ports, ports that run
 * out, routers that fail over, records that expire or that a predecessor has left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/harness.h"

#define ACCEPTING (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)
#define VIP 0xcb00710au	       /* 203.0.113.10 */
#define NAT_ADDRESS 0x0a000020 /* 10.0.0.32 */
#define OWN_ADDRESS 0x0a000005 /* 10.0.0.5 */
#define FIRST 2000
#define FLOWS 4096

static struct harness *h;

static void world(uint16_t port_last, uint32_t n_instances)
{
	const struct harness_service service = {
		.family = 4,
		.addr = { 203, 0, 113, 10 },
		.port = 443,
		.id = 7,
		.forward = LB_FORWARD_NAT,
		.instance_port = 8443,
	};
	struct lb_nat_params params = harness_nat_params(FIRST, port_last);
	struct lb_instance instances[4];
	uint16_t slots[251];

	params.flags[0] |= LB_NAT_ADDRESS_ACCEPTS;
	h = harness_create(FLOWS);
	for (uint16_t i = 0; i < n_instances; i++)
		harness_instance(&instances[i], i, 4, ACCEPTING);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances,
		    n_instances * (uint32_t)sizeof(instances[0]), n_instances);
	for (uint16_t i = 0; i < 251; i++)
		slots[i] = (uint16_t)(i % n_instances);
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), 251);
	h->n_networks = 2;
	h->vlan[0] = LB_BE16(10);
	h->vlan[1] = LB_BE16(20);
	harness_services(h, &service, 1);
	harness_trunk(h, 0);
	harness_nat(h, &params);
	h->now = 1;
}

/* Networks 10 and 20; the instance is on the latter. */
static void world_trunk(void)
{
	struct lb_instance instance;

	world(FIRST + 999, 1);
	harness_instance(&instance, 0, 4, ACCEPTING);
	harness_instance_vlan(&instance, 20);
	harness_put(h, LB_BLOCK_INSTANCES, 0, &instance, sizeof(instance), 1);
	harness_trunk(h, 2);
}

static int world_end(void **state)
{
	(void)state;
	harness_check_accounting(h);
	harness_destroy(h);
	return 0;
}

/* What left, if anything did. */
struct seen {
	bool is_sent;
	uint32_t src, dst;
	uint16_t sport, dport;
	uint8_t to[LB_ETH_ALEN];
	uint16_t vlan; /* 0: without a tag */
};

static struct seen send_frame(struct rte_mbuf *m)
{
	struct pipeline_out out;
	struct seen seen = { .is_sent = false };

	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	h->stats.tx_pkts += out.n_tx;
	h->stats.kernel_pkts += out.n_kernel;
	if (out.n_tx) {
		const struct lb_eth *eth = rte_pktmbuf_mtod(out.tx[0], const struct lb_eth *);
		const struct lb_vlan *tag = (const struct lb_vlan *)(eth + 1);
		const bool is_tagged = eth->type == LB_BE16(LB_ETHERTYPE_VLAN);
		const struct lb_ipv4 *ip = is_tagged ? (const struct lb_ipv4 *)(tag + 1)
						     : (const struct lb_ipv4 *)(eth + 1);
		const struct lb_tcp *tcp = (const struct lb_tcp *)(ip + 1);

		seen = (struct seen){ true,
				      lb_be32_to_cpu(ip->src),
				      lb_be32_to_cpu(ip->dst),
				      lb_be16_to_cpu(tcp->sport),
				      lb_be16_to_cpu(tcp->dport),
				      { 0 },
				      is_tagged ? lb_be16_to_cpu(tag->tci) : 0 };
		memcpy(seen.to, eth->dst, LB_ETH_ALEN);
		rte_pktmbuf_free(out.tx[0]);
	}
	if (out.n_kernel)
		rte_pktmbuf_free(out.kernel[0]);
	return seen;
}

static uint32_t client_addr(uint32_t client)
{
	return 0xc6336400u + (client >> 14);
}

static uint16_t client_port(uint32_t client)
{
	return (uint16_t)(1024 + (client & 0x3fff));
}

static struct rte_mbuf *client_packet(uint32_t client, uint8_t flags, uint32_t seq)
{
	return harness_tcp4(h, &(struct harness_tcp){ .src = client_addr(client),
						      .dst = VIP,
						      .sport = client_port(client),
						      .dport = 443,
						      .flags = flags,
						      .seq = seq });
}

static struct seen from_client(uint32_t client, uint8_t flags, uint32_t seq)
{
	return send_frame(client_packet(client, flags, seq));
}

/* The instance's answer to what it has seen. */
static struct rte_mbuf *answer_packet(const struct seen *seen, uint8_t flags, uint32_t seq)
{
	return harness_tcp4(h, &(struct harness_tcp){ .src = seen->dst,
						      .dst = seen->src,
						      .sport = seen->dport,
						      .dport = seen->sport,
						      .flags = flags,
						      .seq = seq });
}

static struct seen answer(const struct seen *seen, uint8_t flags, uint32_t seq)
{
	return send_frame(answer_packet(seen, flags, seq));
}

static struct rte_mbuf *tagged(struct rte_mbuf *m, uint16_t vlan)
{
	const struct lb_vlan tag = { .tci = lb_cpu_to_be16(vlan),
				     .type = LB_BE16(LB_ETHERTYPE_IPV4) };
	struct lb_eth eth = *rte_pktmbuf_mtod(m, const struct lb_eth *);

	eth.type = LB_BE16(LB_ETHERTYPE_VLAN);
	assert_non_null(rte_pktmbuf_prepend(m, sizeof(tag)));
	memcpy(rte_pktmbuf_mtod(m, void *), &eth, sizeof(eth));
	memcpy(rte_pktmbuf_mtod_offset(m, void *, sizeof(eth)), &tag, sizeof(tag));
	return m;
}

static void answer_is_for(const struct seen *reply, uint32_t client)
{
	assert_true(reply->is_sent);
	assert_int_equal(reply->src, VIP);
	assert_int_equal(reply->sport, 443);
	assert_int_equal(reply->dst, client_addr(client));
	assert_int_equal(reply->dport, client_port(client));
}

static struct seen connect_client(uint32_t client)
{
	struct seen seen = from_client(client, LB_TCP_SYN, 1000), reply;

	if (!seen.is_sent)
		return seen;
	reply = answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 5000);
	answer_is_for(&reply, client);
	seen = from_client(client, LB_TCP_ACK, 1001);
	assert_true(seen.is_sent);
	return seen;
}

/* ---- Connections ---- */

static void a_connection_goes_both_ways(void **state)
{
	struct seen seen, again, reply;

	(void)state;
	world(FIRST + 999, 1);
	seen = from_client(3, LB_TCP_SYN, 1000);
	assert_true(seen.is_sent);
	assert_int_equal(seen.src, NAT_ADDRESS);
	assert_int_equal(seen.dst, 0x0a000100);
	assert_int_equal(seen.dport, 8443);
	assert_in_range(seen.sport, FIRST, FIRST + 999);
	reply = answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 5000);
	answer_is_for(&reply, 3);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	again = from_client(3, LB_TCP_ACK, 1001);
	assert_int_equal(again.sport, seen.sport);
	assert_int_equal(h->stats.nat_flows, 1);
	assert_int_equal(h->stats.nat_inserts, 1);
	assert_int_equal(h->stats.nat_reply_pkts, 1);
	assert_int_equal(h->instance_stats[0].reply_pkts, 1);
	assert_int_equal(h->instance_stats[0].pkts, 2);
}

/* All at the same time, in bursts of both directions, and each gets its own answers. */
static void many_connections_do_not_mix(void **state)
{
	enum { N = 600 };
	static struct seen seen[N];

	(void)state;
	world(FIRST + HARNESS_NAT_PORTS - 1, 4);
	for (uint32_t i = 0; i < N; i++)
		seen[i] = connect_client(i);
	for (uint32_t i = 0; i < N; i++) {
		struct seen reply = answer(&seen[i], LB_TCP_ACK, 5001);

		answer_is_for(&reply, i);
		for (uint32_t j = i > 20 ? i - 20 : 0; j < i; j++)
			assert_false(seen[i].sport == seen[j].sport && seen[i].src == seen[j].src &&
				     seen[i].dst == seen[j].dst);
	}
	assert_int_equal(h->stats.nat_flows, N);
	assert_int_equal(h->stats.flows, N);
}

static void replies_follow_the_router(void **state)
{
	struct seen seen, reply;
	struct rte_mbuf *m;

	(void)state;
	world(FIRST + 999, 1);
	seen = connect_client(3);
	m = client_packet(3, LB_TCP_ACK, 1001);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, LB_ETH_ALEN), "\x02\xc1\x1e\x00\x00\x02",
	       LB_ETH_ALEN);
	assert_true(send_frame(m).is_sent);
	reply = answer(&seen, LB_TCP_ACK, 5001);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x02", LB_ETH_ALEN);
	seen = from_client(3, LB_TCP_ACK, 1001);
	reply = answer(&seen, LB_TCP_ACK, 5001);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
}

/* The same router on another network is another way to the client. */
static void replies_follow_the_network(void **state)
{
	static const uint16_t networks[] = { 10, 20, 10 };
	struct seen seen, reply;

	(void)state;
	world_trunk();
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t flags = i ? LB_TCP_ACK : LB_TCP_SYN;

		seen = send_frame(tagged(client_packet(3, flags, 1000 + !!i), networks[i]));
		assert_true(seen.is_sent);
		assert_int_equal(seen.vlan, 20);
		reply = send_frame(tagged(answer_packet(&seen, LB_TCP_ACK, 5000 + i), 20));
		answer_is_for(&reply, 3);
		assert_int_equal(reply.vlan, networks[i]);
		assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	}
	assert_false(send_frame(tagged(answer_packet(&seen, LB_TCP_ACK, 5003), 30)).is_sent);
	assert_int_equal(h->stats.drop[LB_DROP_L2_VLAN_UNKNOWN], 1);
}

/* More routers than there is room for: each connection has its own with its client's next packet. */
static void any_number_of_routers(void **state)
{
	(void)state;
	world(FIRST + 999, 1);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 600; i++) {
			const uint8_t mac[] = { 2, 1, 1, 1, (uint8_t)(i >> 8), (uint8_t)i };
			struct rte_mbuf *m = client_packet(i, LB_TCP_SYN, 1000);
			struct seen seen, reply;

			memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, LB_ETH_ALEN), mac,
			       LB_ETH_ALEN);
			seen = send_frame(m);
			reply = answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 1);
			assert_memory_equal(reply.to, mac, LB_ETH_ALEN);
		}
}

/* ---- What is of no connection ---- */

static void strangers_get_nothing(void **state)
{
	struct seen seen, forged;

	(void)state;
	world(FIRST + 999, 2);
	seen = connect_client(3);
	forged = seen;
	forged.dst ^= 1; /* the other instance, or none */
	assert_false(answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.dport = 8444;
	assert_false(answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.sport ^= 1;
	assert_false(answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged.sport = 1;
	assert_false(answer(&forged, LB_TCP_ACK, 5001).is_sent);
	assert_int_equal(h->stats.drop[LB_DROP_NAT_UNKNOWN], 4);
	assert_int_equal(h->stats.kernel_pkts, 0);
}

static void own_addresses_are_the_kernels_too(void **state)
{
	struct lb_nat_params params = harness_nat_params(FIRST, FIRST + 999);
	const struct seen stranger = {
		.src = OWN_ADDRESS, .dst = 0x0a000100, .sport = FIRST, .dport = 22
	};

	(void)state;
	world(FIRST + 999, 1);
	params.address[0][15] = 5;
	params.flags[0] |= LB_NAT_ADDRESS_OWN;
	harness_nat(h, &params);
	connect_client(3);
	assert_false(answer(&stranger, LB_TCP_SYN | LB_TCP_ACK, 1).is_sent);
	assert_int_equal(h->stats.kernel_pkts, 1);
}

/* ---- Ports run out ---- */

#define FEW 8

static void live_connections_keep_their_ports(void **state)
{
	struct seen seen[FEW], reply;

	(void)state;
	world(FIRST + FEW - 1, 1);
	for (uint32_t i = 0; i < FEW; i++)
		seen[i] = connect_client(i);
	assert_int_equal(h->stats.nat_flows, FEW);
	assert_false(from_client(100, LB_TCP_SYN, 1).is_sent);
	assert_int_equal(h->stats.drop[LB_DROP_NAT_EXHAUSTED], 1);
	for (uint32_t i = 0; i < FEW; i++) {
		reply = answer(&seen[i], LB_TCP_ACK, 5001);
		answer_is_for(&reply, i);
	}
	/* a connection ends: its port rests, and is free then */
	h->now++;
	assert_true(from_client(0, LB_TCP_RST, 1001).is_sent);
	assert_false(from_client(101, LB_TCP_SYN, 1).is_sent);
	h->now += 1201;
	seen[0] = from_client(102, LB_TCP_SYN, 1);
	assert_true(seen[0].is_sent);
	assert_int_equal(h->stats.nat_flows, FEW);
	assert_int_equal(h->stats.nat_expired, 1);
}

/* Half-open ones go first, and established ones never. */
static void a_flood_of_syns_evicts_only_its_own(void **state)
{
	struct seen seen[FEW / 2], reply;

	(void)state;
	world(FIRST + FEW - 1, 1);
	for (uint32_t i = 0; i < FEW / 2; i++)
		seen[i] = connect_client(i);
	for (uint32_t i = 0; i < 1000; i++) {
		h->now += i % 2;
		assert_true(from_client(1000 + i, LB_TCP_SYN, 1).is_sent);
	}
	for (uint32_t i = 0; i < FEW / 2; i++) {
		reply = answer(&seen[i], LB_TCP_ACK, 5001);
		answer_is_for(&reply, i);
	}
	assert_int_equal(h->stats.nat_flows, FEW);
	assert_int_equal(h->stats.drop[LB_DROP_NAT_EXHAUSTED], 0);
	connect_client(50);
}

static void a_withdrawn_address_serves_its_connections(void **state)
{
	struct lb_nat_params params = harness_nat_params(FIRST, FIRST + 999);
	struct seen seen, reply;

	(void)state;
	world(FIRST + 999, 1);
	seen = connect_client(3);
	params.flags[0] = LB_NAT_ADDRESS_USED;
	memcpy(params.address[2], params.address[0], 16);
	params.address[2][15] = 33;
	params.flags[2] = LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS;
	h->tables->params.nat = params; /* as a reload does, which keeps the records */
	lb_nat_index_make(&h->tables->nat_index, &params);
	for (uint32_t i = 100; i < 120; i++)
		assert_int_equal(from_client(i, LB_TCP_SYN, 1).src, NAT_ADDRESS + 1);
	reply = answer(&seen, LB_TCP_ACK, 5001);
	answer_is_for(&reply, 3);
	assert_int_equal(from_client(3, LB_TCP_ACK, 1001).src, NAT_ADDRESS);
	assert_int_equal(from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
}

/* ---- Time ---- */

static void sweep_all(void)
{
	for (uint32_t tick = 0; tick < NAT_SWEEP_TICKS; tick++) {
		h->pl.nat_sweep.done = 0;
		pipeline_nat_sweep(&h->pl, h->tables, h->now, UINT32_MAX);
		pipeline_nat_sweep(&h->pl, h->tables, h->now, UINT32_MAX);
	}
}

static void expired_records_are_swept(void **state)
{
	(void)state;
	world(FIRST + 999, 1);
	for (uint32_t i = 0; i < 100; i++)
		connect_client(i);
	for (uint32_t i = 0; i < 100; i++)
		from_client(1000 + i, LB_TCP_SYN, 1);
	h->now += 100;
	sweep_all();
	assert_int_equal(h->stats.nat_flows, 200);
	h->now++;
	sweep_all();
	assert_int_equal(h->stats.nat_flows, 100);
	h->now += 35899;
	sweep_all();
	assert_int_equal(h->stats.nat_flows, 100);
	h->now++;
	sweep_all();
	assert_int_equal(h->stats.nat_flows, 0);
	assert_int_equal(h->stats.nat_expired, 200);
}

static void records_outlive_the_process(void **state)
{
	struct lb_nat_timeouts timeouts = harness_nat_params(1, 1).timeouts;
	struct flow_keep keep = { .ended = 70000, .now = 70050 };
	struct seen seen, reply;

	(void)state;
	world(FIRST + 999, 1);
	h->now = (uint16_t)(70000 - 60);
	from_client(9, LB_TCP_SYN, 1);
	seen = connect_client(3);
	nat_keep(h->nat_memory, HARNESS_NAT_SPACES * HARNESS_NAT_PORTS, &timeouts, &keep,
		 &h->stats);
	assert_int_equal(h->stats.nat_flows, 1);
	h->now = (uint16_t)keep.now;
	reply = answer(&seen, LB_TCP_ACK, 5001);
	answer_is_for(&reply, 3);
	assert_int_equal(from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
}

/* A client's port again, after the connection has ended: the instance may still be in TIME_WAIT. */
static void a_client_reuses_its_port(void **state)
{
	struct seen first, second;

	(void)state;
	world(FIRST + 999, 1);
	first = connect_client(3);
	from_client(3, LB_TCP_FIN | LB_TCP_ACK, 1001);
	answer(&first, LB_TCP_FIN | LB_TCP_ACK, 5001);
	from_client(3, LB_TCP_ACK, 1002);
	second = from_client(3, LB_TCP_SYN, 90000);
	assert_int_equal(second.sport, first.sport);
	assert_int_equal(h->stats.nat_flows, 1);
	second = connect_client(3);
	assert_true(second.is_sent);
}

/* ---- Two workers ---- */

/* The client's packets come to the other worker now; the port stays where it is. */
static void a_connection_keeps_the_port_of_another_worker(void **state)
{
	struct lb_nat_memory *both[2];
	struct seen seen, reply;

	(void)state;
	world(FIRST + 999, 1);
	both[0] = h->nat_memory;
	both[1] = aligned_alloc(64, lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS));
	assert_non_null(both[1]);
	memset(both[1], 0, lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS));
	h->pl.nat.memory = both;
	h->pl.nat.n_workers = 2;
	h->pl.nat_generation = UINT64_MAX;
	seen = connect_client(3);
	assert_in_range(seen.sport, FIRST, FIRST + 499);
	h->pl.nat.worker = 1;
	reply = answer(&seen, LB_TCP_ACK, 5001);
	answer_is_for(&reply, 3);
	assert_int_equal(h->stats.nat_foreign_pkts, 1);
	h->pl.n_peers = 2; /* the flow table's peers are not asked: it has the flow */
	assert_int_equal(from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
	assert_in_range(connect_client(4).sport, FIRST + 500, FIRST + 999);
	free(both[1]);
	h->pl.n_peers = 1;
}

#define TEST(f) cmocka_unit_test_teardown(f, world_end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_goes_both_ways),
		TEST(many_connections_do_not_mix),
		TEST(replies_follow_the_router),
		TEST(replies_follow_the_network),
		TEST(any_number_of_routers),
		TEST(strangers_get_nothing),
		TEST(own_addresses_are_the_kernels_too),
		TEST(live_connections_keep_their_ports),
		TEST(a_flood_of_syns_evicts_only_its_own),
		TEST(a_withdrawn_address_serves_its_connections),
		TEST(expired_records_are_swept),
		TEST(records_outlive_the_process),
		TEST(a_client_reuses_its_port),
		TEST(a_connection_keeps_the_port_of_another_worker),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

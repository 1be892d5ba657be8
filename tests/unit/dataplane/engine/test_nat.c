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

#include "dataplane/engine/nat_memory.h"
#include "tests/support/nat_world.h"

/* ---- Connections ---- */

static void a_connection_goes_both_ways(void **state)
{
	struct nat_seen seen, again, reply;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	seen = nat_from_client(3, LB_TCP_SYN, 1000);
	assert_true(seen.is_sent);
	assert_int_equal(seen.src, NAT_ADDRESS);
	assert_int_equal(seen.dst, 0x0a000100);
	assert_int_equal(seen.dport, 8443);
	assert_in_range(seen.sport, NAT_FIRST, NAT_FIRST + 999);
	reply = nat_answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 5000);
	nat_answer_is_for(&reply, 3);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	again = nat_from_client(3, LB_TCP_ACK, 1001);
	assert_int_equal(again.sport, seen.sport);
	assert_int_equal(nat_h->stats.nat_flows, 1);
	assert_int_equal(nat_h->stats.nat_inserts, 1);
	assert_int_equal(nat_h->stats.nat_reply_pkts, 1);
	assert_int_equal(nat_h->instance_stats[0].reply_pkts, 1);
	assert_int_equal(nat_h->instance_stats[0].pkts, 2);
}

/* All at the same time, in bursts of both directions, and each gets its own answers. */
static void many_connections_do_not_mix(void **state)
{
	enum { N = 600 };
	static struct nat_seen seen[N];

	(void)state;
	nat_world(NAT_FIRST + HARNESS_NAT_PORTS - 1, 4);
	for (uint32_t i = 0; i < N; i++)
		seen[i] = nat_connect(i);
	for (uint32_t i = 0; i < N; i++) {
		struct nat_seen reply = nat_answer(&seen[i], LB_TCP_ACK, 5001);

		nat_answer_is_for(&reply, i);
		for (uint32_t j = i > 20 ? i - 20 : 0; j < i; j++)
			assert_false(seen[i].sport == seen[j].sport && seen[i].src == seen[j].src &&
				     seen[i].dst == seen[j].dst);
	}
	assert_int_equal(nat_h->stats.nat_flows, N);
	assert_int_equal(nat_h->stats.flows, N);
}

static void replies_follow_the_router(void **state)
{
	struct nat_seen seen, reply;
	struct rte_mbuf *m;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	seen = nat_connect(3);
	m = nat_client_packet(3, LB_TCP_ACK, 1001);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, LB_ETH_ALEN), "\x02\xc1\x1e\x00\x00\x02",
	       LB_ETH_ALEN);
	assert_true(nat_send(m).is_sent);
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x02", LB_ETH_ALEN);
	seen = nat_from_client(3, LB_TCP_ACK, 1001);
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
}

/* The same router on another network is another way to the client. */
static void replies_follow_the_network(void **state)
{
	static const uint16_t networks[] = { 10, 20, 10 };
	struct nat_seen seen, reply;

	(void)state;
	nat_world_of_networks();
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t flags = i ? LB_TCP_ACK : LB_TCP_SYN;

		seen = nat_send(nat_tagged(nat_client_packet(3, flags, 1000 + !!i), networks[i]));
		assert_true(seen.is_sent);
		assert_int_equal(seen.vlan, 20);
		reply = nat_send(nat_tagged(nat_answer_packet(&seen, LB_TCP_ACK, 5000 + i), 20));
		nat_answer_is_for(&reply, 3);
		assert_int_equal(reply.vlan, networks[i]);
		assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	}
	assert_false(nat_send(nat_tagged(nat_answer_packet(&seen, LB_TCP_ACK, 5003), 30)).is_sent);
	assert_int_equal(nat_h->stats.drop[LB_DROP_L2_VLAN_UNKNOWN], 1);
}

/* More routers than there is room for: each connection has its own with its client's next packet. */
static void any_number_of_routers(void **state)
{
	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 600; i++) {
			const uint8_t mac[] = { 2, 1, 1, 1, (uint8_t)(i >> 8), (uint8_t)i };
			struct rte_mbuf *m = nat_client_packet(i, LB_TCP_SYN, 1000);
			struct nat_seen seen, reply;

			memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, LB_ETH_ALEN), mac,
			       LB_ETH_ALEN);
			seen = nat_send(m);
			reply = nat_answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 1);
			assert_memory_equal(reply.to, mac, LB_ETH_ALEN);
		}
}

/* ---- What is of no connection ---- */

static void strangers_get_nothing(void **state)
{
	struct nat_seen seen, forged;

	(void)state;
	nat_world(NAT_FIRST + 999, 2);
	seen = nat_connect(3);
	forged = seen;
	forged.dst ^= 1; /* the other instance, or none */
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.dport = 8444;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.sport ^= 1;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged.sport = 1;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	assert_int_equal(nat_h->stats.drop[LB_DROP_NAT_UNKNOWN], 4);
	assert_int_equal(nat_h->stats.kernel_pkts, 0);
}

static void own_addresses_are_the_kernels_too(void **state)
{
	struct lb_nat_params params = harness_nat_params(NAT_FIRST, NAT_FIRST + 999);
	const struct nat_seen stranger = {
		.src = NAT_OWN_ADDRESS, .dst = 0x0a000100, .sport = NAT_FIRST, .dport = 22
	};

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	params.address[0][15] = 5;
	params.flags[0] |= LB_NAT_ADDRESS_OWN;
	harness_nat(nat_h, &params);
	nat_connect(3);
	assert_false(nat_answer(&stranger, LB_TCP_SYN | LB_TCP_ACK, 1).is_sent);
	assert_int_equal(nat_h->stats.kernel_pkts, 1);
}

/* ---- Ports run out ---- */

#define FEW 8

static void live_connections_keep_their_ports(void **state)
{
	struct nat_seen seen[FEW], reply;

	(void)state;
	nat_world(NAT_FIRST + FEW - 1, 1);
	for (uint32_t i = 0; i < FEW; i++)
		seen[i] = nat_connect(i);
	assert_int_equal(nat_h->stats.nat_flows, FEW);
	assert_false(nat_from_client(100, LB_TCP_SYN, 1).is_sent);
	assert_int_equal(nat_h->stats.drop[LB_DROP_NAT_EXHAUSTED], 1);
	for (uint32_t i = 0; i < FEW; i++) {
		reply = nat_answer(&seen[i], LB_TCP_ACK, 5001);
		nat_answer_is_for(&reply, i);
	}
	/* a connection ends: its port rests, and is free then */
	nat_h->now++;
	assert_true(nat_from_client(0, LB_TCP_RST, 1001).is_sent);
	assert_false(nat_from_client(101, LB_TCP_SYN, 1).is_sent);
	nat_h->now += 1201;
	seen[0] = nat_from_client(102, LB_TCP_SYN, 1);
	assert_true(seen[0].is_sent);
	assert_int_equal(nat_h->stats.nat_flows, FEW);
	assert_int_equal(nat_h->stats.nat_expired, 1);
}

/* Half-open ones go first, and established ones never. */
static void a_flood_of_syns_evicts_only_its_own(void **state)
{
	struct nat_seen seen[FEW / 2], reply;

	(void)state;
	nat_world(NAT_FIRST + FEW - 1, 1);
	for (uint32_t i = 0; i < FEW / 2; i++)
		seen[i] = nat_connect(i);
	for (uint32_t i = 0; i < 1000; i++) {
		nat_h->now += i % 2;
		assert_true(nat_from_client(1000 + i, LB_TCP_SYN, 1).is_sent);
	}
	for (uint32_t i = 0; i < FEW / 2; i++) {
		reply = nat_answer(&seen[i], LB_TCP_ACK, 5001);
		nat_answer_is_for(&reply, i);
	}
	assert_int_equal(nat_h->stats.nat_flows, FEW);
	assert_int_equal(nat_h->stats.drop[LB_DROP_NAT_EXHAUSTED], 0);
	nat_connect(50);
}

static void a_withdrawn_address_serves_its_connections(void **state)
{
	struct lb_nat_params params = harness_nat_params(NAT_FIRST, NAT_FIRST + 999);
	struct nat_seen seen, reply;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	seen = nat_connect(3);
	params.flags[0] = LB_NAT_ADDRESS_USED;
	memcpy(params.address[2], params.address[0], 16);
	params.address[2][15] = 33;
	params.flags[2] = LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS;
	nat_h->tables->params.nat = params; /* as a reload does, which keeps the records */
	lb_nat_index_make(&nat_h->tables->nat_index, &params);
	for (uint32_t i = 100; i < 120; i++)
		assert_int_equal(nat_from_client(i, LB_TCP_SYN, 1).src, NAT_ADDRESS + 1);
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	nat_answer_is_for(&reply, 3);
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).src, NAT_ADDRESS);
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
}

/* ---- Time ---- */

static void expired_records_are_swept(void **state)
{
	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	for (uint32_t i = 0; i < 100; i++)
		nat_connect(i);
	for (uint32_t i = 0; i < 100; i++)
		nat_from_client(1000 + i, LB_TCP_SYN, 1);
	nat_h->now += 100;
	nat_sweep_all();
	assert_int_equal(nat_h->stats.nat_flows, 200);
	nat_h->now++;
	nat_sweep_all();
	assert_int_equal(nat_h->stats.nat_flows, 100);
	nat_h->now += 35899;
	nat_sweep_all();
	assert_int_equal(nat_h->stats.nat_flows, 100);
	nat_h->now++;
	nat_sweep_all();
	assert_int_equal(nat_h->stats.nat_flows, 0);
	assert_int_equal(nat_h->stats.nat_expired, 200);
}

static void records_outlive_the_process(void **state)
{
	struct lb_nat_timeouts timeouts = harness_nat_params(1, 1).timeouts;
	struct flow_keep keep = { .ended = 70000, .now = 70050 };
	struct nat_seen seen, reply;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	nat_h->now = (uint16_t)(70000 - 60);
	nat_from_client(9, LB_TCP_SYN, 1);
	seen = nat_connect(3);
	nat_keep(&nat_h->nat_memory, HARNESS_NAT_SPACES * HARNESS_NAT_PORTS, &timeouts, &keep,
		 &nat_h->stats);
	assert_int_equal(nat_h->stats.nat_flows, 1);
	nat_h->now = (uint16_t)keep.now;
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	nat_answer_is_for(&reply, 3);
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
}

/* A client's port again, after the connection has ended: the instance may still be in TIME_WAIT. */
static void a_client_reuses_its_port(void **state)
{
	struct nat_seen first, second;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	first = nat_connect(3);
	nat_from_client(3, LB_TCP_FIN | LB_TCP_ACK, 1001);
	nat_answer(&first, LB_TCP_FIN | LB_TCP_ACK, 5001);
	nat_from_client(3, LB_TCP_ACK, 1002);
	second = nat_from_client(3, LB_TCP_SYN, 90000);
	assert_int_equal(second.sport, first.sport);
	assert_int_equal(nat_h->stats.nat_flows, 1);
	second = nat_connect(3);
	assert_true(second.is_sent);
}

/* ---- Two workers ---- */

/* The client's packets come to the other worker now; the port stays where it is. */
static void a_connection_keeps_the_port_of_another_worker(void **state)
{
	struct lb_nat_memory both[2];
	struct nat_seen seen, reply;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	both[0] = nat_h->nat_memory;
	both[1] = harness_nat_memory();
	nat_h->pl.nat.memory = both;
	nat_h->pl.nat.n_workers = 2;
	nat_h->pl.nat_generation = UINT64_MAX;
	seen = nat_connect(3);
	assert_in_range(seen.sport, NAT_FIRST, NAT_FIRST + 499);
	nat_h->pl.nat.worker = 1;
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	nat_answer_is_for(&reply, 3);
	assert_int_equal(nat_h->stats.nat_foreign_pkts, 1);
	nat_h->pl.n_peers = 2; /* the flow table's peers are not asked: it has the flow */
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
	assert_in_range(nat_connect(4).sport, NAT_FIRST + 500, NAT_FIRST + 999);
	free(both[1].area);
	nat_h->pl.n_peers = 1;
}

#define TEST(f) cmocka_unit_test_teardown(f, nat_world_end)

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

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `source: client` in the pipeline: the client's own address and port at the instance, services that
 * share instances, replies on any worker, packets to clients that are of no connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/nat_world.h"

static void the_instance_sees_the_client(void **state)
{
	struct nat_seen seen, reply;

	(void)state;
	nat_world_of_clients(1);
	seen = nat_from_client(3, LB_TCP_SYN, 1000);
	assert_true(seen.is_sent);
	assert_int_equal(seen.src, nat_client_addr(3));
	assert_int_equal(seen.sport, nat_client_port(3));
	assert_int_equal(seen.dst, NAT_INSTANCE);
	assert_int_equal(seen.dport, 8443);
	reply = nat_answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 5000);
	nat_answer_is_for(&reply, 3);
	assert_memory_equal(reply.to, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	assert_int_equal(nat_h->stats.nat_flows, 1);
	assert_int_equal(nat_h->stats.nat_inserts, 1);
	assert_int_equal(nat_h->stats.nat_reply_pkts, 1);
	assert_int_equal(nat_h->instance_stats[0].reply_pkts, 1);
}

/* More than one address has ports: none is used. */
static void ports_do_not_run_out(void **state)
{
	enum { N = HARNESS_NAT_SPACES * HARNESS_NAT_PORTS * 3 / 4 };
	static struct nat_seen seen[N];

	(void)state;
	nat_world_of_clients(4);
	for (uint32_t i = 0; i < N; i++) {
		seen[i] = nat_connect(i);
		assert_true(seen[i].is_sent);
	}
	for (uint32_t i = 0; i < N; i++) {
		struct nat_seen reply = nat_answer(&seen[i], LB_TCP_ACK, 5001);

		nat_answer_is_for(&reply, i);
	}
	assert_int_equal(nat_h->stats.nat_flows, N);
	assert_int_equal(nat_h->stats.drop[LB_DROP_NAT_EXHAUSTED], 0);
}

/* A router between node and instance, the instance itself, the node's checks of it. */
static void strangers_are_the_kernels(void **state)
{
	struct nat_seen seen, forged;

	(void)state;
	nat_world_of_clients(2);
	seen = nat_connect(3);
	forged = seen;
	forged.dst ^= 1; /* another instance, or none */
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.dport = 443;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	do /* one that looks like the instance's (lb_nat_ports) */
		forged.dport++;
	while (forged.dport == 8443 ||
	       !lb_nat_has_port(nat_h->tables->nat_ports, lb_cpu_to_be16(forged.dport)));
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.sport ^= 1;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	forged = seen;
	forged.src = NAT_OWN_ADDRESS;
	assert_false(nat_answer(&forged, LB_TCP_ACK, 5001).is_sent);
	assert_int_equal(nat_h->stats.kernel_pkts, 5);
	assert_int_equal(nat_h->stats.nat_reply_pkts, 1);
}

/* ---- Two services with the same instances ---- */

static struct nat_seen to_the_other(uint32_t client, uint8_t flags, uint32_t seq)
{
	return nat_send(nat_packet_to(NAT_VIP + 1, client, flags, seq));
}

static void replies_are_of_the_right_service(void **state)
{
	struct nat_seen first[50], second[50], reply;

	(void)state;
	nat_world_of_clients(1);
	for (uint32_t i = 0; i < 50; i++) {
		first[i] = nat_from_client(2 * i, LB_TCP_SYN, 1);
		second[i] = to_the_other(2 * i + 1, LB_TCP_SYN, 1);
		assert_true(first[i].is_sent && second[i].is_sent);
	}
	for (uint32_t i = 0; i < 50; i++) {
		reply = nat_answer(&second[i], LB_TCP_SYN | LB_TCP_ACK, 1);
		assert_int_equal(reply.src, NAT_VIP + 1);
		assert_int_equal(reply.dport, nat_client_port(2 * i + 1));
		reply = nat_answer(&first[i], LB_TCP_SYN | LB_TCP_ACK, 1);
		nat_answer_is_for(&reply, 2 * i);
	}
}

/* For the instance they would be one connection. */
static void one_port_of_a_client_is_one_connection(void **state)
{
	struct nat_seen seen, reply;

	(void)state;
	nat_world_of_clients(1);
	seen = nat_connect(3);
	assert_false(to_the_other(3, LB_TCP_SYN, 90000).is_sent);
	assert_false(to_the_other(3, LB_TCP_ACK, 90000).is_sent);
	assert_int_equal(nat_h->stats.drop[LB_DROP_NAT_EXHAUSTED], 2);
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	nat_answer_is_for(&reply, 3);
	/* the connection ends: the next one may be of either service */
	nat_from_client(3, LB_TCP_FIN | LB_TCP_ACK, 1001);
	nat_answer(&seen, LB_TCP_FIN | LB_TCP_ACK, 5001);
	assert_false(to_the_other(3, LB_TCP_SYN, 900).is_sent);
	seen = to_the_other(3, LB_TCP_SYN, 90000);
	assert_true(seen.is_sent);
	reply = nat_answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 7000);
	assert_int_equal(reply.src, NAT_VIP + 1);
	nat_sweep_all();
	assert_int_equal(nat_h->stats.nat_flows, 1);
}

/* ---- Two workers ---- */

/* Nothing makes the NIC give a reply to the worker of its connection. */
static void any_worker_may_get_the_reply(void **state)
{
	struct lb_nat_memory both[2];
	struct nat_seen seen, reply;

	(void)state;
	nat_world_of_clients(1);
	both[0] = nat_h->nat_memory;
	both[1] = harness_nat_memory();
	nat_h->pl.nat.memory = both;
	nat_h->pl.nat.n_workers = 2;
	nat_h->tables->params.nat.port_last++;
	nat_h->pl.nat_generation = UINT64_MAX;
	seen = nat_connect(3);
	nat_h->pl.nat.worker = 1;
	reply = nat_answer(&seen, LB_TCP_ACK, 5001);
	nat_answer_is_for(&reply, 3);
	assert_int_equal(nat_h->stats.nat_foreign_pkts, 1);
	nat_h->pl.n_peers = 2; /* so that other workers' memory is searched */
	assert_false(to_the_other(3, LB_TCP_SYN, 90000).is_sent);
	assert_true(nat_from_client(3, LB_TCP_ACK, 1001).is_sent);
	assert_int_equal(nat_h->stats.nat_inserts, 1);
	nat_h->pl.n_peers = 1;
	free(both[1].area);
}

#define TEST(f) cmocka_unit_test_teardown(f, nat_world_end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_instance_sees_the_client),
		TEST(ports_do_not_run_out),
		TEST(strangers_are_the_kernels),
		TEST(replies_are_of_the_right_service),
		TEST(one_port_of_a_client_is_one_connection),
		TEST(any_worker_may_get_the_reply),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

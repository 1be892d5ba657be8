/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sweep of translated connections: what expires or has lost its instance is reset, to both
 * sides, and a quiet connection keeps its instance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/nat_world.h"

#define IDLE 36000 /* ticks, as harness_nat_params() has it */

static void resets_are_on(void)
{
	nat_h->tables->params.nat.reset_on_expiry = 1;
}

/* Instance 0 is down, `on_down: move`. */
static void instance_down(void)
{
	struct lb_instance instances[4];
	uint32_t n = nat_h->tables->n_instances;

	memcpy(instances, nat_h->tables->instances, n * sizeof(instances[0]));
	instances[0].flags = LB_INSTANCE_RESOLVED;
	harness_put(nat_h, LB_BLOCK_INSTANCES, 0, instances, n * (uint32_t)sizeof(instances[0]), n);
}

/* All new flows go to one instance. */
static void pool_set(uint16_t instance)
{
	uint16_t slots[251];

	for (uint16_t i = 0; i < 251; i++)
		slots[i] = instance;
	harness_put(nat_h, LB_BLOCK_POOL, 0, slots, sizeof(slots), 251);
}

/* ---- Resets ---- */

/* A segment as it is sent: its checksums are right. Return: its TCP header. */
static struct lb_tcp segment_read(const struct lb_nat_reset *reset)
{
	uint8_t frame[LB_NAT_RESET_LEN] = { 0 };
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(frame + sizeof(struct lb_eth));
	const struct lb_tcp *tcp = (const struct lb_tcp *)(ip + 1);
	uint64_t sum;

	assert_int_equal(reset->ends.family, 4);
	assert_int_equal(lb_nat_reset_write(frame, reset), 54);
	assert_int_equal(lb_load16(frame + 12), LB_BE16(LB_ETHERTYPE_IPV4));
	assert_int_equal(lb_be16_to_cpu(ip->total_len), 40);
	assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum(ip)), 0xffff);
	sum = (uint64_t)ip->src + ip->dst + LB_BE16(sizeof(*tcp)) + LB_BE16(LB_IPPROTO_TCP) +
	      lb_csum_bytes((const uint8_t *)tcp, sizeof(*tcp), frame + 54);
	assert_int_equal(lb_csum_fold(sum), 0xffff);
	return *tcp;
}

static void ends_are(const struct lb_nat_reset *reset, uint32_t src, uint16_t sport, uint32_t dst,
		     uint16_t dport)
{
	assert_int_equal(lb_be32_to_cpu(lb_load32(reset->ends.src)), src);
	assert_int_equal(lb_be32_to_cpu(lb_load32(reset->ends.dst)), dst);
	assert_int_equal(lb_be16_to_cpu(reset->ends.sport), sport);
	assert_int_equal(lb_be16_to_cpu(reset->ends.dport), dport);
}

/* The three segments of client 3's connection; the client has acknowledged 0x12345678. */
static void both_sides_are_told(const struct nat_seen *seen)
{
	struct lb_tcp tcp;

	assert_int_equal(nat_n_resets, 3);
	ends_are(&nat_resets[0], seen->src, seen->sport, seen->dst, seen->dport);
	tcp = segment_read(&nat_resets[0]);
	assert_int_equal(tcp.flags, LB_TCP_RST);
	assert_int_equal(lb_be32_to_cpu(tcp.seq), 1001);
	assert_memory_equal(nat_resets[0].macs, "\x02\x00\x00\x00\x00\x00", LB_ETH_ALEN);
	for (uint32_t i = 1; i < 3; i++) {
		ends_are(&nat_resets[i], NAT_VIP, 443, nat_client_addr(3), nat_client_port(3));
		assert_memory_equal(nat_resets[i].macs, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
		assert_memory_equal(nat_resets[i].macs + LB_ETH_ALEN, &nat_h->pl.port_mac,
				    LB_ETH_ALEN);
	}
	tcp = segment_read(&nat_resets[1]);
	assert_int_equal(tcp.flags, LB_TCP_RST);
	assert_int_equal(lb_be32_to_cpu(tcp.seq), 0x12350000);
	tcp = segment_read(&nat_resets[2]);
	assert_int_equal(tcp.flags, LB_TCP_ACK);
	assert_int_equal(lb_be32_to_cpu(tcp.seq), 0x1233ffff);
	assert_int_equal(lb_be32_to_cpu(tcp.ack), 1001);
}

static struct nat_seen acknowledged(void)
{
	struct rte_mbuf *m = nat_client_packet(3, LB_TCP_ACK, 1001);
	struct lb_tcp *tcp = rte_pktmbuf_mtod_offset(
		m, struct lb_tcp *, sizeof(struct lb_eth) + sizeof(struct lb_ipv4));

	tcp->ack = lb_cpu_to_be32(0x12345678);
	return nat_send(m);
}

static void an_expired_connection_is_reset(void **state)
{
	struct nat_seen seen, again, reply;

	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	resets_are_on();
	nat_connect(3);
	seen = acknowledged();
	nat_from_client(4, LB_TCP_SYN, 1); /* half-open: nobody waits */
	nat_h->now += IDLE;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 0);
	nat_h->now++;
	nat_sweep_all();
	both_sides_are_told(&seen);
	assert_int_equal(nat_h->stats.nat_resets, 1);
	/* what the client answers finds the instance by the same port, and that resets it */
	again = acknowledged();
	assert_int_equal(again.sport, seen.sport);
	reply = nat_answer(&again, LB_TCP_RST, 0x12345678);
	nat_answer_is_for(&reply, 3);
	nat_h->now += 1201;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 3);
	assert_int_equal(nat_h->stats.nat_flows, 0);
}

static void a_client_keeps_its_address_in_a_reset(void **state)
{
	struct nat_seen seen;

	(void)state;
	nat_world_of_clients(1);
	resets_are_on();
	nat_connect(3);
	seen = acknowledged();
	assert_int_equal(seen.src, nat_client_addr(3));
	nat_h->now += IDLE + 1;
	nat_sweep_all();
	both_sides_are_told(&seen);
}

static void a_connection_without_its_instance_is_reset(void **state)
{
	struct nat_seen seen;

	(void)state;
	nat_world(NAT_FIRST + 999, 2);
	pool_set(0);
	resets_are_on();
	nat_connect(3);
	seen = acknowledged();
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 0);
	instance_down();
	pool_set(1);
	nat_sweep_all();
	both_sides_are_told(&seen);
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 3);
	/* the client's answer reaches the other one */
	assert_int_equal(acknowledged().dst, NAT_INSTANCE + 1);
}

/* To networks of a trunk: each side's own. */
static void resets_have_the_networks_tag(void **state)
{
	static const uint16_t vlans[] = { 20, 10, 10 };

	(void)state;
	nat_world_of_networks();
	resets_are_on();
	nat_send(nat_tagged(nat_client_packet(3, LB_TCP_SYN, 1000), 10));
	for (uint32_t i = 0; i < HARNESS_NAT_SPACES * HARNESS_NAT_PORTS; i++)
		if (nat_h->nat_memory.record[i].state == LB_NAT_OPENING)
			nat_h->nat_memory.record[i].state = LB_NAT_ESTABLISHED;
	nat_h->now += IDLE + 1;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 3);
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t frame[LB_NAT_RESET_LEN];

		assert_int_equal(lb_nat_reset_write(frame, &nat_resets[i]), 58);
		assert_int_equal(lb_load16(frame + 12), LB_BE16(LB_ETHERTYPE_VLAN));
		assert_int_equal(lb_be16_to_cpu(lb_load16(frame + 14)), vlans[i]);
		assert_int_equal(lb_load16(frame + 16), LB_BE16(LB_ETHERTYPE_IPV4));
	}
}

static void without_the_key_nothing_is_sent(void **state)
{
	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	nat_connect(3);
	nat_h->now += IDLE + 1;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 0);
	assert_int_equal(nat_h->stats.nat_flows, 0);
}

/* One that has ended is not ended again. */
static void closed_connections_are_not_reset(void **state)
{
	(void)state;
	nat_world(NAT_FIRST + 999, 1);
	resets_are_on();
	nat_connect(3);
	nat_from_client(3, LB_TCP_RST, 1001);
	instance_down();
	nat_h->now += IDLE + 1;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, 0);
	assert_int_equal(nat_h->stats.nat_flows, 0);
}

/* An instance with many connections goes down: all are reset, some in each tick. */
static void resets_are_bounded(void **state)
{
	enum { N = 300 };
	uint32_t before = 0;

	(void)state;
	nat_world(NAT_FIRST + HARNESS_NAT_PORTS - 1, 1);
	resets_are_on();
	for (uint32_t i = 0; i < N; i++)
		nat_connect(i);
	instance_down();
	nat_h->pl.nat.n_spaces = 1; /* one space in one tick's share */
	for (uint32_t tick = 0; tick < 4 * LB_NAT_SWEEP_TICKS; tick++) {
		nat_sweep_tick_now();
		assert_true(nat_n_resets - before <= LB_NAT_RESETS * NAT_SWEEP_RESETS);
		before = nat_n_resets;
	}
	nat_h->pl.nat.n_spaces = HARNESS_NAT_SPACES;
	nat_sweep_all();
	assert_int_equal(nat_n_resets, LB_NAT_RESETS * N);
	assert_int_equal(nat_h->stats.nat_resets, N);
}

/* ---- Pins ---- */

/* The flow table's time-out is shorter than the records'. */
static void a_quiet_connection_keeps_its_instance(void **state)
{
	struct nat_seen seen;

	(void)state;
	nat_world(NAT_FIRST + 999, 2);
	nat_h->tables->timeouts.ticks[LB_FLOW_ESTABLISHED] = 3 * LB_NAT_SWEEP_TICKS;
	pool_set(0);
	seen = nat_connect(3);
	nat_wait(20 * LB_NAT_SWEEP_TICKS);
	assert_int_equal(nat_h->stats.flows, 1);
	pool_set(1);
	pool_set(1); /* the previous table, too */
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).dst, NAT_INSTANCE);
	assert_int_equal(nat_from_client(3, LB_TCP_ACK, 1001).sport, seen.sport);
	/* and no longer than its record */
	nat_from_client(3, LB_TCP_FIN, 1001);
	nat_answer(&seen, LB_TCP_FIN | LB_TCP_ACK, 5001);
	nat_wait(1201 + LB_NAT_SWEEP_TICKS);
	assert_int_equal(nat_h->stats.flows, 0);
	assert_int_equal(nat_h->stats.nat_flows, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, nat_world_end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_expired_connection_is_reset),
		TEST(a_client_keeps_its_address_in_a_reset),
		TEST(a_connection_without_its_instance_is_reset),
		TEST(resets_have_the_networks_tag),
		TEST(without_the_key_nothing_is_sent),
		TEST(closed_connections_are_not_reset),
		TEST(resets_are_bounded),
		TEST(a_quiet_connection_keeps_its_instance),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of translated connections: whole lives of them, and the choice of ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_nat_find.h"
#include "tests/support/random_frame.h"

#define CLIENT LB_NAT_CLIENT
#define INSTANCE LB_NAT_INSTANCE
#define SYN LB_TCP_SYN
#define ACK LB_TCP_ACK
#define FIN LB_TCP_FIN
#define RST LB_TCP_RST

static const struct lb_nat_timeouts timeouts = { .ticks = {
							 [LB_NAT_OPENING] = 100,
							 [LB_NAT_ANSWERED] = 100,
							 [LB_NAT_ESTABLISHED] = 36000,
							 [LB_NAT_FIN_CLIENT] = 1200,
							 [LB_NAT_FIN_INSTANCE] = 1200,
							 [LB_NAT_FIN_BOTH] = 300,
							 [LB_NAT_CLOSED] = 300,
						 } };

struct life {
	struct lb_nat_record record;
	uint32_t seq[2]; /* the next one of each side */
	uint16_t now;
};

static struct life life_begin(void)
{
	struct life life = { .record = { .state = LB_NAT_OPENING },
			     .seq = { random_u32(), random_u32() } };

	life.record.seq = life.seq[CLIENT] + 1;
	life.seq[CLIENT]++;
	return life;
}

static struct lb_tcp segment(const struct life *life, enum lb_nat_side side, uint8_t flags)
{
	return (struct lb_tcp){
		.seq = lb_cpu_to_be32(life->seq[side]),
		.ack = lb_cpu_to_be32(life->seq[!side]),
		.flags = flags,
	};
}

/* A segment in order. */
static void say(struct life *life, enum lb_nat_side side, uint8_t flags, uint32_t payload)
{
	struct lb_tcp tcp = segment(life, side, flags);

	lb_nat_step(&life->record, side, &tcp, payload, ++life->now);
	life->seq[side] += lb_nat_seq_len(flags, payload);
}

static void expect(const struct life *life, enum lb_nat_state state)
{
	assert_int_equal(life->record.state, state);
	assert_int_equal(life->record.seen, life->now);
	assert_int_equal(life->record.seq, life->seq[CLIENT]);
}

static struct life life_established(void)
{
	struct life life = life_begin();

	say(&life, INSTANCE, SYN | ACK, 0);
	expect(&life, LB_NAT_ANSWERED);
	say(&life, CLIENT, ACK, 0);
	expect(&life, LB_NAT_ESTABLISHED);
	return life;
}

static void test_client_ends(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct life life = life_established();

		for (uint32_t n = random_below(40); n > 0; n--)
			say(&life, n & 1, ACK, random_below(60000));
		say(&life, CLIENT, FIN | ACK, random_below(2));
		expect(&life, LB_NAT_FIN_CLIENT);
		say(&life, INSTANCE, ACK, 1000);
		expect(&life, LB_NAT_FIN_CLIENT);
		say(&life, INSTANCE, FIN | ACK, 0);
		expect(&life, LB_NAT_FIN_BOTH);
		say(&life, CLIENT, ACK, 0);
		expect(&life, LB_NAT_FIN_BOTH);
	}
}

static void test_instance_ends(void **state)
{
	struct life life = life_established();

	(void)state;
	say(&life, INSTANCE, FIN | ACK, 10);
	expect(&life, LB_NAT_FIN_INSTANCE);
	say(&life, CLIENT, ACK, 500);
	expect(&life, LB_NAT_FIN_INSTANCE);
	say(&life, CLIENT, FIN | ACK, 0);
	expect(&life, LB_NAT_FIN_BOTH);
}

/* RFC 9293 section 3.5, figure 7; and a SYN that carries data. */
static void test_other_openings(void **state)
{
	struct life life = life_begin();

	(void)state;
	say(&life, INSTANCE, SYN, 0);
	expect(&life, LB_NAT_ANSWERED);
	say(&life, CLIENT, ACK, 0);
	expect(&life, LB_NAT_ESTABLISHED);

	life = life_begin();
	life.seq[CLIENT]--;
	say(&life, CLIENT, SYN, 100);
	expect(&life, LB_NAT_OPENING);
	say(&life, INSTANCE, SYN | ACK, 0);
	say(&life, INSTANCE, ACK, 1000);
	expect(&life, LB_NAT_ANSWERED);
	say(&life, CLIENT, FIN | ACK, 0);
	expect(&life, LB_NAT_FIN_CLIENT);
}

/* Neither side can keep a connection half-open for ever by itself, nor open it. */
static void test_one_side_alone(void **state)
{
	struct life life = life_begin();

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		say(&life, CLIENT, ACK, 10);
	expect(&life, LB_NAT_OPENING);
	life = life_begin();
	for (uint32_t i = 0; i < 10; i++)
		say(&life, INSTANCE, ACK, 10);
	expect(&life, LB_NAT_ANSWERED);
	/* the record of a connection that was open before: its memory began empty */
	say(&life, CLIENT, ACK, 10);
	expect(&life, LB_NAT_ESTABLISHED);
}

/* A client that does not exist gets SYN+ACK again and again: it does not hold its port longer. */
static void test_answer_again(void **state)
{
	struct life life = life_begin();
	uint16_t first;

	(void)state;
	say(&life, INSTANCE, SYN | ACK, 0);
	first = life.now;
	life.seq[INSTANCE]--;
	say(&life, INSTANCE, SYN | ACK, 0);
	assert_int_equal(life.record.state, LB_NAT_ANSWERED);
	assert_int_equal(life.record.seen, first);
}

/* Its client begins anew with a lower number, and the instance accepts that (RFC 9293 3.6.1). */
static void test_begins_with_a_lower_number(void **state)
{
	static const uint8_t ends[][2] = { { CLIENT, FIN | ACK }, { INSTANCE, RST } };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct life life = life_established();

		say(&life, ends[i][0], ends[i][1], 0);
		if (i == 0)
			say(&life, INSTANCE, FIN | ACK, 0);
		life.seq[CLIENT] -= 1000000;
		say(&life, CLIENT, SYN, 0);
		life.seq[INSTANCE] = 77;
		say(&life, INSTANCE, SYN | ACK, 0);
		expect(&life, LB_NAT_ANSWERED);
		say(&life, CLIENT, ACK, 0);
		expect(&life, LB_NAT_ESTABLISHED);
	}
}

static void test_rst(void **state)
{
	static const int32_t off[] = { 0, -1, 1, -60000, 65536, -65536 };
	static const int32_t far[] = { 65537, -65537, 0x7fffffff, (int32_t)0x80000000, 1 << 24 };
	struct life life;
	struct lb_tcp tcp;

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		life = life_established();
		life.seq[CLIENT] += (uint32_t)off[i];
		tcp = segment(&life, CLIENT, RST);
		lb_nat_step(&life.record, CLIENT, &tcp, 0, 9);
		assert_int_equal(life.record.state, LB_NAT_CLOSED);
		assert_int_equal(life.record.seen, 9);
	}
	for (uint32_t i = 0; i < 5; i++) {
		for (enum lb_nat_side side = CLIENT; side <= INSTANCE; side++) {
			life = life_established();
			/* the instance's is known to 64 KiB only */
			life.seq[side] +=
				(uint32_t)far[i] +
				(side == INSTANCE ? (far[i] < 0 ? -131072u : 131072u) : 0);
			tcp = segment(&life, side, RST);
			lb_nat_step(&life.record, side, &tcp, 0, 9);
			assert_int_equal(life.record.state, LB_NAT_ESTABLISHED);
			assert_int_not_equal(life.record.seen, 9);
		}
	}
	/* in answer to a SYN */
	life = life_begin();
	tcp = (struct lb_tcp){ .ack = lb_cpu_to_be32(life.seq[CLIENT]), .flags = RST | ACK };
	lb_nat_step(&life.record, INSTANCE, &tcp, 0, 9);
	assert_int_equal(life.record.state, LB_NAT_OPENING);
	life = life_begin();
	tcp.ack = lb_cpu_to_be32(life.seq[CLIENT] + 1);
	tcp.seq = lb_cpu_to_be32((life.record.acked + 5u) << 16);
	lb_nat_step(&life.record, INSTANCE, &tcp, 0, 9);
	assert_int_equal(life.record.state, LB_NAT_OPENING);
	/* and one that was not accepted */
	life = life_established();
	say(&life, CLIENT, RST, 0);
	expect(&life, LB_NAT_CLOSED);
	say(&life, INSTANCE, ACK, 1);
	expect(&life, LB_NAT_ESTABLISHED);
}

static void test_again(void **state)
{
	struct life life = life_established();
	struct lb_tcp syn = segment(&life, CLIENT, SYN);

	(void)state;
	syn.seq = lb_cpu_to_be32(life.seq[CLIENT] + 1);
	assert_false(lb_nat_may_begin(&life.record, syn.seq));
	say(&life, CLIENT, FIN | ACK, 0);
	assert_false(lb_nat_may_begin(&life.record, syn.seq));
	say(&life, INSTANCE, FIN | ACK, 0);
	say(&life, CLIENT, ACK, 0);
	for (uint32_t i = 1; i < 0x80000000u; i = i * 2 + 1) {
		syn.seq = lb_cpu_to_be32(life.seq[CLIENT] + i);
		assert_true(lb_nat_may_begin(&life.record, syn.seq));
		syn.seq = lb_cpu_to_be32(life.seq[CLIENT] - i);
		assert_false(lb_nat_may_begin(&life.record, syn.seq));
	}
	syn.seq = lb_cpu_to_be32(life.seq[CLIENT]);
	assert_false(lb_nat_may_begin(&life.record, syn.seq));
}

/* Old and reordered packets move nothing back, over the wrap of sequence numbers, too. */
static void test_reordering(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct life life = life_established();
		struct lb_tcp old;

		life.seq[CLIENT] = life.record.seq = 0xfffff000u + random_below(0x1000);
		old = segment(&life, CLIENT, ACK);
		say(&life, CLIENT, ACK, 20000);
		lb_nat_step(&life.record, CLIENT, &old, random_below(20001), life.now);
		expect(&life, LB_NAT_ESTABLISHED);
	}
}

#define N 4096

static struct lb_nat_record records[N];

static uint32_t choose(uint32_t n, uint16_t now)
{
	const struct lb_nat_share share = { records, n };
	const struct lb_nat_flow flow = { .hash = random_u32() };

	return lb_nat_choose(&share, &flow, now, &timeouts);
}

/* Free and expired records are chosen, live ones never, whatever the load. */
static void test_choice(void **state)
{
	static const enum lb_nat_state live[] = { LB_NAT_ESTABLISHED, LB_NAT_FIN_CLIENT,
						  LB_NAT_FIN_INSTANCE, LB_NAT_FIN_BOTH,
						  LB_NAT_CLOSED };
	uint32_t none = 0;

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t at = random_below(N), got;
		uint16_t now = (uint16_t)round;
		enum lb_nat_state s = live[random_below(5)];

		records[at].state = (uint8_t)s;
		records[at].seen = (uint16_t)(now - random_below(timeouts.ticks[s] + 1u));
		got = choose(N, now);
		if (got == LB_NAT_PORT_NONE) {
			none++;
			continue;
		}
		assert_in_range(got, 0, N - 1);
		assert_true(lb_nat_is_free(&records[got], now, &timeouts));
	}
	assert_true(none < 200000);
	/* half-open ones go first, the one that has waited longest of those that are tried */
	for (uint32_t i = 0; i < N; i++)
		records[i] = (struct lb_nat_record){ .state = LB_NAT_ESTABLISHED, .seen = 1000 };
	assert_int_equal(choose(N, 1000), LB_NAT_PORT_NONE);
	for (uint32_t i = 0; i < N; i += LB_NAT_TRIES / 2)
		records[i] = (struct lb_nat_record){ .state = LB_NAT_OPENING,
						     .seen = (uint16_t)(1000 - i / 16 % 2 * 50) };
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t got = choose(N, 1000);

		assert_int_equal(got % 32, 16);
		assert_int_equal(records[got].state, LB_NAT_OPENING);
	}
	/* the others are free again, each at its time and not before */
	for (uint32_t s = LB_NAT_OPENING; s < 8; s++) {
		records[7] = (struct lb_nat_record){ .state = (uint8_t)s, .seen = 65000 };
		assert_false(lb_nat_is_free(&records[7], (uint16_t)(65000u + timeouts.ticks[s]),
					    &timeouts));
		assert_true(lb_nat_is_free(&records[7], (uint16_t)(65001u + timeouts.ticks[s]),
					   &timeouts));
	}
}

/* RFC 6191: a SYN with a higher number may use a port at rest. */
static void test_choice_at_rest(void **state)
{
	const struct lb_nat_share share = { records, N };
	struct lb_nat_flow syn = { .is_syn = true };

	(void)state;
	for (uint32_t s = LB_NAT_ESTABLISHED; s < 8; s++) {
		for (uint32_t i = 0; i < N; i++)
			records[i] =
				(struct lb_nat_record){ .state = s & 7, .seen = 1000, .seq = 5000 };
		syn.seq = lb_cpu_to_be32(6000);
		assert_int_equal(lb_nat_choose(&share, &syn, 1000, &timeouts) != LB_NAT_PORT_NONE,
				 s >= LB_NAT_FIN_BOTH);
		syn.seq = lb_cpu_to_be32(4000);
		assert_int_equal(lb_nat_choose(&share, &syn, 1000, &timeouts), LB_NAT_PORT_NONE);
		assert_int_equal(choose(N, 1000), LB_NAT_PORT_NONE);
	}
}

/* Workers read the clock apart: what another one has just seen is not long ago. */
static void test_clocks_apart(void **state)
{
	struct lb_nat_record record = { .state = LB_NAT_ESTABLISHED };

	(void)state;
	for (uint32_t ahead = 0; ahead <= LB_NAT_AHEAD; ahead++) {
		record.seen = (uint16_t)(1000 + ahead);
		assert_false(lb_nat_is_free(&record, 1000, &timeouts));
	}
	record.seen = 1000 - 36000 - 1 + 65536;
	assert_true(lb_nat_is_free(&record, 1000, &timeouts));
}

/* Ports of a share of any size are all used, and about equally often. */
static void test_spread(void **state)
{
	static uint32_t used[N];

	(void)state;
	for (uint32_t n = 1; n <= N; n = n * 3 + 1) {
		memset(records, 0, sizeof(records));
		memset(used, 0, sizeof(used));
		for (uint32_t i = 0; i < n * 1000; i++)
			used[choose(n, 0)]++;
		for (uint32_t i = 0; i < N; i++)
			assert_in_range(used[i], i < n ? 800 : 0, i < n ? 1200 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_ends),
		cmocka_unit_test(test_instance_ends),
		cmocka_unit_test(test_other_openings),
		cmocka_unit_test(test_one_side_alone),
		cmocka_unit_test(test_answer_again),
		cmocka_unit_test(test_begins_with_a_lower_number),
		cmocka_unit_test(test_choice_at_rest),
		cmocka_unit_test(test_clocks_apart),
		cmocka_unit_test(test_rst),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

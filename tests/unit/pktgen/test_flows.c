/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "perf/pktgen/flows.h"

#define HZ 1000000000ull

static struct flows make(struct flows_setup setup)
{
	struct flows flows;

	setup.n_sizes = setup.n_sizes ? setup.n_sizes : 1;
	setup.seed = 88172645463325252ULL;
	assert_int_equal(flows_init(&flows, &setup), 0);
	return flows;
}

static void open_all(struct flows *flows)
{
	struct flows_pick pick[WIRE_BURST];
	uint64_t next = 0;

	while (flows_open(flows, &next, pick, WIRE_BURST))
		;
	flows_begin(flows, 0);
}

/* First a SYN for each, then an ACK. */
static void test_opening(void **state)
{
	struct flows flows = make((struct flows_setup){ .flows = 100 });
	uint8_t seen[2][100] = { { 0 } };
	struct flows_pick pick[7];
	uint64_t next = 0;
	uint32_t n, total = 0;

	(void)state;
	while ((n = flows_open(&flows, &next, pick, 7))) {
		for (uint32_t i = 0; i < n; i++, total++) {
			assert_int_equal(pick[i].tcp_flags, total < 100 ? LB_TCP_SYN : LB_TCP_ACK);
			seen[total / 100][pick[i].flow]++;
		}
	}
	assert_int_equal(total, 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(seen[i / 100][i % 100], 1);
	flows_fini(&flows);
}

/* Shares of the most popular flows are those of Zipf's law; the least popular have their turn. */
static void test_zipf(void **state)
{
	enum { FLOWS = 1000, PICKS = 2000000 };
	struct flows flows = make((struct flows_setup){ .flows = FLOWS, .zipf = 1 });
	static uint32_t count[FLOWS];
	struct flows_pick pick[WIRE_BURST];
	double total = 0;

	(void)state;
	open_all(&flows);
	for (uint32_t i = 0; i < PICKS; i += WIRE_BURST) {
		flows_pick(&flows, 0, HZ, pick, WIRE_BURST);
		for (uint32_t k = 0; k < WIRE_BURST; k++)
			count[pick[k].flow]++;
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		total += 1.0 / (i + 1);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(fabs(count[i] / (double)PICKS * total * (i + 1) - 1) < 0.05);
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_true(count[i] > 0);
	flows_fini(&flows);
}

static void test_uniform_and_flood(void **state)
{
	enum { FLOWS = 64, PICKS = 640000 };
	struct flows flows = make((struct flows_setup){ .flows = FLOWS, .flood_share = 1u << 30 });
	uint32_t count[FLOWS] = { 0 }, flood = 0;
	struct flows_pick pick[WIRE_BURST];

	(void)state;
	open_all(&flows);
	for (uint32_t i = 0; i < PICKS; i += WIRE_BURST) {
		flows_pick(&flows, 0, HZ, pick, WIRE_BURST);
		for (uint32_t k = 0; k < WIRE_BURST; k++) {
			if (pick[k].flow == FLOWS_FLOOD)
				flood++;
			else
				count[pick[k].flow]++;
		}
	}
	assert_in_range(flood, PICKS / 4 - PICKS / 200, PICKS / 4 + PICKS / 200);
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_in_range(count[i], 6700, 8300); /* of 7500 on average: 9 sigma */
	flows_fini(&flows);
}

/* What a connection has had so far: its packets come in order, and all of them. */
enum step { CLOSED, SYN_SENT, ACKED, DATA_SENT };

static void connection_step(uint8_t *step, const struct flows_pick *pick, uint32_t data)
{
	uint8_t *s = &step[pick->flow];

	if (pick->tcp_flags == LB_TCP_SYN) {
		assert_int_equal(*s, CLOSED);
		*s = SYN_SENT;
	} else if (pick->tcp_flags == LB_TCP_ACK) {
		assert_int_equal(*s, SYN_SENT);
		*s = ACKED;
	} else if (pick->tcp_flags & LB_TCP_FIN) {
		if (data)
			assert_int_equal(*s, DATA_SENT + data - 1);
		*s = CLOSED;
	} else {
		assert_true(*s >= ACKED);
		*s = data ? *s + 1 : DATA_SENT;
	}
}

static void test_whole_cycles(void **state)
{
	enum { FLOWS = 6000, DATA = 1 };
	struct flows flows =
		make((struct flows_setup){ .flows = FLOWS, .cps = FLOWS_CPS_MAX, .data = DATA });
	static uint8_t step[2 * FLOWS];
	struct flows_pick pick[WIRE_BURST];
	uint64_t syns = 0, fins = 0;

	(void)state;
	open_all(&flows);
	/* Those that were open at the start had their data before, as far as this test can tell. */
	for (uint32_t i = 0; i < FLOWS; i++)
		step[i] = DATA_SENT;
	for (uint32_t i = FLOWS - 2 * flows.lag; i < FLOWS; i++)
		step[i] = ACKED;
	for (uint32_t i = FLOWS - flows.lag; i < FLOWS; i++)
		step[i] = SYN_SENT;
	for (uint32_t i = 0; i < 100000; i++) {
		flows_pick(&flows, 0, HZ, pick, 1);
		connection_step(step, pick, DATA);
		syns += pick->tcp_flags == LB_TCP_SYN;
		fins += pick->tcp_flags & LB_TCP_FIN;
	}
	assert_int_equal(syns, 25000);
	assert_int_equal(fins, 25000);
	flows_fini(&flows);
}

/* At a rate: as many connections as are due, and data for open ones only. */
static void test_paced_cycles(void **state)
{
	enum { FLOWS = 1000, CPS = 1000 };
	struct flows flows = make((struct flows_setup){ .flows = FLOWS, .cps = CPS });
	static uint8_t step[2 * FLOWS];
	struct flows_pick pick;
	uint64_t syns = 0, fins = 0;

	(void)state;
	open_all(&flows);
	memset(step, DATA_SENT, FLOWS);
	step[FLOWS - 1] = SYN_SENT; /* its ACK comes with the next one's SYN */
	for (uint32_t i = 0; i < 100000; i++) {
		flows_pick(&flows, i * (5 * HZ / 100000), HZ, &pick, 1);
		connection_step(step, &pick, 0);
		syns += pick.tcp_flags == LB_TCP_SYN;
		fins += pick.tcp_flags & LB_TCP_FIN;
	}
	assert_in_range(syns, 5 * CPS - 2, 5 * CPS);
	assert_in_range(fins, 5 * CPS - 2, 5 * CPS);
	flows_fini(&flows);
}

static void test_too_few_for_cycles(void **state)
{
	const struct flows_setup setup = {
		.flows = 1000, .cps = FLOWS_CPS_MAX, .data = 1, .n_sizes = 1, .seed = 1
	};
	struct flows flows;

	(void)state;
	assert_int_equal(flows_init(&flows, &setup), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening),		  cmocka_unit_test(test_zipf),
		cmocka_unit_test(test_uniform_and_flood), cmocka_unit_test(test_whole_cycles),
		cmocka_unit_test(test_paced_cycles),	  cmocka_unit_test(test_too_few_for_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

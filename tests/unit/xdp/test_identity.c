/* SPDX-License-Identifier: BSD-3-Clause */
/* test-timeout: 300 s */
/*
 * Both dataplanes are one: the same packets, over the same changes of pools and
 * the same hours, through the native pipeline and through the XDP program. After
 * each packet the same verdict, the same frame and the same counters (so the same
 * drop reason); every now and then the same flow table to the last bit, and the
 * same counts of each instance. IDENTITY_PACKETS says how many packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/unit/xdp/twins.h"

#define PACKETS_DEFAULT 50000u

static void differ(const struct twins *t, const struct xdp_run *run, uint32_t action,
		   uint32_t out_len)
{
	print_error("%u bytes, %u in the first buffer: XDP %u (%u bytes), natively %u (%u)\n",
		    run->len, run->linear, run->action, run->out_len, action, out_len);
	for (uint32_t i = 0; i < run->len && i < 160; i++)
		print_error("%02x", run->frame[i]);
	print_error("\n");
	xdp_world_compare(t->xdp, t->native, false);
	fail_msg("verdict or frame differs");
}

static void one_packet(struct twins *t, bool deep)
{
	static uint8_t out[XDP_WORLD_FRAME_MAX];
	static uint32_t out_len;
	struct xdp_run run = { .headroom = -1 };
	uint32_t action;

	twins_next(t, out, out_len);
	out_len = 0;
	run.frame = t->gen.frame;
	run.len = t->gen.len;
	run.linear = t->gen.linear;
	action = twins_native(t, out, &out_len);
	xdp_world_run(t->xdp, &run);
	if (run.action != action ||
	    (action != XDP_DROP && (run.out_len != out_len || memcmp(run.out, out, out_len) != 0)))
		differ(t, &run, action, out_len);
	xdp_world_compare(t->xdp, t->native, deep);
}

static void figures(const struct twins *t, uint32_t packets)
{
	const struct lb_worker_stats *s = &t->native->stats;
	uint32_t reasons = 0;

	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		reasons += s->drop[i] != 0;
	print_message("# figure: %u packets, %u changes of pools: the same in both dataplanes\n",
		      packets, t->changes);
	print_message("# %lu forwarded, %lu of them ICMP errors, %lu to the kernel, dropped for %u "
		      "reasons; %lu hits, %lu recorded, %lu adopted, %lu moved, %lu set aside, "
		      "%lu evicted, %lu unrecorded\n",
		      s->tx_pkts, s->reply_pkts, s->kernel_pkts, reasons, s->flow_hits,
		      s->flow_inserts, s->flow_adopted, s->flow_moved, s->flow_relocated,
		      s->flow_evicted_confirmed, s->flow_table_full);
	print_message("# %lu answers translated, of %lu connections through nat, %lu dropped for "
		      "want of a port, %lu of none\n",
		      s->nat_reply_pkts, s->nat_inserts, s->drop[LB_DROP_NAT_EXHAUSTED],
		      s->drop[LB_DROP_NAT_UNKNOWN]);
	print_message("# %lu dropped for their client\n", s->drop[LB_DROP_CLIENT_DENIED]);
	assert_true(reasons >= 18 && s->drop[LB_DROP_CLIENT_DENIED]);
	assert_true(s->nat_reply_pkts && s->nat_expired && s->nat_inserts > s->nat_expired);
	assert_true(s->reply_pkts && s->flow_hits && s->flow_moved && s->flow_relocated);
	if (packets >= 1000000)
		assert_true(s->flow_evicted_confirmed && s->flow_table_full);
}

static void packets_compare(bool has_handover)
{
	const char *setting = getenv("IDENTITY_PACKETS");
	uint32_t packets = setting ? (uint32_t)strtoul(setting, NULL, 10) : PACKETS_DEFAULT;
	struct twins t;

	twins_create_nat(&t, has_handover);
	for (uint32_t i = 0; i < packets; i++) {
		t.gen.flows = i / TWINS_PHASE % 2 ? TWINS_MANY : TWINS_FEW;
		if (i % 100 == 99)
			twins_wait(&t);
		if (i % 200 == 199)
			twins_change(&t);
		if (i % 10000 == 9999)
			twins_sweep(&t);
		one_packet(&t, i % 500 == 499);
	}
	xdp_world_compare(t.xdp, t.native, false);
	figures(&t, packets);
	harness_check_accounting(t.native);
	twins_destroy(&t);
}

static void dataplanes_are_identical(void **state)
{
	(void)state;
	packets_compare(false);
}

/* The other entry of the program, for a port that DPDK uses too. */
static void handover_entry_is_identical(void **state)
{
	(void)state;
	packets_compare(true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(dataplanes_are_identical),
					    cmocka_unit_test(handover_entry_is_identical) };

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/controlplane/instance/unwrap.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/report.h"

struct program unwrap_program;
struct lb_unwrap_state unwrap_now;

static void map_vip(const char *text)
{
	struct lb_unwrap_addr addr;

	assert_int_equal(address_parse(text, &addr), 0);
	assert_int_equal(state_map_vip(&unwrap_program, &addr), 0);
}

static void map_source(const char *text)
{
	struct lb_unwrap_prefix prefix;

	memset(&prefix, 0, sizeof(prefix));
	assert_int_equal(address_parse_prefix(text, &prefix), 0);
	assert_int_equal(state_map_source(&unwrap_program, &prefix), 0);
}

void unwrap_filter_sources(bool on)
{
	unwrap_now.filter_sources = on;
	assert_int_equal(state_store(&unwrap_program, &unwrap_now), 0);
}

static int setup(bool frags)
{
	report_capture_libbpf();
	/* Alone with lo and no routes, so that no address of the machine plays in. */
	if (unshare(CLONE_NEWNET) || program_load(&unwrap_program, NULL, frags))
		return -1;
	state_init(&unwrap_now);
	unwrap_filter_sources(false);
	map_vip(FRAME_VIP4);
	map_vip(FRAME_VIP6);
	map_source(FRAME_BALANCER4);
	map_source("2001:db8::/64");
	return 0;
}

int unwrap_setup_plain(void **state)
{
	(void)state;
	return setup(false);
}

int unwrap_setup_frags(void **state)
{
	(void)state;
	return setup(true);
}

int unwrap_teardown(void **state)
{
	(void)state;
	program_close(&unwrap_program);
	return 0;
}

static void read_counts(struct lb_unwrap_count *counts)
{
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++)
		assert_int_equal(state_read_count(&unwrap_program, i, &counts[i]), 0);
}

void unwrap_run(const struct frame *f, struct unwrap_verdict *v)
{
	struct lb_unwrap_count before[LB_UNWRAP_REASON_COUNT];
	struct lb_unwrap_count after[LB_UNWRAP_REASON_COUNT];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = v->out.bytes, .data_size_out = sizeof(v->out.bytes), .repeat = 1);

	read_counts(before);
	assert_int_equal(bpf_prog_test_run_opts(unwrap_program.prog_fd, &opts), 0);
	read_counts(after);
	v->action = opts.retval;
	v->out.len = opts.data_size_out;
	v->reason = -1;
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++) {
		if (after[i].pkts == before[i].pkts)
			continue;
		assert_int_equal(v->reason, -1);
		assert_int_equal(after[i].pkts - before[i].pkts, 1);
		assert_int_equal(after[i].bytes - before[i].bytes, f->len);
		v->reason = i;
	}
	assert_int_not_equal(v->reason, -1);
}

bool unwrap_is_decap(int reason)
{
	return reason <= LB_UNWRAP_DECAP_6IN6 ||
	       (reason >= LB_UNWRAP_GUE_4IN4 && reason <= LB_UNWRAP_GUE_6IN6);
}

void unwrap_frame_check(const struct frame *got, const struct frame *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->bytes, want->bytes, want->len);
}

void unwrap_expect(const char *name, const struct frame *f, int reason)
{
	struct unwrap_verdict v = {};
	struct frame want;

	unwrap_run(f, &v);
	if (v.reason != reason)
		print_error("%s: reason %d, expected %d\n", name, v.reason, reason);
	assert_int_equal(v.reason, reason);
	assert_int_equal(v.action, reason == LB_UNWRAP_DROP_CE ? XDP_DROP : XDP_PASS);
	if (unwrap_is_decap(reason))
		frame_unwrapped(f, &want);
	else
		want = *f;
	if (reason != LB_UNWRAP_DROP_CE)
		unwrap_frame_check(&v.out, &want);
}

const struct unwrap_mix unwrap_mixes[UNWRAP_MIXES] = {
	{ { .outer = 4, .inner = 4, .payload = 40 }, LB_UNWRAP_DECAP_4IN4 },
	{ { .outer = 4, .inner = 6, .payload = 40 }, LB_UNWRAP_DECAP_6IN4 },
	{ { .outer = 6, .inner = 4, .payload = 40 }, LB_UNWRAP_DECAP_4IN6 },
	{ { .outer = 6, .inner = 6, .payload = 40 }, LB_UNWRAP_DECAP_6IN6 },
	{ { .outer = 4, .inner = 4, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_4IN4 },
	{ { .outer = 4, .inner = 6, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_6IN4 },
	{ { .outer = 6, .inner = 4, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_4IN6 },
	{ { .outer = 6, .inner = 6, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_6IN6 },
};

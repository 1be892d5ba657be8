/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the XDP program copies for a capture: which, as received, with their verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "config/base/clock.h"
#include "tests/unit/xdp/twins.h"

#define PACKETS 3000
#define ALL UINT32_MAX

struct read {
	struct lb_capture_record record;
	uint32_t n;
};

static int on_record(void *arg, void *data, size_t size)
{
	struct read *read = arg;

	assert_int_equal(size, sizeof(read->record));
	memcpy(&read->record, data, size);
	read->n++;
	return 0;
}

static void capture_start(struct twins *t, const struct lb_capture_select *select)
{
	t->xdp->skel->data_capture->lb_xdp_capture = *select;
	t->xdp->skel->data_capture->lb_xdp_capture.until_ns =
		clock_now_ns() + 3600 * (uint64_t)CLOCK_NS_PER_S;
}

/* What the counters say became of the last packet. */
static lb_result verdict_of(const struct lb_worker_stats *before, const struct lb_worker_stats *now)
{
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		if (now->drop[i] != before->drop[i])
			return lb_result_drop((enum lb_drop)i);
	if (now->kernel_pkts != before->kernel_pkts)
		return LB_VERDICT_KERNEL;
	return now->reply_pkts != before->reply_pkts ? LB_VERDICT_REPLY : LB_VERDICT_FORWARD;
}

/* One packet; the record of it, if there is one, has to agree with the counters. */
static lb_result one_packet(struct twins *t, struct ring_buffer *ring, struct read *read)
{
	struct lb_worker_stats before = t->xdp->cpu->stats;
	struct xdp_run run = { .headroom = -1 };
	const struct lb_capture_record *record = &read->record;
	lb_result verdict;

	twins_next(t, NULL, 0);
	run.frame = t->gen.frame;
	run.len = t->gen.len;
	run.linear = t->gen.linear;
	xdp_world_run(t->xdp, &run);
	verdict = verdict_of(&before, &t->xdp->cpu->stats);
	read->n = 0;
	assert_true(ring_buffer__consume(ring) >= 0);
	if (read->n == 0)
		return verdict;
	assert_int_equal(read->n, 1);
	assert_int_equal(record->result, verdict);
	assert_int_equal(record->len, run.len);
	assert_true(record->captured > 0 && record->captured <= LB_CAPTURE_BYTES);
	assert_memory_equal(record->data, run.frame, record->captured);
	assert_int_equal(record->generation,
			 t->xdp->control->generation[t->xdp->control->active].generation);
	if (verdict == LB_VERDICT_FORWARD)
		assert_true(record->instance < TWINS_INSTANCES ||
			    record->instance == LB_INSTANCE_NONE);
	else if (verdict != LB_VERDICT_REPLY)
		assert_int_equal(record->instance, LB_INSTANCE_NONE);
	return verdict;
}

static struct ring_buffer *ring_open(const struct twins *t, struct read *read)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(t->xdp->skel->maps.xdp_captured),
						    on_record, read, NULL);

	assert_non_null(ring);
	return ring;
}

static void run_each(bool has_nat, const struct lb_capture_select *select)
{
	uint32_t of[LB_VERDICT_DROP + 1] = { 0 };
	struct read read = { .n = 0 };
	struct ring_buffer *ring;
	struct twins t;

	if (has_nat)
		twins_create_nat(&t, false);
	else
		twins_create(&t, false);
	ring = ring_open(&t, &read);
	capture_start(&t, select);
	for (uint32_t i = 0; i < PACKETS; i++) {
		enum lb_verdict verdict = lb_result_verdict(one_packet(&t, ring, &read));

		assert_int_equal(read.n, select->verdicts >> verdict & 1);
		of[verdict]++;
	}
	assert_true(of[LB_VERDICT_FORWARD] && of[LB_VERDICT_KERNEL] && of[LB_VERDICT_DROP]);
	t.xdp->skel->data_capture->lb_xdp_capture.until_ns = 0;
	for (uint32_t i = 0; i < 100; i++) {
		one_packet(&t, ring, &read);
		assert_int_equal(read.n, 0);
	}
	ring_buffer__free(ring);
	twins_destroy(&t);
}

static void each_packet_has_its_verdict(void **state)
{
	const struct lb_capture_select all = {
		.verdicts = ALL, .reasons = ALL, .per_window = ALL, .instance = LB_INSTANCE_NONE
	};

	(void)state;
	run_each(false, &all);
	run_each(true, &all);
}

static void drops_alone(void **state)
{
	const struct lb_capture_select drops = { .verdicts = 1u << LB_VERDICT_DROP,
						 .reasons = ALL,
						 .per_window = ALL,
						 .instance = LB_INSTANCE_NONE };

	(void)state;
	run_each(false, &drops);
}

/* The records are those of the packets that the instance's counter has counted. */
static void one_instance_alone(void **state)
{
	const struct lb_capture_select one = {
		.verdicts = ALL, .reasons = ALL, .per_window = ALL, .instance = 3
	};
	struct read read = { .n = 0 };
	struct ring_buffer *ring;
	uint32_t n = 0;
	struct twins t;

	(void)state;
	twins_create(&t, false);
	ring = ring_open(&t, &read);
	capture_start(&t, &one);
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint64_t pkts = t.xdp->counts[one.instance].pkts;
		lb_result verdict = one_packet(&t, ring, &read);

		if (verdict == LB_VERDICT_FORWARD)
			assert_int_equal(read.n, t.xdp->counts[one.instance].pkts - pkts);
		else if (verdict != LB_VERDICT_REPLY)
			assert_int_equal(read.n, 0);
		n += read.n;
	}
	assert_true(n > 0);
	ring_buffer__free(ring);
	twins_destroy(&t);
}

static void the_rate_is_a_limit(void **state)
{
	const struct lb_capture_select few = {
		.verdicts = ALL, .reasons = ALL, .per_window = 0, .instance = LB_INSTANCE_NONE
	};
	int n_cpus = libbpf_num_possible_cpus();
	struct lb_xdp_kept *kept = calloc((size_t)n_cpus, sizeof(*kept));
	struct read read = { .n = 0 };
	struct ring_buffer *ring;
	uint64_t skipped = 0;
	uint32_t zero = 0;
	struct twins t;

	(void)state;
	assert_non_null(kept);
	twins_create(&t, false);
	ring = ring_open(&t, &read);
	capture_start(&t, &few);
	for (uint32_t i = 0; i < 100; i++) {
		one_packet(&t, ring, &read);
		assert_int_equal(read.n, 0);
	}
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(t.xdp->skel->maps.xdp_kept), &zero, kept),
			 0);
	for (int i = 0; i < n_cpus; i++)
		skipped += kept[i].skipped;
	assert_int_equal(skipped, 100);
	free(kept);
	ring_buffer__free(ring);
	twins_destroy(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packet_has_its_verdict),
		cmocka_unit_test(drops_alone),
		cmocka_unit_test(one_instance_alone),
		cmocka_unit_test(the_rate_is_a_limit),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run vectors.txt through the real pipeline, from an empty flow table: one packet, and copies of it
 * that are parsed together in each way that this CPU has. Keys of a vector:
 *
 *   in HEX           the frame                    headroom N     bytes in front of it
 *   verdict V R      forward, reply, kernel or drop, and the drop reason
 *   out HEX          the frame that leaves        segment N      bytes of the first segment
 *   flows N          flows recorded afterwards (0 if not said)
 *   label_at N       20 bits of flow label, from this byte of `out`, may be anything
 *   port_at N        2 bytes of UDP source port, from this byte of `out`, may be any from 49152 on;
 *                    `out` has 49152, and the checksum over it
 *   before HEX       a frame that is forwarded first
 *   answer HEX       one that is forwarded behind that
 *   trunk N          the port is a trunk with the first N networks: VLANs 10, 20, untagged
 *   kernel_rate 0, icmp_rate 0                    that limit is used up, or is 0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/vector.h"

#define TOGETHER 8 /* packets: the widest group of pipeline_lanes_burst.h */

static struct harness *world;
static struct pipeline_out out;
static bool reason_seen[LB_DROP_COUNT];

static int world_create(void **state)
{
	(void)state;
	world = vector_world_create();
	return 0;
}

static int world_destroy(void **state)
{
	(void)state;
	harness_destroy(world);
	return 0;
}

static struct rte_mbuf *mbuf_make(const struct vector *v)
{
	uint32_t first = v->segment ? v->segment : v->in.len;
	struct rte_mbuf *m = harness_frame(world, v->in.data, first);

	if (v->headroom >= 0) {
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

		memmove((uint8_t *)m->buf_addr + v->headroom, data, first);
		m->data_off = (uint16_t)v->headroom;
	}
	if (first < v->in.len)
		assert_int_equal(rte_pktmbuf_chain(m, harness_frame(world, v->in.data + first,
								    v->in.len - first)),
				 0);
	return m;
}

static void frame_compare(const struct vector *v, const struct rte_mbuf *m)
{
	static uint8_t got[VECTOR_FRAME_MAX];

	assert_int_equal(rte_pktmbuf_pkt_len(m), v->out.len);
	assert_int_equal(m->nb_segs == 1, m->next == NULL);
	for (uint32_t at = 0; m; m = m->next) {
		memcpy(got + at, rte_pktmbuf_mtod(m, const void *), m->data_len);
		at += m->data_len;
	}
	vector_mask(v, got);
	assert_memory_equal(got, v->out.data, v->out.len);
}

static const char *verdict(void)
{
	if (out.n_tx)
		return world->stats.reply_pkts ? "reply" : "forward";
	return out.n_kernel ? "kernel" : "drop";
}

/* @n copies of the frame came to the verdict, and the first that leaves is as expected. */
static void burst_check(const struct vector *v, const char *simd, uint32_t n)
{
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++) {
		bool expected = !strcmp(vector_drop_names[i], v->reason);
		uint64_t drops = world->stats.drop[i];

		if (drops != (expected ? n : 0))
			fail_msg("%s: %lu of %u dropped for %s; expected: %s %s", simd, drops, n,
				 vector_drop_names[i], v->verdict, v->reason);
		reason_seen[i] |= expected;
	}
	if (strcmp(verdict(), v->verdict) != 0)
		fail_msg("%s: %s; expected: %s", simd, verdict(), v->verdict);
	if (v->has_out) {
		assert_int_equal(out.n_tx + out.n_kernel, n);
		frame_compare(v, out.n_tx ? out.tx[0] : out.kernel[0]);
	}
	assert_int_equal(world->stats.flows, v->flows);
}

static void out_free(void)
{
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
	out.n_tx = out.n_kernel = 0;
}

/* The flow that it leaves is counted, the packet is not. */
static void before_run(const struct vector *v)
{
	uint64_t flows;

	assert_true(harness_send(world, harness_frame(world, v->before.data, v->before.len)) >= 0);
	if (v->answer.len)
		assert_true(harness_send(world,
					 harness_frame(world, v->answer.data, v->answer.len)) >= 0);
	flows = world->stats.flows;
	memset(&world->stats, 0, sizeof(world->stats));
	world->stats.flows = flows;
}

static void burst_run(const struct vector *v, enum pipeline_simd simd, uint16_t n)
{
	struct rte_mbuf *pkts[TOGETHER];

	out_free(); /* of a vector that failed */
	vector_world_reset(world, v);
	pipeline_init(&world->pl, simd);
	if (v->before.len)
		before_run(v);
	for (uint32_t i = 0; i < n; i++)
		pkts[i] = mbuf_make(v);
	pipeline_burst(&world->pl, world->tables, world->now, pkts, n, &out);
	burst_check(v, pipeline_simd_name(simd), n);
	world->stats.tx_pkts = out.n_tx;
	world->stats.kernel_pkts = out.n_kernel;
	out_free();
	harness_check_accounting(world);
}

static void vector_run(void **state)
{
	burst_run(*state, PIPELINE_PORTABLE, 1);
	for (int simd = PIPELINE_PORTABLE; simd <= (int)pipeline_simd_best(); simd++)
		burst_run(*state, (enum pipeline_simd)simd, TOGETHER);
}

/*
 * The reasons that need a port or a kernel interface are raised in tests/unit/io, and the one that
 * needs many connections in unit/engine/nat.
 */
static void every_drop_reason_was_raised(void **state)
{
	static const enum lb_drop elsewhere[] = { LB_DROP_KERNEL_FULL, LB_DROP_KERNEL_TX,
						  LB_DROP_TX_FULL,     LB_DROP_LATE,
						  LB_DROP_KILLED,      LB_DROP_NAT_EXHAUSTED };

	(void)state;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		reason_seen[elsewhere[i]] = true;
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		if (!reason_seen[i])
			fail_msg("no vector raises %s", vector_drop_names[i]);
}

int main(int argc, char **argv)
{
	static struct vector vectors[VECTORS_MAX];
	static struct CMUnitTest tests[VECTORS_MAX + 1];
	size_t n = vector_read(argc > 1 ? argv[1] : VECTORS_FILE, vectors);

	for (size_t i = 0; i < n; i++)
		tests[i] =
			(struct CMUnitTest){ vectors[i].name, vector_run, NULL, NULL, &vectors[i] };
	tests[n] = (struct CMUnitTest)cmocka_unit_test(every_drop_reason_was_raised);
	harness_eal_start(argv[0]);
	return _cmocka_run_group_tests("vectors", tests, n + 1, world_create, world_destroy);
}

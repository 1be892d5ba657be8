/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the pipeline copies for a capture: which, as received, with their verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/engine/pipeline.h"
#include "tests/support/harness.h"

#define VIP 0xcb00710au
#define CLIENT 0xc6336407u
#define OTHER 0xc6336408u
#define SLOTS 251
#define N_INSTANCES 2
#define UP (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS)
#define ALL UINT32_MAX
#define NOW_NS 1000000000ull

static struct lb_capture_ring ring;
static struct lb_capture_select shared;
static struct capture capture;

static const struct lb_capture_select everything = {
	.until_ns = 2 * NOW_NS,
	.verdicts = ALL,
	.reasons = ALL,
	.per_window = 100,
	.instance = LB_INSTANCE_NONE,
};

static struct harness *world_create(enum lb_forward forward)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .forward = (uint8_t)forward };
	struct harness *h = harness_create(5000);
	struct lb_instance instances[N_INSTANCES];
	uint16_t slots[SLOTS];

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		harness_instance(&instances[i], i, 4, UP);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), N_INSTANCES);
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = i % N_INSTANCES;
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	harness_services(h, &service, 1);
	return h;
}

static void capture_start(struct harness *h, const struct lb_capture_select *select)
{
	memset(&ring, 0, sizeof(ring));
	shared = *select;
	capture = (struct capture){ .shared = &shared, .ring = &ring };
	h->pl.capture = capture_look(&capture, NOW_NS) ? &capture : NULL;
	if (h->pl.capture)
		capture_begin(&capture, 7, NOW_NS + 1);
}

static void world_destroy(struct harness *h)
{
	h->pl.capture = NULL;
	harness_check_accounting(h);
	harness_destroy(h);
}

/* Return: the instance, or below 0. */
static int send(struct harness *h, uint32_t src, uint16_t sport, uint8_t flags)
{
	return harness_send(h, harness_tcp4(h, &(struct harness_tcp){ .src = src,
								      .dst = VIP,
								      .sport = sport,
								      .dport = 443,
								      .flags = flags }));
}

static void a_forwarded_packet_is_as_received(void **state)
{
	static const enum lb_forward modes[] = { LB_FORWARD_L2, LB_FORWARD_IPIP };

	(void)state;
	for (uint32_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct harness *h = world_create(modes[i]);
		struct rte_mbuf *m = harness_tcp4(h, &(struct harness_tcp){ .src = CLIENT,
									    .dst = VIP,
									    .sport = 4000,
									    .dport = 443,
									    .flags = LB_TCP_SYN });
		uint32_t len = m->pkt_len;
		uint8_t frame[LB_CAPTURE_BYTES];
		int instance;

		memcpy(frame, rte_pktmbuf_mtod(m, uint8_t *), len);
		capture_start(h, &everything);
		instance = harness_send(h, m);
		assert_int_equal(ring.head, 1);
		assert_int_equal(ring.record[0].result, LB_VERDICT_FORWARD);
		assert_int_equal(ring.record[0].instance, instance);
		assert_int_equal(ring.record[0].generation, 7);
		assert_int_equal(ring.record[0].ns, NOW_NS + 1);
		assert_int_equal(ring.record[0].len, len);
		assert_int_equal(ring.record[0].captured, len);
		assert_memory_equal(ring.record[0].data, frame, len);
		world_destroy(h);
	}
}

static void a_dropped_packet_has_its_reason(void **state)
{
	struct harness *h = world_create(LB_FORWARD_L2);

	(void)state;
	capture_start(h, &everything);
	send(h, CLIENT, 4000, LB_TCP_SYN | LB_TCP_FIN);
	assert_int_equal(ring.head, 1);
	assert_int_equal(ring.record[0].result, lb_result_drop(LB_DROP_TCP_FLAGS));
	assert_int_equal(ring.record[0].instance, LB_INSTANCE_NONE);
	assert_int_equal(h->stats.drop[LB_DROP_TCP_FLAGS], 1);
	world_destroy(h);
}

/* Others are neither copied nor counted against the rate. */
static void only_what_is_selected(void **state)
{
	static const struct {
		struct lb_capture_select select;
		uint32_t records;
	} cases[] = {
		{ { .verdicts = 1u << LB_VERDICT_DROP, .reasons = ALL }, 2 },
		{ { .verdicts = 1u << LB_VERDICT_DROP, .reasons = 1u << LB_DROP_TCP_FLAGS }, 2 },
		{ { .verdicts = 1u << LB_VERDICT_DROP, .reasons = 1u << LB_DROP_IP_TTL }, 0 },
		{ { .verdicts = ALL, .reasons = ALL, .family = 4, .client = { 198, 51, 100, 8 } },
		  2 },
		{ { .verdicts = ALL, .reasons = ALL, .family = 4, .client = { 198, 51, 100, 9 } },
		  0 },
		{ { .verdicts = ALL, .reasons = ALL, .family = 6, .client = { 198, 51, 100, 8 } },
		  0 },
	};
	struct harness *h = world_create(LB_FORWARD_IPIP);

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_capture_select select = cases[i].select;

		select.until_ns = 2 * NOW_NS;
		select.per_window = cases[i].records;
		select.instance = LB_INSTANCE_NONE;
		capture_start(h, &select);
		send(h, CLIENT, 4000, LB_TCP_SYN);
		send(h, OTHER, 4000, LB_TCP_SYN);
		send(h, CLIENT, 4000, LB_TCP_SYN | LB_TCP_FIN);
		send(h, OTHER, 4000, LB_TCP_SYN | LB_TCP_FIN);
		assert_int_equal(ring.head, cases[i].records);
		assert_int_equal(ring.skipped, 0);
	}
	world_destroy(h);
}

static void only_one_instance(void **state)
{
	struct lb_capture_select select = everything;
	struct harness *h = world_create(LB_FORWARD_L2);
	uint32_t to[N_INSTANCES] = { 0 };

	(void)state;
	select.instance = 1;
	capture_start(h, &select);
	for (uint16_t sport = 4000; sport < 4040; sport++)
		to[send(h, CLIENT, sport, LB_TCP_SYN)]++;
	assert_true(to[0] && to[1]);
	assert_int_equal(ring.head, to[1]);
	for (uint32_t i = 0; i < ring.head; i++)
		assert_int_equal(ring.record[i].instance, 1);
	world_destroy(h);
}

static void rate_and_room_are_limits(void **state)
{
	struct lb_capture_select select = everything;
	struct harness *h = world_create(LB_FORWARD_L2);

	(void)state;
	select.per_window = 5;
	capture_start(h, &select);
	for (uint16_t sport = 4000; sport < 4008; sport++)
		send(h, CLIENT, sport, LB_TCP_SYN);
	assert_int_equal(ring.head, 5);
	assert_int_equal(ring.skipped, 3);
	assert_true(capture_look(&capture, NOW_NS + LB_CAPTURE_WINDOW_MS * 1000000ull));
	send(h, CLIENT, 4008, LB_TCP_SYN);
	assert_int_equal(ring.head, 6);

	select.per_window = 2 * LB_CAPTURE_RING;
	capture_start(h, &select);
	for (uint32_t i = 0; i < LB_CAPTURE_RING + 3; i++)
		send(h, CLIENT, 4000, LB_TCP_ACK);
	assert_int_equal(ring.head, LB_CAPTURE_RING);
	assert_int_equal(ring.lost, 3);
	ring.tail = 1; /* one is read */
	send(h, CLIENT, 4000, LB_TCP_ACK);
	assert_int_equal(ring.head, LB_CAPTURE_RING + 1);
	assert_int_equal(ring.lost, 3);
	world_destroy(h);
}

static void it_ends_without_sluiced(void **state)
{
	struct harness *h = world_create(LB_FORWARD_L2);

	(void)state;
	capture_start(h, &everything);
	assert_non_null(h->pl.capture);
	assert_false(capture_look(&capture, everything.until_ns));
	shared.until_ns = 0;
	assert_false(capture_look(&capture, NOW_NS));
	world_destroy(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forwarded_packet_is_as_received),
		cmocka_unit_test(a_dropped_packet_has_its_reason),
		cmocka_unit_test(only_what_is_selected),
		cmocka_unit_test(only_one_instance),
		cmocka_unit_test(rate_and_room_are_limits),
		cmocka_unit_test(it_ends_without_sluiced),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

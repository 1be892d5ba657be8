/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_parse.h"
#include "perf/pktgen/wire.h"

static const uint8_t node_mac[] = { 2, 0, 0, 0, 0, 1 }, our_mac[] = { 2, 0, 0, 0, 0, 2 };

static const struct wire_target targets[] = {
	{ .family = 4, .addr = { 203, 0, 113, 10 }, .port = 443 },
	{ .family = 6, .addr = { 0x20, 1, 0xd, 0xb8, [15] = 0x10 }, .port = 80 },
};

static const uint16_t sizes[] = { 64, 594, 1518 };

static struct wire wire;

static int setup(void **state)
{
	const struct wire_setup wire_setup = {
		.targets = targets,
		.n_targets = 2,
		.sizes = sizes,
		.n_sizes = 3,
		.client4 = lb_cpu_to_be32(0x64400000),
		.client6 = (const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, 0, 0xc },
		.src_mac = our_mac,
		.dst_mac = node_mac,
	};

	(void)state;
	return wire_init(&wire, &wire_setup);
}

static int teardown(void **state)
{
	(void)state;
	wire_fini(&wire);
	return 0;
}

static void packet_make(struct wire_batch *b, uint32_t flow, uint32_t size, uint8_t *frame)
{
	const struct wire_kind *kind =
		&wire.kinds[wire_kind_of(&wire, wire_target_of(&wire, flow), size)];

	memset(b, 0, sizeof(*b));
	b->src[0] = wire_src(&wire, flow, kind->family);
	b->sport[0] = wire_sport(flow);
	b->seq[0] = lb_cpu_to_be32(flow * 7);
	b->stamp[0] = lb_cpu_to_be32(0x12345678);
	b->flags[0] = wire_flags(LB_TCP_ACK);
	b->tcp_base[0] = kind->tcp_base;
	b->ip_base[0] = kind->ip_base;
	wire_compute(b, 1);
	wire_write(kind, b, 0, frame);
}

static uint16_t sum_bytes(const uint8_t *p, uint32_t bytes, uint64_t sum)
{
	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += lb_load16(p + i);
	return lb_csum_fold(sum + (bytes & 1 ? p[bytes - 1] : 0));
}

static void checksums_check(const uint8_t *ip, const struct lb_meta *meta)
{
	uint32_t header = meta->family == 4 ? 20 : 40, bytes = meta->l3_len - header;
	uint64_t sum = LB_BE16(LB_IPPROTO_TCP) + (uint64_t)lb_cpu_to_be16((uint16_t)bytes);

	if (meta->family == 4) {
		assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum((const struct lb_ipv4 *)ip)),
				 0xffff);
		sum += sum_bytes(ip + 12, 8, 0);
	} else {
		sum += sum_bytes(ip + 8, 32, 0);
	}
	assert_int_equal(sum_bytes(ip + header, bytes, sum), 0xffff);
}

/* Packets of all kinds, one after the other in one buffer: the dataplane's parser takes them, checksums are right. */
static void test_packets(void **state)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct wire_batch batch;

	(void)state;
	wire_fill(&wire, frame, sizeof(frame));
	for (uint32_t flow = 0; flow < 1000; flow++) {
		uint32_t size = flow % 4; /* the last is the bare one */
		const struct wire_kind *kind;
		struct lb_meta meta = { 0 };
		struct lb_frame f;

		packet_make(&batch, flow, size, frame);
		kind = &wire.kinds[wire_kind_of(&wire, wire_target_of(&wire, flow), size)];
		f = (struct lb_frame){ frame, frame + kind->frame_bytes, kind->frame_bytes };
		lb_parse(&f, lb_mac_load(node_mac), &meta);
		assert_int_equal(meta.class, LB_CLASS_FLOW);
		assert_int_equal(meta.family, kind->family);
		assert_int_equal(meta.l3_len, kind->ip_bytes);
		checksums_check(frame + 14, &meta);
		assert_int_equal(wire_flow(&wire, batch.src[0], batch.sport[0], kind->family),
				 flow);
		assert_int_equal(wire_size(&wire, kind->family, meta.l3_len), size);
		assert_int_equal(wire_differs(kind, frame + 14), 0);
		assert_false(wire_payload_differs(&wire, kind, frame + kind->payload_at));
	}
}

/* Frames have the sizes that were asked for; those without data are padded to what Ethernet needs. */
static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 0, 0)].frame_bytes, 60);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 0, 1)].frame_bytes, 590);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 0, 2)].frame_bytes, 1514);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 0, 3)].frame_bytes, 60);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 0, 3)].ip_bytes, 40);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 1, 0)].frame_bytes, 80);
	assert_int_equal(wire.kinds[wire_kind_of(&wire, 1, 3)].frame_bytes, 74);
}

/* Any bit that is changed in a packet is seen: as another constant, payload, flow, or by what is computed. */
static bool change_seen(const uint8_t *frame, uint32_t flow)
{
	const struct wire_kind *kind =
		&wire.kinds[wire_kind_of(&wire, wire_target_of(&wire, flow), 0)];
	const uint8_t *ip = frame + 14;
	const struct lb_tcp *tcp = (const struct lb_tcp *)(ip + (kind->family == 4 ? 20 : 40));
	struct wire_batch b;

	memset(&b, 0, sizeof(b));
	b.src[0] = kind->family == 4 ? ((const struct lb_ipv4 *)ip)->src : lb_load32(ip + 20);
	b.sport[0] = tcp->sport;
	b.seq[0] = tcp->seq;
	b.stamp[0] = tcp->ack;
	b.flags[0] = lb_load16(&tcp->doff);
	b.tcp_base[0] = kind->tcp_base;
	b.ip_base[0] = kind->ip_base;
	wire_compute(&b, 1);
	return wire_differs(kind, ip) ||
	       wire_payload_differs(&wire, kind, frame + kind->payload_at) ||
	       wire_flow(&wire, b.src[0], b.sport[0], kind->family) != flow ||
	       tcp->csum != b.tcp_csum[0] ||
	       ((uint32_t)tcp->window << 16 | tcp->urgent) != b.sig[0] ||
	       (kind->family == 4 && ((const struct lb_ipv4 *)ip)->csum != b.ip_csum[0]);
}

static void test_every_bit(void **state)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct wire_batch batch;

	(void)state;
	for (uint32_t flow = 0; flow < 32; flow += 16) { /* an IPv4 one, an IPv6 one */
		const struct wire_kind *kind =
			&wire.kinds[wire_kind_of(&wire, wire_target_of(&wire, flow), 0)];

		wire_fill(&wire, frame, sizeof(frame));
		packet_make(&batch, flow, 0, frame);
		assert_false(change_seen(frame, flow));
		for (uint32_t bit = 14 * 8; bit < kind->frame_bytes * 8u; bit++) {
			frame[bit / 8] ^= 1u << bit % 8;
			assert_true(change_seen(frame, flow));
			frame[bit / 8] ^= 1u << bit % 8;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_bit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

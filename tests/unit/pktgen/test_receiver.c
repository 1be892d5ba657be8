/* SPDX-License-Identifier: BSD-3-Clause */
/* No bit of a forwarded frame can change unseen: through tunnels of any families, and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_reply.h"
#include "perf/pktgen/receiver.h"

#define FLOWS 64
#define SEQUENCE 7
#define FRAME_BYTES 256

static const uint8_t node_mac[] = { 2, 0, 0, 0, 0, 1 }, our_mac[] = { 2, 0, 0, 0, 0, 2 };

static const struct wire_target targets[] = {
	{ .family = 4, .addr = { 203, 0, 113, 10 }, .port = 443 },
	{ .family = 6, .addr = { 0x20, 1, 0xd, 0xb8, [15] = 0x10 }, .port = 80 },
};

static struct wire wire;
static struct flows flows;
static struct instances instances;
static struct receiver receiver;

/* A frame as the node sends it on. */
struct forwarded {
	uint8_t frame[FRAME_BYTES] LB_ALIGNED(64);
	uint32_t bytes;
	uint32_t padding_at;
	uint16_t instance;
};

static int setup(void **state)
{
	static const uint16_t sizes[] = { 64, 128 };
	const struct wire_setup wire_setup = {
		.targets = targets,
		.n_targets = 2,
		.sizes = sizes,
		.n_sizes = 2,
		.client4 = lb_cpu_to_be32(0x64400000),
		.client6 = (const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, 0, 0xc },
		.src_mac = our_mac,
		.dst_mac = node_mac,
	};
	const struct flows_setup flows_setup = { .flows = FLOWS, .n_sizes = 2, .seed = 1 };

	(void)state;
	instances.mac_base[0] = 2;
	instances.mac_base[3] = 1;
	receiver.wire = &wire;
	receiver.flows = &flows;
	receiver.instances = &instances;
	memcpy(receiver.mac, our_mac, sizeof(our_mac));
	memcpy(receiver.node_mac, node_mac, sizeof(node_mac));
	return instances_add(&instances, "10.0.1.1-10.0.1.2") ||
	       instances_add(&instances, "2001:db8:1::1-2001:db8:1::2") ||
	       wire_init(&wire, &wire_setup) || flows_init(&flows, &flows_setup);
}

static int teardown(void **state)
{
	(void)state;
	flows_fini(&flows);
	wire_fini(&wire);
	return 0;
}

/* What the generator sends of a flow: @size of its data sizes, or the bare one. */
static uint32_t packet_make(uint8_t *frame, uint32_t flow, uint32_t size)
{
	const struct wire_kind *kind =
		&wire.kinds[wire_kind_of(&wire, wire_target_of(&wire, flow), size)];
	struct wire_batch b;

	memset(&b, 0, sizeof(b));
	wire_fill(&wire, frame, WIRE_HEAD_BYTES + 64);
	b.src[0] = wire_src(&wire, flow, kind->family);
	b.sport[0] = wire_sport(flow);
	b.seq[0] = lb_cpu_to_be32(SEQUENCE);
	b.flags[0] = wire_flags(LB_TCP_ACK);
	b.tcp_base[0] = kind->tcp_base;
	b.ip_base[0] = kind->ip_base;
	wire_compute(&b, 1);
	wire_write(kind, &b, 0, frame);
	return kind->frame_bytes;
}

static void instance_make(struct lb_instance *instance, uint32_t i)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);
	bool is_6 = i >= 2;

	memset(instance, 0, sizeof(*instance));
	instances_mac(&instances, i, eth->dst);
	memcpy(eth->src, node_mac, LB_ETH_ALEN);
	eth->type = is_6 ? LB_BE16(LB_ETHERTYPE_IPV6) : LB_BE16(LB_ETHERTYPE_IPV4);
	instance->flags = is_6 ? LB_INSTANCE_OUTER6 : 0;
	if (is_6) {
		*ip6 = (struct lb_ipv6){
			.ver_tc_flow = lb_cpu_to_be32(0x60000000),
			.next = LB_IPPROTO_IPIP,
			.hop_limit = 64,
			.src = { 0x20, 1, 0xd, 0xb8, [15] = 5 },
			.dst = { 0x20, 1, 0xd, 0xb8, 0, 1, [15] = (uint8_t)(i - 1) },
		};
		return;
	}
	*ip4 = (struct lb_ipv4){ .version_ihl = 0x45,
				 .frag = LB_BE16(LB_IPV4_DF),
				 .ttl = 64,
				 .proto = LB_IPPROTO_IPIP,
				 .src = lb_cpu_to_be32(0x0a000005),
				 .dst = lb_cpu_to_be32(0x0a000101 + i) };
	ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
}

/* By the dataplane's own code, whose other tests say that it is right. */
static void forward(struct forwarded *f, uint32_t flow, uint32_t size, uint32_t i)
{
	uint8_t packet[FRAME_BYTES];
	uint32_t bytes = packet_make(packet, flow, size), tunnel_len;
	struct lb_meta meta = { .l3_offset = sizeof(struct lb_eth) };
	struct lb_instance instance;
	const uint8_t *ip = packet + sizeof(struct lb_eth);

	f->instance = receiver.mode == RECEIVER_MACSWAP ? 0 : (uint16_t)i;
	instance_make(&instance, i);
	meta.family = *ip >> 4;
	meta.l3_len = meta.family == 4
			      ? lb_be16_to_cpu(((const struct lb_ipv4 *)ip)->total_len)
			      : lb_be16_to_cpu(((const struct lb_ipv6 *)ip)->payload_len) + 40u;
	f->padding_at = meta.l3_offset + meta.l3_len;
	tunnel_len = receiver.mode == RECEIVER_IPIP ? lb_tunnel_len(&instance, &lb_shim_none) : 0;
	memcpy(f->frame + tunnel_len, packet, bytes);
	f->bytes = tunnel_len ? tunnel_len + meta.l3_offset + meta.l3_len : bytes;
	if (tunnel_len)
		assert_true(lb_write_tunnel(f->frame, f->frame + f->bytes, &instance, &lb_shim_none,
					    &meta, 0, flow, 0));
	else if (receiver.mode == RECEIVER_L2)
		lb_write_mac(f->frame, &instance);
	else
		lb_write_eth_reply(f->frame, packet, sizeof(struct lb_eth));
}

/* Return: whether the packet is thought to be right. */
static bool judge(struct forwarded *f)
{
	struct rte_mbuf mbuf = { .buf_addr = f->frame,
				 .data_len = (uint16_t)f->bytes,
				 .pkt_len = f->bytes,
				 .nb_segs = 1 },
			*m = &mbuf, *others[1];
	uint64_t good = receiver.stats.good, faults = faults_total(&receiver.faults, 0);

	for (uint32_t i = 0; i < FLOWS; i++)
		flows.flow[i] = (struct flow){ .tx_seq = SEQUENCE + 1,
					       .rx_next = SEQUENCE,
					       .instance = f->instance };
	receiver_burst(&receiver, &m, 1, 100, others);
	return receiver.stats.good > good && faults_total(&receiver.faults, 0) == faults;
}

/* What may be anything: padding, and the flow label of an IPv6 tunnel, by which routers spread. */
static bool is_free(const struct forwarded *f, uint32_t byte, uint32_t bit)
{
	if (receiver.mode != RECEIVER_IPIP)
		return byte >= f->padding_at;
	return f->frame[12] == 0x86 && f->frame[13] == 0xdd &&
	       ((byte == 15 && bit < 4) || byte == 16 || byte == 17);
}

static uint32_t flips_check(struct forwarded *f)
{
	uint32_t n = 0;

	assert_true(judge(f));
	for (uint32_t byte = 0; byte < f->bytes; byte++) {
		for (uint32_t bit = 0; bit < 8; bit++, n++) {
			if (is_free(f, byte, bit))
				continue;
			f->frame[byte] ^= 1u << bit;
			if (judge(f))
				fail_msg("bit %u of byte %u of %u", bit, byte, f->bytes);
			f->frame[byte] ^= 1u << bit;
		}
	}
	assert_true(judge(f));
	return n;
}

/* A wrong length, too. */
static void lengths_check(struct forwarded *f)
{
	for (uint32_t bytes = 14; bytes < FRAME_BYTES; bytes++) {
		uint32_t right = f->bytes;

		f->bytes = bytes;
		assert_int_equal(judge(f), bytes == right);
		f->bytes = right;
	}
}

static void check(enum receiver_mode mode)
{
	static struct forwarded f;

	receiver.mode = mode;
	receiver.knows4 = receiver.knows6 = false;
	/* Flows 0 and 16 are to the two targets; two sizes, and the bare one. */
	for (uint32_t flow = 0; flow < 32; flow += 16) {
		for (uint32_t size = 0; size < 3; size++) {
			for (uint32_t i = 0; i < instances.count; i += 2) {
				memset(&f, 0, sizeof(f));
				forward(&f, flow, size, i);
				assert_true(flips_check(&f) >= 60 * 8);
				lengths_check(&f);
			}
		}
	}
}

static void tunnel_is_checked(void **state)
{
	(void)state;
	check(RECEIVER_IPIP);
}

static void receiver_checks_l2(void **state)
{
	(void)state;
	check(RECEIVER_L2);
}

static void macswap_is_checked(void **state)
{
	(void)state;
	check(RECEIVER_MACSWAP);
}

/* Unrecognized packets to a target were sent by us. */
static void unrecognized_packets_are_faults(void **state)
{
	static struct forwarded f;
	uint64_t other = receiver.stats.other;

	(void)state;
	receiver.mode = RECEIVER_L2;
	for (uint32_t flow = 0; flow < 32; flow += 16) {
		uint64_t bad = receiver.stats.bad;

		forward(&f, flow, 0, 1);
		f.frame[flow ? 54 : 34] ^= 0x80; /* the source port */
		assert_false(judge(&f));
		receiver.mode = RECEIVER_IPIP;
		assert_false(judge(&f));
		receiver.mode = RECEIVER_L2;
		assert_int_equal(receiver.stats.bad, bad + 2);
	}
	assert_int_equal(receiver.stats.other, other);
	/* The node's own, to another port. */
	f.frame[57]++;
	assert_false(judge(&f));
	assert_int_equal(receiver.stats.other, other + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnel_is_checked),
		cmocka_unit_test(receiver_checks_l2),
		cmocka_unit_test(macswap_is_checked),
		cmocka_unit_test(unrecognized_packets_are_faults),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

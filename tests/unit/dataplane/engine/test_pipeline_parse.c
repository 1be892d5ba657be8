/* SPDX-License-Identifier: BSD-3-Clause */
/* All ways to parse a burst say the same, of packets of every kind, in bursts of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/engine/pipeline_internal.h"
#include "tests/support/harness.h"
#include "tests/support/random_frame.h"
#include "tests/support/vector.h"

#define BURSTS 30000
#define FRAME_BYTES 80
#define HEADROOM 192
#define SERVICES 10 /* half of them over IPv6 */

/* A packet and its mbuf, which is not one of a pool: the frame ends where its memory does. */
struct packet {
	struct rte_mbuf mbuf;
	uint8_t *memory;
};

static void tcp_write(struct lb_tcp *tcp)
{
	const uint8_t flags[] = { LB_TCP_SYN, LB_TCP_ACK, LB_TCP_ACK | LB_TCP_PSH,
				  LB_TCP_ACK | LB_TCP_FIN, LB_TCP_RST };

	*tcp = (struct lb_tcp){
		.sport = random_below(100) ? (lb_be16)random_below(65536) : 0,
		.dport = lb_cpu_to_be16((uint16_t)(440 + random_below(SERVICES / 2 + 1))),
		.doff = 0x50,
		.flags = flags[random_below(sizeof(flags))],
	};
}

static void frame_write4(uint8_t *frame)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(frame + sizeof(struct lb_eth));

	*ip = (struct lb_ipv4){
		.version_ihl = 0x45,
		.total_len = lb_cpu_to_be16((uint16_t)(40 + random_below(27))),
		.id = (lb_be16)random_below(65536),
		.frag = random_below(2) ? LB_BE16(LB_IPV4_DF) : 0,
		.ttl = random_below(100) ? (uint8_t)random_below(256) : 0,
		.proto = LB_IPPROTO_TCP,
		.src = random_below(UINT32_MAX),
	};
	memcpy(&ip->dst, (const uint8_t[]){ 203, 0, 113, 10 }, 4);
	tcp_write((struct lb_tcp *)(ip + 1));
	random_frame_csum(frame);
}

static void frame_write6(uint8_t *frame)
{
	struct lb_ipv6 *ip = (struct lb_ipv6 *)(frame + sizeof(struct lb_eth));

	*ip = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000 | random_below(1u << 28)),
		.payload_len = lb_cpu_to_be16((uint16_t)(20 + random_below(7))),
		.next = LB_IPPROTO_TCP,
		.hop_limit = random_below(100) ? (uint8_t)random_below(256) : 0,
		.src = { (uint8_t)(random_below(8) ? 0x20 : random_below(2) * 0xff),
			 1, [15] = (uint8_t)random_below(256) },
		.dst = { 0x20, [15] = 1 },
	};
	if (random_below(30) == 0) /* ::, ::1 */
		memset(ip->src, 0, random_below(2) ? 15 : 16);
	else if (random_below(30) == 0)
		memcpy(ip->src, ip->dst, sizeof(ip->src));
	tcp_write((struct lb_tcp *)(ip + 1));
}

/* What a burst has. */
struct mix {
	uint32_t sixes;	 /* packets over IPv6, of 16 */
	uint32_t oddity; /* of how many packets one is not as it should be */
};

static void frame_write(uint8_t *frame, struct mix mix)
{
	struct lb_eth *eth = (struct lb_eth *)frame;
	bool is_6 = random_below(16) < mix.sixes;

	memset(frame, 0, FRAME_BYTES);
	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	eth->type = is_6 ? LB_BE16(LB_ETHERTYPE_IPV6) : LB_BE16(LB_ETHERTYPE_IPV4);
	if (is_6)
		frame_write6(frame);
	else
		frame_write4(frame);
	if (random_below(mix.oddity))
		return;
	for (uint32_t n = 1 + random_below(3); n > 0; n--)
		frame[random_below(is_6 ? 74 : 54)] =
			(uint8_t)(random_below(4) ? 1u << random_below(8) : random_below(256));
	if (!is_6 && random_below(2))
		random_frame_csum(frame);
}

static void packet_write(struct packet *p, struct mix mix)
{
	uint32_t room = random_below(HEADROOM + 1);
	uint32_t bytes = random_below(mix.oddity) ? FRAME_BYTES : random_below(FRAME_BYTES + 1);
	uint8_t frame[FRAME_BYTES];

	frame_write(frame, mix);
	p->memory = malloc(room + bytes + !(room + bytes));
	assert_non_null(p->memory);
	memcpy(p->memory + room, frame, bytes);
	p->mbuf = (struct rte_mbuf){
		.buf_addr = p->memory,
		.data_off = (uint16_t)room,
		.data_len = (uint16_t)bytes,
		.pkt_len = bytes + (random_below(mix.oddity) ? 0 : random_below(100)),
		.nb_segs = 1,
	};
}

static void burst_parse(struct burst *b, struct harness *h, struct rte_mbuf **pkts, uint16_t n,
			stage_parse_fn parse, bool is_mixed)
{
	memset(b, 0, sizeof(*b));
	b->pl = &h->pl;
	b->tables = h->tables;
	b->arrived = b->pkt = pkts;
	b->n = n;
	h->pl.is_mixed = is_mixed;
	for (uint32_t i = 0; i < n; i++) {
		b->data[i] = rte_pktmbuf_mtod(pkts[i], const uint8_t *);
		b->lengths[i] = lb_load64(&pkts[i]->pkt_len);
	}
	parse(b);
}

/* Index of the packet that arrived as number @n. */
static uint32_t place_of(const struct burst *b, uint32_t n)
{
	uint32_t place = 0;

	while (b->pkt[place] != b->arrived[n])
		place++;
	return place;
}

/* One bit per packet, and the same by arrival. */
static uint64_t by_arrival(const struct burst *b, uint64_t bits)
{
	uint64_t same = 0;

	for (uint32_t n = 0; n < b->n; n++)
		same |= (bits >> place_of(b, n) & 1) << n;
	return same;
}

/* Of a list that has each packet once, in the order of the burst. */
static uint64_t bits_of(const uint8_t *list, uint32_t n)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < n; i++) {
		assert_true(!i || list[i] > list[i - 1]);
		bits |= 1ULL << list[i];
	}
	return bits;
}

static const char *result_name(const struct burst *b, uint32_t i)
{
	static const char *const names[] = { "forward", "reply", "kernel" };
	enum lb_verdict verdict = lb_result_verdict(b->result[i]);

	return verdict == LB_VERDICT_DROP ? vector_drop_names[lb_result_reason(b->result[i])]
					  : names[verdict];
}

/* The frame as tests/vectors has it, so that it can become one of them. */
static void check_same_result(const struct burst *a, uint32_t i, const struct burst *b, uint32_t j)
{
	uint32_t bytes = rte_pktmbuf_data_len(a->pkt[i]);
	char hex[2 * FRAME_BYTES + 1] = "";

	if (a->result[i] == b->result[j])
		return;
	for (uint32_t at = 0; at < bytes; at++)
		snprintf(hex + 2 * at, 3, "%02x", a->data[i][at]);
	fail_msg("alone: %s, in a group: %s; in %s", result_name(a, i), result_name(b, j), hex);
}

static void check_same_packet(struct burst *a, uint32_t i, struct burst *b, uint32_t j)
{
	struct lb_meta meta, other;

	check_same_result(a, i, b, j);
	pipeline_meta(a, i, &meta);
	pipeline_meta(b, j, &other);
	assert_int_equal(meta.class, other.class);
	if (meta.class > LB_CLASS_ICMP_ERROR)
		return;
	assert_memory_equal(&meta, &other, meta.family == 4 ? 24 : sizeof(meta));
	if (a->result[i] != LB_VERDICT_FORWARD && !(a->errors >> i & 1))
		return;
	assert_int_equal(a->key[i], b->key[j]);
	assert_int_equal(a->spread[i], b->spread[j]);
	assert_int_equal(a->steps[i], b->steps[j]);
	assert_int_equal(a->l3_len[i], b->l3_len[j]);
	assert_int_equal(a->l3_len[i], meta.l3_len);
	assert_ptr_equal(a->bucket[i], b->bucket[j]);
	assert_ptr_equal(a->service[i], b->service[j]);
	assert_ptr_equal(a->data[i], b->data[j]);
	assert_int_equal(a->lengths[i], b->lengths[j]);
}

/* @a: in order of arrival. */
static uint32_t check_same(struct burst *a, struct burst *b)
{
	for (uint32_t n = 0; n < a->n; n++)
		check_same_packet(a, n, b, place_of(b, n));
	assert_int_equal(bits_of(a->flow, a->n_flow), by_arrival(b, bits_of(b->flow, b->n_flow)));
	assert_int_equal(a->errors, by_arrival(b, b->errors));
	assert_int_equal(a->plain4, by_arrival(b, b->plain4));
	assert_int_equal(a->plain6, by_arrival(b, b->plain6));
	assert_int_equal(a->in_place, by_arrival(b, b->in_place));
	assert_int_equal(a->second_bit, by_arrival(b, b->second_bit));
	return a->n_flow;
}

/* Those over IPv6 are behind the others, but for the last packets, and each kind is in its order. */
static uint32_t check_grouped(const struct burst *b)
{
	uint32_t last[2] = { 0, 0 }, n_six = (uint32_t)__builtin_popcountll(b->six);

	for (uint32_t n = 0; b->six && n < b->n; n++) {
		uint32_t is_six = b->six >> n & 1, place = place_of(b, n);

		assert_true(place >= last[is_six]);
		assert_true((place >= b->n - n_six) == is_six);
		last[is_six] = place;
	}
	return b->six != 0;
}

/* More than one service, so that some are not found where the search for them begins. */
static void services_put(struct harness *h)
{
	struct harness_service services[SERVICES];

	for (uint16_t i = 0; i < SERVICES; i++)
		services[i] = (struct harness_service){
			.family = i & 1 ? 6 : 4,
			.addr = { 203, 0, 113, 10 },
			.port = (uint16_t)(440 + i / 2),
			.id = (uint16_t)(i + 1),
			.forward = i & 2   ? LB_FORWARD_L2
				   : i & 4 ? LB_FORWARD_GUE
					   : LB_FORWARD_IPIP,
			.instance_port = (i & 6) == 4 ? 65535 : 0,
		};
	for (uint16_t i = 1; i < SERVICES; i += 2)
		memcpy(services[i].addr, (const uint8_t[16]){ 0x20, [15] = 1 }, 16);
	harness_services(h, services, SERVICES);
}

static void gives_the_same(stage_parse_fn parse)
{
	static const uint32_t oddities[] = { 1000, 30, 6, 2 }, sixes[] = { 0, 1, 8, 15, 16 };
	struct harness *h = harness_create(5000);
	static struct packet packet[PIPELINE_BURST];
	static struct burst one, many;
	struct rte_mbuf *pkts[PIPELINE_BURST];
	uint64_t flows = 0, pkts_in_all = 0, grouped = 0;

	services_put(h);
	for (uint32_t round = 0; round < BURSTS; round++) {
		uint16_t n = (uint16_t)(1 + random_below(PIPELINE_BURST));

		for (uint32_t i = 0; i < n; i++) {
			packet_write(&packet[i],
				     (struct mix){ sixes[round % 5], oddities[round % 4] });
			pkts[i] = &packet[i].mbuf;
		}
		burst_parse(&one, h, pkts, n, pipeline_parse_portable, false);
		burst_parse(&many, h, pkts, n, parse, random_below(2));
		flows += check_same(&one, &many);
		grouped += check_grouped(&many);
		pkts_in_all += n;
		for (uint32_t i = 0; i < n; i++)
			free(packet[i].memory);
	}
	print_message("# %lu of %lu packets are flows', %lu of %u bursts grouped\n", flows,
		      pkts_in_all, grouped, BURSTS);
	assert_in_range(flows, pkts_in_all / 3, pkts_in_all * 9 / 10);
	assert_in_range(grouped, BURSTS / 10, BURSTS / 2);
	harness_destroy(h);
}

#define INSTANCES 16

static struct harness *world_create(enum pipeline_simd simd)
{
	struct lb_instance instances[INSTANCES];
	struct harness *h = harness_create(5000);
	uint16_t slots[251];

	for (uint16_t i = 0; i < INSTANCES; i++)
		harness_instance(&instances[i], i, i & 1 ? 6 : 4,
				 LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK | LB_INSTANCE_SERVES |
					 LB_INSTANCE_ACCEPTS);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), INSTANCES);
	for (uint32_t i = 0; i < 251; i++)
		slots[i] = (uint16_t)(i % INSTANCES);
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), 251);
	services_put(h);
	pipeline_init(&h->pl, simd);
	return h;
}

/* What was sent, and what went to the kernel: the same frames in the same order. */
static void check_same_frames(struct rte_mbuf **a, uint32_t n, struct rte_mbuf **b, uint32_t n_b)
{
	assert_int_equal(n, n_b);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(a[i]->data_len, b[i]->data_len);
		assert_memory_equal(rte_pktmbuf_mtod(a[i], const void *),
				    rte_pktmbuf_mtod(b[i], const void *), a[i]->data_len);
	}
	rte_pktmbuf_free_bulk(a, n);
	rte_pktmbuf_free_bulk(b, n);
}

/* A burst of both families is grouped, unless simd is PIPELINE_PORTABLE; nobody can tell. */
static void bursts_keep_their_order(void **unused)
{
	static const uint32_t oddities[] = { 1000, 30, 6 }, sixes[] = { 0, 2, 8, 14 };
	static uint8_t frame[PIPELINE_BURST][FRAME_BYTES];
	static struct pipeline_out out[2];
	struct harness *h[2];

	(void)unused;
	h[0] = world_create(PIPELINE_PORTABLE);
	h[1] = world_create(pipeline_simd_best());
	for (uint32_t round = 0; round < 3000; round++) {
		struct mix mix = { sixes[round / 3 % 4], oddities[round % 3] };
		uint16_t n = (uint16_t)(PIPELINE_BURST - random_below(2) * random_below(40));

		for (uint32_t i = 0; i < n; i++)
			frame_write(frame[i], mix);
		for (uint32_t w = 0; w < 2; w++) {
			struct rte_mbuf *pkts[PIPELINE_BURST];

			for (uint32_t i = 0; i < n; i++)
				pkts[i] = harness_frame(h[w], frame[i], FRAME_BYTES);
			pipeline_burst(&h[w]->pl, h[w]->tables, 0, pkts, n, &out[w]);
		}
		check_same_frames(out[0].tx, out[0].n_tx, out[1].tx, out[1].n_tx);
		check_same_frames(out[0].kernel, out[0].n_kernel, out[1].kernel, out[1].n_kernel);
	}
	assert_memory_equal(h[0]->stats.drop, h[1]->stats.drop, sizeof(h[0]->stats.drop));
	assert_int_equal(h[0]->stats.flow_hits, h[1]->stats.flow_hits);
	harness_destroy(h[0]);
	harness_destroy(h[1]);
}

static void avx2_gives_the_same(void **unused)
{
	(void)unused;
	if (pipeline_simd_best() < PIPELINE_AVX2)
		skip();
	gives_the_same(pipeline_parse_avx2);
}

static void avx512_gives_the_same(void **unused)
{
	(void)unused;
	if (pipeline_simd_best() < PIPELINE_AVX512)
		skip();
	gives_the_same(pipeline_parse_avx512);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avx2_gives_the_same),
		cmocka_unit_test(avx512_gives_the_same),
		cmocka_unit_test(bursts_keep_their_order),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet in several segments comes out as the same bytes as in one, whatever lies in which segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_csum.h"
#include "tests/support/harness.h"

#define KINDS 5 /* of services */
#define ROUNDS 20000
#define FRAME_MAX 4000
#define SEGMENTS_MAX 6
#define SLOTS 251
#define FLAGS                                                                                      \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

static uint64_t state = 88172645463325252ULL;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return lb_hash_range((uint32_t)(state >> 32), n);
}

/* A frame, and where what the pipeline reads of it ends. */
struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t bytes;
	uint32_t headers;
};

static uint32_t ip_write(uint8_t *at, uint8_t family, uint32_t payload)
{
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)at;
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)at;
	const uint32_t bytes = (uint32_t)sizeof(struct lb_tcp) + payload;

	if (family == 6) {
		*ip6 = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(0x60000000),
					 .payload_len = lb_cpu_to_be16((uint16_t)bytes),
					 .next = LB_IPPROTO_TCP,
					 .hop_limit = 64,
					 .src = { 0x20, 1, [15] = 7 },
					 .dst = { 0x20, [15] = 1 } };
		return sizeof(*ip6);
	}
	*ip4 = (struct lb_ipv4){ .version_ihl = 0x45,
				 .total_len = lb_cpu_to_be16((uint16_t)(sizeof(*ip4) + bytes)),
				 .frag = random_below(8) ? LB_BE16(LB_IPV4_DF) : 0,
				 .ttl = 64,
				 .proto = LB_IPPROTO_TCP,
				 .src = lb_cpu_to_be32(0xc6336407) };
	memcpy(&ip4->dst, (const uint8_t[]){ 203, 0, 113, 10 }, 4);
	ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
	return sizeof(*ip4);
}

/* With or without a VLAN tag, of any size, with padding behind it or none. */
static void frame_write(struct frame *f)
{
	uint8_t family = random_below(2) ? 4 : 6;
	uint32_t payload = random_below(3) ? random_below(40) : random_below(1800), at = 12;
	struct lb_tcp *tcp;

	for (uint32_t i = 0; i < FRAME_MAX; i++)
		f->data[i] = (uint8_t)random_below(256);
	memcpy(f->data, harness_port_mac, LB_ETH_ALEN);
	if (random_below(4) == 0) {
		lb_store16(f->data + at, LB_BE16(LB_ETHERTYPE_VLAN));
		at += sizeof(struct lb_vlan);
	}
	lb_store16(f->data + at,
		   family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6));
	at += 2;
	at += ip_write(f->data + at, family, payload);
	tcp = (struct lb_tcp *)(f->data + at);
	*tcp = (struct lb_tcp){ .sport = lb_cpu_to_be16((uint16_t)(1 + random_below(300))),
				.dport = lb_cpu_to_be16((uint16_t)(443 + random_below(KINDS))),
				.doff = 0x50,
				.flags = random_below(2) ? LB_TCP_ACK : LB_TCP_SYN };
	f->headers = at + (uint32_t)sizeof(*tcp);
	f->bytes = f->headers + payload + (random_below(2) ? random_below(60) : 0);
}

static struct rte_mbuf *segment_make(struct harness *h, const uint8_t *data, uint32_t bytes,
				     uint32_t headroom)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->pool);

	assert_non_null(m);
	m->data_off = (uint16_t)headroom;
	memcpy(rte_pktmbuf_append(m, (uint16_t)bytes), data, bytes);
	return m;
}

/* @first: bytes of its first segment; the rest is cut at random, also into nothing. */
static struct rte_mbuf *chain_make(struct harness *h, const struct frame *f, uint32_t first,
				   uint32_t n, uint32_t headroom)
{
	struct rte_mbuf *head = segment_make(h, f->data, first, headroom);

	for (uint32_t at = first; n > 1; n--) {
		uint32_t rest = f->bytes - at, bytes = n == 2 ? rest : random_below(rest + 1);

		assert_int_equal(rte_pktmbuf_chain(head, segment_make(h, f->data + at, bytes, 0)),
				 0);
		at += bytes;
	}
	return head;
}

/* What became of a packet: its bytes, or none. */
struct outcome {
	uint16_t n_tx, n_kernel;
	uint64_t replies;
	uint32_t bytes;
	uint8_t data[FRAME_MAX + 100];
};

static void outcome_read(struct outcome *o, const struct rte_mbuf *m)
{
	const char *why;
	const void *p;

	if (rte_mbuf_check(m, 1, &why))
		fail_msg("%s", why);
	o->bytes = m->pkt_len;
	assert_true(o->bytes <= sizeof(o->data));
	p = rte_pktmbuf_read(m, 0, o->bytes, o->data);
	assert_non_null(p);
	if (p != o->data)
		memcpy(o->data, p, o->bytes);
}

static void send(struct harness *h, struct rte_mbuf *m, struct outcome *o)
{
	uint64_t replies = h->stats.reply_pkts;
	struct pipeline_out out;

	*o = (struct outcome){ .bytes = 0 };
	pipeline_tick(&h->pl);
	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	h->stats.tx_pkts += out.n_tx;
	h->stats.kernel_pkts += out.n_kernel;
	o->n_tx = out.n_tx;
	o->n_kernel = out.n_kernel;
	o->replies = h->stats.reply_pkts - replies;
	if (out.n_tx)
		outcome_read(o, out.tx[0]);
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
}

/* Services of both families. */
static struct harness *world_create(void)
{
	struct lb_instance instances[2];
	static const struct {
		uint8_t forward;
		uint16_t pool; /* 0: IPv4 outside; 1: IPv6 */
	} kinds[KINDS] = {
		{ LB_FORWARD_L2, 0 },  { LB_FORWARD_IPIP, 0 }, { LB_FORWARD_IPIP, 1 },
		{ LB_FORWARD_GUE, 0 }, { LB_FORWARD_GUE, 1 },
	};
	struct harness_service services[2 * KINDS];
	struct harness *h = harness_create(5000);
	uint16_t slots[SLOTS];

	for (uint16_t i = 0; i < 2; i++) {
		harness_instance(&instances[i], i, i ? 6 : 4, FLAGS);
		instances[i].pool = i;
	}
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), 2);
	for (uint16_t pool = 0; pool < 2; pool++) {
		for (uint32_t i = 0; i < SLOTS; i++)
			slots[i] = pool;
		harness_put(h, LB_BLOCK_POOL, pool, slots, sizeof(slots), SLOTS);
	}
	for (uint16_t i = 0; i < 2 * KINDS; i++) {
		services[i] = (struct harness_service){
			.family = i % 2 ? 6 : 4,
			.addr = { 203, 0, 113, 10 },
			.port = (uint16_t)(443 + i / 2),
			.id = (uint16_t)(i + 1),
			.pool = kinds[i / 2].pool,
			.forward = kinds[i / 2].forward,
			.instance_port = kinds[i / 2].forward == LB_FORWARD_GUE ? 6080 : 0,
		};
		if (i % 2)
			memcpy(services[i].addr, (const uint8_t[16]){ 0x20, [15] = 1 }, 16);
	}
	harness_services(h, services, 2 * KINDS);
	pipeline_rate_set(&h->pl.icmp_rate, 1000000);
	pipeline_rate_set(&h->pl.kernel_rate, 1000000);
	return h;
}

static void chains_are_as_single_segments(void **unused)
{
	static struct outcome whole, parts;
	struct harness *h = world_create();
	uint32_t forwarded = 0, answered = 0, tails = 0;
	static struct frame f;

	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t headroom = random_below(4) ? RTE_PKTMBUF_HEADROOM : random_below(48);
		uint32_t first, n = 2 + random_below(SEGMENTS_MAX - 1);

		frame_write(&f);
		send(h, segment_make(h, f.data, f.bytes, headroom), &whole);
		first = random_below(8) ? f.headers + random_below(f.bytes - f.headers + 1)
					: random_below(f.headers);
		send(h, chain_make(h, &f, first, n, headroom), &parts);
		if (first < f.headers) { /* it can't be judged */
			assert_int_equal(parts.n_tx + parts.n_kernel, 0);
			continue;
		}
		/* What an ICMP error quotes has to lie in the first segment. */
		if (whole.replies && !parts.replies) {
			assert_int_equal(parts.n_tx, 0);
			continue;
		}
		assert_int_equal(whole.n_tx, parts.n_tx);
		assert_int_equal(whole.n_kernel, parts.n_kernel);
		assert_int_equal(whole.bytes, parts.bytes);
		assert_memory_equal(whole.data, parts.data, whole.bytes);
		forwarded += whole.n_tx && !whole.replies;
		answered += whole.replies != 0;
		tails += whole.bytes && whole.bytes < f.bytes;
	}
	print_message("# %u forwarded, %u answered, %u cut\n", forwarded, answered, tails);
	assert_true(forwarded > ROUNDS / 2 && answered > ROUNDS / 1000 && tails > ROUNDS / 100);
	harness_check_accounting(h);
	harness_destroy(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_are_as_single_segments),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

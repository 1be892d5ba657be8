/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PROXY headers in the pipeline: connections of both families whose segments are lost, doubled,
 * reordered and cut anew, between a client and an instance that are each a TCP of a few lines; and
 * what a client may try. Numbers begin right before they wrap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_proxy.h"
#include "tests/support/harness.h"

#define ACCEPTING (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)
#define PORT_FIRST 2000
#define CLIENT_PORT 40000
#define MSS (1500 - 60 - LB_PROXY6_LEN) /* of IPv6, lowered */
#define STREAM 6000			/* bytes of a client */

struct segment {
	uint8_t family;
	uint8_t src[16], dst[16]; /* IPv4: the first four bytes */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t option[40];
	uint32_t option_len;
	uint8_t data[1600];
	uint32_t len;
};

static struct harness *h;
static const uint8_t vip[2][16] = { { 203, 0, 113, 85 },
				    { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = 0x85 } };
static const uint8_t client_addr[2][16] = { { 198, 51, 100, 7 },
					    { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0c, [15] = 7 } };

static void world(uint8_t family, uint8_t instance_family)
{
	struct harness_service service = { .family = family,
					   .port = 443,
					   .id = 7,
					   .forward = LB_FORWARD_NAT,
					   .instance_port = 8443,
					   .source = LB_NAT_SOURCE_PROXY };
	const struct lb_nat_params params = harness_nat_params(PORT_FIRST, PORT_FIRST + 99);
	struct lb_instance instance;
	uint16_t slots[251] = { 0 };

	h = harness_create(1000);
	memcpy(service.addr, vip[family == 6], sizeof(service.addr));
	harness_instance(&instance, 0, instance_family, ACCEPTING);
	harness_put(h, LB_BLOCK_INSTANCES, 0, &instance, sizeof(instance), 1);
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), 251);
	harness_services(h, &service, 1);
	harness_nat(h, &params);
	h->now = 1;
}

static int world_end(void **state)
{
	(void)state;
	harness_check_accounting(h);
	harness_destroy(h);
	return 0;
}

/* ---- Frames ---- */

static uint64_t pseudo_sum(const struct segment *s, uint32_t l4_len)
{
	uint32_t n = s->family == 4 ? 4 : 16;

	return lb_proxy_sum(s->src, n) + lb_proxy_sum(s->dst, n) + lb_cpu_to_be32(l4_len) +
	       lb_cpu_to_be16(LB_IPPROTO_TCP);
}

static struct rte_mbuf *segment_make(const struct segment *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->pool);
	const uint32_t ip_len = s->family == 4 ? 20 : 40;
	const uint32_t l4_len = 20 + s->option_len + s->len;
	uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + ip_len + l4_len));
	struct lb_tcp *tcp = (struct lb_tcp *)(frame + 14 + ip_len);
	struct lb_eth *eth = (struct lb_eth *)frame;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);

	if (!frame)
		abort();
	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	memcpy(eth->src, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	eth->type = s->family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6);
	if (s->family == 4) {
		*ip4 = (struct lb_ipv4){ .version_ihl = 0x45,
					 .total_len = lb_cpu_to_be16((uint16_t)(20 + l4_len)),
					 .frag = LB_BE16(LB_IPV4_DF),
					 .ttl = 64,
					 .proto = LB_IPPROTO_TCP,
					 .src = lb_load32(s->src),
					 .dst = lb_load32(s->dst) };
		ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
	} else {
		*ip6 = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(6u << 28),
					 .payload_len = lb_cpu_to_be16((uint16_t)l4_len),
					 .next = LB_IPPROTO_TCP,
					 .hop_limit = 64 };
		memcpy(ip6->src, s->src, 16);
		memcpy(ip6->dst, s->dst, 16);
	}
	*tcp = (struct lb_tcp){ .sport = lb_cpu_to_be16(s->sport),
				.dport = lb_cpu_to_be16(s->dport),
				.seq = lb_cpu_to_be32(s->seq),
				.ack = lb_cpu_to_be32(s->ack),
				.doff = (uint8_t)((20 + s->option_len) / 4 << 4),
				.flags = s->flags,
				.window = lb_cpu_to_be16(s->window) };
	memcpy(tcp + 1, s->option, s->option_len);
	memcpy((uint8_t *)(tcp + 1) + s->option_len, s->data, s->len);
	tcp->csum = (uint16_t)~lb_csum_fold(pseudo_sum(s, l4_len) +
					    lb_proxy_sum((uint8_t *)tcp, l4_len));
	return m;
}

/* What left; with right lengths and checksums. */
static void segment_read(struct rte_mbuf *m, struct segment *s)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct lb_ipv4 *ip4 = (const struct lb_ipv4 *)(frame + 14);
	const struct lb_ipv6 *ip6 = (const struct lb_ipv6 *)(frame + 14);
	const struct lb_tcp *tcp;
	uint32_t l4_len;

	memset(s, 0, sizeof(*s));
	s->family = ip4->version_ihl >> 4;
	if (s->family == 4) {
		assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum(ip4)), 0xffff);
		memcpy(s->src, &ip4->src, 4);
		memcpy(s->dst, &ip4->dst, 4);
		assert_int_equal(ip4->proto, LB_IPPROTO_TCP);
		l4_len = lb_be16_to_cpu(ip4->total_len) - 20u;
		tcp = (const struct lb_tcp *)(ip4 + 1);
	} else {
		memcpy(s->src, ip6->src, 16);
		memcpy(s->dst, ip6->dst, 16);
		assert_int_equal(ip6->next, LB_IPPROTO_TCP);
		l4_len = lb_be16_to_cpu(ip6->payload_len);
		tcp = (const struct lb_tcp *)(ip6 + 1);
	}
	assert_int_equal((const uint8_t *)tcp - frame + l4_len, m->pkt_len);
	assert_int_equal(
		lb_csum_fold(pseudo_sum(s, l4_len) + lb_proxy_sum((const uint8_t *)tcp, l4_len)),
		0xffff);
	s->sport = lb_be16_to_cpu(tcp->sport);
	s->dport = lb_be16_to_cpu(tcp->dport);
	s->seq = lb_be32_to_cpu(tcp->seq);
	s->ack = lb_be32_to_cpu(tcp->ack);
	s->flags = tcp->flags;
	s->window = lb_be16_to_cpu(tcp->window);
	s->option_len = (uint32_t)(tcp->doff >> 4) * 4 - 20;
	memcpy(s->option, tcp + 1, s->option_len);
	s->len = l4_len - 20 - s->option_len;
	memcpy(s->data, (const uint8_t *)(tcp + 1) + s->option_len, s->len);
}

/* Return: whether it left, as @to. */
static bool through(const struct segment *from, struct segment *to)
{
	struct rte_mbuf *m = segment_make(from);
	struct pipeline_out out;

	*to = (struct segment){ .family = 0 };
	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	h->stats.tx_pkts += out.n_tx;
	assert_int_equal(out.n_kernel, 0);
	if (!out.n_tx)
		return false;
	segment_read(out.tx[0], to);
	rte_pktmbuf_free(out.tx[0]);
	return true;
}

static struct segment of_client(uint8_t family, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct segment s = { .family = family,
			     .sport = CLIENT_PORT,
			     .dport = 443,
			     .seq = seq,
			     .ack = ack,
			     .flags = flags,
			     .window = 60000 };

	memcpy(s.src, client_addr[family == 6], 16);
	memcpy(s.dst, vip[family == 6], 16);
	return s;
}

/* The answer to what the instance got. */
static struct segment of_instance(const struct segment *got, uint8_t flags, uint32_t seq,
				  uint32_t ack)
{
	struct segment s = { .family = got->family,
			     .sport = got->dport,
			     .dport = got->sport,
			     .seq = seq,
			     .ack = ack,
			     .flags = flags,
			     .window = 30000 };

	memcpy(s.src, got->dst, 16);
	memcpy(s.dst, got->src, 16);
	return s;
}

static uint32_t header_of(uint8_t family, uint8_t *header)
{
	struct lb_meta meta = { .family = family,
				.client_port = lb_cpu_to_be16(CLIENT_PORT),
				.vip_port = LB_BE16(443) };

	if (family == 4) {
		meta.client4 = lb_load32(client_addr[0]);
		meta.vip4 = lb_load32(vip[0]);
	} else {
		memcpy(meta.client6, client_addr[1], 16);
		memcpy(meta.vip6, vip[1], 16);
	}
	lb_proxy_write(header, &meta);
	return lb_proxy_len(family);
}

#define ISN 0xfffffff0u /* of the client: its first bytes wrap, and those of the header */
#define INSTANCE_ISN 0xffffff00u

/* A connection whose instance has answered the SYN. Return: what it got. */
static struct segment begin(uint8_t family)
{
	const struct segment syn = of_client(family, LB_TCP_SYN, ISN, 0);
	struct segment got, back, answer;

	assert_true(through(&syn, &got));
	assert_int_equal(got.seq, ISN - lb_proxy_len(family));
	answer = of_instance(&got, LB_TCP_SYN | LB_TCP_ACK, INSTANCE_ISN, got.seq + 1);
	assert_true(through(&answer, &back));
	assert_int_equal(back.ack, ISN + 1);
	return got;
}

/* ---- Streams ---- */

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

/* Of the side that receives: what has come of a stream, by its place there. */
struct receiver {
	uint8_t byte[STREAM + 64];
	bool has[STREAM + 64];
	uint32_t next;	     /* the first one that is missing */
	uint32_t first_data; /* behind the header */
	uint32_t first, len; /* the segment that came last; and whether all of it was there */
	bool was_there;
	bool fin;
	uint32_t fin_at;
};

/* @at: place of its first byte. */
static void receive(struct receiver *r, uint32_t at, const struct segment *s)
{
	r->was_there = s->len > 0;
	r->first = at;
	r->len = s->len;
	for (uint32_t i = 0; i < s->len; i++) {
		assert_true(at + i < sizeof(r->byte));
		r->was_there &= r->has[at + i];
		if (r->has[at + i]) {
			/* The byte of a keep-alive is any, and not taken. */
			if (at + i >= r->first_data)
				assert_int_equal(r->byte[at + i], s->data[i]);
			continue;
		}
		r->has[at + i] = true;
		r->byte[at + i] = s->data[i];
	}
	if (s->flags & LB_TCP_FIN) {
		r->fin = true;
		r->fin_at = at + s->len;
	}
	while (r->next < sizeof(r->has) && r->has[r->next])
		r->next++;
}

/* An acknowledgement of the instance's, with blocks of what it has behind that, or had before. */
static void instance_acks(struct segment *s, const struct receiver *r, uint32_t base)
{
	uint32_t from, to, n = 0, edge[6];

	if (r->was_there) {
		edge[n++] = r->first;
		edge[n++] = r->first + r->len;
	}
	for (from = r->next; n < 6 && from < STREAM; from = to) {
		while (from < STREAM && !r->has[from])
			from++;
		for (to = from; to < STREAM && r->has[to];)
			to++;
		if (from < to) {
			edge[n++] = from;
			edge[n++] = to;
		}
	}
	if (!n)
		return;
	s->option_len = 4 + 4 * n;
	s->option[0] = s->option[1] = 1;
	s->option[2] = 5;
	s->option[3] = (uint8_t)(2 + 4 * n);
	for (uint32_t i = 0; i < n; i++)
		lb_store32(s->option + 4 + 4 * i, lb_cpu_to_be32(base + edge[i]));
}

/* A client must not be told of what it has not sent. */
static void check_sack(const struct segment *s, uint32_t first, uint32_t header_len)
{
	for (uint32_t at = 0; at + 2 <= s->option_len;) {
		if (s->option[at] == 1) {
			at++;
			continue;
		}
		assert_int_equal(s->option[at], 5);
		for (uint32_t i = 2; i + 8 <= s->option[at + 1]; i += 8) {
			uint32_t left = lb_be32_to_cpu(lb_load32(s->option + at + i)) - first;
			uint32_t right = lb_be32_to_cpu(lb_load32(s->option + at + i + 4)) - first;

			if (left == -1u && right == 0) /* the byte of a keep-alive */
				continue;
			assert_true(right >= 1 && right <= STREAM);
			/* That it had header and data before: harmless, and not told by its length. */
			assert_true(left < right || left == -header_len);
		}
		at += s->option[at + 1];
	}
}

/* Whether a segment of either direction is lost on its way. */
static bool is_lost(void)
{
	return random_below(100) < 15;
}

struct peers {
	uint8_t family;
	uint8_t header[64], sent[STREAM];
	uint32_t header_len, acked; /* bytes of the client, acknowledged */
	struct segment syn;	    /* as the instance got it */
	struct receiver instance;
};

/* The instance gets a segment, and answers. */
static void instance_takes(struct peers *p, const struct segment *got)
{
	const uint32_t base = p->syn.seq + 1;
	struct segment answer, back;

	assert_int_equal(got->sport, p->syn.sport);
	receive(&p->instance, got->seq - base, got);
	answer = of_instance(&p->syn, LB_TCP_ACK, INSTANCE_ISN + 1, base + p->instance.next);
	instance_acks(&answer, &p->instance, base);
	if (is_lost())
		return;
	assert_true(through(&answer, &back));
	assert_int_equal(back.seq, INSTANCE_ISN + 1);
	assert_true(back.ack - (ISN + 1) <= STREAM);
	check_sack(&back, ISN + 1, p->header_len);
	if (back.ack - (ISN + 1) > p->acked)
		p->acked = back.ack - (ISN + 1);
}

/* A segment of the client, of any part of what is not acknowledged. */
static struct segment client_sends(const struct peers *p)
{
	uint32_t ahead = random_below(3) ? 0 : random_below(3000);
	uint32_t at = p->acked + ahead < STREAM ? p->acked + ahead : p->acked;
	uint32_t most = STREAM - at < MSS ? STREAM - at : MSS;
	struct segment s = of_client(p->family, LB_TCP_ACK, ISN + 1 + at, INSTANCE_ISN + 1);

	if (random_below(8) == 0) { /* a window update, or a keep-alive */
		s.seq -= random_below(2);
		s.len = s.seq == ISN + at ? random_below(2) : 0;
		if (s.len && at)
			s.data[0] = p->sent[at - 1];
		return s;
	}
	s.len = random_below(2) ? most : random_below(most + 1);
	memcpy(s.data, p->sent + at, s.len);
	if (at + s.len == STREAM)
		s.flags |= LB_TCP_FIN;
	return s;
}

static void run_stream(uint8_t family, uint8_t instance_family)
{
	static struct peers peers;
	struct peers *p = &peers;
	struct segment late = { 0 };
	bool has_late = false;

	world(family, instance_family);
	memset(p, 0, sizeof(*p));
	p->family = family;
	p->header_len = header_of(family, p->header);
	p->instance.first_data = p->header_len;
	for (uint32_t i = 0; i < STREAM; i++)
		p->sent[i] = (uint8_t)random_below(256);
	p->syn = begin(family);
	for (uint32_t n = 0; n < 4000 && p->instance.next < p->header_len + STREAM; n++) {
		struct segment s = client_sends(p), got;

		assert_true(through(&s, &got));
		if (is_lost())
			continue;
		if (!has_late && random_below(5) == 0) {
			late = got;
			has_late = true;
			continue;
		}
		instance_takes(p, &got);
		if (random_below(10) == 0)
			instance_takes(p, &got);
		if (has_late && random_below(4) == 0) {
			instance_takes(p, &late);
			has_late = false;
		}
	}
	assert_int_equal(p->instance.next, p->header_len + STREAM);
	assert_memory_equal(p->instance.byte, p->header, p->header_len);
	assert_memory_equal(p->instance.byte + p->header_len, p->sent, STREAM);
	assert_true(p->instance.fin);
	assert_int_equal(p->instance.fin_at, p->header_len + STREAM);
	world_end(NULL);
}

static void streams_are_whole(void **state)
{
	static const uint8_t families[] = { 4, 6 };

	(void)state;
	for (uint32_t round = 0; round < 200; round++)
		for (uint32_t i = 0; i < 4; i++) {
			seed = round * 4 + i;
			run_stream(families[i & 1], families[i >> 1]);
		}
	world(4, 4);
}

/* ---- What a record keeps ---- */

static void the_header_goes_out_until_it_is_acknowledged(void **state)
{
	struct segment syn, ack, got, back, s;
	uint8_t header[64];
	uint32_t len = header_of(4, header);

	(void)state;
	world(4, 4);
	syn = begin(4);
	for (uint32_t i = 0; i < 3; i++) {
		ack = of_client(4, LB_TCP_ACK, ISN + 1, INSTANCE_ISN + 1);
		assert_true(through(&ack, &got));
		assert_int_equal(got.seq, ISN + 1 - len);
		assert_int_equal(got.len, len);
		assert_memory_equal(got.data, header, len);
		/* The instance still waits for it. */
		s = of_instance(&syn, LB_TCP_ACK, INSTANCE_ISN + 1, ISN + 1 - len + i);
		assert_true(through(&s, &back));
		assert_int_equal(back.ack, ISN + 1);
	}
	s = of_instance(&syn, LB_TCP_ACK, INSTANCE_ISN + 1, ISN + 1);
	assert_true(through(&s, &back));
	assert_int_equal(back.ack, ISN + 1);
	assert_true(through(&ack, &got));
	assert_int_equal(got.seq, ISN + 1);
	assert_int_equal(got.len, 0);
	assert_int_equal(got.flags, LB_TCP_ACK);
}

/* One that died in between has left its record; the client's next connection has a header, too. */
static void a_later_connection_has_its_own(void **state)
{
	struct segment syn, s, got, back;
	const uint32_t len = LB_PROXY4_LEN;

	(void)state;
	world(4, 4);
	for (uint32_t state_of_last = 0; state_of_last < 3; state_of_last++) {
		syn = begin(4);
		s = of_client(4, LB_TCP_ACK, ISN + 1, INSTANCE_ISN + 1);
		assert_true(through(&s, &got));
		assert_int_equal(got.len, len);
		s = of_instance(&syn, LB_TCP_ACK, INSTANCE_ISN + 1, ISN + 1);
		assert_true(through(&s, &back));
		if (state_of_last == 0)
			continue; /* established: both sides have forgotten it */
		s = of_client(4, LB_TCP_ACK | LB_TCP_FIN, ISN + 1, INSTANCE_ISN + 1);
		assert_true(through(&s, &got));
		assert_int_equal(got.len, 0);
		if (state_of_last == 1)
			continue;
		s = of_instance(&syn, LB_TCP_ACK | LB_TCP_FIN, INSTANCE_ISN + 1, ISN + 2);
		assert_true(through(&s, &back));
	}
}

static void a_half_open_one_that_expired_begins_anew(void **state)
{
	struct segment syn, s, got;

	(void)state;
	world(4, 4);
	begin(4);
	h->now += 500;
	s = of_client(4, LB_TCP_SYN, ISN + 5000, 0);
	assert_true(through(&s, &syn));
	assert_int_equal(syn.seq, ISN + 5000 - LB_PROXY4_LEN);
	s = of_instance(&syn, LB_TCP_SYN | LB_TCP_ACK, INSTANCE_ISN, syn.seq + 1);
	assert_true(through(&s, &got));
	s = of_client(4, LB_TCP_ACK, ISN + 5001, INSTANCE_ISN + 1);
	assert_true(through(&s, &got));
	assert_int_equal(got.seq, ISN + 5001 - LB_PROXY4_LEN);
	assert_int_equal(got.len, LB_PROXY4_LEN);
}

/* ---- What a client may try ---- */

/*
 * Its own header, in front of its first byte, while the instance waits for one: after a handshake,
 * and when nobody knows the connection any more.
 */
static void a_client_cannot_send_a_header_of_its_own(void **state)
{
	struct segment s, got;
	uint8_t header[64];
	uint32_t len = header_of(4, header);

	(void)state;
	world(4, 4);
	begin(4);
	s = of_client(4, LB_TCP_ACK, ISN + 1 - len, INSTANCE_ISN + 1);
	memset(s.data, 'x', len + 10);
	s.len = len + 10;
	assert_true(through(&s, &got));
	assert_int_equal(got.seq, ISN + 1 - len);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, header, len);
	memset(h->nat_memory.area, 0, lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS));
	h->stats.nat_flows = 0;
	assert_true(through(&s, &got));
	assert_int_equal(got.flags, LB_TCP_RST);
	assert_int_equal(got.seq, INSTANCE_ISN + 1);
	assert_memory_equal(got.dst, client_addr[0], 4);
	assert_int_equal(h->stats.nat_flows, 0);
}

/*
 * The instance waits for the header of a connection, while the client begins another one, whose
 * first byte is in front of that header.
 */
static void check_header_of_last(bool is_reset)
{
	const uint32_t len = LB_PROXY4_LEN, expected = ISN + 1 - len;
	struct segment syn, s, got, back;

	world(4, 4);
	syn = begin(4);
	if (is_reset) {
		s = of_client(4, LB_TCP_RST, ISN + 1 - 60000, 0);
		assert_true(through(&s, &got));
	} else {
		h->now += 500;
	}
	s = of_client(4, LB_TCP_SYN, expected - 2, 0);
	assert_true(through(&s, &got));
	s = of_instance(&syn, LB_TCP_ACK, INSTANCE_ISN + 1, expected);
	assert_true(through(&s, &back));
	for (uint32_t ahead = 0; ahead < 2; ahead++) {
		s = of_client(4, LB_TCP_ACK, expected - 1 + ahead, INSTANCE_ISN + 1);
		memset(s.data, 'x', len + 10);
		s.len = len + 10;
		/* A RST that the instance does not take changes nothing: the node's own header goes out. */
		assert_int_equal(through(&s, &got), is_reset);
		if (is_reset) {
			assert_int_equal(got.seq, expected);
			assert_int_equal(got.len, len);
			assert_memory_equal(got.data, lb_proxy_signature,
					    sizeof(lb_proxy_signature));
		}
	}
	/* Its SYN+ACK, sent again, tells the numbers. */
	s = of_instance(&syn, LB_TCP_SYN | LB_TCP_ACK, INSTANCE_ISN, expected);
	assert_true(through(&s, &back));
	assert_int_equal(back.ack, ISN + 1);
	s = of_client(4, LB_TCP_ACK, expected, INSTANCE_ISN + 1);
	s.len = len;
	assert_true(through(&s, &got));
	assert_int_equal(got.seq, expected);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, lb_proxy_signature, sizeof(lb_proxy_signature));
}

static void no_header_of_its_own_after_a_reset(void **state)
{
	(void)state;
	check_header_of_last(true);
}

static void no_header_of_its_own_after_a_time_out(void **state)
{
	(void)state;
	check_header_of_last(false);
}

/* An error of no connection; its quote's identification has the ACK flag's place in a TCP header. */
static void an_error_of_no_connection_is_not_answered(void **state)
{
	struct segment s = of_client(4, LB_TCP_ACK, 0, 0);
	struct segment quote = s;
	struct pipeline_out out;
	struct rte_mbuf *m, *q;
	struct lb_ipv4 *ip;
	uint8_t *icmp;

	(void)state;
	world(4, 4);
	memcpy(quote.src, s.dst, 4);
	memcpy(quote.dst, s.src, 4);
	quote.sport = s.dport;
	quote.dport = s.sport;
	q = segment_make(&quote);
	ip = rte_pktmbuf_mtod_offset(q, struct lb_ipv4 *, 14);
	((uint8_t *)ip)[5] = LB_TCP_ACK;
	s.len = 28;
	m = segment_make(&s);
	icmp = rte_pktmbuf_mtod_offset(m, uint8_t *, 34);
	memset(icmp, 0, 8);
	icmp[0] = 3;
	icmp[1] = 1;
	memcpy(icmp + 8, ip, 40);
	lb_store16(icmp + 2, (uint16_t)~lb_csum_fold(lb_proxy_sum(icmp, 48)));
	rte_pktmbuf_free(q);
	ip = rte_pktmbuf_mtod_offset(m, struct lb_ipv4 *, 14);
	ip->proto = 1;
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	assert_int_equal(out.n_tx, 0);
	assert_int_equal(out.n_kernel, 0);
	assert_int_equal(h->stats.drop[LB_DROP_NAT_UNKNOWN], 1);
	assert_int_equal(h->stats.nat_resets, 0);
}

static void a_reset_counts_with_the_header_and_without(void **state)
{
	struct segment syn, s, got, back;

	(void)state;
	world(4, 4);
	syn = begin(4);
	s = of_client(4, LB_TCP_RST, ISN + 1, 0);
	assert_true(through(&s, &got));
	assert_int_equal(got.seq, ISN + 1 - LB_PROXY4_LEN);
	s = of_instance(&syn, LB_TCP_RST | LB_TCP_ACK, 0, ISN + 1 - LB_PROXY4_LEN);
	assert_true(through(&s, &back));
	assert_int_equal(back.ack, ISN + 1);
	syn = begin(4);
	s = of_instance(&syn, LB_TCP_ACK, INSTANCE_ISN + 1, ISN + 1);
	assert_true(through(&s, &back));
	s = of_client(4, LB_TCP_RST, ISN + 1, 0);
	assert_true(through(&s, &got));
	assert_int_equal(got.seq, ISN + 1);
}

/* A damaged segment remains one, with the header in it or with its data cut off. */
static void damage_stays_damage(void **state)
{
	static const uint8_t flags[] = { LB_TCP_SYN, LB_TCP_ACK };

	(void)state;
	world(4, 4);
	begin(4);
	for (uint32_t i = 0; i < 2; i++) {
		struct segment s = of_client(4, flags[i], flags[i] & LB_TCP_SYN ? ISN : ISN + 1,
					     INSTANCE_ISN + 1);
		struct pipeline_out out;
		const struct lb_ipv4 *ip;
		struct rte_mbuf *m;

		s.len = 33;
		m = segment_make(&s);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 60) ^= 0x40;
		pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
		assert_int_equal(out.n_tx, 1);
		h->stats.tx_pkts++;
		ip = rte_pktmbuf_mtod_offset(out.tx[0], const struct lb_ipv4 *, 14);
		memcpy(s.src, &ip->src, 4);
		memcpy(s.dst, &ip->dst, 4);
		s.len = lb_be16_to_cpu(ip->total_len) - 20u;
		assert_int_not_equal(lb_csum_fold(pseudo_sum(&s, s.len) +
						  lb_proxy_sum((const uint8_t *)(ip + 1), s.len)),
				     0xffff);
		rte_pktmbuf_free(out.tx[0]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_header_goes_out_until_it_is_acknowledged, world_end),
		cmocka_unit_test_teardown(a_later_connection_has_its_own, world_end),
		cmocka_unit_test_teardown(a_half_open_one_that_expired_begins_anew, world_end),
		cmocka_unit_test_teardown(a_client_cannot_send_a_header_of_its_own, world_end),
		cmocka_unit_test_teardown(no_header_of_its_own_after_a_reset, world_end),
		cmocka_unit_test_teardown(no_header_of_its_own_after_a_time_out, world_end),
		cmocka_unit_test_teardown(an_error_of_no_connection_is_not_answered, world_end),
		cmocka_unit_test_teardown(a_reset_counts_with_the_header_and_without, world_end),
		cmocka_unit_test_teardown(damage_stays_damage, world_end),
		cmocka_unit_test_teardown(streams_are_whole, world_end),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

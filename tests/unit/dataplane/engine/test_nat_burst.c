/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation of whole bursts gives the same as that of their packets one by one by the functions
 * for any packet: both directions and families mixed, plain and other packets, in every way to parse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/engine/pipeline_internal.h"
#include "tests/support/harness.h"
#include "tests/support/random_frame.h"

#define CONNECTIONS 1200 /* half of them over IPv6: more than half of the ports, of any space */
#define PORT_FIRST 2000
#define PORTS 256
#define OTHERS 25
#define INSTANCES 8 /* of each family */
#define ROUNDS 2000
#define FRAME_BYTES 90
#define ACCEPTING (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)

static const uint8_t router[LB_ETH_ALEN] = { 0x02, 0xc1, 0x1e, 0, 0, 1 };

/* A connection's ends: the client's packet as sent, and as its instance gets it. */
struct connection {
	uint8_t family;
	bool is_open;
	uint8_t client[16], nat[16], instance[16];
	lb_be16 client_port, nat_port;
};

static struct connection connections[CONNECTIONS];

static void world_pools(struct harness *h)
{
	struct lb_instance instances[2 * INSTANCES];
	uint16_t slots[251];

	for (uint16_t i = 0; i < 2 * INSTANCES; i++)
		harness_instance(&instances[i], i, i < INSTANCES ? 4 : 6, ACCEPTING);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), 2 * INSTANCES);
	for (uint16_t pool = 0; pool < 2; pool++) {
		for (uint16_t i = 0; i < 251; i++)
			slots[i] = (uint16_t)(pool * INSTANCES + i % INSTANCES);
		harness_put(h, LB_BLOCK_POOL, pool, slots, sizeof(slots), 251);
	}
}

static struct harness *world_create(enum pipeline_simd simd, uint8_t source)
{
	struct harness_service service = { .family = 4,
					   .addr = { 203, 0, 113, 10 },
					   .port = 443,
					   .id = 1,
					   .forward = LB_FORWARD_NAT,
					   .instance_port = 8443,
					   .source = source };
	struct harness_service services[3 + OTHERS] = { service, service, service };
	struct lb_nat_params params = harness_nat_params(PORT_FIRST, PORT_FIRST + PORTS - 1);
	struct harness *h = harness_create(2 * CONNECTIONS);

	world_pools(h);
	memcpy(services[1].addr, (const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 0x10 }, 16);
	services[1].family = 6;
	services[1].id = 2;
	services[1].pool = 1;
	services[2].port = 80; /* not translated */
	services[2].id = 3;
	services[2].forward = LB_FORWARD_L2;
	services[2].instance_port = 0;
	services[2].source = 0;
	for (uint16_t i = 3; i < 3 + OTHERS; i++) { /* at ports of a NAT address */
		services[i] = services[2];
		services[i].id = (uint16_t)(i + 1);
		services[i].port = (uint16_t)(PORT_FIRST + 8 * i);
		memcpy(services[i].addr, (const uint8_t[4]){ 10, 0, 0, 32 }, 4);
	}
	harness_services(h, services, 3 + OTHERS);
	harness_nat(h, &params);
	pipeline_init(&h->pl, simd);
	h->now = 1;
	return h;
}

/* ---- Frames ---- */

/* @family: of the ends, whose addresses have 4 or 16 bytes. */
static void frame_write(uint8_t *frame, uint8_t family, const uint8_t *src, const uint8_t *dst,
			lb_be16 sport, lb_be16 dport, uint8_t flags)
{
	const struct lb_tcp tcp = { .sport = sport,
				    .dport = dport,
				    .seq = (lb_be32)random_below(UINT32_MAX),
				    .ack = (lb_be32)random_below(UINT32_MAX),
				    .doff = 0x50,
				    .flags = flags,
				    .csum = (uint16_t)random_below(65536) };
	struct lb_tcp4 *four = (struct lb_tcp4 *)frame;
	struct lb_tcp6 *six = (struct lb_tcp6 *)frame;

	memset(frame, 0, FRAME_BYTES);
	memcpy(four->eth.dst, harness_port_mac, LB_ETH_ALEN);
	memcpy(four->eth.src, router, LB_ETH_ALEN);
	if (family == 4) {
		four->eth.type = LB_BE16(LB_ETHERTYPE_IPV4);
		four->ip = (struct lb_ipv4){ .version_ihl = 0x45,
					     .total_len = LB_BE16(60),
					     .ttl = random_below(50) ? 64 : 1,
					     .proto = LB_IPPROTO_TCP,
					     .src = lb_load32(src),
					     .dst = lb_load32(dst) };
		four->ip.csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(&four->ip));
		four->tcp = tcp;
		return;
	}
	six->eth.type = LB_BE16(LB_ETHERTYPE_IPV6);
	six->ip = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(0x60000000),
				    .payload_len = LB_BE16(30),
				    .next = LB_IPPROTO_TCP,
				    .hop_limit = random_below(50) ? 64 : 1 };
	memcpy(six->ip.src, src, 16);
	memcpy(six->ip.dst, dst, 16);
	six->tcp = tcp;
}

static const uint8_t *vip_of(const struct connection *c)
{
	static const uint8_t vip[2][16] = { { 203, 0, 113, 10 },
					    { 0x20, 1, 0xd, 0xb8, [15] = 0x10 } };

	return vip[c->family == 6];
}

static void client_write(uint8_t *frame, const struct connection *c, uint8_t flags)
{
	frame_write(frame, c->family, c->client, vip_of(c), c->client_port, LB_BE16(443), flags);
}

static void answer_write(uint8_t *frame, const struct connection *c, uint8_t flags)
{
	frame_write(frame, c->family, c->instance, c->nat, LB_BE16(8443), c->nat_port, flags);
}

/* ---- Connections ---- */

/* What the instance has seen of it. */
static void learn(struct connection *c, const uint8_t *frame)
{
	const struct lb_tcp4 *four = (const struct lb_tcp4 *)frame;
	const struct lb_tcp6 *six = (const struct lb_tcp6 *)frame;

	c->is_open = true;
	memcpy(c->nat, c->family == 4 ? (const void *)&four->ip.src : six->ip.src,
	       c->family == 4 ? 4 : 16);
	memcpy(c->instance, c->family == 4 ? (const void *)&four->ip.dst : six->ip.dst,
	       c->family == 4 ? 4 : 16);
	c->nat_port = c->family == 4 ? four->tcp.sport : six->tcp.sport;
}

/* Send a frame, and learn from what becomes of it, if @c is not NULL. */
static void pass(struct harness *h, const uint8_t *frame, struct connection *c)
{
	struct rte_mbuf *m = harness_frame(h, frame, FRAME_BYTES);
	struct pipeline_out out;

	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	if (c && out.n_tx)
		learn(c, rte_pktmbuf_mtod(out.tx[0], const uint8_t *));
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
}

static void connection_open(struct harness *const h[2], struct connection *c)
{
	static const uint8_t flags[] = { LB_TCP_SYN, LB_TCP_SYN | LB_TCP_ACK, LB_TCP_ACK };
	uint8_t frame[FRAME_BYTES];

	for (uint32_t step = 0; step < 3 && (!step || c->is_open); step++) {
		if (step == 1)
			answer_write(frame, c, flags[step]);
		else
			client_write(frame, c, flags[step]);
		pass(h[0], frame, step ? NULL : c);
		pass(h[1], frame, NULL);
	}
}

/* The same in both worlds, so that their records are the same. Return: how many are open. */
static uint32_t connections_open(struct harness *const h[2])
{
	uint32_t n_open = 0;

	for (uint32_t n = 0; n < CONNECTIONS; n++) {
		struct connection *c = &connections[n];

		*c = (struct connection){ .family = n & 1 ? 6 : 4,
					  .client = { 198, 51, 100, (uint8_t)(n >> 5) },
					  .client_port = lb_cpu_to_be16((uint16_t)(1024 + n)) };
		connection_open(h, c);
		n_open += c->is_open;
	}
	return n_open;
}

/* ---- Bursts ---- */

enum direction { TO_INSTANCE, TO_CLIENT, BOTH };

/* A packet of a connection; one in a few is something else. */
static void packet_write(uint8_t *frame, const struct connection *c, enum direction direction)
{
	static const uint8_t flags[] = {
		LB_TCP_ACK, LB_TCP_ACK | LB_TCP_PSH, LB_TCP_ACK | LB_TCP_FIN,
		LB_TCP_RST, LB_TCP_SYN | LB_TCP_ACK, LB_TCP_ACK
	};
	uint8_t flag = flags[random_below(direction == BOTH ? 2 : sizeof(flags))];
	struct connection other = *c;

	switch (random_below(24)) {
	case 0: /* a port of nobody, or of another one */
		if (direction == BOTH)
			other.nat_port =
				lb_cpu_to_be16((uint16_t)(PORT_FIRST + random_below(PORTS)));
		break;
	case 1: /* none of ours */
		other.nat_port = LB_BE16(40000);
		break;
	case 2: /* somebody else's answer */
		other.instance[3] ^= 1;
		break;
	case 3: /* to the kernel */
		other.nat[3] ^= 0x40;
		break;
	}
	if (direction == BOTH ? random_below(2) : direction == TO_CLIENT)
		answer_write(frame, &other, flag);
	else
		client_write(frame, c, flag & LB_TCP_SYN ? LB_TCP_SYN : flag);
	if (!random_below(24)) /* options, fragments, lengths, a tag */
		frame[12 + random_below(10)] ^= (uint8_t)(1u << random_below(8));
	if (!random_below(24) && c->family == 4) /* another service */
		lb_store16(frame + offsetof(struct lb_tcp4, tcp.dport), LB_BE16(80));
}

/* Frames one after another, as they left. */
struct trace {
	uint32_t n_tx, n_kernel;
	uint8_t tx[PIPELINE_BURST][FRAME_BYTES + 2 * sizeof(struct lb_vlan)];
};

static void trace_add(struct trace *trace, struct pipeline_out *out)
{
	for (uint32_t i = 0; i < out->n_tx; i++) {
		uint8_t *to = trace->tx[trace->n_tx++];

		assert_in_range(out->tx[i]->data_len, 1, sizeof(trace->tx[0]));
		memcpy(to, rte_pktmbuf_mtod(out->tx[i], const void *), out->tx[i]->data_len);
	}
	trace->n_kernel += out->n_kernel;
	rte_pktmbuf_free_bulk(out->tx, out->n_tx);
	rte_pktmbuf_free_bulk(out->kernel, out->n_kernel);
}

static void send_burst(struct harness *h, uint8_t (*frames)[FRAME_BYTES], uint32_t n,
		       uint32_t at_once, struct trace *trace)
{
	struct rte_mbuf *pkts[PIPELINE_BURST];
	struct pipeline_out out;

	memset(trace, 0, sizeof(*trace));
	for (uint32_t i = 0; i < n; i += at_once) {
		uint16_t step = (uint16_t)(n - i < at_once ? n - i : at_once);

		for (uint32_t k = 0; k < step; k++)
			pkts[k] = harness_frame(h, frames[i + k], FRAME_BYTES);
		pipeline_burst(&h->pl, h->tables, h->now, pkts, step, &out);
		trace_add(trace, &out);
	}
}

static void check_same(struct harness *a, struct harness *b)
{
	const size_t bytes = lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS);

	assert_memory_equal(&a->stats, &b->stats, sizeof(a->stats));
	assert_memory_equal(a->instance_stats, b->instance_stats,
			    LB_INSTANCES_MAX * sizeof(*a->instance_stats));
	assert_memory_equal(a->nat_memory.area, b->nat_memory.area, bytes);
}

/*
 * Each connection has at most one packet in a burst, since the stages may take them in another
 * order. Nor do bursts of both directions end connections, whose ports then begin others.
 */
static void gives_the_same(enum pipeline_simd simd, uint8_t source)
{
	static uint8_t frames[PIPELINE_BURST][FRAME_BYTES];
	struct harness *const h[2] = { world_create(PIPELINE_PORTABLE, source),
				       world_create(simd, source) };
	const uint64_t replies = source == LB_NAT_SOURCE_NODE ? ROUNDS * 8 : ROUNDS;
	static struct trace trace[2];

	h[0]->pl.parse = pipeline_parse_trunk; /* no packet is plain */
	assert_in_range(connections_open(h), CONNECTIONS / 2, CONNECTIONS);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t n = PIPELINE_BURST - random_below(2) * random_below(60);
		uint32_t c = random_below(CONNECTIONS), family = random_below(4);
		enum direction direction = round < ROUNDS / 2 ? BOTH : random_below(2);

		for (uint32_t i = 0; i < n; c = (c + 7) % CONNECTIONS) /* 7: no divisor */
			if (connections[c].is_open && (family > 1 || family == (c & 1)))
				packet_write(frames[i++], &connections[c], direction);
		h[0]->now = h[1]->now = (uint16_t)(1 + round / 16);
		send_burst(h[0], frames, n, 1, &trace[0]);
		send_burst(h[1], frames, n, PIPELINE_BURST, &trace[1]);
		assert_memory_equal(&trace[0], &trace[1], sizeof(trace[0]));
	}
	check_same(h[0], h[1]);
	assert_in_range(h[0]->stats.nat_reply_pkts, replies, UINT64_MAX);
	harness_destroy(h[0]);
	harness_destroy(h[1]);
}

static void every_simd(uint8_t source)
{
	for (uint32_t simd = PIPELINE_PORTABLE; simd <= pipeline_simd_best(); simd++)
		gives_the_same((enum pipeline_simd)simd, source);
}

static void bursts_give_the_same(void **state)
{
	(void)state;
	every_simd(LB_NAT_SOURCE_NODE);
}

static void bursts_of_clients_give_the_same(void **state)
{
	(void)state;
	every_simd(LB_NAT_SOURCE_CLIENT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_give_the_same),
		cmocka_unit_test(bursts_of_clients_give_the_same),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/xdp/twins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "dataplane/core/lb_access.h"
#include "tests/support/access_words.h"

#define SLOTS 1021
#define RECORDED 160 /* flows that the table is for: fewer than there are */
#define NAT_PORT_FIRST 1024
#define NAT_PORT_LAST 1151 /* few: some connections find none */
/*
 * Pools of translated services, of one family each: XDP does not translate ICMP errors across
 * families.
 */
#define NAT_POOL_4 2
#define NAT_POOL_6 6
/* Of the generator. */
#define CLIENT4 0xc6336400u
#define CLIENT6_HIGH 0x20010db8000c0000ull
#define LISTS_MAX 32 /* ranges of a family */
#define REACHABLE (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define UP (REACHABLE | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS)

static void slots_put(struct twins *t, uint16_t pool)
{
	uint16_t slots[SLOTS];
	uint32_t n = pool == 7 ? 0 : SLOTS;

	for (uint32_t i = 0; i < SLOTS; i++) {
		slots[i] = (uint16_t)(packet_gen_draw(&t->gen) % TWINS_INSTANCES);
		if (pool == NAT_POOL_4)
			slots[i] |= 1;
		if (pool == NAT_POOL_6)
			slots[i] &= (uint16_t)~1;
	}
	harness_put(t->native, LB_BLOCK_POOL, pool, slots, n * (uint32_t)sizeof(*slots), n);
}

static void instances_put(struct twins *t)
{
	harness_put(t->native, LB_BLOCK_INSTANCES, 0, t->instances, sizeof(t->instances),
		    TWINS_INSTANCES);
}

static void services_put(struct twins *t)
{
	struct harness_service services[2 * PACKET_GEN_VIPS];

	for (uint16_t i = 0; i < PACKET_GEN_VIPS; i++) {
		struct harness_service *s = &services[2 * i];

		s[0] = (struct harness_service){ .family = 4,
						 .addr = { 203, 0, 113, (uint8_t)i },
						 .port = PACKET_GEN_PORT,
						 .pool = i,
						 .id = (uint16_t)(2 * i + 1),
						 .forward = t->forwards[i % t->n_forwards],
						 .access = i % 2 == 1,
						 .affinity = i % 4 >= 2 };
		if (s[0].forward == LB_FORWARD_GUE)
			s[0].instance_port = (uint16_t)(6080 + i);
		if (s[0].forward == LB_FORWARD_NAT)
			s[0].instance_port = (uint16_t)(8443 + i);
		s[1] = s[0];
		if (s[0].forward == LB_FORWARD_NAT) {
			s[0].pool = NAT_POOL_4;
			s[1].pool = NAT_POOL_6;
		}
		s[1].family = 6;
		s[1].id++;
		memcpy(s[1].addr, "\x20\x01\x0d\xb8\x00\x0f\0\0\0\0\0\0\0\0\0", 15);
		s[1].addr[15] = (uint8_t)i;
	}
	harness_services(t->native, services, 2 * PACKET_GEN_VIPS);
}

/* Ranges around the generator's clients, with any rules. */
static uint32_t rule_draw(struct twins *t)
{
	return packet_gen_draw(&t->gen) % 4 ? 0 : LB_ACCESS_DENIED;
}

static void lists_put(struct twins *t)
{
	static uint64_t words[ACCESS_WORDS_MAX];
	struct access_range4 ipv4[LISTS_MAX] = { { 0, rule_draw(t) } };
	struct access_range6 ipv6[LISTS_MAX] = { { 0, 0, rule_draw(t) } };
	struct access_lists lists = { ipv4, 1, ipv6, 1 };
	uint16_t ids[PACKET_GEN_VIPS];
	uint32_t n_ids = 0, n = 1 + (uint32_t)(packet_gen_draw(&t->gen) % (LISTS_MAX - 1));

	for (uint16_t i = 1; i < PACKET_GEN_VIPS; i += 2) {
		ids[n_ids++] = (uint16_t)(2 * i + 1);
		ids[n_ids++] = (uint16_t)(2 * i + 2);
	}
	for (uint32_t i = 1; i < n; i++) {
		ipv4[i].first = ipv4[i - 1].first + 1 + (uint32_t)(packet_gen_draw(&t->gen) % 3);
		ipv4[i].rule = rule_draw(t);
		ipv6[i] = (struct access_range6){ CLIENT6_HIGH, ipv6[i - 1].low + 1, rule_draw(t) };
		if (i == 1) {
			ipv4[i].first = CLIENT4;
			ipv6[i].low = 0;
		}
	}
	lists.n_ipv4 = lists.n_ipv6 = n;
	t->native->access_words = access_words_make(words, ids, n_ids, &lists);
	t->native->access = words;
}

static void worlds_create(struct twins *t)
{
	memset(t, 0, sizeof(*t));
	t->gen = (struct packet_gen){ .random = 7, .flows = TWINS_FEW };
	t->native = harness_create(RECORDED);
	pipeline_rate_set(&t->native->pl.kernel_rate, 3000);
	pipeline_rate_set(&t->native->pl.icmp_rate, 300);
	for (uint16_t i = 0; i < TWINS_INSTANCES; i++)
		harness_instance(&t->instances[i], i, i % 2 ? 4 : 6, UP);
	t->instances[5].flags &= (uint8_t)~LB_INSTANCE_ON_LINK;
	t->instances[6].flags &= (uint8_t)~REACHABLE;
	instances_put(t);
	for (uint16_t pool = 0; pool < PACKET_GEN_VIPS; pool++)
		slots_put(t, pool);
}

static void worlds_start(struct twins *t, bool has_handover)
{
	t->xdp = has_handover ? xdp_world_create_handover(t->native, 1, false)
			      : xdp_world_create(t->native, 1, false);
	xdp_world_publish(t->xdp, t->native);
	xdp_world_reset(t->xdp, t->native);
}

void twins_create(struct twins *t, bool has_handover)
{
	static const uint8_t forwards[] = { LB_FORWARD_L2, LB_FORWARD_IPIP, LB_FORWARD_GUE };

	worlds_create(t);
	t->forwards = forwards;
	t->n_forwards = sizeof(forwards);
	lists_put(t);
	services_put(t);
	worlds_start(t, has_handover);
}

void twins_create_nat(struct twins *t, bool has_handover)
{
	static const uint8_t forwards[] = { LB_FORWARD_L2, LB_FORWARD_IPIP, LB_FORWARD_NAT,
					    LB_FORWARD_GUE };
	const struct lb_nat_params nat = harness_nat_params(NAT_PORT_FIRST, NAT_PORT_LAST);

	worlds_create(t);
	t->forwards = forwards;
	t->n_forwards = sizeof(forwards);
	lists_put(t);
	services_put(t);
	harness_nat(t->native, &nat);
	worlds_start(t, has_handover);
}

void twins_change(struct twins *t)
{
	uint8_t *flags = &t->instances[packet_gen_draw(&t->gen) % TWINS_INSTANCES].flags;

	switch (packet_gen_draw(&t->gen) % 7) {
	case 0:
		slots_put(t, (uint16_t)(packet_gen_draw(&t->gen) % PACKET_GEN_VIPS));
		break;
	case 1:
		assert_int_equal(tables_retire(t->native->tables, (uint32_t)(t->changes % 8)), 0);
		break;
	case 2:
		*flags &= (uint8_t)~LB_INSTANCE_ACCEPTS;
		instances_put(t);
		break;
	case 3:
		*flags &= (uint8_t) ~(LB_INSTANCE_ACCEPTS | LB_INSTANCE_SERVES);
		instances_put(t);
		break;
	case 4:
		lists_put(t);
		services_put(t);
		break;
	default:
		*flags |= LB_INSTANCE_ACCEPTS | LB_INSTANCE_SERVES;
		instances_put(t);
		break;
	}
	t->changes++;
	xdp_world_publish(t->xdp, t->native);
}

void twins_wait(struct twins *t)
{
	uint32_t ticks = 1 + (uint32_t)(packet_gen_draw(&t->gen) % 4);

	if (packet_gen_draw(&t->gen) % 256 == 0)
		ticks = (uint32_t)(packet_gen_draw(&t->gen) % 40000);
	for (uint32_t i = 0; i < ticks; i++)
		pipeline_tick(&t->native->pl);
	t->ticks += ticks;
	t->native->now = (uint16_t)t->ticks;
	xdp_world_clock_set(t->xdp, t->ticks);
}

/* Without what only a worker can do: packets that end a connection. */
static void records_sweep(struct harness *h)
{
	for (uint32_t i = 0; h->nat_memory.record && i < HARNESS_NAT_SPACES * HARNESS_NAT_PORTS;
	     i++) {
		uint32_t freed = lb_nat_expire(&h->nat_memory.record[i], h->now,
					       &h->tables->params.nat.timeouts);

		h->stats.nat_flows -= freed;
		h->stats.nat_expired += freed;
	}
}

void twins_sweep(struct twins *t)
{
	const struct tables *tables = t->native->tables;
	const struct flow_sweep what = { .secret = &tables->secret,
					 .timeouts = &tables->timeouts,
					 .instances = tables->instances,
					 .n_instances = tables->n_instances,
					 .now = t->native->now };

	for (uint32_t i = 0; i < FLOW_TABLE_SWEEP_TICKS; i++) {
		flow_table_tick(&t->native->flows);
		while (flow_table_sweep(&t->native->flows, &what, 1024))
			;
	}
	records_sweep(t->native);
	xdp_world_sweep(t->xdp);
}

static struct rte_mbuf *mbuf_of(struct twins *t)
{
	const struct packet_gen *gen = &t->gen;
	struct rte_mbuf *m = harness_frame(t->native, gen->frame, gen->linear);

	if (gen->linear < gen->len)
		assert_int_equal(rte_pktmbuf_chain(m, harness_frame(t->native,
								    gen->frame + gen->linear,
								    gen->len - gen->linear)),
				 0);
	return m;
}

uint32_t twins_native(struct twins *t, uint8_t *out, uint32_t *out_len)
{
	struct rte_mbuf *m = mbuf_of(t);
	struct harness *h = t->native;
	struct pipeline_out sent;

	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &sent);
	h->stats.tx_pkts += sent.n_tx;
	h->stats.kernel_pkts += sent.n_kernel;
	if (!sent.n_tx && !sent.n_kernel)
		return XDP_DROP;
	m = sent.n_tx ? sent.tx[0] : sent.kernel[0];
	*out_len = rte_pktmbuf_pkt_len(m);
	h->stats.tx_bytes += sent.n_tx ? *out_len : 0;
	assert_true(*out_len <= XDP_WORLD_FRAME_MAX);
	if (rte_pktmbuf_read(m, 0, *out_len, out) != out)
		memcpy(out, rte_pktmbuf_mtod(m, void *), *out_len);
	rte_pktmbuf_free(m);
	return sent.n_tx ? XDP_TX : XDP_PASS;
}

void twins_destroy(struct twins *t)
{
	xdp_world_destroy(t->xdp);
	harness_destroy(t->native);
}

static void swap(uint8_t *a, uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

/* A translated packet's frame, turned round, with other flags. Return: false if it is none. */
static bool answer_make(struct twins *t, const uint8_t *out, uint32_t len)
{
	static const uint8_t flags[] = { LB_TCP_ACK, LB_TCP_ACK, LB_TCP_ACK | LB_TCP_FIN,
					 LB_TCP_RST };
	const struct lb_nat_params *nat = &t->native->tables->params.nat;
	struct lb_eth *eth = (struct lb_eth *)t->gen.frame;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);
	struct lb_tcp *tcp = NULL;

	if (len < sizeof(*eth) + sizeof(*ip6) + sizeof(*tcp) || len > PACKET_GEN_MAX)
		return false;
	memcpy(t->gen.frame, out, len);
	if (eth->type == LB_BE16(LB_ETHERTYPE_IPV4) && ip4->version_ihl == 0x45 &&
	    !memcmp(&ip4->src, nat->address[0] + 12, 4)) {
		swap((uint8_t *)&ip4->src, (uint8_t *)&ip4->dst, 4);
		tcp = (struct lb_tcp *)(ip4 + 1);
	} else if (eth->type == LB_BE16(LB_ETHERTYPE_IPV6) && ip6->next == LB_IPPROTO_TCP &&
		   !memcmp(ip6->src, nat->address[1], 16)) {
		swap(ip6->src, ip6->dst, 16);
		tcp = (struct lb_tcp *)(ip6 + 1);
	}
	if (!tcp)
		return false;
	memcpy(eth->src, eth->dst, LB_ETH_ALEN);
	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	swap((uint8_t *)&tcp->sport, (uint8_t *)&tcp->dport, 2);
	tcp->flags = tcp->flags == LB_TCP_SYN ? LB_TCP_SYN | LB_TCP_ACK
					      : flags[packet_gen_draw(&t->gen) % sizeof(flags)];
	t->gen.len = t->gen.linear = len;
	return true;
}

void twins_next(struct twins *t, const uint8_t *out, uint32_t out_len)
{
	if (!out_len || !t->native->nat_memory.record || packet_gen_draw(&t->gen) % 4 == 0 ||
	    !answer_make(t, out, out_len))
		packet_gen_next(&t->gen);
}

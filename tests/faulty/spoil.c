/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/faulty/spoil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/maglev.h"
#include "dataplane/core/lb_csum.h"

#define SLOTS 1021
#define FORGOTTEN 20000 /* a tenth of the table's buckets */
#define ETH sizeof(struct lb_eth)

static const uint8_t vip4[16] = { 203, 0, 113, 10 };
static const uint8_t vip6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 };

static struct lb_ipv4 *outer_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct lb_ipv4 *, ETH);
}

static uint8_t *byte_at(struct rte_mbuf *m, uint32_t from_end)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - from_end);
}

/* The inner packet: behind the outer header if there is one. */
static struct lb_ipv4 *inner_of(struct rte_mbuf *m)
{
	struct lb_ipv4 *ip = outer_of(m);

	return ip->proto == LB_IPPROTO_IPIP ? ip + 1 : ip;
}

static uint16_t one(struct rte_mbuf *m, struct rte_mbuf **out)
{
	out[0] = m;
	return 1;
}

static uint16_t wrong_checksum(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	outer_of(m)->csum ^= 0x0100;
	return one(m, out);
}

/* As if the template's checksum had been patched for another length. */
static uint16_t wrong_length(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	struct lb_ipv4 *ip = outer_of(m);

	(void)s;
	ip->total_len = lb_cpu_to_be16((uint16_t)(lb_be16_to_cpu(ip->total_len) + 1));
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	return one(m, out);
}

static uint16_t outer_source(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	struct lb_ipv4 *ip = outer_of(m);

	(void)s;
	ip->src ^= LB_BE16(1);
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	return one(m, out);
}

static uint16_t other_mac(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	rte_pktmbuf_mtod(m, uint8_t *)[5] ^= 1;
	return one(m, out);
}

static uint16_t inner_ttl(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	inner_of(m)->ttl--;
	return one(m, out);
}

static uint16_t other_client(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	((struct lb_tcp *)(inner_of(m) + 1))->sport ^= LB_BE16(0x8000);
	return one(m, out);
}

/* To the right MAC address, but without the outer header. */
static uint16_t no_tunnel(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	const struct lb_eth eth = *rte_pktmbuf_mtod(m, struct lb_eth *);

	(void)s;
	*(struct lb_eth *)rte_pktmbuf_adj(m, LB_TUNNEL4_LEN) = eth;
	return one(m, out);
}

static uint16_t inner_checksum(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	((struct lb_tcp *)(inner_of(m) + 1))->csum ^= 0x8000;
	return one(m, out);
}

/* Two changes that the Internet checksum does not detect. */
static uint16_t sequence(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	struct lb_tcp *tcp = (struct lb_tcp *)(inner_of(m) + 1);
	lb_be32 seq = tcp->seq;

	(void)s;
	tcp->seq = tcp->ack;
	tcp->ack = seq;
	return one(m, out);
}

static uint16_t payload(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	*byte_at(m, 1) ^= 0x20;
	return one(m, out);
}

static uint16_t padding(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	memset(rte_pktmbuf_append(m, 6), 0, 6);
	return one(m, out);
}

static uint16_t lost(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	(void)s;
	(void)out;
	rte_pktmbuf_free(m);
	return 0;
}

static uint16_t duplicate(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	out[0] = m;
	out[1] = harness_frame(s->h, rte_pktmbuf_mtod(m, void *), m->data_len);
	return 2;
}

/*
 * Sent behind the packets that follow; with few flows, the next one of its own flow is soon among
 * them.
 */
static uint16_t reordered(struct spoil *s, struct rte_mbuf *m, struct rte_mbuf **out)
{
	uint16_t n = 0;

	if (s->held)
		out[n++] = s->held;
	s->held = m;
	return n;
}

/* The flow's record gets another instance. */
static void moved(struct spoil *s, struct rte_mbuf *m)
{
	const struct lb_ipv4 *ip = outer_of(m);
	const struct lb_tcp *tcp = (const struct lb_tcp *)(ip + 1);
	uint64_t key = lb_flow_key4(ip->src, tcp->sport, 1);
	struct lb_flow_ref ref;

	if (lb_table_find(&s->h->flows.table, key, lb_flow_spread(&s->h->tables->secret, key),
			  &ref))
		ref.bucket->home[ref.slot] =
			(uint16_t)((lb_bucket_instance(ref.bucket, ref.slot) + 1) %
				   SPOIL_INSTANCES);
}

static void instances_put(struct spoil *s)
{
	harness_put(s->h, LB_BLOCK_INSTANCES, 0, s->instances, sizeof(s->instances),
		    SPOIL_INSTANCES);
}

/* Two instances swap places in the table, as if their blocks had been mixed up. */
static void swapped(struct spoil *s, struct rte_mbuf *m)
{
	struct lb_instance other = s->instances[2];

	(void)m;
	s->instances[2] = s->instances[3];
	s->instances[3] = other;
	instances_put(s);
}

/* Records are lost, and instances are selected again from tables that have changed twice since. */
static void forgets(struct spoil *s, struct rte_mbuf *m)
{
	static uint16_t slots[SLOTS];

	(void)m;
	for (uint32_t change = 1; change <= 2; change++) {
		for (uint32_t i = 0; i < SLOTS; i++)
			slots[i] = (uint16_t)((i + change) % SPOIL_INSTANCES);
		harness_put(s->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	}
	memset(s->h->flow_memory, 0, flow_table_bytes(FORGOTTEN));
}

static const struct spoil_fault faults[] = {
	{ .name = "none" },
	{ .name = "outer_checksum", .packet = wrong_checksum },
	{ .name = "outer_length", .packet = wrong_length },
	{ .name = "outer_source", .packet = outer_source },
	{ .name = "mac", .packet = other_mac },
	{ .name = "inner_ttl", .packet = inner_ttl },
	{ .name = "other_client", .packet = other_client },
	{ .name = "no_tunnel", .packet = no_tunnel },
	{ .name = "inner_checksum", .packet = inner_checksum },
	{ .name = "sequence", .packet = sequence },
	{ .name = "payload", .packet = payload },
	{ .name = "padding", .packet = padding },
	{ .name = "lost", .packet = lost },
	{ .name = "duplicate", .packet = duplicate },
	{ .name = "reordered", .packet = reordered },
	{ .name = "moved", .tables = moved },
	{ .name = "swapped", .tables = swapped },
	{ .name = "forgets", .tables = forgets },
};

int spoil_choose(struct spoil *spoil, const char *name, uint64_t period)
{
	for (uint32_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(faults[i].name, name) == 0)
			spoil->fault = &faults[i];
	spoil->period = period;
	return spoil->fault && period ? 0 : -1;
}

/* As sluiced builds it for a pool "pool" of "i0", "i1" and so on. */
static void slots_put(struct spoil *s)
{
	static uint16_t slots[SLOTS];
	struct maglev_member members[SPOIL_INSTANCES];
	char path[16];

	for (uint16_t i = 0; i < SPOIL_INSTANCES; i++) {
		snprintf(path, sizeof(path), "pool/i%u", i);
		members[i] = (struct maglev_member){
			.key = maglev_key(&s->h->tables->secret, path),
			.weight = 100,
			.value = i,
		};
	}
	if (maglev_build(members, SPOIL_INSTANCES, slots, SLOTS))
		abort();
	harness_put(s->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
}

void spoil_world(struct spoil *s, enum lb_forward forward)
{
	struct harness_service services[2] = {
		{ .family = 4, .port = SPOIL_PORT, .id = 1, .forward = (uint8_t)forward },
		{ .family = 6, .port = SPOIL_PORT, .id = 2, .forward = (uint8_t)forward },
	};

	for (uint16_t i = 0; i < SPOIL_INSTANCES; i++)
		harness_instance(&s->instances[i], i, 4,
				 LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED |
					 LB_INSTANCE_ON_LINK);
	instances_put(s);
	slots_put(s);
	memcpy(services[0].addr, vip4, 16);
	memcpy(services[1].addr, vip6, 16);
	harness_services(s->h, services, 2);
}

void spoil_before(struct spoil *s, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (++s->in == s->period && s->fault->tables)
			s->fault->tables(s, pkts[i]);
}

uint16_t spoil_after(struct spoil *s, struct rte_mbuf **pkts, uint16_t n, struct rte_mbuf **out)
{
	uint16_t sent = 0;

	for (uint16_t i = 0; i < n; i++) {
		bool in_turn = ++s->out % s->period == 0;

		if (in_turn && s->fault->packet)
			sent += s->fault->packet(s, pkts[i], out + sent);
		else
			out[sent++] = pkts[i];
	}
	return sent;
}

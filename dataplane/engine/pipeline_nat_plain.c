/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation of plain packets within a family. Records of clients' packets are found as soon as
 * their instances are known, those of instances' packets are known by the parser; each is
 * prefetched a stage ahead of its use. All else is left to pipeline_nat_forward() and
 * pipeline_nat_reply().
 */
#include <rte_prefetch.h>

#include "dataplane/core/lb_nat_packet.h"
#include "dataplane/engine/pipeline_internal.h"

#define AHEAD 8 /* see pipeline_flow.c */
#define LINE_RECORDS (64 / sizeof(struct lb_nat_record))

/* Lines that are read at once, behind the first one, and how often. */
#define WALK_LINES 2
#define WALKS 3

/* Rewritten in place: only nat has both bits. */
#define MODE_BITS(id, value, word, needs, writer, shim)                                            \
	LB_STATIC_ASSERT((((value)&3) == 3) == ((value) == LB_FORWARD_NAT), "clients(): " word);
LB_FORWARD_LIST(MODE_BITS)

/* ---- Ends ---- */

static inline struct lb_addr source_of(const uint8_t *frame, uint8_t family)
{
	if (family == 4)
		return lb_addr_map(((const struct lb_tcp4 *)frame)->ip.src);
	return lb_addr_load(((const struct lb_tcp6 *)frame)->ip.src);
}

static inline struct lb_addr destination_of(const uint8_t *frame, uint8_t family)
{
	if (family == 4)
		return lb_addr_map(((const struct lb_tcp4 *)frame)->ip.dst);
	return lb_addr_load(((const struct lb_tcp6 *)frame)->ip.dst);
}

static inline struct lb_tcp *tcp_of(uint8_t *frame, uint8_t family)
{
	return family == 4 ? &((struct lb_tcp4 *)frame)->tcp : &((struct lb_tcp6 *)frame)->tcp;
}

static inline uint8_t ttl_of(const uint8_t *frame, uint8_t family)
{
	return family == 4 ? ((const struct lb_tcp4 *)frame)->ip.ttl
			   : ((const struct lb_tcp6 *)frame)->ip.hop_limit;
}

/* Bytes behind the TCP header. */
static inline uint32_t payload_of(uint32_t l3_len, const struct lb_tcp *tcp, uint8_t family)
{
	return l3_len - lb_ip_header_len(family) - (uint32_t)(tcp->doff >> 4) * 4;
}

/* The last four of 16 bytes are an IPv4 address: lb_addr_map(). */
static inline lb_be32 mapped(const uint8_t *addr)
{
	return lb_load32(addr + 12);
}

/* ---- From clients ---- */

/* The connection of a packet but for what its record is searched by. @family: a constant. */
static inline struct lb_nat_flow client_flow(const struct burst *b, uint32_t i, uint8_t family)
{
	const struct lb_tcp6 *headers = (const struct lb_tcp6 *)b->data[i];
	struct lb_nat_flow flow = { .instance = b->instance[i] };

	if (family == 4) { /* lb_flow_key4() */
		flow.client = lb_addr_map((lb_be32)b->key[i]);
		flow.client_port = (lb_be16)(b->key[i] >> 32);
		flow.service = (uint16_t)(b->key[i] >> 48);
	} else {
		flow.client = lb_addr_load(headers->ip.src);
		flow.client_port = headers->tcp.sport;
		flow.service = b->service[i]->id;
	}
	return flow;
}

/* Whether a record is that of a packet. @family: a constant. */
static inline bool client_has(const struct burst *b, uint32_t i, uint8_t family,
			      const struct lb_nat_record *record)
{
	const struct lb_nat_flow flow = client_flow(b, i, family);

	return lb_nat_is_of(record, &flow, b->nat_address[i]);
}

/* The same, but for what records of one client's port differ in. */
static inline bool client_may_have(const struct burst *b, uint32_t i,
				   const struct lb_nat_record *record)
{
	struct lb_nat_flow flow;

	if (lb_likely(b->plain4 >> i & 1))
		flow = client_flow(b, i, 4);
	else
		flow = client_flow(b, i, 6);
	return lb_load64(record->client + 8) == flow.client.word[1] &&
	       record->client_port == flow.client_port && record->service == flow.service;
}

/* Where a connection of `source: client` is looked for first. */
static __rte_noinline void client_first_own(struct burst *b, uint32_t i, struct lb_addr to)
{
	const struct lb_service *service = b->service[i];
	const struct lb_nat_share all = lb_nat_all(b->nat, b->nat->worker);
	struct lb_nat_pair pair = { .instance = to, .instance_port = service->instance_port };
	struct lb_meta meta;

	pipeline_meta(b, i, &meta);
	pair.client = lb_addr_client(&meta);
	pair.client_port = meta.client_port;
	b->nat_address[i] = 0;
	b->nat_ref[i].at = lb_hash_range(lb_nat_pair_hash(b->nat->secret, &pair), all.n);
	b->nat_ref[i].record = lb_nat_share_at(&all, b->nat_ref[i].at);
}

/* The first choice of a packet's flow: its place, and the index of its address. */
static inline bool client_first(struct burst *b, uint32_t i)
{
	const struct lb_nat *nat = b->nat;
	const struct lb_instances instances = { b->tables->instances, b->tables->n_instances };
	const struct lb_instance *instance = lb_instance_at(&instances, b->instance[i]);
	const struct lb_nat_flow flow = { .hash = lb_nat_hash(b->spread[i]) };
	struct lb_nat_share share;
	uint32_t family, address;
	struct lb_addr to;

	if (!instance || !lb_instance_is_there(instance))
		return false;
	to = lb_addr_instance(instance);
	if (lb_unlikely(b->service[i]->source == LB_NAT_SOURCE_CLIENT)) {
		client_first_own(b, i, to);
		return true;
	}
	family = lb_outer_family(instance) == 4 ? 0 : 1;
	if (lb_unlikely(!nat->index->n[family]))
		return false;
	address = lb_nat_address_of(nat->index, family, &flow, 0);
	share = lb_nat_share(nat, nat->worker,
			     lb_nat_space_by_hash(nat, b->pl->nat_address_hash[address], to));
	b->nat_address[i] = (uint8_t)address;
	b->nat_ref[i].at = lb_hash_range(flow.hash, share.n);
	b->nat_ref[i].record = lb_nat_share_at(&share, b->nat_ref[i].at);
	return true;
}

static inline void client_note_first(struct burst *b, uint32_t i)
{
	b->nat_ref[i].worker = b->nat->worker;
	if (lb_likely(b->result[i] == LB_VERDICT_FORWARD && client_first(b, i)))
		rte_prefetch0(b->nat_ref[i].record);
	else
		b->nat_ref[i].record = NULL;
}

/* The rest of a line, the first time. */
static inline uint32_t walk_records(const struct lb_nat_record *record, bool is_first)
{
	if (!is_first)
		return WALK_LINES * LINE_RECORDS;
	return (uintptr_t)record & sizeof(*record) ? 1 : LINE_RECORDS;
}

/*
 * Look at the next records of packets, and prefetch those behind where it is none of them. A search
 * that comes to the end of the ports is left to client_search(). Return: packets of @list that remain.
 */
static uint32_t clients_walk(struct burst *b, uint8_t *list, uint32_t n, bool is_first)
{
	const uint32_t n_all = b->nat->n_spaces * b->nat->room, n_share = b->nat->share;
	uint32_t n_left = 0;

	for (uint32_t k = 0; k < n; k++) {
		const uint32_t i = list[k];
		struct lb_nat_ref *ref = &b->nat_ref[i];
		bool is_own = b->service[i]->source == LB_NAT_SOURCE_CLIENT, found = false;
		uint32_t end = is_own ? n_all : n_share;
		uint32_t left = walk_records(ref->record, is_first);

		if (k + AHEAD < n)
			rte_prefetch0(b->nat_ref[list[k + AHEAD]].record);
		for (; left && ref->at < end; left--, ref->at++, ref->record++) {
			found = client_may_have(b, i, ref->record);
			if (found)
				break;
		}
		if (lb_likely(found))
			continue;
		if (ref->at == end) {
			ref->record = NULL;
			continue;
		}
		for (uint32_t line = 0; line < WALK_LINES; line++)
			rte_prefetch0(ref->record + line * LINE_RECORDS);
		list[n_left++] = (uint8_t)i;
	}
	return n_left;
}

void pipeline_nat_find(struct burst *b)
{
	uint64_t bits = b->in_place & b->second_bit;
	const uint64_t plain = b->plain4 | b->plain6;
	uint8_t list[PIPELINE_BURST] = { 0 };
	uint32_t n = 0;

	for (; bits; bits &= bits - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(bits);

		client_note_first(b, i);
		list[n] = (uint8_t)i;
		n += b->nat_ref[i].record && (plain >> i & 1);
	}
	for (uint32_t walk = 0; walk < WALKS && n; walk++)
		n = clients_walk(b, list, n, walk == 0);
	for (uint32_t k = 0; k < n; k++)
		b->nat_ref[list[k]].record = NULL;
}

/* Anywhere. */
static __rte_noinline struct lb_nat_ref client_search(const struct burst *b, uint32_t i,
						      const struct lb_instance *instance)
{
	const struct lb_service *service = b->service[i];
	struct lb_nat_pair pair = { .instance = lb_addr_instance(instance),
				    .instance_port = service->instance_port };
	struct lb_nat_flow flow;
	struct lb_meta meta;

	pipeline_meta(b, i, &meta);
	flow = meta.family == 4 ? client_flow(b, i, 4) : client_flow(b, i, 6);
	pair.client = flow.client;
	pair.client_port = flow.client_port;
	flow.source = service->source;
	flow.hash = lb_nat_flow_hash(b->nat, service->source, b->spread[i], &pair);
	return lb_nat_flow_find(b->nat, b->nat->worker, &flow, pair.instance);
}

/* @family: of the packet and of the instance, a constant. */
static __rte_always_inline bool client_plain(struct burst *b, uint32_t i,
					     const struct lb_instance *instance, uint8_t family)
{
	const uint8_t *to = instance->header + sizeof(struct lb_eth);
	const struct lb_service *service = b->service[i];
	const struct lb_nat *nat = b->nat;
	const uint32_t l3_len = b->l3_len[i];
	uint8_t *frame = (uint8_t *)(uintptr_t)b->data[i];
	struct lb_tcp *tcp = tcp_of(frame, family);
	struct lb_nat_ref ref = b->nat_ref[i];
	const uint8_t *from;
	lb_be16 port;

	if (lb_unlikely(l3_len > instance->mtu || l3_len > b->tables->mtu ||
			ttl_of(frame, family) <= 1))
		return false;
	if (lb_unlikely(!ref.record || !client_has(b, i, family, ref.record))) {
		ref = client_search(b, i, instance);
		if (!ref.record)
			return false;
	}
	lb_nat_client_step(nat, ref, tcp, payload_of(l3_len, tcp, family),
			   lb_mac_load(frame + LB_ETH_ALEN), b->now);
	from = nat->params->address[ref.record->address];
	port = lb_nat_port(nat, ref.worker, ref.at);
	if (family == 4) {
		struct lb_ipv4 *ip4 = &((struct lb_tcp4 *)frame)->ip;
		lb_be32 src = mapped(from);

		if (lb_unlikely(service->source == LB_NAT_SOURCE_CLIENT)) {
			src = ip4->src;
			port = tcp->sport;
		}
		lb_translate4(ip4, tcp, src, lb_load32(to + LB_OFFSETOF(struct lb_ipv4, dst)), port,
			      service->instance_port);
	} else {
		struct lb_ipv6 *ip6 = &((struct lb_tcp6 *)frame)->ip;

		if (lb_unlikely(service->source == LB_NAT_SOURCE_CLIENT)) {
			from = ip6->src;
			port = tcp->sport;
		}
		lb_translate6(ip6, tcp, from, to + LB_OFFSETOF(struct lb_ipv6, dst), port,
			      service->instance_port);
	}
	lb_write_mac(frame, instance);
	return true;
}

bool pipeline_nat_plain(struct burst *b, uint32_t i, const struct lb_instance *instance)
{
	if (lb_unlikely(!b->nat || lb_nat_has_proxy(b->service[i]->source)))
		return false;
	if (lb_likely((b->plain4 >> i & 1) && lb_outer_family(instance) == 4))
		return client_plain(b, i, instance, 4);
	if ((b->plain6 >> i & 1) && lb_outer_family(instance) == 6)
		return client_plain(b, i, instance, 6);
	return false;
}

/* ---- From instances ---- */

static __rte_always_inline bool reply_find(struct burst *b, uint32_t i, uint8_t family)
{
	const uint8_t *frame = b->data[i];
	const struct lb_nat *nat = b->nat;
	const struct lb_addr to = destination_of(frame, family);
	uint32_t address = lb_nat_address(nat->index, nat->params, to), space;

	if (address == LB_NAT_ADDRESS_NONE)
		return false;
	space = lb_nat_space_by_hash(nat, b->pl->nat_address_hash[address],
				     source_of(frame, family));
	b->nat_ref[i] = lb_nat_at(nat, space, tcp_of((uint8_t *)(uintptr_t)frame, family)->dport);
	if (lb_unlikely(!b->nat_ref[i].record))
		return false;
	rte_prefetch0(b->nat_ref[i].record);
	b->nat_address[i] = (uint8_t)address;
	b->replies |= 1ULL << i;
	b->plain4 |= (uint64_t)(family == 4) << i;
	b->plain6 |= (uint64_t)(family == 6) << i;
	b->result[i] = LB_VERDICT_KERNEL;
	return true;
}

bool pipeline_nat_reply_find(struct burst *b, uint32_t i, uint8_t family)
{
	return family == 4 ? reply_find(b, i, 4) : reply_find(b, i, 6);
}

/* Whether a packet whose service was looked for where that search begins has none. */
static inline bool has_no_service(const struct burst *b, uint32_t i, uint8_t family)
{
	return !b->service[i]->family || !pipeline_service_of(b, i, family);
}

/* @family: a constant. */
static __rte_always_inline uint32_t replies_find(struct burst *b, uint32_t first, uint32_t bits,
						 uint8_t family)
{
	uint32_t found = 0;

	for (; bits; bits &= bits - 1) {
		uint32_t lane = (uint32_t)__builtin_ctz(bits), i = first + lane;

		if (lb_likely(has_no_service(b, i, family)))
			found |= (uint32_t)reply_find(b, i, family) << lane;
	}
	return found;
}

uint32_t pipeline_nat_replies_find(struct burst *b, uint32_t first, uint32_t bits, uint8_t family)
{
	return family == 4 ? replies_find(b, first, bits, 4) : replies_find(b, first, bits, 6);
}

/* To the router that the client's packets come from. @hop: lb_nat_area.hop. */
static inline void reply_write_mac(uint8_t *frame, uint64_t hop, const struct lb_instance *instance)
{
	const uint8_t *port = instance->header + LB_ETH_ALEN;

	lb_store64(frame, hop | (uint64_t)lb_load16(port) << 48);
	lb_store32(frame + 8, lb_load32(port + 2));
}

/*
 * lb_nat_return() of a plain packet that stays in its family and is not too big. Return: false if
 * it is another one.
 * @family: a constant.
 */
static __rte_always_inline bool reply_plain(struct burst *b, uint32_t i, uint8_t family)
{
	const struct lb_instances instances = { b->tables->instances, b->tables->n_instances };
	const struct lb_table *flows = &b->pl->flows->table;
	const struct lb_nat *nat = b->nat;
	uint8_t *frame = (uint8_t *)(uintptr_t)b->data[i];
	struct lb_tcp *tcp = tcp_of(frame, family);
	const struct lb_nat_way way =
		lb_nat_way_by_record(nat, &instances, b->nat_ref[i], b->nat_address[i],
				     source_of(frame, family), tcp->sport);
	struct lb_nat_record *record = way.ref.record;
	const uint32_t l3_len = b->l3_len[i];
	uint64_t hop;

	if (lb_unlikely(!record || way.service->family != family ||
			lb_nat_has_proxy(way.service->source) || l3_len > b->tables->mtu ||
			ttl_of(frame, family) <= 1))
		return false;
	hop = lb_nat_area(nat, way.ref.worker)->hop[record->hop];
	if (lb_unlikely(hop >> 48 != LB_VLAN_KEEP))
		return false;
	lb_nat_step(record, LB_NAT_INSTANCE, tcp, payload_of(l3_len, tcp, family), b->now);
	if (family == 4)
		lb_translate4(&((struct lb_tcp4 *)frame)->ip, tcp, lb_load32(way.service->addr),
			      mapped(record->client), way.service->port, record->client_port);
	else
		lb_translate6(&((struct lb_tcp6 *)frame)->ip, tcp, way.service->addr,
			      record->client, way.service->port, record->client_port);
	reply_write_mac(frame, hop, way.instance);
	b->pl->stats->nat_foreign_pkts += way.ref.worker != nat->worker;
	lb_table_counts(flows, record->instance)->reply_pkts++;
	return true;
}

void pipeline_nat_replies(struct burst *b)
{
	const uint32_t n_other = b->n_other;

	for (uint64_t bits = b->replies; bits; bits &= bits - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(bits);
		bool is_done = b->plain4 >> i & 1 ? reply_plain(b, i, 4) : reply_plain(b, i, 6);

		if (lb_unlikely(!is_done))
			continue;
		b->result[i] = LB_VERDICT_FORWARD;
		b->n_other--;
	}
	b->pl->stats->nat_reply_pkts += n_other - b->n_other;
}

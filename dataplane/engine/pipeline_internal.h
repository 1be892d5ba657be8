/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages of pipeline_burst() and the state they share. Only pipeline*.c include this. */
#ifndef ENGINE_PIPELINE_INTERNAL_H
#define ENGINE_PIPELINE_INTERNAL_H

#include "dataplane/core/lb_packet.h"
#include "dataplane/core/lb_parse_plain.h"
#include "dataplane/engine/flow_find.h"
#include "dataplane/engine/pipeline.h"

/* A whole vector can be stored at the end. */
#define PIPELINE_ROOM (PIPELINE_BURST + 8)

/* A burst in flight; on the worker's stack. Arrays are indexed by packet. */
struct burst {
	struct pipeline *pl;
	const struct tables *tables;
	struct rte_mbuf **arrived; /* the packets in order of arrival */
	struct rte_mbuf **pkt;	   /* the same, or those over IPv6 behind all others: grouped */
	uint64_t six;		   /* if so: which these are, one bit each, by arrival */
	uint16_t n;
	uint16_t now;
	/* packets for a later stage, in order of the burst */
	uint16_t n_flow, n_miss;
	uint16_t n_other; /* packets that are not forwarded by the stages */
	uint8_t flow[PIPELINE_BURST];
	uint8_t miss[PIPELINE_BURST];
	/* one bit per packet */
	uint64_t plain4;     /* plain TCP by lb_parse_tcp4(): see pipeline_meta() */
	uint64_t plain6;     /* the same for lb_parse_tcp6() */
	uint64_t errors;     /* ICMP errors about a service's packets */
	uint64_t in_place;   /* packets that keep their length (LB_FORWARD_IN_PLACE) */
	uint64_t second_bit; /* of their modes (LB_FORWARD_SECOND) */
	uint64_t full;	     /* packets of miss whose primary bucket has no free slot */
	uint64_t second;     /* and those whose secondary bucket is searched or written */

	struct rte_mbuf *grouped[PIPELINE_ROOM];
	/* first byte of the frame as received */
	const uint8_t *data[PIPELINE_ROOM] LB_ALIGNED(64);
	uint64_t lengths[PIPELINE_ROOM]; /* of the mbuf: pkt_len (4), data_len (2), unused (2) */
	lb_result result[PIPELINE_BURST];
	uint16_t steps[PIPELINE_BURST]; /* lb_flow_steps() */
	uint16_t instance[PIPELINE_BURST];
	uint32_t l3_len[PIPELINE_BURST]; /* bytes */
	const struct lb_service *service[PIPELINE_BURST];
	uint64_t key[PIPELINE_BURST];
	uint64_t spread[PIPELINE_BURST];
	struct lb_bucket *bucket[PIPELINE_BURST];
	struct lb_meta meta[PIPELINE_BURST]; /* of packets that are not plain: pipeline_meta() */
	const struct lb_nat *nat;	     /* NULL: nothing is translated */
	/* of packets that are translated: their records, or where these may be */
	uint64_t replies; /* plain packets of no service to a NAT address, one bit each */
	struct lb_nat_ref nat_ref[PIPELINE_BURST];
	uint8_t nat_address[PIPELINE_BURST]; /* indices of their NAT addresses */
	struct lb_env env;		     /* pipeline_env() */
	bool has_env;
};

/** What decides on the burst's packets; filled in when the first one asks. */
const struct lb_env *pipeline_env(struct burst *b);

/** Metadata of a packet. That of a plain one is read only here, since it is rarely needed. */
static inline void pipeline_meta(const struct burst *b, uint32_t i, struct lb_meta *meta)
{
	if (b->plain4 >> i & 1)
		lb_tcp4_meta(b->data[i], meta);
	else if (b->plain6 >> i & 1)
		lb_tcp6_meta(b->data[i], meta);
	else
		*meta = b->meta[i];
}

/** A service's packet; if it is a SYN, without the bits of that. */
static inline void pipeline_packet(struct burst *b, uint32_t i, struct lb_packet *p)
{
	pipeline_meta(b, i, &p->meta);
	p->where.env = pipeline_env(b);
	lb_packet_set_service(p, b->service[i]);
	p->key = b->key[i];
	p->spread = b->spread[i];
	p->frame_len = (uint32_t)b->lengths[i];
	p->now = b->now;
	p->syn = 0;
}

/*
 * Prefetch the line that a tunnel header goes to: the one in front of the frame, if there is one.
 * Not while buckets are being prefetched: with many prefetches in flight some are dropped.
 */
static inline void pipeline_prefetch_header(const struct burst *b, uint32_t i)
{
	__builtin_prefetch(b->data[i] - (~b->in_place >> i & 1), 1);
}

/**
 * Parse all packets, find their services, hash, and prefetch the buckets. Packets whose flow is to
 * be looked up go to b->flow. One variant per enum pipeline_simd.
 */
typedef void (*stage_parse_fn)(struct burst *b);

void pipeline_parse_portable(struct burst *b);
void pipeline_parse_avx2(struct burst *b);
void pipeline_parse_avx512(struct burst *b);

/** The same on a trunk, where the network of each packet is checked. */
void pipeline_parse_trunk(struct burst *b);

/** The same from packet @first on; those before it are done. */
void pipeline_parse_rest(struct burst *b, uint32_t first);

/** The service of a plain packet, or NULL. */
static inline const struct lb_service *pipeline_service_of(const struct burst *b, uint32_t i,
							   uint8_t family)
{
	const struct lb_tcp4 *four = (const struct lb_tcp4 *)b->data[i];
	const struct lb_tcp6 *six = (const struct lb_tcp6 *)b->data[i];

	if (family == 4)
		return lb_service_find4(b->tables->services, four->ip.dst, four->tcp.dport,
					LB_IPPROTO_TCP);
	return lb_service_find6(b->tables->services, six->ip.dst, six->tcp.dport, LB_IPPROTO_TCP);
}

/** Parse one packet. Return: whether its flow is to be looked up. */
bool pipeline_classify(struct burst *b, uint32_t i);

/** Look up the flows of b->flow; those not in their primary bucket go to b->miss. */
typedef void (*stage_lookup_fn)(struct burst *b);

void pipeline_lookup_portable(struct burst *b);
void pipeline_lookup_avx2(struct burst *b);
void pipeline_lookup_avx512(struct burst *b);

/**
 * Find the flows of b->miss in their secondary buckets; choose instances for the others and record
 * them.
 */
void pipeline_misses(struct burst *b);

/**
 * A packet that the stages have left at LB_VERDICT_KERNEL: no flow's. In order of arrival: rates
 * are limited. Return: its verdict.
 */
lb_result pipeline_run(struct burst *b, uint32_t i);

/** Choose another instance for a packet whose own no longer serves; the result may change. */
void pipeline_rehome(struct burst *b, uint32_t i);

/** What translates the packets of a generation, or NULL. */
const struct lb_nat *pipeline_nat(struct pipeline *pl, const struct tables *tables);

/** Find the records of clients' packets that are to be translated, once they have an instance. */
void pipeline_nat_find(struct burst *b);

/** Prefetch the record of a packet of no service, if it is an instance's answer. */
void pipeline_nat_prefetch_reply(const struct burst *b, const struct lb_meta *meta);

/**
 * Translate a plain packet of a connection that has a record, within its family.
 * @instance: reachable. Return: false if it is none: it is for lb_send(), then.
 */
bool pipeline_nat_plain(struct burst *b, uint32_t i, const struct lb_instance *instance);

/**
 * Find and prefetch the record of a plain packet of no service by its destination.
 * @family: of the packet. Return: false if that is no NAT address with that port; else the packet is
 * among b->replies, and for pipeline_nat_replies().
 */
bool pipeline_nat_reply_find(struct burst *b, uint32_t i, uint8_t family);

/**
 * The same for those of up to 32 plain packets that have no service. b->service: the entries at
 * which their search begins, none of which is theirs. Return: bits of these.
 */
uint32_t pipeline_nat_replies_find(struct burst *b, uint32_t first, uint32_t bits, uint8_t family);

/** Translate b->replies; those that cannot be are left at LB_VERDICT_KERNEL. */
void pipeline_nat_replies(struct burst *b);

/** lb_send_rare.nat and lb_send_rare.reply. */
lb_result pipeline_nat_forward(struct lb_buffer buffer, const struct lb_packet *p,
			       uint32_t instance);
lb_result pipeline_nat_reply(struct lb_buffer buffer, const struct lb_packet *p);

/** Copy what a capture may want, before headers are written. */
void pipeline_capture_keep(struct burst *b);

/** Hand over what was kept, now that the verdicts are known. */
void pipeline_capture_end(struct burst *b);

/** Write the headers of all packets whose result is LB_VERDICT_FORWARD; the result may change. */
void pipeline_rewrite(struct burst *b);

#endif

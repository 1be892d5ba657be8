/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers: from instance to frame. */
#include "dataplane/engine/pipeline_internal.h"

static void frame_set_len(struct rte_mbuf *m, uint32_t len)
{
	if (m->next) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
}

/* Trim @bytes off the end, whole segments included. */
static bool chain_trim(struct rte_mbuf *m, uint32_t bytes)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(m);

	while (lb_unlikely(m->next && bytes >= last->data_len)) {
		struct rte_mbuf *before = m;

		while (before->next != last)
			before = before->next;
		before->next = NULL;
		m->nb_segs--;
		m->pkt_len -= last->data_len;
		bytes -= last->data_len;
		rte_pktmbuf_free_seg(last);
		last = before;
	}
	return rte_pktmbuf_trim(m, (uint16_t)bytes) == 0;
}

/* Too big for the tunnel: turn the packet into the ICMP error about it. */
static __rte_noinline lb_result too_big(struct burst *b, uint32_t i, uint32_t mtu)
{
	const struct lb_meta *meta = pipeline_meta(b, i);
	struct rte_mbuf *m = b->pkt[i];
	uint32_t room = meta->family == 4 ? LB_ICMP4_HEADROOM : LB_ICMP6_HEADROOM;
	uint8_t *frame;
	uint32_t len;

	if (!lb_icmp_may_answer(meta, m->data_len))
		return lb_result_drop(LB_DROP_TOO_BIG);
	if (!lb_rate_take(&b->pl->icmp_rate.rate, 0))
		return lb_result_drop(LB_DROP_ICMP_RATE);
	frame = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)room);
	if (!frame)
		return lb_result_drop(LB_DROP_HEADROOM);
	if (meta->family == 4)
		len = lb_write_frag_needed4(frame, frame + m->data_len, meta, mtu);
	else
		len = lb_write_too_big6(frame, frame + m->data_len, meta, mtu);
	frame_set_len(m, len);
	return LB_VERDICT_REPLY;
}

/* Make room for the tunnel header; trim the padding behind a short packet. */
static lb_result frame_stretch(struct rte_mbuf *m, const struct lb_meta *meta, uint32_t tunnel_len)
{
	uint32_t len = meta->l3_offset + meta->l3_len;

	if (lb_unlikely(m->nb_segs != 1 && !chain_trim(m, m->pkt_len - len)))
		return lb_result_drop(LB_DROP_IP_MALFORMED);
	if (lb_unlikely(m->data_off < tunnel_len))
		return lb_result_drop(LB_DROP_HEADROOM);
	m->data_off -= (uint16_t)tunnel_len;
	m->pkt_len = len + tunnel_len;
	if (lb_likely(m->nb_segs == 1))
		m->data_len = (uint16_t)m->pkt_len;
	else
		m->data_len += (uint16_t)tunnel_len;
	return LB_VERDICT_FORWARD;
}

static lb_result rewrite_tunnel(struct burst *b, uint32_t i, const struct lb_instance *instance,
				const struct lb_shim *shim)
{
	const struct lb_meta *meta = pipeline_meta(b, i);
	uint32_t room = lb_tunnel_room(instance, shim, meta->family, b->tables->mtu);
	struct rte_mbuf *m = b->pkt[i];
	lb_result result;
	uint8_t *frame;

	if (lb_unlikely(meta->l3_len > room))
		return too_big(b, i, room);
	result = frame_stretch(m, meta, lb_tunnel_len(instance, shim));
	if (lb_unlikely(result != LB_VERDICT_FORWARD))
		return result;
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	lb_write_tunnel(frame, frame + m->data_len, instance, shim, meta, b->spread[i]);
	return LB_VERDICT_FORWARD;
}

static lb_result rewrite_mac(struct burst *b, uint32_t i, const struct lb_instance *instance,
			     const struct lb_shim *shim)
{
	(void)shim;
	lb_write_mac((uint8_t *)(uintptr_t)b->data[i], instance);
	return LB_VERDICT_FORWARD;
}

#define REWRITE_CASE(id, value, word, needs, writer, shim)                                         \
	case LB_FORWARD_##id:                                                                      \
		return rewrite_##writer(b, i, instance, &lb_shim_##shim);

static lb_result rewrite_known(struct burst *b, uint32_t i, const struct lb_instance *instance)
{
	enum lb_forward forward = (enum lb_forward)b->service[i]->forward;

	if (!instance)
		return lb_result_drop(LB_DROP_NO_INSTANCE);
	if (lb_instance_reached(instance, forward))
		switch (forward) {
			LB_FORWARD_LIST(REWRITE_CASE)
		}
	return lb_result_drop(LB_DROP_NO_NEXT_HOP);
}

/* Any packet. Return: whether it is to be forwarded; otherwise b->result is its verdict. */
static __rte_noinline bool rewrite_other(struct burst *b, uint32_t i,
					 const struct lb_instances *instances)
{
	if (!lb_instance_has(instances, b->instance[i], LB_INSTANCE_SERVES))
		pipeline_rehome(b, i);
	if (b->result[i] == LB_VERDICT_FORWARD)
		b->result[i] = rewrite_known(b, i, lb_instance_at(instances, b->instance[i]));
	return b->result[i] == LB_VERDICT_FORWARD;
}

/*
 * frame_stretch() for a packet in one segment; does not read the second line of its mbuf.
 * Return: false if it has other segments, no headroom, or would exceed @mtu.
 */
static inline bool frame_stretch_plain(struct rte_mbuf *m, uint32_t l3_len, uint32_t tunnel_len,
				       uint32_t mtu)
{
	uint32_t len = l3_len + tunnel_len;

	if (lb_unlikely(m->nb_segs != 1 || m->data_off < tunnel_len || len > mtu))
		return false;
	m->data_off -= (uint16_t)tunnel_len;
	m->pkt_len = len + (uint32_t)sizeof(struct lb_eth);
	m->data_len = (uint16_t)m->pkt_len;
	return true;
}

static inline bool is_reached(const struct lb_instance *instance, enum lb_forward forward)
{
	return (instance->flags & LB_INSTANCE_SERVES) && lb_instance_reached(instance, forward);
}

/* is_reached(), by IPv4 outside. @forward: a constant. */
static inline bool is_reached4(const struct lb_instance *instance, enum lb_forward forward)
{
	const uint16_t flags = (uint16_t)((LB_INSTANCE_SERVES | lb_forward_needs(forward)) << 8);
	const uint16_t header_len = sizeof(struct lb_eth) + LB_TUNNEL4_LEN;

	return (lb_load16(&instance->header_len) & (flags | 0xff)) == (flags | header_len);
}

/* Family of a packet whose IP header follows a bare Ethernet header; 0 if there is a VLAN tag. */
static inline uint8_t family_untagged(const struct burst *b, uint32_t i)
{
	if (lb_likely(b->plain6 >> i & 1))
		return 6;
	if (b->plain4 >> i & 1)
		return 4;
	return b->meta[i].l3_offset == sizeof(struct lb_eth) ? b->meta[i].family : 0;
}

static __rte_always_inline bool tunnel_put(struct burst *b, uint32_t i,
					   const struct lb_instance *instance,
					   const struct lb_shim *shim, uint8_t outer_family,
					   uint8_t family)
{
	const uint32_t tunnel_len = lb_outer_len(outer_family, shim), l3_len = b->l3_len[i];
	uint8_t *frame = (uint8_t *)(uintptr_t)b->data[i];
	struct lb_inner inner = { .len = l3_len, .family = family };

	if (lb_unlikely(!frame_stretch_plain(b->pkt[i], l3_len, tunnel_len, instance->mtu)))
		return false;
	inner.spread = b->spread[i];
	inner.tos = lb_inner_tos(frame + sizeof(struct lb_eth), family);
	lb_write_headers(frame - tunnel_len, instance, shim, outer_family, &inner);
	return true;
}

/* Return: false if the packet is for rewrite_other(). @forward, @shim: constants. */
static inline bool plain_tunnel(struct burst *b, uint32_t i, const struct lb_instance *instance,
				enum lb_forward forward, const struct lb_shim *shim)
{
	uint8_t family;

	if (lb_likely((b->plain4 >> i & 1) && is_reached4(instance, forward)))
		return tunnel_put(b, i, instance, shim, 4, 4);
	family = family_untagged(b, i);
	if (lb_unlikely(!is_reached(instance, forward) || !family))
		return false;
	if (lb_outer_family(instance) == 4)
		return tunnel_put(b, i, instance, shim, 4, family);
	return tunnel_put(b, i, instance, shim, 6, family);
}

static inline bool plain_mac(struct burst *b, uint32_t i, const struct lb_instance *instance,
			     enum lb_forward forward, const struct lb_shim *shim)
{
	(void)shim;
	if (lb_unlikely(!is_reached(instance, forward)))
		return false;
	lb_write_mac((uint8_t *)(uintptr_t)b->data[i], instance);
	return true;
}

#define PLAIN_CASE(id, value, word, needs, writer, shim)                                           \
	case LB_FORWARD_##id:                                                                      \
		return plain_##writer(b, i, instance, LB_FORWARD_##id, &lb_shim_##shim);

static inline bool rewrite_plain(struct burst *b, uint32_t i, const struct lb_instance *instance)
{
	switch ((enum lb_forward)b->service[i]->forward) {
		LB_FORWARD_LIST(PLAIN_CASE)
	}
	return false;
}

/* The fast path for nearly all packets; the others are left to rewrite_other(), as is the return. */
static inline bool rewrite(struct burst *b, uint32_t i, const struct lb_instances *instances)
{
	const struct lb_instance *instance = lb_instance_at(instances, b->instance[i]);

	if (lb_likely(instance && rewrite_plain(b, i, instance)))
		return true;
	return rewrite_other(b, i, instances);
}

static inline void instance_count(struct lb_instance_stats *stats, uint32_t bytes)
{
	stats->pkts++;
	stats->bytes += bytes;
}

void pipeline_rewrite(struct burst *b)
{
	const struct lb_instances instances = { b->tables->instances, b->tables->n_instances };
	struct lb_instance_stats *stats = b->pl->instance_stats;
	const uint32_t n = b->n;

	for (uint32_t i = 0; i < n; i++)
		if (lb_likely(b->result[i] == LB_VERDICT_FORWARD && rewrite(b, i, &instances)))
			instance_count(&stats[b->instance[i]], b->l3_len[i]);
		else
			b->n_other++;
}

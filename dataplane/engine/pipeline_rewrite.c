/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers: from instance to frame. */
#include "dataplane/engine/pipeline_internal.h"

static __rte_noinline lb_result too_big(struct lb_buffer buffer, const struct lb_packet *p,
					uint32_t mtu)
{
	return lb_send_error(buffer, p->where.env, p, mtu);
}

static const struct lb_send_rare send_rare = { too_big, lb_packet_syn, pipeline_nat_forward,
					       pipeline_nat_reply, NULL };

__rte_noinline lb_result pipeline_run(struct burst *b, uint32_t i)
{
	const struct lb_service *service = NULL;
	struct lb_gate gate = { 0 };
	struct lb_packet p;

	if (b->errors >> i & 1) {
		service = b->service[i];
		pipeline_packet(b, i, &p);
	} else {
		pipeline_meta(b, i, &p.meta);
		p.where.env = pipeline_env(b);
		p.frame_len = (uint32_t)b->lengths[i];
		p.now = b->now;
	}
	return lb_packet_run((struct lb_buffer){ b->pkt[i] }, &b->env, &p, service, &gate,
			     send_rare);
}

/* Any packet. Return: whether it is to be forwarded; otherwise b->result is its verdict. */
static __rte_noinline bool rewrite_other(struct burst *b, uint32_t i)
{
	const struct lb_env *env = pipeline_env(b);
	struct lb_packet p;

	if (!lb_instance_has(&env->instances, b->instance[i], LB_INSTANCE_SERVES))
		pipeline_rehome(b, i);
	if (b->result[i] != LB_VERDICT_FORWARD)
		return false;
	pipeline_packet(b, i, &p);
	b->result[i] = lb_send((struct lb_buffer){ b->pkt[i] }, env, &p, b->instance[i], send_rare);
	return b->result[i] == LB_VERDICT_FORWARD;
}

/*
 * Make room for the tunnel header, and trim the padding behind a short packet, without reading the
 * second line of the mbuf.
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

/* It serves and is reached, and a frame without a tag gets none. @forward: a constant. */
static inline bool is_plain(const struct lb_instance *instance, enum lb_forward forward)
{
	const uint8_t set = LB_INSTANCE_SERVES | lb_forward_needs(forward);

	return (instance->flags & (set | LB_INSTANCE_TAGGED)) == set;
}

/* is_plain(), by IPv4 outside. @forward: a constant. */
static inline bool is_plain4(const struct lb_instance *instance, enum lb_forward forward)
{
	const uint8_t set = LB_INSTANCE_SERVES | lb_forward_needs(forward);
	const uint8_t clear = LB_INSTANCE_OUTER6 | LB_INSTANCE_TAGGED;

	return (instance->flags & (set | clear)) == set;
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
	inner.port = b->service[i]->instance_port;
	inner.tos = lb_inner_tos(frame + sizeof(struct lb_eth), family);
	if (lb_shim_has_csum(shim, outer_family))
		inner.sum = lb_inner_sum(frame + sizeof(struct lb_eth), family);
	lb_write_headers(frame - tunnel_len, instance, shim, outer_family, &inner);
	return true;
}

/* Return: false if the packet is for rewrite_other(). @forward, @shim: constants. */
static __rte_always_inline bool plain_tunnel(struct burst *b, uint32_t i,
					     const struct lb_instance *instance,
					     enum lb_forward forward, const struct lb_shim *shim)
{
	uint8_t family;

	if (lb_likely((b->plain4 >> i & 1) && is_plain4(instance, forward)))
		return tunnel_put(b, i, instance, shim, 4, 4);
	family = family_untagged(b, i);
	if (lb_unlikely(!is_plain(instance, forward) || !family))
		return false;
	if (lb_outer_family(instance) == 4)
		return tunnel_put(b, i, instance, shim, 4, family);
	return tunnel_put(b, i, instance, shim, 6, family);
}

static __rte_always_inline bool plain_mac(struct burst *b, uint32_t i,
					  const struct lb_instance *instance,
					  enum lb_forward forward, const struct lb_shim *shim)
{
	(void)shim;
	if (lb_unlikely(!is_plain(instance, forward)) ||
	    (lb_unlikely(instance->vlan != LB_VLAN_KEEP) && !family_untagged(b, i)))
		return false;
	lb_write_mac((uint8_t *)(uintptr_t)b->data[i], instance);
	return true;
}

static inline bool plain_nat(struct burst *b, uint32_t i, const struct lb_instance *instance,
			     enum lb_forward forward, const struct lb_shim *shim)
{
	(void)shim;
	return is_plain(instance, forward) && pipeline_nat_plain(b, i, instance);
}

#define PLAIN_CASE(id, value, word, needs, writer, shim)                                           \
	case LB_FORWARD_##id:                                                                      \
		return plain_##writer(b, i, instance, LB_FORWARD_##id, &lb_shim_##shim);

/* Out of line: what these modes need would cost the others registers. */
static __rte_noinline bool rewrite_by_mode(struct burst *b, uint32_t i,
					   const struct lb_instance *instance)
{
	switch ((enum lb_forward)b->service[i]->forward) {
		LB_FORWARD_LIST(PLAIN_CASE)
	}
	return false;
}

/*
 * l2 and ipip are told by bits of the burst: reading the service and choosing among all modes costs
 * 3 to 4 cycles.
 */
static __rte_always_inline bool rewrite_plain(struct burst *b, uint32_t i,
					      const struct lb_instance *instance)
{
	if (lb_unlikely(!((b->in_place ^ b->second_bit) >> i & 1)))
		return rewrite_by_mode(b, i, instance);
	if (b->in_place >> i & 1)
		return plain_mac(b, i, instance, LB_FORWARD_L2, &lb_shim_none);
	return plain_tunnel(b, i, instance, LB_FORWARD_IPIP, &lb_shim_none);
}

/* The fast path for nearly all packets; the others are left to rewrite_other(), as is the return. */
static __rte_always_inline bool rewrite(struct burst *b, uint32_t i,
					const struct lb_instances *instances)
{
	const struct lb_instance *instance = lb_instance_at(instances, b->instance[i]);

	if (lb_likely(instance && rewrite_plain(b, i, instance)))
		return true;
	return rewrite_other(b, i);
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

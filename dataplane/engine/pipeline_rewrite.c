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

/* Cut @bytes off the end, whole segments too. */
static bool frame_trim(struct rte_mbuf *m, uint32_t bytes)
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

/* Too big for the tunnel: the packet becomes the ICMP error about itself. */
static lb_result too_big(struct burst *b, uint32_t i, uint32_t tunnel_len)
{
	const struct lb_meta *meta = &b->meta[i];
	struct rte_mbuf *m = b->pkt[i];
	const struct lb_ipv4 *ip =
		rte_pktmbuf_mtod_offset(m, const struct lb_ipv4 *, meta->l3_offset);
	uint32_t mtu = b->tables->mtu - tunnel_len;
	uint32_t room = meta->family == 4 ? LB_ICMP4_HEADROOM : LB_ICMP6_HEADROOM;
	uint8_t *frame;
	uint32_t len;

	if (!lb_icmp_may_answer(meta, ip->frag, m->data_len))
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

static lb_result rewrite_tunnel(struct burst *b, uint32_t i, const struct lb_instance *instance)
{
	const struct lb_meta *meta = &b->meta[i];
	struct rte_mbuf *m = b->pkt[i];
	uint32_t tunnel_len = lb_tunnel_len(instance);
	uint32_t padding = m->pkt_len - meta->l3_offset - meta->l3_len;
	uint8_t *frame;

	if (lb_unlikely(meta->l3_len + tunnel_len > b->tables->mtu))
		return too_big(b, i, tunnel_len);
	if (lb_unlikely(padding && !frame_trim(m, padding)))
		return lb_result_drop(LB_DROP_IP_MALFORMED);
	frame = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)tunnel_len);
	if (lb_unlikely(!frame))
		return lb_result_drop(LB_DROP_HEADROOM);
	lb_write_tunnel(frame, frame + m->data_len, instance, meta, b->spread[i]);
	return LB_VERDICT_FORWARD;
}

lb_result pipeline_rewrite(struct burst *b, uint32_t i)
{
	const struct lb_instance *instance = &b->tables->instances[b->instance[i]];
	struct lb_instance_stats *stats = &b->pl->instance_stats[b->instance[i]];
	enum lb_forward forward = (enum lb_forward)b->service[i]->forward;
	lb_result result = LB_VERDICT_FORWARD;

	if (lb_unlikely(!lb_instance_reached(instance, forward)))
		return lb_result_drop(LB_DROP_NO_NEXT_HOP);
	if (forward == LB_FORWARD_L2)
		lb_write_l2(rte_pktmbuf_mtod(b->pkt[i], uint8_t *), instance);
	else
		result = rewrite_tunnel(b, i, instance);
	if (lb_likely(result == LB_VERDICT_FORWARD)) {
		stats->pkts++;
		stats->bytes += b->meta[i].l3_len;
	}
	return result;
}

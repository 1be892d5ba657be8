/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a chosen instance to the frame that is sent: by the row of the service's mode
 * (core/lb_forward.h), or as an ICMP error to the sender.
 *
 * The frame is reached by "lb_buffer.h", which the include path chooses as it does "lb_tables.h"
 * (core/lb_memory.h).
 */
#ifndef LB_SEND_H
#define LB_SEND_H

#include "dataplane/core/lb_decide.h"
#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_reply.h"
#include "lb_buffer.h"

typedef lb_result (*lb_too_big)(struct lb_buffer buffer, const struct lb_packet *p, uint32_t mtu);

/* What each dataplane puts out of line in its own way: constants. */
struct lb_send_rare {
	lb_too_big too_big; /* lb_send_error() */
	/* lb_packet_syn() */
	uint16_t (*syn)(struct lb_buffer buffer, const struct lb_packet *p);
	/* a packet to an instance, which is given by its index, by nat */
	lb_result (*nat)(struct lb_buffer buffer, const struct lb_packet *p, uint32_t instance);
	/* a packet of no service, if it is an instance's answer, else LB_VERDICT_KERNEL; or NULL */
	lb_result (*reply)(struct lb_buffer buffer, const struct lb_packet *p);
	/* an instance is chosen, by its index or LB_INSTANCE_NONE, and no header written; or NULL */
	void (*chosen)(struct lb_buffer buffer, uint32_t instance);
};

/* The instance of a choice. */
struct lb_send_to {
	const struct lb_instance *instance;
	uint32_t index;
};

/** The bits of a SYN: LB_FLOW_SYN of a home. */
LB_INLINE uint16_t lb_packet_syn(struct lb_buffer buffer, const struct lb_packet *p)
{
	const uint8_t *start = lb_buffer_start(buffer);
	const struct lb_tcp *tcp =
		(const void *)(start + (p->meta.l4_offset & 0x3ff /* for the verifier */));

	return lb_fits(tcp, sizeof(*tcp), lb_buffer_end(buffer)) ? lb_flow_syn(tcp->seq) : 0;
}

/** Turn a packet that is too big for its tunnel into the ICMP error about it. */
LB_INLINE lb_result lb_send_error(struct lb_buffer buffer, const struct lb_env *env,
				  const struct lb_packet *p, uint32_t mtu)
{
	const struct lb_meta *meta = &p->meta;
	uint32_t room = meta->family == 4 ? LB_ICMP4_HEADROOM : LB_ICMP6_HEADROOM;
	uint32_t len;

	if (!lb_icmp_may_answer(meta, lb_buffer_first_len(buffer)))
		return lb_result_drop(LB_DROP_TOO_BIG);
	if (!lb_rate_take(env->icmp_rate, 0))
		return lb_result_drop(LB_DROP_ICMP_RATE);
	if (!lb_buffer_push(buffer, room) ||
	    !lb_buffer_trim(buffer, p->frame_len - meta->l3_offset - lb_icmp_quote_len(meta)))
		return lb_result_drop(LB_DROP_HEADROOM);
	if (meta->family == 4)
		len = lb_write_frag_needed4(lb_buffer_start(buffer), lb_buffer_end(buffer), meta,
					    mtu);
	else
		len = lb_write_too_big6(lb_buffer_start(buffer), lb_buffer_end(buffer), meta, mtu);
	if (!len)
		return lb_result_drop(LB_DROP_HEADROOM);
	env->table.stats->reply_pkts++;
	return LB_VERDICT_REPLY;
}

LB_INLINE lb_result lb_send_tunnel(struct lb_buffer buffer, const struct lb_env *env,
				   const struct lb_packet *p, struct lb_send_to to,
				   const struct lb_shim *shim, struct lb_send_rare rare)
{
	const struct lb_instance *instance = to.instance;
	const struct lb_meta *meta = &p->meta;
	uint32_t tunnel_len = lb_tunnel_len(instance, shim), tag = lb_tag_out(instance, meta);
	uint32_t padding = p->frame_len - meta->l3_offset - meta->l3_len;

	if (lb_unlikely(meta->l3_len + tunnel_len > instance->mtu)) {
		uint32_t room = lb_tunnel_room(instance, shim, meta->family, env->mtu);

		if (meta->l3_len > room)
			return rare.too_big(buffer, p, room);
	}
	if (lb_unlikely(padding && !lb_buffer_trim(buffer, padding)))
		return lb_result_drop(LB_DROP_IP_MALFORMED);
	if (lb_unlikely(
		    !lb_buffer_push(buffer, tunnel_len + lb_tag_l2_len(tag) - meta->l3_offset) ||
		    !lb_write_tunnel(lb_buffer_start(buffer), lb_buffer_end(buffer), instance, shim,
				     meta, tag, p->spread, p->instance_port)))
		return lb_result_drop(LB_DROP_HEADROOM);
	return LB_VERDICT_FORWARD;
}

LB_INLINE lb_result lb_send_mac(struct lb_buffer buffer, const struct lb_env *env,
				const struct lb_packet *p, struct lb_send_to to,
				const struct lb_shim *shim, struct lb_send_rare rare)
{
	const struct lb_instance *instance = to.instance;
	uint32_t tag = lb_tag_out(instance, &p->meta), l2_len = lb_tag_l2_len(tag);
	uint8_t *frame;

	(void)env;
	(void)shim;
	(void)rare;
	if (lb_unlikely(l2_len > p->meta.l3_offset) &&
	    !lb_buffer_push(buffer, sizeof(struct lb_vlan)))
		return lb_result_drop(LB_DROP_HEADROOM);
	if (lb_unlikely(l2_len < p->meta.l3_offset) &&
	    !lb_buffer_pull(buffer, sizeof(struct lb_vlan)))
		return lb_result_drop(LB_DROP_L2_TRUNCATED);
	frame = lb_buffer_start(buffer);
	if (!lb_fits(frame, LB_ETH_HEADER_MAX, lb_buffer_end(buffer)))
		return lb_result_drop(LB_DROP_L2_TRUNCATED);
	if (lb_unlikely(tag))
		lb_write_mac_tag(frame, instance, tag);
	else
		lb_write_mac(frame, instance);
	return LB_VERDICT_FORWARD;
}

LB_INLINE lb_result lb_send_nat(struct lb_buffer buffer, const struct lb_env *env,
				const struct lb_packet *p, struct lb_send_to to,
				const struct lb_shim *shim, struct lb_send_rare rare)
{
	(void)env;
	(void)shim;
	return rare.nat(buffer, p, to.index);
}

#define LB_SEND_CASE(id, value, word, needs, writer, shim)                                         \
	case LB_FORWARD_##id:                                                                      \
		return lb_send_##writer(buffer, env, p, to, &lb_shim_##shim, rare);

/** Write the headers to the instance of a choice, by the mode of the packet's service. */
LB_INLINE lb_result lb_send(struct lb_buffer buffer, const struct lb_env *env,
			    const struct lb_packet *p, uint32_t choice, struct lb_send_rare rare)
{
	const uint32_t index = choice & LB_CHOICE_INSTANCE;
	const struct lb_send_to to = { lb_instance_at(&env->instances, index), index };
	enum lb_forward forward = (enum lb_forward)p->forward;

	if (lb_unlikely(!to.instance))
		return lb_choice_drop(choice);
	if (lb_likely(lb_instance_reached(to.instance, forward)))
		switch (forward) {
			LB_FORWARD_LIST(LB_SEND_CASE)
		}
	return lb_result_drop(LB_DROP_NO_NEXT_HOP);
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* What is off the common path of a packet: functions that the verifier checks by themselves. */
#ifndef BPF_SLUICE_XDP_SEND_H
#define BPF_SLUICE_XDP_SEND_H

#include "bpf/sluice_xdp_capture.h"
#include "dataplane/core/lb_nat_packet.h"
#include "dataplane/core/lb_packet.h"

uint32_t lb_xdp_too_big(struct xdp_md *ctx, const struct lb_packet *p, uint32_t mtu);
uint32_t lb_xdp_syn(struct xdp_md *ctx, const struct lb_packet *p);
uint32_t lb_xdp_nat_client(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
			   uint64_t place);
uint32_t lb_xdp_nat_write(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
			  uint64_t place);
uint32_t lb_xdp_nat_error(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
			  uint64_t place);
uint32_t lb_xdp_nat_reply(struct xdp_md *ctx, const struct lb_packet *p);

/* lb_send_error(). Return: an lb_result. */
LB_RARE uint32_t lb_xdp_too_big(struct xdp_md *ctx, const struct lb_packet *p, uint32_t mtu)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return lb_result_drop(LB_DROP_TOO_BIG);
	return lb_send_error((struct lb_buffer){ ctx }, &env, p, mtu);
}

LB_INLINE lb_result lb_xdp_send_too_big(struct lb_buffer buffer, const struct lb_packet *p,
					uint32_t mtu)
{
	return (lb_result)lb_xdp_too_big(buffer.ctx, p, mtu);
}

/*
 * What translates has no room on the stack for the ICMP error as well: it returns the size in place
 * of a result, for lb_xdp_finish_too_big().
 */
#define LB_XDP_IS_TOO_BIG 0x8000u
#define LB_XDP_ROOM_MAX 0x3fffu

LB_STATIC_ASSERT((LB_DROP_COUNT << 8) < LB_XDP_IS_TOO_BIG, "results are below LB_XDP_IS_TOO_BIG");

LB_INLINE lb_result lb_xdp_later(struct lb_buffer buffer, const struct lb_packet *p, uint32_t mtu)
{
	(void)buffer;
	(void)p;
	return (lb_result)(LB_XDP_IS_TOO_BIG | (mtu < LB_XDP_ROOM_MAX ? mtu : LB_XDP_ROOM_MAX));
}

LB_INLINE lb_result lb_xdp_finish_too_big(struct lb_buffer buffer, const struct lb_packet *p,
					  uint32_t result)
{
	if (lb_unlikely(result & LB_XDP_IS_TOO_BIG))
		return lb_xdp_send_too_big(buffer, p, result & LB_XDP_ROOM_MAX);
	return (lb_result)result;
}

/* lb_packet_syn() */
LB_RARE uint32_t lb_xdp_syn(struct xdp_md *ctx, const struct lb_packet *p)
{
	return p ? lb_packet_syn((struct lb_buffer){ ctx }, p) : 0;
}

LB_INLINE uint16_t lb_xdp_syn_of(struct lb_buffer buffer, const struct lb_packet *p)
{
	return (uint16_t)lb_xdp_syn(buffer.ctx, p);
}

/* The sequence number of a SYN, for lb_nat_place(). */
LB_RARE uint32_t lb_xdp_nat_seq(struct xdp_md *ctx, const struct lb_packet *p)
{
	const struct lb_buffer buffer = { ctx };
	const struct lb_tcp *tcp;

	if (!p || !lb_packet_is_syn(p))
		return 0;
	tcp = (const void *)(lb_buffer_start(buffer) + (p->meta.l4_offset & 0x3ff));
	return lb_fits(tcp, sizeof(*tcp), lb_buffer_end(buffer)) ? tcp->seq : 0;
}

/* lb_nat_client() */
LB_RARE uint32_t lb_xdp_nat_client(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
				   uint64_t place)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	return lb_nat_client((struct lb_buffer){ ctx }, &env, p, instance, place);
}

/* lb_nat_forward_write() */
LB_RARE uint32_t lb_xdp_nat_write(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
				  uint64_t place)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	return lb_nat_forward_write((struct lb_buffer){ ctx }, &env, p, instance, place,
				    lb_xdp_later);
}

/* lb_nat_forward_error() */
LB_RARE uint32_t lb_xdp_nat_error(struct xdp_md *ctx, const struct lb_packet *p, uint32_t instance,
				  uint64_t place)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	return lb_nat_forward_error((struct lb_buffer){ ctx }, &env, p, instance, place);
}

/* lb_nat_forward(), whose parts have no room together on the stack. */
LB_INLINE lb_result lb_xdp_send_nat(struct lb_buffer buffer, const struct lb_packet *p,
				    uint32_t instance)
{
	lb_result result;
	uint64_t place;

	if (!lb_xdp_nat_spaces)
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	place = lb_nat_place(p, instance, lb_xdp_nat_seq(buffer.ctx, p));
	if (!(place & LB_NAT_PLACE_FOUND))
		return (lb_result)place;
	if (p->meta.class != LB_CLASS_FLOW)
		return (lb_result)lb_xdp_nat_error(buffer.ctx, p, instance, place);
	result = (lb_result)lb_xdp_nat_client(buffer.ctx, p, instance, place);
	if (result != LB_VERDICT_FORWARD)
		return result;
	return lb_xdp_finish_too_big(buffer, p, lb_xdp_nat_write(buffer.ctx, p, instance, place));
}

/* lb_nat_reply() */
LB_RARE uint32_t lb_xdp_nat_reply(struct xdp_md *ctx, const struct lb_packet *p)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return LB_VERDICT_KERNEL;
	return lb_nat_reply((struct lb_buffer){ ctx }, &env, p, lb_xdp_later);
}

LB_INLINE lb_result lb_xdp_reply(struct lb_buffer buffer, const struct lb_packet *p)
{
	if (!lb_xdp_nat_spaces)
		return LB_VERDICT_KERNEL;
	lb_xdp_chosen(buffer, LB_INSTANCE_NONE);
	return lb_xdp_finish_too_big(buffer, p, lb_xdp_nat_reply(buffer.ctx, p));
}

#endif

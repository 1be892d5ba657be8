/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* What is off the common path of a packet: functions that the verifier checks by themselves. */
#ifndef BPF_SLUICE_XDP_SEND_H
#define BPF_SLUICE_XDP_SEND_H

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

/* lb_packet_syn() */
LB_RARE uint32_t lb_xdp_syn(struct xdp_md *ctx, const struct lb_packet *p)
{
	return p ? lb_packet_syn((struct lb_buffer){ ctx }, p) : 0;
}

LB_INLINE uint16_t lb_xdp_syn_of(struct lb_buffer buffer, const struct lb_packet *p)
{
	return (uint16_t)lb_xdp_syn(buffer.ctx, p);
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
				    lb_xdp_send_too_big);
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
	place = lb_nat_place(p, instance, 0);
	if (!(place & LB_NAT_PLACE_FOUND))
		return (lb_result)place;
	if (p->meta.class != LB_CLASS_FLOW)
		return (lb_result)lb_xdp_nat_error(buffer.ctx, p, instance, place);
	result = (lb_result)lb_xdp_nat_client(buffer.ctx, p, instance, place);
	if (result != LB_VERDICT_FORWARD)
		return result;
	return (lb_result)lb_xdp_nat_write(buffer.ctx, p, instance, place);
}

/* lb_nat_reply() */
LB_RARE uint32_t lb_xdp_nat_reply(struct xdp_md *ctx, const struct lb_packet *p)
{
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return LB_VERDICT_KERNEL;
	return lb_nat_reply((struct lb_buffer){ ctx }, &env, p, lb_xdp_send_too_big);
}

LB_INLINE lb_result lb_xdp_reply(struct lb_buffer buffer, const struct lb_packet *p)
{
	if (!lb_xdp_nat_spaces)
		return LB_VERDICT_KERNEL;
	return (lb_result)lb_xdp_nat_reply(buffer.ctx, p);
}

#endif

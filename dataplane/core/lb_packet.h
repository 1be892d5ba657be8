/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to a packet, from its parsed headers to its verdict: lb_packet_run(). The XDP
 * program runs it on each packet. So does the DPDK pipeline, except for packets of flows, which go
 * through its stages, a burst at a time, made of the same functions.
 *
 * The lock of a table with several writers is reached by "lb_gate.h", which the include path
 * chooses as it does "lb_tables.h" (core/lb_memory.h).
 */
#ifndef LB_PACKET_H
#define LB_PACKET_H

#include "dataplane/core/lb_send.h"
#include "lb_gate.h"

/**
 * The service that a parsed packet is for, or NULL; if it comes from a network that the service is
 * not announced on, it is to be dropped.
 */
LB_INLINE const struct lb_service *lb_packet_service(const struct lb_service_table *services,
						     struct lb_meta *meta)
{
	const struct lb_service *service = NULL;
	enum lb_drop refusal;

	if (lb_likely(meta->class <= LB_CLASS_ICMP_ERROR))
		service = lb_service_find(services, meta);
	if (!service)
		return NULL;
	refusal = lb_network_refuses(services, meta, service->networks);
	if (lb_likely(refusal == LB_DROP_COUNT))
		return service;
	lb_meta_set(meta, LB_CLASS_DROP, refusal);
	return NULL;
}

/** Set what a packet has from its service. */
LB_INLINE void lb_packet_set_service(struct lb_packet *p, const struct lb_service *service)
{
	p->salt = service->salt;
	p->pool = service->pool;
	p->forward = service->forward;
	p->source = service->source;
	p->affinity = service->affinity;
	p->access = service->access;
	p->service = service->id;
	p->instance_port = service->instance_port;
}

/** Set the key of a packet's flow. */
LB_INLINE void lb_packet_set_key(struct lb_packet *p, const struct lb_secret *secret,
				 const struct lb_service *service)
{
	p->key = lb_steer_key(secret, &p->meta, service->id, service->salt);
	p->spread = lb_flow_spread(secret, p->key);
}

/* A packet for a service. */
LB_INLINE lb_result lb_packet_forward(struct lb_buffer buffer, struct lb_env *env,
				      struct lb_packet *p, struct lb_gate *gate,
				      struct lb_send_rare rare)
{
	struct lb_instance_stats *counts;
	lb_result result;
	uint32_t choice;

	if (!lb_gate_lock(gate, env, p))
		return lb_result_drop(LB_DROP_NO_INSTANCE);
	if (lb_unlikely(lb_packet_is_syn(p)))
		p->syn = rare.syn(buffer, p);
	choice = lb_decide_instance(env, p);
	lb_gate_unlock(gate);
	if (rare.chosen)
		rare.chosen(buffer, choice & LB_CHOICE_INSTANCE);
	result = lb_send(buffer, env, p, choice, rare);
	if (lb_unlikely(result != LB_VERDICT_FORWARD))
		return result;
	counts = lb_table_counts(&env->table, choice & LB_CHOICE_INSTANCE);
	if (counts) {
		counts->pkts++;
		counts->bytes += p->meta.l3_len;
	}
	return LB_VERDICT_FORWARD;
}

/**
 * One packet.
 * @env: of the packet; reopened if it is to be counted elsewhere.
 * @p: parsed; if it is for a service, with what it has from that, and its key.
 * @service: lb_packet_service().
 * Return: its verdict; it is forwarded or a reply already, and counted for its instance.
 */
LB_INLINE lb_result lb_packet_run(struct lb_buffer buffer, struct lb_env *env, struct lb_packet *p,
				  const struct lb_service *service, struct lb_gate *gate,
				  struct lb_send_rare rare)
{
	if (lb_likely(service))
		return lb_packet_forward(buffer, env, p, gate, rare);
	if (rare.reply) {
		lb_result result = rare.reply(buffer, p);

		if (result != LB_VERDICT_KERNEL)
			return result;
	}
	return (lb_result)lb_decide_other(p);
}

#endif

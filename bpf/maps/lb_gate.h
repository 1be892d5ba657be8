/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The lock of a region: see core/lb_packet.h. With handover it is a word that a DPDK process takes
 * too; otherwise only the sweep can be in the way, on the same CPU.
 */
#ifndef BPF_MAPS_LB_GATE_H
#define BPF_MAPS_LB_GATE_H

#include "bpf/sluice_xdp_clock.h"
#include "bpf/sluice_xdp_handover.h"
#include "dataplane/core/lb_decide.h"

struct lb_gate {
	struct lb_handover *queue; /* NULL without a DPDK process */
	uint32_t lock;		   /* LB_XDP_LOCK_NONE: not held */
};

/*
 * The packet only reads its region, which another one writes. Beside a DPDK process that may be
 * another CPU, so each CPU has a row for such packets, after those of the queues.
 */
LB_INLINE bool lb_gate_lock_out(struct lb_env *env, struct lb_packet *p, bool has_handover)
{
	p->where.locked = env->region + 1;
	if (has_handover)
		p->where.cpu_id = lb_xdp_regions + bpf_get_smp_processor_id();
	if (!lb_env_open(env, &p->where))
		return false;
	p->now = lb_xdp_now(env->cpu, p->where.cpu_id, p->where.generation);
	return true;
}

/** Return: false if the packet cannot be decided on. */
LB_INLINE bool lb_gate_lock(struct lb_gate *gate, struct lb_env *env, struct lb_packet *p)
{
	bool is_locked;

	if (gate->queue) {
		gate->lock = lb_xdp_lock(gate->queue, p->where.cpu_id, env->cpu->now_ns);
		is_locked = gate->lock == LB_XDP_LOCK_NONE;
	} else {
		is_locked = lb_load_acquire(&env->cpu->sweeping);
	}
	return lb_likely(!is_locked) || lb_gate_lock_out(env, p, gate->queue != NULL);
}

LB_INLINE void lb_gate_unlock(struct lb_gate *gate)
{
	if (gate->lock != LB_XDP_LOCK_NONE)
		lb_xdp_unlock(gate->queue, gate->lock);
}

#endif

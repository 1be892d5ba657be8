/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker has its table for the whole burst (engine/handover.h): see core/lb_packet.h. */
#ifndef LB_GATE_H
#define LB_GATE_H

#include "dataplane/core/lb_decide.h"

struct lb_gate {
	uint32_t unused;
};

LB_INLINE bool lb_gate_lock(struct lb_gate *gate, struct lb_env *env, struct lb_packet *p)
{
	(void)gate;
	(void)env;
	(void)p;
	return true;
}

LB_INLINE void lb_gate_unlock(struct lb_gate *gate)
{
	(void)gate;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding modes: one row each. The configuration's words, the checks of tables and the headers
 * that both dataplanes write are generated from it.
 */
#ifndef LB_FORWARD_H
#define LB_FORWARD_H

#include "dataplane/core/lb_instance.h"

/* Modes with odd values rewrite the frame in place; the others prepend the instance's header. */
#define LB_FORWARD_IN_PLACE 1u

/* X(id, value, word of the configuration, required flags of an instance, name of the writer) */
#define LB_FORWARD_LIST(X)                                                                         \
	X(L2, 1, "l2", LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK, mac)                            \
	X(IPIP, 2, "ipip", LB_INSTANCE_RESOLVED, tunnel)

#define LB_FORWARD_ENUM(id, value, word, needs, writer) LB_FORWARD_##id = (value),
enum lb_forward { LB_FORWARD_LIST(LB_FORWARD_ENUM) };

#define LB_FORWARD_NEEDS(id, value, word, needs, writer)                                           \
	case LB_FORWARD_##id:                                                                      \
		return (needs);

/** What must be known of an instance's next hop: bits of enum lb_instance_flag; 0: no such mode. */
LB_INLINE uint8_t lb_forward_needs(enum lb_forward forward)
{
	switch (forward) {
		LB_FORWARD_LIST(LB_FORWARD_NEEDS)
	}
	return 0;
}

LB_INLINE bool lb_forward_is_known(uint32_t forward)
{
	return lb_forward_needs((enum lb_forward)forward) != 0;
}

/** Whether packets keep their length; otherwise a tunnel header is added. */
LB_INLINE bool lb_forward_is_in_place(enum lb_forward forward)
{
	return (uint32_t)forward & LB_FORWARD_IN_PLACE;
}

/** Whether as much is known of an instance's next hop as the mode needs. */
LB_INLINE bool lb_instance_reached(const struct lb_instance *instance, enum lb_forward forward)
{
	uint8_t needs = lb_forward_needs(forward);

	return needs && (instance->flags & needs) == needs;
}

#endif

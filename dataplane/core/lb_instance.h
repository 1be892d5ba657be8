/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An instance as the packet path sees it: which packets it may take, and the header that is put in
 * front of them. One cache line.
 */
#ifndef LB_INSTANCE_H
#define LB_INSTANCE_H

#include "dataplane/core/lb_hash.h"

#define LB_INSTANCE_NONE 0xffffu
#define LB_TUNNEL4_LEN 20u /* bytes of an outer IP header */
#define LB_TUNNEL6_LEN 40u
#define LB_HEADER_MAX (sizeof(struct lb_eth) + LB_TUNNEL6_LEN)

enum lb_instance_flag {
	LB_INSTANCE_SERVES = 1 << 0,   /* keeps the flows that it has */
	LB_INSTANCE_ACCEPTS = 1 << 1,  /* takes new flows */
	LB_INSTANCE_RESOLVED = 1 << 2, /* the next hop's MAC address is known */
	LB_INSTANCE_ON_LINK = 1 << 3,  /* the next hop is the instance itself, so l2 can work */
	LB_INSTANCE_OUTER6 = 1 << 4,   /* header is IPv6 */
	LB_INSTANCE_TAGGED = 1 << 5,   /* frames leave with the tag of @vlan */
};

/* Values of lb_instance.vlan that are no VLAN. */
#define LB_VLAN_KEEP 0		     /* frames leave as they came, tagged or not */
#define LB_VLAN_NONE LB_BE16(0xffff) /* frames leave untagged */

struct lb_instance {
	uint8_t header[LB_HEADER_MAX]; /* Ethernet, then the outer IPv4 or IPv6 header:
					* TOS, flow label and lengths 0, protocol IPv4,
					* IPv4 checksum over these */
	uint8_t flags;		       /* enum lb_instance_flag */
	uint8_t pool;
	lb_be16 vlan; /* of the next hop; or LB_VLAN_KEEP, LB_VLAN_NONE */
	uint16_t mtu; /* bytes of the largest tunnel packet; not above what the port may send */
	lb_be32 source_mask; /* outer IPv4 source bits that follow from the flow; 0 in header */
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_instance) == 64, "an instance is a cache line");

/** Whether there is an instance at its index. */
LB_INLINE bool lb_instance_is_there(const struct lb_instance *instance)
{
	return ((const struct lb_eth *)instance->header)->type != 0;
}

/** Family of the outer IP header, 4 or 6. */
LB_INLINE uint8_t lb_outer_family(const struct lb_instance *instance)
{
	return instance->flags & LB_INSTANCE_OUTER6 ? 6 : 4;
}

#endif

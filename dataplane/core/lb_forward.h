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

/* Together with the first bit, the second one tells l2 (01) and ipip (10) from all other modes. */
#define LB_FORWARD_SECOND 2u

/* X(id, value, word of the configuration, required flags of an instance, name of the writer, shim) */
#define LB_FORWARD_LIST(X)                                                                         \
	X(L2, 1, "l2", LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK, mac, none)                      \
	X(IPIP, 2, "ipip", LB_INSTANCE_RESOLVED, tunnel, none)                                     \
	X(GUE, 4, "gue", LB_INSTANCE_RESOLVED, tunnel, gue)                                        \
	X(NAT, 3, "nat", LB_INSTANCE_RESOLVED, nat, none)

#define LB_SHIM_MAX 16

/*
 * What a tunnel mode has between the outer IP header, which is the instance's, and the packet. Its
 * bytes are constant but for the fields named here.
 */
struct lb_shim {
	uint8_t len;	  /* bytes, even; 0: the packet follows the IP header */
	uint8_t proto;	  /* in the outer IP header; 0: the packet's own, IPv4 or IPv6 */
	uint8_t ports_at; /* 4 bytes: source port, from the flow's hash; the service's port */
	uint8_t len_at;	  /* 2 bytes: length of shim and packet */
	uint8_t csum_at;  /* 2 bytes: UDP checksum behind an IPv6 header, else 0. 0: there is none;
			   * otherwise all constant bytes are 0 */
	uint8_t proto_at; /* 1 byte, at an odd offset: the packet's own protocol */
	uint8_t bytes[LB_SHIM_MAX];
};

static const struct lb_shim lb_shim_none = { .len = 0 };

/* UDP and a GUE header without options: draft-ietf-intarea-gue-09 section 3, variant 0. */
static const struct lb_shim lb_shim_gue = {
	.len = sizeof(struct lb_udp) + sizeof(struct lb_gue),
	.proto = LB_IPPROTO_UDP,
	.ports_at = LB_OFFSETOF(struct lb_udp, ports),
	.len_at = LB_OFFSETOF(struct lb_udp, len),
	.csum_at = LB_OFFSETOF(struct lb_udp, csum),
	.proto_at = sizeof(struct lb_udp) + LB_OFFSETOF(struct lb_gue, proto),
	.bytes = { 0 }, /* said, since gcc 12 would take the array for a shorter one */
};

#define LB_FORWARD_ENUM(id, value, word, needs, writer, shim) LB_FORWARD_##id = (value),
enum lb_forward { LB_FORWARD_LIST(LB_FORWARD_ENUM) };

#define LB_FORWARD_BITS(id, value, word, needs, writer, shim)                                      \
	LB_STATIC_ASSERT((((value)&3) == LB_FORWARD_L2) == ((value) == LB_FORWARD_L2) &&           \
				 (((value)&3) == LB_FORWARD_IPIP) == ((value) == LB_FORWARD_IPIP), \
			 "LB_FORWARD_SECOND: " word);
LB_FORWARD_LIST(LB_FORWARD_BITS)

#define LB_FORWARD_NEEDS(id, value, word, needs, writer, shim)                                     \
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

/** Whether packets keep their length; otherwise headers are put in front. */
LB_INLINE bool lb_forward_is_in_place(enum lb_forward forward)
{
	return (uint32_t)forward & LB_FORWARD_IN_PLACE;
}

#define LB_FORWARD_SHIM(id, value, word, needs, writer, shim)                                      \
	case LB_FORWARD_##id:                                                                      \
		return &lb_shim_##shim;

LB_INLINE const struct lb_shim *lb_forward_shim(enum lb_forward forward)
{
	switch (forward) {
		LB_FORWARD_LIST(LB_FORWARD_SHIM)
	}
	return &lb_shim_none;
}

/** Whether the tunnel has a port of the service's (struct lb_service). */
LB_INLINE bool lb_forward_has_port(enum lb_forward forward)
{
	return lb_forward_shim(forward)->len != 0;
}

/* What a packet to the instance has as its source, by nat. */
enum lb_nat_source {
	LB_NAT_SOURCE_NODE,   /* a NAT address and a port of it */
	LB_NAT_SOURCE_CLIENT, /* the client */
	LB_NAT_SOURCE_PROXY,  /* as LB_NAT_SOURCE_NODE; a PROXY header names the client */
};

/** Whether a service of the mode has a port at the instance (struct lb_service). */
LB_INLINE bool lb_forward_has_instance_port(enum lb_forward forward)
{
	return lb_forward_has_port(forward) || forward == LB_FORWARD_NAT;
}

/** Bytes of the outer IP header and the shim. @family: of the former. */
LB_INLINE uint32_t lb_outer_len(uint8_t family, const struct lb_shim *shim)
{
	return (family == 4 ? LB_TUNNEL4_LEN : LB_TUNNEL6_LEN) + shim->len;
}

/** Whether as much is known of an instance's next hop as the mode needs. */
LB_INLINE bool lb_instance_reached(const struct lb_instance *instance, enum lb_forward forward)
{
	uint8_t needs = lb_forward_needs(forward);

	return needs && (instance->flags & needs) == needs;
}

#endif

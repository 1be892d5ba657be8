/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verdicts. Every received packet ends in exactly one of these, so received = transmitted + kernel
 * + the sum of drops.
 */
#ifndef LB_VERDICT_H
#define LB_VERDICT_H

#include "dataplane/core/lb_base.h"

enum lb_verdict {
	LB_VERDICT_FORWARD, /* rewritten, to be transmitted */
	LB_VERDICT_REPLY,   /* turned into an ICMP error to its sender, to be transmitted */
	LB_VERDICT_KERNEL,  /* not for a service */
	LB_VERDICT_DROP,    /* with an enum lb_drop */
};

/*
 * Drop reasons: X(identifier, name on the command line, what it means).
 * Order is ABI: append only.
 */
#define LB_DROP_LIST(X)                                                                            \
	X(L2_TRUNCATED, "l2_truncated", "frame shorter than its Ethernet or VLAN header")          \
	X(L2_OTHER_HOST, "l2_other_host", "unicast frame for another MAC address")                 \
	X(L2_BROADCAST, "l2_broadcast", "service packet in a broadcast or multicast frame")        \
	X(L2_VLAN_DEPTH, "l2_vlan_depth", "more than one VLAN tag")                                \
	X(IP_TRUNCATED, "ip_truncated", "frame shorter than its IP header")                        \
	X(IP_MALFORMED, "ip_malformed", "bad IP version, header length or total length")           \
	X(IP_CHECKSUM, "ip_checksum", "bad IPv4 header checksum")                                  \
	X(IP_TTL, "ip_ttl", "TTL or hop limit is 0, or 1 in a packet to translate")                \
	X(IP_SOURCE, "ip_source", "invalid source address, or a VIP as source")                    \
	X(IP_FRAGMENT, "ip_fragment", "fragment of a TCP or UDP packet to a VIP")                  \
	X(IP_EXTENSION, "ip_extension", "IPv6 extension headers malformed or too many")            \
	X(L4_TRUNCATED, "l4_truncated", "packet shorter than its TCP, UDP or ICMP header")         \
	X(TCP_MALFORMED, "tcp_malformed", "bad TCP header length, or a port is 0")                 \
	X(TCP_FLAGS, "tcp_flags", "invalid combination of TCP flags")                              \
	X(ICMP_MALFORMED, "icmp_malformed", "ICMP error whose quote is truncated or malformed")    \
	X(NO_INSTANCE, "no_instance", "no eligible instance in the pool")                          \
	X(NO_NEXT_HOP, "no_next_hop", "the instance's MAC address is not resolved")                \
	X(TOO_BIG, "too_big", "too big for the tunnel, and an ICMP error is not allowed")          \
	X(ICMP_RATE, "icmp_rate", "ICMP error not sent: node.icmp_rate exceeded")                  \
	X(KERNEL_RATE, "kernel_rate", "node.kernel_rate exceeded")                                 \
	X(KERNEL_FULL, "kernel_full", "queue to the kernel interface is full")                     \
	X(KERNEL_TX, "kernel_tx", "write to the kernel interface failed")                          \
	X(TX_FULL, "tx_full", "the port's transmit queue is full")                                 \
	X(HEADROOM, "headroom", "no headroom for the tunnel header")                               \
	X(LATE, "late", "in the queue of a worker that was stopped and replaced")                  \
	X(KILLED, "killed", "in flight in sluice-dataplane when it was killed or stopped")         \
	X(NAT_UNKNOWN, "nat_unknown", "to a NAT address, and of no translated connection")         \
	X(NAT_EXHAUSTED, "nat_exhausted", "no NAT address with a free port to the instance")       \
	X(L2_VLAN_UNKNOWN, "l2_vlan_unknown", "VLAN tag of no network in node.networks")           \
	X(L2_VLAN_SERVICE, "l2_vlan_service",                                                      \
	  "from a network that the service is not announced on")                                   \
	X(CLIENT_DENIED, "client_denied",                                                          \
	  "new flow of a client that allow_from or deny_from refuses")

enum lb_drop {
#define LB_DROP_ENUM(id, name, text) LB_DROP_##id,
	LB_DROP_LIST(LB_DROP_ENUM)
#undef LB_DROP_ENUM
		LB_DROP_COUNT
};

/* A verdict and its reason in 16 bits. */
typedef uint16_t lb_result;

LB_INLINE lb_result lb_result_drop(enum lb_drop reason)
{
	return (lb_result)(LB_VERDICT_DROP | (uint16_t)((uint16_t)reason << 8));
}

LB_INLINE enum lb_verdict lb_result_verdict(lb_result result)
{
	return (enum lb_verdict)(result & 0xff);
}

LB_INLINE enum lb_drop lb_result_reason(lb_result result)
{
	return (enum lb_drop)(result >> 8);
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * On egress of a veth: the receive queue of the other end by the source port, as a NIC's RSS
 * would. By its second bit, since the first one of a Linux client's ports is always the same.
 */
#include <linux/bpf.h>

#include "dataplane/core/lb_wire.h"

#define SECTION(name) __attribute__((section(name), used))

static long (*const skb_load_bytes)(const void *skb, __u32 offset, void *to,
				    __u32 len) = (void *)BPF_FUNC_skb_load_bytes;

SECTION("classifier")
int queue_choose(struct __sk_buff *skb)
{
	__u32 l4 = skb->protocol == LB_BE16(LB_ETHERTYPE_IPV4)	 ? sizeof(struct lb_ipv4)
		   : skb->protocol == LB_BE16(LB_ETHERTYPE_IPV6) ? sizeof(struct lb_ipv6)
								 : 0;
	lb_be16 port = 0;

	if (l4 && skb_load_bytes(skb, sizeof(struct lb_eth) + l4, &port, sizeof(port)))
		port = 0;
	skb->queue_mapping =
		1 + (lb_be16_to_cpu(port) >> 1 & 1); /* a queue that was recorded, and 1 */
	return -1;				     /* TC_ACT_UNSPEC: go on */
}

char queue_license[] SECTION("license") = "Dual BSD/GPL";

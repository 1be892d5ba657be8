/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* What the instance's programs share: the VIPs, and how a frame is read. */
#ifndef BPF_SLUICE_INSTANCE_BASE_H
#define BPF_SLUICE_INSTANCE_BASE_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/sluice_instance.h"

/* No header that we read starts beyond 18 + 60 + 8 + 4 + 31 * 4: tag, IPv4, UDP, GUE with options. */
#define LB_HEADERS_MASK 0xff
#define LB_IP4_OFFSET 0x1fff

struct lb_vlan {
	__be16 tci;
	__be16 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, LB_UNWRAP_VIP_SLOTS);
	__type(key, struct lb_unwrap_addr);
	__type(value, struct lb_unwrap_vip);
} instance_vips SEC(".maps");

/* Set before loading. A constant, so the verifier of a kernel before 5.18 never sees the helper. */
const volatile __u8 lb_frags;

static __always_inline __u32 lb_frame_len(struct xdp_md *ctx)
{
	if (lb_frags)
		return bpf_xdp_get_buff_len(ctx);
	return ctx->data_end - ctx->data;
}

/*
 * The header at an offset that parsing found. The verifier loses the bounds of a value that was
 * spilled to the stack, and clang, which knows them, would remove the mask; hence the barrier.
 */
static __always_inline void *lb_header_at(struct xdp_md *ctx, __u32 off)
{
	asm volatile("" : "+r"(off));
	off &= LB_HEADERS_MASK;
	return (void *)(long)ctx->data + off;
}

static __always_inline void lb_addr_set4(struct lb_unwrap_addr *a, const void *ip4)
{
	a->family = 4;
	__builtin_memcpy(a->bytes, ip4, 4);
}

static __always_inline void lb_addr_set6(struct lb_unwrap_addr *a, const void *ip6)
{
	a->family = 6;
	__builtin_memcpy(a->bytes, ip6, 16);
}

static __always_inline void lb_count_add(struct lb_unwrap_count *c, __u32 bytes)
{
	c->pkts++;
	c->bytes += bytes;
}

#endif

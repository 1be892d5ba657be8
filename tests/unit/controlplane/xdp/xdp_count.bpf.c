/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Somebody else's program: counts what it lets pass, and drops one kind of frames.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

__u64 passed;

/* May change a packet's length, like ours: since 6.13 the kernel wants to know that of a dispatcher. */
const volatile __u8 changes_packets;

SEC("xdp")
int xdp_count(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const void *)(long)ctx->data;

	if ((const void *)(eth + 1) <= (const void *)(long)ctx->data_end &&
	    eth->h_proto == bpf_htons(ETH_P_LOOPBACK))
		return XDP_DROP;
	if (changes_packets)
		(void)bpf_xdp_adjust_tail(ctx, 0);
	__sync_fetch_and_add(&passed, 1);
	return XDP_PASS;
}

char lb_license[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * What stands in libxdp's dispatcher for the XDP dataplane. It only leads to the program in the map:
 * that one is replaced by one write, while the dispatcher with the others' programs stays as it is.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Its slot is filled before the door is in the dispatcher; empty, it is a port without Sluice. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sluice_behind SEC(".maps");

SEC("xdp")
int sluice_door(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &sluice_behind, 0);
	return XDP_PASS;
}

char lb_license[] SEC("license") = "Dual BSD/GPL";

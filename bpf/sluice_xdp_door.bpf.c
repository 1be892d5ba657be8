/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Entry program for libxdp's dispatcher. It only tail-calls the XDP dataplane in the map, which is
 * replaced by one write, while the dispatcher with the programs of others stays as it is.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/*
 * The slot is filled before this program is in the dispatcher; if it is empty, the port is without
 * Sluice.
 */
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

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The far end of a veth must have a program too, or what the near one sends by XDP_TX is lost. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

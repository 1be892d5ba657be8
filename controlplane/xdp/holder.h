/* SPDX-License-Identifier: BSD-3-Clause */
/* The program on an interface's XDP hook. */
#ifndef CONTROLPLANE_XDP_HOLDER_H
#define CONTROLPLANE_XDP_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

struct xdp_holder {
	uint32_t id; /* of its program */
	uint32_t ifindex;
	char name[BPF_OBJ_NAME_LEN]; /* of its program; "unknown" if it has none */
	char iface[16];
	bool is_generic;    /* else native, or offloaded to the NIC */
	bool is_dispatcher; /* libxdp's, by its name: it may run several programs */
};

/** Return: 1; 0: none; -errno: unknown. */
int xdp_holder_find(int ifindex, struct xdp_holder *holder);

/**
 * Describe in one sentence which program it is, how it is attached, and what to do about it.
 * @others: programs behind a dispatcher; "" if unknown. @refusal: why ours is not among them.
 */
void xdp_holder_say(const struct xdp_holder *holder, const char *others, const char *refusal,
		    char *why, size_t size);

#endif

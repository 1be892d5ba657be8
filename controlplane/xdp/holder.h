/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has an interface's XDP hook.
 */
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
	bool is_generic;    /* else it is native, or on the NIC */
	bool is_dispatcher; /* libxdp's, by its name: there may be several programs behind it */
};

/** Return: 1; 0: there is none; -errno: not known. */
int xdp_holder_find(int ifindex, struct xdp_holder *holder);

/**
 * Say in one sentence who it is, how it is attached, and what helps.
 * @others: those behind a dispatcher; "" if unknown. @refusal: why we are not among them.
 */
void xdp_holder_say(const struct xdp_holder *holder, const char *others, const char *refusal,
		    char *why, size_t size);

#endif

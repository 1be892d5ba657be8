/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Others' XDP programs on the port: libxdp's dispatcher runs several on one hook. What it gets from us
 * is a door (bpf/sluice_xdp_door.bpf.c), which leads to the program in a pinned map; so a program is
 * replaced by one write, and the dispatcher, which knows no exchange, is left alone.
 * Context: one thread; what asks libxdp takes some milliseconds, and libxdp 1.3 loses a descriptor
 * at each question, so nothing here asks twice about the same dispatcher.
 */
#ifndef CONTROLPLANE_XDP_DISPATCHER_H
#define CONTROLPLANE_XDP_DISPATCHER_H

#include <stdbool.h>
#include <stddef.h>

/* After programs of the default, 50: the last word on a service's packet is ours. */
#define XDP_DISPATCHER_PRIORITY 100

struct xdp_dispatcher {
	int ifindex;
	const char *pin;      /* of the map behind the door */
	const char *log_path; /* for what the kernel and libxdp say if they refuse; "": nowhere */
	bool frags;	      /* the program takes frames of several buffers */
};

/** Whether our door is in the interface's dispatcher, and the map behind it pinned at @pin. */
int xdp_dispatcher_has_door(int ifindex, const char *pin);

/**
 * Lead packets to a program: behind the door if that is in the dispatcher, so that each packet meets
 * the old one or the new one; else behind a new door. The program must not be loaded with
 * BPF_F_XDP_HAS_FRAGS: with its door, it has the dispatcher's.
 * @why: on success, who else is in the dispatcher; else one sentence.
 * Return: 0; -EBUSY: kernel or libxdp refuse, and all is as before; -EAGAIN: the hook has changed
 * hands meanwhile; -errno.
 */
int xdp_dispatcher_join(const struct xdp_dispatcher *dispatcher, int prog_fd, char *why,
			size_t size);

/**
 * Take our door out of the interface's dispatcher, if it is in one; the others stay. What is pinned
 * goes too: a door that stays behind nevertheless leads nowhere, and packets go on past it.
 */
void xdp_dispatcher_leave(int ifindex, const char *pin);

/** Say who is in the dispatcher, and that it cannot be shared with us. */
void xdp_dispatcher_refuse(int ifindex, const char *refusal, char *why, size_t size);

#endif

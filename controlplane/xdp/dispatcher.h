/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Other XDP programs on the port: libxdp's dispatcher runs several on one hook. What we attach
 * there is a door (bpf/sluice_xdp_door.bpf.c), which leads to the program in a pinned map; so a
 * program is replaced by one write, without touching the dispatcher, which cannot exchange a
 * program.
 * Context: one thread; queries to libxdp take some milliseconds, and libxdp 1.3 leaks a descriptor
 * at each of them, so nothing here queries the same dispatcher twice.
 */
#ifndef CONTROLPLANE_XDP_DISPATCHER_H
#define CONTROLPLANE_XDP_DISPATCHER_H

#include <stdbool.h>
#include <stddef.h>

/* After programs with the default priority, 50: ours decides last about a service's packet. */
#define XDP_DISPATCHER_PRIORITY 100

struct xdp_dispatcher {
	int ifindex;
	const char *pin;      /* of the map behind the door */
	const char *log_path; /* for messages of the kernel and libxdp if they refuse; "": none */
	bool frags;	      /* the program takes frames of several buffers */
};

/** Whether our door is in the interface's dispatcher, with its map pinned at @pin. */
int xdp_dispatcher_has_door(int ifindex, const char *pin);

/**
 * Direct packets to a program: through the existing door if it is in the dispatcher, so that each
 * packet meets either the old program or the new one; else through a new door. The program must not
 * be loaded with BPF_F_XDP_HAS_FRAGS: with its door, it has the dispatcher's.
 * @why: on success, the other programs in the dispatcher; else one sentence.
 * Return: 0; -EBUSY: kernel or libxdp refuse, and all is as before; -EAGAIN: the hook's program has
 * changed meanwhile; -errno.
 */
int xdp_dispatcher_join(const struct xdp_dispatcher *dispatcher, int prog_fd, char *why,
			size_t size);

/**
 * Take our door out of the interface's dispatcher, if it is in one; the other programs stay. The
 * pins are removed too: a door left in spite of that leads nowhere, and packets continue past it.
 */
void xdp_dispatcher_leave(int ifindex, const char *pin);

/** Report which programs are in the dispatcher, and that it cannot be shared with ours. */
void xdp_dispatcher_refuse(int ifindex, const char *refusal, char *why, size_t size);

#endif

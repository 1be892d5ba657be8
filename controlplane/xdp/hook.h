/* SPDX-License-Identifier: BSD-3-Clause */
/* The program on the XDP hook of an interface. */
#ifndef CONTROLPLANE_XDP_HOOK_H
#define CONTROLPLANE_XDP_HOOK_H

#include "controlplane/xdp/object.h"

/**
 * Attach the program to an interface: in place of ours if that is attached, without a packet
 * passing in between; else natively, or in the kernel's generic mode (then object->why is a
 * warning); beside others if libxdp's dispatcher has the hook (then object->why names them).
 * Return: 0; -EBUSY: another program has the hook; -EAGAIN: it must be opened again for the program
 * that has the hook now; -errno; object->why gives the reason.
 */
int xdp_hook_attach(struct xdp_object *object, int ifindex);

/**
 * Detach the program from its interface, and remove the pins; other programs stay.
 * @ifindex: of the interface, if it still exists.
 */
void xdp_hook_detach(struct xdp_object *object, int ifindex);

#endif

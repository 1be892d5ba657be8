/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter at tc egress that writes replies anew: there while --map or --mss needs it. */
#ifndef INSTANCE_REPLIES_H
#define INSTANCE_REPLIES_H

#include "controlplane/instance/ports.h"

/**
 * The MSS that lets a packet of a client fit any tunnel that ends on a link of @mtu bytes: over
 * IPv6, in GUE.
 * @family: of the client's packet. Return: bytes; 0 if no packet fits.
 */
__u16 replies_mss(int mtu, int family);

/**
 * Bring filter and maps from what is in force to @next. The filter is there before the first packet
 * is mapped, and until the last one is.
 * @program: loaded; its maps are those of the program on the interface.
 * Return: 0, or 1 after the reason was printed.
 */
int replies_change(const char *iface, int ifindex, const struct program *program,
		   const struct ports *next);

/**
 * Take off a filter whose program at the XDP hook is gone.
 * Return: 0, -ENOENT if there is none, or -errno.
 */
int replies_take_off(int ifindex);

/** Whether the filter is there. */
bool replies_is_there(int ifindex);

#endif

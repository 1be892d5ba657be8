/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program with its maps, on an interface. All of it is pinned in one bpffs directory, so it
 * outlives this process: a successor that opens the directory adopts the maps, and replaces the
 * program under traffic. Context: one thread; loading takes a moment (the verifier), the rest does
 * not block.
 */
#ifndef CONTROLPLANE_XDP_LOADER_H
#define CONTROLPLANE_XDP_LOADER_H

#include "controlplane/xdp/object.h"

/**
 * Load the program. Adopt the pinned maps if their layout is this program's and their sizes match,
 * else start over: new maps replace them once they and the program are loaded.
 * Return: 0; -errno, and object->why gives the reason in one sentence; if the kernel refuses, the
 * pins are as before.
 */
int xdp_object_open(struct xdp_object *object, const struct xdp_object_options *options);

/** Whether xdp_object_open() failed for lack of something that may be available later. */
bool xdp_object_may_work(int err);

/** Whether the loaded program supports another MTU of its port. */
bool xdp_object_suits(const struct xdp_object *object, uint32_t mtu);

/** Release the object; program, maps and pins stay as they are. */
void xdp_object_close(struct xdp_object *object);

#endif

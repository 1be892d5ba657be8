/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes of the XDP program's maps. */
#ifndef CONTROLPLANE_XDP_SIZE_H
#define CONTROLPLANE_XDP_SIZE_H

#include "controlplane/xdp/object.h"

/**
 * Set the sizes of all maps, in the object and in the program, which is not loaded yet.
 * @queues: number of queues that get a region, with handover.
 */
void xdp_size_set(struct xdp_object *object, const struct xdp_object_options *options,
		  uint32_t queues);

/** A number that changes with the layout of a map, or with what determines a flow's place. */
uint32_t xdp_size_layout(const struct xdp_object *object);

/**
 * Whether new maps leave enough memory for others: the kernel would reclaim it from other programs,
 * and kill some. Return: 0; -ENOMEM and object->why.
 */
int xdp_size_check_memory(struct xdp_object *object, const char *meminfo);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The maps of the XDP program: their pins, and their memory in this process. */
#ifndef CONTROLPLANE_XDP_MAPS_H
#define CONTROLPLANE_XDP_MAPS_H

#include "controlplane/xdp/object.h"

/** Do not create maps that only the other kind of node needs. Before loading. */
void xdp_maps_choose(struct xdp_object *object);

/** A number that changes with the layout of any map's values. */
uint64_t xdp_maps_layout(const struct xdp_object *object);

/** Number of queues in the pinned maps, or 0. */
uint32_t xdp_maps_pinned_queues(const struct xdp_object *object);

/**
 * Adopt the pinned maps if they fit: the program opens them by their pins when it is loaded. Sets
 * object->adopted. New maps are pinned by xdp_maps_pin(), once the program is loaded.
 * @expected: the only layout that fits.
 * @anew: adopt none, whatever is pinned.
 * Return: 0; -errno: unknown.
 */
int xdp_maps_adopt(struct xdp_object *object, uint32_t expected, bool anew);

/** Pin the maps, in place of other maps if there are any. Return: 0 or -errno. */
int xdp_maps_pin(const struct xdp_object *object);
void xdp_maps_unpin(const struct xdp_object *object);

/** Have the next xdp_object_open() create new maps. What it needs of the old ones stays. */
void xdp_maps_forget(const struct xdp_object *object);

/** Whether the port was told to leave VLAN tags in frames; read from the pinned maps. */
bool xdp_maps_kept_tags(const char *pin_dir);

/** Map the maps' memory, once the program is loaded. Return: 0 or -errno. */
int xdp_maps_view(struct xdp_object *object);
void xdp_maps_unview(struct xdp_object *object);

#endif

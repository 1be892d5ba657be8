/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Write blocks into the maps of the XDP dataplane. A generation is filled beside the one in use, in
 * buffers that the one in use does not name, and takes effect by one store; if the process is
 * killed before that, nothing has changed. Context: the thread that owns the object.
 */
#ifndef CONTROLPLANE_XDP_TABLES_H
#define CONTROLPLANE_XDP_TABLES_H

#include "controlplane/model/batch.h"
#include "controlplane/xdp/object.h"

/**
 * Make a batch the generation in use. The one before must be out of use: xdp_grace_wait() was
 * called since the last time.
 * @generation: its number; above the one in use.
 * @port_mac: six bytes.
 * Return: 0, or nothing has changed: -EINVAL: a block has bad bounds or contents; -EKEYREJECTED:
 * the recorded flows have another secret.
 */
int xdp_tables_apply(struct xdp_object *object, const struct publish_batch *batch,
		     uint64_t generation, const uint8_t *port_mac);

/** The port's MAC address changed: update the generation in use, with one store. */
void xdp_tables_port_set(struct xdp_object *object, const uint8_t *port_mac);

/** The generation in use; 0: none so far. */
uint64_t xdp_tables_generation(const struct xdp_object *object);

#endif

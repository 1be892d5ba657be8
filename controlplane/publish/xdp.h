/* SPDX-License-Identifier: BSD-3-Clause */
/* What the backend for both dataplanes needs from the XDP backend, beyond the common interface. */
#ifndef CONTROLPLANE_PUBLISH_XDP_H
#define CONTROLPLANE_PUBLISH_XDP_H

#include "controlplane/publish/backend.h"
#include "controlplane/xdp/object.h"

/** The program's maps, or NULL while it is not loaded. Valid until gone(). */
const struct xdp_object *publish_xdp_object(const struct publish_backend *backend);

/**
 * Set data, bytes and count (0 or not) to what runs of the block that @block names.
 * Return: false if nothing does.
 */
bool publish_xdp_running(const struct publish_backend *backend, struct publish_block *block);

/** Whether what was sent last will be answered with a refusal. */
bool publish_xdp_refuses(const struct publish_backend *backend);

#endif

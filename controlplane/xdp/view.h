/* SPDX-License-Identifier: BSD-3-Clause */
/* The maps as what they decide with (flows/view.h). */
#ifndef CONTROLPLANE_XDP_VIEW_H
#define CONTROLPLANE_XDP_VIEW_H

#include "controlplane/flows/view.h"
#include "controlplane/xdp/object.h"

/**
 * @view: filled in; to be freed with flows_view_fini() if this succeeds.
 * Return: 0; -ENODATA: nothing was published so far; -ENOMEM.
 */
int xdp_view(const struct xdp_object *object, struct flows_view *view);

#endif

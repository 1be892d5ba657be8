/* SPDX-License-Identifier: BSD-3-Clause */
/* The segment and the flow tables that are held, as what decides. Internal to the ring backend. */
#ifndef CONTROLPLANE_PUBLISH_RING_VIEW_H
#define CONTROLPLANE_PUBLISH_RING_VIEW_H

#include "controlplane/flows/view.h"
#include "controlplane/publish/directory.h"
#include "controlplane/publish/keep.h"

/**
 * @keep: NULL: the flow tables are another's.
 * Return: 0; -ENODATA: nothing was published so far.
 */
int publish_ring_view(const struct publish_directory *directory, struct publish_keep *keep,
		      struct flows_view *view);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segment of the XDP dataplane: what the DPDK dataplane shares with this process, kept in a
 * file of the run directory by this process alone. The directory of what runs thus survives this
 * process as with DPDK, and statistics have one reader. Internal to the XDP backend.
 */
#ifndef CONTROLPLANE_PUBLISH_XDP_SEGMENT_H
#define CONTROLPLANE_PUBLISH_XDP_SEGMENT_H

#include "controlplane/publish/segment.h"
#include "controlplane/xdp/object.h"

/**
 * Map DIR/xdp.segment. It is created again if the object's maps are new, unless these replace maps
 * of another layout, which preserves names and health of the instances.
 * @link: filled in as for a connection; closed with publish_xdp_segment_close().
 * Return: 0; -ESTALE: the maps have flows but the file is not theirs; -E2BIG: more CPUs than the
 * segment has room for; -ENOSPC; -errno.
 */
int publish_xdp_segment_open(struct publish_link *link, const char *run_dir,
			     struct xdp_object *object);

/**
 * Back a part of the segment with memory before it is written: the file is sparse, and with a full
 * run directory a write would kill this process.
 * Return: 0, -ENOSPC.
 */
int publish_xdp_segment_room(void *part, uint64_t bytes);

void publish_xdp_segment_close(struct publish_link *link);

/** Copy the counters of all CPUs. */
void publish_xdp_segment_refresh(struct publish_link *link, const struct xdp_object *object);

#endif

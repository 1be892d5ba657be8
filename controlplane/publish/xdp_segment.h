/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segment of the XDP dataplane: what the DPDK one shares with this process, kept in a file of the
 * run directory by this process alone. So the directory of what runs survives this process just as
 * there, and whoever reads statistics reads them in one way. Inside of the XDP backend.
 */
#ifndef CONTROLPLANE_PUBLISH_XDP_SEGMENT_H
#define CONTROLPLANE_PUBLISH_XDP_SEGMENT_H

#include "controlplane/publish/segment.h"
#include "controlplane/xdp/loader.h"

/**
 * Map DIR/xdp.segment, made anew if the object's maps are new; not so if they take the place of maps of
 * another layout, which leaves names and health of the instances as they were.
 * @link: filled in as for a connection; closed with publish_xdp_segment_close().
 * Return: 0; -ESTALE: the maps have flows but the file is not theirs; -E2BIG: more CPUs than the
 * segment has room for; -ENOSPC; -errno.
 */
int publish_xdp_segment_open(struct publish_link *link, const char *run_dir,
			     struct xdp_object *object);

/**
 * Have memory behind a part of the segment, which is to be written: the file has holes, and a full run
 * directory would end this process in the middle.
 * Return: 0, -ENOSPC.
 */
int publish_xdp_segment_room(void *part, uint64_t bytes);

void publish_xdp_segment_close(struct publish_link *link);

/** Copy the counters of all CPUs. */
void publish_xdp_segment_refresh(struct publish_link *link, const struct xdp_object *object);

#endif

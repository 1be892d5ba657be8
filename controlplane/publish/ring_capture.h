/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that sluice-dataplane copies for a capture (abi/lb_capture.h). Internal to the ring backend. */
#ifndef CONTROLPLANE_PUBLISH_RING_CAPTURE_H
#define CONTROLPLANE_PUBLISH_RING_CAPTURE_H

#include "controlplane/publish/publish.h"
#include "controlplane/publish/segment.h"

/* publish_backend_ops.capture and the others, of a connected dataplane. */
void publish_ring_capture(const struct publish_link *link, const struct lb_capture_select *select);
bool publish_ring_capture_next(const struct publish_link *link, struct lb_capture_record *record);
void publish_ring_capture_missed(const struct publish_link *link,
				 struct publish_capture_missed *missed);

#endif

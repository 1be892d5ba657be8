/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the XDP program copies for a capture. Context: the event loop's thread. */
#ifndef CONTROLPLANE_XDP_CAPTURE_H
#define CONTROLPLANE_XDP_CAPTURE_H

#include "controlplane/xdp/object.h"

/** Have copied what is selected, until @select says. NULL: nothing any more. */
void xdp_capture_select(struct xdp_object *object, const struct lb_capture_select *select);

/** Take a record. Return: whether there was one. */
bool xdp_capture_next(struct xdp_object *object, struct lb_capture_record *record);

/** Add what all CPUs have lost, and skipped above the rate, since the program was loaded. */
void xdp_capture_missed(const struct xdp_object *object, uint64_t *lost, uint64_t *skipped);

/** Free what the reader has; a later xdp_capture_next() makes it again. */
void xdp_capture_close(struct xdp_object *object);

#endif

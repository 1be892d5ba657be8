/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slow start: an instance that comes back takes its slots in steps. Weights would do so too, but
 * each new weight of one member also moves slots between the others (unit/controlplane/model/ramp
 * counts them). So two tables are made, with the instance and without it, and a growing part of
 * its slots is taken from the first: until the last step, where the second table is dropped, no
 * slot moves between others.
 */
#ifndef CONTROLPLANE_MODEL_RAMP_H
#define CONTROLPLANE_MODEL_RAMP_H

#include "controlplane/model/maglev.h"

#define RAMP_STEPS 20

/**
 * The step at a time, 1 to RAMP_STEPS - 1; 0: it is over. Instances of one duration go to their next
 * steps at the same moments, so that a pool has at most RAMP_STEPS tables in that time, however many
 * of its instances ramp.
 * Context: any; pure.
 */
uint8_t ramp_step(uint64_t start_ms, uint64_t now_ms, uint32_t duration_ms);

/** When a ramp began that is at a step now; for one that another process has begun. */
uint64_t ramp_start(uint8_t step, uint64_t now_ms, uint32_t duration_ms);

/** From which step on a slot of a member's belongs to it, 1 to RAMP_STEPS. @key: the member's. */
uint8_t ramp_step_of_slot(uint64_t key, uint32_t slot);

/**
 * Build a table in which members are at steps.
 * @steps: by value of a member; 0 or RAMP_STEPS: at its full share. If all members ramp, none does.
 * The rest: as maglev_build().
 */
int ramp_build(struct maglev_member *members, uint32_t n, const uint8_t *steps, uint16_t *slots,
	       uint32_t n_slots);

#endif

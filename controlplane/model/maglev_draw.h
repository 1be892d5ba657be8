/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The preference lists: which slots a member draws, one after another, and which of them are free.
 * Three equivalent implementations, chosen by CPU: AVX-512, AVX2 and portable. Private to
 * maglev*.c.
 */
#ifndef CONTROLPLANE_MODEL_MAGLEV_DRAW_H
#define CONTROLPLANE_MODEL_MAGLEV_DRAW_H

#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

#define MAGLEV_WORDS ((LB_POOL_SLOTS_MAX + 31) / 32)
#define MAGLEV_STEP 16 /* draws per step */
#define MAGLEV_STEPS_MAX 16

/**
 * Draw the next slots.
 * @draw: state of the member's list; advanced.
 * @n_slots: of the table.
 * @free_slots: a bit each.
 * @steps: of MAGLEV_STEP draws each.
 * @slots: room for as many; set to those that are free, in list order, possibly with duplicates.
 * Return: how many.
 */
typedef uint32_t (*maglev_draw_fn)(uint64_t *draw, uint32_t n_slots, const uint32_t *free_slots,
				   uint32_t steps, uint32_t *slots);

uint32_t maglev_draw_portable(uint64_t *draw, uint32_t n_slots, const uint32_t *free_slots,
			      uint32_t steps, uint32_t *slots);
uint32_t maglev_draw_avx2(uint64_t *draw, uint32_t n_slots, const uint32_t *free_slots,
			  uint32_t steps, uint32_t *slots);
uint32_t maglev_draw_avx512(uint64_t *draw, uint32_t n_slots, const uint32_t *free_slots,
			    uint32_t steps, uint32_t *slots);

/** The fastest one that this CPU supports. */
maglev_draw_fn maglev_draw_choose(void);

#endif

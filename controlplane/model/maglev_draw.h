/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lists of preferences: which slots a member draws, one after the other, and which of them are free.
 * Three that give the same, chosen by the CPU: AVX-512, AVX2 and portable. For maglev*.c alone.
 */
#ifndef CONTROLPLANE_MODEL_MAGLEV_DRAW_H
#define CONTROLPLANE_MODEL_MAGLEV_DRAW_H

#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

#define MAGLEV_WORDS ((LB_POOL_SLOTS_MAX + 31) / 32)
#define MAGLEV_STEP 16 /* draws at a time */
#define MAGLEV_STEPS_MAX 16

/**
 * Draw on.
 * @draw: state of the member's list; moved on.
 * @n_slots: of the table.
 * @free_slots: a bit each.
 * @steps: of MAGLEV_STEP draws each.
 * @slots: room for as many; those that are free, in the order of the list, a slot perhaps twice.
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

/** The fastest that this CPU has. */
maglev_draw_fn maglev_draw_choose(void);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The instance's BPF program, run by the kernel (BPF_PROG_TEST_RUN) on frames made here: each frame is counted for
 * one reason; what isn't unwrapped must come out as it went in. Needs root.
 */
#ifndef TEST_INSTANCE_UNWRAP_H
#define TEST_INSTANCE_UNWRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/instance/program.h"
#include "controlplane/instance/state.h"
#include "tests/unit/controlplane/instance/frame.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

struct unwrap_verdict {
	uint32_t action;
	int reason;
	struct frame out;
};

/* Indexes of unwrap_mixes[]: IPIP and GUE, the outer family and the inner one. */
enum { M44, M64, M46, M66, G44, G64, G46, G66, UNWRAP_MIXES };

/* A plain frame of each mix, and the reason that counts it. */
struct unwrap_mix {
	struct frame_shape shape;
	int reason;
};

extern const struct unwrap_mix unwrap_mixes[UNWRAP_MIXES];
extern struct program unwrap_program;
extern struct lb_unwrap_state unwrap_now; /* what the program was told */

void unwrap_filter_sources(bool on);
int unwrap_setup_plain(void **state);
int unwrap_setup_frags(void **state);
int unwrap_teardown(void **state);
/* Send @f through the program; exactly one reason must have counted it, with its length. */
void unwrap_run(const struct frame *f, struct unwrap_verdict *v);
bool unwrap_is_decap(int reason);
void unwrap_frame_check(const struct frame *got, const struct frame *want);
void unwrap_expect(const char *name, const struct frame *f, int reason);

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Interface between the programs for tests and benchmarks and their users. */
#ifndef BPF_SLUICE_XDP_BENCH_H
#define BPF_SLUICE_XDP_BENCH_H

#include "dataplane/core/lb_wire.h"

#define LB_BENCH_FRAME4 54u /* bytes of Ethernet, IPv4 and TCP */
#define LB_BENCH_FRAME6 74u
#define LB_BENCH_FRAME_MAX 2048u
#define LB_BENCH_CLIENT4 0x0b000000u /* first source address */
#define LB_BENCH_PORTS 32000u	     /* flows of one address */
#define LB_BENCH_PORT_FIRST 1024u

struct lb_bench {
	uint64_t shuffle; /* state of the generator; 0: flows in order */
	uint32_t flows;
	uint32_t first;
	uint32_t next;
	uint32_t len; /* bytes of the frame */
	uint32_t family;
	uint32_t room; /* bytes of headroom to take away */
	uint8_t frame[LB_BENCH_FRAME_MAX];
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Valid and invalid packets: a seeded stream of frames to the VIPs and to other addresses. */
#ifndef TESTS_XDP_PACKET_GEN_H
#define TESTS_XDP_PACKET_GEN_H

#include <stdint.h>

#define PACKET_GEN_VIPS 8 /* 203.0.113.0 to .7, and 2001:db8:f:: to ::7 */
#define PACKET_GEN_PORT 443
#define PACKET_GEN_MAX 1600

struct packet_gen {
	uint64_t random;
	uint32_t flows; /* distinct ones of each family, for all VIPs together */
	uint8_t frame[PACKET_GEN_MAX];
	uint32_t len;	 /* of the frame; 14 bytes or more */
	uint32_t linear; /* of these, in the first buffer */
};

/** 64 random bits. */
uint64_t packet_gen_draw(struct packet_gen *gen);

/** Make the next frame. */
void packet_gen_next(struct packet_gen *gen);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The vectors and the world that they run in; vectors.c documents the keys. */
#ifndef TESTS_SUPPORT_VECTOR_H
#define TESTS_SUPPORT_VECTOR_H

#include "tests/support/harness.h"

#define VECTORS_MAX 1536
#define VECTORS_FILE "tests/vectors/vectors.txt"
#define VECTOR_FRAME_MAX 4096
#define VECTOR_FLOWS 1000 /* capacity of the world's flow table */
#define VECTOR_NAT_PORT 2000

struct vector_frame {
	uint32_t len;
	uint8_t data[VECTOR_FRAME_MAX];
};

struct vector {
	char name[128];
	char verdict[16];
	char reason[32];
	struct vector_frame before, answer, in, out;
	bool has_out, no_kernel_rate, no_icmp_rate;
	uint32_t flows, segment, label_at, port_at, trunk;
	int headroom; /* -1: as usual */
};

extern const char *const vector_drop_names[LB_DROP_COUNT];

/** Read a file of vectors; ends the program if it is malformed. Return: how many. */
size_t vector_read(const char *path, struct vector *vectors);

/** The services, pools and instances that the vectors refer to. */
struct harness *vector_world_create(void);

/** Set an empty flow table, no record, no counts, and the rate limits of a vector. */
void vector_world_reset(struct harness *world, const struct vector *v);

/** Replace what is the dataplane's choice in a frame that left by what vectors have there. */
void vector_mask(const struct vector *v, uint8_t *frame);

#endif

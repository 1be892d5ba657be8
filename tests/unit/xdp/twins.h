/* SPDX-License-Identifier: BSD-3-Clause */
/* The native pipeline and the XDP program with the same tables, for the same packets. */
#ifndef TESTS_XDP_TWINS_H
#define TESTS_XDP_TWINS_H

#include "tests/support/packet_gen.h"
#include "tests/support/xdp_world.h"

/*
 * Few flows with many packets fill the table with confirmed ones; then come others, which have to
 * evict them.
 */
#define TWINS_FEW 300
#define TWINS_MANY 960
#define TWINS_PHASE 4000 /* packets */
#define TWINS_INSTANCES 24

struct twins {
	struct harness *native;
	struct xdp_world *xdp;
	struct packet_gen gen;
	struct lb_instance instances[TWINS_INSTANCES];
	const uint8_t *forwards; /* modes of services, in turns */
	uint32_t n_forwards;
	uint64_t ticks;
	uint32_t changes;
};

/** Fails the test on errors, as all functions here. */
void twins_create(struct twins *t, bool has_handover);
void twins_destroy(struct twins *t);

/** The same, with services that are translated. */
void twins_create_nat(struct twins *t, bool has_handover);

/** Drained, down, back; other slots; a previous generation that ends. */
void twins_change(struct twins *t);

/** Some ticks, now and then an hour. */
void twins_wait(struct twins *t);

/**
 * Make the next frame: the generator's, or an instance's answer to the last one.
 * @out: the last one, as it was sent; @out_len: 0 if it was not.
 */
void twins_next(struct twins *t, const uint8_t *out, uint32_t out_len);

/** A round over the flow table, and over the records of translated connections. */
void twins_sweep(struct twins *t);

/**
 * The generator's frame through the native pipeline, as the XDP program would answer.
 * Return: an enum xdp_action, and the frame sent.
 */
uint32_t twins_native(struct twins *t, uint8_t *out, uint32_t *out_len);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long the loop has stood still: the process stopped or without a CPU, or busy in a callback. Such time
 * says nothing of the instances whose answers wait to be read, and is no part of their checks' time-outs.
 * One thread: that of the loop.
 */
#ifndef CONTROLPLANE_HEALTH_STALL_H
#define CONTROLPLANE_HEALTH_STALL_H

#include <stdint.h>

struct event_base;
struct health_stall;

/* A stall of less than this is not told from the loop's usual turns. */
enum { HEALTH_STALL_MIN_US = 50000 };

/* Return: NULL with errno. */
struct health_stall *health_stall_create(struct event_base *base);

/* NULL is allowed. */
void health_stall_destroy(struct health_stall *stall);

/* Somebody goes by its figure from now on, until health_stall_leave(); it does nothing when nobody does. */
void health_stall_enter(struct health_stall *stall);
void health_stall_leave(struct health_stall *stall);

/**
 * What all stalls so far add up to; only differences mean something. Some time is left of each stall, so
 * that time-outs end in a loop, too, that is always late.
 */
uint64_t health_stall_sum_us(struct health_stall *stall);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long the loop has been stalled: the process stopped or without a CPU, or busy in a callback.
 * Answers of instances may have arrived unread in such time, so it is not counted in the timeouts
 * of their checks.
 * One thread: that of the loop.
 */
#ifndef CONTROLPLANE_HEALTH_STALL_H
#define CONTROLPLANE_HEALTH_STALL_H

#include <stdint.h>

struct event_base;
struct health_stall;

/* Shorter stalls are not distinguished from the loop's usual turns. */
enum { HEALTH_STALL_MIN_US = 50000 };

/* Return: NULL with errno. */
struct health_stall *health_stall_create(struct event_base *base);

/* NULL is allowed. */
void health_stall_destroy(struct health_stall *stall);

/* Start measuring, until health_stall_leave(); nothing is measured without a user. */
void health_stall_enter(struct health_stall *stall);
void health_stall_leave(struct health_stall *stall);

/**
 * Sum of all stalls so far; only differences are meaningful. A part of each stall is not counted,
 * so that timeouts expire even in a loop that is always late.
 */
uint64_t health_stall_sum_us(struct health_stall *stall);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's maps as values: what attach did, the VIPs and sources in force, the counters. */
#ifndef INSTANCE_STATE_H
#define INSTANCE_STATE_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"
#include "controlplane/instance/program.h"

/** Initialize @state to that of an attach that has done nothing yet. */
void state_init(struct lb_unwrap_state *state);

/** Read the state. Return: 0, or -errno. */
int state_load(const struct program *program, struct lb_unwrap_state *state);

/** Write the state; its filter_sources takes effect at once. Return: 0, or -errno. */
int state_store(const struct program *program, const struct lb_unwrap_state *state);

/** The entry of @addr, or NULL. */
struct lb_unwrap_owned_addr *state_find_vip(struct lb_unwrap_state *state,
					    const struct lb_unwrap_addr *addr);

/** Whether @prefix is among the allowed sources. */
bool state_has_source(const struct lb_unwrap_state *state, const struct lb_unwrap_prefix *prefix);

/** Add an entry; the caller ensures that it is new and fits. */
void state_add_vip(struct lb_unwrap_state *state, const struct lb_unwrap_owned_addr *vip);
void state_add_source(struct lb_unwrap_state *state, const struct lb_unwrap_prefix *prefix);

/**
 * Add a VIP to the program's map (its counters start at zero) or remove it. Return: 0, or -errno.
 */
int state_map_vip(const struct program *program, const struct lb_unwrap_addr *vip);
int state_unmap_vip(const struct program *program, const struct lb_unwrap_addr *vip);

/** Add a source to those that the program accepts, or remove it. Return: 0, or -errno. */
int state_map_source(const struct program *program, const struct lb_unwrap_prefix *prefix);
int state_unmap_source(const struct program *program, const struct lb_unwrap_prefix *prefix);

/** Sum one reason's counter over all CPUs. Return: 0, or -errno. */
int state_read_count(const struct program *program, enum lb_unwrap_reason reason,
		     struct lb_unwrap_count *count);

/**
 * Add the packets of one reason to @pkts: one number per possible CPU, @cpus of them. Return: 0, or
 * -errno.
 */
int state_add_by_cpu(const struct program *program, enum lb_unwrap_reason reason, __u64 *pkts,
		     unsigned int cpus);

/** Copy all counters of a program to one that counts nothing yet. Return: 0, or -errno. */
int state_copy_counts(const struct program *from, const struct program *to);

/** Sum one VIP's counters over all CPUs. Return: 0, or -errno. */
int state_read_vip(const struct program *program, const struct lb_unwrap_addr *vip,
		   struct lb_unwrap_vip *counts);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What attach changes on the host besides the program: VIPs on lo and two ARP sysctls of the
 * interface. Each change is recorded in the program's state before it is made, so a command that
 * dies halfway leaves nothing that a later detach would miss.
 */
#ifndef INSTANCE_HOST_H
#define INSTANCE_HOST_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"
#include "controlplane/instance/options.h"
#include "controlplane/instance/program.h"

/** The sysctl's name, as under net.ipv4.conf. */
const char *host_sysctl_name(enum lb_unwrap_sysctl_id id);

/** Return: 0 if this process may change the network, else 1 after printing the reason. */
int host_require_root(void);

/** Print why program_find() of @iface failed with @err. Return: 1. */
int host_report_find(const char *iface, int err);

/**
 * Wait for other sluice-instance commands to end; the lock is held until this process exits.
 * Return: 0, or 1 after the reason was printed.
 */
int host_lock(void);

/**
 * Fill @next with what @options ask for, starting from @now: the VIPs that must be added to lo, and
 * the values of the sysctls. Changes nothing.
 * Return: 0, or 1 after the reason was printed.
 */
int host_plan(const struct options *options, const struct lb_unwrap_state *now,
	      struct lb_unwrap_state *next);

/**
 * Bring the maps and the host from @now to @next: everything new is added first, then the rest is
 * removed, so that what is in both is never interrupted. If adding fails, all of it is undone.
 * Return: 0, or 1 after the reason was printed.
 */
int host_change(const struct options *options, const struct program *program,
		const struct lb_unwrap_state *now, const struct lb_unwrap_state *next);

/** Restore the sysctls that attach changed, except those changed again since. */
void host_restore_sysctls(const char *iface, const struct lb_unwrap_state *state);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of names, without blocking. Context: the event loop's thread. */
#ifndef CONTROLPLANE_ELB_RESOLVE_H
#define CONTROLPLANE_ELB_RESOLVE_H

#include "config/config.h"

#define RESOLVE_CONF "/etc/resolv.conf"

struct event_base;
struct resolve;
struct resolve_query;

/** @conf: names the servers; read again for each query. Return: NULL and errno ENOMEM. */
struct resolve *resolve_create(struct event_base *base, const char *conf);

/** All queries must have ended. */
void resolve_destroy(struct resolve *resolve);

/**
 * Look up a name: its first IPv4 address, else its first IPv6 address.
 * @done: called once, never from inside this call; @address NULL: @why says why there is none.
 * Return: for resolve_cancel(), until then; NULL and errno ENOMEM.
 */
struct resolve_query *resolve_start(struct resolve *resolve, const char *name,
				    void (*done)(void *arg, const struct config_address *address,
						 const char *why),
				    void *arg);

/** done() will not be called. */
void resolve_cancel(struct resolve_query *query);

#endif

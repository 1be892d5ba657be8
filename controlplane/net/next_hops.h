/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops of instances: where the kernel's routes would send their packets, and the MAC address
 * there. Follows the kernel's notifications of routes, neighbours and links. While the kernel
 * merely doubts an entry it stays in use; only a definite answer replaces it.
 *
 * It also sets up the kernel interface (iface.h) whenever that appears.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NET_NEXT_HOPS_H
#define CONTROLPLANE_NET_NEXT_HOPS_H

#include <stdbool.h>

struct event_base;
struct model;
struct model_instance;
struct neighbours;

struct neighbours_options {
	struct event_base *base;
	struct model *model;
	/** The kernel interface was just set up: packets can be sent. */
	void (*ready)(void *arg);
	void *arg;
};

/** Return: NULL and errno. */
struct neighbours *neighbours_create(const struct neighbours_options *options);
void neighbours_destroy(struct neighbours *neighbours);

/** The configuration changed: set the interface up again, and look up all routes. */
void neighbours_apply(struct neighbours *neighbours);

/** Set the dataplane's kernel interface. A new name is looked up at once. */
void neighbours_set_iface(struct neighbours *neighbours, const char *name);

/**
 * Set whether the dataplane runs the tables of this configuration. Without them it passes the
 * packets of services to the kernel, which would answer them with a reset if the VIPs were
 * configured already: they are added only then. Initially false.
 */
void neighbours_set_published(struct neighbours *neighbours, bool published);

/** Which VIPs are announced has changed: interfaces are set up again, without those held. */
void neighbours_vips_changed(struct neighbours *neighbours);

/** Whether the kernel interface is up and has a carrier; the last known state on failure. */
bool neighbours_iface_is_running(struct neighbours *neighbours);

/** Add an instance. Return: 0 or -ENOMEM. */
int neighbours_add(struct neighbours *neighbours, struct model_instance *instance);
void neighbours_remove(struct neighbours *neighbours, const struct model_instance *instance);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops of instances: where the kernel's routes would send their packets, and which MAC address
 * that is. Follows the kernel's notifications of routes, neighbours and links. What the kernel merely
 * doubts stays; only an answer replaces an answer.
 *
 * It also sets the kernel interface up (iface.h), whenever that appears.
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
	/** The kernel interface has just been set up: packets can be sent. */
	void (*ready)(void *arg);
	void *arg;
};

/** Return: NULL and errno. */
struct neighbours *neighbours_create(const struct neighbours_options *options);
void neighbours_destroy(struct neighbours *neighbours);

/** The configuration is another one: set the interface up anew, and look all routes up. */
void neighbours_apply(struct neighbours *neighbours);

/** The dataplane's kernel interface. A new name is looked for at once. */
void neighbours_set_iface(struct neighbours *neighbours, const char *name);

/**
 * Whether the dataplane runs the tables of this configuration. Without them it hands the packets of
 * services to the kernel, which would answer them with a reset if the VIPs were there already: they
 * are added when this is said. Not so at first.
 */
void neighbours_set_published(struct neighbours *neighbours, bool published);

/** Whether the kernel interface is up and has a carrier; if that cannot be asked, whether it was and had. */
bool neighbours_iface_is_running(struct neighbours *neighbours);

/** Instances come and go. Return: 0 or -ENOMEM. */
int neighbours_add(struct neighbours *neighbours, struct model_instance *instance);
void neighbours_remove(struct neighbours *neighbours, const struct model_instance *instance);

#endif

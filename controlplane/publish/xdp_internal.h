/* SPDX-License-Identifier: BSD-3-Clause */
/* What the sources of the XDP backend share. Context: the event loop's thread. */
#ifndef CONTROLPLANE_PUBLISH_XDP_INTERNAL_H
#define CONTROLPLANE_PUBLISH_XDP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "config/base/link.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/directory.h"
#include "controlplane/publish/segment.h"
#include "controlplane/xdp/object.h"
#include "controlplane/xdp/sweep.h"
#include "controlplane/xdp/thread.h"
#include "controlplane/xdp/watch.h"

struct event;

struct publish_backend {
	struct publish_backend_options options;
	struct xdp_object object;
	struct xdp_thread *thread;
	struct xdp_sweep *sweep;
	struct publish_link link; /* only its segment is used */
	struct publish_directory directory;
	struct event *retry_timer;
	struct event *states_timer;
	struct event *watch_timer;
	struct event *answer_event;
	struct xdp_watch watch;
	char note[XDP_OBJECT_WHY_MAX];	 /* from the start */
	char absent[XDP_OBJECT_WHY_MAX]; /* CPUs of node.cpus that are not online; "": none */
	int claim_fd;			 /* lock on the pin directory; -1: none */
	bool ready;
	bool hooked;	/* since the maps were opened */
	bool maps_anew; /* the next start makes new ones */
	bool load_failed;
	uint32_t holder_id;	/* the foreign program that had the hook last time; 0: none */
	uint32_t dispatcher_id; /* libxdp's dispatcher that we joined; 0: the hook is ours */
	struct netlink netlink;
	struct link_state port; /* index 0: not known yet */
	uint64_t generation;
	uint64_t sent_ns; /* 0: nothing is in flight */
	int sent_result;
	uint64_t retired;
	char why[XDP_OBJECT_WHY_MAX]; /* logged last */
};

/* ---- xdp_hook.c: the program on its port ---- */

/**
 * Attach the program, if it is not yet and has tables: a program without tables would drop the
 * kernel's packets, too.
 * Return: 0; -ENOTCONN: left.
 */
int publish_xdp_hook(struct publish_backend *x);

/** Attach again if the program is no longer on the port, or in another place there. */
void publish_xdp_hook_watch(struct publish_backend *x);

/** Refresh the operator's note, and what the node counts. */
void publish_xdp_look(struct publish_backend *x);

/** Id of the program that holds the port's hook; 0: none, or unknown. */
uint32_t publish_xdp_holder(const struct publish_backend *x);

/** Give the pins to the group of the run directory. Return: 0, or -errno and object.why. */
int publish_xdp_pins_share(struct publish_backend *x, const char *port);

/** Close what publish_xdp_open() has opened. */
void publish_xdp_release(struct publish_backend *x);

/** Release, log @why if it is new, try again later, and tell the owner. */
void publish_xdp_leave(struct publish_backend *x, const char *why);

/* ---- xdp_open.c: the program's maps and its port ---- */

/**
 * Find the port: the same interface under any name until it is deleted; else the one of that name;
 * else the one where a predecessor attached the program.
 * Return: 0 or -errno.
 */
int publish_xdp_port_find(struct publish_backend *x, const char *name);

/** Load the program or open the running one's maps. Return: 0, or -errno and perhaps object.why. */
int publish_xdp_open(struct publish_backend *x, const struct config_node *node);

/** Have the model adopt what runs, attach, and tell the owner. */
void publish_xdp_adopt(struct publish_backend *x, const struct config_node *node);

/** Take over the port's MAC address and MTU if they have changed. */
void publish_xdp_port_follow(struct publish_backend *x, const struct link_state *port);

/**
 * Keep VLAN tags in frames: a frame forwarded without its tag would go into another network.
 * Return: 0; -EOPNOTSUPP and object.why; -errno.
 */
int publish_xdp_tags_keep(struct publish_backend *x);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon as its parts see it: one object that holds them all, and the few operations that
 * involve more than one of them. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_SLUICED_H
#define CONTROLPLANE_SLUICED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/ailment.h"
#include "controlplane/api/daemon.h"
#include "controlplane/doctor/watch.h"
#include "controlplane/model/model.h"
#include "controlplane/model/replies.h"
#include "controlplane/model/spread.h"
#include "controlplane/net/local_ports.h"

struct checks;
struct config;
struct event_base;
struct events;
struct flaps;
struct leaving;
struct model;
struct neighbours;
struct path_mtu;
struct publish;
struct publish_wait;
struct state;
struct stats;
struct versions;
struct web;

/* What was noted last of a pool. */
struct notes_pool {
	char name[CONFIG_NAME_MAX + 1]; /* "": nothing */
	const char *state;
	enum model_vips vips;
};

struct sluiced {
	const char *config_path;      /* -c */
	const char *run_dir;	      /* -r: sockets, pid */
	const char *state_dir;	      /* -s; else -r if given; else /var/lib/sluice */
	char commands_path[PATH_MAX]; /* what commands have created */
	bool detach;		      /* --detach: do only that */
	const char *detach_port;      /* NULL: the port of the configuration */
	int lock_fd;
	char config_problem[512]; /* why the file is not in force; "" if it is */
	struct event_base *base;
	struct events *events;
	struct notes_pool noted[LB_POOLS_MAX]; /* by id */
	bool noted_connected;		       /* the dataplane */
	const struct config *applying;	       /* while it replaces another one */
	struct model *model;
	struct state *state;
	struct versions *versions; /* of the configuration */
	struct stats *stats;
	struct publish *publish;
	struct checks *checks;
	struct flaps *flaps;
	struct leaving *leaving; /* what is kept of instances that drain */
	struct neighbours *neighbours;
	struct path_mtu *path_mtu;
	struct web *web;
	struct control_daemon control;	     /* what the control server needs from the daemon */
	struct publish_wait *published_wait; /* for the tables of this configuration */
	bool is_published;		     /* they run */
	struct ailment ailments;	     /* what is watched for it */
	uint64_t applied;		     /* configurations so far */
	int64_t applied_unix;		     /* when the last one was */
	const char *ailment;  /* of the node itself, while checks are suspended; NULL: none */
	uint64_t started_ms;  /* CLOCK_MONOTONIC */
	uint64_t watchdog_ms; /* systemd's watchdog timeout; 0: no watchdog */
	uint64_t watchdog_next_ms;
	struct spread spread;	       /* flows over workers */
	struct replies replies;	       /* of instances, with `forward: nat` */
	char mtu_note[MODEL_NOTE_MAX]; /* a port MTU that is too small for a service; "": none */
	char nat_note[LOCAL_PORTS_NOTE_MAX]; /* what is wrong with `forward: nat`; "": nothing */
	struct doctor_watch doctor;
	uint64_t look_ns; /* when to check both again */
};

/**
 * Apply a configuration: model, checks, next hops, addresses of the kernel interface. All or
 * nothing. What must reach the dataplane is marked; wait for it with
 * publish_wait_start(PUBLISH_ALL).
 * @config: belongs to the daemon if this succeeds, to the caller if not.
 * @force: apply even if it removes all services, or more than half of all instances.
 * @refusal: filled if it fails.
 * Return: 0; -EPERM: keys changed that need a restart; -ECANCELED: it needs @force; -ENOSPC,
 * -ENOMEM.
 */
int sluiced_apply(struct sluiced *sluiced, struct config *config, bool force,
		  struct control_apply_refusal *refusal);

/** Open what keeps the configurations. Return: 0 or -errno. */
int sluiced_versions_open(struct sluiced *sluiced);

/**
 * Read the file of -c and apply it (SIGHUP). All errors are logged.
 * Return: as sluiced_apply(), and -EINVAL if the file is refused.
 */
int sluiced_reload(struct sluiced *sluiced);

/**
 * Read the file of -c or, if it's refused, the last good one. Errors are logged.
 * Return: NULL and errno.
 */
struct config *sluiced_config_load(struct sluiced *sluiced);

/** The file of -c is in force: keep a copy for a start when it is refused. */
void sluiced_config_accepted(struct sluiced *sluiced);

/** The same of the file of what commands have created. */
void sluiced_commands_accepted(struct sluiced *sluiced);

/** Whoever may read the file of -c may read that one: sluice-dataplane may be another user. */
void sluiced_share(const struct sluiced *sluiced, int fd);

/** The file of -c is refused; status shows why. */
void sluiced_config_refused(struct sluiced *sluiced, const char *why);

#endif

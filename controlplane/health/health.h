/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Health checks of instances: TCP, SSL, HTTP and HTTPS with the semantics of ELB classic, plus the
 * distinction between an instance that answers with a failure (lame) and one that does not answer
 * (down).
 *
 * One health checker belongs to one event loop. Every function here is called in that loop's
 * thread, and every callback is made from it. Strings passed in are copied; strings returned belong
 * to the checker. The process ignores SIGPIPE: OpenSSL may write to a lost peer.
 */
#ifndef SLUICE_CONTROLPLANE_HEALTH_H
#define SLUICE_CONTROLPLANE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/model/health.h"

struct event_base;
struct health;
struct health_instance;

enum { HEALTH_INTERVAL_MIN_MS = 100 };

/*
 * A check is a struct config_check: its type, port and path identify it over a reload, the rest are
 * parameters. interval_ms runs from start to start; timeout_ms from the connect to the end of the
 * answer, or of the part of it that is read (TCP: connect, SSL: handshake). `target` names it.
 */

struct health_instance_spec {
	const char *name; /* for log lines: "web/web-1" */
	void *owner;	  /* passed to ops.changed */
	struct config_address address;
	struct config_address source; /* of probes, if this node has that address; family 0: any */
	const struct config_check *checks; /* copied, at most CONFIG_CHECKS_MAX */
	uint32_t check_count;		   /* 0: the instance is always up */
	/*
	 * Initial state: HEALTH_UNKNOWN (the first results decide at once) or, after a restart, the
	 * adopted state. Adopted UP stays until a check has failed `unhealthy` times, so that after
	 * a restart one lost probe does not take an instance out. Adopted LAME and DOWN stay until
	 * each check has a result.
	 */
	enum health_state initial;
};

struct health_ops {
	/**
	 * An instance's state has changed. May call any function of this header except
	 * health_destroy(). Never called from inside health_instance_add(),
	 * health_instance_update() or health_instance_remove(): a change caused by an update is
	 * reported in the next turn of the loop.
	 * @arg: ops_arg of health_options.
	 * @owner: of the instance's spec.
	 * @reason: "HTTP:80/up.html: status 404"; valid during the call.
	 */
	void (*changed)(void *arg, void *owner, enum health_state old, enum health_state now,
			const char *reason);

	/**
	 * A line for the log, without newline. May be NULL. Includes each change of state of a
	 * check and of an instance, so ops.changed need not log it again.
	 * @priority: of syslog(3), LOG_DEBUG (each result) to LOG_WARNING.
	 */
	void (*log)(void *arg, int priority, const char *line);
};

struct health_limits {
	/*
	 * Number of places for checks of instances that answer, over all instances, and the same
	 * number for those of instances that don't. A check without an answer after 100 ms frees
	 * its place.
	 */
	uint32_t in_flight;
	uint32_t sockets; /* most checks in flight, whether or not they still hold a place */
};

struct health_options {
	const struct health_ops *ops; /* must outlive the checker */
	void *ops_arg;
	struct health_limits limits; /* at least 1 each */
	const char *version;	     /* for the User-Agent header */
};

/**
 * Create a health checker in an event loop.
 * Return: the checker, or NULL with errno (EINVAL, ENOMEM, ENOSYS if libcurl has no TLS).
 */
struct health *health_create(struct event_base *base, const struct health_options *options);

/* Cancel every check, free every instance and the checker. Makes no callbacks. */
void health_destroy(struct health *health);

/* Checks in flight are not interrupted. */
void health_set_limits(struct health *health, const struct health_limits *limits);

/**
 * Add an instance. Its checks start within min(interval, 1 s), or 250 ms if its health is unknown,
 * spread at random.
 * Return: the instance, owned by the checker until health_instance_remove(), or NULL with errno
 * (EINVAL: a spec out of range; ENOMEM). Read its state with health_instance_state(): without
 * checks it is HEALTH_UP at once.
 */
struct health_instance *health_instance_add(struct health *health,
					    const struct health_instance_spec *spec);

/**
 * Give an instance new checks, name or owner (a config reload). A check with the same type, port
 * and path keeps its state and counts, and also its timing if its interval has not changed. A new
 * check of an instance that is up starts as passed; any other starts as unknown. spec->initial is
 * ignored.
 * Return: 0; -EINVAL (a spec out of range, or another address: that is another instance, remove and
 * add); -ENOMEM. On error nothing has changed.
 */
int health_instance_update(struct health_instance *instance,
			   const struct health_instance_spec *spec);

/* Cancel an instance's checks, in flight or not, and free it. NULL is allowed. */
void health_instance_remove(struct health_instance *instance);

/* Current state. Cheap. */
enum health_state health_instance_state(const struct health_instance *instance);

/* Reason of the state, "" if there is none (up). Valid until the loop continues. */
const char *health_instance_reason(const struct health_instance *instance);

/* Milliseconds since the end of the last result of any check, -1 before the first one. */
int64_t health_instance_last_ms(const struct health_instance *instance);

uint32_t health_instance_check_count(const struct health_instance *instance);

struct health_check_info {
	const char *target;	 /* "HTTP:80/up.html" */
	const char *reason;	 /* of the last failure: "status 404"; "" after a pass */
	enum health_state state; /* after thresholds */
	enum health_state last;	 /* the last result only, UNKNOWN before the first one */
	unsigned int streak;	 /* consecutive results equal to `last` */
	int64_t last_ms;	 /* milliseconds since the last result, -1 before the first one */
	uint32_t latency_us;	 /* start to verdict of the last result */
	bool in_flight;
};

/**
 * One check of an instance, in the order of its spec.
 * @info: filled in; its strings are valid until the loop continues or the instance changes.
 * Return: 0, or -ENOENT past the last check.
 */
int health_check_info(const struct health_instance *instance, uint32_t index,
		      struct health_check_info *info);

/* Counters since health_create(), and gauges. */
struct health_stats {
	uint64_t started;
	uint64_t passed;
	uint64_t lame;
	uint64_t down;
	uint64_t cancelled;    /* removed or replaced while in flight */
	uint64_t errors;       /* no verdict for lack of memory or sockets on this node */
	uint64_t delayed;      /* due, but had to wait for a place */
	uint32_t delay_max_ms; /* longest since health_create() */
	uint32_t checks;
	uint32_t in_flight;
	uint32_t silent; /* of those in flight: no answer within 100 ms, or none last time */
	uint32_t waiting;
	uint32_t late;	      /* of those waiting: for their whole interval, or longer */
	uint32_t wait_max_ms; /* of those waiting now */
};

void health_stats_get(const struct health *health, struct health_stats *stats);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

/* What differs between two configurations. May be called in any thread. */

#include "config/config.h"

enum config_change_kind {
	CONFIG_CHANGE_ADDED,
	CONFIG_CHANGE_REMOVED,
	CONFIG_CHANGE_CHANGED,
};

/** One difference. The strings live until the callback returns. */
struct config_change {
	enum config_change_kind kind;
	bool reloadable;    /* false: needs a restart of the daemons, a reload is not enough */
	const char *key;    /* "pools.web.instances.web-1.weight" */
	const char *before; /* NULL if added; never the secret itself */
	const char *after;  /* NULL if removed; never the secret itself */
};

struct config_diff_totals {
	uint32_t changes;
	uint32_t restarts; /* of these, not reloadable */
};

/**
 * Compare two configurations by meaning: comments, notation and the order of entries are ignored,
 * the order of addresses in a list is not. Pools, services and instances are matched by name,
 * checks by target and listeners by port; an added or removed one is one change.
 * @each: called for each difference, in schema order; may be NULL.
 * Return: the number of differences.
 */
struct config_diff_totals config_diff(const struct config *before, const struct config *after,
				      void (*each)(const struct config_change *change,
						   void *context),
				      void *context);

/**
 * Whether a configuration loses so much in its successor that this is probably a mistake: all
 * services, or more than half of all instances. Compared by name; a service that keeps an address
 * also counts as kept.
 * @what: set to what is lost, "all services (2) and 5 of 6 instances".
 */
bool config_removes_much(const struct config *before, const struct config *after, char *what,
			 size_t size);

#endif

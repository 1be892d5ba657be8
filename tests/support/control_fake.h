/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon without a backend, for tests of the control server. */
#ifndef TESTS_CONTROL_FAKE_H
#define TESTS_CONTROL_FAKE_H

#include "controlplane/api/ops.h"
#include "controlplane/api/verb.h"

#define FAKE_WAITS_MAX 64
#define FAKE_VERBS_MAX 64

struct fake_instance {
	const char *name; /* NULL: there is none */
	struct control_instance is;
};

struct fake_pool {
	const char *name;
	struct fake_instance instances[3];
};

struct fake {
	struct fake_pool pools[3];
	int set_error; /* of the next set, with set_reason */
	const char *set_reason;
	bool hold; /* publishing completes with fake_publish(), not at once */
	int publish_status;
	uint32_t flows_step; /* each query of a draining instance finds this many fewer */
	size_t status_bytes; /* of padding in the result of status */
	bool config_refused;
	size_t config_bytes; /* of the last one */
	struct control_wait *waits[FAKE_WAITS_MAX];
	unsigned int statuses, sets, cancels, gets;
};

extern const struct control_ops fake_ops;

/** The daemon's verbs. Those that need more than the ops are replaced; most of these answer {}. */
const struct control_verb *fake_verbs(void);

/** Pools "web" (web-1: 132 flows, weight 100; web-2) and "api" (a). */
void fake_init(struct fake *fake);

/** The instance of a path, or NULL. */
struct fake_instance *fake_find(struct fake *fake, const char *path);

/** Complete all publications that were held. Return: their number. */
unsigned int fake_publish(struct fake *fake);

#endif

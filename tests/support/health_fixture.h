/* SPDX-License-Identifier: BSD-3-Clause */
/* A checker in an event loop of its own, and what it has reported. */
#ifndef SLUICE_TESTS_HEALTH_FIXTURE_H
#define SLUICE_TESTS_HEALTH_FIXTURE_H

#include <event2/event.h>

#include "controlplane/health/health.h"
#include "tests/support/health_server.h"

struct fixture {
	struct event_base *base;
	struct event *tick;
	struct health *health;
	unsigned int log_lines;
	char log_last[512]; /* of LOG_INFO and above */
};

/* What was reported to the owner of one instance; the owner pointer of a spec. */
struct watch {
	unsigned int changes;
	enum health_state old;
	enum health_state now;
	char reason[HEALTH_REASON_MAX];
	struct health_instance **remove; /* removed from inside the callback, if set */
};

void fixture_init(struct fixture *fixture, uint32_t max_in_flight);
void fixture_fini(struct fixture *fixture);

/* Run the loop until the condition holds; false after PATIENCE_MS. */
bool fixture_until(struct fixture *fixture, bool (*condition)(void *arg), void *arg);
void fixture_run_ms(struct fixture *fixture, uint32_t duration_ms);
bool fixture_until_state(struct fixture *fixture, struct health_instance *instance,
			 enum health_state state);

/* Interval 100 ms, timeout 2 s, thresholds 2; HTTP checks get "/up.html". */
struct config_check fixture_check(enum config_check_type type, uint16_t port);

struct health_instance_spec fixture_spec(struct watch *watch, const struct config_check *checks,
					 uint32_t check_count);

#endif

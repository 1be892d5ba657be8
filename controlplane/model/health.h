/* SPDX-License-Identifier: BSD-3-Clause */
/* Health of an instance according to its checks. */
#ifndef CONTROLPLANE_MODEL_HEALTH_H
#define CONTROLPLANE_MODEL_HEALTH_H

enum health_state {
	HEALTH_UNKNOWN, /* no check has decided yet */
	HEALTH_UP,	/* all checks pass */
	HEALTH_LAME,	/* answers, but fails a check: status other than 200, garbage */
	HEALTH_DOWN,	/* refused, reset, unreachable, closed without an answer or timed out */
};

enum {
	HEALTH_STATES = HEALTH_DOWN + 1,
	HEALTH_REASON_MAX = 192, /* bytes, with the terminating zero */
};

/* "unknown", "up", "lame", "down"; "?" for anything else. */
const char *health_state_name(enum health_state state);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/health.h"

const char *health_state_name(enum health_state state)
{
	static const char *const names[HEALTH_STATES] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_UP] = "up",
		[HEALTH_LAME] = "lame",
		[HEALTH_DOWN] = "down",
	};

	return (unsigned int)state < HEALTH_STATES ? names[state] : "?";
}

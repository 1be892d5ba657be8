/* SPDX-License-Identifier: BSD-3-Clause */
/* Echo requests that may not be fragmented, of any size. */
#ifndef CONTROLPLANE_DOCTOR_ECHO_H
#define CONTROLPLANE_DOCTOR_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct echo {
	int fd[2]; /* of IPv4, of IPv6 */
	uint16_t id;
};

struct echo_target {
	struct config_address address;
	uint32_t bytes; /* of the IP packet */
	bool is_answered;
};

/** Return: 0 or -errno; without CAP_NET_RAW -EPERM. */
int echo_open(struct echo *echo);
void echo_close(struct echo *echo);

/**
 * Ask each target up to three times, until it answers.
 * @targets: is_answered is set.
 */
void echo_ask(struct echo *echo, struct echo_target *targets, uint32_t n);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". Pure. */
#ifndef CONTROLPLANE_FLOWS_ENDPOINT_H
#define CONTROLPLANE_FLOWS_ENDPOINT_H

#include "config/config.h"

#define ENDPOINT_STRLEN (CONFIG_ADDRESS_STRLEN + 8)

/** @port: host order; 0: there is none. Return: 0 or -EINVAL. */
int endpoint_parse(const char *text, struct config_address *address, uint16_t *port);

/** @text: ENDPOINT_STRLEN bytes. @port: 0: none. Return: text. */
const char *endpoint_format(const struct config_address *address, uint16_t port, char *text);

#endif

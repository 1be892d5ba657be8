/* SPDX-License-Identifier: BSD-3-Clause */
/* A question about a connection, as an operator writes it. Pure. */
#ifndef CONTROLPLANE_FLOWS_QUERY_H
#define CONTROLPLANE_FLOWS_QUERY_H

#include "controlplane/flows/explain.h"

#define QUERY_WHY_MAX 200

/**
 * @client: "198.51.100.7:4711", or without a port; @vip: "203.0.113.10:443".
 * @why: set if it is refused: one line.
 * Return: 0 or -EINVAL.
 */
int query_parse(const char *client, const char *vip, struct explain_query *query,
		char why[QUERY_WHY_MAX]);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/query.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/flows/endpoint.h"

int query_parse(const char *client, const char *vip, struct explain_query *query,
		char why[QUERY_WHY_MAX])
{
	*query = (struct explain_query){ .syn = 0 };
	if (endpoint_parse(client, &query->client, &query->client_port) != 0)
		snprintf(why, QUERY_WHY_MAX, "\"%.64s\": expected an address, or ADDRESS:PORT",
			 client);
	else if (endpoint_parse(vip, &query->vip, &query->vip_port) != 0 || !query->vip_port)
		snprintf(why, QUERY_WHY_MAX,
			 "\"%.64s\": expected VIP:PORT, such as 203.0.113.10:443 or "
			 "[2001:db8::10]:443",
			 vip);
	else if (query->client.family != query->vip.family)
		snprintf(why, QUERY_WHY_MAX, "%.48s and %.48s are not of the same family", client,
			 vip);
	else
		return 0;
	return -EINVAL;
}

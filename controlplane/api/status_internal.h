/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the result of status: private to api/status*.c. */
#ifndef CONTROLPLANE_API_STATUS_INTERNAL_H
#define CONTROLPLANE_API_STATUS_INTERNAL_H

#include <jansson.h>

struct control_daemon;
struct model_instance;
struct stats_node;

json_t *control_status_node(struct control_daemon *daemon);
json_t *control_status_pools(struct control_daemon *daemon);

/* null: no service has `forward: nat`. */
json_t *control_status_nat(const struct control_daemon *daemon, const struct stats_node *figures);

/* What is wrong with an instance's replies, one sentence; "": nothing. */
json_t *control_status_replies(const struct control_daemon *daemon,
			       const struct model_instance *instance);

#endif

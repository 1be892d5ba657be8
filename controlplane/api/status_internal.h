/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the result of status: private to api/status*.c. */
#ifndef CONTROLPLANE_API_STATUS_INTERNAL_H
#define CONTROLPLANE_API_STATUS_INTERNAL_H

#include <jansson.h>

struct control_daemon;

json_t *control_status_node(struct control_daemon *daemon);
json_t *control_status_pools(struct control_daemon *daemon);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The results of status and drops. Context: the event loop's thread. Return: new; NULL: no memory. */
#ifndef CONTROLPLANE_API_STATUS_H
#define CONTROLPLANE_API_STATUS_H

#include <jansson.h>

struct control_daemon;

json_t *control_status_node_services_pools(struct control_daemon *daemon);

/** The same without pools. */
json_t *control_status_node_services(struct control_daemon *daemon);

json_t *control_status_drops(struct control_daemon *daemon);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The results of status and drops. Context: the event loop's thread. Return: new; NULL: no memory. */
#ifndef CONTROLPLANE_CONTROL_STATUS_H
#define CONTROLPLANE_CONTROL_STATUS_H

#include <jansson.h>

struct sluiced;

json_t *control_status_node_services_pools(struct sluiced *sluiced);
json_t *control_status_drops(struct sluiced *sluiced);

/* Parts of the first. */
json_t *control_status_node(struct sluiced *sluiced);
json_t *control_status_pools(struct sluiced *sluiced);

#endif

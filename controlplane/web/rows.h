/* SPDX-License-Identifier: BSD-3-Clause */
/* What the status page shows, as JSON. Context: the event loop's thread. Return: new; NULL: no memory. */
#ifndef CONTROLPLANE_WEB_ROWS_H
#define CONTROLPLANE_WEB_ROWS_H

#include <jansson.h>
#include <stdint.h>

struct control_daemon;
struct traffic;
struct model_instance;
struct stats_instance;

json_t *rows_node(struct control_daemon *daemon);
json_t *rows_drops(struct control_daemon *daemon);
json_t *rows_services(struct control_daemon *daemon);
json_t *rows_pools(struct control_daemon *daemon);
json_t *rows_instance(struct control_daemon *daemon, const struct model_instance *instance,
		      const struct stats_instance *figures);
json_t *rows_history(const struct traffic *traffic);
json_t *rows_sample(const struct traffic *traffic);

/** The events after a position, as `sluicectl -o json events` has them. @after: set to the last one. */
json_t *rows_events(struct control_daemon *daemon, uint64_t *after);

/** What applying the daemon's own file would change; null: nothing. */
json_t *rows_plan(struct control_daemon *daemon);

#endif

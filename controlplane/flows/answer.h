/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is said of a connection, as JSON: the same by sluiced about what runs, and without a
 * dataplane about a configuration.
 */
#ifndef CONTROLPLANE_FLOWS_ANSWER_H
#define CONTROLPLANE_FLOWS_ANSWER_H

#include <jansson.h>

#include "controlplane/flows/explain.h"
#include "controlplane/flows/reverse.h"
#include "controlplane/model/model.h"

struct answer_source {
	const struct flows_view *view;
	const struct model *model; /* names of what the view has */
	bool is_live;		   /* false: a configuration, all instances taken as up */
};

/** "POOL/INSTANCE" of an index; null: of none that is known. New. */
json_t *answer_instance(const struct answer_source *source, uint32_t index);

/** The configured service of an id, and its VIP and port; null: it is not configured any more. New. */
json_t *answer_service(const struct answer_source *source, uint16_t id);

/**
 * A connection; @query without a client's port: where its new connections go.
 * Return: new; NULL: no memory.
 */
json_t *answer_connection(const struct answer_source *source, const struct explain_query *query);

/**
 * Connections that are translated: "count", and "connections" of at most REVERSE_MAX.
 * @source: live, and view->nat.params is there.
 * Return: new; NULL: no memory.
 */
json_t *answer_reverse(const struct answer_source *source, const struct reverse_query *query);

/**
 * The same of a configuration that need not be in force.
 * @config: taken in any case.
 * @result: new, if this succeeds.
 * Return: 0; -ENOSPC, -ENOMEM.
 */
int answer_offline(struct config *config, const struct explain_query *query, json_t **result);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What became of an instance's flows while it drained. What is not counted by the dataplane is
 * known as exactly as it is looked at: a flow that ends and one that begins between two looks are
 * not seen. Pure.
 */
#ifndef CONTROLPLANE_API_RECEIPT_H
#define CONTROLPLANE_API_RECEIPT_H

#include <jansson.h>

#include "controlplane/api/ops.h"

struct receipt_worker {
	uint64_t before; /* new flows so far, when the drain was in force */
	uint64_t now;	 /* when it was looked at last */
	int64_t last_ms; /* when a new one was seen, after the beginning; -1: none */
};

struct receipt {
	bool is_open; /* the drain is in force, and flows are known */
	int64_t began_unix_ms;
	uint64_t flows; /* then */
	uint64_t left;	/* when it was looked at last */
	uint64_t ended;
	uint64_t moved;	   /* while the instance did not serve: to others, or dropped with it */
	uint64_t added;	   /* found by the previous table, which were not recorded before */
	int64_t half_ms;   /* when half of those from the beginning were gone; -1: not yet */
	int64_t ninety_ms; /* nine of ten */
	int64_t last_ms;   /* all */
	uint32_t workers;
	struct receipt_worker worker[CONTROL_WORKERS_MAX];
};

/** The drain is in force. */
void receipt_begin(struct receipt *receipt, const struct control_instance *instance,
		   int64_t now_unix_ms);

/** Look again. @elapsed_ms: since the command was received. */
void receipt_look(struct receipt *receipt, const struct control_instance *instance,
		  uint64_t elapsed_ms);

/** @instance: for the workers' CPUs. Return: new; NULL: no memory; null if nothing is known. */
json_t *receipt_json(const struct receipt *receipt, const struct control_instance *instance,
		     int64_t now_unix_ms);

#endif

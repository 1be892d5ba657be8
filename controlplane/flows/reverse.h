/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what an instance sees of a translated connection back to its client: by NAT address and
 * port, the instance, or both. Records are read while their workers write them: one that changes
 * meanwhile is read again. Pure.
 */
#ifndef CONTROLPLANE_FLOWS_REVERSE_H
#define CONTROLPLANE_FLOWS_REVERSE_H

#include "config/config.h"
#include "controlplane/flows/view.h"

#define REVERSE_MAX 100

struct reverse_query {
	uint32_t instance;	      /* LB_INSTANCE_NONE: any; then there is a port */
	struct config_address source; /* as the instance sees it; family 0: any */
	uint16_t port;		      /* host order; 0: any */
};

struct reverse_found {
	struct lb_nat_record record;
	uint32_t worker;
	uint16_t port; /* host order */
};

struct reverse {
	uint64_t n;
	uint32_t listed;
	struct reverse_found list[REVERSE_MAX];
};

/** @view: with nat.params. */
void reverse_find(const struct flows_view *view, const struct reverse_query *query,
		  struct reverse *reverse);

/** The address of a record's client, or the NAT address of an index. */
struct config_address reverse_client(const struct lb_nat_record *record);
struct config_address reverse_source(const struct flows_view *view, uint32_t address);

/** "opening", "established" ... */
const char *reverse_state_name(uint32_t state);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A configuration as what decides (flows/view.h), without a dataplane: tables as sluiced builds
 * them while every instance is up and reached. There are no flow tables and no MAC addresses.
 */
#ifndef CONTROLPLANE_FLOWS_OFFLINE_H
#define CONTROLPLANE_FLOWS_OFFLINE_H

#include "config/config.h"
#include "controlplane/flows/view.h"
#include "controlplane/model/model.h"

struct offline {
	struct model *model;
	struct flows_view view;
};

/**
 * @config: taken in any case.
 * Return: 0; -ENOSPC, -ENOMEM.
 */
int offline_create(struct offline *offline, struct config *config);

/** Build the table of a pool; some ten milliseconds. */
void offline_pool_build(struct offline *offline, uint32_t pool);

void offline_destroy(struct offline *offline);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the commands of ELB classic change in their file: a load balancer is a service and a pool of its
 * name. Pure: no I/O. Each function changes @tree, the file, as far as needed, so that the same
 * command twice changes nothing; whether values are valid is left to the check of the result.
 *
 * @config: what the file and the operator's, merged, mean before.
 * Return: 0; -EINVAL and the reason; -ENOMEM.
 */
#ifndef CONTROLPLANE_ELB_EDIT_H
#define CONTROLPLANE_ELB_EDIT_H

#include "config/config.h"
#include "config/error.h"
#include "config/load/tree.h"

struct elb_create {
	const char *name;
	const char *listeners; /* "443/8443,80/80": port and instance port of each */
	const char *vips;      /* "203.0.113.10,2001:db8::1"; NULL: from node.vip_pool */
	const char *forward;
};

int elb_create(struct config_tree *tree, const struct config *config,
	       const struct elb_create *create, struct config_reason *reason);

/** No load balancer of that name is no error, as in ELB classic. */
int elb_delete(struct config_tree *tree, const struct config *config, const char *name,
	       struct config_reason *reason);

struct elb_check {
	const char *target;
	const char *interval; /* "30s" */
	const char *timeout;
	uint32_t unhealthy;
	uint32_t healthy;
	bool only; /* in place of all others */
};

/** Add a check, or replace the one with that target, and the one that elb_create() has made. */
int elb_configure(struct config_tree *tree, const struct config *config, const char *name,
		  const struct elb_check *check, struct config_reason *reason);

int elb_register(struct config_tree *tree, const struct config *config, const char *name,
		 const char *id, const struct config_address *address,
		 struct config_reason *reason);

/** An instance that is not registered is no error. */
int elb_deregister(struct config_tree *tree, const struct config *config, const char *name,
		   const char *id, struct config_reason *reason);

/** The service, or NULL. */
const struct config_service *elb_service_find(const struct config *config, const char *name);

#endif

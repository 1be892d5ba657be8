/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of ELB classic. The result of those that change something: of the load balancer afterwards
 * "name", "vip", "forward", "listeners", "checks" and "instances", without the last five once it is
 * deleted; "changed"; and what control_call_published() adds if so. elb-describe-lbs: "lbs", a list
 * of the same. elb-describe-instance-health: "name", "instances" ("id", "state", "description",
 * "reason_code").
 */
#ifndef CONTROLPLANE_API_ELB_DESCRIBE_H
#define CONTROLPLANE_API_ELB_DESCRIBE_H

#include <jansson.h>

#include "config/config.h"

/** "name", "vip" and so on of a service. Return: NULL: out of memory. */
json_t *control_elb_lb(const struct config *config, const struct config_service *service);

#endif

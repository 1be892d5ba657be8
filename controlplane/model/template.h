/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header template that the dataplane prepends to an instance's packets. It is a tunnel's, from
 * the node to the instance, for an inner IPv4 packet; the dataplane fills in lengths and adapts it
 * to inner IPv6, and for l2 takes only its Ethernet part.
 */
#ifndef CONTROLPLANE_MODEL_TEMPLATE_H
#define CONTROLPLANE_MODEL_TEMPLATE_H

#include "config/config.h"
#include "controlplane/model/model.h"

struct template_source {
	uint8_t mac[LB_ETH_ALEN];    /* of the port */
	struct config_address addr4; /* family 0: the node has none */
	struct config_address addr6;
	struct config_prefix tunnel4;	      /* family 0: addr4 is the source of tunnels */
	const struct config_network *network; /* of the next hop, on a trunk; else NULL */
};

/**
 * Write header, source_mask, vlan and the flags of these of an instance. Its other flags, pool and
 * the rest are untouched.
 * @mac: of the next hop; zeros if unknown.
 */
void template_write(struct lb_instance *instance, const struct template_source *source,
		    const struct config_address *to, const uint8_t *mac);

/** The VLAN that a template's frames leave on; 0: none, or the one that they came on. */
uint16_t template_vlan(const struct lb_instance *instance);

/** Read a template's destination. Return: 0, or -EINVAL if it is not a template. */
int template_read(const struct lb_instance *instance, struct config_address *to, uint8_t *mac);

#endif

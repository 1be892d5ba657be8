/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written in front of a connection's packets, by the packet core's own writers. Pure. */
#ifndef CONTROLPLANE_FLOWS_HEADERS_H
#define CONTROLPLANE_FLOWS_HEADERS_H

#include "controlplane/flows/explain.h"

struct explain_headers {
	bool is_reached; /* false: nothing is sent: the next hop is not known */
	enum lb_forward forward;
	uint8_t dst_mac[LB_ETH_ALEN];
	uint8_t src_mac[LB_ETH_ALEN];
	lb_be16 vlan; /* or LB_VLAN_KEEP, LB_VLAN_NONE */
	/* of a tunnel its outer addresses, of nat those of the packet; of l2 the packet's own */
	struct config_address src;
	struct config_address dst;
	uint8_t proto;	   /* of the IP header, outer with a tunnel */
	uint16_t src_port; /* host order; 0: there is none, or it is chosen with the first packet */
	uint16_t dst_port;
	uint16_t mtu;	/* bytes of the largest packet that is sent */
	bool is_chosen; /* nat: the connection has its address and port */
};

/**
 * @explain: of a service; @index: of an instance, below view->instances.n.
 */
void explain_headers_fill(const struct flows_view *view, const struct explain *explain,
			  uint32_t index, struct explain_headers *headers);

#endif

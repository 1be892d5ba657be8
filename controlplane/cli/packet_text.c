/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/packet_text.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/core/lb_wire.h"

struct cursor {
	const uint8_t *at;
	uint32_t left;
};

/* Return: the next @size bytes, or NULL. */
static const void *take(struct cursor *c, uint32_t size)
{
	const void *at = c->at;

	if (c->left < size)
		return NULL;
	c->at += size;
	c->left -= size;
	return at;
}

static const char *flags_text(char text[16], uint8_t flags)
{
	static const char letters[] = "FSRP.UEC";
	uint32_t n = 0;

	for (uint32_t i = 0; i < 8; i++)
		if (flags >> i & 1)
			text[n++] = letters[i];
	text[n] = '\0';
	return text;
}

/* What follows the IP header. @addresses: source and destination as texts. */
static void transport_text(char *text, struct cursor *c, uint8_t proto, bool is_first,
			   char addresses[2][INET6_ADDRSTRLEN], const char *name)
{
	const struct lb_ports *ports = (const void *)c->at;
	const struct lb_tcp *tcp = (const void *)c->at;
	char flags[16];

	if (!is_first || (proto != LB_IPPROTO_TCP && proto != LB_IPPROTO_UDP) ||
	    c->left < sizeof(*ports)) {
		snprintf(text, PACKET_TEXT_MAX, "%s %s > %s: protocol %u%s", name, addresses[0],
			 addresses[1], proto, is_first ? "" : ", fragment");
		return;
	}
	snprintf(text, PACKET_TEXT_MAX, "%s %s.%u > %s.%u: %s%s%s%s", name, addresses[0],
		 ntohs(ports->sport), addresses[1], ntohs(ports->dport),
		 proto == LB_IPPROTO_TCP ? "TCP" : "UDP",
		 proto == LB_IPPROTO_TCP && c->left >= sizeof(*tcp) ? " [" : "",
		 proto == LB_IPPROTO_TCP && c->left >= sizeof(*tcp) ? flags_text(flags, tcp->flags)
								    : "",
		 proto == LB_IPPROTO_TCP && c->left >= sizeof(*tcp) ? "]" : "");
}

static bool ip4_text(char *text, struct cursor *c)
{
	const struct lb_ipv4 *ip = take(c, sizeof(*ip));
	char addresses[2][INET6_ADDRSTRLEN];
	uint32_t header;

	if (ip == NULL)
		return false;
	header = (ip->version_ihl & 15) * 4u;
	inet_ntop(AF_INET, &ip->src, addresses[0], sizeof(addresses[0]));
	inet_ntop(AF_INET, &ip->dst, addresses[1], sizeof(addresses[1]));
	if (header > sizeof(*ip))
		(void)take(c, header - (uint32_t)sizeof(*ip));
	transport_text(text, c, ip->proto, (ip->frag & LB_BE16(0x1fff)) == 0, addresses, "IP");
	return true;
}

static bool ip6_text(char *text, struct cursor *c)
{
	const struct lb_ipv6 *ip = take(c, sizeof(*ip));
	char addresses[2][INET6_ADDRSTRLEN];

	if (ip == NULL)
		return false;
	inet_ntop(AF_INET6, ip->src, addresses[0], sizeof(addresses[0]));
	inet_ntop(AF_INET6, ip->dst, addresses[1], sizeof(addresses[1]));
	transport_text(text, c, ip->next, true, addresses, "IP6");
	return true;
}

const char *packet_text(char text[PACKET_TEXT_MAX], const uint8_t *frame, uint32_t captured,
			uint32_t len)
{
	struct cursor c = { frame, captured };
	const struct lb_eth *eth = take(&c, sizeof(*eth));
	const struct lb_vlan *vlan = NULL;
	lb_be16 type = eth != NULL ? eth->type : 0;
	bool known = false;
	size_t used;

	if (type == LB_BE16(LB_ETHERTYPE_VLAN) && (vlan = take(&c, sizeof(*vlan))) != NULL)
		type = vlan->type;
	if (type == LB_BE16(LB_ETHERTYPE_IPV4))
		known = ip4_text(text, &c);
	else if (type == LB_BE16(LB_ETHERTYPE_IPV6))
		known = ip6_text(text, &c);
	if (!known)
		snprintf(text, PACKET_TEXT_MAX, "%s0x%04x", type == LB_BE16(0x0806) ? "ARP " : "",
			 ntohs(type));
	used = strlen(text);
	snprintf(text + used, PACKET_TEXT_MAX - used, ", %u bytes", len);
	return text;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/headers.h"

#include <string.h>

#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_nat_packet.h"

/* A SYN without options, and room for tunnel headers in front. */
struct frame {
	uint8_t bytes[LB_HEADER_MAX + LB_SHIM_MAX + sizeof(struct lb_ipv6) + sizeof(struct lb_tcp) +
		      sizeof(struct lb_vlan)];
};

static void address_set(struct config_address *address, uint8_t family, const void *bytes)
{
	*address = (struct config_address){ .family = family };
	memcpy(address->bytes, bytes, family == 4 ? 4 : 16);
}

static void address_load(struct config_address *address, struct lb_addr from)
{
	uint8_t bytes[16] = { 0 };

	lb_addr_store(bytes, from);
	address_set(address, lb_addr_is_4(from) ? 4 : 6, bytes);
}

static void ends_of_packet(const struct explain *e, struct explain_headers *h)
{
	const struct lb_meta *meta = &e->packet.meta;

	if (meta->family == 4) {
		address_set(&h->src, 4, &meta->client4);
		address_set(&h->dst, 4, &meta->vip4);
	} else {
		address_set(&h->src, 6, meta->client6);
		address_set(&h->dst, 6, meta->vip6);
	}
	h->proto = meta->proto;
	h->src_port = lb_be16_to_cpu(meta->client_port);
	h->dst_port = lb_be16_to_cpu(meta->vip_port);
}

/* ---- Tunnels ---- */

static void packet_write(const struct lb_meta *meta, uint8_t *ip)
{
	if (meta->family == 4) {
		struct lb_ipv4 *four = (void *)ip;

		four->version_ihl = 0x45;
		four->total_len = lb_cpu_to_be16((uint16_t)meta->l3_len);
		four->proto = meta->proto;
		lb_store32(&four->src, meta->client4);
		lb_store32(&four->dst, meta->vip4);
		return;
	}
	ip[0] = 6 << 4;
}

static void outer_read(const uint8_t *ip, const struct lb_shim *shim, uint8_t family,
		       struct explain_headers *h)
{
	const struct lb_ports *ports =
		(const void *)(ip + (family == 4 ? LB_TUNNEL4_LEN : LB_TUNNEL6_LEN));

	if (family == 4) {
		address_set(&h->src, 4, ip + LB_OFFSETOF(struct lb_ipv4, src));
		address_set(&h->dst, 4, ip + LB_OFFSETOF(struct lb_ipv4, dst));
		h->proto = ip[LB_OFFSETOF(struct lb_ipv4, proto)];
	} else {
		address_set(&h->src, 6, ip + LB_OFFSETOF(struct lb_ipv6, src));
		address_set(&h->dst, 6, ip + LB_OFFSETOF(struct lb_ipv6, dst));
		h->proto = ip[LB_OFFSETOF(struct lb_ipv6, next)];
	}
	if (!shim->len)
		return;
	h->src_port = lb_be16_to_cpu(lb_load16(&ports->sport));
	h->dst_port = lb_be16_to_cpu(lb_load16(&ports->dport));
}

static void tunnel_fill(const struct explain *e, const struct lb_instance *instance,
			struct explain_headers *h)
{
	const struct lb_shim *shim = lb_forward_shim(h->forward);
	const uint32_t len = lb_tunnel_len(instance, shim);
	struct lb_meta meta = e->packet.meta;
	const uint32_t tag = lb_tag_out(instance, &meta), l2_len = lb_tag_l2_len(tag);
	struct frame frame = { { 0 } };

	meta.l3_len = (meta.family == 4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6)) +
		      (uint32_t)sizeof(struct lb_tcp);
	packet_write(&meta, frame.bytes + l2_len + len);
	if (lb_write_tunnel(frame.bytes, frame.bytes + sizeof(frame.bytes), instance, shim, &meta,
			    tag, e->packet.spread, e->packet.instance_port))
		outer_read(frame.bytes + l2_len, shim, lb_outer_family(instance), h);
}

/* ---- Translation ---- */

static void nat_fill(const struct flows_view *view, const struct explain *e, uint32_t index,
		     const struct lb_instance *instance, struct explain_headers *h)
{
	const struct lb_addr to = lb_addr_instance(instance);
	const struct lb_nat_flow flow = {
		.client = lb_addr_client(&e->packet.meta),
		.client_port = e->packet.meta.client_port,
		.service = e->packet.service,
		.instance = (uint16_t)index,
		.hash = lb_nat_hash(e->packet.spread),
	};

	address_load(&h->dst, to);
	h->dst_port = lb_be16_to_cpu(e->packet.instance_port);
	h->src = (struct config_address){ .family = 0 };
	h->src_port = 0;
	for (uint32_t i = 0; view->nat.params && i < view->nat.n_workers; i++) {
		struct lb_nat_ref ref = lb_nat_find(&view->nat, i, &flow, to);

		if (!ref.record)
			continue;
		address_load(&h->src, lb_addr_load(view->nat_params.address[ref.record->address]));
		h->src_port = lb_be16_to_cpu(lb_nat_port(&view->nat, ref.worker, ref.at));
		h->is_chosen = true;
		return;
	}
}

void explain_headers_fill(const struct flows_view *view, const struct explain *e, uint32_t index,
			  struct explain_headers *h)
{
	const struct lb_instance *instance = &view->instances.instance[index];

	*h = (struct explain_headers){ .forward = (enum lb_forward)e->packet.forward,
				       .vlan = instance->vlan,
				       .mtu = instance->mtu };
	h->is_reached = lb_instance_reached(instance, h->forward);
	memcpy(h->dst_mac, instance->header, LB_ETH_ALEN);
	memcpy(h->src_mac, instance->header + LB_ETH_ALEN, LB_ETH_ALEN);
	ends_of_packet(e, h);
	if (h->forward == LB_FORWARD_NAT) {
		nat_fill(view, e, index, instance, h);
	} else if (!lb_forward_is_in_place(h->forward)) {
		h->src_port = h->dst_port = 0;
		tunnel_fill(e, instance, h);
	}
}

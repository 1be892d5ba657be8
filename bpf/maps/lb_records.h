/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Records of translated connections in BPF maps: see dataplane/core/lb_nat_find.h. */
#ifndef BPF_MAPS_LB_RECORDS_H
#define BPF_MAPS_LB_RECORDS_H

#include "bpf/sluice_xdp_maps.h"

#define LB_NAT_HAS_ERRORS_ACROSS false /* their stack frame is too large */

/* The control plane publishes no service with `source: client` here. */
#define LB_NAT_HAS_CLIENTS false

/* Rewriting a connection's first packets needs more of the stack than there is. */
#define LB_NAT_HAS_PROXY false

/* What a packet is translated by; its workers are the regions. */
struct lb_nat {
	const struct lb_nat_params *params;
	const struct lb_nat_index *index;
	const struct lb_nat_ports *ports; /* NULL */
	const struct lb_secret *secret;
	uint32_t n_workers;
	uint32_t worker; /* a CPU without a region uses another one's ports */
	uint32_t n_spaces;
	uint32_t room;
	uint32_t share;
	uint32_t services; /* first one in the services map */
	uint64_t inverse;
};

struct lb_nat_share {
	uint32_t first; /* in the records map */
	uint32_t n;
};

/** Whether a client's packets come to any CPU: with veth it is that of the sender. */
LB_INLINE bool lb_nat_clients_move(const struct lb_nat *nat)
{
	(void)nat;
	return true;
}

LB_INLINE struct lb_nat_share lb_nat_share(const struct lb_nat *nat, uint32_t worker,
					   uint32_t space)
{
	return (struct lb_nat_share){ (worker * nat->n_spaces + space) * nat->room, nat->share };
}

LB_INLINE struct lb_nat_share lb_nat_all(const struct lb_nat *nat, uint32_t worker)
{
	const uint32_t all = nat->n_spaces * nat->room;

	return (struct lb_nat_share){ worker * all, all };
}

LB_INLINE struct lb_nat_record *lb_nat_share_at(const struct lb_nat_share *share, uint32_t at)
{
	return lb_xdp_at(&xdp_nat_records, share->first + at);
}

LB_INLINE struct lb_nat_area *lb_nat_area(const struct lb_nat *nat, uint32_t worker)
{
	(void)nat;
	return lb_xdp_at(&xdp_nat_areas, worker);
}

LB_INLINE const struct lb_service *lb_nat_service(const struct lb_nat *nat, uint16_t id)
{
	const uint64_t *slot = lb_xdp_at(&xdp_nat_ids, (nat->services ? LB_XDP_IDS : 0) + id);

	return slot && *slot ? lb_xdp_at(&xdp_services, nat->services + (uint32_t)*slot - 1) : NULL;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Translation: what it is done by, and packets one by one. */
#include <rte_prefetch.h>

#include "dataplane/core/lb_nat_packet.h"
#include "dataplane/engine/pipeline_internal.h"

static void nat_follow(struct pipeline *pl, const struct tables *tables)
{
	pl->nat_generation = tables->generation;
	pl->nat.params = &tables->params.nat;
	pl->nat.index = &tables->nat_index;
	pl->nat.services = tables->services;
	pl->nat.by_id = tables->service_by_id;
	pl->nat.ports = tables->nat_ports;
	pl->nat.secret = &tables->secret;
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++)
		pl->nat_address_hash[i] = lb_addr_hash(lb_addr_load(pl->nat.params->address[i]));
	if (!tables->service_by_id || !lb_nat_set_ports(&pl->nat))
		pl->nat.params = NULL;
}

const struct lb_nat *pipeline_nat(struct pipeline *pl, const struct tables *tables)
{
	if (!pl->nat.memory)
		return NULL;
	if (lb_unlikely(pl->nat_generation != tables->generation))
		nat_follow(pl, tables);
	return pl->nat.params ? &pl->nat : NULL;
}

void pipeline_nat_sweep(struct pipeline *pl, const struct tables *tables, uint16_t now,
			uint32_t max)
{
	static const struct lb_nat_params nothing; /* no time-outs: all expire */
	const struct lb_instances instances = { tables->instances, tables->n_instances };
	struct lb_nat ended;
	struct nat_sweep_with with = {
		.nat = pipeline_nat(pl, tables),
		.instances = &instances,
		.timeouts = &tables->timeouts,
		.flows = &pl->flows->table,
		.stats = pl->stats,
		.port_mac = pl->port_mac,
		.now = now,
	};

	pl->nat_sweep.n_out = 0;
	if (!pl->nat.memory)
		return;
	if (!with.nat) { /* what was translated is no service's any more */
		ended = pl->nat;
		ended.params = &nothing;
		with.nat = &ended;
	}
	nat_sweep(&pl->nat_sweep, &with, max);
}

static void prefetch_to_client(const struct lb_nat *nat, const struct lb_meta *meta)
{
	const struct lb_nat_share all = lb_nat_all(nat, nat->worker);
	const struct lb_nat_pair pair = lb_nat_pair_back(meta);

	if (lb_nat_may_be_back(nat, meta))
		rte_prefetch0(
			&all.record[lb_hash_range(lb_nat_pair_hash(nat->secret, &pair), all.n)]);
}

void pipeline_nat_prefetch_reply(const struct burst *b, const struct lb_meta *meta)
{
	const struct lb_nat *nat = b->nat;
	struct lb_nat_ref ref;

	if (!lb_nat_may_reply(meta))
		return;
	if (lb_nat_address(nat->index, nat->params, lb_addr_vip(meta)) == LB_NAT_ADDRESS_NONE) {
		prefetch_to_client(nat, meta);
		return;
	}
	ref = lb_nat_at(nat, lb_nat_space(nat, lb_addr_vip(meta), lb_addr_client(meta)),
			meta->vip_port);
	if (ref.record)
		rte_prefetch0(ref.record);
}

static __rte_noinline lb_result too_big(struct lb_buffer buffer, const struct lb_packet *p,
					uint32_t mtu)
{
	return lb_send_error(buffer, p->where.env, p, mtu);
}

__rte_noinline lb_result pipeline_nat_forward(struct lb_buffer buffer, const struct lb_packet *p,
					      uint32_t instance)
{
	struct lb_env env = *p->where.env;

	return lb_nat_forward(buffer, &env, p, instance, too_big);
}

__rte_noinline lb_result pipeline_nat_reply(struct lb_buffer buffer, const struct lb_packet *p)
{
	struct lb_env env = *p->where.env;

	return lb_nat_reply(buffer, &env, p, too_big);
}

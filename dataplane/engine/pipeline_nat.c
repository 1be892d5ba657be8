/* SPDX-License-Identifier: BSD-3-Clause */
/* Translation: records are prefetched a burst at a time. */
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

/* The connection of a plain packet of a client. */
static inline struct lb_nat_flow flow_of(const struct burst *b, uint32_t i,
					 const struct lb_meta *meta, struct lb_addr to)
{
	const struct lb_service *service = b->service[i];
	const struct lb_nat_pair pair = { lb_addr_client(meta), to, meta->client_port,
					  service->instance_port };

	return (struct lb_nat_flow){
		.client = pair.client,
		.client_port = pair.client_port,
		.service = service->id,
		.instance = b->instance[i],
		.hash = lb_nat_flow_hash(b->nat, service->source, b->spread[i], &pair),
		.source = service->source,
	};
}

static void prefetch_client(const struct burst *b, uint32_t i, struct lb_addr to)
{
	const struct lb_nat_share all = lb_nat_all(b->nat, b->nat->worker);
	struct lb_meta meta;

	if (!((b->plain4 | b->plain6) >> i & 1))
		return;
	pipeline_meta(b, i, &meta);
	rte_prefetch0(&all.record[lb_hash_range(flow_of(b, i, &meta, to).hash, all.n)]);
}

/* The record of a client's packet, if it is the first choice of its flow. */
static void prefetch_forward(const struct burst *b, uint32_t i)
{
	const struct lb_nat *nat = b->nat;
	const struct lb_instances instances = { b->tables->instances, b->tables->n_instances };
	const struct lb_instance *instance = lb_instance_at(&instances, b->instance[i]);
	const struct lb_nat_flow flow = { .hash = lb_nat_hash(b->spread[i]) };
	struct lb_nat_share share;
	struct lb_addr to;
	uint32_t family, address;

	if (!instance || !lb_instance_is_there(instance))
		return;
	to = lb_addr_instance(instance);
	if (b->service[i]->source == LB_NAT_SOURCE_CLIENT) {
		prefetch_client(b, i, to);
		return;
	}
	family = lb_addr_is_4(to) ? 0 : 1;
	if (!nat->index->n[family])
		return;
	address = lb_nat_address_of(nat->index, family, &flow, 0);
	share = lb_nat_share(nat, nat->worker,
			     lb_nat_space(nat, lb_addr_load(nat->params->address[address]), to));
	rte_prefetch0(lb_nat_share_at(&share, lb_hash_range(flow.hash, share.n)));
}

void pipeline_nat_prefetch(const struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->result[i] == LB_VERDICT_FORWARD && b->service[i]->forward == LB_FORWARD_NAT)
			prefetch_forward(b, i);
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

/* @family: of the packet and of the instance, a constant. */
static __rte_always_inline bool nat_plain(struct burst *b, uint32_t i,
					  const struct lb_instance *instance, uint8_t family)
{
	const struct lb_nat *nat = b->nat;
	const struct lb_service *service = b->service[i];
	const struct lb_addr to = lb_addr_instance(instance);
	uint8_t *frame = (uint8_t *)(uintptr_t)b->data[i];
	const uint8_t *end = frame + (uint16_t)(b->lengths[i] >> 32);
	struct lb_ends ends = { .dport = service->instance_port, .family = family };
	struct lb_nat_flow flow;
	const struct lb_tcp *tcp;
	struct lb_before before;
	struct lb_nat_ref ref;
	struct lb_meta meta;

	if (family == 4)
		lb_tcp4_meta(frame, &meta);
	else
		lb_tcp6_meta(frame, &meta);
	flow = flow_of(b, i, &meta, to);
	if (lb_unlikely(meta.l3_len > instance->mtu || meta.l3_len > b->tables->mtu ||
			!lb_translate_read(frame, end, &meta, &before)))
		return false;
	ref = lb_nat_flow_find(nat, nat->worker, &flow, to);
	if (lb_unlikely(!ref.record))
		return false;
	tcp = lb_nat_tcp(frame, &meta);
	lb_nat_client_step(nat, ref, tcp, lb_nat_payload(&meta, tcp),
			   lb_nat_router(frame, &meta, b->tables->services), b->now);
	ends.sport = lb_nat_source(nat, &flow, ref, ends.src);
	lb_addr_store(ends.dst, to);
	if (!lb_translate(frame + sizeof(struct lb_eth), end, &meta, &before, &ends))
		return false;
	lb_write_mac(frame, instance);
	return true;
}

bool pipeline_nat_plain(struct burst *b, uint32_t i, const struct lb_instance *instance)
{
	if (lb_unlikely(!b->nat || lb_nat_has_proxy(b->service[i]->source)))
		return false;
	if ((b->plain4 >> i & 1) && lb_outer_family(instance) == 4)
		return nat_plain(b, i, instance, 4);
	if ((b->plain6 >> i & 1) && lb_outer_family(instance) == 6)
		return nat_plain(b, i, instance, 6);
	return false;
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

/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/nat_world.h"

#define ACCEPTING (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)
#define FLOWS 4096

struct harness *nat_h;
struct lb_nat_reset nat_resets[NAT_RESETS_MAX];
uint32_t nat_n_resets;

/* One service, or two that share their instances. */
static void world_make(uint16_t port_last, uint32_t n_instances, uint8_t source, uint32_t n)
{
	const struct harness_service service = {
		.family = 4,
		.addr = { 203, 0, 113, 10 },
		.port = 443,
		.id = 7,
		.forward = LB_FORWARD_NAT,
		.instance_port = 8443,
		.source = source,
	};
	struct harness_service services[2] = { service, service };
	struct lb_nat_params params = harness_nat_params(NAT_FIRST, port_last);
	struct lb_instance instances[4];
	uint16_t slots[251];

	services[1].addr[3]++;
	services[1].id++;
	params.flags[0] |= LB_NAT_ADDRESS_ACCEPTS;
	nat_h = harness_create(FLOWS);
	for (uint16_t i = 0; i < n_instances; i++)
		harness_instance(&instances[i], i, 4, ACCEPTING);
	harness_put(nat_h, LB_BLOCK_INSTANCES, 0, instances,
		    n_instances * (uint32_t)sizeof(instances[0]), n_instances);
	for (uint16_t i = 0, instance = 0; i < 251; i++) {
		slots[i] = instance;
		instance = instance + 1u < n_instances ? (uint16_t)(instance + 1) : 0;
	}
	harness_put(nat_h, LB_BLOCK_POOL, 0, slots, sizeof(slots), 251);
	nat_h->n_networks = 2;
	nat_h->vlan[0] = LB_BE16(10);
	nat_h->vlan[1] = LB_BE16(20);
	harness_services(nat_h, services, n);
	harness_trunk(nat_h, 0);
	harness_nat(nat_h, &params);
	nat_h->now = 1;
	nat_n_resets = 0;
}

void nat_world(uint16_t port_last, uint32_t n_instances)
{
	world_make(port_last, n_instances, LB_NAT_SOURCE_NODE, 1);
}

void nat_world_of_networks(void)
{
	struct lb_instance instance;

	nat_world(NAT_FIRST + 999, 1);
	harness_instance(&instance, 0, 4, ACCEPTING);
	harness_instance_vlan(&instance, 20);
	harness_put(nat_h, LB_BLOCK_INSTANCES, 0, &instance, sizeof(instance), 1);
	harness_trunk(nat_h, 2);
}

void nat_world_of_clients(uint32_t n_instances)
{
	world_make(NAT_FIRST, n_instances, LB_NAT_SOURCE_CLIENT, 2);
}

int nat_world_end(void **state)
{
	(void)state;
	harness_check_accounting(nat_h);
	harness_destroy(nat_h);
	return 0;
}

struct nat_seen nat_send(struct rte_mbuf *m)
{
	struct pipeline_out out;
	struct nat_seen seen = { .is_sent = false };

	pipeline_burst(&nat_h->pl, nat_h->tables, nat_h->now, &m, 1, &out);
	nat_h->stats.tx_pkts += out.n_tx;
	nat_h->stats.kernel_pkts += out.n_kernel;
	if (out.n_tx) {
		const struct lb_eth *eth = rte_pktmbuf_mtod(out.tx[0], const struct lb_eth *);
		const struct lb_vlan *tag = (const struct lb_vlan *)(eth + 1);
		const bool is_tagged = eth->type == LB_BE16(LB_ETHERTYPE_VLAN);
		const struct lb_ipv4 *ip = is_tagged ? (const struct lb_ipv4 *)(tag + 1)
						     : (const struct lb_ipv4 *)(eth + 1);
		const struct lb_tcp *tcp = (const struct lb_tcp *)(ip + 1);

		seen = (struct nat_seen){ true,
					  lb_be32_to_cpu(ip->src),
					  lb_be32_to_cpu(ip->dst),
					  lb_be16_to_cpu(tcp->sport),
					  lb_be16_to_cpu(tcp->dport),
					  { 0 },
					  is_tagged ? lb_be16_to_cpu(tag->tci) : 0 };
		memcpy(seen.to, eth->dst, LB_ETH_ALEN);
		rte_pktmbuf_free(out.tx[0]);
	}
	if (out.n_kernel)
		rte_pktmbuf_free(out.kernel[0]);
	return seen;
}

uint32_t nat_client_addr(uint32_t client)
{
	return 0xc6336400u + (client >> 14);
}

uint16_t nat_client_port(uint32_t client)
{
	return (uint16_t)(1024 + (client & 0x3fff));
}

struct rte_mbuf *nat_packet_to(uint32_t vip, uint32_t client, uint8_t flags, uint32_t seq)
{
	return harness_tcp4(nat_h, &(struct harness_tcp){ .src = nat_client_addr(client),
							  .dst = vip,
							  .sport = nat_client_port(client),
							  .dport = 443,
							  .flags = flags,
							  .seq = seq });
}

struct rte_mbuf *nat_client_packet(uint32_t client, uint8_t flags, uint32_t seq)
{
	return nat_packet_to(NAT_VIP, client, flags, seq);
}

struct nat_seen nat_from_client(uint32_t client, uint8_t flags, uint32_t seq)
{
	return nat_send(nat_client_packet(client, flags, seq));
}

struct rte_mbuf *nat_answer_packet(const struct nat_seen *seen, uint8_t flags, uint32_t seq)
{
	return harness_tcp4(nat_h, &(struct harness_tcp){ .src = seen->dst,
							  .dst = seen->src,
							  .sport = seen->dport,
							  .dport = seen->sport,
							  .flags = flags,
							  .seq = seq });
}

struct nat_seen nat_answer(const struct nat_seen *seen, uint8_t flags, uint32_t seq)
{
	return nat_send(nat_answer_packet(seen, flags, seq));
}

struct rte_mbuf *nat_tagged(struct rte_mbuf *m, uint16_t vlan)
{
	const struct lb_vlan tag = { .tci = lb_cpu_to_be16(vlan),
				     .type = LB_BE16(LB_ETHERTYPE_IPV4) };
	struct lb_eth eth = *rte_pktmbuf_mtod(m, const struct lb_eth *);

	eth.type = LB_BE16(LB_ETHERTYPE_VLAN);
	assert_non_null(rte_pktmbuf_prepend(m, sizeof(tag)));
	memcpy(rte_pktmbuf_mtod(m, void *), &eth, sizeof(eth));
	memcpy(rte_pktmbuf_mtod_offset(m, void *, sizeof(eth)), &tag, sizeof(tag));
	return m;
}

void nat_answer_is_for(const struct nat_seen *reply, uint32_t client)
{
	assert_true(reply->is_sent);
	assert_int_equal(reply->src, NAT_VIP);
	assert_int_equal(reply->sport, 443);
	assert_int_equal(reply->dst, nat_client_addr(client));
	assert_int_equal(reply->dport, nat_client_port(client));
}

struct nat_seen nat_connect(uint32_t client)
{
	struct nat_seen seen = nat_from_client(client, LB_TCP_SYN, 1000), reply;

	if (!seen.is_sent)
		return seen;
	reply = nat_answer(&seen, LB_TCP_SYN | LB_TCP_ACK, 5000);
	nat_answer_is_for(&reply, client);
	seen = nat_from_client(client, LB_TCP_ACK, 1001);
	assert_true(seen.is_sent);
	return seen;
}

void nat_sweep_tick_now(void)
{
	struct nat_sweep *sweep = &nat_h->pl.nat_sweep;

	nat_sweep_tick(sweep);
	for (uint32_t call = 0; call < 16; call++) { /* more than the segments of a tick need */
		pipeline_nat_sweep(&nat_h->pl, nat_h->tables, nat_h->now, UINT32_MAX);
		assert_true(nat_n_resets + sweep->n_out <= NAT_RESETS_MAX);
		memcpy(&nat_resets[nat_n_resets], sweep->out, sweep->n_out * sizeof(nat_resets[0]));
		nat_n_resets += sweep->n_out;
	}
}

void nat_sweep_all(void)
{
	for (uint32_t tick = 0; tick < LB_NAT_SWEEP_TICKS; tick++)
		nat_sweep_tick_now();
}

void nat_wait(uint32_t ticks)
{
	struct flow_sweep what = {
		.secret = &nat_h->tables->secret,
		.timeouts = &nat_h->tables->timeouts,
		.instances = nat_h->tables->instances,
		.n_instances = nat_h->tables->n_instances,
	};

	while (ticks--) {
		what.now = ++nat_h->now;
		flow_table_tick(&nat_h->flows);
		flow_table_sweep(&nat_h->flows, &what, UINT32_MAX);
		nat_sweep_tick_now();
	}
}

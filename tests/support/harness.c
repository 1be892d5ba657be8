/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "dataplane/abi/lb_check.h"
#include "dataplane/abi/lb_crc.h"
#include "dataplane/core/lb_csum.h"

const uint8_t harness_port_mac[LB_ETH_ALEN] = { 0x02, 0xed, 0x9e, 0, 0, 1 };

void harness_eal_start(const char *program)
{
	char *argv[] = { (char *)(uintptr_t)program,
			 "--no-huge",
			 "-m",
			 "64",
			 "--no-pci",
			 "--no-telemetry",
			 "--no-shconf",
			 "--log-level=3",
			 "--iova-mode=va",
			 "--lcores=0",
			 NULL };

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		print_error("EAL: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}

struct harness *harness_create(uint32_t flows)
{
	static unsigned int serial;
	struct harness *h = calloc(1, sizeof(*h));
	size_t bytes = (flow_table_bytes(flows) + 63) & ~(size_t)63;
	char name[32];

	assert_non_null(h);
	snprintf(name, sizeof(name), "harness%u", serial++);
	h->pool = rte_pktmbuf_pool_create(name, HARNESS_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(h->pool);
	h->instance_stats = calloc(LB_INSTANCES_MAX, sizeof(*h->instance_stats));
	h->flow_memory = aligned_alloc(64, bytes);
	assert_non_null(h->flow_memory);
	memset(h->flow_memory, 0, bytes);
	flow_table_init(&h->flows, h->flow_memory, flows, &h->stats, h->instance_stats);
	h->peers[0] = &h->flows.table;
	h->pl = (struct pipeline){
		.flows = &h->flows,
		.stats = &h->stats,
		.instance_stats = h->instance_stats,
		.peers = h->peers,
		.n_peers = 1,
		.port_mac = lb_mac_load(harness_port_mac),
	};
	pipeline_init(&h->pl, pipeline_simd_best());
	pipeline_rate_set(&h->pl.kernel_rate, 1000000);
	pipeline_rate_set(&h->pl.icmp_rate, 1000000);
	h->tables = tables_create(NULL);
	assert_non_null(h->tables);
	harness_params(h);
	return h;
}

void harness_destroy(struct harness *h)
{
	tables_destroy(h->tables);
	rte_mempool_free(h->pool);
	free(h->nat_memory.area);
	free(h->flow_memory);
	free(h->instance_stats);
	free(h);
}

int harness_block_put(struct tables *tables, const struct lb_cmd *cmd, const void *data)
{
	int refusal = lb_check_bounds(cmd);
	struct tables_block *block;

	if (refusal)
		return refusal;
	block = tables_block_create(cmd);
	assert_non_null(block);
	memcpy(tables_block_data(block), data, cmd->bytes);
	return tables_block_put(tables, cmd, block);
}

void harness_put(struct harness *h, enum lb_block block, uint32_t index, const void *data,
		 uint32_t bytes, uint32_t count)
{
	struct tables *next = tables_create(h->tables);
	struct lb_cmd cmd = {
		.type = LB_CMD_BLOCK,
		.block = (uint16_t)block,
		.index = index,
		.count = count,
		.generation = ++h->generation,
		.bytes = bytes,
		.crc = lb_crc32c(data, bytes),
	};

	assert_non_null(next);
	next->generation = cmd.generation;
	assert_int_equal(harness_block_put(next, &cmd, data), 0);
	tables_destroy(h->tables);
	h->tables = next;
}

static void params_put(struct harness *h, const struct lb_nat_params *nat)
{
	struct lb_params params = {
		.secret = "0123456789abcde",
		.timeouts.ticks = { 0, 100, 36000, 600, 50 },
		.mtu = HARNESS_MTU,
		.kernel_rate_pps = 1000000,
		.icmp_rate_pps = 1000000,
		.node_addr4 = { 10, 0, 0, 5 },
	};

	if (nat)
		params.nat = *nat;
	harness_put(h, LB_BLOCK_PARAMS, 0, &params, sizeof(params), 1);
}

void harness_params(struct harness *h)
{
	params_put(h, NULL);
}

struct lb_nat_memory harness_nat_memory(void)
{
	size_t bytes = lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS);
	void *memory = aligned_alloc(64, bytes);

	assert_non_null(memory);
	memset(memory, 0, bytes);
	return lb_nat_memory_at(memory);
}

void harness_nat(struct harness *h, const struct lb_nat_params *params)
{
	free(h->nat_memory.area);
	h->nat_memory = harness_nat_memory();
	h->pl.nat = (struct lb_nat){
		.memory = &h->nat_memory,
		.n_workers = 1,
		.n_spaces = HARNESS_NAT_SPACES,
		.room = HARNESS_NAT_PORTS,
	};
	params_put(h, params);
}

struct lb_nat_params harness_nat_params(uint16_t port_first, uint16_t port_last)
{
	return (struct lb_nat_params){
		.address = { { [10] = 0xff, 0xff, 10, 0, 0, 32 },
			     { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x32 } },
		.flags = { LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS,
			   LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS },
		.timeouts.ticks = { [LB_NAT_OPENING] = 100,
				    [LB_NAT_ANSWERED] = 100,
				    [LB_NAT_ESTABLISHED] = 36000,
				    [LB_NAT_FIN_CLIENT] = 1200,
				    [LB_NAT_FIN_INSTANCE] = 1200,
				    [LB_NAT_FIN_BOTH] = 1200,
				    [LB_NAT_CLOSED] = 1200 },
		.port_first = port_first,
		.port_last = port_last,
	};
}

/* Return: false if its chain is too long. */
static bool service_insert(struct lb_service_table *table, const struct lb_service *s)
{
	uint32_t i = s->family == 4
			     ? lb_service_hash4(lb_load32(s->addr), s->port, s->proto, table->seed)
			     : lb_service_hash6(s->addr, s->port, s->proto, table->seed);

	for (uint32_t probe = 0; probe < LB_SERVICE_PROBES; probe++, i++) {
		struct lb_service *slot = &table->slot[i & table->mask];

		if (slot->family && memcmp(slot, s, 20) != 0)
			continue;
		table->count += !slot->family;
		if (!slot->family)
			*slot = *s;
		return true;
	}
	return false;
}

static uint8_t networks_of(const struct harness *h, const struct harness_service *service)
{
	return service->networks ? service->networks : (uint8_t)((1u << h->n_networks) - 1);
}

static bool services_fill(struct harness *h, struct lb_service_table *table,
			  const struct harness_service *services, uint32_t n)
{
	memset(table->slot, 0, (table->mask + 1) * sizeof(table->slot[0]));
	table->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct lb_service s = {
			.port = lb_cpu_to_be16(services[i].port),
			.proto = services[i].port ? LB_IPPROTO_TCP : 0,
			.family = services[i].family,
			.id = services[i].id,
			.pool = (uint8_t)services[i].pool,
			.forward = services[i].forward,
			.instance_port = lb_cpu_to_be16(services[i].instance_port),
			.source = services[i].source & 0xf,
			.affinity = services[i].affinity,
			.access = services[i].access,
			.networks = networks_of(h, &services[i]),
		};

		memcpy(s.addr, services[i].addr, 16);
		if (s.port) {
			s.salt = lb_service_salt(&h->tables->secret, s.addr, s.port, s.proto);
			if (!service_insert(table, &s))
				return false;
		}
		s = (struct lb_service){ .family = services[i].family,
					 .networks = networks_of(h, &services[i]) };
		memcpy(s.addr, services[i].addr, 16);
		if (!service_insert(table, &s))
			return false;
	}
	return true;
}

void harness_services(struct harness *h, const struct harness_service *services, uint32_t n)
{
	uint32_t slots = 64;
	size_t bytes;
	struct lb_service_table *table;

	while (slots < 8 * n)
		slots *= 2;
	bytes = sizeof(*table) + slots * sizeof(struct lb_service) +
		h->access_words * sizeof(*h->access);
	table = calloc(1, bytes);
	assert_non_null(table);
	table->access_words = h->access_words;
	if (h->access_words)
		memcpy(&table->slot[slots], h->access, h->access_words * sizeof(*h->access));
	table->mask = slots - 1;
	table->n_networks = h->n_networks;
	memcpy(table->vlan, h->vlan, sizeof(table->vlan));
	/* Seeds as the control plane draws them: neighbours are told apart by the high bits. */
	for (uint32_t i = 0; !services_fill(h, table, services, n); i++)
		table->seed = (uint32_t)lb_hash_mix(i);
	harness_put(h, LB_BLOCK_SERVICES, 0, table, (uint32_t)bytes,
		    slots + h->access_words / LB_ACCESS_UNIT);
	free(table);
}

void harness_trunk(struct harness *h, uint32_t n_networks)
{
	((struct lb_service_table *)(uintptr_t)h->tables->services)->n_networks = n_networks;
}

void harness_instance_vlan(struct lb_instance *instance, uint16_t vlan)
{
	instance->vlan = vlan ? lb_cpu_to_be16(vlan) : LB_VLAN_NONE;
	if (vlan)
		instance->flags |= LB_INSTANCE_TAGGED;
}

void harness_instance(struct lb_instance *instance, uint16_t index, uint8_t outer_family,
		      uint8_t flags)
{
	const uint8_t dst_mac[] = { 0x02, 0, 0, 0, (uint8_t)(index >> 8), (uint8_t)index };
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);

	*instance = (struct lb_instance){ .flags = flags, .mtu = HARNESS_MTU };
	memcpy(eth->dst, dst_mac, sizeof(dst_mac));
	memcpy(eth->src, harness_port_mac, sizeof(harness_port_mac));
	if (outer_family == 4) {
		eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
		*ip4 = (struct lb_ipv4){ .version_ihl = 0x45,
					 .frag = LB_BE16(LB_IPV4_DF),
					 .ttl = 64,
					 .proto = LB_IPPROTO_IPIP,
					 .src = lb_cpu_to_be32(0x0a000005),
					 .dst = lb_cpu_to_be32(0x0a000100u + index) };
		ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
		return;
	}
	instance->flags |= LB_INSTANCE_OUTER6;
	eth->type = LB_BE16(LB_ETHERTYPE_IPV6);
	*ip6 = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000),
		.next = LB_IPPROTO_IPIP,
		.hop_limit = 64,
		.src = { 0x20, 0x01, 0x0d, 0xb8, [15] = 5 },
		.dst = { 0x20, 0x01, 0x0d,
			 0xb8, [13] = 1, [14] = (uint8_t)(index >> 8), [15] = (uint8_t)index }
	};
}

struct rte_mbuf *harness_tcp4(struct harness *h, const struct harness_tcp *tcp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->pool);
	uint32_t len = sizeof(struct lb_eth) + sizeof(struct lb_ipv4) + sizeof(struct lb_tcp) +
		       tcp->payload;
	struct lb_eth *eth;
	struct lb_ipv4 *ip;
	struct lb_tcp *th;

	assert_non_null(m);
	eth = (struct lb_eth *)rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(eth);
	memset(eth, 0, len);
	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	memcpy(eth->src, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
	ip = (struct lb_ipv4 *)(eth + 1);
	*ip = (struct lb_ipv4){ .version_ihl = 0x45,
				.total_len = lb_cpu_to_be16((uint16_t)(len - sizeof(*eth))),
				.frag = LB_BE16(LB_IPV4_DF),
				.ttl = 64,
				.proto = LB_IPPROTO_TCP,
				.src = lb_cpu_to_be32(tcp->src),
				.dst = lb_cpu_to_be32(tcp->dst) };
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	th = (struct lb_tcp *)(ip + 1);
	*th = (struct lb_tcp){ .sport = lb_cpu_to_be16(tcp->sport),
			       .dport = lb_cpu_to_be16(tcp->dport),
			       .seq = lb_cpu_to_be32(tcp->seq),
			       .doff = 0x50,
			       .flags = tcp->flags };
	return m;
}

struct rte_mbuf *harness_frame(struct harness *h, const void *frame, uint32_t bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->pool);
	char *data;

	assert_non_null(m);
	data = rte_pktmbuf_append(m, (uint16_t)bytes);
	assert_non_null(data);
	memcpy(data, frame, bytes);
	return m;
}

int harness_send(struct harness *h, struct rte_mbuf *m)
{
	struct pipeline_out out;
	int result = -2;

	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &out);
	h->stats.tx_pkts += out.n_tx;
	h->stats.kernel_pkts += out.n_kernel;
	if (out.n_tx) {
		const uint8_t *mac = rte_pktmbuf_mtod(out.tx[0], const uint8_t *);

		result = mac[4] << 8 | mac[5];
		rte_pktmbuf_free(out.tx[0]);
	} else if (out.n_kernel) {
		result = -1;
		rte_pktmbuf_free(out.kernel[0]);
	}
	return result;
}

void harness_check_accounting(const struct harness *h)
{
	uint64_t sum = h->stats.tx_pkts + h->stats.kernel_pkts;
	uint64_t flows = 0;

	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		sum += h->stats.drop[i];
	assert_int_equal(h->stats.rx_pkts, sum);
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		flows += h->instance_stats[i].flows;
	assert_int_equal(h->stats.flows, flows);
	assert_int_equal(rte_mempool_avail_count(h->pool), HARNESS_MBUFS);
}

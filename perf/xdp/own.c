/* SPDX-License-Identifier: BSD-3-Clause */
/* Our own program, with everything that a publisher would have filled in. */
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "perf/xdp/bench.h"

#define BUCKETS (BENCH_FLOWS_MAX / 5 * 2)
#define SLOTS 65537u
#define LINES ((SLOTS + LB_XDP_LINE_SLOTS - 1) / LB_XDP_LINE_SLOTS)
#define POOLS 2u
#define TICKS_NEVER 65000

static const struct sluice_xdp *loaded;

static void *map_view(const struct bpf_map *map)
{
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *view = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (view == MAP_FAILED)
		die("mmap");
	return view;
}

static void service_put(struct lb_service_table *table, struct lb_service *slots,
			struct lb_service *s, const struct lb_secret *secret)
{
	uint32_t i;

	if (s->port)
		s->salt = lb_service_salt(secret, s->addr, s->port, s->proto);
	i = s->family == 4 ? lb_service_hash4(lb_load32(s->addr), s->port, s->proto, table->seed)
			   : lb_service_hash6(s->addr, s->port, s->proto, table->seed);
	while (slots[i & table->mask].family)
		i++;
	slots[i & table->mask] = *s;
}

static void services_fill(struct lb_xdp_generation *gen, struct lb_service *slots, uint8_t forward)
{
	struct lb_service s4 = { .addr = { 203, 0, 113, 10 },
				 .family = 4,
				 .id = 1,
				 .port = LB_BE16(443),
				 .proto = LB_IPPROTO_TCP,
				 .forward = forward };
	struct lb_service s6 = { .addr = { 0x20, 1, 0x0d, 0xb8, 0, 0xf, [15] = 0x10 },
				 .family = 6,
				 .id = 2,
				 .pool = 1,
				 .port = LB_BE16(443),
				 .proto = LB_IPPROTO_TCP,
				 .forward = forward };

	gen->services.mask = 63;
	service_put(&gen->services, slots, &s4, &gen->secret);
	service_put(&gen->services, slots, &s6, &gen->secret);
	s4.port = s6.port = 0;
	s4.proto = s6.proto = 0;
	service_put(&gen->services, slots, &s4, &gen->secret);
	service_put(&gen->services, slots, &s6, &gen->secret);
}

static void instance_fill4(struct lb_instance *instance, uint32_t index)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(eth + 1);

	eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
	*ip = (struct lb_ipv4){ .version_ihl = 0x45,
				.ttl = 64,
				.proto = LB_IPPROTO_IPIP,
				.src = lb_cpu_to_be32(0x0a000005),
				.dst = lb_cpu_to_be32(0x0a000100 + index) };
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
}

static void instance_fill6(struct lb_instance *instance, uint32_t index)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv6 *ip = (struct lb_ipv6 *)(eth + 1);

	eth->type = LB_BE16(LB_ETHERTYPE_IPV6);
	*ip = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(0x60000000),
				.next = LB_IPPROTO_IPIP,
				.hop_limit = 64,
				.src = { 0x20, 1, 0x0d, 0xb8, [15] = 5 },
				.dst = { 0x20, 1, 0x0d, 0xb8, 1, [15] = (uint8_t)index } };
	instance->flags |= LB_INSTANCE_OUTER6;
}

static void pool_fill(struct lb_xdp_generation *gen, uint32_t pool, struct lb_instance *instances,
		      struct lb_xdp_line *lines)
{
	uint32_t first = pool * BENCH_INSTANCES;

	for (uint32_t i = first; i < first + BENCH_INSTANCES; i++) {
		struct lb_instance *instance = &instances[i];

		memcpy(instance->header, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)i }, LB_ETH_ALEN);
		if (pool == 0)
			instance_fill4(instance, i);
		else
			instance_fill6(instance, i);
		instance->mtu = 1500;
		instance->flags = LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED |
				  LB_INSTANCE_ON_LINK;
	}
	gen->pool[pool].current = pool * LINES;
	gen->pool[pool].n_current = SLOTS;
	for (uint32_t i = 0; i < SLOTS; i++)
		lines[pool * LINES + i / LB_XDP_LINE_SLOTS].slot[i % LB_XDP_LINE_SLOTS] =
			(uint16_t)(first + lb_hash_mix(i + 1) % BENCH_INSTANCES);
}

static void generation_fill(struct lb_xdp_generation *gen, uint8_t forward,
			    const struct sluice_xdp *skel)
{
	lb_secret_expand((const uint8_t *)"0123456789abcdef", &gen->secret);
	for (uint32_t i = LB_FLOW_UNCONFIRMED; i < LB_FLOW_STATES; i++)
		gen->timeouts.ticks[i] = TICKS_NEVER;
	gen->mtu = 1500;
	gen->port_mac = lb_mac_load((const uint8_t *)"\x02\xed\x9e\0\0\1");
	gen->n_instances = POOLS * BENCH_INSTANCES;
	for (uint32_t pool = 0; pool < POOLS; pool++)
		pool_fill(gen, pool, map_view(skel->maps.xdp_instances),
			  map_view(skel->maps.xdp_slots));
	services_fill(gen, map_view(skel->maps.xdp_services), forward);
}

int own_load(bool l2, uint32_t cpu, uint32_t regions)
{
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();
	struct sluice_xdp *skel = sluice_xdp__open();
	struct lb_xdp_cpu *cpus;

	if (!skel)
		die("open");
	skel->rodata->lb_xdp_buckets = BUCKETS;
	skel->rodata->lb_xdp_regions = regions;
	skel->rodata->lb_xdp_shared = true; /* as sluiced does */
	bpf_map__set_max_entries(skel->maps.xdp_flows, regions * BUCKETS);
	bpf_map__set_max_entries(skel->maps.xdp_cpus, n_cpus);
	bpf_map__set_max_entries(skel->maps.xdp_counts, n_cpus * LB_XDP_INSTANCES_MAX);
	bpf_map__set_max_entries(skel->maps.xdp_slots, POOLS * LINES);
	if (sluice_xdp__load(skel))
		die("load");
	generation_fill(&skel->data_control->lb_xdp_control.generation[0],
			l2 ? LB_FORWARD_L2 : LB_FORWARD_IPIP, skel);
	cpus = map_view(skel->maps.xdp_cpus);
	for (uint32_t i = 0; i < n_cpus; i++)
		cpus[i].region = i == cpu ? 0 : LB_XDP_REGION_NONE;
	loaded = skel;
	return bpf_program__fd(skel->progs.sluice_xdp);
}

static void map_clear(const struct bpf_map *map)
{
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *view = map_view(map);

	memset(view, 0, bytes);
	munmap(view, bytes);
}

void own_empty(void)
{
	map_clear(loaded->maps.xdp_flows);
	map_clear(loaded->maps.xdp_counts);
}

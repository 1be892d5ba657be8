/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots: generations of a pool, sharing, and what a block may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_malloc.h>

#include "dataplane/abi/lb_check.h"
#include "dataplane/core/lb_service_find.h"
#include "tests/support/harness.h"

#define ALL_FLAGS (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)

/* Bytes that DPDK's heap has handed out: 0 more after a test means that nothing leaked. */
static size_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static int pool_put(struct tables *tables, uint64_t generation, const uint16_t *slots, uint32_t n)
{
	const struct lb_cmd cmd = { .type = LB_CMD_BLOCK,
				    .block = LB_BLOCK_POOL,
				    .index = 3,
				    .count = n,
				    .bytes = n * (uint32_t)sizeof(*slots),
				    .generation = generation };

	return harness_block_put(tables, &cmd, slots);
}

static int instances_put(struct tables *tables, const struct lb_instance *instances, uint32_t n)
{
	const struct lb_cmd cmd = { .type = LB_CMD_BLOCK,
				    .block = LB_BLOCK_INSTANCES,
				    .count = n,
				    .bytes = n * (uint32_t)sizeof(*instances),
				    .generation = 1 };

	return harness_block_put(tables, &cmd, instances);
}

static void empty_has_no_service(void **state)
{
	struct tables *tables = tables_create(NULL);
	const uint8_t addr6[16] = { 0x20, 1 };

	(void)state;
	assert_non_null(tables);
	assert_null(lb_service_find4(tables->services, 0x01020304, LB_BE16(80), LB_IPPROTO_TCP));
	assert_null(lb_service_find6(tables->services, addr6, LB_BE16(80), LB_IPPROTO_TCP));
	assert_int_equal(tables->n_instances, 0);
	assert_int_equal(tables->generation, 0);
	assert_int_equal(tables_check(tables), 0);
	tables_destroy(tables);
	tables_destroy(NULL);
}

/* A step: a generation puts slots full of one instance; what the two generations name afterwards. */
struct pool_step {
	uint64_t generation;
	uint16_t slot;	  /* NO_PUT: retire instead */
	uint32_t n_slots; /* 0: a pool without instances */
	int current;	  /* -1: no slots */
	int previous;
};

#define NO_PUT 0xffff

static void pool_keeps_two_generations(void **state)
{
	static const struct pool_step steps[] = {
		{ 1, 10, 7, 10, -1 },	  /* the first has no predecessor */
		{ 2, 11, 7, 11, 10 },	  /* a change */
		{ 3, 11, 7, 11, 10 },	  /* the same again is no change */
		{ 4, 12, 7, 12, 11 },	  /* the older one gives way */
		{ 4, 13, 7, 13, 11 },	  /* twice in a generation counts once */
		{ 5, NO_PUT, 0, 13, -1 }, /* retired */
		{ 6, 0, 0, -1, 13 },	  /* all instances went: old flows have a home still */
		{ 6, 14, 11, 14, 13 },	  /* and back within the generation */
		{ 7, 14, 5, 14, 14 },	  /* another number of slots is another table */
	};
	struct tables *tables = tables_create(NULL);
	size_t before = heap_used();
	uint16_t slots[16];

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct pool_step *step = &steps[i];
		const struct lb_pool_view *view = &tables->pool[3];

		for (uint32_t k = 0; k < step->n_slots; k++)
			slots[k] = step->slot;
		if (step->slot == NO_PUT)
			assert_int_equal(tables_retire(tables, 3), 0);
		else
			assert_int_equal(pool_put(tables, step->generation, slots, step->n_slots),
					 0);
		assert_int_equal(view->n_current ? view->current[view->n_current - 1] : -1,
				 step->current);
		assert_int_equal(view->n_previous ? view->previous[view->n_previous - 1] : -1,
				 step->previous);
	}
	assert_true(heap_used() > before);
	tables_destroy(tables);
	assert_true(heap_used() < before);
	assert_int_equal(tables_retire(tables, LB_POOLS_MAX), LB_REFUSED_BOUNDS);
}

static void snapshots_share_blocks(void **state)
{
	const uint16_t slots[3] = { 1, 2, 3 }, other[3] = { 3, 2, 1 };
	struct lb_instance instances[4] = { { .pool = 0 } };
	size_t before = heap_used();
	struct tables *first = tables_create(NULL), *second;

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		harness_instance(&instances[i], i, 4, ALL_FLAGS);
	assert_int_equal(instances_put(first, instances, 4), 0);
	assert_int_equal(pool_put(first, 1, slots, 3), 0);
	second = tables_create(first);
	assert_ptr_equal(second->instances, first->instances);
	assert_ptr_equal(second->pool[3].current, first->pool[3].current);

	/* A change of the second is none of the first. */
	assert_int_equal(pool_put(second, 2, other, 3), 0);
	assert_int_equal(first->pool[3].current[0], 1);
	assert_int_equal(first->pool[3].n_previous, 0);
	assert_int_equal(second->pool[3].current[0], 3);
	assert_ptr_equal(second->pool[3].previous, first->pool[3].current);
	assert_int_equal(tables_check(second), 0);

	/* What they share outlives either. */
	tables_destroy(first);
	assert_int_equal(second->pool[3].previous[2], 3);
	assert_int_equal(second->instances[3].header[5], 3);
	tables_destroy(second);
	assert_int_equal(heap_used(), before);
}

static void slots_name_instances_that_exist(void **state)
{
	const uint16_t slots[3] = { 0, 1, 2 }, beyond[1] = { LB_INSTANCES_MAX },
		       none[1] = { LB_INSTANCE_NONE };
	struct lb_instance instances[3];
	struct tables *tables = tables_create(NULL);

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		harness_instance(&instances[i], i, 4, ALL_FLAGS);
	assert_int_equal(pool_put(tables, 1, beyond, 1), LB_REFUSED_CONTENT);
	assert_int_equal(pool_put(tables, 1, none, 1), LB_REFUSED_CONTENT);
	assert_int_equal(tables->pool[3].n_current, 0);

	/* The order within a generation does not matter; only the end is judged. */
	assert_int_equal(pool_put(tables, 1, slots, 3), 0);
	assert_int_equal(tables_check(tables), LB_REFUSED_CONTENT);
	assert_int_equal(instances_put(tables, instances, 2), 0);
	assert_int_equal(tables_check(tables), LB_REFUSED_CONTENT);
	assert_int_equal(instances_put(tables, instances, 3), 0);
	assert_int_equal(tables_check(tables), 0);
	tables_destroy(tables);
}

struct instance_case {
	const char *name;
	uint8_t family;
	void (*spoil)(struct lb_instance *instance);
	int refusal;
};

static void spoil_nothing(struct lb_instance *instance)
{
	(void)instance;
}

static void spoil_vlan(struct lb_instance *instance)
{
	instance->vlan = LB_BE16(10); /* without the flag */
}

static void spoil_tagged(struct lb_instance *instance)
{
	instance->flags |= LB_INSTANCE_TAGGED;
}

static void spoil_reserved_vlan(struct lb_instance *instance)
{
	instance->flags |= LB_INSTANCE_TAGGED;
	instance->vlan = LB_BE16(4095);
}

static void spoil_no_tag(struct lb_instance *instance)
{
	instance->flags |= LB_INSTANCE_TAGGED;
	instance->vlan = LB_VLAN_NONE;
}

static void put_vlan(struct lb_instance *instance)
{
	instance->flags |= LB_INSTANCE_TAGGED;
	instance->vlan = LB_BE16(4094);
}

static void put_untagged(struct lb_instance *instance)
{
	instance->vlan = LB_VLAN_NONE;
}

static void spoil_mtu(struct lb_instance *instance)
{
	instance->mtu = 575;
}

static void spoil_absent(struct lb_instance *instance)
{
	*instance = (struct lb_instance){ .flags = 0 };
}

static void spoil_headerless(struct lb_instance *instance)
{
	memset(instance->header, 0, sizeof(instance->header));
}

static void spoil_family(struct lb_instance *instance)
{
	instance->flags ^= LB_INSTANCE_OUTER6;
}

static void spoil_flags(struct lb_instance *instance)
{
	instance->flags = 0x80;
}

static void spoil_pool(struct lb_instance *instance)
{
	instance->pool = LB_POOLS_MAX;
}

static void spoil_options(struct lb_instance *instance)
{
	instance->header[14] = 0x46;
}

static void spoil_template(struct lb_instance *instance)
{
	instance->header[17] = 20;
}

static void spoil_protocol(struct lb_instance *instance)
{
	instance->header[lb_outer_family(instance) == 4 ? 23 : 20] = LB_IPPROTO_UDP;
}

static void spoil_label(struct lb_instance *instance)
{
	instance->header[17] = 1;
}

static void spoil_payload(struct lb_instance *instance)
{
	instance->header[18] = 1;
}

static void instances_are_checked(void **state)
{
	static const struct instance_case cases[] = {
		{ "IPv4", 4, spoil_nothing, 0 },
		{ "IPv6", 6, spoil_nothing, 0 },
		{ "absent", 4, spoil_absent, 0 },
		{ "a VLAN", 4, put_vlan, 0 },
		{ "untagged", 6, put_untagged, 0 },
		{ "a VLAN, but no tag", 4, spoil_vlan, LB_REFUSED_CONTENT },
		{ "a tag, but no VLAN", 4, spoil_tagged, LB_REFUSED_CONTENT },
		{ "VLAN 4095", 4, spoil_reserved_vlan, LB_REFUSED_CONTENT },
		{ "a tag, and untagged", 6, spoil_no_tag, LB_REFUSED_CONTENT },
		{ "MTU too small", 4, spoil_mtu, LB_REFUSED_CONTENT },
		{ "no header, but flags", 4, spoil_headerless, LB_REFUSED_CONTENT },
		{ "IPv4 that is said to be IPv6", 4, spoil_family, LB_REFUSED_CONTENT },
		{ "IPv6 that is said to be IPv4", 6, spoil_family, LB_REFUSED_CONTENT },
		{ "unknown flag", 4, spoil_flags, LB_REFUSED_CONTENT },
		{ "pool out of range", 4, spoil_pool, LB_REFUSED_CONTENT },
		{ "IPv4 options", 4, spoil_options, LB_REFUSED_CONTENT },
		{ "IPv4 with a length", 4, spoil_template, LB_REFUSED_CONTENT },
		{ "IPv4 of another protocol", 4, spoil_protocol, LB_REFUSED_CONTENT },
		{ "IPv6 of another protocol", 6, spoil_protocol, LB_REFUSED_CONTENT },
		{ "IPv6 with a flow label", 6, spoil_label, LB_REFUSED_CONTENT },
		{ "IPv6 with a length", 6, spoil_payload, LB_REFUSED_CONTENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_instance instances[2];

		harness_instance(&instances[0], 0, 4, ALL_FLAGS);
		harness_instance(&instances[1], 1, cases[i].family, ALL_FLAGS);
		cases[i].spoil(&instances[1]);
		if (lb_check_instances(instances, 2) != cases[i].refusal)
			fail_msg("instance case '%s'", cases[i].name);
	}
}

/* A network each, none twice, and no service on one that there is not. */
static void networks_are_checked(void **state)
{
	struct lb_service_table *table = calloc(1, sizeof(*table) + 8 * sizeof(table->slot[0]));
	struct lb_service *s;

	(void)state;
	assert_non_null(table);
	table->mask = 7;
	table->n_networks = 2;
	table->vlan[0] = LB_BE16(10);
	table->vlan[1] = LB_BE16(4094);
	s = &table->slot[lb_service_hash4(lb_load32((const uint8_t[]){ 203, 0, 113, 10 }), 0, 0,
					  0) &
			 7];
	*s = (struct lb_service){ .family = 4, .addr = { 203, 0, 113, 10 }, .networks = 3 };
	assert_int_equal(lb_check_services(table, 8), 0);
	s->networks = 4;
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	s->networks = 0;
	table->vlan[1] = LB_BE16(10);
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	table->vlan[1] = LB_BE16(4095);
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	table->vlan[1] = 0;
	assert_int_equal(lb_check_services(table, 8), 0);
	table->access_words = 4;
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	table->access_words = 0;
	assert_int_equal(lb_check_services(table, 7), LB_REFUSED_CONTENT);
	table->mask = 6;
	assert_int_equal(lb_check_services(table, 7), LB_REFUSED_CONTENT);
	table->mask = 7;
	table->n_networks = LB_NETWORKS_MAX + 1;
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	free(table);
}

struct service_case {
	const char *name;
	int refusal;
	uint8_t family;
	uint8_t proto;
	uint16_t port;
	uint16_t id;
	uint16_t pool;
	uint8_t forward;
	uint16_t instance_port;
	uint8_t source;
};

static struct lb_service service_of(const struct service_case *c)
{
	return (struct lb_service){ .addr = { 203, 0, 113, 10 },
				    .family = c->family,
				    .proto = c->proto,
				    .port = lb_cpu_to_be16(c->port),
				    .id = c->id,
				    .pool = (uint8_t)c->pool,
				    .forward = c->forward,
				    .instance_port = lb_cpu_to_be16(c->instance_port),
				    .source = c->source };
}

/* @table has eight slots. The entry goes where a lookup begins. */
static void service_place(struct lb_service_table *table, const struct lb_service *s)
{
	uint32_t hash = s->family == 6 ? lb_service_hash6(s->addr, s->port, s->proto, 0)
				       : lb_service_hash4(lb_load32(s->addr), s->port, s->proto, 0);

	memset(table, 0, sizeof(*table) + 8 * sizeof(*s));
	table->mask = 7;
	table->slot[hash & 7] = *s;
}

static void services_are_checked(void **state)
{
	enum { BAD = LB_REFUSED_CONTENT, TCP = LB_IPPROTO_TCP, L2 = LB_FORWARD_L2 };
	static const struct service_case cases[] = {
		{ "l2", 0, 4, TCP, 443, 1, 0, L2 },
		{ "IPv6, ipip", 0, 6, TCP, 443, 1, 0, LB_FORWARD_IPIP },
		{ "gue", 0, 4, TCP, 443, 1, 0, LB_FORWARD_GUE, 6080 },
		{ "IPv6, gue", 0, 6, TCP, 443, 1, 0, LB_FORWARD_GUE, 65535 },
		{ "gue without a port", BAD, 4, TCP, 443, 1, 0, LB_FORWARD_GUE, 0 },
		{ "l2 with a tunnel's port", BAD, 4, TCP, 443, 1, 0, L2, 6080 },
		{ "ipip with a tunnel's port", BAD, 6, TCP, 443, 1, 0, LB_FORWARD_IPIP, 6080 },
		{ "nat", 0, 4, TCP, 443, 1, 0, LB_FORWARD_NAT, 8443 },
		{ "IPv6, nat", 0, 6, TCP, 443, 1, 0, LB_FORWARD_NAT, 443 },
		{ "nat without a port", BAD, 4, TCP, 443, 1, 0, LB_FORWARD_NAT, 0 },
		{ "nat of UDP", BAD, 4, LB_IPPROTO_UDP, 443, 1, 0, LB_FORWARD_NAT, 8443 },
		{ "nat with the client's address", 0, 4, TCP, 443, 1, 0, LB_FORWARD_NAT, 8443,
		  LB_NAT_SOURCE_CLIENT },
		{ "nat with a PROXY header", 0, 4, TCP, 443, 1, 0, LB_FORWARD_NAT, 8443,
		  LB_NAT_SOURCE_PROXY },
		{ "nat, source unknown", BAD, 4, TCP, 443, 1, 0, LB_FORWARD_NAT, 8443, 3 },
		{ "l2 with a source", BAD, 4, TCP, 443, 1, 0, L2, 0, LB_NAT_SOURCE_CLIENT },
		{ "UDP", 0, 4, LB_IPPROTO_UDP, 443, 1, 0, L2 },
		{ "the VIP itself", 0, 4, 0, 0, 0, 0, 0 },
		{ "family", BAD, 5, TCP, 443, 1, 0, L2 },
		{ "id 0", BAD, 4, TCP, 443, 0, 0, L2 },
		{ "pool", BAD, 4, TCP, 443, 1, LB_POOLS_MAX, L2 },
		{ "forward 0", BAD, 4, TCP, 443, 1, 0, 0 },
		{ "forward unknown", BAD, 4, TCP, 443, 1, 0, 9 },
		{ "protocol", BAD, 4, LB_IPPROTO_ICMP, 443, 1, 0, L2 },
		{ "port without protocol", BAD, 4, 0, 443, 1, 0, L2 },
		{ "protocol without port", BAD, 4, TCP, 0, 1, 0, L2 },
	};
	struct lb_service sound = service_of(&cases[0]);
	struct lb_service_table *table = calloc(1, sizeof(*table) + 8 * sizeof(table->slot[0]));

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_service s = service_of(&cases[i]);

		service_place(table, &s);
		if (lb_check_services(table, 8) != cases[i].refusal)
			fail_msg("service case '%s'", cases[i].name);
	}

	/* Where a lookup does not find it, an entry would be a service that nobody serves. */
	service_place(table, &sound);
	for (uint32_t i = 0; i < 8; i++)
		table->slot[i] = table->slot[i].family ? (struct lb_service){ .family = 0 } : sound;
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	service_place(table, &sound);
	table->mask = 15;
	assert_int_equal(lb_check_services(table, 8), LB_REFUSED_CONTENT);
	free(table);
}

static void params_are_checked(void **state)
{
	static const struct {
		struct lb_params params;
		int refusal;
	} cases[] = {
#define TICKS(...) .timeouts.ticks = { 0, __VA_ARGS__ }
#define NAT(first, last, half_open, established)                                                   \
	.nat = { .port_first = (first),                                                            \
		 .port_last = (last),                                                              \
		 .timeouts.ticks = { 0, half_open, half_open, established, 1200, 1200, 1200,       \
				     1200 } }
		{ { .mtu = 1500, TICKS(100, 36000, 600, 50) }, 0 },
		{ { .mtu = 575, TICKS(100, 36000, 600, 50) }, LB_REFUSED_CONTENT },
		{ { .mtu = 65536, TICKS(100, 36000, 600, 50) }, LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(0, 36000, 600, 50) }, LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(100, 65535, 600, 50) }, LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(100, 36000, 600, 0) }, LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(1024, 32767, 100, 36000) }, 0 },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(2000, 2000, 100, 36000) }, 0 },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(2000, 1999, 100, 36000) },
		  LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(0, 1999, 100, 36000) },
		  LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(1024, 32767, 0, 36000) },
		  LB_REFUSED_CONTENT },
		{ { .mtu = 1500, TICKS(1, 1, 1, 1), NAT(1024, 32767, 100, 65500) },
		  LB_REFUSED_CONTENT },
#undef NAT
#undef TICKS
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(lb_check_params(&cases[i].params), cases[i].refusal);
}

static int params_put(struct tables *tables, const struct lb_params *params)
{
	const struct lb_cmd cmd = { .type = LB_CMD_BLOCK,
				    .block = LB_BLOCK_PARAMS,
				    .count = 1,
				    .bytes = sizeof(*params),
				    .generation = 1 };

	return harness_block_put(tables, &cmd, params);
}

/* Recorded flows can only be found with this secret. */
static void secret_cannot_change(void **state)
{
	struct lb_params params = { .mtu = 1500, .timeouts.ticks = { 0, 100, 36000, 600, 50 } };
	struct tables *tables = tables_create(NULL), *next;
	struct lb_secret before;

	(void)state;
	params.secret[0] = 7;
	assert_int_equal(params_put(tables, &params), 0);
	before = tables->secret;
	next = tables_create(tables);
	params.mtu = 1400;
	assert_int_equal(params_put(next, &params), 0);
	params.secret[15] = 1;
	params.mtu = 1300;
	assert_int_equal(params_put(next, &params), LB_REFUSED_SECRET);
	assert_memory_equal(&next->secret, &before, sizeof(before));
	assert_int_equal(next->mtu, 1400);
	tables_destroy(next);
	tables_destroy(tables);
}

static void bounds_are_checked(void **state)
{
	static const struct {
		struct lb_cmd cmd;
		int refusal;
	} cases[] = {
		{ { .block = LB_BLOCK_PARAMS, .count = 1, .bytes = sizeof(struct lb_params) }, 0 },
		{ { .block = LB_BLOCK_PARAMS, .count = 2, .bytes = sizeof(struct lb_params) },
		  LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_PARAMS, .count = 1, .bytes = 3 }, LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_KINDS, .count = 1 }, LB_REFUSED_TYPE },
		{ { .block = LB_BLOCK_SERVICES, .count = 8, .bytes = 64 + 8 * 32 }, 0 },
		{ { .block = LB_BLOCK_SERVICES, .count = 0, .bytes = 64 }, LB_REFUSED_BOUNDS },
		/* with lists behind its slots, or it is refused for its contents */
		{ { .block = LB_BLOCK_SERVICES, .count = 9, .bytes = 64 + 9 * 32 }, 0 },
		{ { .block = LB_BLOCK_SERVICES, .count = 294912, .bytes = 64 + 294912 * 32 }, 0 },
		{ { .block = LB_BLOCK_SERVICES, .count = 294913, .bytes = 64 + 294913 * 32 },
		  LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_INSTANCES, .count = 0, .bytes = 0 }, 0 },
		{ { .block = LB_BLOCK_INSTANCES, .count = 4096, .bytes = 4096 * 64 }, 0 },
		{ { .block = LB_BLOCK_INSTANCES, .count = 4097, .bytes = 4097 * 64 },
		  LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_INSTANCES, .index = 1, .count = 1, .bytes = 64 },
		  LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_POOL, .index = 63, .count = 65537, .bytes = 131074 }, 0 },
		{ { .block = LB_BLOCK_POOL, .index = 64, .count = 65537, .bytes = 131074 },
		  LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_POOL, .count = 65537, .bytes = 131073 }, LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_POOL, .count = 131102, .bytes = 262204 }, LB_REFUSED_BOUNDS },
		/* 2^31 slots of two bytes are 0 bytes in 32 bits */
		{ { .block = LB_BLOCK_POOL, .count = 1u << 31, .bytes = 0 }, LB_REFUSED_BOUNDS },
		{ { .block = LB_BLOCK_POOL, .buffer = 2, .count = 1, .bytes = 2 },
		  LB_REFUSED_BOUNDS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (lb_check_bounds(&cases[i].cmd) != cases[i].refusal)
			fail_msg("bounds case %zu", i);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_has_no_service),
		cmocka_unit_test(pool_keeps_two_generations),
		cmocka_unit_test(snapshots_share_blocks),
		cmocka_unit_test(slots_name_instances_that_exist),
		cmocka_unit_test(instances_are_checked),
		cmocka_unit_test(services_are_checked),
		cmocka_unit_test(networks_are_checked),
		cmocka_unit_test(params_are_checked),
		cmocka_unit_test(secret_cannot_change),
		cmocka_unit_test(bounds_are_checked),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

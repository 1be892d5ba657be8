/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/vector.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_access.h"
#include "tests/support/access_words.h"

#define ACCEPTING                                                                                  \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

const char *const vector_drop_names[LB_DROP_COUNT] = {
#define DROP_NAME(id, name, text) [LB_DROP_##id] = name,
	LB_DROP_LIST(DROP_NAME)
#undef DROP_NAME
};

static void die(const char *what, int line)
{
	fprintf(stderr, "vectors.txt:%d: %s\n", line, what);
	exit(1);
}

static void hex_read(struct vector_frame *frame, const char *hex, int line)
{
	unsigned int byte;

	for (frame->len = 0; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		if (frame->len == VECTOR_FRAME_MAX)
			die("frame too long", line);
		frame->data[frame->len++] = (uint8_t)byte;
	}
}

static void key_read(struct vector *v, const char *key, const char *value, int line)
{
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);

	if (!strcmp(key, "before")) {
		hex_read(&v->before, value, line);
	} else if (!strcmp(key, "answer")) {
		hex_read(&v->answer, value, line);
	} else if (!strcmp(key, "in")) {
		hex_read(&v->in, value, line);
	} else if (!strcmp(key, "out")) {
		hex_read(&v->out, value, line);
		v->has_out = true;
	} else if (!strcmp(key, "verdict")) {
		if (sscanf(value, "%15s %31s", v->verdict, v->reason) != 2)
			die("verdict and reason", line);
	} else if (!strcmp(key, "flows")) {
		v->flows = number;
	} else if (!strcmp(key, "headroom")) {
		v->headroom = (int)number;
	} else if (!strcmp(key, "segment")) {
		v->segment = number;
	} else if (!strcmp(key, "label_at")) {
		v->label_at = number;
	} else if (!strcmp(key, "trunk")) {
		v->trunk = number;
	} else if (!strcmp(key, "port_at")) {
		v->port_at = number;
	} else if (!strcmp(key, "kernel_rate")) {
		v->no_kernel_rate = true;
	} else if (!strcmp(key, "icmp_rate")) {
		v->no_icmp_rate = true;
	} else {
		die("unknown key", line);
	}
}

size_t vector_read(const char *path, struct vector *vectors)
{
	static char text[4 * VECTOR_FRAME_MAX];
	FILE *file = fopen(path, "r");
	size_t n = 0;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	for (int line = 1; fgets(text, sizeof(text), file); line++) {
		char *value = strchr(text, ' ');

		text[strcspn(text, "\n")] = '\0';
		if (text[0] == '#' || text[0] == '\0')
			continue;
		if (!value)
			die("a key without a value", line);
		*value++ = '\0';
		if (strcmp(text, "vector") != 0) {
			key_read(&vectors[n - 1], text, value, line);
			continue;
		}
		if (n == VECTORS_MAX)
			die("too many vectors", line);
		vectors[n].headroom = -1;
		snprintf(vectors[n++].name, sizeof(vectors[0].name), "%s", value);
	}
	fclose(file);
	return n;
}

/*
 * allow_from 198.51.100.0/24 and 2001:db8:c::/48, deny_from 198.51.100.8/29 and 2001:db8:c::8/125,
 * for a service over IPv4 of this id and one over IPv6 of the next.
 */
static void lists_put(struct harness *world, uint16_t id)
{
	static const struct access_range4 ipv4[] = {
		{ 0, LB_ACCESS_DENIED },
		{ 0xc6336400, LB_ACCESS_LISTED | 24 },
		{ 0xc6336408, LB_ACCESS_DENIED | LB_ACCESS_LISTED | 29 },
		{ 0xc6336410, LB_ACCESS_LISTED | 24 },
		{ 0xc6336500, LB_ACCESS_DENIED },
	};
	static const struct access_range6 ipv6[] = {
		{ 0, 0, LB_ACCESS_DENIED },
		{ 0x20010db8000c0000, 0, LB_ACCESS_LISTED | 48 },
		{ 0x20010db8000c0000, 8, LB_ACCESS_DENIED | LB_ACCESS_LISTED | 125 },
		{ 0x20010db8000c0000, 16, LB_ACCESS_LISTED | 48 },
		{ 0x20010db8000d0000, 0, LB_ACCESS_DENIED },
	};
	const struct access_lists lists = { ipv4, sizeof(ipv4) / sizeof(ipv4[0]), ipv6,
					    sizeof(ipv6) / sizeof(ipv6[0]) };
	const uint16_t ids[] = { id, (uint16_t)(id + 1) };
	static uint64_t words[ACCESS_WORDS_MAX];

	world->access_words = access_words_make(words, ids, 2, &lists);
	world->access = words;
}

static void services_put(struct harness *world)
{
	static const struct {
		uint8_t last;
		uint16_t port, pool;
		uint8_t forward;
		uint16_t instance_port;
		uint8_t networks; /* 0: all */
		uint8_t source;
		bool access;
	} rows[] = {
		{ 10, 443, 0, LB_FORWARD_L2, 0 },
		{ 10, 80, 0, LB_FORWARD_L2, 0 },
		{ 20, 443, 1, LB_FORWARD_IPIP, 0 },
		{ 30, 443, 2, LB_FORWARD_IPIP, 0 },
		{ 40, 443, 3, LB_FORWARD_L2, 0 },
		{ 50, 443, 4, LB_FORWARD_L2, 0 },
		{ 60, 443, 5, LB_FORWARD_L2, 0 },
		{ 70, 443, 6, LB_FORWARD_IPIP, 0 },
		{ 80, 443, 7, LB_FORWARD_IPIP, 0 },
		{ 21, 443, 8, LB_FORWARD_GUE, 6080 },
		{ 31, 443, 9, LB_FORWARD_GUE, 6080 },
		{ 71, 443, 10, LB_FORWARD_GUE, 9886 },
		{ 81, 443, 11, LB_FORWARD_GUE, 9886 },
		{ 90, 443, 12, LB_FORWARD_NAT, 8443 },
		{ 91, 443, 13, LB_FORWARD_NAT, 8443 },
		{ 92, 443, 14, LB_FORWARD_NAT, 443 },
		{ 15, 443, 40, LB_FORWARD_L2, 0, 0 },
		{ 25, 443, 41, LB_FORWARD_IPIP, 0, 0 },
		{ 35, 443, 42, LB_FORWARD_IPIP, 0, 0 },
		{ 26, 443, 43, LB_FORWARD_GUE, 6080, 0 },
		{ 36, 443, 44, LB_FORWARD_GUE, 6080, 0 },
		{ 16, 443, 45, LB_FORWARD_L2, 0, 0 },
		{ 27, 443, 46, LB_FORWARD_IPIP, 0, 0 },
		{ 17, 443, 40, LB_FORWARD_L2, 0, 2 },
		{ 93, 443, 47, LB_FORWARD_NAT, 8443, 0 },
		{ 94, 443, 48, LB_FORWARD_NAT, 8443, 0 },
		{ 95, 443, 49, LB_FORWARD_NAT, 8443, 0 },
		{ 96, 443, 50, LB_FORWARD_NAT, 8443, 0, LB_NAT_SOURCE_CLIENT },
		{ 97, 443, 15, LB_FORWARD_NAT, 8443, 0, LB_NAT_SOURCE_CLIENT },
		{ 98, 443, 16, LB_FORWARD_NAT, 8443, 0, LB_NAT_SOURCE_CLIENT },
		{ 85, 443, 17, LB_FORWARD_NAT, 8443, 0, LB_NAT_SOURCE_PROXY },
		{ 86, 443, 18, LB_FORWARD_NAT, 8443, 0, LB_NAT_SOURCE_PROXY },
		{ 11, 443, 0, LB_FORWARD_L2, 0, 0, 0, true },
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	static const lb_be16 vlans[] = { LB_BE16(10), LB_BE16(20), 0 };
	struct harness_service services[2 * N];

	for (uint16_t i = 0; i < N; i++) {
		services[2 * i] = (struct harness_service){
			.family = 4,
			.addr = { 203, 0, 113, rows[i].last },
			.port = rows[i].port,
			.id = (uint16_t)(2 * i + 1),
			.pool = rows[i].pool,
			.forward = rows[i].forward,
			.instance_port = rows[i].instance_port,
			.networks = rows[i].networks,
			.source = rows[i].source,
			.access = rows[i].access,
		};
		services[2 * i + 1] = (struct harness_service){
			.family = 6,
			.port = rows[i].port,
			.id = (uint16_t)(2 * i + 2),
			/* "10" in the address is written in hexadecimal */
			.addr = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0f,
				  [15] = (uint8_t)(rows[i].last / 10 * 16 + rows[i].last % 10) },
			.pool = rows[i].pool,
			.forward = rows[i].forward,
			.instance_port = rows[i].instance_port,
			.networks = rows[i].networks,
			.source = rows[i].source,
			.access = rows[i].access,
		};
	}
	world->n_networks = sizeof(vlans) / sizeof(vlans[0]);
	memcpy(world->vlan, vlans, sizeof(vlans));
	lists_put(world, services[2 * N - 2].id);
	harness_services(world, services, 2 * N);
}

struct harness *vector_world_create(void)
{
	static const uint8_t flags[] = { ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS,
					 ACCEPTING & ~LB_INSTANCE_ON_LINK,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING & ~LB_INSTANCE_ON_LINK,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING,
					 ACCEPTING };
	static const uint8_t outer[] = { 4, 4, 6, 4, 4, 4, 4, 6, 4, 6, 4, 6, 4, 6, 4, 4, 6, 4, 6 };
	/* one port: it is known which one a connection gets */
	const struct lb_nat_params nat = harness_nat_params(VECTOR_NAT_PORT, VECTOR_NAT_PORT);
	/* of networks */
	static const struct {
		uint8_t outer;
		uint16_t vlan; /* 0: untagged */
	} trunk[] = { { 4, 20 }, { 4, 20 }, { 6, 20 }, { 4, 20 }, { 6, 20 }, { 4, 0 },
		      { 4, 0 },	 { 4, 20 }, { 6, 20 }, { 4, 0 },  { 4, 20 } };
	enum { N_TRUNK = sizeof(trunk) / sizeof(trunk[0]), TRUNK = 40, N = TRUNK + N_TRUNK };
	struct lb_instance instances[N] = { 0 };
	struct harness *world;

	world = harness_create(VECTOR_FLOWS);
	for (uint16_t i = 0; i < sizeof(flags); i++)
		harness_instance(&instances[i], i, outer[i], flags[i]);
	for (uint16_t i = 0; i < N_TRUNK; i++) {
		harness_instance(&instances[TRUNK + i], TRUNK + i, trunk[i].outer, ACCEPTING);
		harness_instance_vlan(&instances[TRUNK + i], trunk[i].vlan);
	}
	instances[6].mtu = instances[10].mtu = 1400;
	instances[7].mtu = instances[11].mtu = 1310;
	instances[14].mtu = 1400;
	harness_put(world, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), N);
	for (uint16_t i = 0; i < N; i++) {
		uint16_t slots[251];

		for (uint32_t slot = 0; slot < 251; slot++)
			slots[slot] = i;
		if (i != 3 && lb_instance_is_there(&instances[i])) /* pool 3 is empty */
			harness_put(world, LB_BLOCK_POOL, i, slots, sizeof(slots), 251);
	}
	services_put(world);
	harness_nat(world, &nat);
	return world;
}

void vector_world_reset(struct harness *world, const struct vector *v)
{
	memset(world->flow_memory, 0, flow_table_bytes(VECTOR_FLOWS));
	memset(world->nat_memory.area, 0, lb_nat_bytes(HARNESS_NAT_SPACES * HARNESS_NAT_PORTS));
	memset(world->instance_stats, 0, LB_INSTANCES_MAX * sizeof(*world->instance_stats));
	memset(&world->stats, 0, sizeof(world->stats));
	harness_trunk(world, v->trunk);
	pipeline_rate_set(&world->pl.kernel_rate, 1000000);
	pipeline_rate_set(&world->pl.icmp_rate, v->no_icmp_rate ? 0 : 1000000);
	if (v->no_kernel_rate)
		world->pl.kernel_rate.rate.tokens = 0;
}

/* A checksum of 0 is none. The port's part in another one is exchanged (RFC 1624). */
static void port_mask(uint8_t *udp)
{
	enum { FIRST = 0xc000 };
	uint16_t port = lb_be16_to_cpu(lb_load16(udp)), csum = lb_be16_to_cpu(lb_load16(udp + 6));

	assert_true(port >= FIRST);
	lb_store16(udp, LB_BE16(FIRST));
	if (!csum)
		return;
	csum = (uint16_t)~lb_csum_fold((uint64_t)(uint16_t)~csum + (uint16_t)~port + FIRST);
	lb_store16(udp + 6, lb_cpu_to_be16(csum ? csum : 0xffff));
}

void vector_mask(const struct vector *v, uint8_t *frame)
{
	uint8_t *label = frame + v->label_at + 1;

	if (v->label_at) {
		label[0] &= 0xf0;
		label[1] = label[2] = 0;
	}
	if (v->port_at)
		port_mask(frame + v->port_at);
}

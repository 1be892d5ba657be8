/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run vectors.txt through the real pipeline: one packet each, from an empty flow
 * table. Keys of a vector:
 *
 *   in HEX           the frame                    headroom N     bytes in front of it
 *   verdict V R      forward, reply, kernel or drop, and the drop reason
 *   out HEX          the frame that leaves        segment N      bytes of the first segment
 *   flows N          flows recorded afterwards (0 if not said)
 *   label_at N       20 bits of flow label, from this byte of `out`, may be anything
 *   kernel_rate 0, icmp_rate 0                    that limit is used up
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/engine/harness.h"

#define VECTORS_MAX 1024
#define FRAME_MAX 4096
#define ACCEPTING                                                                                  \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

struct frame {
	uint32_t len;
	uint8_t data[FRAME_MAX];
};

struct vector {
	char name[128];
	char verdict[16];
	char reason[32];
	struct frame in, out;
	bool has_out, no_kernel_rate, no_icmp_rate;
	uint32_t flows, segment, label_at;
	int headroom; /* -1: as usual */
};

static const char *const drop_names[] = {
#define DROP_NAME(id, name, text) [LB_DROP_##id] = name,
	LB_DROP_LIST(DROP_NAME)
#undef DROP_NAME
};

static struct harness *world;
static bool reason_seen[LB_DROP_COUNT];

static void die(const char *what, int line)
{
	fprintf(stderr, "vectors.txt:%d: %s\n", line, what);
	exit(1);
}

static void hex_read(struct frame *frame, const char *hex, int line)
{
	unsigned int byte;

	for (frame->len = 0; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		if (frame->len == FRAME_MAX)
			die("frame too long", line);
		frame->data[frame->len++] = (uint8_t)byte;
	}
}

static void key_read(struct vector *v, const char *key, const char *value, int line)
{
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);

	if (!strcmp(key, "in")) {
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
	} else if (!strcmp(key, "kernel_rate")) {
		v->no_kernel_rate = true;
	} else if (!strcmp(key, "icmp_rate")) {
		v->no_icmp_rate = true;
	} else {
		die("unknown key", line);
	}
}

static size_t vectors_read(const char *path, struct vector *vectors)
{
	static char text[4 * FRAME_MAX];
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

static void services_put(void)
{
	static const struct {
		uint8_t last;
		uint16_t port, pool;
		uint8_t forward;
	} rows[] = {
		{ 10, 443, 0, LB_FORWARD_L2 },	 { 10, 80, 0, LB_FORWARD_L2 },
		{ 20, 443, 1, LB_FORWARD_IPIP }, { 30, 443, 2, LB_FORWARD_IPIP },
		{ 40, 443, 3, LB_FORWARD_L2 },	 { 50, 443, 4, LB_FORWARD_L2 },
		{ 60, 443, 5, LB_FORWARD_L2 },
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	struct harness_service services[2 * N];

	for (uint16_t i = 0; i < N; i++) {
		services[2 * i] = (struct harness_service){
			.family = 4, .addr = { 203, 0, 113, rows[i].last }, .port = rows[i].port,
			.id = (uint16_t)(2 * i + 1), .pool = rows[i].pool, .forward = rows[i].forward,
		};
		services[2 * i + 1] = (struct harness_service){
			.family = 6, .port = rows[i].port, .id = (uint16_t)(2 * i + 2),
			/* "10" in the address is written in hexadecimal */
			.addr = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0f,
				  [15] = (uint8_t)(rows[i].last / 10 * 16) },
			.pool = rows[i].pool, .forward = rows[i].forward,
		};
	}
	harness_services(world, services, 2 * N);
}

static int world_create(void **state)
{
	static const uint8_t flags[] = { ACCEPTING, ACCEPTING, ACCEPTING, ACCEPTING,
					 LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS,
					 ACCEPTING & ~LB_INSTANCE_ON_LINK };
	struct lb_instance instances[sizeof(flags)];

	(void)state;
	world = harness_create(1000);
	for (uint16_t i = 0; i < sizeof(flags); i++)
		harness_instance(&instances[i], i, i == 2 ? 6 : 4, flags[i]);
	harness_put(world, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), sizeof(flags));
	for (uint16_t i = 0; i < sizeof(flags); i++) {
		uint16_t slots[251];

		for (uint32_t slot = 0; slot < 251; slot++)
			slots[slot] = i;
		if (i != 3) /* pool 3 is empty */
			harness_put(world, LB_BLOCK_POOL, i, slots, sizeof(slots), 251);
	}
	services_put();
	return 0;
}

static int world_destroy(void **state)
{
	(void)state;
	harness_destroy(world);
	return 0;
}

static void world_reset(const struct vector *v)
{
	memset(world->flow_memory, 0, flow_table_bytes(1000));
	memset(world->instance_stats, 0, LB_INSTANCES_MAX * sizeof(*world->instance_stats));
	memset(&world->stats, 0, sizeof(world->stats));
	pipeline_rate_set(&world->pl.kernel_rate, 1000000);
	pipeline_rate_set(&world->pl.icmp_rate, 1000000);
	if (v->no_kernel_rate)
		world->pl.kernel_rate.rate.tokens = 0;
	if (v->no_icmp_rate)
		world->pl.icmp_rate.rate.tokens = 0;
}

static struct rte_mbuf *mbuf_make(const struct vector *v)
{
	uint32_t first = v->segment ? v->segment : v->in.len;
	struct rte_mbuf *m = harness_frame(world, v->in.data, first);

	if (v->headroom >= 0) {
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

		memmove((uint8_t *)m->buf_addr + v->headroom, data, first);
		m->data_off = (uint16_t)v->headroom;
	}
	if (first < v->in.len)
		assert_int_equal(rte_pktmbuf_chain(m, harness_frame(world, v->in.data + first,
								    v->in.len - first)), 0);
	return m;
}

/* The label is the dataplane's choice: take it over before comparing. */
static void frame_compare(const struct vector *v, const struct rte_mbuf *m)
{
	static uint8_t got[FRAME_MAX];
	uint8_t *label = got + v->label_at + 1;

	assert_int_equal(rte_pktmbuf_pkt_len(m), v->out.len);
	assert_int_equal(m->nb_segs == 1, m->next == NULL);
	for (uint32_t at = 0; m; m = m->next) {
		memcpy(got + at, rte_pktmbuf_mtod(m, const void *), m->data_len);
		at += m->data_len;
	}
	if (v->label_at) {
		label[0] &= 0xf0;
		label[1] = label[2] = 0;
	}
	assert_memory_equal(got, v->out.data, v->out.len);
}

static const char *verdict_of(const struct pipeline_out *out)
{
	if (out->n_tx)
		return world->stats.reply_pkts ? "reply" : "forward";
	return out->n_kernel ? "kernel" : "drop";
}

static void vector_run(void **state)
{
	const struct vector *v = *state;
	struct rte_mbuf *m;
	struct pipeline_out out;

	world_reset(v);
	m = mbuf_make(v);
	pipeline_burst(&world->pl, world->tables, world->now, &m, 1, &out);
	assert_string_equal(verdict_of(&out), v->verdict);
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++) {
		bool expected = !strcmp(drop_names[i], v->reason);

		if (world->stats.drop[i] != expected)
			fail_msg("dropped for %s, not for %s", drop_names[i], v->reason);
		reason_seen[i] |= expected;
	}
	assert_int_equal(world->stats.flows, v->flows);
	if (v->has_out)
		frame_compare(v, out.n_tx ? out.tx[0] : out.kernel[0]);
	world->stats.tx_pkts = out.n_tx;
	world->stats.kernel_pkts = out.n_kernel;
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
	harness_check_accounting(world);
}

/* The reasons that need a port or a kernel interface are raised in tests/unit/io. */
static void every_drop_reason_was_raised(void **state)
{
	static const enum lb_drop elsewhere[] = { LB_DROP_KERNEL_FULL, LB_DROP_KERNEL_TX,
						  LB_DROP_TX_FULL };

	(void)state;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		reason_seen[elsewhere[i]] = true;
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		if (!reason_seen[i])
			fail_msg("no vector raises %s", drop_names[i]);
}

int main(int argc, char **argv)
{
	static struct vector vectors[VECTORS_MAX];
	static struct CMUnitTest tests[VECTORS_MAX + 1];
	size_t n = vectors_read(argc > 1 ? argv[1] : "tests/vectors/vectors.txt", vectors);

	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ vectors[i].name, vector_run, NULL, NULL,
						&vectors[i] };
	tests[n] = (struct CMUnitTest)cmocka_unit_test(every_drop_reason_was_raised);
	harness_eal_start(argv[0]);
	return _cmocka_run_group_tests("vectors", tests, n + 1, world_create, world_destroy);
}

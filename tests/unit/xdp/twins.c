/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/xdp/twins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#define SLOTS 1021
#define RECORDED 160 /* flows that the table is for: fewer than there are */
#define REACHABLE (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define UP (REACHABLE | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS)

static void slots_put(struct twins *t, uint16_t pool)
{
	uint16_t slots[SLOTS];
	uint32_t n = pool == 7 ? 0 : SLOTS;

	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = (uint16_t)(packet_gen_draw(&t->gen) % TWINS_INSTANCES);
	harness_put(t->native, LB_BLOCK_POOL, pool, slots, n * (uint32_t)sizeof(*slots), n);
}

static void instances_put(struct twins *t)
{
	harness_put(t->native, LB_BLOCK_INSTANCES, 0, t->instances, sizeof(t->instances),
		    TWINS_INSTANCES);
}

static void services_put(struct twins *t)
{
	static const uint8_t forwards[] = { LB_FORWARD_L2, LB_FORWARD_IPIP, LB_FORWARD_GUE };
	struct harness_service services[2 * PACKET_GEN_VIPS];

	for (uint16_t i = 0; i < PACKET_GEN_VIPS; i++) {
		struct harness_service *s = &services[2 * i];

		s[0] = (struct harness_service){ .family = 4,
						 .addr = { 203, 0, 113, (uint8_t)i },
						 .port = PACKET_GEN_PORT,
						 .pool = i,
						 .id = (uint16_t)(2 * i + 1),
						 .forward = forwards[i % 3] };
		if (s[0].forward == LB_FORWARD_GUE)
			s[0].instance_port = (uint16_t)(6080 + i);
		s[1] = s[0];
		s[1].family = 6;
		s[1].id++;
		memcpy(s[1].addr, "\x20\x01\x0d\xb8\x00\x0f\0\0\0\0\0\0\0\0\0", 15);
		s[1].addr[15] = (uint8_t)i;
	}
	harness_services(t->native, services, 2 * PACKET_GEN_VIPS);
}

void twins_create(struct twins *t, bool has_handover)
{
	memset(t, 0, sizeof(*t));
	t->gen = (struct packet_gen){ .random = 7, .flows = TWINS_FEW };
	t->native = harness_create(RECORDED);
	pipeline_rate_set(&t->native->pl.kernel_rate, 3000);
	pipeline_rate_set(&t->native->pl.icmp_rate, 300);
	for (uint16_t i = 0; i < TWINS_INSTANCES; i++)
		harness_instance(&t->instances[i], i, i % 2 ? 4 : 6, UP);
	t->instances[5].flags &= (uint8_t)~LB_INSTANCE_ON_LINK;
	t->instances[6].flags &= (uint8_t)~REACHABLE;
	instances_put(t);
	for (uint16_t pool = 0; pool < PACKET_GEN_VIPS; pool++)
		slots_put(t, pool);
	services_put(t);
	t->xdp = has_handover ? xdp_world_create_handover(t->native, 1, false)
			      : xdp_world_create(t->native, 1, false);
	xdp_world_publish(t->xdp, t->native);
	xdp_world_reset(t->xdp, t->native);
}

void twins_change(struct twins *t)
{
	uint8_t *flags = &t->instances[packet_gen_draw(&t->gen) % TWINS_INSTANCES].flags;

	switch (packet_gen_draw(&t->gen) % 6) {
	case 0:
		slots_put(t, (uint16_t)(packet_gen_draw(&t->gen) % PACKET_GEN_VIPS));
		break;
	case 1:
		assert_int_equal(tables_retire(t->native->tables, (uint32_t)(t->changes % 8)), 0);
		break;
	case 2:
		*flags &= (uint8_t)~LB_INSTANCE_ACCEPTS;
		instances_put(t);
		break;
	case 3:
		*flags &= (uint8_t) ~(LB_INSTANCE_ACCEPTS | LB_INSTANCE_SERVES);
		instances_put(t);
		break;
	default:
		*flags |= LB_INSTANCE_ACCEPTS | LB_INSTANCE_SERVES;
		instances_put(t);
		break;
	}
	t->changes++;
	xdp_world_publish(t->xdp, t->native);
}

void twins_wait(struct twins *t)
{
	uint32_t ticks = 1 + (uint32_t)(packet_gen_draw(&t->gen) % 4);

	if (packet_gen_draw(&t->gen) % 256 == 0)
		ticks = (uint32_t)(packet_gen_draw(&t->gen) % 40000);
	for (uint32_t i = 0; i < ticks; i++)
		pipeline_tick(&t->native->pl);
	t->ticks += ticks;
	t->native->now = (uint16_t)t->ticks;
	xdp_world_clock_set(t->xdp, t->ticks);
}

void twins_sweep(struct twins *t)
{
	const struct tables *tables = t->native->tables;
	const struct flow_sweep what = { .secret = &tables->secret,
					 .timeouts = &tables->timeouts,
					 .instances = tables->instances,
					 .n_instances = tables->n_instances,
					 .now = t->native->now };

	for (uint32_t i = 0; i < FLOW_TABLE_SWEEP_TICKS; i++) {
		flow_table_tick(&t->native->flows);
		while (flow_table_sweep(&t->native->flows, &what, 1024))
			;
	}
	xdp_world_sweep(t->xdp);
}

static struct rte_mbuf *mbuf_of(struct twins *t)
{
	const struct packet_gen *gen = &t->gen;
	struct rte_mbuf *m = harness_frame(t->native, gen->frame, gen->linear);

	if (gen->linear < gen->len)
		assert_int_equal(rte_pktmbuf_chain(m, harness_frame(t->native,
								    gen->frame + gen->linear,
								    gen->len - gen->linear)),
				 0);
	return m;
}

uint32_t twins_native(struct twins *t, uint8_t *out, uint32_t *out_len)
{
	struct rte_mbuf *m = mbuf_of(t);
	struct harness *h = t->native;
	struct pipeline_out sent;

	pipeline_burst(&h->pl, h->tables, h->now, &m, 1, &sent);
	h->stats.tx_pkts += sent.n_tx;
	h->stats.kernel_pkts += sent.n_kernel;
	if (!sent.n_tx && !sent.n_kernel)
		return XDP_DROP;
	m = sent.n_tx ? sent.tx[0] : sent.kernel[0];
	*out_len = rte_pktmbuf_pkt_len(m);
	h->stats.tx_bytes += sent.n_tx ? *out_len : 0;
	assert_true(*out_len <= XDP_WORLD_FRAME_MAX);
	if (rte_pktmbuf_read(m, 0, *out_len, out) != out)
		memcpy(out, rte_pktmbuf_mtod(m, void *), *out_len);
	rte_pktmbuf_free(m);
	return sent.n_tx ? XDP_TX : XDP_PASS;
}

void twins_destroy(struct twins *t)
{
	xdp_world_destroy(t->xdp);
	harness_destroy(t->native);
}

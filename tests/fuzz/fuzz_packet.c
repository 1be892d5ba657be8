/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet core on arbitrary bytes. The frame is in an allocation of its exact size, so that
 * reading one byte beyond it is detected; so is the room in front of it when headers are written.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_parse_plain.h"
#include "dataplane/core/lb_reply.h"
#include "dataplane/core/lb_service.h"
#include "dataplane/engine/pipeline_internal.h"

#define COPIES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Invariants that later stages rely on. */
static void check_meta(const struct lb_meta *meta, size_t frame_len, size_t segment)
{
	if (meta->class > LB_CLASS_ICMP_ERROR)
		return;
	must(meta->family == 4 || meta->family == 6);
	must(meta->proto == LB_IPPROTO_TCP || meta->proto == LB_IPPROTO_UDP);
	must(meta->l3_offset == 14 || meta->l3_offset == 18);
	must(meta->l3_offset + meta->l3_len <= frame_len);
	must(meta->l4_offset + 8u <= segment);
	if (meta->class == LB_CLASS_FLOW && meta->proto == LB_IPPROTO_TCP)
		must(meta->client_port && meta->vip_port && !lb_tcp_flags_are_bad(meta->tcp_flags));
}

/* The fast paths must agree with the full parser. */
static void check_plain(const struct lb_frame *frame, uint64_t mac, const struct lb_meta *meta)
{
	struct lb_meta plain;

	if (lb_parse_tcp4(frame, mac)) {
		lb_tcp4_meta(frame->data, &plain);
		must(plain.client4 == meta->client4 && plain.vip4 == meta->vip4);
	} else if (lb_parse_tcp6(frame, mac)) {
		lb_tcp6_meta(frame->data, &plain);
		must(lb_addr6_equal(plain.client6, meta->client6) &&
		     lb_addr6_equal(plain.vip6, meta->vip6));
	} else {
		return;
	}
	must(plain.class == meta->class && plain.family == meta->family);
	must(plain.proto == meta->proto && plain.tcp_flags == meta->tcp_flags);
	must(plain.l3_offset == meta->l3_offset && plain.l4_offset == meta->l4_offset);
	must(plain.l3_len == meta->l3_len);
	must(plain.client_port == meta->client_port && plain.vip_port == meta->vip_port);
}

/* Parsing several packets at once must give the same result as parsing one. */
static void check_burst(const struct lb_frame *frame, uint64_t mac, const struct lb_meta *meta,
			enum pipeline_simd simd)
{
	static struct {
		struct lb_service_table table;
		struct lb_service slot[1];
	} services;
	static struct lb_bucket bucket;
	static struct flow_table flows = { .table = { .bucket = &bucket, .n_buckets = 1 } };
	static struct tables tables = { .services = &services.table };
	static struct burst b;
	struct pipeline pl = { .flows = &flows, .port_mac = mac };
	struct rte_mbuf m = { .buf_addr = (uint8_t *)(uintptr_t)frame->data,
			      .data_len = (uint16_t)(frame->end - frame->data),
			      .pkt_len = frame->len };
	struct rte_mbuf *pkts[COPIES];

	services.slot[0] = (struct lb_service){ .id = 1, .forward = LB_FORWARD_L2 };
	if (meta->class == LB_CLASS_FLOW) { /* it belongs to a service */
		services.slot[0].family = meta->family;
		services.slot[0].proto = meta->proto;
		services.slot[0].port = meta->vip_port;
		if (meta->family == 4)
			memcpy(services.slot[0].addr, &meta->vip4, 4);
		else
			memcpy(services.slot[0].addr, meta->vip6, 16);
	}
	b = (struct burst){
		.pl = &pl, .tables = &tables, .arrived = pkts, .pkt = pkts, .n = COPIES
	};
	for (uint32_t i = 0; i < COPIES; i++) {
		pkts[i] = &m;
		b.data[i] = frame->data;
		b.lengths[i] = lb_load64(&m.pkt_len);
	}
	pipeline_init(&pl, simd);
	pl.parse(&b);
	must(b.n_flow == 0 || b.n_flow == COPIES);
	must((b.n_flow != 0) == (services.slot[0].family != 0));
	for (uint32_t i = 0; i < COPIES; i++) {
		struct lb_meta same;

		pipeline_meta(&b, i, &same);
		must(same.class == meta->class && same.reason == meta->reason);
		if (b.n_flow)
			must(same.tci == meta->tci &&
			     !memcmp(&same, meta,
				     meta->family == 4 ? 24 : offsetof(struct lb_meta, tci)));
	}
}

static void write_tunnel(const uint8_t *data, size_t size, const struct lb_meta *meta,
			 const struct lb_shim *shim, uint8_t outer_family)
{
	struct lb_instance instance = { .flags = outer_family == 4 ? 0 : LB_INSTANCE_OUTER6 };
	uint32_t room = lb_tunnel_len(&instance, shim);
	uint8_t *frame = malloc(room + size);

	must(frame != NULL);
	memcpy(frame + room, data, size);
	must(lb_write_tunnel(frame, frame + room + size, &instance, shim, meta,
			     lb_tag_out(&instance, meta), 0x0123456789abcdef, LB_BE16(6080)));
	must(!memcmp(frame + room + meta->l3_offset, data + meta->l3_offset,
		     size - meta->l3_offset)); /* the inner packet is unchanged */
	free(frame);
}

static void write_reply(const uint8_t *data, size_t size, const struct lb_meta *meta)
{
	uint32_t room = meta->family == 4 ? LB_ICMP4_HEADROOM : LB_ICMP6_HEADROOM;
	uint8_t *frame = malloc(room + size);
	uint32_t len;

	must(frame != NULL);
	memcpy(frame + room, data, size);
	if (meta->family == 4)
		len = lb_write_frag_needed4(frame, frame + room + size, meta, 1400);
	else
		len = lb_write_too_big6(frame, frame + room + size, meta, 1400);
	must(len <= room + size);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t mac = lb_mac_load((const uint8_t[]){ 0x02, 0xed, 0x9e, 0, 0, 1 });
	struct lb_frame frame;
	struct lb_meta meta;
	uint8_t *copy;
	uint32_t more;

	if (size < 1 || size > 4096)
		return 0;
	more = data[0] & 1 ? data[0] : 0; /* bytes in further segments */
	data++;
	size--;
	copy = malloc(size ? size : 1);
	must(copy != NULL);
	memcpy(copy, data, size);
	memset(&meta, 0, sizeof(meta));
	frame = (struct lb_frame){ copy, copy + size, (uint32_t)size + more };
	lb_parse(&frame, mac, &meta);
	check_plain(&frame, mac, &meta);
	for (int simd = PIPELINE_PORTABLE; simd <= (int)pipeline_simd_best(); simd++)
		check_burst(&frame, mac, &meta, (enum pipeline_simd)simd);
	check_meta(&meta, size + more, size);
	if (meta.class <= LB_CLASS_ICMP_ERROR) {
		write_tunnel(copy, size, &meta, &lb_shim_none, 4);
		write_tunnel(copy, size, &meta, &lb_shim_none, 6);
		write_tunnel(copy, size, &meta, &lb_shim_gue, 4);
		write_tunnel(copy, size, &meta, &lb_shim_gue, 6);
		if (!more)
			write_reply(copy, size, &meta);
	}
	free(copy);
	return 0;
}

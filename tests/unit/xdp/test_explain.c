/* SPDX-License-Identifier: BSD-3-Clause */
/* test-timeout: 300 s */
/*
 * What is said of a connection is what both dataplanes do with its packet: instance, drop, and the
 * headers in front. Over changes of pools, hours, and tables that overflow. EXPLAIN_PACKETS says
 * how many packets; a million takes half a minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "controlplane/flows/headers.h"
#include "controlplane/xdp/view.h"
#include "tests/unit/xdp/twins.h"

#define PACKETS_DEFAULT 60000u
#define ANY 4000000 /* flows that hardly come twice */

enum { NATIVE, XDP, KINDS };

struct world {
	struct twins t;
	bool has_handover;
	struct flows_view view[KINDS];
	struct explain_room *room;
	uint64_t compared, by_record, drawn, previous, none, headers, translations;
	uint64_t drops_before, replies_before;
};

/* ---- What is read ---- */

static void view_native(const struct harness *h, struct flows_view *view)
{
	const struct tables *tables = h->tables;

	*view = (struct flows_view){
		.secret = tables->secret,
		.timeouts = tables->timeouts,
		.services = tables->services,
		.instances = { tables->instances, tables->n_instances },
		.n_regions = 1,
		.region = { { h->flows.table.bucket, h->flows.table.n_buckets, 0 } },
	};
	memcpy(view->pool, tables->pool, sizeof(view->pool));
	if (!h->nat_memory.record)
		return;
	view->nat_params = tables->params.nat;
	view->nat_memory[0] = h->nat_memory;
	flows_view_nat(view, HARNESS_NAT_SPACES, HARNESS_NAT_PORTS);
}

static void view_xdp(const struct xdp_world *world, const struct harness *native, bool has_handover,
		     struct flows_view *view)
{
	const struct xdp_object object = {
		.control = world->control,
		.cpus = world->cpus,
		.services = world->services,
		.instances = world->instances,
		.slots = world->slots,
		.flows = world->flows,
		.n_buckets = world->n_buckets,
		.regions = world->regions,
		.n_cpus = (uint32_t)libbpf_num_possible_cpus(),
		.has_handover = has_handover,
		.nat = world->nat,
		.nat_areas = world->nat_areas,
		.nat_records = world->nat_records,
		.nat_spaces = native->nat_memory.record ? HARNESS_NAT_SPACES : 0,
		.nat_room = HARNESS_NAT_PORTS,
	};

	flows_view_fini(view);
	assert_int_equal(xdp_view(&object, view), 0);
}

static void views_make(struct world *w)
{
	view_native(w->t.native, &w->view[NATIVE]);
	view_xdp(w->t.xdp, w->t.native, w->has_handover, &w->view[XDP]);
	w->view[XDP].services = w->view[NATIVE].services; /* publish/xdp.c: lists of clients */
}

/* ---- One packet ---- */

/* Return: false if it is none of a service. */
static bool query_make(const struct world *w, struct explain_query *query, struct lb_meta *meta)
{
	const struct packet_gen *gen = &w->t.gen;
	const struct lb_frame frame = { gen->frame, gen->frame + gen->linear, gen->len };
	const struct lb_tcp *tcp;

	lb_parse(&frame, lb_mac_load(harness_port_mac), meta);
	if (meta->class != LB_CLASS_FLOW || meta->proto != LB_IPPROTO_TCP)
		return false;
	tcp = (const void *)(gen->frame + meta->l4_offset);
	*query = (struct explain_query){
		.client.family = meta->family,
		.vip.family = meta->family,
		.client_port = lb_be16_to_cpu(meta->client_port),
		.vip_port = lb_be16_to_cpu(meta->vip_port),
		.syn = lb_flow_syn(tcp->seq),
	};
	if (meta->family == 4) {
		memcpy(query->client.bytes, &meta->client4, 4);
		memcpy(query->vip.bytes, &meta->vip4, 4);
	} else {
		memcpy(query->client.bytes, meta->client6, 16);
		memcpy(query->vip.bytes, meta->vip6, 16);
	}
	return lb_service_find(w->view[NATIVE].services, meta) != NULL;
}

static void explain_both(struct world *w, const struct explain_query *query,
			 struct explain explain[KINDS])
{
	for (uint32_t i = 0; i < KINDS; i++) {
		w->view[i].now = (uint16_t)w->t.ticks;
		explain_run(&w->view[i], query, w->room, &explain[i]);
		assert_non_null(explain[i].service);
	}
}

static struct explain_choice choice_of(const struct explain *explain, const struct lb_meta *meta)
{
	return lb_flow_event(meta->tcp_flags) == LB_FLOW_EVENT_SYN ? explain->begin
								   : explain->go_on;
}

static uint64_t refusals(const struct lb_worker_stats *stats)
{
	return stats->drop[LB_DROP_NO_INSTANCE] + stats->drop[LB_DROP_IP_SOURCE] +
	       stats->drop[LB_DROP_CLIENT_DENIED];
}

/* The record tells address and port that the instance has seen. */
static void translation_compare(struct world *w, const struct explain_headers *h, const uint8_t *ip)
{
	const bool is_four = ip[0] == 0x45;
	const struct lb_ports *ports = (const void *)(ip + (is_four ? 20 : 40));

	/* The ports are behind options or extension headers. */
	if (!is_four &&
	    (ip[0] >> 4 == 4 || ip[LB_OFFSETOF(struct lb_ipv6, next)] != LB_IPPROTO_TCP))
		return;
	assert_true(h->is_chosen);
	assert_int_equal(h->src.family, is_four ? 4 : 6);
	assert_memory_equal(h->src.bytes, ip + (is_four ? 12 : 8), is_four ? 4 : 16);
	assert_memory_equal(h->dst.bytes, ip + (is_four ? 16 : 24), is_four ? 4 : 16);
	assert_int_equal(h->src_port, lb_be16_to_cpu(ports->sport));
	assert_int_equal(h->dst_port, lb_be16_to_cpu(ports->dport));
	w->translations++;
}

static void headers_compare(struct world *w, uint32_t kind, const struct explain *explain,
			    uint32_t instance, const struct lb_meta *meta, const uint8_t *out)
{
	const struct lb_instance *entry = &w->view[kind].instances.instance[instance];
	const uint8_t *ip = out + sizeof(struct lb_eth);
	const bool is_four = lb_outer_family(entry) == 4;
	const struct lb_ports *ports = (const void *)(ip + (is_four ? 20 : 40));
	struct explain_headers h;

	explain_headers_fill(&w->view[kind], explain, instance, &h);
	assert_true(h.is_reached);
	assert_memory_equal(h.dst_mac, out, LB_ETH_ALEN);
	assert_memory_equal(h.src_mac, out + LB_ETH_ALEN, LB_ETH_ALEN);
	if (h.forward == LB_FORWARD_L2 || meta->l3_offset != sizeof(struct lb_eth))
		return;
	if (h.forward == LB_FORWARD_NAT) {
		translation_compare(w, &h, ip);
		return;
	}
	assert_int_equal(h.src.family, is_four ? 4 : 6);
	assert_memory_equal(h.src.bytes, ip + (is_four ? 12 : 8), is_four ? 4 : 16);
	assert_memory_equal(h.dst.bytes, ip + (is_four ? 16 : 24), is_four ? 4 : 16);
	assert_int_equal(h.proto, ip[is_four ? 9 : 6]);
	assert_int_equal(h.src_port, h.proto == LB_IPPROTO_UDP ? lb_be16_to_cpu(ports->sport) : 0);
	assert_int_equal(h.dst_port, h.proto == LB_IPPROTO_UDP ? lb_be16_to_cpu(ports->dport) : 0);
	w->headers++;
}

/* The MAC address is the instance's (harness_instance()). */
static void result_compare(struct world *w, uint32_t kind, const struct explain *explain,
			   const struct lb_meta *meta, const uint8_t *out, uint32_t action)
{
	struct explain_choice choice = choice_of(explain, meta);
	const struct lb_worker_stats *stats = &w->t.native->stats;
	bool is_refused = refusals(stats) != w->drops_before;

	assert_int_equal(is_refused, choice.instance == LB_INSTANCE_NONE);
	w->compared++;
	w->none += is_refused;
	w->by_record += choice.why == EXPLAIN_RECORD;
	w->drawn += choice.why == EXPLAIN_DRAWN;
	w->previous += choice.why == EXPLAIN_PREVIOUS;
	if (action != XDP_TX || stats->reply_pkts != w->replies_before)
		return;
	assert_int_equal(out[4] << 8 | out[5], choice.instance);
	headers_compare(w, kind, explain, choice.instance, meta, out);
}

static void one_packet(struct world *w)
{
	static uint8_t out[XDP_WORLD_FRAME_MAX];
	struct xdp_run run = { .headroom = -1 };
	struct explain explain[KINDS];
	struct explain_query query;
	uint32_t out_len = 0, action;
	struct lb_meta meta;
	bool is_flow;

	packet_gen_next(&w->t.gen);
	run.frame = w->t.gen.frame;
	run.len = w->t.gen.len;
	run.linear = w->t.gen.linear;
	is_flow = query_make(w, &query, &meta);
	if (is_flow)
		explain_both(w, &query, explain);
	w->drops_before = refusals(&w->t.native->stats);
	w->replies_before = w->t.native->stats.reply_pkts;
	action = twins_native(&w->t, out, &out_len);
	xdp_world_run(w->t.xdp, &run);
	assert_int_equal(run.action, action);
	if (!is_flow)
		return;
	result_compare(w, NATIVE, &explain[NATIVE], &meta, out, action);
	result_compare(w, XDP, &explain[XDP], &meta, run.out, action);
}

/* ---- Tests ---- */

static void packets_compare(bool has_handover, bool has_nat)
{
	static const uint32_t flows[] = { TWINS_FEW, TWINS_MANY, ANY };
	const char *setting = getenv("EXPLAIN_PACKETS");
	uint32_t packets = setting ? (uint32_t)strtoul(setting, NULL, 10) : PACKETS_DEFAULT;
	struct world w = { .has_handover = has_handover };

	w.room = calloc(1, sizeof(*w.room));
	assert_non_null(w.room);
	if (has_nat)
		twins_create_nat(&w.t, has_handover);
	else
		twins_create(&w.t, has_handover);
	views_make(&w);
	for (uint32_t i = 0; i < packets; i++) {
		w.t.gen.flows = flows[i / TWINS_PHASE % 3];
		if (i % 100 == 99)
			twins_wait(&w.t);
		if (i % 200 == 199) {
			twins_change(&w.t);
			views_make(&w);
		}
		if (i % 10000 == 9999)
			twins_sweep(&w.t);
		one_packet(&w);
	}
	print_message("# figure: %lu connections explained as both dataplanes have them: %lu by "
		      "their record, %lu by the previous table, %lu drawn again, %lu with no "
		      "instance; %lu tunnel headers, %lu translations\n",
		      w.compared, w.by_record, w.previous, w.drawn, w.none, w.headers,
		      w.translations);
	assert_true(w.compared > packets / 2);
	assert_true(w.by_record && w.previous && w.drawn && w.none && w.headers);
	assert_int_equal(w.translations > 0, has_nat);
	flows_view_fini(&w.view[XDP]);
	twins_destroy(&w.t);
	free(w.room);
}

static void it_is_what_happens(void **state)
{
	(void)state;
	packets_compare(false, false);
}

static void it_is_what_happens_with_handover(void **state)
{
	(void)state;
	packets_compare(true, false);
}

static void translations_are_told(void **state)
{
	(void)state;
	packets_compare(false, true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_is_what_happens),
					    cmocka_unit_test(it_is_what_happens_with_handover),
					    cmocka_unit_test(translations_are_told) };

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

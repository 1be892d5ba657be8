/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP backend from model to wire: a real model, a veth pair in a network namespace of this
 * process's own, and packets that arrive at its port.
 */
#include <errno.h>
#include <event2/event.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "config/base/log.h"
#include "controlplane/flows/explain.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/xdp.h"
#include "dataplane/core/lb_csum.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"
#include "tests/support/xdp_fixture.h"

#define INSTANCES 4

static struct event_base *base;
static struct model *model;
static struct publish_backend *backend;
static char run_dir[] = "/tmp/sluice-xdp-XXXXXX";
static uint32_t connected, gone, answered;
static bool has_handover;
static struct publish_answer last;

static void on_connected(void *arg)
{
	(void)arg;
	connected++;
}

static void on_gone(void *arg, const char *why)
{
	(void)arg;
	print_message("# gone: %s\n", why);
	gone++;
}

static void on_answered(void *arg, const struct publish_answer *answer)
{
	(void)arg;
	last = *answer;
	answered++;
}

static const struct publish_backend_events events = { on_connected, on_gone, on_answered };

static void model_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops model_ops = { .changed = model_changed };

static int namespaces(void **state)
{
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	CPU_SET(1, &set); /* the one that the fixture gives a flow table */
	if (sched_setaffinity(0, sizeof(set), &set) || !mkdtemp(run_dir))
		fail_msg("%s", strerror(errno));
	xdp_fixture_veth("eth1", "client");
	log_set_level(LOG_ERR);
	return 0;
}

static int cleanup(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/xdp.segment", run_dir);
	unlink(path);
	return rmdir(run_dir);
}

static void daemon_start(void)
{
	struct publish_backend_options options = { .run_dir = run_dir, .events = &events };

	connected = gone = answered = 0;
	base = event_base_new();
	model = model_create(&model_ops, NULL);
	assert_non_null(model);
	assert_int_equal(model_apply(model, fixture_web(INSTANCES), 0), 0);
	fixture_up(model);
	options.base = base;
	options.model = model;
	options.has_handover = has_handover;
	backend = publish_xdp_ops.create(&options);
	assert_non_null(backend);
	publish_xdp_ops.poke(backend);
	assert_int_equal(gone, 0);
	assert_int_equal(connected, 1);
}

static void daemon_end(void)
{
	publish_xdp_ops.destroy(backend);
	model_destroy(model);
	event_base_free(base);
}

static void wait_answer(uint32_t before)
{
	const struct timeval limit = { .tv_sec = PATIENCE_S };

	event_base_loopexit(base, &limit);
	while (answered == before && !event_base_got_exit(base))
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(answered, before + 1);
	assert_false(last.refused);
}

/* All blocks. @params: as long as the batch is used. */
static struct publish_batch batch_make(struct lb_params *params)
{
	struct publish_batch batch = { .block_count = 4 };
	struct publish_block *block = batch.block;
	const struct lb_service_table *services;

	model_params(model, params);
	block[0] = (struct publish_block){
		.kind = LB_BLOCK_PARAMS, .data = params, .count = 1, .bytes = sizeof(*params)
	};
	block[1] = (struct publish_block){ .kind = LB_BLOCK_INSTANCES };
	block[1].data = model_instances(model, &block[1].count);
	block[1].bytes = block[1].count * (uint32_t)sizeof(struct lb_instance);
	services = model_services(model, &block[2].bytes);
	block[2].kind = LB_BLOCK_SERVICES;
	block[2].data = services;
	block[2].count = services->mask + 1;
	block[3] = (struct publish_block){ .kind = LB_BLOCK_POOL };
	block[3].pool = model_pool_find(model, "web")->id;
	block[3].data = model_pool_slots(model, block[3].pool, &block[3].count);
	block[3].bytes = block[3].count * 2;
	return batch;
}

static void publish_all(void)
{
	struct lb_params params;
	struct publish_batch batch = batch_make(&params);
	const struct publish_block *block = batch.block;
	uint32_t before = answered;

	assert_int_equal(publish_xdp_ops.send(backend, &batch), 0);
	wait_answer(before);
	for (uint32_t i = 0; i < batch.block_count; i++)
		assert_true(publish_xdp_ops.runs(backend, &block[i]));
}

struct tagged_syn {
	struct lb_eth eth;
	struct lb_vlan vlan;
	struct lb_ipv4 ip;
	struct lb_tcp tcp;
} LB_PACKED;

/* @tag: of the frame, 0: it has none. */
static void frame_send(uint16_t sport, uint16_t tag)
{
	const struct lb_segment *segment = publish_xdp_ops.segment(backend);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = LB_BE16(LB_ETHERTYPE_IPV4),
				  .sll_ifindex = (int)if_nametoindex("client") };
	struct tagged_syn frame = {
		.eth = { .type = LB_BE16(LB_ETHERTYPE_VLAN) },
		.vlan = { .tci = lb_cpu_to_be16(tag), .type = LB_BE16(LB_ETHERTYPE_IPV4) },
		.ip = { .version_ihl = 0x45,
			.total_len = LB_BE16(40),
			.ttl = 64,
			.proto = LB_IPPROTO_TCP,
			.src = lb_cpu_to_be32(0xc0000207),
			.dst = lb_cpu_to_be32(0xc633640a) },
		.tcp = { .sport = lb_cpu_to_be16(sport),
			 .dport = LB_BE16(80),
			 .doff = 0x50,
			 .flags = LB_TCP_SYN },
	};

	size_t bytes = sizeof(frame);

	assert_true(fd >= 0);
	memcpy(frame.eth.dst, segment->port_mac, LB_ETH_ALEN);
	frame.ip.csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(&frame.ip));
	if (!tag) {
		bytes -= sizeof(frame.vlan);
		frame.eth.type = frame.vlan.type;
		memmove(&frame.vlan, &frame.ip, bytes - sizeof(frame.eth));
	}
	assert_int_equal(sendto(fd, &frame, bytes, 0, (struct sockaddr *)&to, sizeof(to)), bytes);
	close(fd);
}

static void syn_send(uint16_t sport)
{
	frame_send(sport, 0);
}

/* Packets of each instance, over all CPUs. */
static uint64_t pkts_of(const struct lb_segment *segment, uint32_t index)
{
	uint64_t pkts = 0;

	for (uint32_t i = 0; i < segment->n_workers; i++)
		pkts += lb_segment_instance_stats(segment, i)[index].pkts;
	return pkts;
}

static uint64_t all_pkts(void)
{
	uint64_t pkts = 0;

	for (uint32_t i = 0; i < INSTANCES; i++)
		pkts += pkts_of(publish_xdp_ops.segment(backend), i);
	return pkts;
}

static void wait_pkts(uint64_t wanted)
{
	(void)COMES_TRUE(all_pkts() >= wanted);
	assert_int_equal(all_pkts(), wanted);
}

static void from_model_to_wire_and_back_after_a_restart(void **state)
{
	const struct lb_segment *segment;
	uint16_t index;
	uint64_t drained, boot_id;

	(void)state;
	daemon_start();
	publish_all();
	assert_true(last.acked_ns > last.sent_ns);
	segment = publish_xdp_ops.segment(backend);
	boot_id = segment->boot_id;
	assert_string_equal(segment->driver, "XDP, native mode");
	for (uint16_t port = 1000; port < 1100; port++)
		syn_send(port);
	wait_pkts(100);
	index = model_instance_find(model, "web/web-2")->index;
	assert_true(pkts_of(publish_xdp_ops.segment(backend), index) > 0);
	daemon_end();

	/* it is killed and comes back: the program went on, and nothing has moved */
	daemon_start();
	segment = publish_xdp_ops.segment(backend);
	assert_int_equal(segment->boot_id, boot_id);
	assert_int_equal(model_instance_find(model, "web/web-2")->index, index);
	assert_int_equal(all_pkts(), 100);
	drained = pkts_of(segment, index);
	model_admin_set(model, model_instance_find(model, "web/web-2"), MODEL_DRAIN);
	publish_all();
	for (uint16_t port = 2000; port < 2100; port++)
		syn_send(port);
	wait_pkts(200);
	assert_int_equal(pkts_of(publish_xdp_ops.segment(backend), index), drained);
	daemon_end();
}

static void lost_segment_begins_anew(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/xdp.segment", run_dir);
	assert_int_equal(unlink(path), 0);
	daemon_start();
	assert_int_equal(all_pkts(), 0);
	publish_all();
	syn_send(1);
	wait_pkts(1);
	daemon_end();
}

static struct explain explained(uint16_t port)
{
	static struct explain_room room;
	struct explain explain;
	struct flows_view view;
	const struct explain_query query = {
		.client = { 4, { 192, 0, 2, 7 } },
		.client_port = port,
		.vip = { 4, { 198, 51, 100, 10 } },
		.vip_port = 80,
	};

	assert_int_equal(publish_xdp_ops.view(backend, &view), 0);
	assert_string_equal(view.why_no_flows, "");
	explain_run(&view, &query, &room, &explain);
	assert_non_null(explain.service);
	if (explain.read == FLOWS_FOUND)
		assert_int_equal(view.region[explain.record.region].cpu, 1);
	flows_view_fini(&view);
	return explain;
}

/* As the maps have it: before the packet, and when it was recorded. */
static void connections_are_explained(void **state)
{
	(void)state;
	daemon_start();
	publish_all();
	for (uint16_t port = 3000; port < 3050; port++) {
		struct explain before = explained(port), after;
		const struct lb_segment *segment = publish_xdp_ops.segment(backend);
		uint32_t instance = before.begin.instance;
		uint64_t pkts = pkts_of(segment, instance), all = all_pkts();

		assert_int_equal(before.read, FLOWS_NOT_FOUND);
		syn_send(port);
		wait_pkts(all + 1);
		assert_int_equal(pkts_of(segment, instance), pkts + 1);
		after = explained(port);
		assert_int_equal(after.read, FLOWS_FOUND);
		assert_int_equal(after.record.state, LB_FLOW_UNCONFIRMED);
		assert_int_equal(after.go_on.instance, instance);
		assert_int_equal(after.go_on.why, EXPLAIN_RECORD);
	}
	daemon_end();
}

/* What comes to the client: it is told of tags beside the frames. */
static int tap_open(void)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = LB_BE16(ETH_P_ALL),
					.sll_ifindex = (int)if_nametoindex("client") };
	const struct timeval limit = { .tv_sec = PATIENCE_S };
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Wait for a forwarded SYN. Return: its tag; 0: it had none. */
static uint16_t tag_received(int fd)
{
	uint8_t frame[256];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec data = { frame, sizeof(frame) };

	for (;;) {
		struct msghdr message = { .msg_iov = &data,
					  .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		const struct lb_eth *eth = (const struct lb_eth *)frame;
		struct tpacket_auxdata aux = { 0 };

		if (recvmsg(fd, &message, 0) < 0)
			fail_msg("nothing was forwarded: %s", strerror(errno));
		if (eth->type != LB_BE16(LB_ETHERTYPE_IPV4))
			continue;
		if (CMSG_FIRSTHDR(&message))
			memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(aux));
		return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci & 0xfff : 0;
	}
}

/* As a VLAN interface does: the tag is beside the frame, until the driver or the kernel writes it there. */
static void tags_push(uint16_t tag)
{
	const struct bpf_insn push[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K,
		  .dst_reg = BPF_REG_2,
		  .imm = LB_BE16(LB_ETHERTYPE_VLAN) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = tag },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("client"),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);

	opts.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, NULL, "GPL", push,
				     sizeof(push) / sizeof(push[0]), NULL);
	assert_true(opts.prog_fd >= 0);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(opts.prog_fd);
}

/* A veth takes what its peer's XDP program sends only if it has a program itself. */
static void client_receives(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("client"), fd, 0, NULL), 0);
	close(fd);
}

/* Into the network that a frame comes from it is forwarded: with its tag, and without one if it had none. */
static void tagged_frames_keep_their_tag(void **state)
{
	int fd;

	(void)state;
	xdp_fixture_command("ethtool -K client txvlan off");
	client_receives();
	daemon_start();
	publish_all();
	fd = tap_open();
	for (uint16_t port = 3000; port < 3020; port++) {
		syn_send(port);
		assert_int_equal(tag_received(fd), 0);
		frame_send(port, 100);
		assert_int_equal(tag_received(fd), 100);
	}
	tags_push(200);
	for (uint16_t port = 3000; port < 3020; port++) {
		syn_send(port);
		assert_int_equal(tag_received(fd), 200);
	}
	close(fd);
	daemon_end();
}

/* Killed when the maps were made but the file was not: what comes later is kept all the same. */
static void half_finished_first_start_is_continued(void **state)
{
	uint64_t boot_id;

	(void)state;
	daemon_start();
	publish_xdp_object(backend)->control->boot_id = 0;
	daemon_end();
	daemon_start();
	boot_id = publish_xdp_object(backend)->control->boot_id;
	assert_true(boot_id != 0);
	publish_all();
	daemon_end();
	daemon_start();
	assert_true(publish_xdp_object(backend)->control->boot_id == boot_id);
	assert_true(publish_xdp_ops.segment(backend)->started_ns > 0);
	daemon_end();
}

/* As with virtio_net, which adds queues when a program is attached. */
static void queues_that_come_with_the_program_have_regions(void **state)
{
	const struct timeval limit = { .tv_sec = PATIENCE_S };
	struct lb_params params;
	struct publish_batch batch;

	(void)state;
	xdp_fixture_command("ip link del eth1 && ip link add eth1 numrxqueues 3 numtxqueues 3 "
			    "type veth peer name client && ethtool -L eth1 rx 1 tx 1 && "
			    "ip link set eth1 up && ip link set client up");
	has_handover = true;
	daemon_start();
	assert_int_equal(publish_xdp_object(backend)->regions, 1);
	xdp_fixture_command("ethtool -L eth1 rx 3 tx 3");
	batch = batch_make(&params);
	assert_int_equal(publish_xdp_ops.send(backend, &batch), -ENOTCONN);
	assert_int_equal(gone, 1);
	event_base_loopexit(base, &limit);
	while (connected == 1 && !event_base_got_exit(base))
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(connected, 2);
	/* the new maps are not to be used before the program is on the hook */
	assert_int_equal(publish_xdp_object(backend)->queues[0].is_attached, 0);
	publish_all();
	assert_int_equal(publish_xdp_object(backend)->regions, 3);
	assert_non_null(strstr(publish_xdp_ops.segment(backend)->note,
			       "queues 1 to 2 have no CPU in node.cpus"));
	assert_null(strstr(publish_xdp_ops.segment(backend)->note, "flow table"));
	assert_int_equal(publish_xdp_object(backend)->queues[0].is_attached, 1);
	daemon_end();

	/* and those are kept */
	daemon_start();
	assert_true(publish_xdp_object(backend)->adopted);
	assert_int_equal(publish_xdp_object(backend)->regions, 3);
	daemon_end();
	has_handover = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_model_to_wire_and_back_after_a_restart),
		cmocka_unit_test(connections_are_explained),
		cmocka_unit_test(lost_segment_begins_anew),
		cmocka_unit_test(tagged_frames_keep_their_tag),
		cmocka_unit_test(half_finished_first_start_is_continued),
		cmocka_unit_test(queues_that_come_with_the_program_have_regions),
	};

	return cmocka_run_group_tests(tests, namespaces, cleanup);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches into maps, and what the program then does with a packet. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "config/base/clock.h"
#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/sweep.h"
#include "controlplane/xdp/tables.h"
#include "controlplane/xdp/thread.h"
#include "tests/support/patience.h"
#include "tests/support/xdp_fixture.h"

#define SLOTS 1021
#define N_INSTANCES 4
#define UP (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

static const uint8_t port_mac[LB_ETH_ALEN] = { 2, 0xed, 0x9e, 0, 0, 1 };
static struct xdp_object object;
static struct publish_batch batch;
static uint64_t generation;
static uint16_t cpu;

static struct lb_params params = {
	.secret = "0123456789abcde",
	.timeouts.ticks = { 0, 100, 36000, 600, 50 },
	.mtu = 1500,
	.kernel_rate_pps = 1000000,
	.icmp_rate_pps = 1000000,
};
static struct lb_instance instances[N_INSTANCES];
static uint16_t slots[SLOTS];

static struct {
	struct lb_service_table table;
	struct lb_service slot[64];
} services;

static int maps_open(void **state)
{
	struct xdp_object_options opt = xdp_fixture_options(NULL);
	cpu_set_t set;

	(void)state;
	opt.pool_slots = SLOTS;
	opt.cpus = &cpu;
	opt.cpu_count = 1;
	cpu = (uint16_t)sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail_msg("%s", strerror(errno));
	xdp_fixture_namespaces();
	xdp_fixture_open(&object, &opt);
	return 0;
}

static int maps_close(void **state)
{
	(void)state;
	xdp_hook_detach(&object, 0);
	xdp_object_close(&object);
	return 0;
}

static void block_add(uint16_t kind, const void *data, uint32_t count, size_t bytes)
{
	batch.block[batch.block_count++] = (struct publish_block){
		.kind = kind, .data = data, .count = count, .bytes = (uint32_t)bytes
	};
}

static int apply(void)
{
	int err = xdp_tables_apply(&object, &batch, generation + 1, port_mac);

	generation += !err;
	memset(&batch, 0, sizeof(batch));
	assert_int_equal(xdp_tables_generation(&object), generation);
	return err;
}

static int slots_apply(uint16_t instance)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = instance;
	block_add(LB_BLOCK_POOL, slots, SLOTS, sizeof(slots));
	return apply();
}

static void services_fill(void)
{
	struct lb_service s = { .addr = { 203, 0, 113, 10 },
				.family = 4,
				.id = 1,
				.port = LB_BE16(443),
				.proto = LB_IPPROTO_TCP,
				.forward = LB_FORWARD_L2 };

	services.table.mask = 63;
	services.slot[lb_service_hash4(lb_load32(s.addr), s.port, s.proto, 0) & 63] = s;
}

static void world_publish(void)
{
	for (uint32_t i = 0; i < N_INSTANCES; i++) {
		struct lb_eth *eth = (struct lb_eth *)instances[i].header;
		struct lb_ipv4 *ip = (struct lb_ipv4 *)(eth + 1);

		instances[i] = (struct lb_instance){ .flags = UP, .mtu = LB_IPV4_MTU_MIN };
		eth->dst[5] = (uint8_t)i;
		eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
		ip->version_ihl = 0x45;
		ip->proto = LB_IPPROTO_IPIP;
	}
	services_fill();
	block_add(LB_BLOCK_PARAMS, &params, 1, sizeof(params));
	block_add(LB_BLOCK_SERVICES, &services, 64, sizeof(services));
	block_add(LB_BLOCK_INSTANCES, instances, N_INSTANCES, sizeof(instances));
	assert_int_equal(slots_apply(1), 0);
}

/* The instance that a packet goes to, told by its MAC address; -1: none. */
static int send(uint16_t sport, uint8_t flags)
{
	struct {
		struct lb_eth eth;
		struct lb_ipv4 ip;
		struct lb_tcp tcp;
	} LB_PACKED frame = {
		.eth = { .type = LB_BE16(LB_ETHERTYPE_IPV4) },
		.ip = { .version_ihl = 0x45,
			.total_len = LB_BE16(40),
			.ttl = 64,
			.proto = LB_IPPROTO_TCP,
			.src = lb_cpu_to_be32(0xc6336407),
			.dst = lb_cpu_to_be32(0xcb00710a) },
		.tcp = { .sport = lb_cpu_to_be16(sport),
			 .dport = LB_BE16(443),
			 .doff = 0x50,
			 .flags = flags },
	};
	uint8_t out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out));

	memcpy(frame.eth.dst, port_mac, sizeof(port_mac));
	frame.ip.csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(&frame.ip));
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(object.skel->progs.sluice_xdp), &opts), 0);
	return opts.retval == XDP_TX ? out[5] : -1;
}

static void first_generation_takes_effect_as_a_whole(void **state)
{
	(void)state;
	assert_int_equal(send(1, LB_TCP_SYN), -1);
	world_publish();
	assert_int_equal(send(1, LB_TCP_SYN), 1);
}

static int networks_apply(uint32_t n, lb_be16 vlan)
{
	services.table.n_networks = n;
	services.table.vlan[0] = vlan;
	for (uint32_t i = 0; i < 64; i++)
		services.slot[i].networks = services.slot[i].family ? (uint8_t)n : 0;
	block_add(LB_BLOCK_SERVICES, &services, 64, sizeof(services));
	return apply();
}

/* A frame without a tag, on a trunk without and with a network for it. */
static void networks_take_effect(void **state)
{
	(void)state;
	assert_int_equal(networks_apply(1, LB_BE16(10)), 0);
	assert_int_equal(send(1, LB_TCP_SYN), -1);
	assert_int_equal(networks_apply(1, 0), 0);
	assert_int_equal(send(1, LB_TCP_SYN), 1);
	assert_int_equal(networks_apply(0, 0), 0);
	assert_int_equal(send(1, LB_TCP_SYN), 1);
}

static void previous_table_is_kept_until_it_retires(void **state)
{
	(void)state;
	assert_int_equal(slots_apply(2), 0);
	assert_int_equal(send(100, LB_TCP_SYN), 2);
	assert_int_equal(send(101, LB_TCP_ACK), 1); /* begun before, elsewhere */
	batch.retire = 1;
	assert_int_equal(apply(), 0);
	assert_int_equal(send(102, LB_TCP_ACK), 2);
}

static void equal_table_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(slots_apply(3), 0);
	assert_int_equal(slots_apply(3), 0);
	assert_int_equal(send(200, LB_TCP_ACK), 2);
}

/* What is filled is never what is in use. */
static void many_changes_never_touch_what_is_in_use(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 20; i++) {
		uint16_t now = i % N_INSTANCES, before = (uint16_t)(i + 3) % N_INSTANCES;

		assert_int_equal(slots_apply(now), 0);
		assert_int_equal(send((uint16_t)(1000 + i), LB_TCP_SYN), now);
		assert_int_equal(send((uint16_t)(2000 + i), LB_TCP_ACK), before);
		if (i % 3 == 0) {
			instances[before].flags ^= LB_INSTANCE_SERVES;
			block_add(LB_BLOCK_INSTANCES, instances, N_INSTANCES, sizeof(instances));
			assert_int_equal(apply(), 0);
			assert_int_equal(send((uint16_t)(3000 + i), LB_TCP_ACK), now);
			instances[before].flags ^= LB_INSTANCE_SERVES;
			block_add(LB_BLOCK_INSTANCES, instances, N_INSTANCES, sizeof(instances));
			assert_int_equal(apply(), 0);
		}
	}
}

static void unsound_blocks_change_nothing(void **state)
{
	static uint16_t too_high[SLOTS];
	struct lb_params other;

	(void)state;
	assert_int_equal(slots_apply(1), 0);
	too_high[SLOTS - 1] = LB_INSTANCES_MAX;
	block_add(LB_BLOCK_POOL, too_high, SLOTS, sizeof(too_high));
	assert_int_equal(apply(), -EINVAL);
	block_add(LB_BLOCK_POOL, slots, SLOTS, sizeof(slots) - 1);
	assert_int_equal(apply(), -EINVAL);
	block_add(LB_BLOCK_SERVICES, &services, 63, sizeof(services));
	assert_int_equal(apply(), -EINVAL);
	block_add(LB_BLOCK_INSTANCES, instances, LB_INSTANCES_MAX + 1, sizeof(instances));
	assert_int_equal(apply(), -EINVAL);
	block_add(LB_BLOCK_KINDS, instances, 1, 64);
	assert_int_equal(apply(), -EINVAL);
	other = params;
	other.mtu = 500;
	block_add(LB_BLOCK_PARAMS, &other, 1, sizeof(other));
	assert_int_equal(apply(), -EINVAL);
	other = params;
	other.timeouts.ticks[LB_FLOW_STATES - 1] = UINT16_MAX;
	block_add(LB_BLOCK_PARAMS, &other, 1, sizeof(other));
	assert_int_equal(apply(), -EINVAL);
	instances[0].flags ^= LB_INSTANCE_OUTER6; /* a header of another family */
	block_add(LB_BLOCK_INSTANCES, instances, N_INSTANCES, sizeof(instances));
	assert_int_equal(apply(), -EINVAL);
	instances[0].flags ^= LB_INSTANCE_OUTER6;
	services.table.seed++; /* the service would not be found */
	block_add(LB_BLOCK_SERVICES, &services, 64, sizeof(services));
	assert_int_equal(apply(), -EINVAL);
	services.table.seed--;
	other = params;
	other.secret[0]++;
	block_add(LB_BLOCK_PARAMS, &other, 1, sizeof(other));
	assert_int_equal(apply(), -EKEYREJECTED);
	assert_int_equal(send(300, LB_TCP_SYN), 1);
}

static void successor_continues_with_running_tables(void **state)
{
	(void)state;
	assert_int_equal(slots_apply(2), 0);
	memset(&object.control->generation[!object.control->active], 0xff,
	       sizeof(object.control->generation[0])); /* it died while filling */
	assert_int_equal(send(400, LB_TCP_SYN), 2);
	assert_int_equal(slots_apply(3), 0);
	assert_int_equal(send(401, LB_TCP_SYN), 3);
	assert_int_equal(send(402, LB_TCP_ACK), 2);
}

/* Nobody sends any more: the thread ends the flows, and the counts come back to zero. */
static void flows_end_without_packets(void **state)
{
	struct lb_params short_lived = params;
	struct xdp_sweep *sweep;

	(void)state;
	for (uint32_t i = 0; i < LB_FLOW_STATES; i++)
		short_lived.timeouts.ticks[i] = 2;
	block_add(LB_BLOCK_PARAMS, &short_lived, 1, sizeof(short_lived));
	assert_int_equal(slots_apply(1), 0);
	for (uint16_t port = 5000; port < 5100; port++)
		assert_int_equal(send(port, LB_TCP_SYN), 1);
	assert_true(object.cpus[cpu].stats.flows >= 100);
	sweep = xdp_sweep_create(&object, &cpu, 1);
	assert_non_null(sweep);
	assert_true(COMES_TRUE(object.cpus[cpu].stats.flows == 0));
	assert_int_equal(object.counts[(size_t)cpu * LB_XDP_INSTANCES_MAX + 1].flows, 0);
	xdp_sweep_destroy(sweep);
}

static void grace_periods_are_waited_for_elsewhere(void **state)
{
	struct xdp_thread *thread = xdp_thread_create();
	struct pollfd over;

	(void)state;
	assert_non_null(thread);
	over = (struct pollfd){ .fd = xdp_thread_fd(thread), .events = POLLIN };
	assert_int_equal(xdp_thread_answer(thread), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(xdp_thread_sync(thread), 0);
		assert_int_equal(poll(&over, 1, PATIENCE_MS), 1);
		assert_int_equal(xdp_thread_answer(thread), 0);
	}
	xdp_thread_destroy(thread);
}

static long sleeps(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

/* A grace period of RCU in each would make it two a run; a few may be the kernel's, for memory. */
static void sweeping_does_not_sleep(void **state)
{
	const int runs = 100;
	long before = sleeps();

	(void)state;
	for (int i = 0; i < runs; i++)
		assert_int_equal(xdp_sweep_part(&object, 0), LB_XDP_SWEEP_BUCKETS);
	assert_in_range(sleeps() - before, 0, runs / 10);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Nor does a change wait for the sweep, however many tables are swept meanwhile. */
static void publishing_does_not_wait_for_sweeps(void **state)
{
	const struct sched_param urgent = { .sched_priority = 1 }, before = { 0 };
	enum { REGIONS = 16, CHANGES = 200, P90_MAX_US = 1000 };
	static uint64_t took_ns[CHANGES];
	struct xdp_thread *thread;
	uint16_t cpus[REGIONS];
	struct xdp_sweep *sweep;
	struct pollfd over;

	(void)state;
	/* Without a real-time priority, waits for a CPU would be what is measured. */
	if (sched_setscheduler(0, SCHED_FIFO, &urgent))
		skip();
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &before), 0); /* threads inherit it */
	for (int i = 0; i < REGIONS; i++)
		cpus[i] = cpu;
	thread = xdp_thread_create();
	sweep = xdp_sweep_create(&object, cpus, REGIONS);
	assert_non_null(thread);
	assert_non_null(sweep);
	over = (struct pollfd){ .fd = xdp_thread_fd(thread), .events = POLLIN };
	assert_int_equal(sched_setscheduler(0, SCHED_FIFO, &urgent), 0);
	for (int i = 0; i < CHANGES; i++) {
		uint64_t began = clock_now_ns();

		assert_int_equal(xdp_thread_sync(thread), 0);
		assert_int_equal(poll(&over, 1, PATIENCE_MS), 1);
		assert_int_equal(xdp_thread_answer(thread), 0);
		took_ns[i] = clock_now_ns() - began;
		usleep(3000);
	}
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &before), 0);
	xdp_sweep_destroy(sweep);
	xdp_thread_destroy(thread);
	qsort(took_ns, CHANGES, sizeof(took_ns[0]), by_value);
	print_message("# with %d regions: median %lu, p90 %lu, worst %lu us\n", REGIONS,
		      took_ns[CHANGES / 2] / 1000, took_ns[CHANGES * 9 / 10] / 1000,
		      took_ns[CHANGES - 1] / 1000);
	assert_in_range(took_ns[CHANGES * 9 / 10] / 1000, 0, P90_MAX_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_generation_takes_effect_as_a_whole),
		cmocka_unit_test(networks_take_effect),
		cmocka_unit_test(previous_table_is_kept_until_it_retires),
		cmocka_unit_test(equal_table_changes_nothing),
		cmocka_unit_test(many_changes_never_touch_what_is_in_use),
		cmocka_unit_test(unsound_blocks_change_nothing),
		cmocka_unit_test(successor_continues_with_running_tables),
		cmocka_unit_test(flows_end_without_packets),
		cmocka_unit_test(grace_periods_are_waited_for_elsewhere),
		cmocka_unit_test(sweeping_does_not_sleep),
		cmocka_unit_test(publishing_does_not_wait_for_sweeps),
	};

	return cmocka_run_group_tests(tests, maps_open, maps_close);
}

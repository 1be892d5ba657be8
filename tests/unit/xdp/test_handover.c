/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beside a DPDK process: whose a packet is. The process is played by this test, with a socket that is real
 * enough for the kernel, and the clock is the test's.
 */
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/support/patience.h"
#include "tests/support/xdp_world.h"

#define VIP 0xcb00710au
#define CLIENT 0xc6336407u
#define N_INSTANCES 4
#define SLOTS 251
#define UP (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS)
#define TICKS 1000
#define PROCESS 77u
#define UMEM_BYTES (16u << 12)

struct world {
	struct harness *h; /* tables only */
	struct xdp_world *xdp;
	struct lb_handover *queue;
	int socket;
	void *umem;
};

static int socket_option(int fd, int option, uint32_t value)
{
	return setsockopt(fd, SOL_XDP, option, &value, sizeof(value));
}

/* As far as the kernel wants one to be ready before a map takes it. */
static void socket_make(struct world *w)
{
	struct xdp_umem_reg umem = { .len = UMEM_BYTES, .chunk_size = 4096 };

	w->socket = socket(AF_XDP, SOCK_RAW, 0);
	w->umem =
		mmap(NULL, UMEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(w->socket >= 0);
	assert_ptr_not_equal(w->umem, MAP_FAILED);
	umem.addr = (uint64_t)(uintptr_t)w->umem;
	assert_int_equal(setsockopt(w->socket, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)), 0);
	assert_int_equal(socket_option(w->socket, XDP_UMEM_FILL_RING, 64), 0);
	assert_int_equal(socket_option(w->socket, XDP_UMEM_COMPLETION_RING, 64), 0);
	assert_int_equal(socket_option(w->socket, XDP_RX_RING, 64), 0);
	assert_int_equal(xdp_world_socket_set(w->xdp, w->socket), 0);
}

static void tables_fill(struct world *w)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .forward = LB_FORWARD_L2 };
	struct lb_instance instances[N_INSTANCES];
	uint16_t slots[SLOTS];

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		harness_instance(&instances[i], i, 4, UP);
	for (uint16_t i = 0; i < SLOTS; i++)
		slots[i] = i % N_INSTANCES;
	harness_services(w->h, &service, 1);
	harness_put(w->h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), N_INSTANCES);
	harness_put(w->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	xdp_world_publish(w->xdp, w->h);
}

static int world_create(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->h = harness_create(1000);
	w->xdp = xdp_world_create_handover(w->h, 1, false);
	w->queue = w->xdp->queues;
	w->queue->by_xdp = 1;
	tables_fill(w);
	xdp_world_clock_set(w->xdp, TICKS);
	socket_make(w);
	*state = w;
	return 0;
}

static int world_destroy(void **state)
{
	struct world *w = *state;

	close(w->socket);
	munmap(w->umem, UMEM_BYTES);
	xdp_world_destroy(w->xdp);
	harness_destroy(w->h);
	free(w);
	return 0;
}

static void beat(struct world *w, uint64_t age_ns)
{
	w->queue->process = PROCESS;
	w->queue->beat_ns = TICKS * LB_FLOW_TICK_NS - age_ns;
}

static void process_is_well(struct world *w)
{
	w->queue->allowed = PROCESS;
	beat(w, 1000000);
}

static uint32_t run(struct world *w, struct rte_mbuf *m)
{
	struct xdp_run run = { .frame = rte_pktmbuf_mtod(m, const uint8_t *),
			       .len = m->data_len,
			       .headroom = -1 };

	xdp_world_run(w->xdp, &run);
	rte_pktmbuf_free(m);
	return run.action;
}

static struct rte_mbuf *tcp_make(struct world *w, uint16_t sport, uint8_t flags)
{
	const struct harness_tcp tcp = {
		.src = CLIENT, .dst = VIP, .sport = sport, .dport = 443, .flags = flags
	};

	return harness_tcp4(w->h, &tcp);
}

static uint32_t tcp_send(struct world *w, uint16_t sport, uint8_t flags)
{
	return run(w, tcp_make(w, sport, flags));
}

static uint32_t node_send(struct world *w)
{
	const struct harness_tcp tcp = {
		.src = CLIENT, .dst = 0x0a000005, .sport = 9, .dport = 22
	};

	return run(w, harness_tcp4(w->h, &tcp));
}

static void without_a_process_xdp_balances(void **state)
{
	struct world *w = *state;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	assert_int_equal(node_send(w), XDP_PASS);
	assert_int_equal(w->xdp->cpu->stats.rx_pkts, 2);
	assert_int_equal(w->xdp->cpu->stats.flows, 1);
	assert_int_equal(w->queue->takeovers, 0);
}

static void live_process_gets_only_service_packets(void **state)
{
	struct world *w = *state;

	process_is_well(w);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_REDIRECT);
	assert_int_equal(node_send(w), XDP_PASS);
	assert_int_equal(w->queue->handed_pkts, 1);
	assert_int_equal(w->queue->by_xdp, 0);
	/* What is handed over is counted there. */
	assert_int_equal(w->xdp->cpu->stats.rx_pkts, 1);
	assert_int_equal(w->xdp->cpu->stats.kernel_pkts, 1);
	assert_int_equal(w->xdp->cpu->stats.flows, 0);
	assert_int_equal(w->queue->lock, 0);
}

static void no_packet_without_the_current_tables(void **state)
{
	struct world *w = *state;

	beat(w, 0);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	w->queue->allowed = PROCESS + 1;
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	w->queue->allowed = PROCESS;
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_REDIRECT);
}

static void no_packet_with_a_stale_heartbeat(void **state)
{
	struct world *w = *state;

	process_is_well(w);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_REDIRECT);
	beat(w, LB_BEAT_OLD_NS - 1);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_REDIRECT);
	beat(w, LB_BEAT_OLD_NS);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	assert_int_equal(w->queue->takeovers, 1);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->queue->takeovers, 1); /* one takeover, however many packets */
	w->queue->beat_ns = 0;
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	process_is_well(w);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_REDIRECT);
	beat(w, LB_BEAT_OLD_NS);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->queue->takeovers, 2);
}

static void no_packet_without_a_socket(void **state)
{
	struct world *w = *state;

	process_is_well(w);
	assert_int_equal(xdp_world_socket_set(w->xdp, -1), 0);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	socket_make(w);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_REDIRECT);
	close(w->socket); /* as the kernel does for a process that has ended */
	assert_true(COMES_TRUE(tcp_send(w, 1000, LB_TCP_ACK) == XDP_TX));
	socket_make(w);
}

/* The process's part: a flow at an instance that the slots would not give it. */
static uint16_t flow_move(struct world *w, uint16_t sport)
{
	uint64_t key = lb_flow_key4(lb_cpu_to_be32(CLIENT), lb_cpu_to_be16(sport), 1);

	for (uint32_t i = 0; i < w->xdp->n_buckets; i++) {
		struct lb_bucket *bucket = &w->xdp->flows[i];
		int slot = lb_bucket_find(bucket, key);

		if (slot < 0)
			continue;
		bucket->home[slot] =
			(uint16_t)((lb_bucket_instance(bucket, (uint32_t)slot) + 1) % N_INSTANCES);
		return bucket->home[slot];
	}
	return LB_INSTANCE_NONE;
}

/* What an instance got from late queues: each CPU has a row for them. */
static uint64_t late_sent(const struct world *w, uint16_t instance)
{
	const uint32_t n = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	uint64_t pkts = 0;

	for (uint32_t i = 0; i < n; i++)
		pkts += w->xdp->counts[(w->xdp->regions + i) * LB_XDP_INSTANCES_MAX + instance]
				.pkts;
	return pkts;
}

static uint32_t late_queue_send(struct world *w, uint16_t sport, uint8_t flags)
{
	struct rte_mbuf *m = tcp_make(w, sport, flags);
	struct xdp_run run = { .frame = rte_pktmbuf_mtod(m, const uint8_t *),
			       .len = m->data_len,
			       .headroom = -1,
			       .ifindex = if_nametoindex("late0"),
			       .queue = 1 };

	xdp_world_run(w->xdp, &run);
	rte_pktmbuf_free(m);
	return run.action;
}

/* One that the port did not have when the maps were made: nothing is the kernel's that is a service's. */
static void late_queue_is_balanced(void **state)
{
	struct world *w = *state;
	const uint32_t n = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	uint64_t rx_pkts = 0, sent;
	uint16_t instance;

	if (unshare(CLONE_NEWNET) ||
	    system("ip link add late0 numrxqueues 2 type veth peer name late1"))
		fail_msg("no interface with two queues");
	process_is_well(w);
	assert_int_equal(late_queue_send(w, 1000, LB_TCP_SYN), XDP_TX);
	assert_int_equal(late_queue_send(w, 1000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->queue->handed_pkts, 0);
	assert_int_equal(w->xdp->cpu->stats.rx_pkts, 0);
	for (uint32_t i = 0; i < n; i++)
		rx_pkts += w->xdp->cpus[w->xdp->regions + i].stats.rx_pkts;
	assert_int_equal(rx_pkts, 2);
	/* A flow that the other queue has stays where it is. */
	w->queue->allowed = 0;
	assert_int_equal(tcp_send(w, 2000, LB_TCP_SYN), XDP_TX);
	instance = flow_move(w, 2000);
	sent = late_sent(w, instance);
	assert_int_equal(late_queue_send(w, 2000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(late_sent(w, instance), sent + 1);
	assert_int_equal(tcp_send(w, 2000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->xdp->counts[instance].pkts, 1);
	assert_int_equal(w->xdp->cpu->stats.flows, 1);
}

/* The worker was killed or stopped within a burst. */
static void dead_worker_does_not_block(void **state)
{
	struct world *w = *state;

	process_is_well(w);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_REDIRECT);
	w->queue->lock |= LB_HELD_BY_WORKER;
	beat(w, LB_BEAT_OLD_NS);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	assert_int_equal(w->queue->lock & LB_HANDOVER_HOLDER, LB_HELD_BY_NOBODY);
	assert_true(w->queue->lock >= LB_HANDOVER_TERM);
	assert_int_equal(w->queue->takeovers, 1);
	assert_int_equal(w->xdp->cpu->stats.flows, 1);
}

/* Another one has the lock for long: the region is read, and not written. */
static void check_not_written(struct world *w, uint32_t holder)
{
	const uint64_t rx_pkts = w->xdp->cpu->stats.rx_pkts;
	const uint32_t flows = w->xdp->cpu->stats.flows, lock = w->queue->lock | holder;
	uint16_t instance = flow_move(w, 1000);
	uint64_t sent = late_sent(w, instance);

	w->queue->lock = lock;
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(late_sent(w, instance), sent + 1);
	assert_int_equal(tcp_send(w, 1001, LB_TCP_SYN), XDP_TX);
	assert_int_equal(w->xdp->cpu->stats.flows, flows);
	assert_int_equal(w->xdp->cpu->stats.rx_pkts, rx_pkts);
	assert_int_equal(w->queue->lock, lock);
	w->queue->lock &= ~LB_HANDOVER_HOLDER;
}

/* The sweep, or this program on another CPU; a hypervisor has stopped it. */
static void without_the_lock_nothing_is_written(void **state)
{
	struct world *w = *state;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	check_not_written(w, LB_HELD_BY_SWEEP);
	check_not_written(w, LB_HELD_BY_XDP);
	assert_int_equal(tcp_send(w, 1001, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->xdp->cpu->stats.rx_pkts, 2);
	assert_int_equal(w->xdp->cpu->stats.flows, 2);
}

/* It wants no packets any more, and is in the middle of its last burst. */
static void ending_worker_is_waited_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	process_is_well(w);
	w->queue->process = LB_HANDOVER_NO_PACKETS;
	check_not_written(w, LB_HELD_BY_WORKER);
	assert_int_equal(w->queue->handed_pkts, 0);
	w->queue->lock |= LB_HELD_BY_WORKER;
	w->queue->beat_ns = 0;
	assert_int_equal(tcp_send(w, 1001, LB_TCP_SYN), XDP_TX);
	assert_int_equal(w->xdp->cpu->stats.flows, 2);
}

static void flows_of_the_process_are_found(void **state)
{
	struct world *w = *state;
	uint16_t instance;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	instance = flow_move(w, 1000);
	assert_in_range(instance, 0, N_INSTANCES - 1);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	assert_int_equal(w->xdp->counts[instance].pkts, 1);
}

static void sweep_leaves_regions_of_live_workers(void **state)
{
	struct world *w = *state;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	w->queue->allowed = PROCESS;
	w->queue->process = PROCESS;
	w->queue->beat_ns = UINT64_MAX / 2; /* the sweep has the real clock for this */
	xdp_world_clock_set(w->xdp, TICKS + 40000);
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->cpu->stats.flows, 1);
	w->queue->beat_ns = 0;
	w->queue->lock |= LB_HELD_BY_WORKER;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->cpu->stats.flows, 1); /* and does not take a lock at first sight */
	w->queue->lock &= ~LB_HANDOVER_HOLDER;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->xdp->cpu->stats.flows, 0);
	assert_int_equal(w->queue->lock & LB_HANDOVER_HOLDER, LB_HELD_BY_NOBODY);
}

/* Where a flow is. */
static struct lb_flow_ref flow_at(struct world *w, uint16_t sport, uint32_t *index)
{
	uint64_t key = lb_flow_key4(lb_cpu_to_be32(CLIENT), lb_cpu_to_be16(sport), 1);

	for (*index = 0; *index < w->xdp->n_buckets; ++*index) {
		int slot = lb_bucket_find(&w->xdp->flows[*index], key);

		if (slot >= 0)
			return (struct lb_flow_ref){ &w->xdp->flows[*index], (uint32_t)slot };
	}
	fail();
	return (struct lb_flow_ref){ NULL, 0 };
}

/*
 * As a worker leaves it that had recorded two flows and is killed while it records the second one, or forgets it:
 * @there: with its key, which is not counted yet.
 */
static uint16_t worker_dies(struct world *w, bool there)
{
	struct lb_journal *journal = &w->queue->journal;
	uint16_t instance, first;
	struct lb_flow_ref ref;
	uint32_t index;

	assert_int_equal(tcp_send(w, 1000, LB_TCP_SYN), XDP_TX);
	assert_int_equal(tcp_send(w, 1001, LB_TCP_SYN), XDP_TX);
	ref = flow_at(w, 1000, &index);
	first = lb_bucket_instance(ref.bucket, ref.slot);
	ref = flow_at(w, 1001, &index);
	instance = lb_bucket_instance(ref.bucket, ref.slot);
	*journal = (struct lb_journal){ .key = ref.bucket->key[ref.slot],
					.bucket = index,
					.slot = (uint16_t)ref.slot,
					.all = 1,
					.flows = { 0, first == instance },
					.instance = { LB_INSTANCE_NONE, instance },
					.is_open = 1 };
	if (!there)
		ref.bucket->key[ref.slot] = 0;
	/* they are the worker's */
	w->xdp->cpu->stats.flows = 0;
	memset(w->xdp->counts, 0, N_INSTANCES * sizeof(*w->xdp->counts));
	w->xdp->worker->flows = there ? 1 : 2;
	w->xdp->worker_counts[first].flows++;
	w->xdp->worker_counts[instance].flows += !there;
	process_is_well(w);
	w->queue->by_xdp = 0;
	w->queue->lock |= LB_HELD_BY_WORKER;
	beat(w, LB_BEAT_OLD_NS);
	return instance;
}

/* Flows and counts of both sides. */
static void check_flows(struct world *w, uint32_t flows)
{
	uint32_t counted = 0, held = 0;

	for (uint32_t i = 0; i < N_INSTANCES; i++)
		counted += w->xdp->counts[i].flows + w->xdp->worker_counts[i].flows;
	for (uint32_t i = 0; i < w->xdp->n_buckets; i++)
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			held += w->xdp->flows[i].key[slot] != 0;
	assert_int_equal(held, flows);
	assert_int_equal(counted, flows);
	assert_int_equal(w->xdp->cpu->stats.flows + w->xdp->worker->flows, flows);
	assert_int_equal(w->queue->journal.is_open, 0);
	assert_int_equal(w->queue->lock & LB_HANDOVER_HOLDER, LB_HELD_BY_NOBODY);
}

static void what_a_dead_worker_left_is_counted_before_the_next_packet(void **state)
{
	struct world *w = *state;
	uint16_t instance = worker_dies(w, true);

	assert_int_equal(tcp_send(w, 1002, LB_TCP_SYN), XDP_TX);
	check_flows(w, 3);
	assert_true(w->xdp->worker_counts[instance].flows > 0);
}

static void flow_removed_by_a_dead_worker_is_not_counted(void **state)
{
	struct world *w = *state;
	uint32_t index;

	worker_dies(w, false);
	assert_int_equal(tcp_send(w, 1000, LB_TCP_ACK), XDP_TX);
	check_flows(w, 1);
	flow_at(w, 1000, &index);
}

/* No packet comes, and no successor. */
static void the_sweep_finds_what_a_dead_worker_left(void **state)
{
	struct world *w = *state;

	worker_dies(w, true);
	w->queue->beat_ns = 0;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->queue->lock & LB_HANDOVER_HOLDER, LB_HELD_BY_WORKER);
	xdp_world_sweep(w->xdp);
	check_flows(w, 2);
	assert_true(w->queue->lock >= LB_HANDOVER_TERM);
}

/* It has the lock for a burst, whenever the sweep looks. */
static void sweep_takes_no_lock_from_a_live_worker(void **state)
{
	struct world *w = *state;

	w->queue->process = PROCESS;
	w->queue->beat_ns = UINT64_MAX / 2;
	w->queue->lock |= LB_HELD_BY_WORKER;
	for (uint32_t i = 0; i < 3; i++)
		xdp_world_sweep(w->xdp);
	assert_int_equal(w->queue->lock, LB_HELD_BY_WORKER);
	w->queue->beat_ns = 0;
	xdp_world_sweep(w->xdp);
	w->queue->beat_ns = UINT64_MAX / 2;
	xdp_world_sweep(w->xdp);
	w->queue->beat_ns = 0;
	xdp_world_sweep(w->xdp);
	assert_int_equal(w->queue->lock, LB_HELD_BY_WORKER);
}

#define HANDOVER_TEST(name) cmocka_unit_test_setup_teardown(name, world_create, world_destroy)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HANDOVER_TEST(without_a_process_xdp_balances),
		HANDOVER_TEST(live_process_gets_only_service_packets),
		HANDOVER_TEST(no_packet_without_the_current_tables),
		HANDOVER_TEST(no_packet_with_a_stale_heartbeat),
		HANDOVER_TEST(no_packet_without_a_socket),
		HANDOVER_TEST(dead_worker_does_not_block),
		HANDOVER_TEST(flows_of_the_process_are_found),
		HANDOVER_TEST(without_the_lock_nothing_is_written),
		HANDOVER_TEST(ending_worker_is_waited_for),
		HANDOVER_TEST(late_queue_is_balanced),
		HANDOVER_TEST(sweep_leaves_regions_of_live_workers),
		HANDOVER_TEST(what_a_dead_worker_left_is_counted_before_the_next_packet),
		HANDOVER_TEST(flow_removed_by_a_dead_worker_is_not_counted),
		HANDOVER_TEST(the_sweep_finds_what_a_dead_worker_left),
		HANDOVER_TEST(sweep_takes_no_lock_from_a_live_worker),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

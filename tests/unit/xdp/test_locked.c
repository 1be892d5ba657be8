/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that find their region locked: beside a DPDK process by anyone, otherwise by the sweep on
 * their own CPU. They are forwarded as if it were not, and nothing is recorded.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/support/xdp_world.h"

#define VIP 0xcb00710au
#define CLIENT 0xc6336407u
#define N_INSTANCES 4
#define SLOTS 251
#define REGIONS 2
#define PORTS 100
#define REACHABLE (LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define DRAINED (REACHABLE | LB_INSTANCE_SERVES)
#define UP (DRAINED | LB_INSTANCE_ACCEPTS)
#define TICKS 1000
#define WATCH_S 60

struct world {
	struct harness *h; /* tables only */
	struct xdp_world *xdp;
	struct lb_instance instances[N_INSTANCES];
	uint32_t n_rows;
};

static void publish(struct world *w, uint32_t mask)
{
	uint16_t slots[SLOTS], n = 0, member[N_INSTANCES];

	for (uint16_t i = 0; i < N_INSTANCES; i++)
		if (mask & 1u << i)
			member[n++] = i;
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = member[i % n];
	harness_put(w->h, LB_BLOCK_INSTANCES, 0, w->instances, sizeof(w->instances), N_INSTANCES);
	harness_put(w->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	xdp_world_publish(w->xdp, w->h);
}

static void world_make(void **state, bool has_handover)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .forward = LB_FORWARD_L2 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->h = harness_create(1000);
	w->xdp = has_handover ? xdp_world_create_handover(w->h, REGIONS, false)
			      : xdp_world_create(w->h, REGIONS, false);
	w->n_rows = (uint32_t)sysconf(_SC_NPROCESSORS_CONF) + (has_handover ? REGIONS : 0);
	for (uint16_t i = 0; i < N_INSTANCES; i++)
		harness_instance(&w->instances[i], i, 4, UP);
	harness_services(w->h, &service, 1);
	publish(w, 0xf);
	xdp_world_clock_set(w->xdp, TICKS);
	*state = w;
}

static int world_create(void **state)
{
	world_make(state, false);
	return 0;
}

static int world_create_handover(void **state)
{
	world_make(state, true);
	return 0;
}

static int world_destroy(void **state)
{
	struct world *w = *state;

	xdp_world_destroy(w->xdp);
	harness_destroy(w->h);
	free(w);
	return 0;
}

static void lock_set(struct world *w, bool on)
{
	if (!w->xdp->queues)
		w->xdp->cpu->sweeping = on;
	else
		w->xdp->queues->lock = (w->xdp->queues->lock & ~LB_HANDOVER_HOLDER) |
				       (on ? LB_HELD_BY_SWEEP : LB_HELD_BY_NOBODY);
}

/* Return: the instance that it goes to, or -1. */
static int send_seq(struct world *w, bool locked, uint16_t sport, uint8_t flags, uint32_t seq)
{
	const struct harness_tcp tcp = {
		.src = CLIENT, .dst = VIP, .sport = sport, .dport = 443, .flags = flags, .seq = seq
	};
	struct rte_mbuf *m = harness_tcp4(w->h, &tcp);
	struct xdp_run run = { .frame = rte_pktmbuf_mtod(m, const uint8_t *),
			       .len = m->data_len,
			       .headroom = -1 };

	lock_set(w, locked);
	xdp_world_run(w->xdp, &run);
	lock_set(w, false);
	rte_pktmbuf_free(m);
	return run.action == XDP_TX ? run.out[4] << 8 | run.out[5] : -1;
}

static int send(struct world *w, bool locked, uint16_t sport, uint8_t flags)
{
	return send_seq(w, locked, sport, flags, 0);
}

static uint64_t dropped(const struct world *w)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < w->n_rows; i++)
		n += w->xdp->cpus[i].stats.drop[LB_DROP_NO_INSTANCE];
	return n;
}

/* In other regions, until the clock advances. */
static void no_lookups(struct world *w)
{
	for (uint32_t i = 0; i < w->n_rows; i++)
		w->xdp->cpus[i].peek_rate.tokens = 0;
}

static void nothing_is_recorded(void **state)
{
	struct world *w = *state;
	const size_t bytes = sizeof(struct lb_bucket) * REGIONS * w->xdp->n_buckets;
	struct lb_bucket *before = malloc(bytes);

	assert_non_null(before);
	for (uint16_t port = 0; port < PORTS; port++)
		assert_true(send(w, false, (uint16_t)(1000 + port), LB_TCP_SYN) >= 0);
	memcpy(before, w->xdp->flows, bytes);
	for (uint16_t port = 0; port < PORTS; port++) {
		assert_true(send(w, true, (uint16_t)(2000 + port), LB_TCP_SYN) >= 0);
		assert_true(send(w, true, (uint16_t)(3000 + port), LB_TCP_ACK) >= 0);
	}
	assert_memory_equal(w->xdp->flows, before, bytes);
	assert_int_equal(w->xdp->cpu->stats.flows, PORTS);
	assert_int_equal(dropped(w), 0);
	free(before);
}

/* Only the table knows them: neither generation of slots names instance 2. */
static void the_region_is_read_whatever_the_limit_of_lookups(void **state)
{
	struct world *w = *state;
	uint32_t n = 0;

	for (uint16_t port = 0; port < PORTS; port++)
		n += send(w, false, port + 1, LB_TCP_SYN) == 2;
	assert_in_range(n, 1, PORTS - 1);
	w->instances[2].flags = DRAINED;
	publish(w, 0xb);
	publish(w, 0x9);
	assert_true(send(w, true, 9999, LB_TCP_ACK) >= 0); /* refills the limit */
	no_lookups(w);
	for (uint16_t port = 0; port < PORTS; port++)
		n -= send(w, true, port + 1, LB_TCP_ACK) == 2;
	assert_int_equal(n, 0);
}

/* The two generations of slots have nothing in common. */
static void a_syn_goes_where_its_flow_will(void **state)
{
	struct world *w = *state;

	publish(w, 0x3);
	publish(w, 0xc);
	for (uint16_t port = 1; port < PORTS; port++) {
		int instance = send(w, true, port, LB_TCP_SYN);

		assert_in_range(instance, 0, 1);
		assert_int_equal(send(w, port % 2, port, LB_TCP_ACK), instance);
		assert_int_equal(send(w, false, port, LB_TCP_ACK), instance);
	}
}

static void a_syn_is_dropped_where_its_flow_would_be_reset(void **state)
{
	struct world *w = *state;

	publish(w, 0x3);
	w->instances[0].flags = w->instances[1].flags = DRAINED;
	publish(w, 0xc);
	for (uint16_t port = 1; port < PORTS; port++) {
		int instance;

		assert_int_equal(send(w, true, port, LB_TCP_SYN), -1);
		assert_int_equal(dropped(w), port);
		instance = send(w, false, port, LB_TCP_SYN);
		assert_in_range(instance, 2, 3);
		assert_int_equal(send(w, true, port, LB_TCP_SYN), instance);
		assert_int_equal(send(w, port % 2, port, LB_TCP_ACK), instance);
	}
}

/* Another CPU has recorded the flow too, without a look at the record here. */
static void a_syn_is_dropped_whatever_others_have_recorded(void **state)
{
	struct world *w = *state;
	uint16_t port = 1;

	while (send(w, false, port, LB_TCP_SYN) != 2)
		port++;
	w->instances[2].flags = DRAINED;
	publish(w, 0xb);
	publish(w, 0x9);
	no_lookups(w);
	w->xdp->cpu->region = 1;
	assert_int_not_equal(send(w, false, port, LB_TCP_ACK), 2);
	w->xdp->cpu->region = 0;
	xdp_world_clock_set(w->xdp, TICKS + 1);
	assert_int_equal(send_seq(w, true, port, LB_TCP_SYN, 64000), -1);
	assert_int_equal(send(w, false, port, LB_TCP_ACK), 2);
}

/* Whatever the tables hold, and whichever of its packets finds the region locked. */
static void a_connection_has_one_instance(void **state)
{
	enum { CHOICES = 6, STEPS = 4000 };
	static const uint8_t flags[] = { LB_TCP_ACK, LB_TCP_ACK, LB_TCP_FIN | LB_TCP_ACK,
					 LB_TCP_RST };
	static const uint8_t to[] = { UP, UP, DRAINED, REACHABLE };
	struct world *w = *state;
	uint64_t r = 1, ticks = TICKS;
	uint32_t n = 0;

	for (uint32_t step = 0; step < STEPS; step++) {
		uint16_t port = (uint16_t)(1 + (r = lb_hash_mix(r + LB_HASH_MUL2)) % CHOICES);
		uint32_t seq = r >> 8 & 3;
		int instance;

		w->xdp->cpu->region = r >> 10 & 1;
		instance = send_seq(w, r >> 11 & 1, port, LB_TCP_SYN, seq);
		if (instance >= 0) {
			assert_int_equal(send(w, r >> 12 & 1, port, LB_TCP_ACK), instance);
			n++;
		}
		w->xdp->cpu->region = r >> 13 & 1;
		send_seq(w, r >> 14 & 1, port, flags[r >> 15 & 3], seq);
		if (step % 4 == 0) {
			w->instances[r >> 32 & 3].flags = to[r >> 34 & 3];
			publish(w, 1 + (r >> 36 & 0xff) % 15);
		}
		if (step % 8 == 0)
			ticks += 1 + (r >> 44 & 1) * (r >> 48) % 40000;
		xdp_world_clock_set(w->xdp, ticks);
		if (step % 16 == 0)
			xdp_world_sweep(w->xdp);
	}
	assert_true(n > STEPS / 4);
}

/* One packet waits for the lock, no other one as long as the clock stands still. */
static void the_wait_in_vain_is_noted(void **state)
{
	struct world *w = *state;

	assert_true(send(w, true, 1, LB_TCP_SYN) >= 0);
	assert_int_equal(w->xdp->queues->in_vain_ns, TICKS * LB_FLOW_TICK_NS);
	assert_true(send(w, false, 1, LB_TCP_SYN) >= 0);
	assert_int_equal(w->xdp->cpu->stats.flows, 1);
}

struct watch {
	const uint32_t *sweeping;
	uint32_t seen, quit;
};

static void *watch_run(void *arg)
{
	struct watch *watch = arg;

	while (!__atomic_load_n(&watch->quit, __ATOMIC_RELAXED))
		if (__atomic_load_n(watch->sweeping, __ATOMIC_RELAXED))
			__atomic_store_n(&watch->seen, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* A packet that interrupts it must see that. */
static void the_sweep_tells(void **state)
{
	struct world *w = *state;
	struct watch watch = { .sweeping = &w->xdp->cpu->sweeping };
	const int n = (int)sysconf(_SC_NPROCESSORS_ONLN), own = sched_getcpu();
	struct timespec start, now;
	pthread_t thread;
	cpu_set_t others;

	if (n < 2)
		skip();
	/* On the CPU that sweeps, the thread would only ever run between two sweeps. */
	CPU_ZERO(&others);
	for (int i = 0; i < n; i++)
		if (i != own)
			CPU_SET(i, &others);
	assert_int_equal(pthread_create(&thread, NULL, watch_run, &watch), 0);
	assert_int_equal(pthread_setaffinity_np(thread, sizeof(others), &others), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		xdp_world_sweep(w->xdp);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!__atomic_load_n(&watch.seen, __ATOMIC_RELAXED) &&
		 now.tv_sec - start.tv_sec < WATCH_S);
	__atomic_store_n(&watch.quit, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(watch.seen, 1);
	assert_int_equal(w->xdp->cpu->sweeping, 0);
}

#define BOTH(name)                                                                                 \
	{ #name, name, world_create, world_destroy, NULL },                                        \
	{                                                                                          \
#name " (handover)", name, world_create_handover, world_destroy, NULL              \
	}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		BOTH(nothing_is_recorded),
		BOTH(the_region_is_read_whatever_the_limit_of_lookups),
		BOTH(a_syn_goes_where_its_flow_will),
		BOTH(a_syn_is_dropped_where_its_flow_would_be_reset),
		BOTH(a_syn_is_dropped_whatever_others_have_recorded),
		BOTH(a_connection_has_one_instance),
		cmocka_unit_test_setup_teardown(the_wait_in_vain_is_noted, world_create_handover,
						world_destroy),
		cmocka_unit_test_setup_teardown(the_sweep_tells, world_create, world_destroy),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

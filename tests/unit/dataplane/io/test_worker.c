/* SPDX-License-Identifier: BSD-3-Clause */
/* test-serial: it times what two threads do together. */
/* The worker's loop: accounting when queues and pools are full, and changes of tables beside it. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include "dataplane/abi/lb_crc.h"
#include "tests/support/patience.h"
#include "tests/support/rig.h"

static void steps(struct rig *rig, uint32_t n)
{
	while (n-- > 0)
		worker_step(rig->worker);
}

static void without_tables_all_packets_go_to_the_kernel(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 128, 128);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	rig_receive_syns(rig, 1000, 10);
	rig_receive_arps(rig, 10);
	steps(rig, 2);
	assert_int_equal(stats->rx_pkts, 20);
	assert_int_equal(stats->kernel_pkts, 20);
	assert_int_equal(rig_empty(rig->to_kernel), 20);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

static void service_packets_are_forwarded(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 128, 128);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	rig_publish(rig);
	rig_receive_syns(rig, 1000, 100);
	rig_receive_arps(rig, 3);
	steps(rig, 3);
	assert_int_equal(stats->tx_pkts, 100);
	assert_int_equal(stats->tx_bytes, 100 * 60);
	assert_int_equal(stats->kernel_pkts, 3);
	assert_int_equal(stats->flows, 100);
	assert_int_equal(stats->busy_loops, 2);
	assert_int_equal(stats->loops, 3);
	assert_int_equal(rig_empty(rig->tx), 100);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

/* The port has another MAC address: frames to the old one are for another host. */
static void address_of_the_port_is_followed(void **state)
{
	static const uint8_t other[LB_ETH_ALEN] = { 2, 0, 0, 0, 0, 0x77 };
	struct rig *rig = rig_create(RIG_RINGS, 128, 128);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	rig_publish(rig);
	rig_receive_syns(rig, 1000, 10);
	steps(rig, 1);
	assert_int_equal(stats->tx_pkts, 10);
	rig->port.mac_word = lb_mac_load(other);
	rig->worker->tsc_next_look = 0;
	rig_receive_syns(rig, 1000, 10);
	steps(rig, 1);
	assert_int_equal(stats->tx_pkts, 10);
	assert_int_equal(stats->drop[LB_DROP_L2_OTHER_HOST], 10);
	rig->port.mac_word = lb_mac_load(rig_mac);
	rig->worker->tsc_next_look = 0;
	rig_receive_syns(rig, 1000, 10);
	steps(rig, 1);
	assert_int_equal(stats->tx_pkts, 20);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

/* Eight slots of which seven are usable. */
static void full_transmit_queue_drops_and_heals(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 8, 128);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	rig_publish(rig);
	rig_receive_syns(rig, 1000, 64);
	steps(rig, 1);
	assert_int_equal(stats->tx_pkts, 7);
	assert_int_equal(stats->tx_bytes, 7 * 60);
	assert_int_equal(stats->drop[LB_DROP_TX_FULL], 57);
	rig_check_accounting(rig);
	assert_int_equal(rte_mempool_avail_count(rig->pool), RIG_MBUFS - 7);

	assert_int_equal(rig_empty(rig->tx), 7);
	rig_receive_syns(rig, 2000, 7);
	steps(rig, 1);
	assert_int_equal(stats->tx_pkts, 14);
	assert_int_equal(stats->drop[LB_DROP_TX_FULL], 57);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

static void full_ring_to_the_kernel_drops_and_heals(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 128, 16);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	rig_receive_arps(rig, 40);
	steps(rig, 1);
	assert_int_equal(stats->kernel_pkts, 15);
	assert_int_equal(stats->drop[LB_DROP_KERNEL_FULL], 25);
	assert_int_equal(rig_empty(rig->to_kernel), 15);
	rig_receive_arps(rig, 15);
	steps(rig, 1);
	assert_int_equal(stats->kernel_pkts, 30);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

static void packets_of_the_kernel_leave_by_the_port(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 16, 16);
	const struct lb_worker_stats *stats = rig->worker->stats;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(rte_ring_enqueue(rig->from_kernel, rig_frame(rig)), 0);
	steps(rig, 1);
	assert_int_equal(stats->from_kernel_pkts, 15);
	assert_int_equal(stats->from_kernel_drops, 5);
	assert_int_equal(stats->tx_pkts, 0);
	assert_int_equal(rig_empty(rig->tx), 15);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

static void exhausted_pool_heals(void **state)
{
	struct rig *rig = rig_create(RIG_NULL, 16, 16);
	const struct lb_worker_stats *stats = rig->worker->stats;
	struct rte_mbuf *held[RIG_MBUFS];

	(void)state;
	steps(rig, 1);
	assert_int_equal(stats->rx_pkts, 64);
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig->pool, held, RIG_MBUFS), 0);
	steps(rig, 100);
	assert_int_equal(stats->rx_pkts, 64);
	rte_pktmbuf_free_bulk(held, RIG_MBUFS);
	steps(rig, 1);
	assert_int_equal(stats->rx_pkts, 128);
	assert_int_equal(stats->drop[LB_DROP_L2_OTHER_HOST], 128);
	assert_int_equal(rte_mempool_avail_count(rig->pool), RIG_MBUFS);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

static void doorbell_rings_once_for_a_sleep(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 16, 128);
	struct pollfd bell = { .fd = rig->bell.fd, .events = POLLIN };
	uint64_t count;

	(void)state;
	rig_receive_arps(rig, 10);
	steps(rig, 1);
	assert_int_equal(poll(&bell, 1, 0), 0); /* nobody sleeps */
	doorbell_sleep(&rig->bell);
	rig_receive_arps(rig, 10);
	steps(rig, 1);
	rig_receive_arps(rig, 10);
	steps(rig, 1);
	assert_int_equal(poll(&bell, 1, 0), 1);
	assert_int_equal(read(rig->bell.fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	rig_destroy(rig);
}

static void ticks_and_limits_follow_time_and_tables(void **state)
{
	struct rig *rig = rig_create(RIG_RINGS, 16, 16);
	struct worker *w = rig->worker;

	(void)state;
	worker_look(w, consumer_tables(&rig->consumer), 7 * LB_FLOW_TICK_NS);
	assert_int_equal(w->now, 7);
	assert_int_equal(w->kernel_rate_pps, 1000000);
	rig_publish(rig);
	worker_look(w, consumer_tables(&rig->consumer), 8 * LB_FLOW_TICK_NS - 1);
	assert_int_equal(w->kernel_rate_pps, 1000000);
	worker_look(w, consumer_tables(&rig->consumer), 8 * LB_FLOW_TICK_NS);
	assert_int_equal(w->now, 8);
	assert_int_equal(w->kernel_rate_pps, 900000);
	assert_int_equal(w->icmp_rate_pps, 100);

	/* 16 bits of ticks wrap after 109 minutes. */
	worker_look(w, consumer_tables(&rig->consumer), 70005 * LB_FLOW_TICK_NS);
	assert_int_equal(w->now, (70005 & 0xffff));
	rig_destroy(rig);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The time from a command in the ring to the last worker past it, while it forwards at full speed. */
static void tables_change_beside_a_running_worker(void **state)
{
	enum { CHANGES = 200 };
	struct rig *rig = rig_create(RIG_NULL, 16, 16);
	uint64_t took_ns[CHANGES], median_ns, worst_ns;
	struct lb_event event;

	(void)state;
	rig->worker->idle_sleep_us = 0;
	assert_int_equal(rte_eal_remote_launch(worker_main, rig->worker, 1), 0);
	rig_publish(rig);
	while (rte_ring_sc_dequeue_elem(rig->segment.event_ring, &event, sizeof(event)) == 0)
		;
	for (uint32_t i = 0; i < CHANGES; i++) {
		const uint64_t end_ms = clock_now_ms() + PATIENCE_MS;

		rig_send_slots(rig, i & 1 ? 0 : 1);
		while (consumer_poll(&rig->consumer) && clock_now_ms() < end_ms)
			;
		assert_int_equal(rte_ring_sc_dequeue_elem(rig->segment.event_ring, &event,
							  sizeof(event)),
				 0);
		assert_int_equal(event.type, LB_EVENT_ACK);
		assert_int_equal(event.generation, rig->generation);
		took_ns[i] = event.acked_ns - event.taken_ns;
		usleep(200);
	}
	__atomic_store_n(&rig->stop, true, __ATOMIC_RELAXED);
	rte_eal_wait_lcore(1);
	qsort(took_ns, CHANGES, sizeof(took_ns[0]), compare_u64);
	median_ns = took_ns[CHANGES / 2];
	worst_ns = took_ns[CHANGES - 1];
	print_message("# figure: a change of tables is with the worker after %.1f us (median of %d;"
		      " worst %.1f us)\n",
		      (double)median_ns / 1000, CHANGES, (double)worst_ns / 1000);
	assert_true(rig->worker->stats->rx_pkts > 64);
	rig_check_accounting(rig);
	rig_destroy(rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_tables_all_packets_go_to_the_kernel),
		cmocka_unit_test(service_packets_are_forwarded),
		cmocka_unit_test(address_of_the_port_is_followed),
		cmocka_unit_test(full_transmit_queue_drops_and_heals),
		cmocka_unit_test(full_ring_to_the_kernel_drops_and_heals),
		cmocka_unit_test(packets_of_the_kernel_leave_by_the_port),
		cmocka_unit_test(exhausted_pool_heals),
		cmocka_unit_test(doorbell_rings_once_for_a_sleep),
		cmocka_unit_test(ticks_and_limits_follow_time_and_tables),
		cmocka_unit_test(tables_change_beside_a_running_worker),
	};

	(void)argc;
	rig_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

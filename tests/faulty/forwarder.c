/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dataplane with a deliberate fault: the real pipeline behind a device, with some of the packets
 * that it has made, or its tables, damaged. For the test that the traffic generator finds faults;
 * "none" is the same without a fault.
 *
 *   forwarder DEVICE MODE FAULT PERIOD
 *
 * DEVICE is a DPDK vdev, MODE l2 or ipip. Every PERIOD-th packet is damaged; a fault that occurs
 * once occurs at packet PERIOD. Ends on SIGTERM.
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "dataplane/core/lb_encap.h"
#include "tests/faulty/spoil.h"

#define FLOWS 200000
#define DESCRIPTORS 1024

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void eal_start(const char *program, const char *device)
{
	char lcores[64] = "--lcores=0", vdev[256];
	char *argv[] = { (char *)(uintptr_t)program,
			 "--no-huge",
			 "-m",
			 "96",
			 "--no-pci",
			 "--no-telemetry",
			 "--no-shconf",
			 "--log-level=*:error",
			 "--iova-mode=va",
			 lcores,
			 vdev };

	/* Not pinned: on a busy machine the scheduler finds CPUs for the two sides. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		snprintf(lcores, sizeof(lcores), "--lcores=0@0-%ld",
			 sysconf(_SC_NPROCESSORS_ONLN) - 1);
	snprintf(vdev, sizeof(vdev), "--vdev=%s", device);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) < 0)
		exit(1);
}

static void device_start(struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = { 0 };

	if (rte_eth_dev_configure(0, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(0, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(0, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(0))
		exit(1);
}

/* Nothing is dropped here: packets that the other end cannot take yet wait. */
static void send_all(struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent = 0;

	while (sent < n && !stop) {
		sent += rte_eth_tx_burst(0, 0, pkts + sent, n - sent);
		if (sent < n)
			sched_yield();
	}
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void forward(struct spoil *spoil)
{
	struct harness *h = spoil->h;
	struct rte_mbuf *pkts[PIPELINE_BURST], *spoilt[2 * PIPELINE_BURST];
	struct pipeline_out out;
	uint16_t n = rte_eth_rx_burst(0, 0, pkts, PIPELINE_BURST);

	if (!n) {
		sched_yield();
		return;
	}
	spoil_before(spoil, pkts, n);
	pipeline_burst(&h->pl, h->tables, h->now, pkts, n, &out);
	n = spoil_after(spoil, out.tx, out.n_tx, spoilt);
	send_all(spoilt, n);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
}

int main(int argc, char **argv)
{
	struct spoil spoil = { 0 };
	uint64_t tick, next = 0;

	if (argc != 5 || spoil_choose(&spoil, argv[3], strtoull(argv[4], NULL, 10))) {
		fprintf(stderr, "usage: forwarder DEVICE l2|ipip FAULT PERIOD\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	eal_start(argv[0], argv[1]);
	spoil.h = harness_create(FLOWS);
	spoil_world(&spoil, strcmp(argv[2], "l2") == 0 ? LB_FORWARD_L2 : LB_FORWARD_IPIP);
	device_start(spoil.h->pool);
	tick = rte_get_tsc_hz() * LB_FLOW_TICK_MS / 1000;
	while (!stop) {
		uint64_t now = rte_rdtsc();

		if (now >= next) {
			spoil.h->now = (uint16_t)(now / tick);
			pipeline_tick(&spoil.h->pl);
			next = now + tick;
		}
		forward(&spoil);
	}
	/* The device is not closed: while its peer shuts down, the driver may block on it. */
	return 0;
}

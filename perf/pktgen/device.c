/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/device.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "config/base/cpus.h"
#include "perf/machine.h"

#define ARGS_MAX 64
#define WORKER 1
#define LINK_WAIT_MS 20000
#define LINK_RETRY_MS 1000
#define TX_EXTRA_MBUFS 4096
#define ROOM_MIN 2048
#define TUNNEL_BYTES 64 /* maximum growth of a packet */
#define EAL_MB 32
#define MTU_EXTRA 22u /* a tunnel's header, less that of Ethernet and the FCS */

static bool has_hugepages;
static char driver[64];

static uint32_t room_of(const struct options *o)
{
	uint32_t room = ROOM_MIN;

	for (uint32_t s = 0; s < o->n_sizes; s++)
		if ((uint32_t)o->size[s] + TUNNEL_BYTES > room)
			room = o->size[s] + TUNNEL_BYTES;
	return RTE_ALIGN_CEIL(room + RTE_PKTMBUF_HEADROOM, 64);
}

static uint32_t mbufs_of(const struct options *o)
{
	return 2 * o->n_desc + TX_EXTRA_MBUFS;
}

static uint32_t memory_of(const struct options *o)
{
	uint64_t bytes = 2ull * mbufs_of(o) * (room_of(o) + sizeof(struct rte_mbuf) + 128);

	return o->memory_mb ? o->memory_mb : (uint32_t)(bytes >> 20) + EAL_MB;
}

/* All CPUs that this process may use, as a list. */
static void cpus_text(char *text, size_t size)
{
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	cpus_format(&all, text, size);
}

/* The worker has its own CPU; the main thread, which sleeps, may run anywhere. */
static void lcores_text(const struct options *o, char *text, size_t size)
{
	char cpus[1024];

	cpus_text(cpus, sizeof(cpus));
	if (o->cpu >= 0)
		snprintf(text, size, "--lcores=0@(%s),%d@%d", cpus, WORKER, o->cpu);
	else
		snprintf(text, size, "--lcores=0@(%s),%d@(%s)", cpus, WORKER, cpus);
}

/* DPDK keeps pointers into its arguments. */
static int words_add(char **argv, int argc, const char *words)
{
	static char copy[1024];

	snprintf(copy, sizeof(copy), "%s", words ? words : "");
	for (char *word = strtok(copy, " "); word && argc < ARGS_MAX - 1; word = strtok(NULL, " "))
		argv[argc++] = word;
	return argc;
}

int device_eal_start(const struct options *o, const char *program)
{
	static char lcores[2112], memory[32], device[256];
	char *argv[ARGS_MAX] = { (char *)(uintptr_t)program,
				 lcores,
				 "--main-lcore=0",
				 "-m",
				 memory,
				 "--no-telemetry",
				 "--log-level=*:error" };
	int argc = 7;
	bool is_pci = o->port[0] >= '0' && o->port[0] <= '9';

	has_hugepages = !o->no_huge && machine_hugepages_free_mb() >= memory_of(o);
	lcores_text(o, lcores, sizeof(lcores));
	snprintf(memory, sizeof(memory), "%u", memory_of(o));
	snprintf(device, sizeof(device), is_pci ? "--allow=%s" : "--vdev=%s", o->port);
	argv[argc++] = device;
	argv[argc++] = has_hugepages ? "--in-memory" : "--no-huge";
	if (!has_hugepages)
		argv[argc++] = "--no-shconf";
	if (!is_pci) {
		argv[argc++] = "--no-pci";
		argv[argc++] = "--iova-mode=va";
	}
	argc = words_add(argv, argc, o->eal);
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "pktgen: DPDK cannot be started: %s\n", rte_strerror(rte_errno));
		return -ENODEV;
	}
	return 0;
}

static int device_find(struct generator *g)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	const char *port = g->options->port;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(port, ","), port);
	if (rte_eth_dev_get_port_by_name(name, &g->dev) == 0)
		return 0;
	fprintf(stderr, "pktgen: DPDK finds no device %s\n", name);
	return -ENODEV;
}

static int pools_make(struct generator *g)
{
	const struct options *o = g->options;
	uint16_t room = (uint16_t)room_of(o);

	g->tx_pool = rte_pktmbuf_pool_create("tx", mbufs_of(o), RTE_MEMPOOL_CACHE_MAX_SIZE, 0, room,
					     SOCKET_ID_ANY);
	g->rx_pool = rte_pktmbuf_pool_create("rx", mbufs_of(o), RTE_MEMPOOL_CACHE_MAX_SIZE, 0, room,
					     SOCKET_ID_ANY);
	if (g->tx_pool && g->rx_pool)
		return 0;
	fprintf(stderr, "pktgen: no memory for packet buffers (%u MB)\n", memory_of(o));
	return -ENOMEM;
}

/*
 * The largest that DPDK allows for this device. Some devices carry larger frames than they report.
 */
static uint32_t mtu_most(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN, most = info->max_mtu;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	return RTE_MIN(most, info->max_rx_pktlen - RTE_MIN(overhead, info->max_rx_pktlen));
}

static int queues_setup(struct generator *g)
{
	uint16_t n_rx = (uint16_t)g->options->n_desc, n_tx = n_rx;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_txconf tx;
	int err = rte_eth_dev_info_get(g->dev, &info);

	if (err)
		return err;
	snprintf(driver, sizeof(driver), "%s", info.driver_name);
	conf.rxmode.mtu = RTE_ETHER_MTU;
	for (uint32_t s = 0; s < g->options->n_sizes; s++)
		if (g->options->size[s] + MTU_EXTRA > conf.rxmode.mtu)
			conf.rxmode.mtu = g->options->size[s] + MTU_EXTRA;
	conf.rxmode.mtu = RTE_MIN(conf.rxmode.mtu, mtu_most(&info));
	/* No fast free by the NIC: answers to ARP come from another pool. */
	err = rte_eth_dev_configure(g->dev, 1, 1, &conf);
	tx = info.default_txconf;
	if (!err)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(g->dev, &n_rx, &n_tx);
	if (!err)
		err = rte_eth_rx_queue_setup(g->dev, 0, n_rx, SOCKET_ID_ANY, NULL, g->rx_pool);
	if (!err)
		err = rte_eth_tx_queue_setup(g->dev, 0, n_tx, SOCKET_ID_ANY, &tx);
	return err;
}

/* The other end of a vdev may not be there yet. */
static int start_wait(struct generator *g)
{
	int err = -EAGAIN;

	for (uint32_t ms = 0; ms < LINK_WAIT_MS && err && !g->stop; ms += 10) {
		rte_log_set_global_level(RTE_LOG_EMERG);
		err = rte_eth_dev_start(g->dev);
		if (err)
			usleep(10000);
	}
	rte_log_set_global_level(RTE_LOG_ERR);
	return err;
}

/* A peer that was still starting has refused the memif, and the driver does not retry by itself. */
static int link_wait(struct generator *g)
{
	struct rte_eth_link link = { .link_status = 0 };

	for (uint32_t ms = 0; ms < LINK_WAIT_MS && !g->stop; ms += 10) {
		if (rte_eth_link_get_nowait(g->dev, &link) == 0 && link.link_status)
			return 0;
		usleep(10000);
		if (ms % LINK_RETRY_MS == 0 && ms && strstr(driver, "memif")) {
			rte_eth_dev_stop(g->dev);
			start_wait(g);
		}
	}
	fprintf(stderr, "pktgen: %s has no link; is its peer running?\n", g->options->port);
	return -ENETDOWN;
}

int device_start(struct generator *g)
{
	struct rte_ether_addr mac;
	int err = device_find(g);

	if (!err)
		err = pools_make(g);
	if (err)
		return err;
	err = queues_setup(g);
	if (!err)
		err = rte_eth_macaddr_get(g->dev, &mac);
	if (err) {
		fprintf(stderr, "pktgen: %s cannot be set up: %s\n", g->options->port,
			strerror(-err));
		return err;
	}
	err = start_wait(g);
	if (err) {
		fprintf(stderr, "pktgen: %s cannot be started: %s; is its peer running?\n",
			g->options->port, strerror(-err));
		return err;
	}
	/* The frames that come back are addressed to the instances. */
	if (rte_eth_promiscuous_enable(g->dev) && !strstr(driver, "memif") &&
	    !strstr(driver, "virtio"))
		fprintf(stderr, "pktgen: %s: no promiscuous mode; it may receive nothing\n",
			g->options->port);
	memcpy(g->receiver.mac, mac.addr_bytes, LB_ETH_ALEN);
	return link_wait(g);
}

int device_check(const struct generator *g)
{
	return room_of(g->options) <= rte_pktmbuf_data_room_size(g->tx_pool) ? 0 : -EMSGSIZE;
}

static void mbuf_fill(struct rte_mempool *pool, void *arg, void *obj, unsigned int i)
{
	const struct wire *wire = arg;
	struct rte_mbuf *m = obj;

	(void)pool;
	(void)i;
	rte_pktmbuf_reset(m);
	wire_fill(wire, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
}

void device_fill(struct generator *g)
{
	rte_mempool_obj_iter(g->tx_pool, mbuf_fill, &g->wire);
}

unsigned int device_worker(void)
{
	return WORKER;
}

bool device_has_hugepages(void)
{
	return has_hugepages;
}

const char *device_driver(const struct generator *g)
{
	(void)g;
	return driver;
}

bool device_has_link(const struct generator *g)
{
	struct rte_eth_link link = { .link_status = 0 };

	if (rte_eth_link_get_nowait(g->dev, &link) == 0 && link.link_status)
		return true;
	fprintf(stderr, "pktgen: %s has lost its link: the run is invalid\n", g->options->port);
	return false;
}

uint64_t device_missed(const struct generator *g)
{
	struct rte_eth_stats stats;

	return rte_eth_stats_get(g->dev, &stats) ? 0
						 : stats.imissed + stats.ierrors + stats.rx_nombuf;
}

void device_stop(struct generator *g)
{
	if (driver[0]) {
		rte_eth_dev_stop(g->dev);
		rte_eth_dev_close(g->dev);
	}
	rte_eal_cleanup();
}

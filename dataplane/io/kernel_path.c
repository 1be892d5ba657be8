/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/kernel_path.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>

#include "config/base/log.h"
#include "dataplane/io/netdev.h"
#include "dataplane/io/tap.h"

#define MAC_FORMAT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_BYTES(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]
#define BURST 32 /* packets of one direction before it is the other's turn */

static int rings_make(struct kernel_path *path)
{
	char name[RTE_RING_NAMESIZE];

	for (uint32_t i = 0; i < path->n_workers; i++) {
		snprintf(name, sizeof(name), "to_kernel%u", i);
		path->to_kernel[i] = rte_ring_create(name, PLAN_KERNEL_RING, SOCKET_ID_ANY,
						     RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!path->to_kernel[i])
			return -rte_errno;
	}
	path->from_kernel = rte_ring_create("from_kernel", PLAN_KERNEL_RING, SOCKET_ID_ANY,
					    RING_F_SP_ENQ | RING_F_SC_DEQ);
	return path->from_kernel ? 0 : -rte_errno;
}

static void open_failed(int err)
{
	if (err == -EBUSY || err == -EEXIST)
		log_err(KERNEL_PATH_IFACE " exists in this network namespace; another dataplane"
					  " may run here");
	else
		log_err(KERNEL_PATH_IFACE ": cannot create the interface: %s%s", strerror(-err),
			err == -ENOENT ? " (/dev/net/tun; run 'modprobe tun')" : "");
}

int kernel_path_check(void)
{
	if (if_nametoindex(KERNEL_PATH_IFACE) == 0)
		return 0;
	open_failed(-EEXIST);
	return -EEXIST;
}

int kernel_path_open(struct kernel_path *path, const struct port *port, struct rte_mempool *pool,
		     struct lb_worker_stats *stats)
{
	static const int links = RTNLGRP_LINK;
	int err;

	*path = (struct kernel_path){ .fd = -1,
				      .bell.fd = -1,
				      .n_workers = port->n_queues,
				      .pool = pool,
				      .stats = stats,
				      .mtu = port->mtu,
				      .has_carrier = true };
	memcpy(path->mac, port->mac, sizeof(path->mac));
	err = rings_make(path);
	if (err) {
		log_err("kernel path: no memory for its rings");
		return err;
	}
	path->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (path->bell.fd < 0)
		return -errno;
	/* Before the interface is made: udev may change it as soon as it exists. */
	err = netlink_open(&path->watch);
	if (!err)
		err = netlink_listen(&path->watch, &links, 1);
	if (err) {
		log_err("cannot watch " KERNEL_PATH_IFACE ": %s", strerror(-err));
		return err;
	}
	path->fd = tap_open(KERNEL_PATH_IFACE, port->mac, port->mtu);
	if (path->fd < 0) {
		open_failed(path->fd);
		return path->fd;
	}
	return 0;
}

static void undelivered(struct kernel_path *path, struct rte_mbuf *pkt)
{
	path->stats->drop[LB_DROP_KERNEL_TX]++;
	rte_pktmbuf_free(pkt);
}

static void ring_empty_out(struct kernel_path *path, struct rte_ring *ring, bool to_kernel)
{
	void *pkt;

	while (ring && rte_ring_sc_dequeue(ring, &pkt) == 0) {
		if (to_kernel) {
			undelivered(path, pkt);
		} else {
			path->stats->from_kernel_drops++;
			rte_pktmbuf_free(pkt);
		}
	}
	rte_ring_free(ring);
}

void kernel_path_close(struct kernel_path *path)
{
	for (uint32_t i = 0; i < path->n_workers; i++)
		ring_empty_out(path, path->to_kernel[i], true);
	ring_empty_out(path, path->from_kernel, false);
	if (path->n_workers && path->fd >= 0)
		close(path->fd);
	if (path->n_workers && path->bell.fd >= 0)
		close(path->bell.fd);
	netlink_close(&path->watch);
	*path = (struct kernel_path){ .fd = -1, .bell.fd = -1 };
}

/* EBADFD: the descriptor's interface was deleted, and the descriptor is of no use any more. */
static void gone_check(struct kernel_path *path, int err)
{
	if (err != -EBADFD || path->fd < 0)
		return;
	log_err(KERNEL_PATH_IFACE " was deleted; creating it again");
	close(path->fd);
	path->fd = -1;
	path->restore_err = 0;
}

bool kernel_path_restore(struct kernel_path *path)
{
	int fd;

	if (path->fd >= 0)
		return false;
	fd = tap_open(KERNEL_PATH_IFACE, path->mac, path->mtu);
	if (fd < 0) {
		if (fd != path->restore_err)
			open_failed(fd);
		path->restore_err = fd;
		return false;
	}
	path->fd = fd;
	path->has_carrier = true;
	log_info(KERNEL_PATH_IFACE " exists again");
	return true;
}

static int on_change(const struct nlmsghdr *message, void *any)
{
	(void)message;
	*(bool *)any = true;
	return MNL_CB_OK;
}

void kernel_path_follow(struct kernel_path *path)
{
	uint8_t mac[LB_ETH_ALEN];
	bool any = false;
	int err;

	/* A lost message counts as a change, too. */
	if (netlink_drain(&path->watch, on_change, &any) == -ENOBUFS)
		any = true;
	if (!any || path->fd < 0 || netdev_mac_get(KERNEL_PATH_IFACE, mac) ||
	    !memcmp(mac, path->mac, sizeof(mac)))
		return;
	err = netdev_mac_set(KERNEL_PATH_IFACE, path->mac);
	path->n_mac_reset += !err;
	if (!err)
		log_warn(KERNEL_PATH_IFACE
			 ": another program set the address " MAC_FORMAT ";"
			 " the port's is restored (if that is udev, install 70-sluice0.link)",
			 MAC_BYTES(mac));
	else if (err != path->mac_err)
		log_err(KERNEL_PATH_IFACE ": another program set the address " MAC_FORMAT
					  "; the port's cannot be restored: %s",
			MAC_BYTES(mac), strerror(-err));
	path->mac_err = err;
}

static uint32_t deliver_from(struct kernel_path *path, struct rte_ring *ring)
{
	struct rte_mbuf *pkts[BURST];
	uint32_t n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, BURST, NULL);

	for (uint32_t i = 0; i < n; i++) {
		int err = path->fd < 0 ? -ENODEV : tap_write(path->fd, pkts[i]);

		gone_check(path, err);
		if (err)
			undelivered(path, pkts[i]);
		else
			rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

uint32_t kernel_path_deliver(struct kernel_path *path)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < path->n_workers; i++)
		n += deliver_from(path, path->to_kernel[i]);
	return n;
}

bool kernel_path_has_work(const struct kernel_path *path)
{
	for (uint32_t i = 0; i < path->n_workers; i++)
		if (!rte_ring_empty(path->to_kernel[i]))
			return true;
	return false;
}

/* Pass one packet to worker 0. Return: false if the kernel has no more. */
static bool collect_one(struct kernel_path *path)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(path->pool);
	int err;

	if (!pkt) {
		err = tap_discard(path->fd);
		gone_check(path, err);
		path->stats->from_kernel_drops += !err;
		return !err;
	}
	err = tap_read(path->fd, pkt);
	gone_check(path, err);
	if (err || rte_ring_sp_enqueue(path->from_kernel, pkt)) {
		path->stats->from_kernel_drops += !err;
		rte_pktmbuf_free(pkt);
	}
	return !err;
}

uint32_t kernel_path_collect(struct kernel_path *path)
{
	uint32_t n = 0;

	while (path->fd >= 0 && n < BURST && collect_one(path))
		n++;
	return n;
}

void kernel_path_port_set(struct kernel_path *path, const struct port *port)
{
	bool has_mac = memcmp(path->mac, port->mac, sizeof(path->mac)) == 0;
	bool has_mtu = path->mtu == port->mtu;
	int err = 0;

	memcpy(path->mac, port->mac, sizeof(path->mac));
	path->mtu = port->mtu;
	if (path->fd < 0)
		return; /* it will be made with the new ones */
	if (!has_mac)
		err = netdev_mac_set(KERNEL_PATH_IFACE, path->mac);
	if (!has_mtu && !err)
		err = netdev_mtu_set(KERNEL_PATH_IFACE, path->mtu);
	if (err)
		log_err(KERNEL_PATH_IFACE ": cannot set the port's MAC address and MTU: %s",
			strerror(-err));
}

void kernel_path_carrier_set(struct kernel_path *path, bool has_carrier)
{
	if (has_carrier == path->has_carrier || path->fd < 0)
		return;
	path->has_carrier = has_carrier;
	tap_carrier_set(path->fd, has_carrier);
	log_info("the port has %s link", has_carrier ? "a" : "no");
}

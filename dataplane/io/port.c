/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>

#include "config/base/log.h"
#include "config/base/port_feature.h"
#include "config/base/port_sysfs.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/netdev.h"

#define RSS_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* Add a note, once: the devices of one port all give the same ones. */
static void __attribute__((format(printf, 2, 3)))
note_add(struct port *port, const char *format, ...)
{
	size_t length = strlen(port->note);
	char text[sizeof(port->note)];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (!strstr(port->note, text))
		snprintf(port->note + length, sizeof(port->note) - length, "%s%s",
			 length ? "; " : "", text);
}

/* Name of a device of the plan. */
static void device_name(const struct plan *plan, uint32_t index, char *name, size_t size)
{
	const struct config_node *node = plan->node;

	if (node->port_kind == CONFIG_PORT_INTERFACE)
		snprintf(name, size, EAL_XDP_DEVICE, index);
	else
		snprintf(name, size, "%.*s", (int)strcspn(node->port, ","), node->port);
}

static int device_missing(const struct plan *plan)
{
	const char *complaint = eal_complaint();

	if (strstr(complaint, EAL_COMPLAINT_IOMMU))
		log_err("node.port: %s is bound to vfio-pci, but the kernel denies it the IOMMU; see 'dmesg | grep vfio'. If"
			" interrupt remapping is missing: enable it in the firmware, or trust the NIC and run 'echo options"
			" vfio_iommu_type1 allow_unsafe_interrupts=1 > /etc/modprobe.d/vfio.conf' and reboot",
			plan->node->port);
	else if (plan->node->port_kind == CONFIG_PORT_PCI)
		log_err("node.port: DPDK does not probe %s, although it is bound to a suitable driver; is the"
			" DPDK driver of this NIC installed (%s)?",
			plan->node->port, complaint);
	else
		log_err("node.port: DPDK finds no device %s (%s)", plan->node->port, complaint);
	return -ENODEV;
}

int port_check(const struct plan *plan)
{
	char why[512];
	int err;

	if (plan->node->port_kind != CONFIG_PORT_PCI)
		return 0;
	err = port_sysfs_diagnose(&port_sysfs_of_kernel, plan->node->port, why, sizeof(why));
	if (err)
		log_err("node.port: %s", why);
	return err;
}

static int devices_find(struct port *port, const struct plan *plan)
{
	bool one_each = plan->node->port_kind == CONFIG_PORT_INTERFACE;
	char name[RTE_ETH_NAME_MAX_LEN];

	port->n_devs = one_each ? plan->n_workers : 1;
	for (uint32_t i = 0; i < port->n_devs; i++) {
		device_name(plan, i, name, sizeof(name));
		if (rte_eth_dev_get_port_by_name(name, &port->dev[i])) {
			port->n_devs = i;
			return device_missing(plan);
		}
	}
	port->is_alone = one_each && !plan->has_handover;
	port->n_queues = plan->n_workers;
	for (uint32_t i = 0; i < port->n_queues; i++)
		port->queue[i] = one_each ? (struct port_queue){ port->dev[i], 0 }
					  : (struct port_queue){ port->dev[0], (uint16_t)i };
	return 0;
}

static int limits_check(const struct port *port, const struct plan *plan,
			const struct rte_eth_dev_info *info)
{
	uint32_t queues = port->n_queues / port->n_devs;

	if (info->max_rx_queues < queues || info->max_tx_queues < queues) {
		log_err("%s (%s) has %u receive and %u transmit queues, and node.cpus names %u CPUs, each of which needs"
			" one of both: name at most %u in node.cpus%s",
			plan->node->port, port->driver, info->max_rx_queues, info->max_tx_queues,
			queues, RTE_MIN(info->max_rx_queues, info->max_tx_queues),
			strstr(port->driver, "virtio")
				? ", or give the guest's NIC more (queues= and mq=on)"
				: "");
		return -EINVAL;
	}
	if (port->mtu > info->max_mtu || port->mtu < info->min_mtu) {
		log_err("%s: MTU %u is out of the driver's range, %u to %u: set node.mtu",
			plan->node->port, port->mtu, info->min_mtu, info->max_mtu);
		return -EINVAL;
	}
	if (port->mtu > plan_mtu_max(plan)) {
		log_err("%s has an MTU of %u, but buffers are for %u: set node.mtu to %u for larger buffers,"
			" or to %u for these",
			plan->node->port, port->mtu, plan_mtu_max(plan), port->mtu,
			plan_mtu_max(plan));
		return -EINVAL;
	}
	return 0;
}

static bool is_af_xdp(const struct port *port)
{
	return strcmp(port->driver, "net_af_xdp") == 0;
}

/* Find the kernel interface of the port, which may change without DPDK's knowledge. */
static void kernel_find(struct port *port, const struct rte_eth_dev_info *info)
{
	struct netdev dev;

	if (netdev_read(info->if_index, &dev))
		return;
	port->if_index = dev.link.index;
	memcpy(port->iface, dev.link.name, sizeof(port->iface));
	port->has_sockets = is_af_xdp(port);
	port->follows = memcmp(dev.link.mac, port->mac, sizeof(port->mac)) == 0;
}

int port_open(struct port *port, const struct plan *plan)
{
	struct rte_ether_addr mac;
	struct rte_eth_dev_info info;
	int err;

	*port = (struct port){ .mtu = plan->mtu, .mtu_max = plan->mtu_max };
	err = devices_find(port, plan);
	if (err)
		return err;
	if (rte_eth_dev_info_get(port->dev[0], &info) || rte_eth_macaddr_get(port->dev[0], &mac)) {
		log_err("%s: the driver does not describe its device", plan->node->port);
		return -EIO;
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	if (!port->mtu && rte_eth_dev_get_mtu(port->dev[0], &port->mtu))
		port->mtu = RTE_ETHER_MTU;
	port->mac_word = lb_mac_load(port->mac);
	kernel_find(port, &info);
	return limits_check(port, plan, &info);
}

/* Choose receive-side scaling, or note why there is none. */
static void rss_choose(struct port *port, const struct rte_eth_dev_info *info,
		       struct rte_eth_conf *conf)
{
	uint64_t hash = info->flow_type_rss_offloads & RSS_WANTED;

	if (port->n_queues == 1)
		return;
	if (port->n_devs > 1) {
		note_add(port, "RSS is not configured: it is left to the interface's own settings");
	} else if (hash) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf = hash;
	} else {
		note_add(port, "%s has no RSS: some workers may receive no packets", port->driver);
	}
}

static int queues_setup(const struct port *port, const struct plan *plan, uint16_t dev,
			const struct rte_eth_txconf *tx, struct rte_mempool *const *pool)
{
	uint16_t n_rx = plan->n_desc, n_tx = plan->n_desc;
	int socket = rte_eth_dev_socket_id(dev);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(dev, &n_rx, &n_tx);

	for (uint32_t i = 0; i < port->n_queues && !err; i++) {
		uint16_t queue = port->queue[i].queue;

		if (port->queue[i].dev != dev)
			continue;
		err = rte_eth_rx_queue_setup(dev, queue, n_rx, (unsigned int)socket, NULL, pool[i]);
		if (!err)
			err = rte_eth_tx_queue_setup(dev, queue, n_tx, (unsigned int)socket, tx);
	}
	return err;
}

/* IPv6 needs multicast; the packet path drops unicast frames for others by itself. */
static void multicast_accept(struct port *port, uint16_t dev)
{
	if (rte_eth_allmulticast_enable(dev) && rte_eth_promiscuous_enable(dev))
		note_add(port, "%s cannot receive all multicast", port->driver);
}

/* Some drivers strip tags by default. */
static void tags_keep_by_driver(struct port *port, uint16_t dev)
{
	int offload = rte_eth_dev_get_vlan_offload(dev);

	if (offload > 0 && offload & RTE_ETH_VLAN_STRIP_OFFLOAD &&
	    rte_eth_dev_set_vlan_offload(dev, offload & ~RTE_ETH_VLAN_STRIP_OFFLOAD))
		note_add(port, "%s removes VLAN tags from frames", port->driver);
}

static int device_start(struct port *port, const struct plan *plan, uint16_t dev,
			struct rte_mempool *const *pool)
{
	uint16_t queues = (uint16_t)(port->n_queues / port->n_devs);
	struct rte_eth_conf conf = { .rxmode.mtu = port->mtu };
	struct rte_eth_dev_info info;
	struct rte_eth_txconf tx;
	int err = rte_eth_dev_info_get(dev, &info);

	if (err)
		return err;
	rss_choose(port, &info, &conf);
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	tx = info.default_txconf;
	tx.offloads = conf.txmode.offloads;
	err = rte_eth_dev_configure(dev, queues, queues, &conf);
	if (!err)
		err = queues_setup(port, plan, dev, &tx, pool);
	if (!err)
		err = rte_eth_dev_start(dev);
	if (!err)
		tags_keep_by_driver(port, dev);
	/* With handover only services' packets arrive here, and those are unicast. */
	if (!err && !plan->has_handover)
		multicast_accept(port, dev);
	return err;
}

/* A kernel interface must be up before an XDP socket can be bound to it. */
static int interface_prepare(const struct port *port, const struct plan *plan)
{
	struct netdev netdev;
	int err;

	if (!*plan->iface)
		return 0;
	err = netdev_query(plan->iface, &netdev);
	if (!err && netdev.link.mtu != port->mtu)
		err = netdev_mtu_set(plan->iface, port->mtu);
	if (!err)
		err = netdev_up(plan->iface);
	if (err)
		log_err("%s: cannot set it up: %s", plan->iface, strerror(-err));
	return err;
}

static void start_failed(const struct port *port, const struct plan *plan, int err)
{
	if (is_af_xdp(port) && err == -EINVAL)
		log_err("%s: cannot bind an XDP socket to a queue; another program may use it (%s)",
			plan->node->port, eal_complaint());
	else
		log_err("%s: the port cannot be started: %s (%s)", plan->node->port, strerror(-err),
			eal_complaint());
}

/*
 * Frames without their tag would be forwarded to another network. With handover sluiced handles
 * this.
 */
static int tags_keep(struct port *port, const struct plan *plan)
{
	int kept = *plan->iface && !plan->has_handover ? port_feature_tags_keep(plan->iface) : 0;

	if (kept == -EOPNOTSUPP)
		log_err("%s removes VLAN tags from frames, and this cannot be turned off"
			" (ethtool -k: rx-vlan-offload); XDP sockets would get tagged frames without their"
			" tag",
			plan->iface);
	else if (kept < 0)
		log_err("%s: cannot read its features: %s", plan->iface, strerror(-kept));
	port->kept_tags = kept == 1;
	return kept < 0 ? kept : 0;
}

int port_start(struct port *port, const struct plan *plan, struct rte_mempool *const *pool)
{
	int err = interface_prepare(port, plan);

	if (!err)
		err = tags_keep(port, plan);
	if (err)
		return err;
	port->is_started = true;
	for (uint32_t i = 0; i < port->n_devs && !err; i++)
		err = device_start(port, plan, port->dev[i], pool);
	if (err) {
		start_failed(port, plan, err);
		return err;
	}
	if (*port->note)
		log_warn("%s: %s", plan->node->port, port->note);
	return 0;
}

static bool port_is_there(const struct port *port)
{
	struct netdev dev;

	return netdev_read(port->if_index, &dev) != -ENODEV;
}

void port_close(struct port *port)
{
	for (uint32_t i = 0; i < port->n_devs; i++) {
		if (port->is_started)
			rte_eth_dev_stop(port->dev[i]);
		rte_eth_dev_close(port->dev[i]);
	}
	if (port->kept_tags && port_is_there(port) && port_feature_tags_restore(port->iface))
		log_warn("%s: rxvlan cannot be turned on again", port->iface);
	*port = (struct port){ .n_devs = 0 };
}

/* DPDK's driver of XDP sockets reports every link as up, and knows only the state at its start. */
static void kernel_follow(struct port *port, const struct netdev *dev)
{
	port->link = dev->link.has_carrier ? LB_LINK_UP : LB_LINK_DOWN;
	memcpy(port->iface, dev->link.name, sizeof(port->iface));
	if (!port->follows)
		return;
	memcpy(port->mac, dev->link.mac, sizeof(port->mac));
	port->mtu = dev->link.mtu < port->mtu_max ? (uint16_t)dev->link.mtu : port->mtu_max;
	if (dev->link.mtu > port->mtu_max)
		snprintf(port->remark, sizeof(port->remark),
			 "MTU %u needs a restart; until then it is %u", dev->link.mtu, port->mtu);
	else if (port->is_alone && dev->n_queues && dev->n_queues != port->n_queues)
		snprintf(
			port->remark, sizeof(port->remark),
			"%s now uses %u queues for %u workers: packets on the others are not balanced",
			port->iface, dev->n_queues, port->n_queues);
	else
		port->remark[0] = '\0';
}

static void driver_follow(struct port *port)
{
	struct rte_ether_addr mac;
	struct rte_eth_link link;

	if (rte_eth_link_get_nowait(port->dev[0], &link) == 0)
		port->link = link.link_status ? LB_LINK_UP : LB_LINK_DOWN;
	if (rte_eth_macaddr_get(port->dev[0], &mac) == 0)
		memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
}

int port_follow(struct port *port, bool *changed)
{
	const struct port before = *port;
	struct netdev dev;
	int err = port->if_index ? netdev_read(port->if_index, &dev) : 0;

	*changed = false;
	if (err)
		return err == -ENODEV && port->has_sockets ? err : 0;
	if (port->if_index)
		kernel_follow(port, &dev);
	else
		driver_follow(port);
	__atomic_store_n(&port->mac_word, lb_mac_load(port->mac), __ATOMIC_RELAXED);
	*changed = port->mac_word != before.mac_word || port->mtu != before.mtu ||
		   strcmp(port->remark, before.remark) != 0;
	return 0;
}

void port_stats(const struct port *port, struct rte_eth_stats *stats)
{
	struct rte_eth_stats one;

	memset(stats, 0, sizeof(*stats));
	for (uint32_t i = 0; i < port->n_devs; i++) {
		if (rte_eth_stats_get(port->dev[i], &one))
			continue;
		stats->imissed += one.imissed;
		stats->ierrors += one.ierrors;
		stats->rx_nombuf += one.rx_nombuf;
		stats->oerrors += one.oerrors;
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/plan.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "config/base/cpus.h"
#include "config/base/log.h"
#include "dataplane/abi/lb_kept.h"
#include "dataplane/engine/flow_table.h"
#include "dataplane/io/netdev.h"

#define MTU_DEFAULT 1500
#define XDP_DRIVER "net_af_xdp"
/* Ethernet header and one VLAN tag, and a second one, so that the parser sees and drops it. */
#define FRAME_OVERHEAD 22
/* Headroom of the kernel in front of each packet of an XDP socket. */
#define XDP_HEADROOM 256
/* A buffer, with the headers of mempool and mbuf, must be smaller than a page for XDP sockets. */
#define XDP_DATA_ROOM_MAX 3840
#define XDP_MTU_MAX (XDP_DATA_ROOM_MAX - RTE_PKTMBUF_HEADROOM - XDP_HEADROOM - FRAME_OVERHEAD)
#define DESC_NIC 1024
#define DESC_XDP 2048 /* the driver fills these in any case */
/* Simultaneous snapshots of the tables: in use, retiring, staged, and one for fragmentation. */
#define SNAPSHOTS 4
#define SLACK_MB 24 /* DPDK's own structures, rings, alignment */
#define MB (1024.0 * 1024.0)

/*
 * The inherited affinity mask does not tell which CPUs this process may use: isolcpus= removes CPUs
 * from it that are meant for programs like this one. So ask the kernel, by trying.
 */
static int cpus_try(const struct config_node *node, const cpu_set_t *mine)
{
	int err = 0;

	for (uint32_t i = 0; i < node->cpu_count && !err; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(node->cpus[i], &one);
		if (sched_setaffinity(0, sizeof(one), &one) == 0)
			continue;
		err = -errno;
		log_err("node.cpus: CPU %u does not exist, is offline, or is not in this"
			" process's cgroup (%s)",
			node->cpus[i], strerror(-err));
	}
	if (sched_setaffinity(0, sizeof(*mine), mine) && !err)
		err = -errno;
	return err;
}

static int workers_place(struct plan *plan)
{
	const struct config_node *node = plan->node;
	cpu_set_t allowed;
	int err;

	if (node->cpu_count > LB_WORKERS_MAX) {
		log_err("node.cpus: at most %d CPUs", LB_WORKERS_MAX);
		return -EINVAL;
	}
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -EINVAL; /* more CPUs in the kernel than in a cpu_set_t */
	err = cpus_try(node, &allowed);
	if (err)
		return err;
	for (uint32_t i = 0; i < node->cpu_count; i++)
		CPU_CLR(node->cpus[i], &allowed);
	plan->main_shares = CPU_COUNT(&allowed) == 0;
	if (plan->main_shares && sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	cpus_format(&allowed, plan->main_cpus, sizeof(plan->main_cpus));
	plan->n_workers = node->cpu_count;
	return 0;
}

/* For example virtio_net: EINVAL from virtnet_set_channels(). */
#define UNDER_XDP                                                                                  \
	"; some drivers refuse that while an XDP program is on the port: stop both daemons, run"   \
	" 'sluiced --detach' first, and start them again"

/*
 * A kernel interface must have a queue for each worker: a worker without one gets no packets.
 * Packets on further queues would be lost to the services, unless sluiced's XDP program handles
 * them.
 */
static int interface_check(const struct plan *plan, const struct netdev *dev)
{
	const char *name = plan->node->port;

	if (dev->n_queues == plan->n_workers || dev->n_queues == 0 ||
	    (dev->n_queues > plan->n_workers && config_node_has_handover(plan->node)))
		return 0;
	log_err("%s has %u queue%s in use, and node.cpus names %u CPU%s: change node.cpus, or run"
		" 'ethtool -L %s combined %u' (for a veth: rx %u tx %u)%s",
		name, dev->n_queues, dev->n_queues == 1 ? "" : "s", plan->n_workers,
		plan->n_workers == 1 ? "" : "s", name, plan->n_workers, plan->n_workers,
		plan->n_workers, dev->link.has_xdp ? UNDER_XDP : "");
	return -EINVAL;
}

/* The interface to bind XDP sockets to, as configured, or an empty name. */
static void interface_name(const struct config_node *node, char *name, size_t size)
{
	const char *iface = NULL;

	name[0] = 0;
	if (node->port_kind == CONFIG_PORT_INTERFACE)
		iface = node->port;
	else if (node->port_kind == CONFIG_PORT_VDEV && strncmp(node->port, XDP_DRIVER, 10) == 0)
		iface = strstr(node->port, ",iface=");
	if (iface && iface != node->port)
		iface += strlen(",iface=");
	if (iface)
		snprintf(name, size, "%.*s", (int)strcspn(iface, ","), iface);
}

static int interface_ask(struct plan *plan, const char *name, uint32_t *mtu)
{
	struct netdev dev;
	int err = netdev_query(name, &dev);

	if (err) {
		log_err("node.port: no interface %s: %s", name, strerror(-err));
		return err;
	}
	memcpy(plan->iface, dev.link.name, sizeof(plan->iface));
	plan->if_index = dev.link.index;
	if (!*mtu)
		*mtu = dev.link.mtu;
	/* A port given as DPDK arguments chooses its queues there. */
	return plan->node->port_kind == CONFIG_PORT_INTERFACE ? interface_check(plan, &dev) : 0;
}

static int port_size(struct plan *plan)
{
	const struct config_node *node = plan->node;
	uint32_t mtu = node->mtu_bytes, room;
	char name[CONFIG_PORT_MAX + 1];
	bool is_xdp;
	int err;

	interface_name(node, name, sizeof(name));
	is_xdp = name[0] != 0;
	plan->n_desc = is_xdp ? DESC_XDP : DESC_NIC;
	if (is_xdp) {
		err = interface_ask(plan, name, &mtu);
		if (err)
			return err;
	}
	if (is_xdp && mtu > XDP_MTU_MAX) {
		log_err("%s: MTU %u exceeds the limit of XDP sockets, %d", plan->iface, mtu,
			XDP_MTU_MAX);
		return -EINVAL;
	}
	plan->mtu = (uint16_t)mtu;
	room = (mtu ? mtu : MTU_DEFAULT) + FRAME_OVERHEAD + (is_xdp ? XDP_HEADROOM : 0);
	if (room < RTE_MBUF_DEFAULT_DATAROOM)
		room = RTE_MBUF_DEFAULT_DATAROOM;
	plan->data_room = (uint16_t)RTE_ALIGN_CEIL(room + RTE_PKTMBUF_HEADROOM, 64);
	plan->mtu_max = (uint16_t)(plan->data_room - RTE_PKTMBUF_HEADROOM - FRAME_OVERHEAD -
				   (is_xdp ? XDP_HEADROOM : 0));
	return 0;
}

uint32_t plan_mtu_max(const struct plan *plan)
{
	return plan->data_room - RTE_PKTMBUF_HEADROOM - FRAME_OVERHEAD -
	       (*plan->iface ? XDP_HEADROOM : 0);
}

/*
 * Buffers that can be away from a worker's pool at once: posted to the NIC for receive, sent and
 * not yet reclaimed (XDP sockets: in two rings), in flight to and from the kernel, in the caches of
 * the worker and the main lcore, in a burst.
 */
static uint32_t mbufs_needed(const struct plan *plan)
{
	uint32_t rings = plan->n_desc * 4u, kernel = 2 * PLAN_KERNEL_RING;
	uint32_t caches = 2 * RTE_MEMPOOL_CACHE_MAX_SIZE * 3 / 2;

	return rings + kernel + caches + 512;
}

static void nat_size(struct plan *plan)
{
	const struct config_node *node = plan->node;
	uint32_t ports = (uint32_t)node->nat_port_last - node->nat_port_first + 1;

	plan->nat_room = ports / plan->n_workers;
	if (!plan->nat_room)
		return;
	plan->nat_spaces = lb_nat_spaces_for(node->flows, ports);
	plan->nat_records = plan->nat_spaces * plan->nat_room;
}

static void flows_size(struct plan *plan, const struct config *config)
{
	if (plan->has_handover)
		return;
	plan->flow_buckets = flow_table_buckets(plan->flows_per_worker);
	/* Memory cannot be added later. */
	if (config_may_have_nat(config))
		nat_size(plan);
	plan->flow_mb =
		(uint32_t)(lb_kept_bytes(plan->n_workers, plan->flow_buckets, plan->nat_records) >>
			   20);
}

/* Of lists of clients: each prefix begins and ends a range. */
static double access_bytes(const struct config *config)
{
	double bytes = 0;

	for (uint32_t i = 0; i < config->service_count; i++)
		bytes += 2.0 * LB_ACCESS_WORDS_IPV6 * sizeof(uint64_t) *
			 (config->services[i].allow_count + config->services[i].deny_count);
	return bytes;
}

/* Without the flow tables. */
static uint32_t memory_needed(const struct plan *plan, const struct config *config)
{
	double mbufs = (double)plan->n_mbufs * (plan->data_room + sizeof(struct rte_mbuf) + 128.0);
	double tables = config->pool_count * config->node.table_slots * 2.0 +
			LB_SERVICES_MAX * 4.0 * sizeof(struct lb_service) +
			LB_INSTANCES_MAX * (double)sizeof(struct lb_instance) +
			access_bytes(config);
	double bytes = plan->n_workers * mbufs + SNAPSHOTS * tables;

	return (uint32_t)(bytes / MB) + 1 + SLACK_MB;
}

int plan_make(struct plan *plan, const struct config *config)
{
	const struct config_node *node = &config->node;
	uint32_t needed;
	int err;

	*plan = (struct plan){ .node = node };
	err = workers_place(plan);
	if (!err)
		err = port_size(plan);
	if (err)
		return err;
	plan->n_mbufs = mbufs_needed(plan);
	plan->flows_per_worker = (node->flows + plan->n_workers - 1) / plan->n_workers;
	plan->has_handover = config_node_has_handover(node);
	flows_size(plan, config);
	plan->eal_mb = memory_needed(plan, config);
	needed = plan->eal_mb + plan->flow_mb;
	plan->memory_mb = node->hugepages_mb ? node->hugepages_mb : needed;
	if (plan->memory_mb > needed)
		plan->eal_mb = plan->memory_mb - plan->flow_mb;
	if (plan->memory_mb < needed)
		log_warn("node.hugepages_mb: %u MB are less than the %u MB that flows and buffers"
			 " need",
			 plan->memory_mb, needed);
	return 0;
}

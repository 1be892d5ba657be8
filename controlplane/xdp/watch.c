/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/watch.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/port_feature.h"
#include "dataplane/abi/lb_abi.h"

/* ---- The port ---- */

static int on_link(const struct nlmsghdr *message, void *arg)
{
	struct lb_node_stats *node = arg;
	const struct nlattr *attribute[IFLA_MAX + 1];
	struct rtnl_link_stats64 stats;

	netlink_attributes(message, sizeof(struct ifinfomsg), attribute, IFLA_MAX);
	if (!attribute[IFLA_STATS64] || mnl_attr_get_payload_len(attribute[IFLA_STATS64]) <
						offsetof(struct rtnl_link_stats64, rx_nohandler))
		return MNL_CB_OK;
	memset(&stats, 0, sizeof(stats));
	memcpy(&stats, mnl_attr_get_payload(attribute[IFLA_STATS64]),
	       offsetof(struct rtnl_link_stats64, rx_nohandler));
	node->nic_missed = stats.rx_missed_errors;
	node->nic_rx_errors = stats.rx_errors;
	node->nic_no_mbuf = stats.rx_dropped;
	node->nic_tx_errors = stats.tx_errors + stats.tx_dropped;
	return MNL_CB_OK;
}

void xdp_watch_count(struct netlink *netlink, uint32_t ifindex, struct lb_node_stats *node)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_GETLINK, 0, sizeof(*header));

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)ifindex;
	(void)netlink_talk(netlink, buffer, on_link, node);
}

/* ---- CPUs ---- */

int xdp_watch_init(struct xdp_watch *w, const struct xdp_object *o)
{
	w->n_cpus = o->n_cpus;
	w->has_handover = o->has_handover;
	w->chosen = calloc(w->n_cpus, sizeof(*w->chosen));
	w->stray = calloc(w->n_cpus, sizeof(*w->stray));
	if (!w->chosen || !w->stray) {
		xdp_watch_fini(w);
		return -ENOMEM;
	}
	for (uint32_t cpu = 0; cpu < w->n_cpus; cpu++)
		w->chosen[cpu] = o->cpus[cpu].stats.flow_misses;
	return 0;
}

void xdp_watch_fini(struct xdp_watch *w)
{
	free(w->chosen);
	free(w->stray);
	*w = (struct xdp_watch){ .n_cpus = 0 };
}

static void note_write(const struct xdp_watch *w, char *note, size_t size)
{
	static const char unlisted[] = ", not in node.cpus: their flows are not recorded, "
				       "a change of the pool may move them";
	static const char late[] =
		"packets arrive on queues added after the flow table: their flows are "
		"not recorded, a change of the pool may move them";
	size_t at = 0;

	note[0] = '\0';
	for (uint32_t cpu = 0; w->has_handover && cpu < w->n_cpus; cpu++)
		if (w->stray[cpu])
			snprintf(note, size, "%s", late);
	for (uint32_t cpu = 0; !w->has_handover && cpu < w->n_cpus && at < size; cpu++)
		if (w->stray[cpu])
			at += (size_t)snprintf(note + at, size - at, "%s%u",
					       at ? "," : "packets arrive on CPU ", cpu);
	if (at && at < size)
		snprintf(note + at, size - at, "%s", unlisted);
}

bool xdp_watch_stray(struct xdp_watch *w, const struct xdp_object *o, const char *port, char *note,
		     size_t size)
{
	bool news = false, is_any = false;

	for (uint32_t cpu = 0; cpu < w->n_cpus; cpu++) {
		uint64_t chosen =
			__atomic_load_n(&o->cpus[cpu].stats.flow_misses, __ATOMIC_RELAXED);

		if (o->cpus[cpu].region == LB_XDP_REGION_NONE && chosen != w->chosen[cpu]) {
			news |= !w->stray[cpu];
			w->stray[cpu] = true;
		}
		is_any |= w->stray[cpu];
		w->chosen[cpu] = chosen;
	}
	if (w->has_handover && is_any && port_feature_queues(port) <= o->regions) {
		memset(w->stray, 0, w->n_cpus * sizeof(*w->stray));
		news = false;
	}
	note_write(w, note, size);
	return news;
}

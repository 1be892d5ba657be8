/* SPDX-License-Identifier: BSD-3-Clause */
/* What the XDP backend opens: the maps of a new or a running program, and its port. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/cpus.h"
#include "config/base/log.h"
#include "config/base/port_feature.h"
#include "controlplane/publish/xdp_internal.h"
#include "controlplane/publish/xdp_segment.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/loader.h"
#include "controlplane/xdp/pins.h"
#include "controlplane/xdp/tables.h"
#include "dataplane/core/lb_nat_find.h"

static int claim(struct publish_backend *x, const char *port)
{
	int fd = xdp_pins_claim(port);

	x->claim_fd = fd < 0 ? -1 : fd;
	if (fd == -EBUSY)
		snprintf(x->object.why, sizeof(x->object.why),
			 "another sluiced has the XDP program of %.15s", port);
	else if (fd < 0)
		snprintf(x->object.why, sizeof(x->object.why), "the folder of pins of %.15s: %s",
			 port, strerror(-fd));
	return fd < 0 ? fd : 0;
}

/* Open the maps and the directory of their contents; both or neither. */
static int maps_open(struct publish_backend *x, const struct xdp_object_options *opt)
{
	struct xdp_object_options anew = *opt;
	int err = xdp_object_open(&x->object, opt);

	x->load_failed = err && !xdp_object_may_work(err);
	if (err)
		return err;
	err = publish_xdp_segment_open(&x->link, x->options.run_dir, &x->object);
	if (err == -ESTALE) {
		log_warn("xdp: the directory of instances is missing: the recorded flows are "
			 "discarded");
		anew.anew = true;
		xdp_object_close(&x->object);
		err = xdp_object_open(&x->object, &anew);
		if (!err)
			err = publish_xdp_segment_open(&x->link, x->options.run_dir, &x->object);
	}
	if (err && !x->object.why[0])
		snprintf(x->object.why, sizeof(x->object.why), "%s/xdp.segment: %s",
			 x->options.run_dir, strerror(-err));
	return err;
}

/* Whether foreign programs have the hook, and may have ours among them. */
static bool is_behind(const struct publish_backend *x)
{
	struct xdp_holder holder;

	return !x->options.has_handover && xdp_holder_find((int)x->port.index, &holder) > 0 &&
	       holder.is_dispatcher;
}

int publish_xdp_tags_keep(struct publish_backend *x)
{
	int kept = port_feature_tags_keep(x->port.name);

	if (kept == -EOPNOTSUPP)
		snprintf(
			x->object.why, sizeof(x->object.why),
			"%s removes VLAN tags from frames, and this cannot be turned off (ethtool -k: "
			"rx-vlan-offload); XDP would forward tagged frames without their tag",
			x->port.name);
	if (kept == 1) {
		x->object.control->tags_kept = 1;
		log_info("xdp: %s: VLAN offload turned off (rxvlan off)", x->port.name);
	}
	return kept < 0 ? kept : 0;
}

/* Workers of sluice-dataplane check their CPUs themselves. */
static void cpus_look(struct publish_backend *x, const struct config_node *node)
{
	char absent[sizeof(x->absent)] = "";
	cpu_set_t online;

	if (!x->options.has_handover && cpus_online(&online) == 0)
		cpus_absent_note(&online, node->cpus, node->cpu_count, absent, sizeof(absent));
	if (strcmp(absent, x->absent) == 0)
		return;
	memcpy(x->absent, absent, sizeof(absent));
	if (absent[0])
		log_warn("xdp: %s", absent);
}

/* The sizes of maps are fixed. Return: NAT ports of an address; 0: nothing will be translated. */
static uint32_t nat_ports_of(const struct publish_backend *x, const struct config_node *node)
{
	if (!config_may_have_nat(model_config(x->options.model)))
		return 0;
	return (uint32_t)node->nat_port_last - node->nat_port_first + 1;
}

int publish_xdp_open(struct publish_backend *x, const struct config_node *node)
{
	char pin_dir[LB_PIN_DIR_MAX], log_path[256];
	const uint32_t nat_ports = nat_ports_of(x, node);
	const struct xdp_object_options opt = {
		.pin_dir = pin_dir,
		.log_path = log_path,
		.flows = node->flows,
		.pool_slots = node->table_slots,
		.pools = LB_POOLS_MAX,
		.cpus = node->cpus,
		.cpu_count = node->cpu_count,
		.mtu = x->port.mtu,
		.has_handover = x->options.has_handover,
		.nat_spaces = nat_ports ? lb_nat_spaces_for(node->flows, nat_ports) : 0,
		.nat_ports = nat_ports,
		.anew = x->maps_anew,
		.queues = port_feature_queues(x->port.name),
		.is_behind = is_behind(x),
	};
	int err;

	lb_pin_dir(node->port, pin_dir);
	snprintf(log_path, sizeof(log_path), "%.200s/xdp-verifier.log", x->options.run_dir);
	x->object.why[0] = '\0';
	x->load_failed = false;
	cpus_look(x, node);
	err = xdp_pins_mount(x->object.why, sizeof(x->object.why));
	if (!err)
		err = claim(x, node->port);
	if (!err)
		err = maps_open(x, &opt);
	if (!err && opt.has_handover)
		err = publish_xdp_pins_share(x, node->port);
	if (err)
		return err;
	err = publish_xdp_tags_keep(x);
	if (!err)
		err = xdp_watch_init(&x->watch, &x->object);
	if (err)
		return err;
	x->sweep = xdp_sweep_create(&x->object, node->cpus, node->cpu_count);
	return x->sweep ? 0 : -errno;
}

static void port_describe(struct publish_backend *x)
{
	struct lb_segment *segment = x->link.segment;
	struct lb_node_stats *node = lb_segment_at(segment, segment->node_stats);

	snprintf(segment->kernel_iface, sizeof(segment->kernel_iface), "%s", x->port.name);
	lb_segment_port_set(segment, x->port.mac, x->port.mtu);
	node->link = x->port.is_running ? LB_LINK_UP : LB_LINK_DOWN;
}

void publish_xdp_adopt(struct publish_backend *x, const struct config_node *node)
{
	struct lb_segment *segment = x->link.segment;
	struct model_running running = { .directory = NULL };
	bool runs;

	publish_directory_attach(&x->directory, &x->link, xdp_tables_generation(&x->object));
	x->generation = x->link.directory->generation;
	snprintf(segment->port_name, sizeof(segment->port_name), "%.60s", node->port);
	port_describe(x);
	segment->pid = (uint32_t)getpid();
	model_port_set(x->options.model, x->port.mac, x->port.mtu);
	xdp_tables_port_set(&x->object, x->port.mac);
	runs = publish_directory_read(&x->directory, &running);
	if (!runs) {
		model_leaving_forget(x->options.model);
		model_gone_forget(x->options.model);
	} else if (model_adopt(x->options.model, &running)) {
		log_err("xdp: the running state could not be adopted completely");
	}
	x->ready = true;
	x->why[0] = '\0';
	if (runs)
		log_info("xdp: adopting the %s state on %s",
			 x->object.adopted ? "running" : "previous", node->port);
	if (publish_xdp_hook(x))
		return;
	x->options.events->connected(x->options.arg);
}

int publish_xdp_port_find(struct publish_backend *x, const char *name)
{
	int err = link_read(&x->netlink, x->port.index, &x->port);
	uint32_t index;

	if (err == -ENODEV)
		err = link_find(&x->netlink, name, &x->port);
	if (err == -ENODEV && xdp_pins_ifindex(name, &index) == 0)
		err = link_read(&x->netlink, index, &x->port);
	return err;
}

void publish_xdp_port_follow(struct publish_backend *x, const struct link_state *port)
{
	const uint8_t *mac = port->mac;
	bool is_new = memcmp(mac, x->port.mac, LB_ETH_ALEN) != 0 || port->mtu != x->port.mtu;

	x->port = *port;
	port_describe(x);
	if (!is_new)
		return;
	log_info("xdp: %s: address is now %02x:%02x:%02x:%02x:%02x:%02x, MTU %u", port->name,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], port->mtu);
	xdp_tables_port_set(&x->object, port->mac);
	model_port_set(x->options.model, port->mac, port->mtu);
}

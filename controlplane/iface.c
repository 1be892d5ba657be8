/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/iface.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/iface_internal.h"
#include "controlplane/log.h"

uint32_t iface_find(const char *name)
{
	return if_nametoindex(name);
}

static short flags_get(const char *name, short otherwise)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	short flags = 0;

	if (fd < 0)
		return otherwise;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	if (!ioctl(fd, SIOCGIFFLAGS, &request))
		flags = request.ifr_flags;
	close(fd);
	return flags;
}

bool iface_is_running(const char *name)
{
	/* If that is not known, nothing is to rest for want of a descriptor. */
	return flags_get(name, IFF_RUNNING) & IFF_RUNNING;
}

void iface_note(struct iface *iface, int err, const char *what)
{
	if (!err)
		return;
	log_err("%s: %s: %s", iface->wish->name, what, strerror(-err));
	if (!iface->err)
		iface->err = err;
}

/* ---- Link ---- */

static int link_up(struct iface *iface)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_NEWLINK, NLM_F_ACK, sizeof(*header));

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)iface->wish->index;
	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

static void shared_link_up(struct iface *iface)
{
	const struct iface_wish *wish = iface->wish;

	if (wish->added->index == wish->index || flags_get(wish->name, IFF_UP) & IFF_UP)
		return;
	log_info("%s: is down; setting it up", wish->name);
	iface_note(iface, link_up(iface), "cannot be set up");
}

/* ---- Knobs ---- */

void iface_knob_set(const struct iface *iface, const char *family, const char *knob,
		    const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%.15s/%s", family, iface->wish->name,
		 knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* No addresses and routes from others' advertisements; neighbours learn of a new MAC address. */
static void knobs_set(const struct iface *iface)
{
	if (config_node_address(&iface->wish->config->node, 6)) {
		iface_knob_set(iface, "ipv6", "disable_ipv6", "0");
		iface_knob_set(iface, "ipv6", "accept_dad", "0");
	}
	iface_knob_set(iface, "ipv6", "accept_ra", "0");
	iface_knob_set(iface, "ipv6", "autoconf", "0");
	iface_knob_set(iface, "ipv6", "ndisc_notify", "1");
	iface_knob_set(iface, "ipv4", "arp_notify", "1");
}

/* ---- All of it ---- */

int iface_setup(struct netlink *netlink, const struct iface_wish *wish)
{
	struct iface iface = { .netlink = netlink, .wish = wish };

	if (wish->shared) {
		shared_link_up(&iface);
	} else {
		knobs_set(&iface);
		iface_note(&iface, link_up(&iface), "cannot be set up");
	}
	iface_addresses_remove(&iface, false);
	iface_addresses_add(&iface);
	iface_routes_set(&iface);
	iface_tunnel_set(&iface);
	return iface.err;
}

int iface_clear(struct netlink *netlink, const char *name, uint32_t index)
{
	const struct iface_wish wish = { .name = name, .index = index, .shared = true };
	struct iface iface = { .netlink = netlink, .wish = &wish };

	iface_tunnel_set(&iface);
	iface_routes_remove(&iface);
	iface_addresses_remove(&iface, true);
	return iface.err ? iface.err : (int)iface.removed;
}

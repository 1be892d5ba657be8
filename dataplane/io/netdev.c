/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/netdev.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 512
#define ANSWER_MAX 32768
#define NAME_MAX_CHARS 127 /* of an alternative name */

/*
 * Both kept open: whether an interface still exists must be answered even when no descriptors are
 * left.
 */
static int request_socket = -1;
static struct mnl_socket *asking;

/* One request about one interface. */
static int request(const char *name, unsigned long number, struct ifreq *ifr)
{
	if (strlen(name) >= sizeof(ifr->ifr_name))
		return -ENODEV;
	memset(ifr->ifr_name, 0, sizeof(ifr->ifr_name));
	memcpy(ifr->ifr_name, name, strlen(name));
	if (request_socket < 0)
		request_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (request_socket < 0)
		return -errno;
	return ioctl(request_socket, number, ifr) ? -errno : 0;
}

/* An interface that doesn't report channels has one queue. */
static uint32_t queue_count(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (char *)&channels };
	int err = request(name, SIOCETHTOOL, &ifr);
	uint32_t pairs;

	if (err)
		return err == -EOPNOTSUPP ? 1 : 0;
	pairs = channels.rx_count < channels.tx_count ? channels.rx_count : channels.tx_count;
	pairs += channels.combined_count;
	return pairs ? pairs : 1;
}

static int on_xdp(const struct nlattr *attribute, void *arg)
{
	struct netdev *dev = arg;

	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		dev->has_xdp = mnl_attr_get_u8(attribute) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static int on_attribute(const struct nlattr *attribute, void *arg)
{
	struct netdev *dev = arg;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		snprintf(dev->name, sizeof(dev->name), "%s", mnl_attr_get_str(attribute));
		break;
	case IFLA_MTU:
		dev->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_CARRIER: /* IFF_RUNNING lags up to a second behind */
		dev->has_carrier = dev->is_up && mnl_attr_get_u8(attribute);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attribute) == sizeof(dev->mac))
			memcpy(dev->mac, mnl_attr_get_payload(attribute), sizeof(dev->mac));
		break;
	case IFLA_XDP:
		return mnl_attr_parse_nested(attribute, on_xdp, dev);
	default:
		break;
	}
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct netdev *dev = arg;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	dev->index = (uint32_t)header->ifi_index;
	dev->is_up = header->ifi_flags & IFF_UP;
	dev->has_carrier = header->ifi_flags & IFF_RUNNING;
	return mnl_attr_parse(message, sizeof(*header), on_attribute, dev);
}

static int asking_open(void)
{
	if (asking)
		return 0;
	asking = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!asking)
		return -errno;
	if (mnl_socket_bind(asking, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	mnl_socket_close(asking);
	asking = NULL;
	return -EIO;
}

/* Send the request, and read the answer, which is ready by then. */
static int talk(struct nlmsghdr *request, struct netdev *dev)
{
	static uint32_t seq;
	static char answer[ANSWER_MAX];
	ssize_t length;
	int more;

	request->nlmsg_seq = ++seq;
	if (mnl_socket_sendto(asking, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = recv(mnl_socket_get_fd(asking), answer, sizeof(answer), MSG_DONTWAIT);
		if (length < 0)
			return -errno;
		more = mnl_cb_run(answer, (size_t)length, seq, mnl_socket_get_portid(asking),
				  on_link, dev);
	} while (more < 0 && errno == EPROTO); /* an answer to an earlier question */
	return more < 0 ? -errno : 0;
}

static int ask(uint32_t index, const char *name, struct netdev *dev)
{
	uint64_t buffer[REQUEST_MAX / sizeof(uint64_t)];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct netdev found = { .index = 0 };
	struct ifinfomsg *header;
	int err = asking_open();

	if (err)
		return err;
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)index;
	if (name)
		mnl_attr_put_strz(request, strlen(name) < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME,
				  name);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = talk(request, &found);
	if (!err && !found.index)
		err = -EAGAIN;
	if (err)
		return err;
	found.n_queues = queue_count(found.name);
	*dev = found;
	return 0;
}

int netdev_query(const char *name, struct netdev *dev)
{
	return strlen(name) <= NAME_MAX_CHARS ? ask(0, name, dev) : -ENODEV;
}

int netdev_read(uint32_t index, struct netdev *dev)
{
	return index ? ask(index, NULL, dev) : -ENODEV;
}

int netdev_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int err = request(name, SIOCGIFFLAGS, &ifr);

	if (err)
		return err;
	ifr.ifr_flags |= IFF_UP;
	return request(name, SIOCSIFFLAGS, &ifr);
}

int netdev_mtu_set(const char *name, uint32_t mtu)
{
	struct ifreq ifr = { .ifr_mtu = (int)mtu };

	return request(name, SIOCSIFMTU, &ifr);
}

int netdev_mac_set(const char *name, const uint8_t *mac)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return request(name, SIOCSIFHWADDR, &ifr);
}

int netdev_mac_get(const char *name, uint8_t *mac)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int err = request(name, SIOCGIFHWADDR, &ifr);

	if (!err)
		memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return err;
}

int netdev_watch_open(void)
{
	const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&links, sizeof(links)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

bool netdev_watch_drain(int fd)
{
	bool any = false;
	char ignored[64];

	/* A lost message (ENOBUFS) counts as a change, too. */
	while (recv(fd, ignored, sizeof(ignored), 0) >= 0 || errno == ENOBUFS)
		any = true;
	return any;
}

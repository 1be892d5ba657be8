/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/netdev.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request about one interface. */
static int request(const char *name, unsigned long what, struct ifreq *ifr)
{
	int fd, err;

	if (strlen(name) >= sizeof(ifr->ifr_name))
		return -ENODEV;
	memset(ifr->ifr_name, 0, sizeof(ifr->ifr_name));
	memcpy(ifr->ifr_name, name, strlen(name));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, what, ifr) ? -errno : 0;
	close(fd);
	return err;
}

/* An interface that doesn't say has one queue. */
static uint32_t queue_count(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (char *)&channels };
	uint32_t pairs;

	if (request(name, SIOCETHTOOL, &ifr))
		return 1;
	pairs = channels.rx_count < channels.tx_count ? channels.rx_count : channels.tx_count;
	pairs += channels.combined_count;
	return pairs ? pairs : 1;
}

int netdev_query(const char *name, struct netdev *dev)
{
	struct ifreq ifr = { .ifr_mtu = 0 };
	int err = request(name, SIOCGIFMTU, &ifr);

	if (err)
		return err;
	dev->mtu = (uint32_t)ifr.ifr_mtu;
	err = request(name, SIOCGIFFLAGS, &ifr);
	if (err)
		return err;
	dev->is_up = ifr.ifr_flags & IFF_UP;
	dev->n_queues = queue_count(name);
	return 0;
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

	/* A message that was lost (ENOBUFS) is one, too. */
	while (recv(fd, ignored, sizeof(ignored), 0) >= 0 || errno == ENOBUFS)
		any = true;
	return any;
}

/* IFF_RUNNING follows the carrier up to a second later, so it is the second choice. */
bool netdev_is_running(const char *name)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq ifr = { .ifr_data = (char *)&link };

	if (request(name, SIOCETHTOOL, &ifr) == 0)
		return link.data;
	return request(name, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_RUNNING);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/netdev.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/*
 * Both kept open: whether an interface still exists must be answered even when no descriptors are
 * left.
 */
static int request_socket = -1;
static struct netlink asking;

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

/* Return: as netdev_query(), with the result of looking up the link. */
static int queues_add(int err, struct link_state *link, struct netdev *dev)
{
	if (err)
		return err;
	dev->link = *link;
	dev->n_queues = queue_count(link->name);
	return 0;
}

static int asking_open(void)
{
	return asking.socket ? 0 : netlink_open(&asking);
}

int netdev_query(const char *name, struct netdev *dev)
{
	struct link_state link;
	int err = asking_open();

	return queues_add(err ? err : link_find(&asking, name, &link), &link, dev);
}

int netdev_read(uint32_t index, struct netdev *dev)
{
	struct link_state link;
	int err = asking_open();

	return queues_add(err ? err : link_read(&asking, index, &link), &link, dev);
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

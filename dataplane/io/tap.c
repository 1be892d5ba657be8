/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dataplane/io/netdev.h"

#define SEGMENTS_MAX 16

/* IFF_TUN_EXCL: never take over an existing interface. */
static int tap_create(int fd, const char *name)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETOFFLOAD, 0UL))
		return -errno;
	return 0;
}

int tap_open(const char *name, const uint8_t *mac, uint16_t mtu)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = tap_create(fd, name);
	if (!err)
		err = netdev_mac_set(name, mac);
	if (!err)
		err = netdev_mtu_set(name, mtu);
	if (!err)
		err = netdev_up(name);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int tap_write(int fd, const struct rte_mbuf *pkt)
{
	struct iovec iov[SEGMENTS_MAX];
	int n = 0;

	for (; pkt && n < SEGMENTS_MAX; pkt = pkt->next, n++)
		iov[n] = (struct iovec){ rte_pktmbuf_mtod(pkt, void *), pkt->data_len };
	if (pkt)
		return -EMSGSIZE;
	return writev(fd, iov, n) < 0 ? -errno : 0;
}

int tap_read(int fd, struct rte_mbuf *pkt)
{
	ssize_t bytes = read(fd, rte_pktmbuf_mtod(pkt, void *), rte_pktmbuf_tailroom(pkt));

	if (bytes < 0)
		return -errno;
	pkt->data_len = (uint16_t)bytes;
	pkt->pkt_len = (uint32_t)bytes;
	return 0;
}

int tap_discard(int fd)
{
	char byte;

	/* Reading the first byte discards the rest of the packet. */
	return read(fd, &byte, 1) < 0 ? -errno : 0;
}

void tap_carrier_set(int fd, bool has_carrier)
{
	int on = has_carrier;

	/* Kernels before 5.0 don't know it, and always show a link. */
	(void)ioctl(fd, TUNSETCARRIER, &on);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TAP interface of the kernel, by its file descriptor. Not DPDK's net_tap: the main lcore sleeps
 * on this descriptor, needs one queue and no signals, and reads straight into its buffers. Not
 * virtio-user either: the kernel path is limited to a rate (node.kernel_rate) at which one system
 * call per packet is affordable, and vhost-net would have the main lcore poll.
 */
#ifndef IO_TAP_H
#define IO_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/**
 * Create an interface that lives as long as the descriptor, and set it up. All its offloads stay
 * off: packets from the kernel must be complete, since the port may not be able to finish
 * checksums.
 * @mac: six bytes; the port's.
 * Return: a non-blocking descriptor or -errno; -EBUSY if @name is taken.
 */
int tap_open(const char *name, const uint8_t *mac, uint16_t mtu);

/** Pass a packet to the kernel. @pkt stays the caller's. Return: 0 or -errno. */
int tap_write(int fd, const struct rte_mbuf *pkt);

/**
 * Take a packet from the kernel.
 * @pkt: empty, with room for a frame.
 * Return: 0; -EAGAIN if there is none, or another -errno.
 */
int tap_read(int fd, struct rte_mbuf *pkt);

/** Take a packet and discard it. Return: as tap_read(). */
int tap_discard(int fd);

/** Set whether the interface shows a link. */
void tap_carrier_set(int fd, bool has_carrier);

#endif

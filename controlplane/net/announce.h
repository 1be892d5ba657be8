/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Announces addresses on a link: ARP announcements and unsolicited neighbour advertisements. A
 * router that still has another machine's MAC address for a VIP learns of the move at once, not
 * when its entry expires. Each address is announced three times, a second apart.
 * Context: the event loop's thread.
 * Source: RFC 5227, section 2.3; RFC 4861, section 7.2.6.
 */
#ifndef CONTROLPLANE_NET_ANNOUNCE_H
#define CONTROLPLANE_NET_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define ANNOUNCE_FRAME_MAX 86
#define ANNOUNCE_ROUNDS 3 /* ANNOUNCE_NUM is 2, MAX_NEIGHBOR_ADVERTISEMENT 3 */
#define ANNOUNCE_PAUSE_MS 1000

struct announce;
struct event_base;
struct iface_wish;

/** Return: NULL and errno ENOMEM. */
struct announce *announce_create(struct event_base *base);
void announce_destroy(struct announce *announce);

/**
 * Announce the node's addresses in the network of an interface and, if @vips, its NAT addresses and
 * the VIPs of services announced there, starting now. An announcement in progress starts over.
 */
void announce_start(struct announce *announce, const struct iface_wish *wish, bool vips);

/** Cancel an announcement in progress: the addresses are no longer here. */
void announce_stop(struct announce *announce);

/**
 * Write the frame that announces an address.
 * Return: bytes, up to ANNOUNCE_FRAME_MAX. Context: any; pure.
 */
uint32_t announce_frame(uint8_t frame[ANNOUNCE_FRAME_MAX], const uint8_t mac[6],
			const struct config_address *address);

#endif

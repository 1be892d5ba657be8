/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/net/iface.h"

/* Frames per turn of the loop, and the pause until the next turn: no burst even with 4096 VIPs. */
#define FRAMES_PER_TURN 32
#define TURN_MS 10

struct announce {
	struct event *timer;
	uint32_t iface;
	uint8_t mac[ETH_ALEN];
	struct config_address *list;
	uint32_t count;
	uint32_t next;	 /* position in the list, in this round */
	uint32_t rounds; /* left */
	bool failed;	 /* and this was logged */
};

/* ---- Frames ---- */

static uint32_t frame_arp(uint8_t *frame, const uint8_t *mac, const uint8_t *address)
{
	struct ether_header *ethernet = (struct ether_header *)frame;
	struct ether_arp arp = {
		.arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETHERTYPE_IP),
		.arp_hln = ETH_ALEN,
		.arp_pln = 4,
		.arp_op = htons(ARPOP_REQUEST),
	};

	memset(ethernet->ether_dhost, 0xff, ETH_ALEN);
	ethernet->ether_type = htons(ETHERTYPE_ARP);
	memcpy(arp.arp_sha, mac, ETH_ALEN);
	memcpy(arp.arp_spa, address, 4);
	memcpy(arp.arp_tpa, address, 4);
	memcpy(frame + sizeof(*ethernet), &arp, sizeof(arp));
	return sizeof(*ethernet) + sizeof(arp);
}

static uint32_t sum16(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* To all nodes, with the override flag set. */
static uint32_t frame_advertisement(uint8_t *frame, const uint8_t *mac, const uint8_t *address)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct ether_header *ethernet = (struct ether_header *)frame;
	struct {
		struct nd_neighbor_advert advert;
		struct nd_opt_hdr option;
		uint8_t mac[ETH_ALEN];
	} __attribute__((packed)) body = {
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE,
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};
	struct ip6_hdr header = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(body)),
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_hlim = 255,
	};
	uint32_t sum = sizeof(body) + IPPROTO_ICMPV6;

	memcpy(ethernet->ether_dhost, all_nodes_mac, ETH_ALEN);
	ethernet->ether_type = htons(ETHERTYPE_IPV6);
	memcpy(&header.ip6_src, address, 16);
	memcpy(&header.ip6_dst, all_nodes, 16);
	memcpy(&body.advert.nd_na_target, address, 16);
	memcpy(body.mac, mac, ETH_ALEN);
	sum = sum16(sum16(sum16(sum, address, 16), all_nodes, 16), &body, sizeof(body));
	body.advert.nd_na_cksum = htons(sum_fold(sum));
	memcpy(frame + sizeof(*ethernet), &header, sizeof(header));
	memcpy(frame + sizeof(*ethernet) + sizeof(header), &body, sizeof(body));
	return sizeof(*ethernet) + sizeof(header) + sizeof(body);
}

uint32_t announce_frame(uint8_t frame[ANNOUNCE_FRAME_MAX], const uint8_t mac[6],
			const struct config_address *address)
{
	memcpy(((struct ether_header *)frame)->ether_shost, mac, ETH_ALEN);
	return address->family == 4 ? frame_arp(frame, mac, address->bytes)
				    : frame_advertisement(frame, mac, address->bytes);
}

/* ---- Sending ---- */

static void timer_arm(struct announce *a, uint32_t ms)
{
	const struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(a->timer, &delay);
}

/* Return: 0 or -errno. */
static int frame_send(const struct announce *a, int fd, const struct config_address *address)
{
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	uint32_t size = announce_frame(frame, a->mac, address);
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)a->iface,
		.sll_halen = ETH_ALEN,
	};

	return sendto(fd, frame, size, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0
		       ? -errno
		       : 0;
}

/* The MAC address may have changed since the last round. */
static int mac_read(struct announce *a, int fd)
{
	struct ifreq request = { .ifr_ifindex = (int)a->iface };

	if (ioctl(fd, SIOCGIFNAME, &request) || ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EAFNOSUPPORT;
	memcpy(a->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* Send a part of a round. Protocol 0: the socket receives nothing. */
static int turn(struct announce *a)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : mac_read(a, fd);

	for (uint32_t i = 0; !err && i < FRAMES_PER_TURN && a->next < a->count; i++)
		err = frame_send(a, fd, &a->list[a->next++]);
	if (fd >= 0)
		close(fd);
	return err;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct announce *a = arg;
	int err = turn(a);

	(void)fd;
	(void)what;
	if (err && !a->failed)
		log_warn("addresses cannot be announced (ARP, ND): %s", strerror(-err));
	a->failed = err != 0;
	if (a->next < a->count && !err) {
		timer_arm(a, TURN_MS);
		return;
	}
	a->next = 0;
	if (--a->rounds > 0)
		timer_arm(a, ANNOUNCE_PAUSE_MS);
}

/* ---- Addresses ---- */

static void list_add(struct announce *a, const struct config_address *address)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (config_address_equal(&a->list[i], address))
			return;
	a->list[a->count++] = *address;
}

static int list_make(struct announce *a, const struct iface_wish *wish, bool vips)
{
	const struct config *config = wish->config;
	const struct config_network *networks;
	uint32_t room, count;

	networks = config_node_networks(&config->node, &count);
	room = networks[wish->network].address_count + wish->hosts.count;
	for (uint32_t i = 0; vips && i < config->service_count; i++)
		room += config->services[i].vip_count;
	free(a->list);
	a->count = 0;
	a->list = calloc(room + 1, sizeof(*a->list));
	if (!a->list)
		return -ENOMEM;
	for (uint32_t i = 0; vips && i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_service_is_on(config, &config->services[i], wish->network) &&
			    iface_announces(wish, &config->services[i].vips[j].address))
				list_add(a, &config->services[i].vips[j].address);
	for (uint32_t i = 0; vips && i < wish->hosts.count; i++)
		list_add(a, &wish->hosts.list[i]);
	for (uint32_t i = 0; i < networks[wish->network].address_count; i++)
		list_add(a, &networks[wish->network].addresses[i].address);
	return 0;
}

void announce_start(struct announce *a, const struct iface_wish *wish, bool vips)
{
	announce_stop(a);
	if (list_make(a, wish, vips))
		return;
	a->iface = wish->index;
	a->next = 0;
	a->rounds = ANNOUNCE_ROUNDS;
	timer_arm(a, 0);
}

void announce_stop(struct announce *a)
{
	evtimer_del(a->timer);
}

/* ---- Create, start and stop ---- */

struct announce *announce_create(struct event_base *base)
{
	struct announce *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->timer = evtimer_new(base, on_timer, a);
	if (a->timer)
		return a;
	free(a);
	errno = ENOMEM;
	return NULL;
}

void announce_destroy(struct announce *a)
{
	if (!a)
		return;
	event_free(a->timer);
	free(a->list);
	free(a);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/doctor/arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"

#define ROUNDS 3
#define FRAME_MAX 128

struct arp_sockets {
	int fd[2]; /* of ARP, of IPv6 */
	uint32_t iface;
	const uint8_t *mac;
};

/* ---- Frames ---- */

static size_t arp_frame(uint8_t *frame, const uint8_t *mac, const uint8_t *address)
{
	struct ether_header ethernet = { .ether_type = htons(ETHERTYPE_ARP) };
	struct ether_arp arp = {
		.arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETHERTYPE_IP),
		.arp_hln = ETH_ALEN,
		.arp_pln = 4,
		.arp_op = htons(ARPOP_REQUEST),
	};

	memset(ethernet.ether_dhost, 0xff, ETH_ALEN);
	memcpy(ethernet.ether_shost, mac, ETH_ALEN);
	memcpy(arp.arp_sha, mac, ETH_ALEN);
	memcpy(arp.arp_tpa, address, 4); /* arp_spa stays 0: so that nobody learns from it */
	memcpy(frame, &ethernet, sizeof(ethernet));
	memcpy(frame + sizeof(ethernet), &arp, sizeof(arp));
	return sizeof(ethernet) + sizeof(arp);
}

static uint16_t checksum6(const struct ip6_hdr *header, const void *body, uint16_t size)
{
	const uint8_t *parts[] = { header->ip6_src.s6_addr, header->ip6_dst.s6_addr, body };
	const size_t sizes[] = { 16, 16, size };
	uint32_t sum = size + IPPROTO_ICMPV6;

	for (size_t p = 0; p < 3; p++)
		for (size_t i = 0; i < sizes[p]; i += 2)
			sum += (uint32_t)parts[p][i] << 8 | parts[p][i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* From the unspecified address to the solicited-node address. */
static size_t nd_frame(uint8_t *frame, const uint8_t *mac, const uint8_t *address)
{
	struct ether_header ethernet = {
		.ether_dhost = { 0x33, 0x33, 0xff, address[13], address[14], address[15] },
		.ether_type = htons(ETHERTYPE_IPV6),
	};
	struct ip6_hdr header = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(struct nd_neighbor_solicit)),
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_hlim = 255,
		.ip6_dst.s6_addr = { 0xff, 0x02, [11] = 1, [12] = 0xff, [13] = address[13],
				     [14] = address[14], [15] = address[15] },
	};
	struct nd_neighbor_solicit solicit = { .nd_ns_type = ND_NEIGHBOR_SOLICIT };

	memcpy(ethernet.ether_shost, mac, ETH_ALEN);
	memcpy(&solicit.nd_ns_target, address, 16);
	solicit.nd_ns_cksum = checksum6(&header, &solicit, sizeof(solicit));
	memcpy(frame, &ethernet, sizeof(ethernet));
	memcpy(frame + sizeof(ethernet), &header, sizeof(header));
	memcpy(frame + sizeof(ethernet) + sizeof(header), &solicit, sizeof(solicit));
	return sizeof(ethernet) + sizeof(header) + sizeof(solicit);
}

static int frame_send(const struct arp_sockets *sockets, const struct config_address *address)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)sockets->iface,
					.sll_halen = ETH_ALEN };
	uint8_t frame[FRAME_MAX];
	size_t size = address->family == 4 ? arp_frame(frame, sockets->mac, address->bytes)
					   : nd_frame(frame, sockets->mac, address->bytes);

	return sendto(sockets->fd[address->family == 6], frame, size, 0,
		      (const struct sockaddr *)&to, sizeof(to)) < 0
		       ? -errno
		       : 0;
}

/* ---- Answers ---- */

/* The address that a frame says its sender has. Return: false: it says none. */
static bool answer_read(const uint8_t *frame, size_t size, struct config_address *address)
{
	const size_t arp_at = sizeof(struct ether_header);
	const size_t nd_at = arp_at + sizeof(struct ip6_hdr);
	struct ether_header ethernet;
	struct nd_neighbor_advert advert;
	struct ip6_hdr header;
	struct ether_arp arp;

	if (size < arp_at + sizeof(arp))
		return false;
	memcpy(&ethernet, frame, sizeof(ethernet));
	*address = (struct config_address){ .family = 4 };
	if (ethernet.ether_type == htons(ETHERTYPE_ARP)) {
		memcpy(&arp, frame + arp_at, sizeof(arp));
		memcpy(address->bytes, arp.arp_spa, 4);
		return true;
	}
	if (size < nd_at + sizeof(advert))
		return false;
	memcpy(&header, frame + arp_at, sizeof(header));
	memcpy(&advert, frame + nd_at, sizeof(advert));
	address->family = 6;
	memcpy(address->bytes, &advert.nd_na_target, 16);
	return header.ip6_nxt == IPPROTO_ICMPV6 && advert.nd_na_type == ND_NEIGHBOR_ADVERT;
}

static void answer_take(const struct arp_sockets *sockets, int fd, struct arp_probe *probes,
			uint32_t n)
{
	struct sockaddr_ll from = { .sll_family = AF_PACKET };
	socklen_t length = sizeof(from);
	struct config_address address;
	uint8_t frame[FRAME_MAX];
	ssize_t size =
		recvfrom(fd, frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&from, &length);

	/* What this machine sends is seen, too. */
	if (size <= 0 || from.sll_pkttype == PACKET_OUTGOING ||
	    memcmp(frame + ETH_ALEN, sockets->mac, ETH_ALEN) == 0 ||
	    !answer_read(frame, (size_t)size, &address))
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (!config_address_equal(&probes[i].address, &address))
			continue;
		probes[i].is_answered = true;
		memcpy(probes[i].mac, frame + ETH_ALEN, ETH_ALEN);
	}
}

static bool all_answered(const struct arp_probe *probes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!probes[i].is_answered)
			return false;
	return true;
}

static void answers_wait(const struct arp_sockets *sockets, struct arp_probe *probes, uint32_t n,
			 uint32_t ms)
{
	struct pollfd polls[] = { { sockets->fd[0], POLLIN, 0 }, { sockets->fd[1], POLLIN, 0 } };
	uint64_t end_ms = clock_now_ms() + ms, now_ms;

	while ((now_ms = clock_now_ms()) < end_ms && !all_answered(probes, n)) {
		if (poll(polls, 2, (int)(end_ms - now_ms)) <= 0)
			continue;
		for (size_t i = 0; i < 2; i++)
			if (polls[i].revents)
				answer_take(sockets, polls[i].fd, probes, n);
	}
}

/* ---- Both ---- */

static int socket_open(uint32_t iface, uint16_t protocol)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)iface,
					.sll_protocol = htons(protocol) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int rounds_run(const struct arp_sockets *sockets, struct arp_probe *probes, uint32_t n,
		      uint32_t ms)
{
	for (uint32_t round = 0; round < ROUNDS && !all_answered(probes, n); round++) {
		for (uint32_t i = 0; i < n; i++) {
			int err = frame_send(sockets, &probes[i].address);

			if (err)
				return err;
		}
		answers_wait(sockets, probes, n, ms / ROUNDS);
	}
	return 0;
}

int arp_probe(uint32_t iface, const uint8_t mac[6], struct arp_probe *probes, uint32_t n,
	      uint32_t ms)
{
	struct arp_sockets sockets = { .iface = iface, .mac = mac };
	int err;

	sockets.fd[0] = socket_open(iface, ETH_P_ARP);
	if (sockets.fd[0] < 0)
		return sockets.fd[0];
	sockets.fd[1] = socket_open(iface, ETH_P_IPV6);
	err = sockets.fd[1] < 0 ? sockets.fd[1] : rounds_run(&sockets, probes, n, ms);
	close(sockets.fd[0]);
	if (sockets.fd[1] >= 0)
		close(sockets.fd[1]);
	return err;
}

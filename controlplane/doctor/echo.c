/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/doctor/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"

#define ROUNDS 3
#define ROUND_MS 300
#define AT_ONCE 64 /* below the rate at which anyone limits what answers */
#define PACKET_MAX 9600

/* ---- Sockets ---- */

static int socket_open(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC,
			family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	int probe = family == AF_INET ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE, err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		       family == AF_INET ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe,
		       sizeof(probe)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int echo_open(struct echo *echo)
{
	if (getrandom(&echo->id, sizeof(echo->id), 0) != (ssize_t)sizeof(echo->id))
		echo->id = (uint16_t)getpid();
	echo->fd[1] = -1;
	echo->fd[0] = socket_open(AF_INET);
	if (echo->fd[0] < 0)
		return echo->fd[0];
	echo->fd[1] = socket_open(AF_INET6); /* a kernel without IPv6 has no such targets */
	return 0;
}

void echo_close(struct echo *echo)
{
	for (int i = 0; i < 2; i++)
		if (echo->fd[i] >= 0)
			close(echo->fd[i]);
}

/* ---- One packet ---- */

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (size & 1)
		sum += (uint32_t)bytes[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void send4(const struct echo *echo, const struct echo_target *target, uint16_t sequence)
{
	static uint8_t packet[PACKET_MAX];
	size_t size = target->bytes - sizeof(struct iphdr);
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr header = { .type = ICMP_ECHO,
				  .un.echo = { .id = echo->id, .sequence = htons(sequence) } };

	memcpy(&to.sin_addr, target->address.bytes, 4);
	memcpy(packet, &header, sizeof(header));
	header.checksum = checksum(packet, size);
	memcpy(packet, &header, sizeof(header));
	(void)sendto(echo->fd[0], packet, size, 0, (const struct sockaddr *)&to, sizeof(to));
}

static void send6(const struct echo *echo, const struct echo_target *target, uint16_t sequence)
{
	static uint8_t packet[PACKET_MAX];
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct icmp6_hdr header = { .icmp6_type = ICMP6_ECHO_REQUEST };

	memcpy(&to.sin6_addr, target->address.bytes, 16);
	header.icmp6_id = echo->id;
	header.icmp6_seq = htons(sequence);
	memcpy(packet, &header, sizeof(header)); /* the kernel computes the checksum */
	(void)sendto(echo->fd[1], packet, target->bytes - sizeof(struct ip6_hdr), 0,
		     (const struct sockaddr *)&to, sizeof(to));
}

/* ---- Answers ---- */

/* Return: the sequence number, or -1: it is none of ours. */
static int answer4(const struct echo *echo, const uint8_t *packet, size_t size)
{
	size_t at = size > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
	struct icmphdr header;

	if (size < at + sizeof(header))
		return -1;
	memcpy(&header, packet + at, sizeof(header));
	return header.type == ICMP_ECHOREPLY && header.un.echo.id == echo->id
		       ? ntohs(header.un.echo.sequence)
		       : -1;
}

static int answer6(const struct echo *echo, const uint8_t *packet, size_t size)
{
	struct icmp6_hdr header;

	if (size < sizeof(header))
		return -1;
	memcpy(&header, packet, sizeof(header));
	return header.icmp6_type == ICMP6_ECHO_REPLY && header.icmp6_id == echo->id
		       ? ntohs(header.icmp6_seq)
		       : -1;
}

static void answer_take(const struct echo *echo, int family, struct echo_target *targets,
			uint32_t n)
{
	static uint8_t packet[PACKET_MAX];
	ssize_t size = recv(echo->fd[family == 6], packet, sizeof(packet), MSG_DONTWAIT);
	int sequence;

	if (size <= 0)
		return;
	sequence = family == 4 ? answer4(echo, packet, (size_t)size)
			       : answer6(echo, packet, (size_t)size);
	if (sequence >= 0 && (uint32_t)sequence < n)
		targets[sequence].is_answered = true;
}

static bool all_answered(const struct echo_target *targets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!targets[i].is_answered)
			return false;
	return true;
}

static void answers_wait(const struct echo *echo, struct echo_target *targets, uint32_t n)
{
	struct pollfd polls[] = { { echo->fd[0], POLLIN, 0 }, { echo->fd[1], POLLIN, 0 } };
	uint64_t end_ms = clock_now_ms() + ROUND_MS, now_ms;

	while ((now_ms = clock_now_ms()) < end_ms && !all_answered(targets, n)) {
		if (poll(polls, 2, (int)(end_ms - now_ms)) <= 0)
			continue;
		if (polls[0].revents)
			answer_take(echo, 4, targets, n);
		if (polls[1].revents)
			answer_take(echo, 6, targets, n);
	}
}

static void some_ask(const struct echo *echo, struct echo_target *targets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		targets[i].is_answered = false;
	for (uint32_t round = 0; round < ROUNDS && !all_answered(targets, n); round++) {
		for (uint32_t i = 0; i < n; i++) {
			if (targets[i].is_answered || targets[i].bytes > PACKET_MAX)
				continue;
			if (targets[i].address.family == 4)
				send4(echo, &targets[i], (uint16_t)i);
			else
				send6(echo, &targets[i], (uint16_t)i);
		}
		answers_wait(echo, targets, n);
	}
}

void echo_ask(struct echo *echo, struct echo_target *targets, uint32_t n)
{
	echo->id++; /* late answers to earlier ones */
	for (uint32_t i = 0; i < n; i += AT_ONCE, echo->id++)
		some_ask(echo, targets + i, n - i < AT_ONCE ? n - i : AT_ONCE);
}

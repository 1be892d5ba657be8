/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_MAX 32768 /* most that the kernel returns of a dump at once */
#define LISTEN_BUFFER (1 << 20)

/* The kernel answers within the send; this timeout should never be reached. */
#define ANSWER_TIMEOUT_S 2

int netlink_open(struct netlink *netlink)
{
	const struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	int err;

	*netlink = (struct netlink){ .socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) };
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(netlink_fd(netlink), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit))) {
		err = -errno;
		netlink_close(netlink);
		return err;
	}
	netlink->port_id = mnl_socket_get_portid(netlink->socket);
	return 0;
}

int netlink_listen(struct netlink *netlink, const int *groups, size_t n)
{
	int fd = netlink_fd(netlink), size = LISTEN_BUFFER;

	/* Above net.core.rmem_max if this process may; else the maximum allowed. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < n; i++)
		if (mnl_socket_setsockopt(netlink->socket, NETLINK_ADD_MEMBERSHIP,
					  (void *)(uintptr_t)&groups[i], sizeof(groups[i])) < 0)
			return -errno;
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) ? -errno : 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->socket);
}

int netlink_family(const struct config_address *address)
{
	return address->family == 4 ? AF_INET : AF_INET6;
}

uint32_t netlink_address_bytes(const struct config_address *address)
{
	return address->family == 4 ? 4 : 16;
}

void *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t family_header)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(message, family_header);
}

void netlink_put_address(void *buffer, uint16_t attribute, const struct config_address *address)
{
	mnl_attr_put(buffer, attribute, netlink_address_bytes(address), address->bytes);
}

bool netlink_get_address(const struct nlattr *attribute, int family, struct config_address *address)
{
	uint16_t bytes = family == AF_INET ? 4 : 16;

	*address = (struct config_address){ .family = 0 };
	if (!attribute || (family != AF_INET && family != AF_INET6) ||
	    mnl_attr_get_payload_len(attribute) != bytes)
		return false;
	address->family = family == AF_INET ? 4 : 6;
	memcpy(address->bytes, mnl_attr_get_payload(attribute), bytes);
	return true;
}

struct attribute_table {
	const struct nlattr **table;
	uint16_t max;
};

static int attribute_note(const struct nlattr *attribute, void *arg)
{
	const struct attribute_table *to = arg;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= to->max)
		to->table[type] = attribute;
	return MNL_CB_OK;
}

void netlink_attributes(const struct nlmsghdr *message, uint32_t family_header,
			const struct nlattr **table, uint16_t max)
{
	struct attribute_table to = { .table = table, .max = max };

	for (uint32_t i = 0; i <= max; i++)
		table[i] = NULL;
	if (mnl_nlmsg_get_payload_len(message) >= family_header)
		mnl_attr_parse(message, family_header, attribute_note, &to);
}

/* Requests that only change something are acknowledged; an answer of one message ends with it. */
static bool answer_is_whole(const struct nlmsghdr *request)
{
	return !(request->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK));
}

int netlink_talk(struct netlink *netlink, void *buffer, mnl_cb_t each, void *arg)
{
	static char answer[ANSWER_MAX];
	struct nlmsghdr *request = buffer;
	int more = MNL_CB_OK;

	request->nlmsg_seq = ++netlink->seq;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));

		if (length < 0)
			return -errno;
		more = mnl_cb_run(answer, (size_t)length, netlink->seq, netlink->port_id, each,
				  arg);
		if (more < 0 && errno == EPROTO)
			more = MNL_CB_OK; /* a late answer to an earlier request */
		else if (more < 0)
			return -errno;
		else if (answer_is_whole(request))
			break;
	}
	return 0;
}

int netlink_drain(struct netlink *netlink, mnl_cb_t each, void *arg)
{
	static char messages[ANSWER_MAX];
	int err = 0;

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(netlink->socket, messages, sizeof(messages));

		if (length < 0 && errno == EAGAIN)
			return err;
		if (length < 0 && errno != ENOBUFS && errno != ENOSPC)
			return -errno;
		if (length < 0)
			err = -ENOBUFS;
		else
			mnl_cb_run(messages, (size_t)length, 0, 0, each, arg);
	}
}

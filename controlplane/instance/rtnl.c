/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/rtnl.h"

#define RTNL_BUFFER_BYTES 32768
#define LIFETIME_FOREVER 0xffffffffu

struct addr_search {
	const struct lb_unwrap_addr *addr;
	int ifindex;
};

/* Send one request and pass each answer to @cb. Return: 0 or -errno, including the kernel's. */
static int rtnl_talk(struct nlmsghdr *request, mnl_cb_t cb, void *data)
{
	char answer[RTNL_BUFFER_BYTES];
	struct mnl_socket *sock;
	ssize_t len;
	int ret;

	sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!sock)
		return -errno;
	request->nlmsg_seq = (unsigned int)time(NULL);
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(sock, request, request->nlmsg_len) < 0) {
		ret = -errno;
		goto close;
	}
	do {
		len = mnl_socket_recvfrom(sock, answer, sizeof(answer));
		if (len < 0)
			ret = -1;
		else
			ret = mnl_cb_run(answer, len, request->nlmsg_seq,
					 mnl_socket_get_portid(sock), cb, data);
	} while (ret > MNL_CB_STOP);
	ret = ret < 0 ? -errno : 0;
close:
	mnl_socket_close(sock);
	return ret;
}

static struct nlmsghdr *rtnl_request(char *buffer, int type, int flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

static int rtnl_addr_change(int type, int flags, int ifindex, const struct lb_unwrap_addr *addr)
{
	char buffer[MNL_NLMSG_HDRLEN + 256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = rtnl_request(buffer, type, NLM_F_ACK | flags);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	struct ifa_cacheinfo lifetime = { .ifa_valid = LIFETIME_FOREVER };

	msg->ifa_family = address_family(addr);
	msg->ifa_prefixlen = address_bytes(addr) * 8;
	msg->ifa_scope = RT_SCOPE_UNIVERSE;
	msg->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(addr), addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, address_bytes(addr), addr->bytes);
	if (type == RTM_NEWADDR && addr->family == 6) {
		msg->ifa_flags = IFA_F_NODAD;
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(lifetime), &lifetime);
	}
	return rtnl_talk(nlh, NULL, NULL);
}

int rtnl_addr_add(int ifindex, const struct lb_unwrap_addr *addr)
{
	return rtnl_addr_change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr);
}

int rtnl_addr_del(int ifindex, const struct lb_unwrap_addr *addr)
{
	return rtnl_addr_change(RTM_DELADDR, 0, ifindex, addr);
}

static int addr_search_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct addr_search *search = data;
	const struct nlattr *attr;
	int wanted = search->addr->family == 4 ? IFA_LOCAL : IFA_ADDRESS;

	mnl_attr_for_each(attr, nlh, sizeof(*msg)) {
		if (mnl_attr_get_type(attr) != wanted ||
		    mnl_attr_get_payload_len(attr) != address_bytes(search->addr))
			continue;
		if (!memcmp(mnl_attr_get_payload(attr), search->addr->bytes,
			    address_bytes(search->addr)))
			search->ifindex = msg->ifa_index;
	}
	return MNL_CB_OK;
}

int rtnl_addr_find(const struct lb_unwrap_addr *addr)
{
	char buffer[MNL_NLMSG_HDRLEN + 64] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = rtnl_request(buffer, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	struct addr_search search = { .addr = addr };
	int ret;

	msg->ifa_family = address_family(addr);
	ret = rtnl_talk(nlh, addr_search_cb, &search);
	return ret ? ret : search.ifindex;
}

static int route_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	int *oif = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg)) {
		if (mnl_attr_get_type(attr) == RTA_OIF && !mnl_attr_validate(attr, MNL_TYPE_U32))
			*oif = mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

int rtnl_route_oif(const struct lb_unwrap_addr *addr)
{
	char buffer[MNL_NLMSG_HDRLEN + 128] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = rtnl_request(buffer, RTM_GETROUTE, 0);
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	int oif = 0;
	int ret;

	msg->rtm_family = address_family(addr);
	msg->rtm_dst_len = address_bytes(addr) * 8;
	mnl_attr_put(nlh, RTA_DST, address_bytes(addr), addr->bytes);
	ret = rtnl_talk(nlh, route_cb, &oif);
	if (ret)
		return ret;
	return oif ? oif : -ENETUNREACH;
}

static int link_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *msg = mnl_nlmsg_get_payload(nlh);
	struct rtnl_link *link = data;
	const struct nlattr *attr;

	link->up = msg->ifi_flags & IFF_UP;
	mnl_attr_for_each(attr, nlh, sizeof(*msg)) {
		if (mnl_attr_get_type(attr) == IFLA_MTU && !mnl_attr_validate(attr, MNL_TYPE_U32))
			link->mtu = mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

int rtnl_link_get(int ifindex, struct rtnl_link *link)
{
	char buffer[MNL_NLMSG_HDRLEN + 64] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = rtnl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	msg->ifi_family = AF_UNSPEC;
	msg->ifi_index = ifindex;
	memset(link, 0, sizeof(*link));
	return rtnl_talk(nlh, link_cb, link);
}

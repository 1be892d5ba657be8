/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks for the problems that occur on instances in practice. */
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/host.h"
#include "controlplane/instance/rtnl.h"
#include "controlplane/instance/status.h"
#include "controlplane/instance/sysctl.h"

#define LO_IFINDEX 1
#define RP_FILTER_STRICT 1
#define CLIENT_MTU 1500
#define IP4_HEADER_BYTES 20
#define IP6_HEADER_BYTES 40
#define TCP_HEADER_BYTES 20
#define GUE_HEADER_BYTES 12 /* UDP's included */
/* Fewer packets are not significant; with two balancers in front, at least two CPUs are busy. */
#define ONE_CPU_PKTS_MIN 10000
#define ONE_CPU_PERCENT 95

__attribute__((format(printf, 2, 3))) static void find(struct status_findings *f,
						       const char *format, ...)
{
	va_list args;

	if (f->count == STATUS_FINDINGS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&f->text[f->count], format, args) >= 0)
		f->count++;
	va_end(args);
}

static bool has_vip4(const struct status *s)
{
	for (__u32 i = 0; i < s->state.vip_count; i++)
		if (s->state.vips[i].addr.family == 4)
			return true;
	return false;
}

static void check_vips(struct status *s)
{
	char text[ADDRESS_TEXT_SIZE];

	for (__u32 i = 0; i < s->state.vip_count; i++) {
		address_format(&s->state.vips[i].addr, text);
		if (!s->vip_ifindex[i])
			find(&s->warnings,
			     "VIP %s is on no interface, so its packets are not for this host: "
			     "ip addr add %s/%zu dev lo",
			     text, text, address_bytes(&s->state.vips[i].addr) * 8);
		else if (s->vip_ifindex[i] == s->ifindex)
			find(&s->warnings,
			     "VIP %s is an address of %s itself, so this host answers ARP and ND "
			     "for it: move it to lo",
			     text, s->iface);
	}
}

static bool has_gue(const struct status *s)
{
	for (int i = LB_UNWRAP_GUE_4IN4; i <= LB_UNWRAP_GUE_6IN6; i++)
		if (s->counts[i].pkts)
			return true;
	return false;
}

static void check_links(struct status *s)
{
	const int shim = has_gue(s) ? GUE_HEADER_BYTES : 0;
	struct link_state link;

	if (!rtnl_link_get(LO_IFINDEX, &link) && !link.is_up)
		find(&s->warnings, "lo is down, so its addresses don't work: ip link set lo up");
	if (rtnl_link_get(s->ifindex, &link))
		return;
	if (!link.is_up)
		find(&s->warnings, "%s is down: ip link set %s up", s->iface, s->iface);
	if (link.mtu < CLIENT_MTU + IP6_HEADER_BYTES + shim)
		find(&s->hints,
		     "MTU %d of %s leaves %d bytes inside an IPv4 tunnel and %d inside an IPv6 one; "
		     "to spare clients path MTU discovery, raise it to %d between "
		     "balancer and instance, or put 'advmss %d' on the routes to clients",
		     link.mtu, s->iface, link.mtu - shim - IP4_HEADER_BYTES,
		     link.mtu - shim - IP6_HEADER_BYTES, CLIENT_MTU + IP6_HEADER_BYTES + shim,
		     link.mtu - shim - IP6_HEADER_BYTES - IP6_HEADER_BYTES - TCP_HEADER_BYTES);
}

static void check_arp(struct status *s)
{
	if (!has_vip4(s) || sysctl_effective(s->iface, "arp_ignore") != 0)
		return;
	find(&s->warnings,
	     "this host answers ARP for its VIPs on %s, so that their traffic may "
	     "bypass the balancer: sysctl -w net.ipv4.conf.%s.arp_ignore=1",
	     s->iface, s->iface);
}

/*
 * An unwrapped packet comes from a client, through IFACE; strict filtering requires the route back
 * there too.
 */
static void check_rp_filter(struct status *s)
{
	/* From TEST-NET-1: stands for any client. */
	static const struct lb_unwrap_addr client = { .family = 4, .bytes = { 192, 0, 2, 1 } };

	if (!has_vip4(s) || sysctl_effective(s->iface, "rp_filter") != RP_FILTER_STRICT)
		return;
	if (rtnl_route_oif(&client) == s->ifindex)
		return;
	find(&s->warnings,
	     "rp_filter is strict on %s and the default route doesn't leave by it, so the kernel "
	     "silently drops unwrapped packets of such clients: "
	     "sysctl -w net.ipv4.conf.%s.rp_filter=2",
	     s->iface, s->iface);
}

/* Replies are mapped back where they leave by IFACE. */
static void check_replies(struct status *s)
{
	/* From TEST-NET-1: stands for any client. */
	static const struct lb_unwrap_addr client = { .family = 4, .bytes = { 192, 0, 2, 1 } };
	int oif;

	if (!ports_are_set(&s->ports))
		return;
	if (!s->filter_is_there)
		find(&s->warnings,
		     "the filter at tc egress of %s is gone, so replies leave by the instance's "
		     "ports: attach again",
		     s->iface);
	oif = has_vip4(s) ? rtnl_route_oif(&client) : 0;
	if (oif > 0 && oif != s->ifindex)
		find(&s->warnings,
		     "the default route doesn't leave by %s, so replies to such clients keep the "
		     "instance's ports: route them by %s",
		     s->iface, s->iface);
}

static void check_counts(struct status *s)
{
	const struct lb_unwrap_count *c = s->counts;

	if (c[LB_UNWRAP_FAILED].pkts)
		find(&s->warnings,
		     "%llu packets could not be unwrapped by the driver: attach with --mode generic",
		     c[LB_UNWRAP_FAILED].pkts);
	if (c[LB_UNWRAP_SOURCE].pkts)
		find(&s->hints,
		     "%llu tunnel packets came from sources that --from doesn't list; is a "
		     "balancer's address missing?",
		     c[LB_UNWRAP_SOURCE].pkts);
	if (c[LB_UNWRAP_INNER_NOT_VIP].pkts)
		find(&s->hints,
		     "%llu tunnel packets were for an address that --vip doesn't list; is a VIP "
		     "missing?",
		     c[LB_UNWRAP_INNER_NOT_VIP].pkts);
}

/* One CPU that took nearly all of many packets. */
struct busy_cpu {
	unsigned int cpu;
	__u64 percent, pkts;
};

static bool busy_cpu_find(const struct status *s, const __u64 *by_cpu, struct busy_cpu *busy)
{
	unsigned int most = 0;
	__u64 total = 0;

	for (unsigned int i = 0; i < STATUS_CPUS_MAX; i++) {
		total += by_cpu[i];
		if (by_cpu[i] > by_cpu[most])
			most = i;
	}
	if (s->online_cpus < 2 || total < ONE_CPU_PKTS_MIN ||
	    by_cpu[most] * 100 < total * ONE_CPU_PERCENT)
		return false;
	*busy = (struct busy_cpu){ most, by_cpu[most] * 100 / total, total };
	return true;
}

/* A NIC chooses the queue, and with it the CPU, by the outer addresses, and by ports if told so. */
static void check_cpus(struct status *s)
{
	struct busy_cpu busy;

	if (busy_cpu_find(s, s->unwrapped4, &busy))
		find(&s->hints,
		     "CPU %u took %llu %% of %llu tunnel packets: NICs distribute them by the outer "
		     "addresses, one pair per balancer; set node.tunnel_sources there and allow that network by --from, "
		     "or distribute them here by RPS (/sys/class/net/%s/queues/rx-*/rps_cpus)",
		     busy.cpu, busy.percent, busy.pkts, s->iface);
	if (busy_cpu_find(s, s->unwrapped_gue, &busy))
		find(&s->hints,
		     "CPU %u took %llu %% of %llu GUE packets, whose UDP source ports differ: let the NIC "
		     "distribute them by ports (ethtool -N %s rx-flow-hash udp4 sdfn, also udp6), or "
		     "distribute them here by RPS (/sys/class/net/%s/queues/rx-*/rps_cpus)",
		     busy.cpu, busy.percent, busy.pkts, s->iface, s->iface);
}

void status_check(struct status *s)
{
	check_vips(s);
	check_links(s);
	check_arp(s);
	check_rp_filter(s);
	check_replies(s);
	check_counts(s);
	check_cpus(s);
	if (!s->state.filter_sources)
		find(&s->hints, "any host may send tunnel packets to the VIPs; --from names those "
				"that should");
	if (s->mode == PROGRAM_GENERIC)
		find(&s->hints, "generic mode costs more CPU per packet than native mode in the "
				"driver");
}

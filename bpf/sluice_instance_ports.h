/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Port mapping with direct server return: a packet to a listener's port of a VIP gets the instance's
 * port at the XDP hook, and replies get the listener's port back at tc egress. Routers' ICMP errors
 * about replies quote the listener's port, so that is mapped, too: without it no socket would learn
 * the path MTU.
 *
 * SYN+ACKs are told a smaller MSS there, if wanted, so that clients' packets fit the tunnel.
 */
#ifndef BPF_SLUICE_INSTANCE_PORTS_H
#define BPF_SLUICE_INSTANCE_PORTS_H

#include <stddef.h>

#include <linux/tcp.h>

#include "bpf/sluice_instance_base.h"

#define LB_TCP_SYN 0x02
#define LB_TCP_OPTIONS_MAX 40
#define LB_TCP_OPT_END 0
#define LB_TCP_OPT_NOP 1
#define LB_TCP_OPT_MSS 2
#define LB_TCP_OPT_MSS_LEN 4
#define LB_ICMP4_UNREACH 3
#define LB_ICMP4_TIME_EXCEEDED 11
#define LB_ICMP4_PARAM_PROBLEM 12
#define LB_ICMP6_UNREACH 1
#define LB_ICMP6_PARAM_PROBLEM 4

/* Of either family; <linux/icmp.h> needs headers of the C library. */
struct lb_icmp {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 rest;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, LB_UNWRAP_PORT_SLOTS);
	__type(key, struct lb_unwrap_port_key);
	__type(value, struct lb_unwrap_port);
} instance_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_unwrap_replies);
} instance_reply SEC(".maps");

static __always_inline const struct lb_unwrap_replies *lb_replies(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&instance_reply, &zero);
}

static __always_inline struct lb_unwrap_port *lb_port_find(const struct lb_unwrap_addr *vip,
							   __be16 port, __u16 way)
{
	struct lb_unwrap_port_key key = { .vip = *vip, .port = port, .way = way };
	struct lb_unwrap_port *found = bpf_map_lookup_elem(&instance_ports, &key);

	if (found)
		return found;
	key.vip = (struct lb_unwrap_addr){};
	return bpf_map_lookup_elem(&instance_ports, &key);
}

/* RFC 1624, equation 3 */
static __always_inline void lb_sum_change(__sum16 *sum, __be16 from, __be16 to)
{
	__u32 s = (__u16) ~*sum + (__u16)~from + to;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	*sum = (__u16)~s;
}

/* ---- In ---- */

/* Bytes of the IP header at @off, and what follows it; 0 if that is a later fragment, or unknown. */
static __always_inline __u32 lb_ip_len(struct xdp_md *ctx, __u32 off, __u32 family, __u8 *proto)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ipv6hdr *ip6 = lb_header_at(ctx, off);
	const struct iphdr *ip4 = (const void *)ip6;

	if (family == 6) {
		if ((const void *)(ip6 + 1) > data_end || ip6->version != 6)
			return 0;
		*proto = ip6->nexthdr;
		return sizeof(*ip6);
	}
	if ((const void *)(ip4 + 1) > data_end || ip4->version != 4 || ip4->ihl < 5 ||
	    ip4->frag_off & bpf_htons(LB_IP4_OFFSET))
		return 0;
	*proto = ip4->protocol;
	return ip4->ihl * 4;
}

static __always_inline void lb_tcp_in(struct xdp_md *ctx, __u32 off,
				      const struct lb_unwrap_addr *vip)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	struct tcphdr *tcp = lb_header_at(ctx, off);
	struct lb_unwrap_port *to;

	if ((const void *)(tcp + 1) > data_end)
		return;
	to = lb_port_find(vip, tcp->dest, LB_UNWRAP_IN);
	if (!to)
		return;
	lb_count_add(&to->count, lb_frame_len(ctx));
	lb_sum_change(&tcp->check, tcp->dest, to->port);
	tcp->dest = to->port;
}

static __always_inline bool lb_icmp_is_error(__u32 family, __u8 type)
{
	if (family == 6)
		return type >= LB_ICMP6_UNREACH && type <= LB_ICMP6_PARAM_PROBLEM;
	return type == LB_ICMP4_UNREACH || type == LB_ICMP4_TIME_EXCEEDED ||
	       type == LB_ICMP4_PARAM_PROBLEM;
}

/* A quoted reply: its source is the VIP. Its TCP checksum, if it is quoted, nobody verifies. */
static __always_inline void lb_icmp_in(struct xdp_md *ctx, __u32 off,
				       const struct lb_unwrap_addr *vip)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	struct lb_icmp *icmp = lb_header_at(ctx, off);
	const struct lb_unwrap_port *to;
	__u32 len, quote = off + sizeof(*icmp);
	__be16 *sport;
	__u8 proto;

	if ((const void *)(icmp + 1) > data_end || !lb_icmp_is_error(vip->family, icmp->type))
		return;
	len = lb_ip_len(ctx, quote, vip->family, &proto);
	if (!len || proto != IPPROTO_TCP)
		return;
	sport = lb_header_at(ctx, quote + len);
	if ((const void *)(sport + 1) > data_end)
		return;
	to = lb_port_find(vip, *sport, LB_UNWRAP_IN);
	if (!to)
		return;
	icmp = lb_header_at(ctx, off);
	if ((const void *)(icmp + 1) > data_end)
		return;
	lb_sum_change(&icmp->checksum, *sport, to->port);
	*sport = to->port;
}

/* Map the port of a packet to @vip whose IP header is at @off. */
static __always_inline void lb_ports_in(struct xdp_md *ctx, __u32 off,
					const struct lb_unwrap_addr *vip)
{
	const struct lb_unwrap_replies *replies = lb_replies();
	__u8 proto = 0;
	__u32 len;

	if (!replies || !replies->n_ports)
		return;
	len = lb_ip_len(ctx, off, vip->family, &proto);
	if (!len)
		return;
	if (proto == IPPROTO_TCP)
		lb_tcp_in(ctx, off + len, vip);
	else if (proto == (vip->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		lb_icmp_in(ctx, off + len, vip);
}

/* ---- Out ---- */

struct lb_reply {
	struct lb_unwrap_addr src;
	__u32 l4_off; /* of its TCP header */
};

static __always_inline bool lb_reply_parse4(struct __sk_buff *skb, __u32 off, struct lb_reply *r)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.protocol != IPPROTO_TCP ||
	    ip.frag_off & bpf_htons(LB_IP4_OFFSET))
		return false;
	lb_addr_set4(&r->src, &ip.saddr);
	r->l4_off = off + ip.ihl * 4;
	return true;
}

static __always_inline bool lb_reply_parse6(struct __sk_buff *skb, __u32 off, struct lb_reply *r)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.nexthdr != IPPROTO_TCP)
		return false;
	lb_addr_set6(&r->src, &ip.saddr);
	r->l4_off = off + sizeof(ip);
	return true;
}

/* TCP from a VIP. */
static __always_inline bool lb_reply_parse(struct __sk_buff *skb, struct lb_reply *r)
{
	__u32 off = sizeof(struct ethhdr);
	struct lb_vlan vlan;
	__be16 proto;

	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &proto, sizeof(proto)))
		return false;
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD)) {
		if (bpf_skb_load_bytes(skb, off, &vlan, sizeof(vlan)))
			return false;
		proto = vlan.proto;
		off += sizeof(vlan);
	}
	if (!(proto == bpf_htons(ETH_P_IP)     ? lb_reply_parse4(skb, off, r)
	      : proto == bpf_htons(ETH_P_IPV6) ? lb_reply_parse6(skb, off, r)
					       : false))
		return false;
	return bpf_map_lookup_elem(&instance_vips, &r->src);
}

static __always_inline void lb_sport_out(struct __sk_buff *skb, const struct lb_reply *r)
{
	struct lb_unwrap_port *to;
	__be16 sport;

	if (bpf_skb_load_bytes(skb, r->l4_off, &sport, sizeof(sport)))
		return;
	to = lb_port_find(&r->src, sport, LB_UNWRAP_OUT);
	if (!to)
		return;
	lb_count_add(&to->count, skb->len);
	bpf_l4_csum_replace(skb, r->l4_off + offsetof(struct tcphdr, check), sport, to->port,
			    sizeof(sport));
	bpf_skb_store_bytes(skb, r->l4_off, &to->port, sizeof(to->port), 0);
}

/* An option at an odd offset has its bytes in two words of the checksum. */
static __always_inline void lb_mss_write(struct __sk_buff *skb, const struct lb_reply *r, __u32 off,
					 __u16 from, __u16 mss)
{
	__be16 value = bpf_htons(mss);
	bool odd = (off - r->l4_off) & 1;

	bpf_l4_csum_replace(skb, r->l4_off + offsetof(struct tcphdr, check),
			    odd ? from : bpf_htons(from), odd ? mss : value, sizeof(value));
	bpf_skb_store_bytes(skb, off, &value, sizeof(value), 0);
}

/* RFC 9293 section 3.7.1 */
static __always_inline void lb_mss_out(struct __sk_buff *skb, const struct lb_reply *r, __u16 mss)
{
	__u32 off = r->l4_off + sizeof(struct tcphdr), end;
	__u8 head[2]; /* data offset and flags; then kind and length of an option */
	__be16 told;

	if (bpf_skb_load_bytes(skb, r->l4_off + 12, head, sizeof(head)) || !(head[1] & LB_TCP_SYN))
		return;
	end = r->l4_off + (head[0] >> 4) * 4;
	for (int i = 0; i < LB_TCP_OPTIONS_MAX && off + LB_TCP_OPT_MSS_LEN <= end; i++) {
		if (bpf_skb_load_bytes(skb, off, head, sizeof(head)) || head[0] == LB_TCP_OPT_END)
			return;
		if (head[0] == LB_TCP_OPT_NOP) {
			off++;
			continue;
		}
		if (head[0] == LB_TCP_OPT_MSS && head[1] == LB_TCP_OPT_MSS_LEN) {
			if (!bpf_skb_load_bytes(skb, off + 2, &told, sizeof(told)) &&
			    bpf_ntohs(told) > mss)
				lb_mss_write(skb, r, off + 2, bpf_ntohs(told), mss);
			return;
		}
		if (head[1] < 2)
			return;
		off += head[1];
	}
}

static __always_inline void lb_ports_out(struct __sk_buff *skb)
{
	const struct lb_unwrap_replies *replies = lb_replies();
	struct lb_reply r = {};
	__u16 mss;

	if (!replies || !lb_reply_parse(skb, &r))
		return;
	mss = r.src.family == 6 ? replies->mss6 : replies->mss4;
	if (replies->n_ports)
		lb_sport_out(skb, &r);
	if (mss)
		lb_mss_out(skb, &r, mss);
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Unwraps IPIP and GUE on an instance, in all four mixes of IPv4 and IPv6, without a tunnel device.
 *
 * XDP and not tc ingress: removing an outer header of the other family from an skb needs
 * BPF_F_ADJ_ROOM_DECAP_L3_*, which kernels before 6.3 lack, while XDP moves the start of the frame
 * on every kernel since 4.10, and GRO, RPS and the socket lookup then see the inner packet as if it
 * had arrived like that. Where a driver has no XDP, the kernel's generic mode runs the same
 * program.
 *
 * A packet that is not certainly for this program goes up the stack untouched. Only RFC 6040's
 * congestion case drops.
 */
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "bpf/sluice_instance_ports.h"

#define LB_AF_INET 2
#define LB_AF_INET6 10
#define LB_IP4_WORDS_MAX 30
#define LB_IP4_FRAGMENT 0x3fff /* more-fragments bit and offset */
#define LB_IP6_OFFSET_LOW 0xf8
#define LB_IP6_FRAGMENT_LOW 0xf9 /* offset and more-fragments bit in the field's second byte */
#define LB_ECN_MASK 3
#define LB_ECN_CE 3
#define LB_TUNNEL_LIMIT_OPT 4 /* RFC 2473 section 4.1.1 */
#define LB_GUE_HLEN 0x1f

/* A parse step's answer when the packet is still a candidate. */
#define LB_CONTINUE (-1)

/* draft-ietf-intarea-gue-09 section 3.1 */
struct lb_gue {
	__u8 version_hlen; /* 2 bits of variant, control bit, 5 bits: options, in 4 bytes */
	__u8 proto;
	__be16 flags;
};

struct lb_tunnel {
	__u32 l3_off;	 /* outer header */
	__u32 inner_off; /* inner header */
	__u32 outer_end; /* one past the outer packet */
	__u32 inner_end; /* one past the inner packet; the rest of the frame is padding */
	__u32 frame_len;
	__u8 proto; /* behind the outer header; behind GUE, once that is read */
	__u8 outer_tos;
	bool is_gue;
	struct lb_unwrap_addr src, dst, inner_dst;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_unwrap_state);
} instance_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_UNWRAP_FROM_SLOTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_unwrap_prefix);
	__type(value, __u32);
} instance_from SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_UNWRAP_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct lb_unwrap_count);
} instance_counts SEC(".maps");

/* RFC 1071 over a header of 20 to 60 bytes. Return: whether the checksum is right. */
static __always_inline bool lb_ip4_sum_ok(const struct iphdr *ip, const void *data_end)
{
	const __be16 *word = (const void *)ip;
	__u32 words = ip->ihl * 2;
	__u32 sum = 0;

	for (__u32 i = 0; i < LB_IP4_WORDS_MAX; i++) {
		if (i >= words)
			break;
		/* Keeps clang from turning the bound into ~pointer, which the verifier forbids. */
		asm volatile("" : "+r"(word));
		if ((const void *)(word + 1) > data_end)
			return false;
		sum += *word++;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static __always_inline bool lb_proto_is_ip(__u8 proto)
{
	return proto == IPPROTO_IPIP || proto == IPPROTO_IPV6;
}

/* Whether the UDP header at inner_off is to the port of GUE. */
static __always_inline bool lb_gue_is_at(struct xdp_md *ctx, const struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct udphdr *udp = lb_header_at(ctx, t->inner_off);
	const struct lb_unwrap_state *state;
	__u32 zero = 0;
	__u16 port;

	if ((const void *)(udp + 1) > data_end)
		return false;
	port = bpf_ntohs(udp->dest);
	state = bpf_map_lookup_elem(&instance_state, &zero);
	return state && port == state->gue_port;
}

/* Whether what is at inner_off, by t->proto, is a tunnel's. */
static __always_inline bool lb_tunnel_is_at(struct xdp_md *ctx, struct lb_tunnel *t)
{
	if (lb_proto_is_ip(t->proto))
		return true;
	t->is_gue = t->proto == IPPROTO_UDP && lb_gue_is_at(ctx, t);
	return t->is_gue;
}

/*
 * UDP and GUE at inner_off: draft-ietf-intarea-gue-09 sections 3 (a GUE header) and 4 (variant 1:
 * the packet follows UDP). Options without flags are private data, and skipped. The UDP checksum is
 * not verified: the packet has its own.
 */
static __always_inline int lb_gue_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct udphdr *udp = lb_header_at(ctx, t->inner_off);
	const struct lb_gue *gue = (const void *)(udp + 1);
	__u32 len, shim_len = sizeof(*udp);

	if ((const void *)(gue + 1) > data_end)
		return LB_UNWRAP_OUTER_MALFORMED;
	len = bpf_ntohs(udp->len);
	if (len < sizeof(*udp) + sizeof(*gue) || t->inner_off + len > t->outer_end)
		return LB_UNWRAP_OUTER_MALFORMED;
	t->outer_end = t->inner_off + len;
	switch (gue->version_hlen >> 4) {
	case 0: /* variant 0, no control message */
	case 1:
		if (gue->flags)
			return LB_UNWRAP_GUE_HEADER;
		t->proto = gue->proto;
		shim_len += sizeof(*gue) + (gue->version_hlen & LB_GUE_HLEN) * 4;
		break;
	case 4:
		t->proto = IPPROTO_IPIP;
		break;
	case 6:
		t->proto = IPPROTO_IPV6;
		break;
	default:
		return LB_UNWRAP_GUE_HEADER;
	}
	if (!lb_proto_is_ip(t->proto))
		return LB_UNWRAP_GUE_HEADER;
	t->inner_off += shim_len;
	return t->inner_off > t->outer_end ? LB_UNWRAP_OUTER_MALFORMED : LB_CONTINUE;
}

static __always_inline int lb_outer4_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct iphdr *ip = lb_header_at(ctx, t->l3_off);
	__u32 tot_len;

	if ((const void *)(ip + 1) > data_end)
		return LB_UNWRAP_NOT_TUNNEL;
	t->proto = ip->protocol;
	t->outer_tos = ip->tos;
	lb_addr_set4(&t->src, &ip->saddr);
	lb_addr_set4(&t->dst, &ip->daddr);
	t->inner_off = t->l3_off + ip->ihl * 4;
	/* A later fragment of UDP has no ports. */
	if (t->proto == IPPROTO_UDP && ip->frag_off & bpf_htons(LB_IP4_OFFSET))
		return LB_UNWRAP_DIRECT;
	if (!lb_tunnel_is_at(ctx, t))
		return LB_UNWRAP_DIRECT;

	tot_len = bpf_ntohs(ip->tot_len);
	t->outer_end = t->l3_off + tot_len;
	if (ip->version != 4 || ip->ihl < 5 || t->inner_off > t->outer_end ||
	    t->outer_end > t->frame_len || !lb_ip4_sum_ok(ip, data_end))
		return LB_UNWRAP_OUTER_MALFORMED;
	if (ip->frag_off & bpf_htons(LB_IP4_FRAGMENT))
		return LB_UNWRAP_FRAGMENT;
	return t->is_gue ? lb_gue_parse(ctx, t) : LB_CONTINUE;
}

/* RFC 6946: a fragment header without offset and more-fragments bit. */
static __always_inline bool lb_fragment_is_whole(const __u8 *ext)
{
	return !(ext[2] | (ext[3] & LB_IP6_FRAGMENT_LOW));
}

static __always_inline bool lb_fragment_is_later(const __u8 *ext)
{
	return ext[2] | (ext[3] & LB_IP6_OFFSET_LOW);
}

/*
 * One extension header may precede the payload: the tunnel encapsulation limit, which Linux tunnels
 * send by default, or that of an atomic fragment. Any other one is left to the stack.
 */
static __always_inline int lb_ext6_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const __u8 *ext = lb_header_at(ctx, t->inner_off);
	__u8 kind = t->proto;

	if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_FRAGMENT &&
	    kind != IPPROTO_DSTOPTS)
		return LB_UNWRAP_DIRECT;
	if ((const void *)(ext + 8) > data_end)
		return LB_UNWRAP_DIRECT;
	t->proto = ext[0];
	t->inner_off += 8;
	if (t->proto == IPPROTO_UDP && kind == IPPROTO_FRAGMENT && lb_fragment_is_later(ext))
		return LB_UNWRAP_DIRECT;
	if (!lb_tunnel_is_at(ctx, t))
		return LB_UNWRAP_DIRECT;
	if (kind == IPPROTO_FRAGMENT && !lb_fragment_is_whole(ext))
		return LB_UNWRAP_FRAGMENT;
	if (kind != IPPROTO_FRAGMENT && (kind != IPPROTO_DSTOPTS || ext[1] != 0 ||
					 ext[2] != LB_TUNNEL_LIMIT_OPT || ext[3] != 1))
		return LB_UNWRAP_EXT_HEADER;
	return LB_CONTINUE;
}

static __always_inline int lb_outer6_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ipv6hdr *ip = lb_header_at(ctx, t->l3_off);
	int reason;

	if ((const void *)(ip + 1) > data_end)
		return LB_UNWRAP_NOT_TUNNEL;
	t->proto = ip->nexthdr;
	t->outer_tos = ip->flow_lbl[0] >> 4;
	lb_addr_set6(&t->src, &ip->saddr);
	lb_addr_set6(&t->dst, &ip->daddr);
	t->inner_off = t->l3_off + sizeof(*ip);
	t->outer_end = t->inner_off + bpf_ntohs(ip->payload_len);
	if (!lb_tunnel_is_at(ctx, t)) {
		reason = lb_ext6_parse(ctx, t);
		if (reason != LB_CONTINUE)
			return reason;
	}
	if (ip->version != 6 || t->inner_off > t->outer_end || t->outer_end > t->frame_len)
		return LB_UNWRAP_OUTER_MALFORMED;
	return t->is_gue ? lb_gue_parse(ctx, t) : LB_CONTINUE;
}

static __always_inline int lb_outer_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = (const void *)(long)ctx->data;
	const struct lb_vlan *vlan = (const void *)(eth + 1);
	__be16 proto;

	if ((const void *)(eth + 1) > data_end)
		return LB_UNWRAP_NOT_TUNNEL;
	proto = eth->h_proto;
	t->l3_off = sizeof(*eth);
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD)) {
		if ((const void *)(vlan + 1) > data_end)
			return LB_UNWRAP_NOT_TUNNEL;
		proto = vlan->proto;
		t->l3_off += sizeof(*vlan);
	}
	if (proto == bpf_htons(ETH_P_IP))
		return lb_outer4_parse(ctx, t);
	if (proto == bpf_htons(ETH_P_IPV6))
		return lb_outer6_parse(ctx, t);
	return LB_UNWRAP_NOT_TUNNEL;
}

static __always_inline int lb_inner4_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct iphdr *ip = lb_header_at(ctx, t->inner_off);
	__u32 tot_len;

	if ((const void *)(ip + 1) > data_end || t->inner_off + sizeof(*ip) > t->outer_end)
		return LB_UNWRAP_INNER_MALFORMED;
	tot_len = bpf_ntohs(ip->tot_len);
	t->inner_end = t->inner_off + tot_len;
	if (ip->version != 4 || ip->ihl < 5 || tot_len < ip->ihl * 4u ||
	    t->inner_end > t->outer_end)
		return LB_UNWRAP_INNER_MALFORMED;
	lb_addr_set4(&t->inner_dst, &ip->daddr);
	return LB_CONTINUE;
}

static __always_inline int lb_inner6_parse(struct xdp_md *ctx, struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ipv6hdr *ip = lb_header_at(ctx, t->inner_off);

	if ((const void *)(ip + 1) > data_end || t->inner_off + sizeof(*ip) > t->outer_end)
		return LB_UNWRAP_INNER_MALFORMED;
	t->inner_end = t->inner_off + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || t->inner_end > t->outer_end)
		return LB_UNWRAP_INNER_MALFORMED;
	lb_addr_set6(&t->inner_dst, &ip->daddr);
	return LB_CONTINUE;
}

static __always_inline bool lb_source_allowed(const struct lb_unwrap_addr *src)
{
	const struct lb_unwrap_state *state;
	struct lb_unwrap_prefix key;
	__u32 zero = 0;

	state = bpf_map_lookup_elem(&instance_state, &zero);
	if (!state)
		return false;
	if (!state->filter_sources)
		return true;
	key.bits = LB_UNWRAP_FAMILY_BITS + (src->family == 4 ? 32 : 128);
	key.addr = *src;
	return bpf_map_lookup_elem(&instance_from, &key);
}

static __always_inline bool lb_addr_multicast(const struct lb_unwrap_addr *a)
{
	if (a->family == 6)
		return a->bytes[0] == 0xff;
	return a->bytes[0] >= 224;
}

/*
 * Whether this host would forward the outer packet rather than accept it. A lookup in the routing
 * table follows every change of addresses, which a list made at attach would not. A host that
 * doesn't forward can only have been sent its own packets.
 */
static __always_inline bool lb_outer_foreign(struct xdp_md *ctx, const struct lb_tunnel *t)
{
	struct bpf_fib_lookup fib = {};
	long ret;

	if (lb_addr_multicast(&t->dst))
		return true;
	fib.ifindex = ctx->ingress_ifindex;
	if (t->dst.family == 4) {
		fib.family = LB_AF_INET;
		__builtin_memcpy(&fib.ipv4_src, t->src.bytes, 4);
		__builtin_memcpy(&fib.ipv4_dst, t->dst.bytes, 4);
	} else {
		fib.family = LB_AF_INET6;
		__builtin_memcpy(fib.ipv6_src, t->src.bytes, 16);
		__builtin_memcpy(fib.ipv6_dst, t->dst.bytes, 16);
	}
	ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	return ret >= 0 && ret != BPF_FIB_LKUP_RET_NOT_FWDED &&
	       ret != BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* RFC 6040 section 4.2: a congestion mark on the outer header must reach the inner flow. */
static __always_inline bool lb_ce_to_ip4(struct iphdr *ip)
{
	__u32 sum;

	if (!(ip->tos & LB_ECN_MASK))
		return false;
	/* RFC 1624: the mark adds 1 or 2 to the header's first word, or nothing. */
	sum = (__u16)~bpf_ntohs(ip->check) + (LB_ECN_CE - (ip->tos & LB_ECN_MASK));
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons(~sum);
	ip->tos |= LB_ECN_CE;
	return true;
}

static __always_inline bool lb_ce_to_ip6(struct ipv6hdr *ip)
{
	if (!(ip->flow_lbl[0] & (LB_ECN_MASK << 4)))
		return false;
	ip->flow_lbl[0] |= LB_ECN_CE << 4;
	return true;
}

/* After the move: the inner header is at l3_off. Return: false if the packet must be dropped. */
static __always_inline bool lb_ecn_propagate(struct xdp_md *ctx, const struct lb_tunnel *t)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *ip = lb_header_at(ctx, t->l3_off);

	if ((t->outer_tos & LB_ECN_MASK) != LB_ECN_CE)
		return true;
	if (t->proto == IPPROTO_IPIP)
		return ip + sizeof(struct iphdr) <= data_end && lb_ce_to_ip4(ip);
	return ip + sizeof(struct ipv6hdr) <= data_end && lb_ce_to_ip6(ip);
}

/* Put the saved Ethernet header, one VLAN tag included, before the inner packet. */
static __always_inline bool lb_eth_write(struct xdp_md *ctx, const struct lb_tunnel *t,
					 const struct ethhdr *old_eth,
					 const struct lb_vlan *old_vlan)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct lb_vlan *vlan = (void *)(eth + 1);
	__be16 proto = t->proto == IPPROTO_IPIP ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);

	if ((void *)(vlan + 1) > data_end)
		return false;
	*eth = *old_eth;
	if (t->l3_off == sizeof(*eth)) {
		eth->h_proto = proto;
	} else {
		vlan->tci = old_vlan->tci;
		vlan->proto = proto;
	}
	return true;
}

static __always_inline int lb_unwrapped_as(const struct lb_tunnel *t)
{
	int mix = (t->dst.family == 4 ? 0 : 2) + (t->proto == IPPROTO_IPIP ? 0 : 1);

	return mix + (t->is_gue ? LB_UNWRAP_GUE_4IN4 : LB_UNWRAP_DECAP_4IN4);
}

static __always_inline int lb_unwrap(struct xdp_md *ctx, const struct lb_tunnel *t)
{
	const void *data_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = (const void *)(long)ctx->data;
	const struct lb_vlan *vlan = (const void *)(eth + 1);
	struct ethhdr old_eth;
	struct lb_vlan old_vlan;

	if ((const void *)(vlan + 1) > data_end)
		return LB_UNWRAP_FAILED;
	old_eth = *eth;
	old_vlan = *vlan;
	if (t->frame_len > t->inner_end &&
	    bpf_xdp_adjust_tail(ctx, (int)t->inner_end - (int)t->frame_len))
		return LB_UNWRAP_FAILED;
	if (bpf_xdp_adjust_head(ctx, (int)(t->inner_off - t->l3_off)))
		return LB_UNWRAP_FAILED;
	if (!lb_eth_write(ctx, t, &old_eth, &old_vlan))
		return LB_UNWRAP_FAILED;
	if (!lb_ecn_propagate(ctx, t))
		return LB_UNWRAP_DROP_CE;
	return lb_unwrapped_as(t);
}

/* The checks that can reject a well-formed tunnel packet, cheapest first, then the move. */
static __always_inline int lb_tunnel_handle(struct xdp_md *ctx, struct lb_tunnel *t)
{
	struct lb_unwrap_vip *vip;
	int reason;

	if (!lb_source_allowed(&t->src))
		return LB_UNWRAP_SOURCE;
	if (bpf_map_lookup_elem(&instance_vips, &t->dst))
		return LB_UNWRAP_OUTER_VIP;
	reason = t->proto == IPPROTO_IPIP ? lb_inner4_parse(ctx, t) : lb_inner6_parse(ctx, t);
	if (reason != LB_CONTINUE)
		return reason;
	vip = bpf_map_lookup_elem(&instance_vips, &t->inner_dst);
	if (!vip)
		return LB_UNWRAP_INNER_NOT_VIP;
	if (lb_outer_foreign(ctx, t))
		return LB_UNWRAP_NOT_LOCAL;
	lb_count_add(&vip->tunnel, t->frame_len);
	reason = lb_unwrap(ctx, t);
	if (reason != LB_UNWRAP_FAILED && reason != LB_UNWRAP_DROP_CE)
		lb_ports_in(ctx, t->l3_off, &t->inner_dst);
	return reason;
}

/* Parsed, but not a tunnel packet: whether it is sent straight to a VIP, as in `l2` forwarding. */
static __always_inline int lb_direct_handle(struct xdp_md *ctx, const struct lb_tunnel *t)
{
	struct lb_unwrap_vip *vip = bpf_map_lookup_elem(&instance_vips, &t->dst);

	if (!vip)
		return LB_UNWRAP_NOT_TUNNEL;
	lb_count_add(&vip->direct, t->frame_len);
	lb_ports_in(ctx, t->l3_off, &t->dst);
	return LB_UNWRAP_DIRECT;
}

SEC("xdp")
int sluice_instance(struct xdp_md *ctx)
{
	struct lb_tunnel t = {};
	struct lb_unwrap_count *count;
	__u32 key;
	int reason;

	t.frame_len = lb_frame_len(ctx);
	reason = lb_outer_parse(ctx, &t);
	if (reason == LB_CONTINUE)
		reason = lb_tunnel_handle(ctx, &t);
	else if (reason == LB_UNWRAP_DIRECT)
		reason = lb_direct_handle(ctx, &t);

	key = reason;
	count = bpf_map_lookup_elem(&instance_counts, &key);
	if (count)
		lb_count_add(count, t.frame_len);
	return reason == LB_UNWRAP_DROP_CE ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int sluice_reply(struct __sk_buff *skb)
{
	lb_ports_out(skb);
	return TC_ACT_UNSPEC; /* filters behind this one have their turn */
}

char lb_license[] SEC("license") = "Dual BSD/GPL";

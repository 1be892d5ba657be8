/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/tunnel_error.h"

#include <string.h>

#define FRAME_MAX (sizeof(struct lb_eth) + TUNNEL_ERROR_ANSWER_MAX)
#define TTL_EXCEEDED 0 /* code of time exceeded, of both families */

/* ---- Reading ---- */

/* Old routers do not report their MTU: RFC 1191 section 7.1. */
static uint32_t mtu_guess(uint32_t packet_bytes)
{
	static const uint32_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < packet_bytes)
			return plateaus[i];
	return 68;
}

/*
 * RFC 2003 sections 4.1 and 4.4: codes that mean that the path is broken. An unreachable port means
 * for a tunnel in UDP what an unreachable protocol means for others: it is not unwrapped.
 */
static bool is_unreachable4(const struct lb_icmp *icmp, uint8_t proto)
{
	enum { PORT = 3, SOURCE_ROUTE = 5 };

	if (icmp->type == LB_ICMP4_TIME_EXCEEDED)
		return icmp->code == TTL_EXCEEDED;
	return icmp->type == LB_ICMP4_UNREACH && icmp->code != SOURCE_ROUTE &&
	       (icmp->code != PORT || proto == LB_IPPROTO_UDP);
}

static bool is_unreachable6(const struct lb_icmp *icmp, uint8_t next)
{
	enum { PORT = 4 };

	if (icmp->type == LB_ICMP6_TIME_EXCEEDED)
		return icmp->code == TTL_EXCEEDED;
	return icmp->type == LB_ICMP6_UNREACH && (icmp->code != PORT || next == LB_IPPROTO_UDP);
}

/*
 * UDP and GUE as the dataplane writes them. Of a quote that ends before the client's packet only
 * the port is known. Return: false if it is something else, else with the packet's protocol in
 * @proto.
 */
static bool gue_read(struct tunnel_error *error, uint8_t *proto)
{
	const struct lb_udp *udp = (const struct lb_udp *)error->inner;
	const struct lb_gue *gue = (const struct lb_gue *)(udp + 1);
	const uint32_t shim_len = lb_shim_gue.len;

	if (error->inner_bytes < sizeof(*udp) || !udp->ports.dport)
		return false;
	error->port = udp->ports.dport;
	error->tunnel_len += shim_len;
	if (error->inner_bytes < shim_len) {
		error->inner_bytes = 0;
		*proto = LB_IPPROTO_IPIP;
		return true;
	}
	*proto = gue->proto;
	error->inner += shim_len;
	error->inner_bytes -= shim_len;
	return !gue->version_hlen && !gue->flags;
}

/* @proto: of what is quoted behind the outer header. */
static bool tunnel_read(struct tunnel_error *error, uint8_t proto)
{
	error->tunnel_len = (uint32_t)(error->inner - error->outer);
	if (proto == LB_IPPROTO_UDP && !gue_read(error, &proto))
		return false;
	error->inner_family = proto == LB_IPPROTO_IPV6 ? 6 : 4;
	return proto == LB_IPPROTO_IPIP || proto == LB_IPPROTO_IPV6;
}

/* Reject an MTU into which the packet fits. */
static bool mtu_read(struct tunnel_error *error, uint32_t mtu, uint32_t outer_len)
{
	error->mtu_bytes = mtu ? mtu : mtu_guess(outer_len);
	return error->mtu_bytes < outer_len;
}

static bool read4(const struct lb_icmp *icmp, uint32_t bytes, struct tunnel_error *error)
{
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(icmp + 1);
	uint32_t quoted = bytes - (uint32_t)sizeof(*icmp), header_len;

	if (quoted < sizeof(*ip) || !is_unreachable4(icmp, ip->proto))
		return false;
	header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	error->outer = (const uint8_t *)ip;
	error->inner = (const uint8_t *)(ip + 1);
	error->inner_bytes = quoted - (uint32_t)sizeof(*ip);
	if (ip->version_ihl >> 4 != 4 || header_len != sizeof(*ip) ||
	    ip->frag & LB_BE16(LB_IPV4_OFFSET) || !tunnel_read(error, ip->proto))
		return false;
	error->is_too_big =
		icmp->type == LB_ICMP4_UNREACH && icmp->code == LB_ICMP4_UNREACH_FRAG_NEEDED;
	return !error->is_too_big ||
	       mtu_read(error, lb_be32_to_cpu(icmp->rest) & 0xffff, lb_be16_to_cpu(ip->total_len));
}

static bool read6(const struct lb_icmp *icmp, uint32_t bytes, struct tunnel_error *error)
{
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)(icmp + 1);
	uint32_t quoted = bytes - (uint32_t)sizeof(*icmp);

	error->is_too_big = icmp->type == LB_ICMP6_PACKET_TOO_BIG;
	if (quoted < sizeof(*ip) || (!error->is_too_big && !is_unreachable6(icmp, ip->next)))
		return false;
	error->outer = (const uint8_t *)ip;
	error->inner = (const uint8_t *)(ip + 1);
	error->inner_bytes = quoted - (uint32_t)sizeof(*ip);
	if (((const uint8_t *)ip)[0] >> 4 != 6 || !tunnel_read(error, ip->next))
		return false;
	return !error->is_too_big ||
	       mtu_read(error, lb_be32_to_cpu(icmp->rest),
			lb_be16_to_cpu(ip->payload_len) + (uint32_t)sizeof(*ip));
}

static bool checksum_is_right(const uint8_t *p, uint32_t bytes)
{
	uint64_t sum = bytes & 1 ? p[bytes - 1] : 0;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += lb_load16(p + i);
	return lb_csum_fold(sum) == 0xffff;
}

bool tunnel_error_read(uint8_t family, const uint8_t *icmp, uint32_t bytes,
		       struct tunnel_error *error)
{
	*error = (struct tunnel_error){ .outer_family = family };
	if (bytes < sizeof(struct lb_icmp))
		return false;
	if (family == 6)
		return read6((const struct lb_icmp *)icmp, bytes, error);
	return checksum_is_right(icmp, bytes) && read4((const struct lb_icmp *)icmp, bytes, error);
}

/* The outer source may vary by flow within a prefix. */
static bool is_of4(const struct lb_ipv4 *quoted, const struct lb_ipv4 *outer, lb_be32 source_mask)
{
	return (quoted->src & ~source_mask) == outer->src && quoted->dst == outer->dst;
}

bool tunnel_error_is_of(const struct tunnel_error *error, const struct lb_instance *entry)
{
	const uint8_t *outer = entry->header + sizeof(struct lb_eth);
	const struct lb_ipv6 *quoted6 = (const struct lb_ipv6 *)error->outer;

	if (error->outer_family == 4)
		return lb_outer_family(entry) == 4 &&
		       is_of4((const struct lb_ipv4 *)error->outer, (const struct lb_ipv4 *)outer,
			      entry->source_mask);
	return lb_outer_family(entry) == 6 &&
	       lb_addr6_equal(quoted6->src, ((const struct lb_ipv6 *)outer)->src) &&
	       lb_addr6_equal(quoted6->dst, ((const struct lb_ipv6 *)outer)->dst);
}

/* ---- The client's packet ---- */

static bool ports_read(const struct tunnel_error *error, uint32_t l4_offset, struct lb_meta *meta)
{
	const struct lb_ports *ports = (const struct lb_ports *)(error->inner + l4_offset);

	if (!lb_proto_has_ports(meta->proto) || error->inner_bytes < l4_offset + 8)
		return false;
	meta->l3_offset = sizeof(struct lb_eth);
	meta->client_port = ports->sport;
	meta->vip_port = ports->dport;
	meta->class = LB_CLASS_FLOW;
	return true;
}

static uint32_t inner4(const struct tunnel_error *error, struct lb_meta *meta)
{
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)error->inner;
	uint32_t header_len;

	if (error->inner_bytes < sizeof(*ip))
		return 0;
	header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	*meta = (struct lb_meta){ .family = 4, .proto = ip->proto };
	meta->client4 = ip->src;
	meta->vip4 = ip->dst;
	if (ip->version_ihl >> 4 != 4 || header_len < sizeof(*ip) ||
	    ip->frag & LB_BE16(LB_IPV4_OFFSET) || lb_source4_is_bad(ip->src) ||
	    !ports_read(error, header_len, meta))
		return 0;
	return lb_be16_to_cpu(ip->total_len);
}

static uint32_t inner6(const struct tunnel_error *error, struct lb_meta *meta)
{
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)error->inner;
	const uint8_t *end = error->inner + error->inner_bytes;
	int ext_len;

	if (error->inner_bytes < sizeof(*ip))
		return 0;
	*meta = (struct lb_meta){ .family = 6, .proto = ip->next };
	memcpy(meta->client6, ip->src, sizeof(ip->src));
	memcpy(meta->vip6, ip->dst, sizeof(ip->dst));
	ext_len = lb_parse_ipv6_ext((const uint8_t *)(ip + 1), end, LB_IPV6_LATER_PIECE,
				    &meta->proto);
	if (((const uint8_t *)ip)[0] >> 4 != 6 || ext_len < 0 || lb_source6_is_bad(ip->src) ||
	    !ports_read(error, (uint32_t)sizeof(*ip) + (uint32_t)ext_len, meta))
		return 0;
	return lb_be16_to_cpu(ip->payload_len) + (uint32_t)sizeof(*ip);
}

uint32_t tunnel_error_inner(const struct tunnel_error *error, struct lb_meta *meta)
{
	uint32_t len = error->inner_family == 4 ? inner4(error, meta) : inner6(error, meta);

	meta->l3_len = len < error->inner_bytes ? len : error->inner_bytes; /* bytes quoted */
	return len;
}

/* ---- The answer ---- */

/* Turn a written error into another one (RFC 1624): it is not about size, so there is no MTU. */
static void become_unreachable(struct lb_icmp *icmp, uint8_t family)
{
	enum { HOST_UNREACHABLE4 = 1, ADDRESS_UNREACHABLE6 = 3 };
	uint64_t sum = (uint16_t)~icmp->csum;

	sum += (uint16_t)~lb_load16(icmp);
	sum += (uint16_t) ~(icmp->rest & 0xffff);
	sum += (uint16_t) ~(icmp->rest >> 16);
	icmp->type = family == 4 ? (uint8_t)LB_ICMP4_UNREACH : (uint8_t)LB_ICMP6_UNREACH;
	icmp->code = family == 4 ? HOST_UNREACHABLE4 : ADDRESS_UNREACHABLE6;
	icmp->rest = 0;
	icmp->csum = (uint16_t)~lb_csum_fold(sum + lb_load16(icmp));
}

uint32_t tunnel_error_answer(const struct tunnel_error *error, const struct lb_meta *meta,
			     uint32_t mtu_bytes, uint8_t *answer)
{
	uint8_t frame[FRAME_MAX + LB_ETH_HEADER_MAX] = { 0 };
	uint32_t l2_len = meta->l3_offset, quote = lb_icmp_quote_len(meta), len;
	uint32_t room = meta->family == 4 ? LB_ICMP4_HEADROOM : LB_ICMP6_HEADROOM;
	const uint8_t *end = frame + sizeof(frame);

	memcpy(frame + room + l2_len, error->inner, quote);
	if (meta->family == 4)
		len = lb_write_frag_needed4(frame, end, meta, mtu_bytes);
	else
		len = lb_write_too_big6(frame, end, meta, mtu_bytes);
	if (!error->is_too_big)
		become_unreachable(
			(struct lb_icmp *)(frame + l2_len + room - sizeof(struct lb_icmp)),
			meta->family);
	memcpy(answer, frame + l2_len, len - l2_len);
	return len - l2_len;
}

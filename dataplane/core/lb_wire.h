/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wire formats of all headers that Sluice reads or writes; fields carry their byte order in the
 * type. All are packed: a header may start at any address.
 */
#ifndef LB_WIRE_H
#define LB_WIRE_H

#include "dataplane/core/lb_base.h"

#define LB_ETH_ALEN 6
#define LB_ETH_MIN_FRAME 60 /* without FCS; shorter frames are padded on the wire */

enum lb_ethertype {
	LB_ETHERTYPE_IPV4 = 0x0800,
	LB_ETHERTYPE_VLAN = 0x8100,
	LB_ETHERTYPE_QINQ = 0x88a8,
	LB_ETHERTYPE_IPV6 = 0x86dd,
};

/* IANA protocol numbers */
enum lb_ip_proto {
	LB_IPPROTO_HOPOPTS = 0,
	LB_IPPROTO_ICMP = 1,
	LB_IPPROTO_IPIP = 4,
	LB_IPPROTO_TCP = 6,
	LB_IPPROTO_UDP = 17,
	LB_IPPROTO_IPV6 = 41,
	LB_IPPROTO_ROUTING = 43,
	LB_IPPROTO_FRAGMENT = 44,
	LB_IPPROTO_ICMPV6 = 58,
	LB_IPPROTO_DSTOPTS = 60,
};

struct lb_eth {
	uint8_t dst[LB_ETH_ALEN];
	uint8_t src[LB_ETH_ALEN];
	lb_be16 type;
} LB_PACKED;

struct lb_vlan {
	lb_be16 tci;
	lb_be16 type;
} LB_PACKED;

#define LB_VLAN_ID_MAX 4094	   /* 4095 is reserved */
#define LB_VLAN_ID LB_BE16(0x0fff) /* of a TCI; 0: none, the frame has only a priority */
#define LB_VLAN_PRIORITY LB_BE16(0xf000)

/* RFC 791 */
struct lb_ipv4 {
	uint8_t version_ihl;
	uint8_t tos;
	lb_be16 total_len; /* bytes, header included */
	lb_be16 id;
	lb_be16 frag; /* 3 flag bits, 13 bits of offset in units of 8 bytes */
	uint8_t ttl;
	uint8_t proto;
	uint16_t csum; /* as on the wire */
	lb_be32 src;
	lb_be32 dst;
} LB_PACKED;

#define LB_IPV4_DF 0x4000
#define LB_IPV4_MF 0x2000
#define LB_IPV4_OFFSET 0x1fff

/* MTU that every host or link supports, in bytes: RFC 791, RFC 8200 section 5. */
#define LB_IPV4_MTU_MIN 576u
#define LB_IPV6_MTU_MIN 1280u

/* RFC 8200 */
struct lb_ipv6 {
	lb_be32 ver_tc_flow;
	lb_be16 payload_len; /* bytes, this header not included */
	uint8_t next;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
} LB_PACKED;

/* RFC 8200 section 4: common start of hop-by-hop, routing and destination options. */
struct lb_ipv6_ext {
	uint8_t next;
	uint8_t len; /* 8-byte units, not counting the first */
} LB_PACKED;

struct lb_ipv6_frag {
	uint8_t next;
	uint8_t reserved;
	lb_be16 offset;
	lb_be32 id;
} LB_PACKED;

/* RFC 9293 */
struct lb_tcp {
	lb_be16 sport;
	lb_be16 dport;
	lb_be32 seq;
	lb_be32 ack;
	uint8_t doff; /* upper 4 bits: header length in units of 4 bytes */
	uint8_t flags;
	lb_be16 window;
	uint16_t csum;
	lb_be16 urgent;
} LB_PACKED;

enum lb_tcp_flag {
	LB_TCP_FIN = 0x01,
	LB_TCP_SYN = 0x02,
	LB_TCP_RST = 0x04,
	LB_TCP_PSH = 0x08,
	LB_TCP_ACK = 0x10,
	LB_TCP_URG = 0x20,
};

/* The first four bytes of TCP and UDP: all that an ICMP quote is sure to contain. */
struct lb_ports {
	lb_be16 sport;
	lb_be16 dport;
} LB_PACKED;

/* RFC 768 */
struct lb_udp {
	struct lb_ports ports;
	lb_be16 len;   /* bytes, header included */
	uint16_t csum; /* 0: none */
} LB_PACKED;

/* draft-ietf-intarea-gue-09 section 3.1, the part that each packet of variant 0 has. */
struct lb_gue {
	uint8_t version_hlen; /* 2 bits of variant, control bit, 5 bits: options, in 4 bytes */
	uint8_t proto;	      /* of the packet; of a control message its type */
	lb_be16 flags;
} LB_PACKED;

/* RFC 792, RFC 4443 */
struct lb_icmp {
	uint8_t type;
	uint8_t code;
	uint16_t csum;
	lb_be32 rest; /* ICMPv4 fragmentation-needed: MTU in the low 16 bits; ICMPv6: MTU */
} LB_PACKED;

enum lb_icmp4_type {
	LB_ICMP4_UNREACH = 3,
	LB_ICMP4_SOURCE_QUENCH = 4,
	LB_ICMP4_REDIRECT = 5,
	LB_ICMP4_TIME_EXCEEDED = 11,
	LB_ICMP4_PARAM_PROBLEM = 12,
};

#define LB_ICMP4_UNREACH_FRAG_NEEDED 4

enum lb_icmp6_type {
	LB_ICMP6_UNREACH = 1,
	LB_ICMP6_PACKET_TOO_BIG = 2,
	LB_ICMP6_TIME_EXCEEDED = 3,
	LB_ICMP6_PARAM_PROBLEM = 4,
};

LB_STATIC_ASSERT(sizeof(struct lb_eth) == 14, "Ethernet header");
LB_STATIC_ASSERT(sizeof(struct lb_ipv4) == 20, "IPv4 header");
LB_STATIC_ASSERT(sizeof(struct lb_ipv6) == 40, "IPv6 header");
LB_STATIC_ASSERT(sizeof(struct lb_tcp) == 20, "TCP header");
LB_STATIC_ASSERT(sizeof(struct lb_udp) == 8, "UDP header");
LB_STATIC_ASSERT(sizeof(struct lb_gue) == 4, "GUE header");
LB_STATIC_ASSERT(sizeof(struct lb_icmp) == 8, "ICMP header");

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames with a packet in IPIP or GUE in them, for tests to spoil. */
#ifndef TEST_INSTANCE_FRAME_H
#define TEST_INSTANCE_FRAME_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <stdint.h>

#define FRAME_BYTES_MAX 9216

#define FRAME_GUE_PORT 6080

#define FRAME_BALANCER4 "10.0.0.5"
#define FRAME_BALANCER6 "2001:db8::5"
#define FRAME_HOST4 "10.0.1.1"
#define FRAME_HOST6 "2001:db8:1::1"
#define FRAME_CLIENT4 "198.51.100.7"
#define FRAME_CLIENT6 "2001:db8:c::7"
#define FRAME_VIP4 "203.0.113.10"
#define FRAME_VIP6 "2001:db8:f::10"
#define FRAME_OTHER4 "203.0.113.99"
#define FRAME_OTHER6 "2001:db8:f::99"

struct frame {
	/* Two bytes before the frame put its IP headers on a multiple of four. */
	_Alignas(8) uint8_t headroom[2];
	uint8_t bytes[FRAME_BYTES_MAX];
	uint32_t len;
	uint32_t l3;	/* offset of the outer header */
	uint32_t udp;	/* offset of the UDP header; 0: none */
	uint32_t inner; /* offset of the inner header */
	uint8_t outer_version;
	uint8_t inner_version;
};

enum frame_tunnel {
	FRAME_IPIP,
	FRAME_GUE,
	FRAME_GUE_DIRECT, /* variant 1: without a GUE header */
};

/* What frame_build() makes; everything zero is a plain frame. */
struct frame_shape {
	uint8_t outer; /* 4 or 6 */
	uint8_t inner;
	bool vlan;
	uint8_t outer_option_words; /* IPv4 options, or 32-bit words of IPv6 extension header */
	uint8_t gue_words;	    /* private data behind the GUE header, in 32-bit words */
	enum frame_tunnel tunnel;
	uint16_t payload; /* behind the inner IP header */
};

/** Make a frame that must be unwrapped, checksums right. */
void frame_build(struct frame *f, const struct frame_shape *shape);

/** Append bytes that no IP header counts. */
void frame_pad(struct frame *f, uint32_t bytes);

/** Right the outer IPv4 header's checksum; does nothing for IPv6. */
void frame_sum_outer(struct frame *f);

struct iphdr *frame_outer4(struct frame *f);
struct ipv6hdr *frame_outer6(struct frame *f);
struct iphdr *frame_inner4(struct frame *f);
struct ipv6hdr *frame_inner6(struct frame *f);

/** Write the address @text over @to, 4 or 16 bytes. */
void frame_address(void *to, const char *text);

/** The frame as it must look unwrapped and trimmed, into @want. */
void frame_unwrapped(const struct frame *f, struct frame *want);

/** RFC 1071, over an even number of bytes; 0 if the header with its checksum is right. */
uint16_t frame_sum(const void *header, uint32_t bytes);

#endif

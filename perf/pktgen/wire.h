/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets of the generator, and how the receiver recognizes that a packet is one of them,
 * unchanged.
 *
 * Every packet, even a bare SYN, carries in its TCP header what the receiver needs: the sequence
 * number is that of the packet within its flow, the acknowledgement number is the time of sending,
 * window and urgent pointer are a signature over the varying fields. All other header fields are
 * constants of the packet's kind, and the payload is a pattern. So a frame of 64 bytes needs no
 * room for data, and no change to a packet goes undetected: constants are compared, checksums and
 * signature are recomputed.
 */
#ifndef PKTGEN_WIRE_H
#define PKTGEN_WIRE_H

#include "dataplane/core/lb_csum.h"

#define WIRE_BURST 64
#define WIRE_TARGETS_MAX 16
#define WIRE_SIZES_MAX 8
#define WIRE_FRAME_MAX 9600
#define WIRE_HEAD_BYTES 80 /* written of a frame; the pattern behind them stays in the buffer */
#define WIRE_LINE 64
#define WIRE_PORTS_LOG2 4 /* log2 of the ports in use per client address */
#define WIRE_FIRST_PORT 1024
#define WIRE_FCS_BYTES 4
#define WIRE_FLOOD_NET 0x80000000u /* sources of a flood: 128.0.0.0/2 */
#define WIRE_FLOOD_MASK 0xc0000000u

/* A service of the device under test. */
struct wire_target {
	uint8_t family;
	uint8_t addr[16];
	uint16_t port;
};

/* Besides the sizes of data packets, each target has packets without data. */
enum wire_extra { WIRE_BARE, WIRE_FLOOD, WIRE_EXTRAS };

/* What all packets of one target and size have in common. */
struct wire_kind {
	uint8_t head[WIRE_HEAD_BYTES];
	uint64_t ip[10];      /* the IP and TCP headers of @head, without the varying fields */
	uint64_t ip_mask[10]; /* which of their bits are constant */
	uint32_t tcp_base;    /* sum of the constant parts covered by the TCP checksum */
	uint32_t ip_base;     /* the same of the IPv4 header */
	uint16_t frame_bytes; /* without FCS; padded to the Ethernet minimum */
	uint16_t ip_bytes;
	uint16_t payload_at; /* offset in the frame */
	uint16_t payload_bytes;
	uint8_t family;
	bool needs_second_line; /* of @head; otherwise one cache line less comes from another CPU */
} LB_ALIGNED(64);

struct wire {
	struct wire_kind *kinds;
	uint32_t n_targets;
	uint32_t n_sizes;
	bool has_ipv6;
	uint8_t target_of[256]; /* target by the low bits of a flow's number */
	lb_be32 client4;	/* host bits 0 */
	uint8_t client6[12];	/* the upper 96 bits */
	uint8_t flood6[12];	/* those of a flood */
	uint8_t *size_of;	/* size by bytes of the IP packet, per family: see wire_size() */
	uint8_t pattern[WIRE_FRAME_MAX + 64];
	uint8_t src_mac[LB_ETH_ALEN];
	uint8_t dst_mac[LB_ETH_ALEN];
};

struct wire_setup {
	const struct wire_target *targets;
	uint32_t n_targets;
	const uint16_t *sizes; /* frames with FCS, as in RFC 2544; larger for IPv6 if necessary */
	uint32_t n_sizes;
	lb_be32 client4;
	const uint8_t *client6;
	const uint8_t *src_mac;
	const uint8_t *dst_mac;
};

/*
 * A burst, field by field, so that signatures and checksums are computed by vector instructions.
 * Fields are as in the packet (network order), 32 bits each.
 */
struct wire_batch {
	uint32_t src[WIRE_BURST]; /* IPv4 source, or the last 32 bits of an IPv6 one */
	uint32_t sport[WIRE_BURST];
	uint32_t seq[WIRE_BURST];
	uint32_t stamp[WIRE_BURST];
	uint32_t flags[WIRE_BURST]; /* header length and flags, 16 bits */
	uint32_t tcp_base[WIRE_BURST];
	uint32_t ip_base[WIRE_BURST];
	/* computed */
	uint32_t sig[WIRE_BURST];
	uint32_t tcp_csum[WIRE_BURST];
	uint32_t ip_csum[WIRE_BURST];
};

/**
 * Prepare all kinds of packets.
 * Return: 0, -EINVAL if a size is not possible, -ENOMEM.
 */
int wire_init(struct wire *wire, const struct wire_setup *setup);
void wire_fini(struct wire *wire);

/** Prepare a buffer for frames to be written to. @room: its bytes. */
void wire_fill(const struct wire *wire, uint8_t *frame, uint32_t room);

/** Whether a packet, of which @room bytes are present, is TCP to a target. */
bool wire_is_to_target(const struct wire *wire, const uint8_t *ip, uint32_t room);

/**
 * Signatures and checksums of the first @n packets (and of some beyond them, up to a whole vector).
 */
void wire_compute(struct wire_batch *batch, uint32_t n);

/* Kinds of a target: its data sizes, then the extras. */
LB_INLINE uint32_t wire_kind_of(const struct wire *wire, uint32_t target, uint32_t size)
{
	return target * (wire->n_sizes + WIRE_EXTRAS) + size;
}

LB_INLINE uint32_t wire_target_of(const struct wire *wire, uint32_t flow)
{
	return wire->target_of[flow & 0xff];
}

LB_INLINE uint32_t wire_src(const struct wire *wire, uint32_t flow, uint8_t family)
{
	uint32_t host = flow >> WIRE_PORTS_LOG2;

	if (family == 4)
		host += lb_be32_to_cpu(wire->client4);
	return lb_cpu_to_be32(host);
}

LB_INLINE uint32_t wire_sport(uint32_t flow)
{
	return lb_cpu_to_be16((uint16_t)(WIRE_FIRST_PORT + (flow & ((1u << WIRE_PORTS_LOG2) - 1))));
}

/** The doff and flags of a TCP header, as in the packet. */
LB_INLINE uint32_t wire_flags(uint8_t tcp_flags)
{
	return 0x50u | (uint32_t)tcp_flags << 8;
}

/**
 * The number of a packet's flow; the caller checks it against the number of flows.
 * @src, @sport: as in struct wire_batch.
 */
LB_INLINE uint32_t wire_flow(const struct wire *wire, uint32_t src, uint32_t sport, uint8_t family)
{
	uint32_t host = lb_be32_to_cpu(src);
	uint32_t port = (uint32_t)lb_be16_to_cpu((uint16_t)sport) - WIRE_FIRST_PORT;

	if (family == 4)
		host -= lb_be32_to_cpu(wire->client4);
	if (port >> WIRE_PORTS_LOG2 || host >> (32 - WIRE_PORTS_LOG2))
		return UINT32_MAX;
	return host << WIRE_PORTS_LOG2 | port;
}

/** Size index of a packet's length (the bare one: n_sizes), or 0xff. */
LB_INLINE uint32_t wire_size(const struct wire *wire, uint8_t family, uint32_t ip_bytes)
{
	if (ip_bytes >= WIRE_FRAME_MAX)
		return 0xff;
	return wire->size_of[(family == 6 ? WIRE_FRAME_MAX : 0) + ip_bytes];
}

/** Write packet @i of a computed batch. @frame: its buffer, see wire_fill(). */
LB_INLINE void wire_write(const struct wire_kind *kind, const struct wire_batch *b, uint32_t i,
			  uint8_t *frame)
{
	struct lb_tcp *tcp;

	__builtin_memcpy(frame, kind->head, WIRE_LINE);
	if (kind->needs_second_line)
		__builtin_memcpy(frame + WIRE_LINE, kind->head + WIRE_LINE,
				 WIRE_HEAD_BYTES - WIRE_LINE);
	if (kind->family == 4) {
		struct lb_ipv4 *ip = (struct lb_ipv4 *)(frame + sizeof(struct lb_eth));

		ip->src = b->src[i];
		ip->csum = (uint16_t)b->ip_csum[i];
		tcp = (struct lb_tcp *)(ip + 1);
	} else {
		struct lb_ipv6 *ip = (struct lb_ipv6 *)(frame + sizeof(struct lb_eth));

		lb_store32(ip->src + 12, b->src[i]);
		tcp = (struct lb_tcp *)(ip + 1);
	}
	tcp->sport = (lb_be16)b->sport[i];
	tcp->seq = b->seq[i];
	tcp->ack = b->stamp[i];
	lb_store16(&tcp->doff, (uint16_t)b->flags[i]);
	tcp->window = (lb_be16)(b->sig[i] >> 16);
	tcp->csum = (uint16_t)b->tcp_csum[i];
	tcp->urgent = (lb_be16)b->sig[i];
}

/* The differences between a packet's headers and the constants of its kind; 0 if there are none. */
LB_INLINE uint64_t wire_differs(const struct wire_kind *kind, const uint8_t *ip)
{
	uint64_t diff = 0;

	for (uint32_t w = 0; w < 5; w++)
		diff |= (lb_load64(ip + 8 * w) ^ kind->ip[w]) & kind->ip_mask[w];
	if (kind->family == 4)
		return diff;
	for (uint32_t w = 5; w < 7; w++)
		diff |= (lb_load64(ip + 8 * w) ^ kind->ip[w]) & kind->ip_mask[w];
	return diff | ((lb_load32(ip + 56) ^ (uint32_t)kind->ip[7]) & (uint32_t)kind->ip_mask[7]);
}

LB_INLINE bool wire_payload_differs(const struct wire *wire, const struct wire_kind *kind,
				    const uint8_t *payload)
{
	const uint8_t *want = wire->pattern + kind->payload_at;
	uint32_t bytes = kind->payload_bytes;

	if (bytes == 6)
		return (lb_load32(payload) ^ lb_load32(want)) |
		       (lb_load16(payload + 4) ^ lb_load16(want + 4));
	return bytes && __builtin_memcmp(payload, want, bytes) != 0;
}

#endif

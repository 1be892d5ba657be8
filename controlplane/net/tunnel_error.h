/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about packets that the dataplane has encapsulated: they arrive at the node, which is
 * the outer source, but are meant for the client, which is the inner source (RFC 2003 section 4,
 * RFC 2473 section 8). Pure.
 */
#ifndef CONTROLPLANE_NET_TUNNEL_ERROR_H
#define CONTROLPLANE_NET_TUNNEL_ERROR_H

#include "dataplane/core/lb_forward.h"
#include "dataplane/core/lb_reply.h"

/* Bytes of the largest answer to a client: the IPv6 minimum MTU. */
#define TUNNEL_ERROR_ANSWER_MAX 1280

struct tunnel_error {
	bool is_too_big;      /* else the instance was unreachable */
	uint32_t mtu_bytes;   /* of the tunnel packet that would have fit */
	const uint8_t *outer; /* the quoted outer header, complete */
	uint8_t outer_family;
	uint8_t inner_family;
	lb_be16 port;	      /* UDP destination of the tunnel packet; 0: it is not in UDP */
	uint32_t tunnel_len;  /* bytes in front of the client's packet */
	const uint8_t *inner; /* quoted part of the client's packet; may be 8 bytes, or none */
	uint32_t inner_bytes;
};

/**
 * Read an ICMP message.
 * @family: 4: @icmp is ICMP, whose checksum is checked here; 6: ICMPv6, checked by the kernel.
 * @error: points into @icmp.
 * Return: false if it is no error that quotes a tunnel packet and reports a problem of the path.
 */
bool tunnel_error_read(uint8_t family, const uint8_t *icmp, uint32_t bytes,
		       struct tunnel_error *error);

/** Whether the quoted tunnel packet has the addresses of an instance's template. */
bool tunnel_error_is_of(const struct tunnel_error *error, const struct lb_instance *entry);

/**
 * The quoted client's packet: addresses, ports and protocol, as lb_parse() fills them in.
 * Return: its length in bytes, quoted or not; 0 if not enough of it is quoted.
 */
uint32_t tunnel_error_inner(const struct tunnel_error *error, struct lb_meta *meta);

/**
 * Write the error for the client, from the VIP.
 * @meta: from tunnel_error_inner(). @mtu_bytes: of the client's packet that would have fit.
 * @answer: TUNNEL_ERROR_ANSWER_MAX bytes; an IP packet.
 * Return: its length in bytes.
 */
uint32_t tunnel_error_answer(const struct tunnel_error *error, const struct lb_meta *meta,
			     uint32_t mtu_bytes, uint8_t *answer);

#endif

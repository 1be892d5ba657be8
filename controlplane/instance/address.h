/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes as text, and as the BPF maps hold them. */
#ifndef INSTANCE_ADDRESS_H
#define INSTANCE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "bpf/sluice_instance.h"

/* Holds the longest address, a slash, three digits and the NUL. */
#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 4)

/**
 * Read an IPv4 or IPv6 address.
 * Return: 0, or -EINVAL if @text is not one.
 */
int address_parse(const char *text, struct lb_unwrap_addr *addr);

/** Why @addr can't be a VIP, as the rest of a sentence ("is a multicast address"), or NULL. */
const char *address_unfit_vip(const struct lb_unwrap_addr *addr);

/**
 * Read ADDR or ADDR/LEN.
 * Return: 0, or -EINVAL if @text is neither, or has bits set beyond its length.
 */
int address_parse_prefix(const char *text, struct lb_unwrap_prefix *prefix);

/** Write @addr to @text of ADDRESS_TEXT_SIZE bytes. Return: @text. */
const char *address_format(const struct lb_unwrap_addr *addr, char *text);

/**
 * Write @prefix to @text of ADDRESS_TEXT_SIZE bytes, without a length if it is a single address.
 */
const char *address_format_prefix(const struct lb_unwrap_prefix *prefix, char *text);

bool address_equal(const struct lb_unwrap_addr *a, const struct lb_unwrap_addr *b);

/** AF_INET or AF_INET6. */
int address_family(const struct lb_unwrap_addr *addr);

/** 4 or 16. */
size_t address_bytes(const struct lb_unwrap_addr *addr);

#endif

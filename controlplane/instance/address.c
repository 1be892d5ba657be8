/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/instance/address.h"

int address_parse(const char *text, struct lb_unwrap_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, addr->bytes) == 1)
		addr->family = 4;
	else if (inet_pton(AF_INET6, text, addr->bytes) == 1)
		addr->family = 6;
	else
		return -EINVAL;
	return 0;
}

static const char *unfit_ip4(const __u8 *ip)
{
	if (ip[0] == 0)
		return "is not an address a client can reach";
	if (ip[0] == 127)
		return "is a loopback address";
	if (ip[0] >= 240)
		return "is a reserved address";
	if (ip[0] >= 224)
		return "is a multicast address";
	return NULL;
}

static const char *unfit_ip6(const struct in6_addr *ip)
{
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		return "is not an address a client can reach";
	if (IN6_IS_ADDR_LOOPBACK(ip))
		return "is a loopback address";
	if (IN6_IS_ADDR_MULTICAST(ip))
		return "is a multicast address";
	if (IN6_IS_ADDR_LINKLOCAL(ip))
		return "is a link-local address";
	if (IN6_IS_ADDR_V4MAPPED(ip) || IN6_IS_ADDR_V4COMPAT(ip))
		return "is an IPv4 address in IPv6 form: write it as IPv4";
	return NULL;
}

const char *address_unfit_vip(const struct lb_unwrap_addr *addr)
{
	struct in6_addr ip6;

	if (addr->family == 4)
		return unfit_ip4(addr->bytes);
	memcpy(&ip6, addr->bytes, sizeof(ip6));
	return unfit_ip6(&ip6);
}

static bool prefix_is_clean(const struct lb_unwrap_addr *addr, unsigned int len)
{
	for (unsigned int bit = len; bit < address_bytes(addr) * 8; bit++)
		if (addr->bytes[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

int address_parse_prefix(const char *text, struct lb_unwrap_prefix *prefix)
{
	char copy[ADDRESS_TEXT_SIZE];
	unsigned long len;
	char *slash, *end;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -EINVAL;
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (address_parse(copy, &prefix->addr))
		return -EINVAL;
	len = address_bytes(&prefix->addr) * 8;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtoul(slash + 1, &end, 10);
		if (*end || len > address_bytes(&prefix->addr) * 8)
			return -EINVAL;
	}
	if (!prefix_is_clean(&prefix->addr, len))
		return -EINVAL;
	prefix->bits = LB_UNWRAP_FAMILY_BITS + len;
	return 0;
}

const char *address_format(const struct lb_unwrap_addr *addr, char *text)
{
	if (!inet_ntop(address_family(addr), addr->bytes, text, ADDRESS_TEXT_SIZE))
		snprintf(text, ADDRESS_TEXT_SIZE, "?");
	return text;
}

const char *address_format_prefix(const struct lb_unwrap_prefix *prefix, char *text)
{
	unsigned int len = prefix->bits - LB_UNWRAP_FAMILY_BITS;
	size_t used;

	address_format(&prefix->addr, text);
	if (len == address_bytes(&prefix->addr) * 8)
		return text;
	used = strlen(text);
	snprintf(text + used, ADDRESS_TEXT_SIZE - used, "/%u", len);
	return text;
}

bool address_equal(const struct lb_unwrap_addr *a, const struct lb_unwrap_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int address_family(const struct lb_unwrap_addr *addr)
{
	return addr->family == 4 ? AF_INET : AF_INET6;
}

size_t address_bytes(const struct lb_unwrap_addr *addr)
{
	return addr->family == 4 ? 4 : 16;
}

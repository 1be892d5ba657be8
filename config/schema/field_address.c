/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/scalar.h"
#include "config/schema/field.h"

#include <errno.h>
#include <string.h>

#define FIELD_SOCKET_MAX 100u /* sockaddr_un has 108, and the socket is created beside its place */
#define NETWORK4_LENGTH_MIN 8
#define NETWORK4_LENGTH_MAX 30
#define ADDRESSES_BITS_MAX 5 /* of a network's host part */

_Static_assert(1 << ADDRESSES_BITS_MAX == CONFIG_NAT_ADDRESSES_MAX, "all may be of one network");

static const char *field_kind_v4(const uint8_t *bytes)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (bytes[0] == 0)
		return "an unspecified";
	if (bytes[0] == 127)
		return "a loopback";
	if (memcmp(bytes, broadcast, sizeof(broadcast)) == 0)
		return "the broadcast";
	return (bytes[0] & 0xf0) == 0xe0 ? "a multicast" : NULL;
}

static const char *field_kind_v6(const uint8_t *bytes)
{
	static const uint8_t zero[16] = { 0 };

	if (memcmp(bytes, zero, sizeof(zero)) == 0)
		return "the unspecified";
	if (memcmp(bytes, zero, 15) == 0 && bytes[15] == 1)
		return "the loopback";
	if (memcmp(bytes, zero, 10) == 0 && bytes[10] == 0xff && bytes[11] == 0xff)
		return "an IPv4-mapped";
	return bytes[0] == 0xff ? "a multicast" : NULL;
}

static bool field_is_link_local_v6(const struct config_address *address)
{
	return address->family == 6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

/* An address of one host. IPv6 link-local addresses are meaningless without an interface. */
static int field_unicast(const struct config_item *item, const char *text, bool link_local,
			 struct config_address *address, struct config_reason *reason)
{
	struct config_address result;
	const char *kind;

	if (config_address_parse(text, &result)) {
		const char *slash = strchr(text, '/');

		return config_error_reason(reason, "expected %s%s", item->expect,
					   slash ? ", without a prefix length" : "");
	}
	kind = result.family == 4 ? field_kind_v4(result.bytes) : field_kind_v6(result.bytes);
	if (!kind && !link_local && field_is_link_local_v6(&result))
		kind = "a link-local";
	if (kind)
		return config_error_reason(reason, "expected a host's address, not %s one", kind);
	*address = result;
	return 0;
}

int config_field_vip(const struct config_item *item, const char *text, void *object,
		     struct config_reason *reason)
{
	struct config_host *host = object;

	return field_unicast(item, text, false, &host->address, reason);
}

int config_field_gateway(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	struct config_host *host = object;

	return field_unicast(item, text, true, &host->address, reason);
}

int config_field_address(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	void *address = (char *)object + item->offset;

	return field_unicast(item, text, false, address, reason);
}

/* "127.0.0.1:9627", "[::1]:9627". Return: 0 or -EINVAL. */
static int field_endpoint(const char *text, struct config_address *address, uint32_t *port)
{
	const bool bracket = *text == '[';
	const char *end = strrchr(text, ':'), *last = bracket ? strchr(text, ']') : end;
	char host[CONFIG_ADDRESS_STRLEN];
	size_t length;

	if (!end || !last || end != last + bracket)
		return -EINVAL;
	text += bracket;
	length = (size_t)(last - text);
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (config_address_parse(host, address) || (address->family == 6) != bracket ||
	    config_scalar_number(end + 1, port) || *port < 1 || *port > UINT16_MAX)
		return -EINVAL;
	return 0;
}

int config_field_metrics(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	struct config_node *node = object;
	struct config_address address = { 0 };
	uint32_t port = 0;

	if (*text != '/' && field_endpoint(text, &address, &port))
		return config_error_reason(reason, "expected %s", item->expect);
	if (*text == '/' && strlen(text) > FIELD_SOCKET_MAX)
		return config_error_reason(reason, "expected a path of at most %u characters",
					   FIELD_SOCKET_MAX);
	node->metrics = strdup(text);
	if (!node->metrics)
		return -ENOMEM;
	node->metrics_address = address;
	node->metrics_port = (uint16_t)port;
	return 0;
}

/* Whether all bits after the prefix are 0 (@ones false) or 1 (true). */
static bool field_host_bits_are(const struct config_address *address, uint32_t length, bool ones)
{
	uint32_t bits = address->family == 4 ? 32 : 128;

	for (uint32_t bit = length; bit < bits; bit++)
		if (((address->bytes[bit / 8] >> (7 - bit % 8)) & 1) != ones)
			return false;
	return true;
}

static int field_check_host_part(const struct config_address *address, uint32_t length,
				 struct config_reason *reason)
{
	uint32_t bits = address->family == 4 ? 32 : 128;

	/* RFC 3021 and RFC 6164: links of two addresses have no network or broadcast address. */
	if (length >= bits - 1)
		return 0;
	if (field_host_bits_are(address, length, false))
		return config_error_reason(reason, "expected a host's address, not the network's");
	if (address->family == 4 && field_host_bits_are(address, length, true))
		return config_error_reason(
			reason, "expected a host's address, not the network's broadcast");
	return 0;
}

/*
 * The address in front of a prefix length. Return: what follows the slash, or NULL if there is
 * none; -> @rc: 0, or -EINVAL with the reason.
 */
static const char *field_split(const struct config_item *item, const char *text,
			       struct config_address *address, struct config_reason *reason,
			       int *rc)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char address_text[CONFIG_ADDRESS_STRLEN];

	snprintf(address_text, sizeof(address_text), "%.*s", (int)length, text);
	if (length >= sizeof(address_text))
		*rc = config_error_reason(reason, "expected %s", item->expect);
	else
		*rc = field_unicast(item, address_text, false, address, reason);
	return slash ? slash + 1 : NULL;
}

int config_field_prefix(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	struct config_prefix *prefix = object;
	struct config_address address = { 0 };
	uint32_t bits, length;
	const char *rest;
	int rc;

	rest = field_split(item, text, &address, reason, &rc);
	if (!rest)
		return config_error_reason(reason, "expected %s", item->expect);
	if (rc)
		return rc;
	bits = address.family == 4 ? 32 : 128;
	if (config_scalar_number(rest, &length) || length < 1 || length > bits)
		return config_error_reason(reason, "expected a prefix length from 1 to %u", bits);
	rc = field_check_host_part(&address, length, reason);
	if (rc)
		return rc;
	prefix->address = address;
	prefix->length = (uint8_t)length;
	return 0;
}

void config_field_prefix_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_prefix *prefix = object;
	char text[CONFIG_ADDRESS_STRLEN];

	(void)item;
	fprintf(to, "%s/%u", config_address_format(&prefix->address, text), prefix->length);
}

int config_field_network(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	struct config_prefix *prefix = object;
	struct config_address address = { 0 };
	char address_text[CONFIG_ADDRESS_STRLEN];
	size_t size = strcspn(text, "/");
	uint32_t bits, length;
	int rc;

	if (size >= sizeof(address_text))
		return config_error_reason(reason, "expected %s", item->expect);
	snprintf(address_text, sizeof(address_text), "%.*s", (int)size, text);
	rc = field_unicast(item, address_text, false, &address, reason);
	if (rc)
		return rc;
	length = bits = address.family == 4 ? 32 : 128;
	if (text[size] && (config_scalar_number(text + size + 1, &length) || length > bits))
		return config_error_reason(reason, "expected a prefix length from 0 to %u", bits);
	if (!field_host_bits_are(&address, length, false))
		return config_error_reason(reason, "has host bits that are not 0; expected %s",
					   item->expect);
	prefix->address = address;
	prefix->length = (uint8_t)length;
	return 0;
}

int config_field_network4(const struct config_item *item, const char *text, void *object,
			  struct config_reason *reason)
{
	struct config_node *node = object;
	struct config_address address;
	char address_text[CONFIG_ADDRESS_STRLEN];
	const char *slash = strchr(text, '/');
	uint32_t length;

	if (!slash || slash - text >= (ptrdiff_t)sizeof(address_text))
		return config_error_reason(reason, "expected %s", item->expect);
	snprintf(address_text, sizeof(address_text), "%.*s", (int)(slash - text), text);
	if (config_address_parse(address_text, &address) || address.family != 4 ||
	    config_scalar_number(slash + 1, &length) || length < NETWORK4_LENGTH_MIN ||
	    length > NETWORK4_LENGTH_MAX || field_kind_v4(address.bytes))
		return config_error_reason(reason, "expected %s", item->expect);
	if (!field_host_bits_are(&address, length, false))
		return config_error_reason(reason, "has host bits that are not 0; expected %s",
					   item->expect);
	node->tunnel_sources.address = address;
	node->tunnel_sources.length = (uint8_t)length;
	return 0;
}

void config_field_network4_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_node *node = object;

	if (node->tunnel_sources.address.family)
		config_field_prefix_format(item, &node->tunnel_sources, to);
}

int config_field_source(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	struct config_check *check = object;

	return field_unicast(item, text, false, &check->source, reason);
}

void config_field_source_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_check *check = object;
	char text[CONFIG_ADDRESS_STRLEN];

	(void)item;
	if (check->source.family)
		fputs(config_address_format(&check->source, text), to);
}

/* Whether it is in ::ffff:0:0/96: no packet has such a source. */
static bool field_is_mapped(const struct config_address *address)
{
	const char *kind = address->family == 6 ? field_kind_v6(address->bytes) : NULL;

	return kind && strcmp(kind, "an IPv4-mapped") == 0;
}

int config_field_clients(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	struct config_prefix result = { .length = 0 }, *prefix = object;
	char address[CONFIG_ADDRESS_STRLEN], network[CONFIG_NETWORK_STRLEN];
	size_t size = strcspn(text, "/");
	uint32_t bits, length;

	if (size >= sizeof(address))
		return config_error_reason(reason, "expected %s", item->expect);
	snprintf(address, sizeof(address), "%.*s", (int)size, text);
	if (config_address_parse(address, &result.address))
		return config_error_reason(reason, "expected %s", item->expect);
	if (field_is_mapped(&result.address))
		return config_error_reason(reason, "expected an IPv4 address in its own form, not "
						   "an IPv4-mapped one");
	length = bits = result.address.family == 4 ? 32 : 128;
	if (text[size] &&
	    (config_scalar_number(text + size + 1, &length) || length < 1 || length > bits))
		return config_error_reason(reason, "expected a prefix length from 1 to %u", bits);
	result.length = (uint8_t)length;
	if (!field_host_bits_are(&result.address, length, false)) {
		config_prefix_clear(&result);
		return config_error_reason(reason,
					   "has host bits that are not 0; the network is %s",
					   config_network_format(&result, network));
	}
	prefix->address = result.address;
	prefix->length = result.length;
	return 0;
}

/* Every address of a network, its first and last one too. */
int config_field_addresses(const struct config_item *item, const char *text, void *object,
			   struct config_reason *reason)
{
	struct config_prefix *prefix = object;
	struct config_address address = { 0 };
	const char *rest;
	uint32_t bits, length;
	int rc;

	rest = field_split(item, text, &address, reason, &rc);
	if (rc)
		return rc;
	bits = address.family == 4 ? 32 : 128;
	length = bits;
	if (rest && (config_scalar_number(rest, &length) || length > bits ||
		     length < bits - ADDRESSES_BITS_MAX))
		return config_error_reason(reason,
					   "expected a prefix length from %u to %u, for at most %u "
					   "addresses",
					   bits - ADDRESSES_BITS_MAX, bits,
					   CONFIG_NAT_ADDRESSES_MAX);
	if (!field_host_bits_are(&address, length, false))
		return config_error_reason(reason, "has host bits that are not 0; expected %s",
					   item->expect);
	prefix->address = address;
	prefix->length = (uint8_t)length;
	return 0;
}

void config_field_addresses_format(const struct config_item *item, const void *object, FILE *to)
{
	char text[CONFIG_NETWORK_STRLEN];

	(void)item;
	fputs(config_network_format(object, text), to);
}

void config_field_host_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_host *host = object;
	char text[CONFIG_ADDRESS_STRLEN];

	(void)item;
	fputs(config_address_format(&host->address, text), to);
}

void config_field_address_format(const struct config_item *item, const void *object, FILE *to)
{
	const void *address = (const char *)object + item->offset;
	char text[CONFIG_ADDRESS_STRLEN];

	fputs(config_address_format(address, text), to);
}

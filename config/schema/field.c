/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/field.h"
#include "config/base/cpus.h"
#include "config/base/scalar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERFACE_NAME_MAX 127 /* of an alternative name; the primary one has at most 15 */
#define GROUP_NAME_MAX 31
#define FIELD_UNTAGGED "untagged"

static int field_refuse(const struct config_item *item, struct config_reason *reason)
{
	return config_error_reason(reason, "expected %s", item->expect);
}

/* Set the string at @offset, which is unset, to a copy of @text. */
static int field_set_string(void *object, size_t offset, const char *text)
{
	char **field = (char **)((char *)object + offset);

	*field = strdup(text);
	return *field ? 0 : -ENOMEM;
}

static bool field_is_printable(const char *text, const char *except)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr(except, *text))
			return false;
	return true;
}

static bool field_is_letter_or_digit(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9');
}

/*
 * Match @text against @pattern, in which 'x' stands for one hex digit. Return: what follows, or
 * NULL.
 */
static const char *field_match_hex(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == 'x' ? !strchr("0123456789abcdefABCDEF", *text) || !*text
				    : *text != *pattern)
			return NULL;
	}
	return text;
}

/* "0000:3b:00.0", or "3b:00.0" in the first domain. Return: the part after the domain, or NULL. */
static const char *field_match_pci(const char *text)
{
	const char *device = field_match_hex(text, "xxxx:");
	const char *function;

	device = device ? device : text;
	function = field_match_hex(device, "xx:xx.");
	if (!function || *function < '0' || *function > '7' || function[1])
		return NULL;
	return device[3] == '0' || device[3] == '1' ? device : NULL;
}

static bool field_is_vdev(const char *text)
{
	return strncmp(text, "net_", 4) == 0 || strncmp(text, "virtio_user", 11) == 0 ||
	       (strchr(text, ',') && strchr(text, '='));
}

bool config_is_interface(const char *text)
{
	return *text && strlen(text) <= INTERFACE_NAME_MAX && field_is_printable(text, "/:,=%") &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

int config_field_port(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	struct config_node *node = object;
	const char *device = field_match_pci(text);
	enum config_port_kind kind = CONFIG_PORT_INTERFACE;
	char address[16];

	if (!*text || strlen(text) > CONFIG_PORT_MAX || !field_is_printable(text, ""))
		return field_refuse(item, reason);
	if (device) {
		snprintf(address, sizeof(address), "%.5s%.7s", device == text ? "0000:" : text,
			 device);
		text = address;
		kind = CONFIG_PORT_PCI;
	} else if (field_is_vdev(text)) {
		kind = CONFIG_PORT_VDEV;
	} else if (!config_is_interface(text)) {
		return field_refuse(item, reason);
	}
	if (field_set_string(node, offsetof(struct config_node, port), text))
		return -ENOMEM;
	node->port_kind = kind;
	return 0;
}

int config_field_cpus(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	struct config_node *node = object;
	cpu_set_t set;
	uint32_t twice, count;
	int err = cpus_parse(text, &set, &twice);

	if (err == -EEXIST)
		return config_error_reason(reason, "CPU %u is listed twice", twice);
	if (err)
		return field_refuse(item, reason);
	count = (uint32_t)CPU_COUNT(&set);
	if (count > CONFIG_CPUS_MAX)
		return config_error_reason(reason, "expected at most %u CPUs, not %u",
					   CONFIG_CPUS_MAX, count);
	node->cpus = malloc(count * sizeof(*node->cpus));
	if (!node->cpus)
		return -ENOMEM;
	node->cpu_count = 0;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			node->cpus[node->cpu_count++] = (uint16_t)cpu;
	return 0;
}

void config_field_cpus_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_node *node = object;
	char text[CPUS_TEXT_MAX];
	cpu_set_t set;

	(void)item;
	CPU_ZERO(&set);
	for (uint32_t i = 0; i < node->cpu_count; i++)
		CPU_SET(node->cpus[i], &set);
	cpus_format(&set, text, sizeof(text));
	fputs(text, to);
}

int config_field_ports(const struct config_item *item, const char *text, void *object,
		       struct config_reason *reason)
{
	struct config_node *node = object;
	uint32_t first, last;
	const char *rest;

	if (config_scalar_number_prefix(text, &first, &rest) || *rest != '-' ||
	    config_scalar_number(rest + 1, &last) || first < 1 || last > UINT16_MAX ||
	    last < first || last - first + 1 < CONFIG_NAT_PORTS_MIN)
		return field_refuse(item, reason);
	node->nat_port_first = (uint16_t)first;
	node->nat_port_last = (uint16_t)last;
	return 0;
}

void config_field_ports_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_node *node = object;

	(void)item;
	fprintf(to, "%u-%u", node->nat_port_first, node->nat_port_last);
}

int config_field_secret(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	struct config_node *node = object;

	if (config_scalar_hex(text, node->secret, sizeof(node->secret)) == 0)
		return 0;
	if (strlen(text) == 2 * sizeof(node->secret))
		return config_error_reason(reason,
					   "contains characters other than hex digits; expected %s",
					   item->expect);
	return config_error_reason(reason, "has %zu characters; expected %s", strlen(text),
				   item->expect);
}

int config_field_check_name(const char *text, struct config_reason *reason)
{
	size_t length = strlen(text);
	bool good = length >= 1 && length <= CONFIG_NAME_MAX && *text != '-' && *text != '.';

	for (const char *at = text; good && *at; at++)
		good = field_is_letter_or_digit(*at) || strchr("._-", *at);
	if (good)
		return 0;
	return config_error_reason(reason,
				   "expected a name of 1 to %u letters, digits, '.', '_' and '-', "
				   "not beginning with '.' or '-'",
				   CONFIG_NAME_MAX);
}

int config_field_name(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	int rc = config_field_check_name(text, reason);

	return rc ? rc : field_set_string(object, item->offset, text);
}

int config_field_group(const struct config_item *item, const char *text, void *object,
		       struct config_reason *reason)
{
	struct config_reason unused = { "" };

	if (config_field_check_name(text, &unused) || strlen(text) > GROUP_NAME_MAX)
		return field_refuse(item, reason);
	return field_set_string(object, item->offset, text);
}

void config_field_string_format(const struct config_item *item, const void *object, FILE *to)
{
	const char *text = config_item_text(item->offset, object);

	if (text)
		fputs(text, to);
}

/* Labels of letters, digits and '-', with dots between them. */
static bool field_is_domain(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > CONFIG_DOMAIN_MAX)
		return false;
	for (const char *label = text; label < text + length + 1;) {
		size_t size = strcspn(label, ".");

		if (size == 0 || size > CONFIG_NAME_MAX || label[0] == '-' ||
		    label[size - 1] == '-')
			return false;
		for (size_t i = 0; i < size; i++)
			if (!field_is_letter_or_digit(label[i]) && label[i] != '-')
				return false;
		label += size + 1;
	}
	return true;
}

int config_field_domain(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	if (!field_is_domain(text))
		return field_refuse(item, reason);
	return field_set_string(object, item->offset, text);
}

int config_field_vlan(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	struct config_network_name *name = object;
	uint32_t vlan = 0;

	if (strcmp(text, FIELD_UNTAGGED) != 0 &&
	    (config_scalar_number(text, &vlan) || vlan < 1 || vlan > LB_VLAN_ID_MAX))
		return field_refuse(item, reason);
	name->vlan = (uint16_t)vlan;
	return 0;
}

void config_field_vlan_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_network_name *name = object;

	(void)item;
	if (name->vlan)
		fprintf(to, "%u", name->vlan);
	else
		fputs(FIELD_UNTAGGED, to);
}

static const struct config_word field_check_types[] = {
	{ "TCP", CONFIG_CHECK_TCP, false },
	{ "SSL", CONFIG_CHECK_SSL, false },
	{ "HTTP", CONFIG_CHECK_HTTP, false },
	{ "HTTPS", CONFIG_CHECK_HTTPS, false },
};

#define FIELD_CHECK_TYPES (sizeof(field_check_types) / sizeof(field_check_types[0]))

const char *config_check_type_name(enum config_check_type type)
{
	return (size_t)type < FIELD_CHECK_TYPES ? field_check_types[type].name : "?";
}

/* The word before the colon. Return: what follows the colon, or NULL and the reason. */
static const char *field_target_type(const struct config_item *item, const char *text,
				     enum config_check_type *type, struct config_reason *reason)
{
	size_t length = strcspn(text, ":");

	for (size_t i = 0; i < FIELD_CHECK_TYPES; i++) {
		const char *name = field_check_types[i].name;

		if (strlen(name) != length || strncasecmp(text, name, length) != 0)
			continue;
		if (strncmp(text, name, length) != 0) {
			config_error_reason(reason, "expected the word in capitals: %s", name);
			return NULL;
		}
		*type = (enum config_check_type)field_check_types[i].value;
		if (text[length] == ':')
			return text + length + 1;
	}
	field_refuse(item, reason);
	return NULL;
}

static int field_target_path(enum config_check_type type, const char *text, const char *path,
			     struct config_reason *reason)
{
	bool http = type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;

	if (!http && *path)
		return config_error_reason(
			reason, "expected nothing after the port: %s checks take no path",
			config_check_type_name(type));
	if (http && !*path)
		return config_error_reason(
			reason, "expected a path after the port, \"%.40s/\" if no other", text);
	if (strlen(path) > CONFIG_PATH_MAX)
		return config_error_reason(reason,
					   "expected a path of at most %u characters, not "
					   "%zu",
					   CONFIG_PATH_MAX, strlen(path));
	if (!field_is_printable(path, "#"))
		return config_error_reason(reason, "expected a path of printable ASCII characters "
						   "without spaces and '#'");
	return 0;
}

int config_field_target(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	struct config_check *check = object;
	enum config_check_type type = CONFIG_CHECK_TCP;
	const char *port_text = field_target_type(item, text, &type, reason);
	const char *path;
	uint32_t port;
	int rc;

	if (!port_text)
		return -EINVAL;
	if (config_scalar_number_prefix(port_text, &port, &path) || port < 1 || port > 65535 ||
	    (*path && *path != '/'))
		return config_error_reason(reason, "expected a port from 1 to 65535 after \"%s:\"",
					   config_check_type_name(type));
	rc = field_target_path(type, text, path, reason);
	if (rc)
		return rc;
	rc = field_set_string(check, offsetof(struct config_check, target), text);
	if (rc == 0 && *path)
		rc = field_set_string(check, offsetof(struct config_check, path), path);
	check->type = type;
	check->port = (uint16_t)port;
	return rc;
}

static bool field_is_prime(uint32_t value)
{
	if (value < 2)
		return false;
	for (uint32_t divisor = 2; (uint64_t)divisor * divisor <= value; divisor++)
		if (value % divisor == 0)
			return false;
	return true;
}

int config_field_accept_prime(uint32_t value, struct config_reason *reason)
{
	uint32_t below = value, above = value;

	if (field_is_prime(value))
		return 0;
	while (below > 2 && !field_is_prime(below))
		below--;
	while (!field_is_prime(above))
		above++;
	return config_error_reason(reason, "expected a prime number, such as %u or %u", below,
				   above);
}

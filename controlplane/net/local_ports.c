/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/local_ports.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/base/file.h"

#define RESERVED_MAX 4096 /* characters of ip_local_reserved_ports */

static bool has_own_source(const struct config *config)
{
	struct config_addresses addresses;
	bool is_needed = false;

	for (uint32_t i = 0; i < config->service_count; i++)
		is_needed |= config->services[i].forward == LB_FORWARD_NAT &&
			     config->services[i].source == CONFIG_SOURCE_NODE;
	config_nat_addresses(config, &addresses);
	for (uint32_t i = 0; is_needed && i < addresses.count; i++)
		if (config_node_own(&config->node, &addresses.list[i]))
			return true;
	return false;
}

/* "8080,9148-9200". Return: the end of the range that has the port, or 0. */
static uint32_t reserved_end(const char *list, uint32_t port)
{
	while (*list >= '0' && *list <= '9') {
		char *rest;
		unsigned long first = strtoul(list, &rest, 10);
		unsigned long last = *rest == '-' ? strtoul(rest + 1, &rest, 10) : first;

		if (first <= port && port <= last)
			return (uint32_t)last;
		list = *rest == ',' ? rest + 1 : rest;
	}
	return 0;
}

static bool all_reserved(const char *dir, uint32_t first, uint32_t last)
{
	char path[256], list[RESERVED_MAX];

	snprintf(path, sizeof(path), "%s/ip_local_reserved_ports", dir);
	if (file_line(path, list, sizeof(list)))
		return false;
	while (first <= last) {
		uint32_t end = reserved_end(list, first);

		if (!end)
			return false;
		first = end + 1;
	}
	return true;
}

void local_ports_note(const struct config *config, const char *dir, char *note)
{
	const struct config_node *node = &config->node;
	char path[256], line[64], *rest;
	uint32_t low, high;

	note[0] = '\0';
	if (!has_own_source(config))
		return;
	snprintf(path, sizeof(path), "%s/ip_local_port_range", dir);
	if (file_line(path, line, sizeof(line)))
		return;
	low = (uint32_t)strtoul(line, &rest, 10);
	high = (uint32_t)strtoul(rest, NULL, 10);
	if (low > node->nat_port_last || high < node->nat_port_first)
		return;
	if (all_reserved(dir, low > node->nat_port_first ? low : node->nat_port_first,
			 high < node->nat_port_last ? high : node->nat_port_last))
		return;
	snprintf(note, LOCAL_PORTS_NOTE_MAX,
		 "node.nat_ports, %u-%u, has ports of net.ipv4.ip_local_port_range, %u-%u: "
		 "connections of this machine, health checks too, may fail; change one of them, or "
		 "give nat_addresses that are not the node's own",
		 node->nat_port_first, node->nat_port_last, low, high);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The network interfaces of this namespace, with what their drivers say. Context: one thread, as with netlink.h. */
#ifndef CONFIG_BASE_NIC_H
#define CONFIG_BASE_NIC_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/base/netlink.h"

#define NIC_TEXT_MAX 32

struct nic {
	uint32_t index;
	char name[IFNAMSIZ];
	char kind[NIC_TEXT_MAX]; /* "veth", "bridge", ...; "": of a device */
	uint32_t mtu;
	uint8_t mac[6];
	bool is_ethernet;
	bool is_up;
	bool has_carrier;
	bool has_xdp;

	/* By nic_ask(): */
	char driver[NIC_TEXT_MAX]; /* "": it does not say */
	char pci[NIC_TEXT_MAX];	   /* "0000:3b:00.0"; "": not a PCI device */
	uint32_t queues;	   /* of packets that arrive; 0: the driver does not say */
	uint32_t queues_max;	   /* the same, as many as the driver can have */
	uint32_t speed_mbps;	   /* 0: unknown */
};

/**
 * List the interfaces, by index.
 * @nics: to be freed, also if there is none.
 * Return: how many, or -errno.
 */
int nic_list(struct netlink *netlink, struct nic **nics);

/** Ask the driver, which may have to ask the device. */
void nic_ask(struct nic *nic);

/** One of a list by its name or by its index; NULL: there is none. */
const struct nic *nic_find(const struct nic *nics, int n, const char *name);
const struct nic *nic_at(const struct nic *nics, int n, uint32_t index);

struct nic_address {
	uint32_t index; /* of the interface */
	struct config_prefix prefix;
	bool is_global; /* neither of the link nor of the host alone */
};

/** List the addresses of all interfaces. @list: to be freed. Return: how many, or -errno. */
int nic_addresses(struct netlink *netlink, struct nic_address **list);

struct nic_gateway {
	uint32_t index; /* of the interface */
	uint32_t metric;
	struct config_address address;
};

/** List the gateways of default routes, by family and metric. As nic_addresses(). */
int nic_gateways(struct netlink *netlink, struct nic_gateway **list);

#endif

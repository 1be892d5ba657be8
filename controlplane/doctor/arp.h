/* SPDX-License-Identifier: BSD-3-Clause */
/* Who else has an address: probes as of RFC 5227, section 2.1.1, and RFC 4862, section 5.4. */
#ifndef CONTROLPLANE_DOCTOR_ARP_H
#define CONTROLPLANE_DOCTOR_ARP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct arp_probe {
	struct config_address address;
	bool is_answered; /* by another MAC address than the one that asks */
	uint8_t mac[6];
};

/**
 * Ask on an interface for addresses, by ARP or ND, three times, and wait for answers.
 * @mac: the interface's own. @ms: to wait in all.
 * Return: 0 or -errno; without CAP_NET_RAW -EPERM.
 */
int arp_probe(uint32_t iface, const uint8_t mac[6], struct arp_probe *probes, uint32_t n,
	      uint32_t ms);

#endif

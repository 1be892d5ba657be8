/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker without a NIC: pipeline, flow table, tables and real mbufs, for tests and vectors. */
#ifndef TESTS_ENGINE_HARNESS_H
#define TESTS_ENGINE_HARNESS_H

#include <rte_mempool.h>

#include "dataplane/engine/pipeline.h"

#define HARNESS_MBUFS 2047
#define HARNESS_MTU 1500
#define HARNESS_NAT_PORTS 1024

struct harness {
	struct rte_mempool *pool;
	struct pipeline pl;
	struct lb_table *peers[1];
	struct flow_table flows;
	struct lb_worker_stats stats;
	struct lb_instance_stats *instance_stats;
	void *flow_memory;
	struct lb_nat_memory nat_memory; /* none until harness_nat() */
	struct tables *tables;
	uint64_t generation;
	uint16_t now;
	/* of the next harness_services() */
	const uint64_t *access; /* words of core/lb_access.h */
	uint32_t access_words;
	uint32_t n_networks;
	lb_be16 vlan[LB_NETWORKS_MAX];
};

extern const uint8_t harness_port_mac[LB_ETH_ALEN];

/** Start DPDK's EAL without hugepages or devices. Once per program. */
void harness_eal_start(const char *program);

/** A worker with an empty configuration and a table for @flows. */
struct harness *harness_create(uint32_t flows);
void harness_destroy(struct harness *h);

/** Copy @data into the tables, if it passes the bounds checks. Return: 0 or an enum lb_refusal. */
int harness_block_put(struct tables *tables, const struct lb_cmd *cmd, const void *data);

/** Put one block, as a generation of its own. Fails the test if it is refused. */
void harness_put(struct harness *h, enum lb_block block, uint32_t index, const void *data,
		 uint32_t bytes, uint32_t count);

/** The parameters that most tests want; timeouts of 1 h, 10 s, 60 s and 5 s. */
void harness_params(struct harness *h);

struct harness_service {
	uint8_t family;
	uint8_t addr[16];
	uint16_t port; /* host order; 0: only the VIP itself */
	uint16_t id;
	uint16_t pool;
	uint8_t forward;
	uint16_t instance_port; /* host order */
	uint8_t source;
	uint8_t networks; /* 0: all */
	bool affinity;
	bool access; /* has lists: those of the next harness_services() */
};

/** Publish services (with an entry for each of their VIPs). */
void harness_services(struct harness *h, const struct harness_service *services, uint32_t n);

/** Whether the port is a trunk, and how many of harness_services()'s networks it has. */
void harness_trunk(struct harness *h, uint32_t n_networks);

/** Its frames leave with the tag of a VLAN, or 0: without a tag. */
void harness_instance_vlan(struct lb_instance *instance, uint16_t vlan);

#define HARNESS_NAT_SPACES 4

/** Zeroed memory for translation; to be freed by its area. */
struct lb_nat_memory harness_nat_memory(void);

/** Memory for translation, and parameters with it. Ports: at most HARNESS_NAT_PORTS. */
void harness_nat(struct harness *h, const struct lb_nat_params *params);

/** Address 0: 10.0.0.32, 1: 2001:db8::32; timeouts of 10 s, 1 h, 2 min. */
struct lb_nat_params harness_nat_params(uint16_t port_first, uint16_t port_last);

/** An instance with MAC 02:00:00:00:hi:lo of @index; @outer_family 4 or 6. */
void harness_instance(struct lb_instance *instance, uint16_t index, uint8_t outer_family,
		      uint8_t flags);

struct harness_tcp {
	uint32_t src; /* host order */
	uint32_t dst;
	uint16_t sport;
	uint16_t dport;
	uint8_t flags;
	uint16_t payload; /* bytes */
	uint32_t seq;
};

/** An mbuf with a valid IPv4 TCP packet. */
struct rte_mbuf *harness_tcp4(struct harness *h, const struct harness_tcp *tcp);

/** An mbuf with a copy of a frame. */
struct rte_mbuf *harness_frame(struct harness *h, const void *frame, uint32_t bytes);

/**
 * Send one packet through the pipeline; the mbuf is freed.
 * Return: instance index, from the destination MAC of the frame sent; -1 if it went to the kernel,
 * -2 if it was dropped.
 */
int harness_send(struct harness *h, struct rte_mbuf *m);

/** received = transmitted + kernel + drops, and no mbuf is missing. Fails the test otherwise. */
void harness_check_accounting(const struct harness *h);

#endif

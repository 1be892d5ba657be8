/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker on a device made of rings, with segment and consumer; the test acts as sluiced. */
#ifndef TESTS_IO_RIG_H
#define TESTS_IO_RIG_H

#include "dataplane/io/worker.h"

#define RIG_MBUFS 1023
#define RIG_RING 512 /* of the device's receive side */

struct rig {
	struct config_node node;
	struct plan plan;
	struct port port;
	struct rte_mempool *pool;
	struct segment segment;
	struct flow_memory flows;
	struct rte_rcu_qsbr *qsbr;
	struct consumer consumer;
	struct rte_ring *rx; /* what the worker receives; NULL on net_null */
	struct rte_ring *tx; /* what it sent */
	struct rte_ring *to_kernel;
	struct rte_ring *from_kernel;
	struct doorbell bell;
	struct lb_table *regions[2];
	uint32_t n_regions; /* 1; 2: the test has set another one */
	struct worker *worker;
	bool stop;
	uint64_t generation;
};

extern const uint8_t rig_mac[LB_ETH_ALEN];

/** Start DPDK's EAL with lcores 0 and 1, without hugepages. Once per program. */
void rig_eal_start(const char *program);

/** Where a rig's packets come from. */
enum rig_device {
	RIG_RINGS, /* rx and tx */
	RIG_NULL,  /* net_null: endless frames that are addressed to no service, from the pool */
};

/** @tx_slots, @kernel_slots: powers of two; one less is usable. Fails the test on errors. */
struct rig *rig_create(enum rig_device device, uint32_t tx_slots, uint32_t kernel_slots);
void rig_destroy(struct rig *rig);

/** Replace the worker by another one, on a shared port. @shared: must outlive it. */
void rig_restart(struct rig *rig, const struct handover_port *port);

/** Put @n frames into rx: a TCP SYN to the VIP (from @first_port on), or an ARP request. */
void rig_receive_syns(struct rig *rig, uint16_t first_port, uint32_t n);
void rig_receive_arps(struct rig *rig, uint32_t n);

/** An empty frame from the pool, as the kernel would send one. */
struct rte_mbuf *rig_frame(struct rig *rig);

/** Publish a service on the VIP with one serving instance, through the command ring. */
void rig_publish(struct rig *rig);

/** Put a command with a small change into the ring; the caller polls the consumer. */
void rig_send_slots(struct rig *rig, uint16_t instance);

/** Free all mbufs in a ring. Return: their number. */
uint32_t rig_empty(struct rte_ring *ring);

/** received = transmitted + kernel + drops. Fails the test otherwise. */
void rig_check_accounting(const struct rig *rig);

#endif

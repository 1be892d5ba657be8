/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients, instances and what is translated between them, in one process: for tests. */
#ifndef TESTS_SUPPORT_NAT_WORLD_H
#define TESTS_SUPPORT_NAT_WORLD_H

#include "tests/support/harness.h"

#define NAT_VIP 0xcb00710au	   /* 203.0.113.10 */
#define NAT_ADDRESS 0x0a000020	   /* 10.0.0.32 */
#define NAT_OWN_ADDRESS 0x0a000005 /* 10.0.0.5 */
#define NAT_INSTANCE 0x0a000100	   /* 10.0.1.0, the first one */
#define NAT_FIRST 2000

/* What left, if anything did. */
struct nat_seen {
	bool is_sent;
	uint32_t src, dst;
	uint16_t sport, dport;
	uint8_t to[LB_ETH_ALEN];
	uint16_t vlan; /* 0: without a tag */
};

extern struct harness *nat_h;

/** NAT_VIP, port 443, by `source: node` to port 8443 of instances. Ports from NAT_FIRST. */
void nat_world(uint16_t port_last, uint32_t n_instances);

/** The same by `source: client`, and a second VIP, the next address, with the same instances. */
void nat_world_of_clients(uint32_t n_instances);

/** As nat_world(), with one instance, on network 20 of 10 and 20. */
void nat_world_of_networks(void);

/** Check what was counted, and end it. For cmocka. */
int nat_world_end(void **state);

/** Send a frame. */
struct nat_seen nat_send(struct rte_mbuf *m);

/* Ends of a client; any number is one. */
uint32_t nat_client_addr(uint32_t client);
uint16_t nat_client_port(uint32_t client);

/** A client's packet, to NAT_VIP or another one. */
struct rte_mbuf *nat_packet_to(uint32_t vip, uint32_t client, uint8_t flags, uint32_t seq);
struct rte_mbuf *nat_client_packet(uint32_t client, uint8_t flags, uint32_t seq);

/** The same, sent. */
struct nat_seen nat_from_client(uint32_t client, uint8_t flags, uint32_t seq);

/** Put a tag into a frame. */
struct rte_mbuf *nat_tagged(struct rte_mbuf *m, uint16_t vlan);

/** The instance's answer to a packet. */
struct rte_mbuf *nat_answer_packet(const struct nat_seen *seen, uint8_t flags, uint32_t seq);

/** The same, sent. */
struct nat_seen nat_answer(const struct nat_seen *seen, uint8_t flags, uint32_t seq);

/** Check that an answer came from NAT_VIP to a client. */
void nat_answer_is_for(const struct nat_seen *reply, uint32_t client);

/** A handshake. Return: the client's last packet of it; not sent, if its SYN was not. */
struct nat_seen nat_connect(uint32_t client);

#define NAT_RESETS_MAX 1024

/* Segments by which the sweep has ended connections. */
extern struct lb_nat_reset nat_resets[NAT_RESETS_MAX];
extern uint32_t nat_n_resets;

/** The sweep of a tick. */
void nat_sweep_tick_now(void);

/** A whole round of the sweep, now. */
void nat_sweep_all(void);

/** Let ticks pass, with the sweeps of flows and records. */
void nat_wait(uint32_t ticks);

#endif

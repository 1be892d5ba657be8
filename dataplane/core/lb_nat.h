/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translated flows: one record each, in an array indexed by port space and port.
 *
 * Within a port space a port belongs to one flow. The space follows from NAT address and instance
 * address, so an address carries as many flows as there are spaces times ports. A packet from an
 * instance finds its record by one index, from its addresses and its destination port. A packet
 * from a client has its instance from the flow table; it finds the record at the port that follows
 * from its flow, or a few ports further.
 *
 * A port also names a worker: each has a share of the ports of every space. A record is free by its
 * state or by its time, so there is no list of free ones that a killed process could leave in
 * disorder.
 */
#ifndef LB_NAT_H
#define LB_NAT_H

#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_hash.h"

/*
 * RFC 5382 section 5 and RFC 7857 section 2: both directions are seen, so unlike a flow's
 * (enum lb_flow_state) these states are those of the connection.
 */
enum lb_nat_state {
	LB_NAT_FREE,
	LB_NAT_OPENING,	 /* the client's SYN was seen */
	LB_NAT_ANSWERED, /* and a SYN of the instance */
	LB_NAT_ESTABLISHED,
	LB_NAT_FIN_CLIENT, /* the client has sent its FIN, the instance has not */
	LB_NAT_FIN_INSTANCE,
	LB_NAT_FIN_BOTH,
	LB_NAT_CLOSED, /* a RST was seen; data reopens it: its receiver did not accept it */
};

enum lb_nat_side { LB_NAT_CLIENT, LB_NAT_INSTANCE };

/*
 * Of one connection. The worker that its port names begins it; its packets, which may reach any
 * worker, update it without a lock: all fields but the state are plain stores, of which the last one
 * stays, and the state changes only from what it was when the packet read it.
 */
struct lb_nat_record {
	uint8_t client[16]; /* IPv4: mapped, ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) */
	lb_be16 client_port;
	uint16_t service; /* its id */
	uint16_t seen;	  /* tick of the last packet of either side */
	uint16_t acked;	  /* upper half of the instance's, as acknowledged by the client */
	uint32_t seq;	  /* the client's next sequence number, as far as seen */
	union {
		struct {
			uint16_t instance : 15;	   /* its index */
			uint16_t is_proxy_due : 1; /* core/lb_proxy.h */
			uint8_t state : 3;	   /* enum lb_nat_state */
			uint8_t address : 5;	   /* index in lb_nat_params */
			uint8_t hop; /* index of the router that the client's packets come from */
		};
		uint32_t word; /* of these; compared and exchanged by who changes the state */
	};
};

LB_STATIC_ASSERT(sizeof(struct lb_nat_record) == 32, "two records a cache line");

#define LB_NAT_HOPS 256 /* lb_nat_record.hop */

/* In front of the records of a worker's ports. */
struct lb_nat_area {
	uint64_t hop[LB_NAT_HOPS]; /* lb_nat_router(): MAC address, above it the VLAN; 0: free */
	uint32_t reach; /* no record is further from its flow's first choice than this, less one */
	uint32_t reserved[15];
};

struct lb_nat; /* lb_records.h */

/* Idle time in ticks after which a record may be reused, by state. */
struct lb_nat_timeouts {
	uint16_t ticks[8]; /* by enum lb_nat_state */
};

#define LB_NAT_ADDRESSES_MAX 32 /* lb_nat_record.address */

enum lb_nat_address_flag {
	LB_NAT_ADDRESS_USED = 1 << 0,	 /* there is one */
	LB_NAT_ADDRESS_ACCEPTS = 1 << 1, /* for new connections */
	LB_NAT_ADDRESS_OWN = 1 << 2,	 /* the node's own: what is of no record is the kernel's */
};

#define LB_NAT_SWEEP_TICKS 96 /* of a round over all records, at most */

/* What is configured. */
struct lb_nat_params {
	uint8_t address[LB_NAT_ADDRESSES_MAX][16]; /* as lb_nat_record.client */
	uint8_t flags[LB_NAT_ADDRESSES_MAX];	   /* enum lb_nat_address_flag */
	struct lb_nat_timeouts timeouts;
	uint16_t port_first; /* 0: no NAT */
	uint16_t port_last;
	uint8_t reset_on_expiry;
	uint8_t reserved[11];
};

/*
 * The next state for each state: a nibble each, from the right. A SYN of the client for a record
 * that has ended begins another connection, which is not a step (lb_nat_may_begin()). If its number
 * is too low for that, the instance's own SYN tells that one has begun. A half-open connection
 * that is reset leaves no TIME_WAIT, so its port does not rest.
 */
#define LB_NAT_STEPS_CLIENT_DATA 0x36543310ULL
#define LB_NAT_STEPS_CLIENT_SYN 0x76543210ULL
#define LB_NAT_STEPS_CLIENT_FIN 0x46644410ULL
#define LB_NAT_STEPS_INSTANCE_DATA 0x36543220ULL
#define LB_NAT_STEPS_INSTANCE_SYN 0x22543220ULL
#define LB_NAT_STEPS_INSTANCE_FIN 0x56565510ULL
#define LB_NAT_STEPS_RST 0x77777110ULL

LB_INLINE uint32_t lb_nat_steps(enum lb_nat_side side, enum lb_flow_event event)
{
	switch (event) {
	case LB_FLOW_EVENT_DATA:
		return side == LB_NAT_CLIENT ? LB_NAT_STEPS_CLIENT_DATA
					     : LB_NAT_STEPS_INSTANCE_DATA;
	case LB_FLOW_EVENT_SYN:
		return side == LB_NAT_CLIENT ? LB_NAT_STEPS_CLIENT_SYN : LB_NAT_STEPS_INSTANCE_SYN;
	case LB_FLOW_EVENT_FIN:
		return side == LB_NAT_CLIENT ? LB_NAT_STEPS_CLIENT_FIN : LB_NAT_STEPS_INSTANCE_FIN;
	case LB_FLOW_EVENT_RST:
		return LB_NAT_STEPS_RST;
	}
	return 0;
}

LB_INLINE enum lb_nat_state lb_nat_next(enum lb_nat_side side, enum lb_flow_event event,
					uint32_t state)
{
	return (enum lb_nat_state)(lb_nat_steps(side, event) >> (state & 7) * 4 & 7);
}

/* ---- Sequence numbers ---- */

/* How far a RST may be from what was last seen, and how far one packet may advance it. */
#define LB_NAT_RST_WINDOW 0x10000u
#define LB_NAT_SEQ_WINDOW 0x40000000u /* RFC 7323 section 2.3: no window is larger */

/** Bytes of sequence space that a packet takes. @payload: bytes behind its TCP header. */
LB_INLINE uint32_t lb_nat_seq_len(uint8_t tcp_flags, uint32_t payload)
{
	return payload + !!(tcp_flags & LB_TCP_SYN) + !!(tcp_flags & LB_TCP_FIN);
}

/*
 * RFC 5961 section 3: a RST from outside the window is not the sender's. It is forwarded, since its
 * receiver knows the window exactly, but the record stays as it is.
 */
LB_INLINE bool lb_nat_rst_is_near(const struct lb_nat_record *record, enum lb_nat_side side,
				  const struct lb_tcp *tcp)
{
	uint32_t seq = lb_be32_to_cpu(tcp->seq);

	if (side == LB_NAT_CLIENT)
		return seq - record->seq + LB_NAT_RST_WINDOW <= 2 * LB_NAT_RST_WINDOW;
	if ((tcp->flags & LB_TCP_ACK) && lb_be32_to_cpu(tcp->ack) == record->seq)
		return true;
	return (uint16_t)((seq >> 16) - record->acked + 1) <= 2;
}

/**
 * Change a record's state. @was: its word when that was decided.
 * Return: false if another one has changed it since; then it stays.
 */
LB_INLINE bool lb_nat_state_set(struct lb_nat_record *record, uint32_t was, enum lb_nat_state state)
{
	struct lb_nat_record next = { .word = was };

	next.state = (uint8_t)state & 7;
	return lb_cas32(&record->word, was, next.word);
}

/** Update a record for a packet of its connection. @payload: bytes behind its TCP header. */
LB_INLINE void lb_nat_step(struct lb_nat_record *record, enum lb_nat_side side,
			   const struct lb_tcp *tcp, uint32_t payload, uint16_t now)
{
	const struct lb_nat_record was = { .word = lb_load_acquire(&record->word) };
	enum lb_flow_event event = lb_flow_event(tcp->flags);
	enum lb_nat_state state = lb_nat_next(side, event, was.state);
	bool is_answer = side == LB_NAT_INSTANCE && event == LB_FLOW_EVENT_SYN;
	uint32_t next;

	if (event == LB_FLOW_EVENT_RST && !lb_nat_rst_is_near(record, side, tcp))
		return;
	/* Sent again to a client that may not exist, it must not keep a port. */
	if (!is_answer || was.state != LB_NAT_ANSWERED)
		record->seen = now;
	if (lb_unlikely(state != was.state))
		lb_nat_state_set(record, was.word, state);
	/* What was seen before may be of the client's last connection. */
	if (is_answer && (tcp->flags & LB_TCP_ACK) && state == LB_NAT_ANSWERED)
		record->seq = lb_be32_to_cpu(tcp->ack);
	if (side == LB_NAT_INSTANCE)
		return;
	next = lb_be32_to_cpu(tcp->seq) + lb_nat_seq_len(tcp->flags, payload);
	if (next - record->seq < LB_NAT_SEQ_WINDOW)
		record->seq = next;
	if (tcp->flags & LB_TCP_ACK)
		record->acked = (uint16_t)(lb_be32_to_cpu(tcp->ack) >> 16);
}

/**
 * Whether a SYN of the client may use the record's port for another connection: the instance has
 * no state of the last one by which it could take the SYN for an old packet (RFC 6191).
 */
LB_INLINE bool lb_nat_may_begin(const struct lb_nat_record *record, lb_be32 seq)
{
	switch (record->state) {
	case LB_NAT_OPENING:
		return true;
	case LB_NAT_FIN_BOTH:
	case LB_NAT_CLOSED:
		return lb_be32_to_cpu(seq) - record->seq - 1 < LB_NAT_SEQ_WINDOW * 2;
	default:
		return false;
	}
}

#endif

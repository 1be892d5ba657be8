/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of translated connections in plain memory: see dataplane/core/lb_nat_find.h. */
#ifndef LB_RECORDS_H
#define LB_RECORDS_H

#include "dataplane/core/lb_nat_index.h"

/* Of one worker's ports, in memory that outlives the process. */
struct lb_nat_memory {
	struct lb_nat_area *area;
	struct lb_nat_record *record; /* by space, then by port; NULL: nothing is translated */
};

LB_STATIC_ASSERT(sizeof(struct lb_nat_area) % 64 == 0, "records begin a cache line");

/** Bytes of an area with its records behind it. */
LB_INLINE uint64_t lb_nat_bytes(uint64_t n_records)
{
	uint64_t bytes = sizeof(struct lb_nat_area) + n_records * sizeof(struct lb_nat_record);

	return n_records ? (bytes + 63) & ~(uint64_t)63 : 0;
}

/** An area with its records behind it. @start: lb_nat_bytes() of them, from a cache line on. */
LB_INLINE struct lb_nat_memory lb_nat_memory_at(void *start)
{
	struct lb_nat_area *area = (struct lb_nat_area *)start;

	return (struct lb_nat_memory){ area, (struct lb_nat_record *)(area + 1) };
}

/* Whether ICMP errors are translated across families, too. */
#define LB_NAT_HAS_ERRORS_ACROSS true

/* Whether services may keep the client's address: `source: client`. */
#define LB_NAT_HAS_CLIENTS true

/* Whether instances may get a PROXY header. */
#define LB_NAT_HAS_PROXY true

/* What a worker's packets are translated by. */
struct lb_nat {
	/* of a generation of tables */
	const struct lb_nat_params *params; /* NULL: no translation */
	const struct lb_nat_index *index;
	const struct lb_service_table *services;
	const uint16_t *by_id;		  /* lb_service_ids_make() */
	const struct lb_nat_ports *ports; /* lb_nat_ports_make() */
	const struct lb_secret *secret;
	/* of the worker */
	const struct lb_nat_memory *memory; /* of all workers */
	uint32_t n_workers;
	uint32_t worker; /* this one */
	uint32_t n_spaces;
	uint32_t room;	   /* records of a space in each worker's memory */
	bool clients_move; /* lb_nat_clients_move() */
	/* of both */
	uint32_t share;	  /* ports of each worker */
	uint64_t inverse; /* of that: 2^32 / share, rounded up: exact for 16 bits */
};

/* Records that follow each other: those of a worker's ports in one space. */
struct lb_nat_share {
	struct lb_nat_record *record; /* the first one */
	uint32_t n;
};

/**
 * Whether a client's packets come to any worker. Usually the NIC has one for each flow; a queue of
 * a port that is shared with the XDP program may be that of the sender's CPU.
 */
LB_INLINE bool lb_nat_clients_move(const struct lb_nat *nat)
{
	return nat->clients_move;
}

/** A worker's ports of a space. */
LB_INLINE struct lb_nat_share lb_nat_share(const struct lb_nat *nat, uint32_t worker,
					   uint32_t space)
{
	return (struct lb_nat_share){ &nat->memory[worker].record[(uint64_t)space * nat->room],
				      nat->share };
}

/** All records of a worker. */
LB_INLINE struct lb_nat_share lb_nat_all(const struct lb_nat *nat, uint32_t worker)
{
	return (struct lb_nat_share){ nat->memory[worker].record, nat->n_spaces * nat->room };
}

/** @at: below share->n. */
LB_INLINE struct lb_nat_record *lb_nat_share_at(const struct lb_nat_share *share, uint32_t at)
{
	return &share->record[at];
}

LB_INLINE struct lb_nat_area *lb_nat_area(const struct lb_nat *nat, uint32_t worker)
{
	return nat->memory[worker].area;
}

/** The service of a record, or NULL. */
LB_INLINE const struct lb_service *lb_nat_service(const struct lb_nat *nat, uint16_t id)
{
	return lb_service_by_id(nat->services, nat->by_id, id);
}

#endif

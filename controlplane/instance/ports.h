/* SPDX-License-Identifier: BSD-3-Clause */
/* Port mapping (--map) and the MSS of SYN+ACKs (--mss): read, compared, and kept in the program's maps. */
#ifndef INSTANCE_PORTS_H
#define INSTANCE_PORTS_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"
#include "controlplane/instance/program.h"

/* Holds two ports, an address and the NUL. */
#define PORTS_TEXT_SIZE 64

struct port_map {
	struct lb_unwrap_addr vip; /* family 0: of each VIP without one of its own */
	__u16 port;		   /* of the listener; host order, as is the next */
	__u16 instance_port;
};

/* What replies need, and what is mapped inwards. */
struct ports {
	__u16 mss4, mss6; /* 0: any */
	__u32 count;
	struct port_map map[LB_UNWRAP_PORTS_MAX];
};

/**
 * Read PORT:INSTANCE_PORT or PORT:INSTANCE_PORT@VIP.
 * Return: 0, or -EINVAL.
 */
int ports_parse(const char *text, struct port_map *map);

/** Write @map to @text of PORTS_TEXT_SIZE bytes, as ports_parse() reads it. Return: @text. */
const char *ports_format(const struct port_map *map, char *text);

/**
 * Whether both can't be in force: a port would go to two ports, or a reply's port would come from
 * two.
 */
bool ports_conflict(const struct port_map *a, const struct port_map *b);

bool ports_have(const struct ports *ports, const struct port_map *map);

/** Whether a filter for replies is needed. */
bool ports_are_set(const struct ports *ports);

/** Read those in force; none for a program of a version without. Return: 0, or -errno. */
int ports_load(const struct program *program, struct ports *ports);

/**
 * Bring the maps to @next, whatever is in them: no packet is mapped inwards whose reply would not be
 * mapped back.
 * Return: 0, or -errno.
 */
int ports_change(const struct program *program, const struct ports *next);

/** Whether attach has added the qdisc that holds the filter, as recorded. */
bool ports_added_qdisc(const struct program *program);

/** Record it. Return: 0, or -errno. */
int ports_record_qdisc(const struct program *program, bool added);

/** Sum the counter of a mapping in one way over all CPUs; 0 if it is not there. Return: 0, or -errno. */
int ports_read(const struct program *program, const struct port_map *map, enum lb_unwrap_way way,
	       struct lb_unwrap_count *count);

#endif

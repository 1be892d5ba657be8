/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program with its maps: what loader, maps, hook and all readers of the maps share. Context:
 * the thread that opened it.
 */
#ifndef CONTROLPLANE_XDP_OBJECT_H
#define CONTROLPLANE_XDP_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/sluice_xdp.h"
#include "dataplane/abi/lb_pins.h"

#define XDP_OBJECT_WHY_MAX 320
/* A page without headroom, Ethernet and VLAN headers, skb_shared_info. */
#define XDP_OBJECT_MTU_ONE_BUFFER 3498

struct sluice_xdp;
struct xdp_capture;

struct xdp_object_options {
	const char *pin_dir;  /* on bpffs; its parent must exist */
	const char *log_path; /* file for the verifier's log if it refuses; NULL: none */
	uint32_t flows;	      /* concurrent flows, over all CPUs */
	uint32_t pool_slots;  /* of one pool's table, at most */
	uint32_t pools;	      /* at most */
	const uint16_t
		*cpus;	    /* CPUs with a flow table of their own; the others only look flows up */
	uint32_t cpu_count; /* 1 to LB_XDP_REGIONS_MAX */
	uint32_t mtu;	    /* of the interface; frames larger than one buffer need more */
	bool has_handover;  /* with a DPDK process; then queues, not CPUs, have tables */
	uint32_t queues;    /* with handover: receive queues of the interface; each gets a table */
	uint32_t nat_spaces; /* of NAT ports; 0: no translation */
	uint32_t nat_ports;  /* of each, all CPUs together */
	bool is_behind;	     /* to be attached in libxdp's dispatcher */
	bool anew;	     /* create new maps, whatever is pinned */
	const char *meminfo; /* a file like /proc/meminfo; NULL: that file */
};

enum xdp_object_mode { XDP_OBJECT_NONE, XDP_OBJECT_NATIVE, XDP_OBJECT_GENERIC };

struct xdp_object {
	struct sluice_xdp *skel;
	struct lb_xdp_control *control;
	struct lb_xdp_cpu *cpus;	  /* [n_cpus] */
	struct lb_instance_stats *counts; /* [n_counts][LB_XDP_INSTANCES_MAX] */
	struct lb_service *services;	  /* [2 * LB_XDP_SERVICE_SLOTS_MAX] */
	struct lb_instance *instances;	  /* [2 * LB_XDP_INSTANCES_MAX] */
	struct lb_xdp_line *slots;
	const struct lb_bucket *flows; /* [regions * n_buckets] */
	struct lb_xdp_nat *nat;	       /* [2] */
	struct lb_capture_select *capture;
	struct xdp_capture *reader; /* capture.c; NULL: none */
	/* NULL if no translation: */
	uint64_t *nat_ids;			 /* [2 * LB_XDP_IDS] */
	const struct lb_nat_area *nat_areas;	 /* [regions] */
	const struct lb_nat_record *nat_records; /* [regions][nat_spaces][nat_room] */
	/* NULL if no handover: */
	struct lb_handover *queues; /* [regions]; only the first have workers */
	struct lb_worker_stats
		*workers;   /* [n_workers + 1]: those of the DPDK process, and its main thread's */
	uint32_t n_workers; /* 0 if no handover */
	uint32_t n_cpus;    /* possible CPUs; with handover, behind the queues */
	uint32_t n_counts;  /* rows of @counts: the workers' rows follow the CPUs' */
	uint32_t n_buckets; /* per region */
	uint32_t regions;
	uint32_t nat_spaces; /* 0: no translation */
	uint32_t nat_room;   /* ports of a region in each space, at most */
	uint32_t pool_lines; /* room for one table of a pool */
	uint32_t layout;     /* xdp_size_layout() of these */
	uint32_t mtu;
	bool frags;	      /* takes frames of several buffers */
	bool adopted;	      /* the maps existed, with flows */
	bool kept_tags;	      /* a predecessor told the port to leave VLAN tags in frames */
	uint64_t predecessor; /* else, boot_id of existing maps of another layout; 0: none */
	bool has_handover;
	bool is_behind; /* loaded for libxdp's dispatcher */
	bool is_joined; /* attached there */
	enum xdp_object_mode mode;
	uint16_t cpu_of[LB_XDP_REGIONS_MAX]; /* CPU of a queue's worker, with handover */
	char pin_dir[LB_PIN_DIR_MAX];
	char log_path[256];
	char why[XDP_OBJECT_WHY_MAX]; /* of the last failure, or a note for the operator */
};

struct bpf_program;

/** Set object->why. */
__attribute__((format(printf, 2, 3))) void xdp_object_why(struct xdp_object *object,
							  const char *format, ...);

/** @path: LB_PIN_PATH_MAX bytes; set to that of a pin. */
void xdp_object_pin(const struct xdp_object *object, const char *name, char *path);

/** The program for packets. */
struct bpf_program *xdp_object_program(const struct xdp_object *object);

#endif

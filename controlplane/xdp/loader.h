/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program with its maps, on an interface. All of it is pinned in one bpffs directory, so it
 * outlives this process: a successor that opens the directory adopts the maps, and replaces the
 * program under traffic. Context: one thread; loading takes a moment (the verifier), the rest does
 * not block.
 */
#ifndef CONTROLPLANE_XDP_LOADER_H
#define CONTROLPLANE_XDP_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/sluice_xdp.h"
#include "dataplane/abi/lb_pins.h"

#define XDP_OBJECT_WHY_MAX 320

struct sluice_xdp;

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
	bool paired;	    /* with a DPDK process; then queues, not CPUs, have tables */
	uint32_t queues;    /* if paired: receive queues of the interface; each gets a table */
	bool is_behind;	    /* to be attached in libxdp's dispatcher */
	bool anew;	    /* create new maps, whatever is pinned */
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
	/* NULL if not paired: */
	struct lb_handover *queues; /* [regions]; only the first have workers */
	struct lb_worker_stats
		*workers;   /* [n_workers + 1]: those of the DPDK process, and its main thread's */
	uint32_t n_workers; /* 0 if not paired */
	uint32_t n_cpus;    /* possible CPUs; if paired, behind the queues */
	uint32_t n_counts;  /* rows of @counts: the workers' rows follow the CPUs' */
	uint32_t n_buckets; /* per region */
	uint32_t regions;
	uint32_t pool_lines; /* room for one table of a pool */
	uint32_t mtu;
	bool frags;	      /* takes frames of several buffers */
	bool adopted;	      /* the maps existed, with flows */
	bool kept_tags;	      /* a predecessor told the port to leave VLAN tags in frames */
	uint64_t predecessor; /* else, boot_id of existing maps of another layout; 0: none */
	bool paired;
	bool is_behind; /* loaded for libxdp's dispatcher */
	bool is_joined; /* attached there */
	enum xdp_object_mode mode;
	uint16_t cpu_of[LB_XDP_REGIONS_MAX]; /* CPU of a queue's worker, if paired */
	char pin_dir[LB_PIN_DIR_MAX];
	char log_path[256];
	char why[XDP_OBJECT_WHY_MAX]; /* of the last failure, or a note for the operator */
};

/**
 * Load the program. Adopt the pinned maps if their layout is this program's and their sizes match,
 * else start over: new maps replace them once they and the program are loaded.
 * Return: 0; -errno, and object->why gives the reason in one sentence; if the kernel refuses, the
 * pins are as before.
 */
int xdp_object_open(struct xdp_object *object, const struct xdp_object_options *options);

/**
 * Attach the program to an interface: in place of ours if that is attached, without a packet
 * passing in between; else natively, or in the kernel's generic mode (then object->why is a
 * warning); beside others if libxdp's dispatcher has the hook (then object->why names them).
 * Return: 0; -EBUSY: another program has the hook; -EAGAIN: it must be opened again for the program
 * that has the hook now; -errno; object->why gives the reason.
 */
int xdp_object_attach(struct xdp_object *object, int ifindex);

/**
 * Detach the program from its interface, and remove the pins; other programs stay.
 * @ifindex: of the interface, if it still exists.
 */
void xdp_object_detach(struct xdp_object *object, int ifindex);

/** Whether xdp_object_open() failed for lack of something that may be available later. */
bool xdp_object_may_work(int err);

/** Whether the loaded program supports another MTU of its port. */
bool xdp_object_suits(const struct xdp_object *object, uint32_t mtu);

/** Whether the port was told to leave VLAN tags in frames; read from the pinned maps. */
bool xdp_object_kept_tags(const char *pin_dir);

/** Release the object; program, maps and pins stay as they are. */
void xdp_object_close(struct xdp_object *object);

/**
 * Sweep the next part of a flow table: this CPU's, to which the calling thread must be bound; or if
 * paired, a queue's, unless the DPDK process sweeps it. Does not sleep.
 * Return: how many buckets were checked, 0 if there is nothing to do; -errno.
 */
int xdp_object_sweep(const struct xdp_object *object, uint32_t queue);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program with its maps, on an interface. All of it is pinned under one folder of bpffs, so it
 * outlives this process: who opens the folder again adopts the maps, and replaces the program under
 * traffic. Context: one thread; loading takes a moment (the verifier), the rest does not block.
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
	const char *log_path; /* where the verifier's log goes if it refuses; NULL: nowhere */
	uint32_t flows;	      /* concurrent flows, all CPUs together */
	uint32_t pool_slots;  /* of one pool's table, at most */
	uint32_t pools;	      /* at most */
	const uint16_t *cpus; /* that get a flow table of their own; the others only look */
	uint32_t cpu_count;   /* 1 to LB_XDP_REGIONS_MAX */
	uint32_t mtu;	 /* of the interface; frames that fill more than one buffer need more */
	bool paired;	 /* with a DPDK process; then it is queues, not CPUs, that have tables */
	uint32_t queues; /* if it is paired: receive queues of the interface; each gets a table */
	bool is_behind;	 /* to be attached where libxdp's dispatcher is */
	bool anew;	 /* with new maps, whatever is pinned */
	const char *meminfo; /* a file like /proc/meminfo; NULL: that */
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
	/* NULL if it is not paired: */
	struct lb_handover *queues; /* [regions]; of workers are only the first */
	struct lb_worker_stats
		*workers;   /* [n_workers + 1]: the DPDK process's, and its main thread's */
	uint32_t n_workers; /* 0 if it is not paired */
	uint32_t n_cpus;    /* possible ones; if it is paired, behind the queues */
	uint32_t n_counts;  /* rows of @counts: those of the workers follow the CPUs' */
	uint32_t n_buckets; /* of a region */
	uint32_t regions;
	uint32_t pool_lines; /* room for one table of a pool */
	uint32_t mtu;
	bool frags;	      /* takes frames of several buffers */
	bool adopted;	      /* the maps were there, with flows */
	bool kept_tags;	      /* a predecessor told the port to leave VLAN tags in frames */
	uint64_t predecessor; /* else, boot_id of maps of another layout that were there; 0: none */
	bool paired;
	bool is_behind; /* loaded for libxdp's dispatcher */
	bool is_joined; /* attached there */
	enum xdp_object_mode mode;
	uint16_t cpu_of[LB_XDP_REGIONS_MAX]; /* where a queue's worker runs, if it is paired */
	char pin_dir[LB_PIN_DIR_MAX];
	char log_path[256];
	char why[XDP_OBJECT_WHY_MAX]; /* of what failed last, or what the operator should know */
};

/**
 * Load the program; take over what is pinned, if its layout is this program's and its sizes are
 * these, else begin anew: new maps are pinned in its place once they and the program are there.
 * Return: 0; -errno, and object->why says it in one sentence; if the kernel refuses, what is pinned is
 * as before.
 */
int xdp_object_open(struct xdp_object *object, const struct xdp_object_options *options);

/**
 * Put the program on an interface: in the place of ours if it is there, without a packet going past;
 * else natively, or in the kernel's generic mode (then object->why is a warning); beside others if
 * libxdp's dispatcher has the hook (then object->why names them).
 * Return: 0; -EBUSY: another program has the hook; -EAGAIN: it must be opened again for what has the
 * hook now; -errno; object->why says it.
 */
int xdp_object_attach(struct xdp_object *object, int ifindex);

/**
 * Take the program off its interface, and remove what is pinned; others' programs stay.
 * @ifindex: of the interface, if it is still there.
 */
void xdp_object_detach(struct xdp_object *object, int ifindex);

/** Whether xdp_object_open() has failed for want of something that may be there later. */
bool xdp_object_may_work(int err);

/** Whether the program that is loaded suits another MTU of its port. */
bool xdp_object_suits(const struct xdp_object *object, uint32_t mtu);

/** Whether the port was told to leave VLAN tags in frames; asked of what is pinned. */
bool xdp_object_kept_tags(const char *pin_dir);

/** Leave everything as it is, and forget it. */
void xdp_object_close(struct xdp_object *object);

/**
 * Sweep the next part of a flow table: of this CPU's, to which the calling thread must be bound; or if it
 * is paired, of a queue's, unless the DPDK process sees to it. Does not sleep.
 * Return: how many buckets have been looked at, 0 if there is nothing to do; -errno.
 */
int xdp_object_sweep(const struct xdp_object *object, uint32_t queue);

#endif

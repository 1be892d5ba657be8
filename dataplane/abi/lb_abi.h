/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface between sluiced and sluice-dataplane: one sealed memfd, made by the dataplane, laid
 * out by writer.
 *
 *   struct lb_segment            dataplane, once, before any other process sees it
 *   command ring                 sluiced produces, the dataplane's main lcore consumes
 *   event ring                   the main lcore produces, sluiced consumes
 *   blocks                       sluiced; the dataplane only reads
 *   directory                    sluiced; for its own successor, and for the dataplane's
 *   statistics                   one writer each: a worker, or the main lcore
 *   capture                      sluiced says what is wanted; a ring of packets a worker
 *
 * A block is a bulk table (parameters, services, instances, a pool's slots) with two buffers.
 * sluiced fills the one that the dataplane does not use, sends a command that names it with its
 * length and CRC, and touches it again only after the answer. The dataplane copies it, checks the
 * copy, and uses the copy.
 * Commands of one generation are applied together, by one pointer swap.
 */
#ifndef LB_ABI_H
#define LB_ABI_H

#include "dataplane/abi/lb_capture.h"
#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_nat.h"
#include "dataplane/core/lb_service.h"
#include "dataplane/core/lb_stats.h"

#define LB_ABI_MAGIC 0x454349554c53424cULL /* "LBSLUICE" */
#define LB_ABI_VERSION 6

#define LB_WORKERS_MAX 64
#define LB_SEGMENT_CPU_NONE 0xffffffffu
#define LB_SEGMENT_WORKERS_MAX 1024 /* under XDP every possible CPU counts as one */
#define LB_POOLS_MAX 64
#define LB_INSTANCES_MAX 4096
#define LB_SERVICES_MAX 8192	       /* entries: listeners of all VIPs, and the VIPs themselves */
#define LB_SERVICE_SLOTS_MAX 32768     /* at most a quarter full */
#define LB_ACCESS_WORDS_MAX (1u << 20) /* of the lists of all services (core/lb_access.h) */
#define LB_POOL_SLOTS_MAX 131101       /* at least a prime above 2^17 */
#define LB_POOL_SLOTS_DEFAULT 65537
#define LB_RING_ENTRIES 1024 /* a power of two; one less is usable */
#define LB_NAME_MAX 64	     /* bytes, with the final NUL */

enum lb_block {
	LB_BLOCK_PARAMS,    /* struct lb_params */
	LB_BLOCK_SERVICES,  /* struct lb_service_table with its slots and lists */
	LB_BLOCK_INSTANCES, /* struct lb_instance[count] */
	LB_BLOCK_POOL,	    /* uint16_t[count], of pool lb_cmd.index */
	LB_BLOCK_KINDS
};

/* Everything that is not a table. Ticks are LB_FLOW_TICK_MS. */
struct lb_params {
	uint8_t secret[16];
	struct lb_flow_timeouts timeouts;
	uint32_t mtu;		  /* bytes of an IP packet that the port may send */
	uint32_t kernel_rate_pps; /* packets to the kernel path, all workers together */
	uint32_t icmp_rate_pps;	  /* ICMP errors made here, all workers together */
	uint8_t node_addr4[4];	  /* 0: none */
	uint8_t node_addr6[16];	  /* 0: none */
	struct lb_nat_params nat;
	uint32_t reserved[4];
};

enum lb_cmd_type {
	LB_CMD_BLOCK = 1,  /* a block has changed */
	LB_CMD_RETIRE = 2, /* drop the previous generation of pool @index */
	LB_CMD_PING = 3,   /* to be acknowledged once all workers have passed a quiescent point */
};

#define LB_CMD_MORE 0x1 /* flag: more commands of this generation follow */

struct lb_cmd {
	uint16_t type; /* enum lb_cmd_type */
	uint16_t flags;
	uint16_t block;	     /* enum lb_block */
	uint16_t buffer;     /* 0 or 1 */
	uint32_t index;	     /* of a pool; else 0 */
	uint32_t count;	     /* elements; for services: slots, and LB_ACCESS_UNITs of words */
	uint64_t generation; /* increases with every publish; unique per boot_id */
	uint64_t sent_ns;    /* CLOCK_MONOTONIC */
	uint32_t bytes;
	uint32_t crc; /* CRC-32C of the block's bytes */
	uint32_t reserved[5];
	uint32_t check; /* CRC-32C of this message up to here */
};

enum lb_event_type {
	LB_EVENT_ACK = 1,     /* all workers use the generation */
	LB_EVENT_REFUSED = 2, /* nothing of the generation was applied; @status has the reason */
};

enum lb_refusal {
	LB_REFUSED_CHECK = 1,  /* the message's own checksum is wrong */
	LB_REFUSED_TYPE,       /* unknown command or block */
	LB_REFUSED_BOUNDS,     /* index, count or length out of range */
	LB_REFUSED_CRC,	       /* the block's checksum is wrong */
	LB_REFUSED_CONTENT,    /* a value in the block out of range */
	LB_REFUSED_MEMORY,     /* no memory for the copy */
	LB_REFUSED_GENERATION, /* not newer than the one in use */
	LB_REFUSED_SECRET,     /* differs from the one in use: recorded flows would not be found */
	LB_REFUSED_COUNT
};

struct lb_event {
	uint16_t type;	  /* enum lb_event_type */
	uint16_t status;  /* enum lb_refusal */
	uint32_t workers; /* that have acknowledged */
	uint64_t generation;
	uint64_t sent_ns;    /* of the generation's last command */
	uint64_t taken_ns;   /* when the dataplane consumed that command */
	uint64_t swapped_ns; /* when the tables were swapped */
	uint64_t acked_ns;   /* when the last worker had passed a quiescent point */
	uint32_t reserved[3];
	uint32_t check;
};

LB_STATIC_ASSERT(LB_INSTANCES_MAX <= LB_FLOW_INSTANCE + 1, "a flow can name each instance");
LB_STATIC_ASSERT(sizeof(struct lb_cmd) == 64, "a ring entry");
LB_STATIC_ASSERT(sizeof(struct lb_event) == 64, "a ring entry");

/*
 * What sluiced needs after a restart, per instance and pool index.
 * Written by sluiced only. A dataplane that takes over a segment reads which buffers are in use.
 */
struct lb_directory_entry {
	uint64_t name_hash; /* of "pool/instance", or of "pool"; 0: free */
	uint8_t health;	    /* the control plane's enum; for instances */
	uint8_t gone;	    /* not in the configuration any more; only flows use the index */
	uint8_t reserved[6];
	char name[2 * LB_NAME_MAX];
};

enum lb_directory_buffer {
	LB_DIRECTORY_BUFFER = 1 << 0, /* index of the buffer that was last acknowledged */
	LB_DIRECTORY_RUNS = 1 << 1,   /* there is one */
	LB_DIRECTORY_SENT = 1 << 2,   /* the other buffer was sent, in @generation; no answer yet */
};

struct lb_directory {
	uint64_t generation; /* the last one sent; written before its blocks are marked */
	uint32_t reserved;
	uint32_t service_id_last; /* the last one assigned */
	struct lb_directory_entry pool[LB_POOLS_MAX];
	struct lb_directory_entry instance[LB_INSTANCES_MAX];
	/*
	 * An lb_directory_buffer for each block: which buffer is in use, and whether the other one
	 * is in flight; and the length of the contents of both.
	 */
	uint8_t services_buffer, instances_buffer, params_buffer, published;
	uint8_t pool_buffer[LB_POOLS_MAX];
	uint32_t services_bytes[2], instances_count[2];
	uint32_t pool_slots[LB_POOLS_MAX][2];
	uint64_t pool_changed_ns[LB_POOLS_MAX]; /* CLOCK_MONOTONIC of the last change, 0: retired */
};

enum lb_link {
	LB_LINK_UNKNOWN,
	LB_LINK_DOWN, /* the port is not up, or has no carrier */
	LB_LINK_UP,
};

/* Written by the main lcore. */
struct lb_node_stats {
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC */
	uint64_t generation;   /* in use */
	uint64_t refused[16];  /* by enum lb_refusal */
	uint64_t events_lost;  /* event ring was full */
	uint64_t nic_missed;   /* rte_eth_stats.imissed */
	uint64_t nic_rx_errors;
	uint64_t nic_no_mbuf;
	uint64_t nic_tx_errors;
	uint64_t mbuf_total; /* in all pools */
	uint64_t mbuf_free;
	uint64_t mbuf_baseline;	 /* free when the workers had started */
	uint64_t flows_capacity; /* slots of all flow tables */
	uint64_t tables_bytes;
	uint64_t kernel_mac_reset; /* times that the port's address was restored on sluice0 */
	uint64_t link;		   /* of the port, an enum lb_link */
	uint64_t reserved[18];
} LB_ALIGNED(64);

struct lb_segment {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t abi_hash;   /* lb_abi_hash() */
	uint64_t bytes;	     /* of the whole segment */
	uint64_t boot_id;    /* random; if it changes, all flows are lost. A process that takes the
			      * segment over leaves it */
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint32_t n_workers;
	uint32_t pid;
	uint8_t port_mac[LB_ETH_ALEN];
	uint16_t port_mtu;
	char port_name[LB_NAME_MAX]; /* as configured */
	char driver[LB_NAME_MAX];    /* DPDK's name of it */
	char kernel_iface[16];	     /* "sluice0" */
	char note[256];		     /* for the operator: RSS missing, copy mode */
	char kept_note[192];	     /* whence the flows kept at the last start, or why none */
	uint64_t flows_kept;	     /* at the last start */
	uint32_t nat_spaces;	     /* port spaces; 0: there is no memory for nat */
	uint16_t nat_ports;	     /* of each, at most, all workers together */
	uint16_t reserved;
	uint32_t cpu[LB_SEGMENT_WORKERS_MAX]; /* LB_SEGMENT_CPU_NONE: it has no flow table */
	/* byte offsets of the parts */
	uint64_t cmd_ring, event_ring;
	uint64_t params[2], services[2], instances[2];
	uint64_t pools; /* [LB_POOLS_MAX][2] buffers of pool_stride bytes */
	uint64_t pool_stride;
	uint64_t directory;
	uint64_t node_stats;
	uint64_t capture_select; /* struct lb_capture_select */
	uint64_t capture;	 /* struct lb_capture_ring[n_workers] */
	uint64_t worker_stats;	 /* struct lb_worker_stats[n_workers + 1]; last: main lcore */
	uint64_t instance_stats; /* struct lb_instance_stats[n_workers][LB_INSTANCES_MAX] */
} LB_ALIGNED(64);

LB_STATIC_ASSERT(LB_OFFSETOF(struct lb_segment, port_mac) % 8 == 0 &&
			 LB_OFFSETOF(struct lb_segment, port_mtu) ==
				 LB_OFFSETOF(struct lb_segment, port_mac) + LB_ETH_ALEN,
		 "one store");

/*
 * First and only message on the dataplane's UNIX socket. With it, by SCM_RIGHTS: the memfd, the
 * command eventfd (sluiced writes), the event eventfd (it reads), and the flow tables' memfd, which
 * sluiced only keeps (abi/lb_kept.h); without that one if the tables do not end with the process.
 */
struct lb_hello {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t abi_hash;
	uint64_t boot_id;
	uint64_t bytes;
};

#define LB_HELLO_FDS 4 /* at most */

/*
 * In the run directory while sluice-dataplane fails to start: "REPEATS WHY\n". Written by
 * sluice-dataplane, read by sluiced.
 */
#define LB_FAILURE_FILE "dataplane.failed"
#define LB_FAILURE_MAX 640 /* bytes, with the final NUL */

LB_INLINE void *lb_segment_at(const struct lb_segment *seg, uint64_t offset)
{
	return (uint8_t *)(uintptr_t)seg + offset;
}

/** Set the port's MAC address and MTU, both at once: others may read them meanwhile. */
LB_INLINE void lb_segment_port_set(struct lb_segment *seg, const uint8_t *mac, uint16_t mtu)
{
	uint64_t word;

	__builtin_memcpy(&word, mac, LB_ETH_ALEN);
	__builtin_memcpy((uint8_t *)&word + LB_ETH_ALEN, &mtu, sizeof(mtu));
	__atomic_store_n((uint64_t *)(void *)seg->port_mac, word, __ATOMIC_RELAXED);
}

/** @mac: LB_ETH_ALEN bytes, filled. Return: the MTU. */
LB_INLINE uint16_t lb_segment_port_get(const struct lb_segment *seg, uint8_t *mac)
{
	uint64_t word =
		__atomic_load_n((const uint64_t *)(const void *)seg->port_mac, __ATOMIC_RELAXED);
	uint16_t mtu;

	__builtin_memcpy(mac, &word, LB_ETH_ALEN);
	__builtin_memcpy(&mtu, (const uint8_t *)&word + LB_ETH_ALEN, sizeof(mtu));
	return mtu;
}

/** One buffer of a pool's slots. */
LB_INLINE uint16_t *lb_segment_pool(const struct lb_segment *seg, uint32_t pool, uint32_t buffer)
{
	return (uint16_t *)lb_segment_at(seg, seg->pools + (2 * (uint64_t)pool + buffer) *
								   seg->pool_stride);
}

LB_INLINE struct lb_worker_stats *lb_segment_worker_stats(const struct lb_segment *seg,
							  uint32_t worker)
{
	return (struct lb_worker_stats *)lb_segment_at(seg, seg->worker_stats) + worker;
}

LB_INLINE struct lb_instance_stats *lb_segment_instance_stats(const struct lb_segment *seg,
							      uint32_t worker)
{
	return (struct lb_instance_stats *)lb_segment_at(seg, seg->instance_stats) +
	       (uint64_t)worker * LB_INSTANCES_MAX;
}

/**
 * Flows of an instance. A worker may subtract flows that another one has added, so only the sum
 * over all is right.
 */
LB_INLINE uint32_t lb_segment_instance_flows(const struct lb_segment *seg, uint32_t instance)
{
	uint32_t flows = 0;

	for (uint32_t i = 0; i < seg->n_workers && i < LB_SEGMENT_WORKERS_MAX; i++)
		flows += lb_load_acquire(&lb_segment_instance_stats(seg, i)[instance].flows);
	return flows;
}

#endif

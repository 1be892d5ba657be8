/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Interface between the instance's BPF program and sluice-instance: map names, keys and values.
 *
 * All state that outlives the command is in these maps. The network device holds the program, the
 * program holds the maps, so the record of what attach did lives exactly as long as its effect.
 */
#ifndef BPF_SLUICE_INSTANCE_H
#define BPF_SLUICE_INSTANCE_H

#include <linux/types.h>

#define LB_UNWRAP_MAGIC 0x5343494e /* "SCIN" */
#define LB_UNWRAP_ABI 1

/* At most 15 characters each: the kernel cuts names of programs and maps there. */
#define LB_UNWRAP_PROG_NAME "sluice_instance"
#define LB_UNWRAP_REPLY_NAME "sluice_reply" /* at tc egress */
#define LB_UNWRAP_STATE_MAP "instance_state"
#define LB_UNWRAP_VIPS_MAP "instance_vips"
#define LB_UNWRAP_FROM_MAP "instance_from"
#define LB_UNWRAP_COUNTS_MAP "instance_counts"
#define LB_UNWRAP_PORTS_MAP "instance_ports"
#define LB_UNWRAP_REPLIES_MAP "instance_reply"

#define LB_UNWRAP_VIPS_MAX 256
#define LB_UNWRAP_FROM_MAX 256
/* During a change, the old and the new set are held side by side. */
#define LB_UNWRAP_VIP_SLOTS (2 * LB_UNWRAP_VIPS_MAX)
#define LB_UNWRAP_FROM_SLOTS (2 * LB_UNWRAP_FROM_MAX)
#define LB_UNWRAP_PORTS_MAX 256
#define LB_UNWRAP_PORT_SLOTS (2 * 2 * LB_UNWRAP_PORTS_MAX) /* two ways */

/*
 * The fate of each packet that IFACE received: exactly one of these. Names are what JSON shows;
 * the texts are what people read.
 */
#define LB_UNWRAP_REASONS(X)                                                                       \
	X(DECAP_4IN4, "decap_4in4", "unwrapped, IPv4 in IPv4")                                     \
	X(DECAP_6IN4, "decap_6in4", "unwrapped, IPv6 in IPv4")                                     \
	X(DECAP_4IN6, "decap_4in6", "unwrapped, IPv4 in IPv6")                                     \
	X(DECAP_6IN6, "decap_6in6", "unwrapped, IPv6 in IPv6")                                     \
	X(DIRECT, "direct", "to a VIP without a tunnel")                                           \
	X(NOT_TUNNEL, "not_tunnel", "not a tunnel packet")                                         \
	X(SOURCE, "source", "tunnel from a source not in --from")                                  \
	X(OUTER_VIP, "outer_vip", "tunnel addressed to a VIP itself")                              \
	X(NOT_LOCAL, "not_local", "tunnel to an address that is not this host's")                  \
	X(INNER_NOT_VIP, "inner_not_vip", "tunnel whose inner destination is no VIP")              \
	X(FRAGMENT, "fragment", "fragment of a tunnel packet")                                     \
	X(EXT_HEADER, "ext_header", "tunnel behind an IPv6 extension header")                      \
	X(OUTER_MALFORMED, "outer_malformed", "tunnel with a malformed outer header")              \
	X(INNER_MALFORMED, "inner_malformed", "tunnel with a malformed inner header")              \
	X(FAILED, "unwrap_failed", "the driver could not move the packet")                         \
	X(DROP_CE, "drop_ce", "dropped: congestion mark on a flow without ECN (RFC 6040)")         \
	/* New ones at the end: counters are kept when a program is replaced. */                   \
	X(GUE_4IN4, "decap_gue_4in4", "unwrapped, IPv4 in GUE over IPv4")                          \
	X(GUE_6IN4, "decap_gue_6in4", "unwrapped, IPv6 in GUE over IPv4")                          \
	X(GUE_4IN6, "decap_gue_4in6", "unwrapped, IPv4 in GUE over IPv6")                          \
	X(GUE_6IN6, "decap_gue_6in6", "unwrapped, IPv6 in GUE over IPv6")                          \
	X(GUE_HEADER, "gue_header", "GUE with flags, another payload, or a control message")

enum lb_unwrap_reason {
#define LB_UNWRAP_REASON_ENUM(id, name, text) LB_UNWRAP_##id,
	LB_UNWRAP_REASONS(LB_UNWRAP_REASON_ENUM)
#undef LB_UNWRAP_REASON_ENUM
		LB_UNWRAP_REASON_COUNT
};

#define LB_UNWRAP_REASONS_FIRST 16 /* of the first version */

#define LB_UNWRAP_GUE_PORT 6080 /* IANA */

/* An address of either family; an IPv4 address is in the first four bytes, the rest is zero. */
struct lb_unwrap_addr {
	__u32 family; /* 4 or 6 */
	__u8 bytes[16];
};

/* Key of the LPM trie of allowed outer sources; bits counts the family's 32 bits too. */
struct lb_unwrap_prefix {
	__u32 bits;
	struct lb_unwrap_addr addr;
};

#define LB_UNWRAP_FAMILY_BITS 32

struct lb_unwrap_count {
	__u64 pkts;
	__u64 bytes; /* frame as it came in, without FCS */
};

/* Value of the VIP map, one per CPU; written by the program only. */
struct lb_unwrap_vip {
	struct lb_unwrap_count tunnel;
	struct lb_unwrap_count direct;
};

/* ---- Port mapping: from a listener's port to another one of the instance, and back in replies ---- */

enum lb_unwrap_way { LB_UNWRAP_IN, LB_UNWRAP_OUT };

struct lb_unwrap_port_key {
	struct lb_unwrap_addr vip; /* family 0: each VIP that has no entry of its own */
	__be16 port;		   /* in: the listener's; out: the instance's */
	__u16 way;
};

/* One per CPU; only the program counts. */
struct lb_unwrap_port {
	struct lb_unwrap_count count;
	__be16 port; /* the other one */
	__u16 reserved[3];
};

/* The only element of its map, written by user space. */
struct lb_unwrap_replies {
	__u32 n_ports;	   /* entries of the ports map in each way; 0: not looked up */
	__u16 mss4, mss6;  /* the largest that a SYN+ACK may tell, by family; 0: any */
	__u32 added_qdisc; /* clsact was not there before attach */
};

/* The filter at tc egress: its place among those of others. */
#define LB_UNWRAP_TC_PRIORITY 1
#define LB_UNWRAP_TC_HANDLE 0x534c

#define LB_UNWRAP_ADDED 1u /* attach put the address on lo; detach takes it off */

struct lb_unwrap_owned_addr {
	struct lb_unwrap_addr addr;
	__u32 flags;
};

/*
 * One sysctl of IFACE: its values before attach, and as set by attach. Equal if it was not changed.
 */
struct lb_unwrap_sysctl {
	__s32 before;
	__s32 after;
};

enum lb_unwrap_sysctl_id { LB_UNWRAP_ARP_IGNORE, LB_UNWRAP_ARP_ANNOUNCE, LB_UNWRAP_SYSCTL_COUNT };

/* The only element of the state map, written by user space. The program reads filter_sources
 * and gue_port. */
struct lb_unwrap_state {
	__u32 magic;
	__u32 abi;
	__u32 filter_sources; /* 0: any outer source may send */
	__u16 frags;	      /* loaded for multi-buffer frames */
	__u16 gue_port;	      /* UDP, host order; 0: attached by a version without GUE */
	__u64 attached_s;     /* CLOCK_REALTIME */
	__u64 changed_s;
	struct lb_unwrap_sysctl sysctl[LB_UNWRAP_SYSCTL_COUNT];
	__u32 vip_count;
	__u32 from_count;
	struct lb_unwrap_owned_addr vips[LB_UNWRAP_VIP_SLOTS];
	struct lb_unwrap_prefix from[LB_UNWRAP_FROM_SLOTS];
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * The configuration file as the programs see it: one object, owned by whoever loaded it, read-only
 * after the load. All numbers are in host order, all addresses in network order. Nothing here keeps
 * global state: every function may be called in any thread, as long as no two use one object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/lb_forward.h"

#define CONFIG_DEFAULT_PATH "/etc/sluice/sluice.yaml"

/* One pool costs every worker two Maglev tables, at 128 KiB each with the default slots. */
#define CONFIG_POOLS_MAX 64
/* All pools together: an instance index is what a slot and a flow hold, and templates stay in L2. */
#define CONFIG_INSTANCES_MAX 4096
/* Pairs of VIP and listener: each is one entry of the workers' service lookup. */
#define CONFIG_ENDPOINTS_MAX 4096
#define CONFIG_CHECKS_MAX 16	/* per pool: each one is sent to each instance of it */
#define CONFIG_CPUS_MAX 64	/* one queue pair each; NICs commonly have 64 or more */
#define CONFIG_CPU_ID_MAX 1023	/* what a cpu_set_t can name */
#define CONFIG_ADDRESSES_MAX 16 /* of the node itself */
#define CONFIG_NAME_MAX 63	/* a DNS label, so that names can become host names */
#define CONFIG_PATH_MAX 1024	/* of a check, as in ELB classic */
#define CONFIG_PORT_MAX 255	/* characters of node.port */
#define CONFIG_SECRET_BYTES 16
#define CONFIG_WEIGHT_MAX 1000
/* Fewer slots per instance make the shares too uneven to be called weights. */
#define CONFIG_SLOTS_PER_INSTANCE_MIN 16

#define CONFIG_ADDRESS_STRLEN 46 /* INET6_ADDRSTRLEN, with the final NUL */

/** Where something stands in the file; both count from 1, 0 means that it is a default. */
struct config_place {
	uint32_t line;
	uint32_t column;
};

/** An IP address; bytes of IPv4 are the first four, the other twelve are 0. Compare with memcmp. */
struct config_address {
	uint8_t family;	   /* 4 or 6, never AF_INET */
	uint8_t bytes[16]; /* network order */
};

/** An address with what an interface needs to know of its network ("10.0.0.5/24"). */
struct config_prefix {
	struct config_address address;
	uint8_t length; /* bits */
	struct config_place place;
};

struct config_host {
	struct config_address address;
	struct config_place place;
};

enum config_dataplane {
	CONFIG_DATAPLANE_DPDK,
	CONFIG_DATAPLANE_XDP,
	CONFIG_DATAPLANE_AUTO,
};

enum config_port_kind {
	CONFIG_PORT_PCI,       /* "0000:3b:00.0", always with the domain */
	CONFIG_PORT_INTERFACE, /* "eth1", or an alternative name */
	CONFIG_PORT_VDEV,      /* "net_af_xdp0,iface=eth1", as DPDK's --vdev takes it */
};

struct config_node {
	struct config_place place;

	enum config_dataplane dataplane;
	char *port;
	enum config_port_kind port_kind;
	struct config_place port_place;
	uint16_t *cpus; /* ascending, each once */
	uint32_t cpu_count;
	struct config_prefix *addresses; /* at least one */
	uint32_t address_count;
	struct config_host *gateways; /* at most one of each family */
	uint32_t gateway_count;
	struct config_prefix tunnel_sources; /* IPv4, its host bits 0; family 0: none */
	uint8_t secret[CONFIG_SECRET_BYTES];
	char *control_group; /* NULL: group "sluice" if there is one, else root */

	uint32_t flows;	      /* all workers together */
	uint32_t table_slots; /* prime */
	uint32_t idle_timeout_ms;
	uint32_t syn_timeout_ms;
	uint32_t fin_timeout_ms;
	uint32_t mtu_bytes; /* 0: the port's own */
	struct config_place mtu_place;
	uint32_t kernel_rate_pps;  /* to the kernel path */
	uint32_t icmp_rate_pps;	   /* ICMP errors that the dataplane itself makes */
	uint32_t hugepages_mb;	   /* 0: what the tables and buffers need */
	uint32_t checks_in_flight; /* at one moment, all pools together */
};

enum config_check_type {
	CONFIG_CHECK_TCP,
	CONFIG_CHECK_SSL,
	CONFIG_CHECK_HTTP,
	CONFIG_CHECK_HTTPS,
};

struct config_check {
	struct config_place place;
	char *target; /* as written: "HTTP:80/up.html" */
	struct config_place target_place;
	enum config_check_type type;
	uint16_t port;
	char *path; /* begins with '/'; NULL with TCP and SSL */
	uint32_t interval_ms;
	uint32_t timeout_ms; /* always below interval_ms */
	struct config_place timeout_place;
	uint32_t unhealthy; /* results in a row */
	uint32_t healthy;   /* results in a row */
};

struct config_instance {
	struct config_place place;
	char *name; /* unique in its pool */
	struct config_address address;
	struct config_place address_place;
	uint32_t weight; /* 0 to CONFIG_WEIGHT_MAX; 0 takes no new flows */
	bool backup;
};

enum config_on_down {
	CONFIG_ON_DOWN_MOVE, /* the flows of a dead instance go to another one */
	CONFIG_ON_DOWN_KEEP,
};

enum config_all_down {
	CONFIG_ALL_DOWN_OPEN, /* with no instance up, treat all as up */
	CONFIG_ALL_DOWN_DROP,
};

struct config_pool {
	struct config_place place;
	char *name;
	struct config_check *checks; /* none: every instance counts as up */
	uint32_t check_count;
	enum config_on_down on_down;
	enum config_all_down all_down;
	struct config_instance *instances; /* may be none */
	uint32_t instance_count;
};

enum config_protocol {
	CONFIG_PROTOCOL_TCP,
	CONFIG_PROTOCOL_UDP, /* refused by this version */
};

struct config_listener {
	struct config_place place;
	uint16_t port;
	struct config_place port_place;
	uint16_t instance_port; /* never 0: the same as port when the file doesn't say */
	struct config_place instance_port_place;
	char *pool_name;
	uint32_t pool; /* index into config.pools */
	struct config_place pool_place;
};

struct config_service {
	struct config_place place;
	char *name;
	struct config_host *vips; /* at least one */
	uint32_t vip_count;
	enum lb_forward forward;
	struct config_place forward_place;
	enum config_protocol protocol;
	struct config_listener *listeners; /* at least one */
	uint32_t listener_count;
};

/** Pools, instances, services and listeners keep the order of the file; names are unique per list. */
struct config {
	char *file;   /* as given to the load */
	char *text;   /* as it was read, with the secret; no NUL in it, but one behind it */
	size_t bytes; /* of it */
	struct config_node node;
	struct config_pool *pools;
	uint32_t pool_count;
	struct config_service *services;
	uint32_t service_count;
};

/** Free a configuration; NULL is allowed. The secret is wiped. */
void config_free(struct config *config);

/** The pool or instance of that name, or NULL. */
const struct config_pool *config_pool_find(const struct config *config, const char *name);
const struct config_instance *config_instance_find(const struct config_pool *pool,
						   const char *name);

/**
 * Read an IPv4 (strictly dotted quad) or IPv6 address.
 * Return: 0, or -EINVAL.
 */
int config_address_parse(const char *text, struct config_address *address);

/** Write an address; @text holds CONFIG_ADDRESS_STRLEN bytes. Return: text. */
const char *config_address_format(const struct config_address *address, char *text);

bool config_address_equal(const struct config_address *a, const struct config_address *b);

/** The node's first address of a family (4 or 6), the outer source of tunnels; NULL: it has none. */
const struct config_address *config_node_address(const struct config_node *node, uint8_t family);

/** The node's address in the network that @to is in, else its first one of that family, or NULL. */
const struct config_address *config_node_address_for(const struct config_node *node,
						     const struct config_address *to);

/** Whether a text may be the name of a kernel interface. */
bool config_is_interface(const char *text);

/** Whether the port is a kernel interface that stays the kernel's, with an XDP program on it. */
bool config_node_has_xdp(const struct config_node *node);

/** Whether `auto` means two dataplanes on one port: on a kernel interface, and nowhere else. */
bool config_node_has_both(const struct config_node *node);

/** The words of the file for the enums: "l2", "keep", "HTTPS". Never NULL. */
const char *config_dataplane_name(enum config_dataplane dataplane);
const char *config_forward_name(enum lb_forward forward);
const char *config_check_type_name(enum config_check_type type);
const char *config_on_down_name(enum config_on_down on_down);
const char *config_all_down_name(enum config_all_down all_down);
const char *config_protocol_name(enum config_protocol protocol);

/**
 * The least MTU with which a listener can tell its clients a path MTU that they may have: IPv6 knows none
 * below 1280 bytes, and a tunnel's header comes on top.
 * Return: bytes; 0: any.
 * Source: RFC 8200, section 5; RFC 8201, section 4.
 */
uint32_t config_listener_mtu_min(const struct config *config, const struct config_service *service,
				 const struct config_listener *listener);

#endif

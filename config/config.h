/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * The configuration file as the programs see it: one object, owned by its loader, read-only after
 * the load. All numbers are in host order, all addresses in network order. There is no global
 * state: every function may be called in any thread, as long as no two use the same object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/lb_service.h"

#define CONFIG_DEFAULT_PATH "/etc/sluice/sluice.yaml"

/* Each pool costs every worker two Maglev tables, 128 KiB each with the default slots. */
#define CONFIG_POOLS_MAX 64
/* All pools together: slots and flows hold an instance index, and templates stay in L2. */
#define CONFIG_INSTANCES_MAX 4096
/* Pairs of VIP and listener: each is one entry of the workers' service lookup. */
#define CONFIG_ENDPOINTS_MAX 4096
#define CONFIG_CHECKS_MAX 16 /* per pool: each is sent to each of its instances */
#define CONFIG_ACCESS_MAX LB_ACCESS_PREFIXES_MAX /* prefixes of a service, both lists together */
#define CONFIG_ACCESS_ALL_MAX 100000		 /* of all services */
#define CONFIG_CPUS_MAX 64	/* one queue pair each; NICs commonly have 64 or more */
#define CONFIG_ADDRESSES_MAX 16 /* of the node itself, in each network */
#define CONFIG_NETWORKS_MAX LB_NETWORKS_MAX
#define CONFIG_VIP_POOL_MAX 16 /* networks in node.vip_pool */
#define CONFIG_IDS_MAX 65536   /* of instances that commands may name */
#define CONFIG_NAME_MAX 63     /* a DNS label, so that names can become host names */
#define CONFIG_DOMAIN_MAX 189  /* with a name and a dot before it at most 253 characters */
#define CONFIG_PATH_MAX 1024   /* of a check, as in ELB classic */
#define CONFIG_EXPECT_MAX 255  /* characters in a check's expect, host or sni */
#define CONFIG_STATUS_RANGES_MAX 16
#define CONFIG_PORT_MAX 255	    /* characters in node.port */
#define CONFIG_NAT_ADDRESSES_MAX 32 /* prefixes count as all their addresses */
#define CONFIG_NAT_PORTS_MIN 1024   /* each worker has its part of them */
#define CONFIG_FLAPPING_TIMES_MAX 100
#define CONFIG_SECRET_BYTES 16
#define CONFIG_WEIGHT_MAX 1000
/* Fewer slots per instance make the shares too uneven for weights. */
#define CONFIG_SLOTS_PER_INSTANCE_MIN 16

#define CONFIG_ADDRESS_STRLEN 46 /* INET6_ADDRSTRLEN, with the final NUL */
#define CONFIG_NETWORK_STRLEN (CONFIG_ADDRESS_STRLEN + 4)

/** The files that a configuration is read from. */
enum config_file {
	CONFIG_FILE_OWN,      /* the operator's */
	CONFIG_FILE_COMMANDS, /* of what commands have created; of the same schema, without a node */
};

/** Position in a file; line and column count from 1, 0 means a default. */
struct config_place {
	uint32_t line;
	uint32_t column;
	uint32_t file; /* enum config_file */
};

/** An IP address; IPv4 uses the first four bytes, the other twelve are 0. Compare with memcmp. */
struct config_address {
	uint8_t family;	   /* 4 or 6, never AF_INET */
	uint8_t bytes[16]; /* network order */
};

/** An address with the prefix length of its network ("10.0.0.5/24"). */
struct config_prefix {
	struct config_address address;
	uint8_t length; /* bits */
	struct config_place place;
};

/** Some addresses of this machine. */
struct config_addresses {
	uint32_t count;
	struct config_address list[CONFIG_NAT_ADDRESSES_MAX];
};

struct config_host {
	struct config_address address;
	struct config_place place;
};

/** A network of the port: untagged, or a VLAN. */
struct config_network {
	struct config_place place;
	uint16_t vlan; /* 1 to LB_VLAN_ID_MAX; 0: untagged */
	struct config_place vlan_place;
	struct config_prefix *addresses; /* of the node; at least one */
	uint32_t address_count;
	struct config_host *gateways;
	uint32_t gateway_count;
};

/** A network as a service names it. */
struct config_network_name {
	uint16_t vlan; /* 0: untagged */
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
	struct config_network plain;	 /* node.address and node.gateway, if it is no trunk */
	struct config_network *networks; /* of a trunk; config_node_networks() has either */
	uint32_t network_count;
	struct config_prefix tunnel_sources; /* IPv4, host bits 0; family 0: none */
	struct config_prefix *vip_pool;	     /* host bits 0 */
	uint32_t vip_pool_count;
	char *instance_domain;		     /* NULL: none */
	struct config_prefix *nat_addresses; /* host bits 0; none: the node's own */
	uint32_t nat_address_count;
	uint16_t nat_port_first;
	uint16_t nat_port_last;
	uint8_t secret[CONFIG_SECRET_BYTES];
	char *zone;	     /* NULL: none */
	char *control_group; /* NULL: group "sluice" if there is one, else root */
	char *metrics;	     /* as written; an absolute path, or an address; NULL: not served */
	struct config_address metrics_address; /* unless it is a path */
	uint16_t metrics_port;

	uint32_t flows;	      /* total of all workers */
	uint32_t table_slots; /* prime */
	uint32_t idle_timeout_ms;
	uint32_t syn_timeout_ms;
	uint32_t fin_timeout_ms;
	uint32_t nat_idle_timeout_ms;
	uint32_t nat_syn_timeout_ms;
	uint32_t nat_fin_timeout_ms;
	uint32_t nat_closed_timeout_ms;
	bool reset_on_expiry;
	uint32_t mtu_bytes; /* 0: the port's own */
	struct config_place mtu_place;
	uint32_t kernel_rate_pps;  /* to the kernel path */
	uint32_t icmp_rate_pps;	   /* ICMP errors generated by the dataplane */
	uint32_t hugepages_mb;	   /* 0: as much as the tables and buffers need */
	uint32_t checks_in_flight; /* at a time, all pools together */
};

enum config_check_type {
	CONFIG_CHECK_TCP,
	CONFIG_CHECK_SSL,
	CONFIG_CHECK_HTTP,
	CONFIG_CHECK_HTTPS,
};

/** HTTP statuses, both included. */
struct config_status_range {
	uint16_t first;
	uint16_t last;
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

	uint32_t fast_interval_ms; /* 0: interval_ms */
	uint32_t down_interval_ms; /* 0: interval_ms */
	char *expect; /* as written: statuses, or a text in the body; NULL: status 200 */
	struct config_place expect_place;
	struct config_status_range statuses[CONFIG_STATUS_RANGES_MAX];
	uint32_t status_count; /* 0 with expect: it is a text */
	char *host;	       /* NULL: sni, else the instance's address */
	struct config_place host_place;
	char *sni; /* NULL: host, if that is a name */
	struct config_place sni_place;
	bool verify;
	struct config_place verify_place;
	char *ca_file; /* NULL: the system's certificates */
	struct config_place ca_file_place;
	struct config_address source; /* family 0: the node's */
	bool send_proxy; /* if the file does not say so, whether its pool has proxy_protocol */
	struct config_place send_proxy_place; /* line 0 if not in the file */
	uint16_t agent_port;		      /* 0: none; the same as the pool's */
};

/** What an instance is that a command names by its id. */
struct config_id {
	struct config_place place;
	char *name;
	struct config_address address;
	struct config_place address_place;
	char *zone; /* NULL: none */
};

struct config_instance {
	struct config_place place;
	char *name; /* unique in its pool */
	struct config_address address;
	struct config_place address_place;
	uint32_t weight; /* 0 to CONFIG_WEIGHT_MAX; 0: no new flows */
	bool backup;
	char *zone;		/* NULL: near to every node */
	uint32_t slow_start_ms; /* 0: its pool's */
	uint16_t agent_port;	/* 0: its pool's */
};

/** When an instance that changes its state too often is taken out. */
struct config_flapping {
	struct config_place place; /* line 0: no flap control */
	uint32_t times;
	uint32_t within_ms;
	uint32_t retry_in_ms;
	uint32_t retry_times;
	uint32_t retry_within_ms;
};

enum config_on_down {
	CONFIG_ON_DOWN_MOVE, /* the flows of a dead instance move to another one */
	CONFIG_ON_DOWN_KEEP,
};

enum config_all_down {
	CONFIG_ALL_DOWN_OPEN, /* with no instance up, treat all as up */
	CONFIG_ALL_DOWN_DROP,
};

enum config_on_minimum {
	CONFIG_ON_MINIMUM_KEEP, /* packets that still come are forwarded */
	CONFIG_ON_MINIMUM_DROP,
};

/** How many instances of a pool must be up: a number, or a share of all. */
struct config_minimum {
	uint32_t value; /* 0: none */
	bool is_percent;
};

/* What instances get in front of a client's first byte. */
enum config_proxy {
	CONFIG_PROXY_NONE,
	CONFIG_PROXY_V2,
};

enum config_affinity {
	CONFIG_AFFINITY_FLOW, /* each flow by itself */
	CONFIG_AFFINITY_CLIENT,
};

struct config_pool {
	struct config_place place;
	char *name;
	enum config_proxy proxy_protocol;
	struct config_place proxy_protocol_place; /* line 0 if not in the file */
	struct config_check *checks;		  /* if none, every instance counts as up */
	uint32_t check_count;
	enum config_on_down on_down;
	enum config_affinity affinity;
	enum config_all_down all_down;
	uint32_t zone_minimum;
	uint32_t panic_percent; /* 0: never */
	struct config_minimum minimum;
	enum config_on_minimum on_minimum;
	uint32_t slow_start_ms; /* 0: none */
	uint32_t drain_ms;	/* of an instance that is removed */
	bool instance_program;	/* its instances run sluice-instance, which maps ports */
	uint16_t agent_port;	/* 0: none */
	uint32_t agent_interval_ms;
	struct config_flapping flapping;
	struct config_instance *instances; /* may be none */
	uint32_t instance_count;
};

enum config_protocol {
	CONFIG_PROTOCOL_TCP,
	CONFIG_PROTOCOL_UDP, /* refused by this version */
};

/* What the instances of a `forward: nat` service see as their packets' source. */
enum config_source {
	CONFIG_SOURCE_NODE,   /* a NAT address and port */
	CONFIG_SOURCE_CLIENT, /* the client */
};

struct config_listener {
	struct config_place place;
	uint16_t port;
	struct config_place port_place;
	uint16_t instance_port; /* never 0: same as port if not in the file */
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
	uint16_t gue_port;
	struct config_place gue_port_place; /* line 0 if not in the file */
	enum config_source source;
	struct config_place source_place; /* line 0 if not in the file */
	enum config_protocol protocol;
	struct config_network_name *networks; /* may be none: all */
	uint32_t network_count;
	struct config_prefix *allow_from; /* host bits 0; none: all clients */
	uint32_t allow_count;
	struct config_prefix *deny_from; /* host bits 0 */
	uint32_t deny_count;
	uint16_t
		network_mask; /* of a trunk: a bit for each node.networks that it is announced on */
	struct config_listener *listeners; /* at least one */
	uint32_t listener_count;
};

/** Pools, instances, services and listeners keep the order of the file; names are unique per list. */
struct config {
	char *file;	     /* as given to the load */
	char *text;	     /* as read, with the secret; no NUL in it, but NUL-terminated */
	size_t bytes;	     /* of text */
	char *commands_file; /* the same of CONFIG_FILE_COMMANDS; NULL: there is none */
	char *commands_text;
	size_t commands_bytes;
	struct config_node node;
	struct config_id *ids;
	uint32_t id_count;
	struct config_pool *pools;
	uint32_t pool_count;
	struct config_service *services;
	uint32_t service_count;
};

/** Whether a status counts as a pass: one of @count ranges, or without any 200. */
bool config_status_passes(const struct config_status_range *ranges, uint32_t count, long status);

/** Copy a check with its strings. Return: 0 or -ENOMEM, then @to holds nothing. */
int config_check_copy(struct config_check *to, const struct config_check *from);

/** Free the strings of a check. */
void config_check_fini(struct config_check *check);

/** Free a configuration; NULL is allowed. The secret is wiped. */
void config_free(struct config *config);

/** The number that a minimum means, of @count instances; 0: none. A share is rounded up. */
uint32_t config_minimum_count(const struct config_minimum *minimum, uint32_t count);

/** Write a minimum as in the file, "2" or "50%"; @text holds 16 bytes. Return: text. */
const char *config_minimum_format(const struct config_minimum *minimum, char *text);

/** The port of an instance's agent; 0: none. @instance: NULL: one that the pool has no more. */
uint16_t config_agent_port(const struct config_pool *pool, const struct config_instance *instance);

/** The pool or instance with that name, or NULL. */
const struct config_pool *config_pool_find(const struct config *config, const char *name);
const struct config_instance *config_instance_find(const struct config_pool *pool,
						   const char *name);

/** The pool's first instance with an address of a family (4 or 6), or NULL. */
const struct config_instance *config_instance_of_family(const struct config_pool *pool,
							uint8_t family);

/**
 * Read an IPv4 (strictly dotted quad) or IPv6 address.
 * Return: 0, or -EINVAL.
 */
int config_address_parse(const char *text, struct config_address *address);

/** Write an address; @text holds CONFIG_ADDRESS_STRLEN bytes. Return: text. */
const char *config_address_format(const struct config_address *address, char *text);

/** Write a network; of a single address without its length. @text: CONFIG_NETWORK_STRLEN bytes. */
const char *config_network_format(const struct config_prefix *network, char *text);

bool config_address_equal(const struct config_address *a, const struct config_address *b);

/** The node's networks: one for an untagged port, those of node.networks for a trunk. */
const struct config_network *config_node_networks(const struct config_node *node, uint32_t *count);

/** The first address of a family (4 or 6) in a network, or NULL. */
const struct config_address *config_network_address(const struct config_network *network,
						    uint8_t family);

/** Whether a network of the node (by its index) is one that a service is announced on. */
bool config_service_is_on(const struct config *config, const struct config_service *service,
			  uint32_t network);

/**
 * The node's first address of a family (4 or 6), the outer source of tunnels; NULL if there is
 * none.
 */
const struct config_address *config_node_address(const struct config_node *node, uint8_t family);

/** The node's address in the network of @to, else its first one of that family, or NULL. */
const struct config_address *config_node_address_for(const struct config_node *node,
						     const struct config_address *to);

/** Set the host bits of a prefix to 0. */
void config_prefix_clear(struct config_prefix *prefix);

/** Whether an address is in the network of a prefix. */
bool config_prefix_has(const struct config_prefix *prefix, const struct config_address *address);

/**
 * The sources of `forward: nat`: the addresses of node.nat_addresses, or else the node's own; on a
 * trunk only those by which instances of such services are reached.
 */
void config_nat_addresses(const struct config *config, struct config_addresses *addresses);

/** Addresses of node.nat_addresses; before the file has been checked there may be more. */
uint32_t config_nat_address_count(const struct config_node *node);

/** Whether a service takes new flows of some clients only. */
static inline bool config_service_has_lists(const struct config_service *service)
{
	return service->allow_count || service->deny_count;
}

/** Whether a service has `forward: nat`. */
bool config_has_nat(const struct config *config);

/** The same, or a command may create such a service: node.vip_pool is given. */
bool config_may_have_nat(const struct config *config);

/** The node's own address that equals this one, or NULL. */
const struct config_prefix *config_node_own(const struct config_node *node,
					    const struct config_address *address);

/** Whether a text can be the name of a kernel interface. */
bool config_is_interface(const char *text);

/** Whether the port is a kernel interface that the kernel keeps, with an XDP program on it. */
bool config_node_has_xdp(const struct config_node *node);

/** Whether `auto` means two dataplanes on one port: only on a kernel interface. */
bool config_node_has_handover(const struct config_node *node);

/** The words used in the file for the enums: "l2", "keep", "HTTPS". Never NULL. */
const char *config_dataplane_name(enum config_dataplane dataplane);
const char *config_forward_name(enum lb_forward forward);
const char *config_source_name(enum config_source source);
const char *config_check_type_name(enum config_check_type type);
const char *config_proxy_name(enum config_proxy proxy);
const char *config_on_down_name(enum config_on_down on_down);
const char *config_affinity_name(enum config_affinity affinity);
const char *config_all_down_name(enum config_all_down all_down);
const char *config_on_minimum_name(enum config_on_minimum on_minimum);
const char *config_protocol_name(enum config_protocol protocol);

/**
 * The smallest MTU with which a listener can report a valid path MTU to its clients: IPv6 has none
 * below 1280 bytes, and a tunnel adds its header.
 * Return: bytes; 0: any.
 * Source: RFC 8200, section 5; RFC 8201, section 4.
 */
uint32_t config_listener_mtu_min(const struct config *config, const struct config_service *service,
				 const struct config_listener *listener);

#endif

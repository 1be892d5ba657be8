/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/schema.h"
#include "config/schema/field.h"

#include <string.h>

#define SECOND 1000u
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define FIELD(type_, field_)                                                                       \
	.offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_)
#define PLACE(type_, field_) .place_offset = offsetof(struct type_, field_)
#define ENTRIES(type_, field_, count_)                                                             \
	.offset = offsetof(struct type_, field_), .size = sizeof(*((struct type_ *)0)->field_),    \
	.count_offset = offsetof(struct type_, count_)

#define NODE .section = CONFIG_SECTION_NODE
#define NETWORK .section = CONFIG_SECTION_NETWORK
#define ID .section = CONFIG_SECTION_ID
#define POOL .section = CONFIG_SECTION_POOL
#define FLAPPING .section = CONFIG_SECTION_FLAPPING
#define CHECK .section = CONFIG_SECTION_CHECK
#define INSTANCE .section = CONFIG_SECTION_INSTANCE
#define SERVICE .section = CONFIG_SECTION_SERVICE
#define LISTENER .section = CONFIG_SECTION_LISTENER

static const struct config_word schema_dataplanes[] = {
	{ "dpdk", CONFIG_DATAPLANE_DPDK, false },
	{ "xdp", CONFIG_DATAPLANE_XDP, false },
	{ "auto", CONFIG_DATAPLANE_AUTO, false },
	{ NULL, 0, false },
};

#define FORWARD_WORD(id, value, word, needs, writer, shim) { word, value, false },

static const struct config_word schema_forwards[] = {
	/* clang-format off */
	LB_FORWARD_LIST(FORWARD_WORD)
	/* clang-format on */
	{ NULL, 0, false },
};

static const struct config_word schema_sources[] = {
	{ "node", CONFIG_SOURCE_NODE, false },
	{ "client", CONFIG_SOURCE_CLIENT, false },
	{ NULL, 0, false },
};

static const struct config_word schema_protocols[] = {
	{ "tcp", CONFIG_PROTOCOL_TCP, false },
	{ "udp", CONFIG_PROTOCOL_UDP, true },
	{ NULL, 0, false },
};

static const struct config_word schema_proxies[] = {
	{ "none", CONFIG_PROXY_NONE, false },
	{ "v2", CONFIG_PROXY_V2, false },
	{ NULL, 0, false },
};

static const struct config_word schema_on_down[] = {
	{ "move", CONFIG_ON_DOWN_MOVE, false },
	{ "keep", CONFIG_ON_DOWN_KEEP, false },
	{ NULL, 0, false },
};

static const struct config_word schema_affinities[] = {
	{ "flow", CONFIG_AFFINITY_FLOW, false },
	{ "client", CONFIG_AFFINITY_CLIENT, false },
	{ NULL, 0, false },
};

static const struct config_word schema_all_down[] = {
	{ "open", CONFIG_ALL_DOWN_OPEN, false },
	{ "drop", CONFIG_ALL_DOWN_DROP, false },
	{ NULL, 0, false },
};

static const struct config_word schema_on_minimum[] = {
	{ "keep", CONFIG_ON_MINIMUM_KEEP, false },
	{ "drop", CONFIG_ON_MINIMUM_DROP, false },
	{ NULL, 0, false },
};

const struct config_section_info config_sections[CONFIG_SECTION_COUNT] = {
	[CONFIG_SECTION_ROOT] = { .title = "Top level",
				  .size = sizeof(struct config),
				  .help = "Pools and services are referred to by name, in any order." },
	[CONFIG_SECTION_NODE] = { .title = "node",
				  .size = sizeof(struct config_node),
				  .help = "The machine that Sluice runs on." },
	[CONFIG_SECTION_NETWORK] = { .title = "node.networks[]",
				     .size = sizeof(struct config_network),
				     .identity = "vlan",
				     .help = "A network of a trunk. The kernel's side is a VLAN interface of `sluice0`, "
					     "such as `sluice0.10`, or with `dataplane: xdp` or `auto` one of the port, "
					     "which `sluiced` creates if there is none; an interface of that name is "
					     "used whatever its kind." },
	[CONFIG_SECTION_ID] = { .title = "instances.ID",
				.size = sizeof(struct config_id),
				.name_offset = offsetof(struct config_id, name),
				.help = "What `elb-register-instances-with-lb --instances ID` registers. An id that is not "
					"here is looked up as a DNS name under `node.instance_domain`." },
	[CONFIG_SECTION_POOL] = { .title = "pools.NAME",
				  .size = sizeof(struct config_pool),
				  .name_offset = offsetof(struct config_pool, name),
				  .help = "Instances that serve the same content. All checks of a pool must pass; without "
					  "checks every instance counts as up. An instance is `lame` if it answers, but a check "
					  "fails: it gets no new flows and keeps existing ones. It is `down` if it refuses or "
					  "resets the connection, or does not answer in time." },
	[CONFIG_SECTION_FLAPPING] = { .title = "pools.NAME.flapping",
				      .size = sizeof(struct config_flapping),
				      .help = "An instance whose health changes too often is taken out: it gets no new flows, "
					      "and existing ones stay, as in a drain. Later it is retried, and at last left out "
					      "until `sluicectl resume`. Never the last instance of a pool that takes flows. "
					      "`flapping: {}` means all defaults." },
	[CONFIG_SECTION_CHECK] = { .title = "pools.NAME.checks[]",
				   .size = sizeof(struct config_check),
				   .identity = "target",
				   .help = "Each instance of the pool is checked, at its own address." },
	[CONFIG_SECTION_INSTANCE] = { .title = "pools.NAME.instances.NAME",
				      .size = sizeof(struct config_instance),
				      .name_offset = offsetof(struct config_instance, name),
				      .help = "A server. `sluicectl` names it POOL/INSTANCE." },
	[CONFIG_SECTION_SERVICE] = { .title = "services.NAME",
				     .size = sizeof(struct config_service),
				     .name_offset = offsetof(struct config_service, name),
				     .help = "What clients connect to: each port of `listeners` on each "
					     "address of `vip`." },
	[CONFIG_SECTION_LISTENER] = { .title = "services.NAME.listeners[]",
				      .size = sizeof(struct config_listener),
				      .identity = "port",
				      .help = "A port of the service, and the pool that serves it." },
};

const struct config_item config_schema[] = {
	{ .key = "node",
	  .type = CONFIG_TYPE_SECTION,
	  .child = CONFIG_SECTION_NODE,
	  .required = true,
	  FIELD(config, node),
	  .help = "This machine." },
	{ .key = "instances",
	  .type = CONFIG_TYPE_NAMED,
	  .child = CONFIG_SECTION_ID,
	  .max = CONFIG_IDS_MAX,
	  .reloadable = true,
	  ENTRIES(config, ids, id_count),
	  .help = "Instances that commands may name, by id." },
	{ .key = "pools",
	  .type = CONFIG_TYPE_NAMED,
	  .child = CONFIG_SECTION_POOL,
	  .max = CONFIG_POOLS_MAX,
	  .reloadable = true,
	  ENTRIES(config, pools, pool_count),
	  .help = "Groups of instances, by name." },
	{ .key = "services",
	  .type = CONFIG_TYPE_NAMED,
	  .child = CONFIG_SECTION_SERVICE,
	  .required = true,
	  .max = CONFIG_ENDPOINTS_MAX,
	  .reloadable = true,
	  ENTRIES(config, services, service_count),
	  .help = "What clients connect to, by name." },

	{ NODE, .key = "dataplane", .type = CONFIG_TYPE_WORD, .words = schema_dataplanes,
	  .fallback = "dpdk", FIELD(config_node, dataplane),
	  .help = "What forwards packets. `dpdk`: `sluice-dataplane`. `xdp`: a BPF program on a kernel "
		  "interface, loaded by `sluiced`; `sluice-dataplane` is not needed. `auto`: on a kernel "
		  "interface both, with one flow table: `sluice-dataplane` while it is alive, else the "
		  "BPF program; on a PCI address or a vdev the same as `dpdk`." },
	{ NODE, .key = "port", .type = CONFIG_TYPE_TEXT, .required = true,
	  .expect =
		  "a PCI address (\"0000:3b:00.0\"), a kernel interface (\"eth1\") or a DPDK vdev "
		  "(\"net_af_xdp0,iface=eth1\")",
	  .parse = config_field_port, .format = config_field_string_format,
	  FIELD(config_node, port), PLACE(config_node, port_place),
	  .help = "The port that packets arrive on and leave by. With `dataplane: dpdk` a kernel "
		  "interface is driven through AF_XDP; `xdp` takes only a kernel interface." },
	{ NODE, .key = "cpus", .type = CONFIG_TYPE_TEXT, .required = true,
	  .expect = "a string of CPUs from 0 to 1023, such as \"2-5,7\"",
	  .parse = config_field_cpus, .format = config_field_cpus_format, FIELD(config_node, cpus),
	  .help = "One worker polls on each, with one receive and one transmit queue; at most 64. With "
		  "`dataplane: xdp`: the CPUs that serve the port's interrupts; each has its part of "
		  "the flow table. With `dataplane: auto`: workers as with `dpdk`; the XDP program "
		  "forwards packets of further queues, and `flows` is divided among all queues." },
	{ NODE, .key = "address", .type = CONFIG_TYPE_LIST, .required = true, .instead = "networks",
	  .reloadable = true, .min = 1, .max = CONFIG_ADDRESSES_MAX,
	  .expect = "an address with its prefix length, such as \"10.0.0.5/24\"",
	  .parse = config_field_prefix, .format = config_field_prefix_format,
	  ENTRIES(config_node, plain.addresses, plain.address_count), PLACE(config_prefix, place),
	  .help = "The node's own addresses, on `sluice0`, or with `dataplane: xdp` or `auto` on the "
		  "port. They are the source of health checks; the first one of each family is the outer "
		  "source of tunnels." },
	{ NODE, .key = "gateway", .type = CONFIG_TYPE_LIST, .reloadable = true, .max = 2,
	  .expect = "an IPv4 or IPv6 address",
	  .absent = "instances must be on the node's own networks", .parse = config_field_gateway,
	  .format = config_field_host_format,
	  ENTRIES(config_node, plain.gateways, plain.gateway_count), PLACE(config_host, place),
	  .help = "Default routes: at most one of each family, on a network of `address`." },
	{ NODE, .key = "networks", .type = CONFIG_TYPE_SEQUENCE, .child = CONFIG_SECTION_NETWORK,
	  .reloadable = true, .min = 1, .max = CONFIG_NETWORKS_MAX,
	  ENTRIES(config_node, networks, network_count),
	  .help = "The networks of a trunk, in place of `address` and `gateway`. Packets leave with the "
		  "tag of the network that their next hop is on, and with the priority that they came "
		  "with; answers of `forward: nat` on the network that their client's packets come from. "
		  "Frames of other VLANs are dropped (`l2_vlan_unknown`); with `dataplane: xdp` or "
		  "`auto` only those to a VIP, as others may use the port. Without this key tags are not "
		  "looked at, and stay as they are." },
	{ NODE, .key = "tunnel_sources", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "an IPv4 network with a prefix length from 8 to 30, such as \"10.255.0.0/16\"",
	  .absent = "the node's address", .parse = config_field_network4,
	  .format = config_field_network4_format, FIELD(config_node, tunnel_sources),
	  PLACE(config_node, tunnel_sources.place),
	  .help = "Outer IPv4 sources of tunnels, one chosen for each flow. NICs of instances distribute "
		  "tunnel packets to their queues by the outer addresses alone, so without it all packets "
		  "of a node arrive on one queue. Give each node its own network and route it to the node, "
		  "whose kernel treats it as local: ICMP errors about tunnels arrive there. Instances must "
		  "allow it: `sluice-instance attach --from`." },
	{ NODE, .key = "nat_addresses", .type = CONFIG_TYPE_LIST, .reloadable = true,
	  .max = CONFIG_NAT_ADDRESSES_MAX,
	  .expect = "an address or a network, such as \"10.0.0.32/29\"",
	  .absent =
		  "the node's own addresses, of `networks` those where instances of such services are",
	  .parse = config_field_addresses, .format = config_field_addresses_format,
	  ENTRIES(config_node, nat_addresses, nat_address_count), PLACE(config_prefix, place),
	  .help = "Source addresses of `forward: nat` with `source: node`: every address of a network, at "
		  "most 32 in all. Each carries as many flows to an instance as `nat_ports` has ports. "
		  "Those that are not the node's own are answered for by ARP and ND and announced like "
		  "VIPs, with `networks` in the one that has the address, or else in all. An address that is "
		  "taken out keeps the flows that it has, and gets no new ones." },
	{ NODE, .key = "nat_ports", .type = CONFIG_TYPE_TEXT, .fallback = "1024-32767",
	  .expect = "a range of at least 1024 ports, such as \"1024-32767\"",
	  .parse = config_field_ports, .format = config_field_ports_format,
	  FIELD(config_node, nat_port_first),
	  .help = "Source ports of `forward: nat` with `source: node`. None of the kernel's own, "
		  "`net.ipv4.ip_local_port_range`: its connections from the same address, health checks "
		  "too, would meet those of clients." },
	{ NODE, .key = "flows", .type = CONFIG_TYPE_NUMBER, .min = 1024, .max = 100000000,
	  .fallback = "1000000", .unit = "flows", FIELD(config_node, flows),
	  .help = "Concurrent flows that are recorded without eviction, all workers together." },
	{ NODE, .key = "secret", .type = CONFIG_TYPE_TEXT, .required = true, .secret = true,
	  .expect = "32 hex digits, the same on all nodes of a cluster, from "
		    "\"openssl rand -hex 16\"",
	  .parse = config_field_secret, FIELD(config_node, secret),
	  .help = "Key of the hash that chooses instances, so that clients cannot target one." },
	{ NODE, .key = "idle_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND, .max = HOUR,
	  .fallback = "15m", .reloadable = true, FIELD(config_node, idle_timeout_ms),
	  .help = "An established flow without packets expires after this time. Flows also keep their "
		  "instance this long after a change of their pool. Set it above keep-alive intervals. "
		  "Expired flows of an unchanged pool still reach their instance. Flows of "
		  "`forward: nat` keep theirs as long as `nat_idle_timeout` says; where there are such, "
		  "no flow expires before 28.8 s." },
	{ NODE, .key = "syn_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = MINUTE, .fallback = "10s", .reloadable = true, FIELD(config_node, syn_timeout_ms),
	  .help = "A flow of which only a SYN was seen expires after this time." },
	{ NODE, .key = "fin_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 10 * MINUTE, .fallback = "1m", .reloadable = true,
	  FIELD(config_node, fin_timeout_ms),
	  .help = "A flow that the client has closed or reset expires after this time without packets." },
	{ NODE, .key = "nat_idle_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = HOUR, .fallback = "1h", .reloadable = true,
	  FIELD(config_node, nat_idle_timeout_ms),
	  .help = "An established flow of a `forward: nat` service without packets in either direction "
		  "expires after this time, instead of `idle_timeout`." },
	{ NODE, .key = "nat_syn_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = MINUTE, .fallback = "10s", .reloadable = true,
	  FIELD(config_node, nat_syn_timeout_ms),
	  .help = "The same for a flow whose handshake is not complete." },
	{ NODE, .key = "nat_fin_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 10 * MINUTE, .fallback = "2m", .reloadable = true,
	  FIELD(config_node, nat_fin_timeout_ms),
	  .help = "The same for a flow that one side has closed." },
	{ NODE, .key = "nat_closed_timeout", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 10 * MINUTE, .fallback = "1m", .reloadable = true,
	  FIELD(config_node, nat_closed_timeout_ms),
	  .help = "The port of a flow that both sides have closed, or one has reset, is used again after "
		  "this time, or by a SYN with a higher sequence number (RFC 6191)." },
	{ NODE, .key = "reset_on_expiry", .type = CONFIG_TYPE_BOOL, .fallback = "true",
	  .reloadable = true, FIELD(config_node, reset_on_expiry),
	  .help = "When an established flow of a `forward: nat` service expires, or its instance is down "
		  "with `on_down: move`, client and instance get a TCP reset. Only `dpdk` sends it." },
	{ NODE, .key = "mtu", .type = CONFIG_TYPE_NUMBER, .min = 1280, .max = 9600, .unit = "bytes",
	  .absent = "the port's own", FIELD(config_node, mtu_bytes), PLACE(config_node, mtu_place),
	  .help = "Largest IP packet that the port sends, tunnel header included. An IPv6 VIP with "
		  "`forward: ipip` needs 1300, or 1320 if an instance has an IPv6 address; with `gue` "
		  "1312 or 1332." },
	{ NODE, .key = "table_slots", .type = CONFIG_TYPE_NUMBER, .min = 251, .max = 131071,
	  .fallback = "65537", .unit = "slots", .accept = config_field_accept_prime,
	  FIELD(config_node, table_slots),
	  .help = "Size of each pool's Maglev table: a prime number, the same on all nodes of a "
		  "cluster, at least 16 times the instances of the largest pool; with 100 times the "
		  "shares are even." },
	{ NODE, .key = "kernel_rate", .type = CONFIG_TYPE_NUMBER, .min = 100, .max = 10000000,
	  .fallback = "20000", .unit = "packets/s", .reloadable = true,
	  FIELD(config_node, kernel_rate_pps),
	  .help = "Rate limit of packets to the kernel: ARP, ping, BGP, SSH, answers to checks. With "
		  "`dataplane: xdp` it applies only to packets to a VIP on a port without a listener." },
	{ NODE, .key = "icmp_rate", .type = CONFIG_TYPE_NUMBER, .max = 1000000, .fallback = "1000",
	  .unit = "packets/s", .reloadable = true, FIELD(config_node, icmp_rate_pps),
	  .help = "Rate limit of ICMP errors that Sluice sends (packet too big), and of those about "
		  "tunnels that it processes. 0: none." },
	{ NODE, .key = "hugepages_mb", .type = CONFIG_TYPE_NUMBER, .min = 64, .max = 1048576,
	  .unit = "MiB", .absent = "as tables and buffers need", FIELD(config_node, hugepages_mb),
	  .help = "Hugepage memory allocated at start; unused with `dataplane: xdp`." },
	{ NODE, .key = "checks_in_flight", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 1024,
	  .fallback = "64", .unit = "checks", .reloadable = true,
	  FIELD(config_node, checks_in_flight),
	  .help = "Concurrent checks, over all pools, of instances that answer; as many again of "
		  "instances that do not. Further checks wait." },
	{ NODE, .key = "zone", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "the name of a zone", .absent = "no instance is preferred",
	  .parse = config_field_name, .format = config_field_string_format,
	  FIELD(config_node, zone),
	  .help = "Where this machine is. New flows go to instances of its zone, and to all of their "
		  "pool when too few of those are up. Nodes of different zones have different tables." },
	{ NODE, .key = "control_group", .type = CONFIG_TYPE_TEXT,
	  .expect = "the name of a group of this system",
	  .absent = "`sluice` if there is such a group, else `root`", .parse = config_field_group,
	  .format = config_field_string_format, FIELD(config_node, control_group),
	  .help = "Members of this group may use the control socket." },
	{ NODE, .key = "metrics", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "an address and a port, such as \"127.0.0.1:9627\" or \"[::1]:9627\", or the "
		    "path of a UNIX socket",
	  .absent = "not served", .parse = config_field_metrics,
	  .format = config_field_string_format, FIELD(config_node, metrics),
	  .help = "Where `sluiced` serves a status page, and metrics for Prometheus. Whoever can "
		  "connect can read them, "
		  "so give a loopback address or a path, or protect the port; a socket is for members "
		  "of `control_group`." },
	{ NODE, .key = "vip_pool", .type = CONFIG_TYPE_LIST, .reloadable = true,
	  .max = CONFIG_VIP_POOL_MAX,
	  .expect = "a network with its prefix length, such as \"203.0.113.16/28\"",
	  .absent = "`elb-create-lb` needs `--vip`", .parse = config_field_network,
	  .format = config_field_prefix_format, ENTRIES(config_node, vip_pool, vip_pool_count),
	  PLACE(config_prefix, place),
	  .help = "Networks from which `elb-create-lb` takes the first address that nothing else has. "
		  "If given, `sluice-dataplane` has memory for `forward: nat` from its start." },
	{ NODE, .key = "instance_domain", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "a domain, such as \"instances.example.com\"",
	  .absent = "only ids in `instances` are known", .parse = config_field_domain,
	  .format = config_field_string_format, FIELD(config_node, instance_domain),
	  .help = "Domain of the DNS names of instances that `elb-register-instances-with-lb` is given "
		  "by id." },

	{ ID, .key = "address", .type = CONFIG_TYPE_TEXT, .required = true, .reloadable = true,
	  .expect = "an IPv4 or IPv6 address", .parse = config_field_address,
	  .format = config_field_address_format, FIELD(config_id, address),
	  PLACE(config_id, address_place), .help = "Address of the instance." },
	{ ID, .key = "zone", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "a name, such as \"us-east-1c\"", .absent = "none", .parse = config_field_name,
	  .format = config_field_string_format, FIELD(config_id, zone),
	  .help = "Availability zone that it is in; only shown." },

	{ NETWORK, .key = "vlan", .type = CONFIG_TYPE_NUMBER, .reloadable = true, .min = 1,
	  .max = LB_VLAN_ID_MAX, .absent = "untagged", FIELD(config_network, vlan),
	  PLACE(config_network, vlan_place),
	  .help = "Its VLAN; each once. Without it, the network of untagged frames." },
	{ NETWORK, .key = "address", .type = CONFIG_TYPE_LIST, .required = true, .reloadable = true,
	  .min = 1, .max = CONFIG_ADDRESSES_MAX,
	  .expect = "an address with its prefix length, such as \"10.0.0.5/24\"",
	  .parse = config_field_prefix, .format = config_field_prefix_format,
	  ENTRIES(config_network, addresses, address_count), PLACE(config_prefix, place),
	  .help = "The node's addresses there; networks do not overlap. The first one of each family is "
		  "the outer source of tunnels to instances whose next hop is there." },
	{ NETWORK, .key = "gateway", .type = CONFIG_TYPE_LIST, .reloadable = true, .max = 2,
	  .expect = "an IPv4 or IPv6 address", .absent = "none", .parse = config_field_gateway,
	  .format = config_field_host_format, ENTRIES(config_network, gateways, gateway_count),
	  PLACE(config_host, place),
	  .help = "Default routes: at most one of each family, of all networks together." },

	{ POOL, .key = "checks", .type = CONFIG_TYPE_SEQUENCE, .child = CONFIG_SECTION_CHECK,
	  .max = CONFIG_CHECKS_MAX, .reloadable = true, ENTRIES(config_pool, checks, check_count),
	  .help = "How the health of an instance is determined. Without checks it is always up." },
	{ POOL, .key = "on_down", .type = CONFIG_TYPE_WORD, .words = schema_on_down,
	  .fallback = "move", .reloadable = true, FIELD(config_pool, on_down),
	  .help = "Flows of an instance that is down. `move`: they go to another instance, which resets "
		  "them, so that clients reconnect at once. `keep`: they stay." },
	{ POOL, .key = "affinity", .type = CONFIG_TYPE_WORD, .words = schema_affinities,
	  .fallback = "flow", .reloadable = true, FIELD(config_pool, affinity),
	  .help = "What chooses the instance of a new flow. `flow`: the client's address and port, and "
		  "the listener. `client`: the client's address alone, so all connections of a client go "
		  "to one instance, from all listeners of the pool, as long as that takes new flows; "
		  "clients behind one address too, so loads may be uneven. Recorded flows stay when "
		  "this changes." },
	{ POOL, .key = "all_down", .type = CONFIG_TYPE_WORD, .words = schema_all_down,
	  .fallback = "open", .reloadable = true, FIELD(config_pool, all_down),
	  .help = "If no instance is up: `open` treats all as up, since the checks may be at fault; "
		  "`drop` drops." },
	{ POOL, .key = "proxy_protocol", .type = CONFIG_TYPE_WORD, .words = schema_proxies,
	  .fallback = "none", .reloadable = true, FIELD(config_pool, proxy_protocol),
	  PLACE(config_pool, proxy_protocol_place),
	  .help = "`v2`: each connection to an instance begins with a PROXY header (version 2), which "
		  "names the client's address and port and the VIP's; in nginx `listen ... "
		  "proxy_protocol`. Only with `forward: nat` and `source: node`, and with `dpdk`. Checks "
		  "send one, too, unless they say otherwise by `send_proxy`. A change is in force for new "
		  "connections." },
	{ POOL, .key = "zone_minimum", .type = CONFIG_TYPE_NUMBER, .min = 1,
	  .max = CONFIG_INSTANCES_MAX, .fallback = "1", .unit = "instances", .reloadable = true,
	  FIELD(config_pool, zone_minimum),
	  .help = "New flows stay in the node's zone while at least so many of its instances are up." },
	{ POOL, .key = "panic_threshold", .type = CONFIG_TYPE_NUMBER, .max = 100, .fallback = "0",
	  .unit = "percent", .reloadable = true, FIELD(config_pool, panic_percent),
	  .help = "If fewer than this share of the instances is up, but some are, all count as up: the "
		  "checks may be at fault, and the rest would be overloaded. Counted are the regular "
		  "instances, or the backups while they take the flows; not those that are drained, in "
		  "maint, or of weight 0. Those that flap control has taken out count as not up. 0: never." },
	{ POOL, .key = "minimum_up", .type = CONFIG_TYPE_TEXT, .fallback = "0", .reloadable = true,
	  .expect = "a number of instances from 0 to 4096, or a share of them from 0% to 100%",
	  .parse = config_field_minimum, .format = config_field_minimum_format,
	  FIELD(config_pool, minimum),
	  .help = "While fewer instances are up, backups included, the VIPs of all services that use the "
		  "pool are not announced: they are removed from the kernel's interfaces, so that neither "
		  "ARP and ND nor a routing daemon answers for them (a VIP that somebody else has put "
		  "there stays), and another node can take them. Instances that are drained, in maint, "
		  "of weight 0, or taken out by flap control are not up; a share is of all. They are "
		  "announced again when enough have been up for 5 s; for twice as long after each further "
		  "withdrawal within 10 minutes, at most 5 m. 0: always announced." },
	{ POOL, .key = "on_minimum", .type = CONFIG_TYPE_WORD, .words = schema_on_minimum,
	  .fallback = "keep", .reloadable = true, FIELD(config_pool, on_minimum),
	  .help = "Packets that still come to those VIPs while fewer than `minimum_up` are up. `keep`: "
		  "flows stay, and new ones go to the instances that are left. `drop`: none is forwarded "
		  "(`no_instance`)." },
	{ POOL, .key = "drain", .type = CONFIG_TYPE_DURATION, .max = HOUR, .absent = "none",
	  .reloadable = true, FIELD(config_pool, drain_ms),
	  .help = "How long an instance that is removed from the configuration, or deregistered, keeps "
		  "its flows, as in a drain; less if it has none left. If it is put back meanwhile, "
		  "it goes on. One that is down or in maint is removed at once. `0s`: all are. Pools that "
		  "`elb-create-lb` creates have `5m`." },
	{ POOL, .key = "slow_start", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND, .max = HOUR,
	  .absent = "none", .reloadable = true, FIELD(config_pool, slow_start_ms),
	  .help = "Time in which an instance that was out, or was added, comes to its full share of new "
		  "flows, in at most 20 steps. Only slots that it has at the end move to it, and each "
		  "once. An instance that is the only one to take flows takes them all at once." },
	{ POOL, .key = "agent", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 65535,
	  .absent = "none", .reloadable = true, FIELD(config_pool, agent_port),
	  .help = "Port on which an agent on each instance says what it wants, in a line of HAProxy's "
		  "agent-check words. `75%`: that share of its weight. `drain` and `maint`: as if the "
		  "operator had said so; `ready` ends it. `down`, `fail`, `failed`, `stopped`: it counts "
		  "as down, and `on_down` decides on its flows; `up` ends it. What a line does not mention "
		  "stays. Operator and checks come first: an agent never makes an instance ready or up "
		  "that they have not. An agent that fails changes nothing; `status` says why it does." },
	{ POOL, .key = "agent_interval", .type = CONFIG_TYPE_DURATION, .min = 100,
	  .max = 300 * SECOND, .fallback = "2s", .reloadable = true,
	  FIELD(config_pool, agent_interval_ms),
	  .help = "Time from one question to an agent to the next. It has as much time for its line, at "
		  "most 5 s." },
	{ POOL, .key = "flapping", .type = CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_FLAPPING,
	  .reloadable = true, .absent = "no flap control", FIELD(config_pool, flapping),
	  .help = "Takes out instances that change their health too often." },
	{ POOL, .key = "instance_program", .type = CONFIG_TYPE_BOOL, .fallback = "false",
	  .reloadable = true, FIELD(config_pool, instance_program),
	  .help = "Whether the instances map ports by `sluice-instance attach --map`: then a listener "
		  "may have an `instance_port` of its own in `l2`, `ipip` and `gue`, too, and "
		  "replies go straight to the client." },
	{ POOL, .key = "instances", .type = CONFIG_TYPE_NAMED, .child = CONFIG_SECTION_INSTANCE,
	  .max = CONFIG_INSTANCES_MAX, .reloadable = true,
	  ENTRIES(config_pool, instances, instance_count),
	  .help = "Servers, by name. Without any, the pool's packets are dropped." },

	{ FLAPPING, .key = "times", .type = CONFIG_TYPE_NUMBER, .min = 2,
	  .max = CONFIG_FLAPPING_TIMES_MAX, .fallback = "5", .unit = "changes", .reloadable = true,
	  FIELD(config_flapping, times), .help = "So many changes of health are too many." },
	{ FLAPPING, .key = "within", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 24 * HOUR, .fallback = "5m", .reloadable = true, FIELD(config_flapping, within_ms),
	  .help = "Within this time." },
	{ FLAPPING, .key = "retry_in", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 24 * HOUR, .fallback = "10m", .reloadable = true,
	  FIELD(config_flapping, retry_in_ms), .help = "How long the instance is out." },
	{ FLAPPING, .key = "retry_times", .type = CONFIG_TYPE_NUMBER, .min = 1,
	  .max = CONFIG_FLAPPING_TIMES_MAX, .fallback = "5", .unit = "times", .reloadable = true,
	  FIELD(config_flapping, retry_times),
	  .help = "When it has been taken out so many times, it is left out." },
	{ FLAPPING, .key = "retry_within", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = 24 * HOUR, .fallback = "2h", .reloadable = true,
	  FIELD(config_flapping, retry_within_ms), .help = "Within this time." },

	{ CHECK, .key = "target", .type = CONFIG_TYPE_TEXT, .required = true, .reloadable = true,
	  .expect = "TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path",
	  .parse = config_field_target, .format = config_field_string_format,
	  FIELD(config_check, target), PLACE(config_check, target_place),
	  .help = "`TCP` only connects; `SSL` completes a TLS handshake that the instance accepts; "
		  "`HTTP` and `HTTPS` request the path and expect status 200, or what `expect` says. "
		  "Certificates are not verified without `verify`." },
	{ CHECK, .key = "interval", .type = CONFIG_TYPE_DURATION, .min = 100, .max = 300 * SECOND,
	  .fallback = "30s", .reloadable = true, FIELD(config_check, interval_ms),
	  .help = "Time from one check of an instance to the next." },
	{ CHECK, .key = "fast_interval", .type = CONFIG_TYPE_DURATION, .min = 100,
	  .max = 300 * SECOND, .absent = "`interval`", .reloadable = true,
	  FIELD(config_check, fast_interval_ms),
	  .help = "The same while the last result differs from the state, so that `unhealthy` or "
		  "`healthy` results are there sooner." },
	{ CHECK, .key = "down_interval", .type = CONFIG_TYPE_DURATION, .min = 100,
	  .max = 300 * SECOND, .absent = "`interval`", .reloadable = true,
	  FIELD(config_check, down_interval_ms),
	  .help = "The same while the check fails and the instance is out." },
	{ CHECK, .key = "timeout", .type = CONFIG_TYPE_DURATION, .min = 50, .max = 60 * SECOND,
	  .fallback = "5s", .reloadable = true, FIELD(config_check, timeout_ms),
	  PLACE(config_check, timeout_place),
	  .help = "No answer within this time is a failure. Must be below `interval`. Time while `sluiced` itself "
		  "is stopped does not count." },
	{ CHECK, .key = "unhealthy", .type = CONFIG_TYPE_NUMBER, .min = 2, .max = 10,
	  .fallback = "2", .unit = "results", .reloadable = true, FIELD(config_check, unhealthy),
	  .help = "Consecutive failures after which an instance is taken out." },
	{ CHECK, .key = "healthy", .type = CONFIG_TYPE_NUMBER, .min = 2, .max = 10,
	  .fallback = "10", .unit = "results", .reloadable = true, FIELD(config_check, healthy),
	  .help = "Consecutive successes after which it is brought back." },
	{ CHECK, .key = "expect", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "statuses, such as \"200-299,301\", or a text", .absent = "status 200",
	  .parse = config_field_expect, .format = config_field_string_format,
	  FIELD(config_check, expect), PLACE(config_check, expect_place),
	  .help = "The answer to `HTTP` and `HTTPS` that passes: one of up to 16 statuses and ranges, or "
		  "status 200 with this text in the first 4096 bytes of the body. A value of digits, "
		  "commas, hyphens and spaces that begins with a digit is a list of statuses." },
	{ CHECK, .key = "host", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "a host name or address, with or without a port",
	  .absent = "`sni`, else the instance's address; with the port", .parse = config_field_host,
	  .format = config_field_string_format, FIELD(config_check, host),
	  PLACE(config_check, host_place), .help = "The Host header of `HTTP` and `HTTPS`." },
	{ CHECK, .key = "sni", .type = CONFIG_TYPE_TEXT, .reloadable = true, .expect = "a DNS name",
	  .absent = "the name in `host`, if any; else none is sent", .parse = config_field_dns_name,
	  .format = config_field_string_format, FIELD(config_check, sni),
	  PLACE(config_check, sni_place),
	  .help = "The server name in the TLS handshake of `SSL` and `HTTPS`." },
	{ CHECK, .key = "verify", .type = CONFIG_TYPE_BOOL, .fallback = "false", .reloadable = true,
	  FIELD(config_check, verify), PLACE(config_check, verify_place),
	  .help = "`SSL` and `HTTPS`: whether the certificate must be valid, and for the name in `sni`, "
		  "else in `host`, else for the instance's address. An instance whose certificate is "
		  "not is lame." },
	{ CHECK, .key = "ca_file", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "an absolute path", .absent = "the system's certificates",
	  .parse = config_field_file, .format = config_field_string_format,
	  FIELD(config_check, ca_file), PLACE(config_check, ca_file_place),
	  .help = "The authorities that `verify` trusts, a PEM file that `sluiced` can read. A "
		  "changed file is in force within a minute." },
	{ CHECK, .key = "source", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "an IPv4 or IPv6 address",
	  .absent = "the one of `node.address` in the instance's network, else the first",
	  .parse = config_field_source, .format = config_field_source_format,
	  FIELD(config_check, source),
	  .help = "Source address of the check, for instances of its family. If this machine does not "
		  "have it, nothing is checked." },
	{ CHECK, .key = "send_proxy", .type = CONFIG_TYPE_BOOL, .fallback = "false",
	  .reloadable = true, FIELD(config_check, send_proxy),
	  PLACE(config_check, send_proxy_place),
	  .help = "Whether a PROXY header (version 2, LOCAL) is sent first, for instances that demand "
		  "one. With `proxy_protocol` of the pool the default is true." },
	{ CHECK, .key = "agent", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 65535,
	  .absent = "none", .reloadable = true, FIELD(config_check, agent_port),
	  .help = "The pool's `agent`, if that is not given; of several checks the first one's "
		  "counts." },

	{ INSTANCE, .key = "address", .type = CONFIG_TYPE_TEXT, .required = true,
	  .reloadable = true, .expect = "an IPv4 or IPv6 address", .parse = config_field_address,
	  .format = config_field_address_format, FIELD(config_instance, address),
	  PLACE(config_instance, address_place),
	  .help = "Address of the instance; unique in its pool, never a VIP." },
	{ INSTANCE, .key = "weight", .type = CONFIG_TYPE_NUMBER, .max = CONFIG_WEIGHT_MAX,
	  .fallback = "100", .reloadable = true, FIELD(config_instance, weight),
	  .help = "Share of new flows, relative to the other instances of the pool; 0: none." },
	{ INSTANCE, .key = "backup", .type = CONFIG_TYPE_BOOL, .fallback = "false",
	  .reloadable = true, FIELD(config_instance, backup),
	  .help = "Gets flows only while no regular instance of the pool can." },
	{ INSTANCE, .key = "zone", .type = CONFIG_TYPE_TEXT, .reloadable = true,
	  .expect = "the name of a zone", .absent = "belongs to every zone",
	  .parse = config_field_name, .format = config_field_string_format,
	  FIELD(config_instance, zone),
	  .help = "Where the instance is; nodes with the same `zone` prefer it." },
	{ INSTANCE, .key = "slow_start", .type = CONFIG_TYPE_DURATION, .min = 1 * SECOND,
	  .max = HOUR, .absent = "the pool's", .reloadable = true,
	  FIELD(config_instance, slow_start_ms),
	  .help = "Of this instance, in place of the pool's." },
	{ INSTANCE, .key = "agent", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 65535,
	  .absent = "the pool's", .reloadable = true, FIELD(config_instance, agent_port),
	  .help = "Port of its agent, in place of the pool's." },

	{ SERVICE, .key = "vip", .type = CONFIG_TYPE_LIST, .required = true, .reloadable = true,
	  .min = 1, .max = CONFIG_ENDPOINTS_MAX, .expect = "an IPv4 or IPv6 address",
	  .parse = config_field_vip, .format = config_field_host_format,
	  ENTRIES(config_service, vips, vip_count), PLACE(config_host, place),
	  .help = "Addresses of the service. Other services may use them with other ports." },
	{ SERVICE, .key = "forward", .type = CONFIG_TYPE_WORD, .required = true, .reloadable = true,
	  .words = schema_forwards, FIELD(config_service, forward),
	  PLACE(config_service, forward_place),
	  .help = "How packets reach an instance. `l2`: by its MAC address, on the node's own networks. "
		  "`ipip`: in an IP tunnel, any mix of IPv4 and IPv6. `gue`: the same in UDP (Generic UDP "
		  "Encapsulation), whose source port follows from the flow, so that routers and NICs "
		  "spread flows. `nat`: with other addresses and ports, in both directions; instances may be "
		  "on any network, and of the other family." },
	{ SERVICE, .key = "source", .type = CONFIG_TYPE_WORD, .words = schema_sources,
	  .fallback = "node", .reloadable = true, FIELD(config_service, source),
	  PLACE(config_service, source_place),
	  .help = "Only with `forward: nat`: the source that instances see. `node`: one of "
		  "`nat_addresses`, so that replies come to the node. `client`: the client itself; "
		  "instances must be of the VIP's family, and their route to clients must lead through "
		  "the node. Services may share instances and their ports; a client's port that has a "
		  "connection to one of them is not accepted for another one. `xdp` does not support `client`." },
	{ SERVICE, .key = "gue_port", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 65535,
	  .fallback = "6080", .reloadable = true, FIELD(config_service, gue_port),
	  PLACE(config_service, gue_port_place),
	  .help = "The UDP port on which instances receive `forward: gue`; not allowed with others." },
	{ SERVICE, .key = "protocol", .type = CONFIG_TYPE_WORD, .words = schema_protocols,
	  .fallback = "tcp", .reloadable = true, FIELD(config_service, protocol),
	  .help = "Transport protocol of the listeners." },
	{ SERVICE, .key = "networks", .type = CONFIG_TYPE_LIST, .reloadable = true, .min = 1,
	  .max = CONFIG_NETWORKS_MAX,
	  .expect = "a VLAN of node.networks, such as 10, or the word untagged", .absent = "all",
	  .parse = config_field_vlan, .format = config_field_vlan_format,
	  ENTRIES(config_service, networks, network_count), PLACE(config_network_name, place),
	  .help = "Networks of `node.networks` that the service is announced on (ARP, ND), and takes "
		  "packets from. Those from others are dropped (`l2_vlan_service`)." },
	{ SERVICE, .key = "allow_from", .type = CONFIG_TYPE_LIST, .reloadable = true, .min = 1,
	  .max = CONFIG_ACCESS_MAX,
	  .expect = "an address or a network, such as \"198.51.100.0/24\"", .absent = "all clients",
	  .parse = config_field_clients, .format = config_field_addresses_format,
	  ENTRIES(config_service, allow_from, allow_count), PLACE(config_prefix, place),
	  .help = "Clients that may connect; all others are refused, of the other family too. Packets "
		  "of a refused client are dropped (`client_denied`), unless they are of a flow that "
		  "is recorded: a change of the lists ends no connection. With both lists at most "
		  "10,000 prefixes, all services together at most 100,000." },
	{ SERVICE, .key = "deny_from", .type = CONFIG_TYPE_LIST, .reloadable = true, .min = 1,
	  .max = CONFIG_ACCESS_MAX,
	  .expect = "an address or a network, such as \"198.51.100.0/24\"", .absent = "none",
	  .parse = config_field_clients, .format = config_field_addresses_format,
	  ENTRIES(config_service, deny_from, deny_count), PLACE(config_prefix, place),
	  .help = "Clients that are refused. Of all prefixes in both lists that a client is in, the "
		  "longest one decides." },
	{ SERVICE, .key = "listeners", .type = CONFIG_TYPE_SEQUENCE,
	  .child = CONFIG_SECTION_LISTENER, .required = true, .min = 1, .max = CONFIG_ENDPOINTS_MAX,
	  .reloadable = true, ENTRIES(config_service, listeners, listener_count),
	  .help = "Ports of the service." },

	{ LISTENER, .key = "port", .type = CONFIG_TYPE_NUMBER, .required = true, .min = 1,
	  .max = 65535, .reloadable = true, FIELD(config_listener, port),
	  PLACE(config_listener, port_place), .help = "Port that clients connect to." },
	{ LISTENER, .key = "instance_port", .type = CONFIG_TYPE_NUMBER, .min = 1, .max = 65535,
	  .absent = "the same as `port`", .reloadable = true, FIELD(config_listener, instance_port),
	  PLACE(config_listener, instance_port_place),
	  .help = "Port on the instances. A port other than `port` needs `forward: nat`, or a pool with `instance_program`." },
	{ LISTENER, .key = "pool", .type = CONFIG_TYPE_TEXT, .required = true, .reloadable = true,
	  .expect = "the name of a pool", .parse = config_field_name,
	  .format = config_field_string_format, FIELD(config_listener, pool_name),
	  PLACE(config_listener, pool_place), .help = "Pool that serves it." },
};

const size_t config_schema_count = sizeof(config_schema) / sizeof(config_schema[0]);

const struct config_item *config_schema_section(enum config_section section, size_t *count)
{
	size_t first = 0, end;

	while (first < config_schema_count && config_schema[first].section != section)
		first++;
	for (end = first; end < config_schema_count && config_schema[end].section == section; end++)
		;
	*count = end - first;
	return &config_schema[first];
}

const struct config_item *config_schema_find(enum config_section section, const char *key)
{
	size_t count;
	const struct config_item *items = config_schema_section(section, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(items[i].key, key) == 0)
			return &items[i];
	return NULL;
}

static const char *schema_word(const struct config_word *words, uint32_t value)
{
	for (; words->name; words++)
		if (words->value == value)
			return words->name;
	return "?";
}

const char *config_dataplane_name(enum config_dataplane dataplane)
{
	return schema_word(schema_dataplanes, dataplane);
}

const char *config_forward_name(enum lb_forward forward)
{
	return schema_word(schema_forwards, forward);
}

const char *config_source_name(enum config_source source)
{
	return schema_word(schema_sources, source);
}

const char *config_proxy_name(enum config_proxy proxy)
{
	return schema_word(schema_proxies, proxy);
}

const char *config_on_down_name(enum config_on_down on_down)
{
	return schema_word(schema_on_down, on_down);
}

const char *config_affinity_name(enum config_affinity affinity)
{
	return schema_word(schema_affinities, affinity);
}

const char *config_all_down_name(enum config_all_down all_down)
{
	return schema_word(schema_all_down, all_down);
}

const char *config_on_minimum_name(enum config_on_minimum on_minimum)
{
	return schema_word(schema_on_minimum, on_minimum);
}

const char *config_protocol_name(enum config_protocol protocol)
{
	return schema_word(schema_protocols, protocol);
}

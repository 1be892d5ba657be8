/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of `forward: nat`. */
#include "tests/support/refuse.h"

#define NAT "forward: nat"
#define CLIENT "forward: nat\n    source: client"
#define NODE                                                                                       \
	"node:\n"                                                                                  \
	"  port: eth1\n"                                                                           \
	"  cpus: \"1\"\n"                                                                          \
	"  address: [\"10.0.0.5/24\"]\n"                                                           \
	"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
#define SITE(vips, forward)                                                                        \
	"pools:\n"                                                                                 \
	"  web:\n"                                                                                 \
	"    instances:\n"                                                                         \
	"      web-1: { address: 10.0.1.1 }\n"                                                     \
	"      web-2: { address: \"2001:db8::2\" }\n"                                              \
	"  same: { instances: { a: { address: 10.0.1.9 }, b: { address: 10.0.1.1 } } }\n"          \
	"  other: { instances: { a: { address: 10.0.1.9 } } }\n"                                   \
	"services:\n"                                                                              \
	"  site:\n"                                                                                \
	"    vip: " vips "\n"                                                                      \
	"    " forward "\n"                                                                        \
	"    listeners:\n"                                                                         \
	"      - { port: 80, pool: web }\n"

#define MAPPED(forward, one, two)                                                                  \
	"pools:\n"                                                                                 \
	"  web: { instance_program: true, instances: { web-1: { address: 10.0.1.1 } } }\n"         \
	"services:\n"                                                                              \
	"  site:\n"                                                                                \
	"    vip: [203.0.113.10]\n"                                                                \
	"    forward: " forward "\n"                                                               \
	"    listeners:\n"                                                                         \
	"      - { " one ", pool: web }\n"                                                         \
	"      - { " two ", pool: web }\n"

#define PROXY(version, forward)                                                                    \
	"pools:\n"                                                                                 \
	"  web:\n"                                                                                 \
	"    proxy_protocol: " version "\n"                                                        \
	"    instances: { web-1: { address: 10.0.1.1 } }\n"                                        \
	"services:\n"                                                                              \
	"  site:\n"                                                                                \
	"    vip: [203.0.113.10]\n"                                                                \
	"    " forward "\n"                                                                        \
	"    listeners: [{ port: 80, pool: web }]\n"

/* clang-format off */
static const struct refuse_row rows[] = {
	/* node.nat_addresses */
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.32/29, many]",
	  "t:6:33: node.nat_addresses[1]: \"many\": expected an address or a network, such as "
	  "\"10.0.0.32/29\"\n" },
	{ "flows: 2048",
	  "nat_addresses: 10.0.0.32",
	  "t:6:18: node.nat_addresses: \"10.0.0.32\": expected a list (in [ ] or with a '-' before each "
	  "entry), not a single value\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.33/29]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.33/29\": has host bits that are not 0; expected an "
	  "address or a network, such as \"10.0.0.32/29\"\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.0/26]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.0/26\": expected a prefix length from 27 to 32, for "
	  "at most 32 addresses\n" },
	{ "flows: 2048",
	  "nat_addresses: [\"2001:db8::/64\"]",
	  "t:6:19: node.nat_addresses[0]: \"2001:db8::/64\": expected a prefix length from 123 to 128, "
	  "for at most 32 addresses\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.32/33]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.32/33\": expected a prefix length from 27 to 32, for "
	  "at most 32 addresses\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.32/]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.32/\": expected a prefix length from 27 to 32, for "
	  "at most 32 addresses\n" },
	{ "flows: 2048",
	  "nat_addresses: [127.0.0.1]",
	  "t:6:19: node.nat_addresses[0]: \"127.0.0.1\": expected a host's address, not a loopback "
	  "one\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.2.0/28, 10.0.3.0/28, 10.0.4.9]",
	  "t:6:19: node.nat_addresses: expected at most 32 addresses in all, not 33\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.2.0/29, 10.0.2.3]",
	  "t:6:32: node.nat_addresses[1]: \"10.0.2.3\": has addresses of the entry in line 6\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.2.3, 10.0.2.3]",
	  "t:6:29: node.nat_addresses[1]: \"10.0.2.3\": has addresses of the entry in line 6\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.255.0.0/29]\n  tunnel_sources: 10.255.0.0/16",
	  "t:6:19: node.nat_addresses[0]: \"10.255.0.0/29\": has addresses of node.tunnel_sources, "
	  "line 7\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.248/29]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.248/29\": expected no network or broadcast address of "
	  "node.address, line 4: 10.0.0.255\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.0]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.0.0\": expected no network or broadcast address of "
	  "node.address, line 4: 10.0.0.0\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.0.6, 203.0.113.10]",
	  "t:6:29: node.nat_addresses[1]: \"203.0.113.10\": expected unused addresses; a VIP, line 16, "
	  "has one of them: 203.0.113.10\n" },
	{ "flows: 2048",
	  "nat_addresses: [10.0.1.0/31]",
	  "t:6:19: node.nat_addresses[0]: \"10.0.1.0/31\": expected unused addresses; an instance, "
	  "line 12, has one of them: 10.0.1.1\n" },
	{ "flows: 2048",
	  "gateway: [10.0.0.1]\n  nat_addresses: [10.0.0.1]",
	  "t:7:19: node.nat_addresses[0]: \"10.0.0.1\": expected unused addresses; node.gateway, "
	  "line 6, has one of them: 10.0.0.1\n" },

	/* node.nat_ports */
	{ "flows: 2048",
	  "nat_ports: 1024",
	  "t:6:14: node.nat_ports: \"1024\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },
	{ "flows: 2048",
	  "nat_ports: 1024-65536",
	  "t:6:14: node.nat_ports: \"1024-65536\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },
	{ "flows: 2048",
	  "nat_ports: 0-2000",
	  "t:6:14: node.nat_ports: \"0-2000\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },
	{ "flows: 2048",
	  "nat_ports: 2000-1024",
	  "t:6:14: node.nat_ports: \"2000-1024\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },
	{ "flows: 2048",
	  "nat_ports: 1024-2046",
	  "t:6:14: node.nat_ports: \"1024-2046\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },
	{ "flows: 2048",
	  "nat_ports: 1024-32767-",
	  "t:6:14: node.nat_ports: \"1024-32767-\": expected a range of at least 1024 ports, such as "
	  "\"1024-32767\"\n" },

	/* timeouts */
	{ "flows: 2048",
	  "nat_idle_timeout: 2h",
	  "t:6:21: node.nat_idle_timeout: \"2h\": expected a duration from 1s to 1h\n" },
	{ "flows: 2048",
	  "nat_syn_timeout: 2m",
	  "t:6:20: node.nat_syn_timeout: \"2m\": expected a duration from 1s to 1m\n" },
	{ "flows: 2048",
	  "reset_on_expiry: yes",
	  "t:6:20: node.reset_on_expiry: \"yes\": expected true or false; YAML 1.2 has no other words "
	  "for them\n" },

	/* dataplanes */
	{ NULL,
	  NODE "  dataplane: xdp\n  nat_addresses: [10.0.0.7]\n" SITE("[203.0.113.10]", CLIENT),
	  "t:19:13: services.site.source: \"client\": `dataplane: xdp` does not support it; expected "
	  "node, or `dataplane: dpdk`\n"
	  "t:21:27: services.site.listeners[0].pool: \"web\": with `source: client` its IPv6 instances "
	  "(\"web-2\", line 12) cannot be reached by the clients of the IPv4 VIP, line 17\n" },
	{ NULL,
	  NODE "  dataplane: auto\n  nat_addresses: [10.0.0.7]\n" SITE("[203.0.113.10]", CLIENT),
	  "t:19:13: services.site.source: \"client\": `dataplane: auto` does not support it; expected "
	  "node, or `dataplane: dpdk`\n"
	  "t:21:27: services.site.listeners[0].pool: \"web\": with `source: client` its IPv6 instances "
	  "(\"web-2\", line 12) cannot be reached by the clients of the IPv4 VIP, line 17\n" },

	/* proxy_protocol */
	{ NULL,
	  NODE PROXY("v2", "forward: ipip"),
	  "t:8:21: pools.web.proxy_protocol: \"v2\": needs `forward: nat`, not ipip of services.site, "
	  "line 13\n" },
	{ NULL,
	  NODE PROXY("v2", CLIENT),
	  "t:8:21: pools.web.proxy_protocol: \"v2\": needs `source: node`, not client of "
	  "services.site, line 14: instances see the client anyway\n" },
	{ NULL,
	  NODE "  dataplane: xdp\n" PROXY("v2", NAT),
	  "t:9:21: pools.web.proxy_protocol: \"v2\": `dataplane: xdp` does not support it: the stack "
	  "of an XDP program has no room for what rewrites a connection's first packets; expected "
	  "none, or `dataplane: dpdk`\n" },
	{ NULL,
	  NODE "  dataplane: auto\n" PROXY("v2", "forward: l2"),
	  "t:9:21: pools.web.proxy_protocol: \"v2\": `dataplane: auto` does not support it: the stack "
	  "of an XDP program has no room for what rewrites a connection's first packets; expected "
	  "none, or `dataplane: dpdk`\n"
	  "t:9:21: pools.web.proxy_protocol: \"v2\": needs `forward: nat`, not l2 of services.site, "
	  "line 14\n" },
	{ NULL,
	  NODE PROXY("v1", NAT),
	  "t:8:21: pools.web.proxy_protocol: \"v1\": expected none or v2; did you mean \"v2\"?\n" },
	{ NULL,
	  NODE PROXY("true", NAT),
	  "t:8:21: pools.web.proxy_protocol: \"true\": expected none or v2\n" },

	/* what only `forward: nat` has */
	{ "{ port: 80, pool: web }",
	  "{ port: 80, instance_port: 8080, pool: web }",
	  "t:19:36: services.site.listeners[0].instance_port: \"8080\": another port than the listener's "
	  "needs `forward: nat`, not l2, or `instance_program: true` in its pool; expected 80\n" },
	{ "forward: l2\n    listeners:\n      - { port: 80, pool: web }",
	  "forward: gue\n    listeners:\n      - { port: 80, instance_port: 8080, pool: web }",
	  "t:19:36: services.site.listeners[0].instance_port: \"8080\": another port than the listener's "
	  "needs `forward: nat`, not gue, or `instance_program: true` in its pool; expected 80\n" },
	{ NULL,
	  NODE MAPPED("ipip", "port: 80, instance_port: 8080", "port: 8080"),
	  "t:14:17: services.site.listeners[1].instance_port: \"8080\": the instance port of port 80, "
	  "line 13, too: a reply's port could come from either\n" },
	{ NULL,
	  NODE MAPPED("l2", "port: 443, instance_port: 8443", "port: 444, instance_port: 8443"),
	  "t:14:37: services.site.listeners[1].instance_port: \"8443\": the instance port of port 443, "
	  "line 13, too: a reply's port could come from either\n" },
	{ NULL,
	  NODE "pools:\n"
	       "  web: { instance_program: true, instances: { web-1: { address: 10.0.1.1 } } }\n"
	       "  api: { instance_program: true, instances: { x: { address: 10.0.1.1 } } }\n"
	       "services:\n"
	       "  a: { vip: [203.0.113.9, 203.0.113.10], forward: l2, listeners: [ { port: 443, "
	       "instance_port: 8443, pool: web } ] }\n"
	       "  b: { vip: [203.0.113.10], forward: gue, listeners: [ { port: 444, instance_port: "
	       "8443, pool: api } ] }\n",
	  "t:11:84: services.b.listeners[0].instance_port: \"8443\": the instance port of port 443, "
	  "line 10, too: a reply's port could come from either\n" },
	{ "forward: l2",
	  "forward: ipip\n    source: client",
	  "t:18:13: services.site.source: \"client\": only `forward: nat` has a choice of sources, not "
	  "ipip\n" },
	{ "forward: l2",
	  "forward: l2\n    source: node",
	  "t:18:13: services.site.source: \"node\": only `forward: nat` has a choice of sources, not l2\n" },
	{ "forward: l2",
	  NAT "\n    source: nodes",
	  "t:18:13: services.site.source: \"nodes\": expected node or client; did you mean \"node\"?\n" },
	{ "forward: l2",
	  NAT "\n    gue_port: 6080",
	  "t:18:15: services.site.gue_port: \"6080\": only tunnels by `forward: gue` have a port, not "
	  "nat\n" },
	{ "forward: l2\n",
	  NAT "\n    protocol: udp\n",
	  "t:18:15: services.site.protocol: \"udp\": not supported by this version yet; expected tcp\n" },

	/* families */
	{ NULL,
	  NODE SITE("[203.0.113.10]", NAT),
	  "t:18:27: services.site.listeners[0].pool: \"web\": `forward: nat` to its IPv6 instances "
	  "(\"web-2\", line 10) needs an IPv6 address in node.nat_addresses or node.address as their "
	  "source\n" },
	{ NULL,
	  NODE "  nat_addresses: [\"2001:db8::7\"]\n" SITE("[203.0.113.10]", NAT),
	  "t:19:27: services.site.listeners[0].pool: \"web\": `forward: nat` to its IPv4 instances "
	  "(\"web-1\", line 10) needs an IPv4 address in node.nat_addresses as their source\n" },
	{ NULL,
	  NODE SITE("[203.0.113.10]", CLIENT),
	  "t:19:27: services.site.listeners[0].pool: \"web\": with `source: client` its IPv6 instances "
	  "(\"web-2\", line 10) cannot be reached by the clients of the IPv4 VIP, line 15\n" },
	{ NULL,
	  NODE SITE("[\"2001:db8:f::1\", \"2001:db8:f::2\"]", CLIENT),
	  "t:19:27: services.site.listeners[0].pool: \"web\": with `source: client` its IPv4 instances "
	  "(\"web-1\", line 9) cannot be reached by the clients of the IPv6 VIP, line 15\n" },
};

/* clang-format on */

int main(void)
{
	return refuse_run(rows, sizeof(rows) / sizeof(rows[0]));
}

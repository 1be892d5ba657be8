/* SPDX-License-Identifier: BSD-3-Clause */
/* Networks of a trunk, and the networks of services. */
#include "tests/support/refuse.h"

#define ADDRESS "address: [\"10.0.0.5/24\"]"
#define NODE_(entries) "networks: [ " entries " ]"
#define SERVICE_(networks) "forward: l2\n    networks: " networks

#define PREFIX_EXPECTED "an address with its prefix length, such as \"10.0.0.5/24\"\n"
#define NAME_EXPECTED "expected a VLAN of node.networks, such as 10, or the word untagged\n"

/* clang-format off */
static const struct refuse_row rows[] = {
	{ ADDRESS, NODE_("{ vlan: 0, address: [ 10.0.0.5/24 ] }"),
	  "t:4:23: node.networks[0].vlan: \"0\": expected a number from 1 to 4094\n" },
	{ ADDRESS, NODE_("{ vlan: 4095, address: [ 10.0.0.5/24 ] }"),
	  "t:4:23: node.networks[0].vlan: \"4095\": expected a number from 1 to 4094\n" },
	{ ADDRESS, NODE_("{ vlan: ten, address: [ 10.0.0.5/24 ] }"),
	  "t:4:23: node.networks[0].vlan: \"ten\": expected a number from 1 to 4094\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ] }, { vlan: 10, address: [ 10.0.2.5/24 ] }"),
	  "t:4:63: node.networks[1].vlan: \"10\": the same VLAN as in line 4\n" },
	{ ADDRESS, NODE_("{ address: [ 10.0.0.5/24 ] }, { address: [ 10.0.2.5/24 ] }"),
	  "t:4:45: node.networks[1].vlan: is missing; the network in line 4 is the untagged one\n" },
	{ ADDRESS, NODE_("{ vlan: 10 }"),
	  "t:4:15: node.networks[0].address: is missing; expected a list, each entry " PREFIX_EXPECTED },
	{ ADDRESS, NODE_("{ vlan: 10, address: [] }"),
	  "t:4:36: node.networks[0].address: expected at least one entry\n" },
	{ ADDRESS, NODE_(""), "t:4:13: node.networks: expected at least one entry\n" },
	{ ADDRESS, "networks: { vlan: 10 }",
	  "t:4:13: node.networks: expected a list (in [ ] or with a '-' before each entry), not a mapping\n" },
	{ ADDRESS, "flows_: 1",
	  "t:1:1: node.address: is missing; expected a list, each entry " PREFIX_EXPECTED
	  "t:4:3: node.flows_: unknown key; did you mean \"flows\"?\n" },
	{ ADDRESS, ADDRESS "\n  " NODE_("{ vlan: 10, address: [ 10.0.2.5/24 ] }"),
	  "t:5:15: node.networks: expected either node.address or node.networks; an untagged network is an "
	  "entry without vlan\n" },
	{ ADDRESS, "gateway: [ 10.0.2.1 ]\n  " NODE_("{ vlan: 10, address: [ 10.0.2.5/24 ] }"),
	  "t:5:15: node.networks: expected either node.gateway or node.networks; an untagged network is an "
	  "entry without vlan\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ] }, { vlan: 20, address: [ 10.0.0.200/25 ] }"),
	  "t:4:78: node.networks[1].address[0]: \"10.0.0.200\": its network overlaps that of the address in "
	  "line 4\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.200/25 ] }, { address: [ 10.0.0.5/24 ] }"),
	  "t:4:70: node.networks[1].address[0]: \"10.0.0.5\": its network overlaps that of the address in "
	  "line 4\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24, 10.0.0.5/24 ] }"),
	  "t:4:51: node.networks[0].address[1]: \"10.0.0.5\": listed twice\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ], gateway: [ 10.0.2.1 ] }, { vlan: 20, address: [ 10.0.2.5/24 ] }"),
	  "t:4:64: node.networks[0].gateway[0]: \"10.0.2.1\": expected an address on this network\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ], gateway: [ 10.0.0.1 ] }, "
			 "{ vlan: 20, address: [ 10.0.2.5/24 ], gateway: [ 10.0.2.1 ] }"),
	  "t:4:127: node.networks[1].gateway[0]: \"10.0.2.1\": expected at most one gateway of each family\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ], gateway: [ 10.0.2.5 ] }, { vlan: 20, address: [ 10.0.2.5/24 ] }"),
	  "t:4:64: node.networks[0].gateway[0]: \"10.0.2.5\": is the node's own address\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 10.0.0.5/24 ] }, { vlan: 20, address: [ 10.0.1.1/24 ] }"),
	  "t:12:25: pools.web.instances.web-1.address: \"10.0.1.1\": is the node's own address\n" },
	{ ADDRESS, NODE_("{ vlan: 10, address: [ 203.0.113.10/24 ] }"),
	  "t:16:11: services.site.vip[0]: \"203.0.113.10\": is also node.address, line 4\n" },
	{ "forward: l2", SERVICE_("[ 10 ]"),
	  "t:18:17: services.site.networks[0]: \"10\": needs node.networks, of which there is none\n" },
	{ "forward: l2", SERVICE_("[ untagged ]"),
	  "t:18:17: services.site.networks[0]: \"untagged\": needs node.networks, of which there is none\n" },
	{ "forward: l2", SERVICE_("[ 0 ]"), "t:18:17: services.site.networks[0]: \"0\": " NAME_EXPECTED },
	{ "forward: l2", SERVICE_("[ 4095 ]"), "t:18:17: services.site.networks[0]: \"4095\": " NAME_EXPECTED },
	{ "forward: l2", SERVICE_("[ tagged ]"), "t:18:17: services.site.networks[0]: \"tagged\": " NAME_EXPECTED },
	{ "forward: l2", SERVICE_("[]"), "t:18:15: services.site.networks: expected at least one entry\n" },
};

/* The networks of a service on a trunk. */
#define TRUNK(networks)                                                                            \
	"node:\n  port: eth1\n  cpus: \"1\"\n  secret: \"000102030405060708090a0b0c0d0e0f\"\n"     \
	"  networks:\n    - { vlan: 10, address: [ 10.0.0.5/24 ] }\n"                              \
	"    - { vlan: 20, address: [ 10.0.2.5/24 ] }\n"                                           \
	"pools: { web: { instances: { a: { address: 10.0.2.9 } } } }\n"                            \
	"services:\n  site:\n    vip: [ 203.0.113.10 ]\n    forward: l2\n"                         \
	"    networks: " networks "\n    listeners: [ { port: 80, pool: web } ]\n"

static const struct refuse_row on_trunk[] = {
	{ NULL, TRUNK("[ 30 ]"), "t:13:17: services.site.networks[0]: \"30\": is not in node.networks\n" },
	{ NULL, TRUNK("[ 10, untagged ]"),
	  "t:13:21: services.site.networks[1]: \"untagged\": is not in node.networks\n" },
	{ NULL, TRUNK("[ 20, 10, 20 ]"), "t:13:25: services.site.networks[2]: \"20\": listed twice\n" },
};
/* clang-format on */

int main(void)
{
	return refuse_run(rows, sizeof(rows) / sizeof(rows[0])) +
	       refuse_run(on_trunk, sizeof(on_trunk) / sizeof(on_trunk[0]));
}

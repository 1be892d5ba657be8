/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong before any value is looked at: YAML, keys, names. */
#include "tests/support/refuse.h"

/* clang-format off */
static const struct refuse_row rows[] = {
	{ NULL,
	  "",
	  "t:1:1: the file is empty; expected node, pools and services\n" },
	{ NULL,
	  "# only a comment\n",
	  "t:1:1: the file is empty; expected node, pools and services\n" },
	{ NULL,
	  "---\n",
	  "t:1:1: node: is missing; expected a mapping\n"
	  "t:1:1: services: is missing; expected a mapping\n" },
	{ "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: 10.0.1.2 }\n",
	  "    instances:\n",
	  "t:11:15: pools.web.instances: has no value; expected a mapping of names, or {} for none\n" },
	{ "  web:\n"
	  "    checks:\n"
	  "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
	  "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: 10.0.1.2 }\n",
	  "  web: ~\n",
	  "t:8:8: pools.web: has no value; expected a mapping, or {} for none\n" },
	{ "services:\n"
	  "  site:\n"
	  "    vip: [\"203.0.113.10\"]\n"
	  "    forward: l2\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "services:\n",
	  "t:14:10: services: has no value; expected a mapping of names, or {} for none\n" },
	{ "services:\n"
	  "  site:\n"
	  "    vip: [\"203.0.113.10\"]\n"
	  "    forward: l2\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "",
	  "t:1:1: services: is missing; expected a mapping\n" },
	{ NULL,
	  "hello\n",
	  "t:1:1: \"hello\": expected a mapping, not a single value\n" },
	{ NULL,
	  "[a, b]\n",
	  "t:1:1: expected a mapping, not a list\n" },
	{ "node:\n",
	  "node: &n\n",
	  "t:1:7: an anchor (&); expected only a value\n" },
	{ NULL,
	  "a: &x [1]\n"
	  "b: *x\n",
	  "t:1:1: a: unknown key; expected node, instances, pools, services\n"
	  "t:1:4: an anchor (&); expected only a value\n" },
	{ NULL,
	  "a: *x\n",
	  "t:1:1: a: unknown key; expected node, instances, pools, services\n"
	  "t:1:4: an alias (*); expected the value itself\n" },
	{ "flows: 2048",
	  "flows: !!int 2048",
	  "t:6:10: a tag (!); expected only a value\n" },
	{ "flows: 2048",
	  "<<: { flows: 2048 }",
	  "t:6:3: node.<<: merge keys are not supported\n" },
	{ "web-2: { address: 10.0.1.2 }\n",
	  "web-2: { address: 10.0.1.2\n",
	  "t:14:9: not valid YAML: did not find expected ',' or '}', while parsing a "
	  "flow mapping that begins in line 13\n" },
	{ "cpus: \"1\"",
	  "cpus: \"1",
	  "t:4:14: not valid YAML: did not find expected key, while parsing a block "
	  "mapping that begins in line 2\n" },
	{ "  cpus: \"1\"\n",
	  "\011cpus: \"1\"\n",
	  "t:3:1: a tab in the indentation; YAML indents with spaces\n" },
	{ "  cpus: \"1\"\n",
	  "  \011cpus: \"1\"\n",
	  "t:3:3: a tab in the indentation; YAML indents with spaces\n" },
	{ "eth1",
	  "eth\0011",
	  "t:2:12: control character U+0001; expected text\n" },
	{ "eth1",
	  "eth\1771",
	  "t:2:12: control character U+007F; expected text\n" },
	{ "eth1",
	  "eth\302\2051",
	  "t:2:12: control character U+0085; expected text\n" },
	{ "eth1",
	  "eth\342\200\2501",
	  "t:2:12: control character U+2028; expected text\n" },
	{ "eth1",
	  "\"eth\\x001\"",
	  "t:2:9: a NUL character in a value; expected text\n" },
	{ "  flows: 2048\n",
	  "  flows: 2048\n"
	  "  flows: 4096\n",
	  "t:7:3: node.flows: the same key as in line 6\n" },
	{ "services:\n",
	  "pools:\n"
	  "  api: {}\n"
	  "services:\n",
	  "t:14:1: pools: the same key as in line 7\n" },
	{ "      web-2: {",
	  "      web-1: {",
	  "t:13:7: pools.web.instances: \"web-1\": the same name as in line 12\n" },
	{ "services:\n"
	  "  site:\n",
	  "services:\n"
	  "  site: {}\n"
	  "  site:\n",
	  "t:15:3: services.site.vip: is missing; expected a list, each entry an IPv4 or "
	  "IPv6 address\n"
	  "t:15:3: services.site.forward: is missing; expected l2, ipip, gue or nat\n"
	  "t:15:3: services.site.listeners: is missing; expected a list of mappings\n"
	  "t:16:3: services: \"site\": the same name as in line 15\n" },
	{ "flows: 2048",
	  "flow: 2048",
	  "t:6:3: node.flow: unknown key; did you mean \"flows\"?\n" },
	{ "flows: 2048",
	  "idle-timeout: 5m",
	  "t:6:3: node.idle-timeout: unknown key; did you mean \"idle_timeout\"?\n" },
	{ "flows: 2048",
	  "Flows: 2048",
	  "t:6:3: node.Flows: unknown key; did you mean \"flows\"?\n" },
	{ "flows: 2048",
	  "colour: red",
	  "t:6:3: node.colour: unknown key; expected dataplane, port, cpus, address, "
	  "gateway, networks, tunnel_sources, nat_addresses, nat_ports, flows, secret, idle_timeout, syn_timeout, "
	  "fin_timeout, nat_idle_timeout, nat_syn_timeout, nat_fin_timeout, nat_closed_timeout, "
	  "reset_on_expiry, mtu, table_slots, kernel_rate, icmp_rate, hugepages_mb, checks_in_flight, "
	  "zone, control_group, metrics, vip_pool, instance_domain\n" },
	{ "flows: 2048",
	  "? { a: b } : c",
	  "t:6:5: node: expected a key, not a mapping\n" },
	{ "flows: 2048",
	  "? [a]\n"
	  "  : c",
	  "t:6:5: node: expected a key, not a list\n" },
	{ "  address: [\"10.0.0.5/24\"]\n",
	  "  adress: [\"10.0.0.5/24\"]\n",
	  "t:4:3: node.adress: unknown key; did you mean \"address\"?\n" },
	{ "pools:\n",
	  "pool:\n",
	  "t:7:1: pool: unknown key; did you mean \"pools\"?\n" },
	{ "  web:\n"
	  "    checks:\n",
	  "  \"we b\":\n"
	  "    checks:\n",
	  "t:8:3: pools: \"we b\": expected a name of 1 to 63 letters, digits, '.', '_' "
	  "and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      -web:",
	  "t:13:7: pools.web.instances: \"-web\": expected a name of 1 to 63 letters, "
	  "digits, '.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      .web:",
	  "t:13:7: pools.web.instances: \".web\": expected a name of 1 to 63 letters, "
	  "digits, '.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      web/2:",
	  "t:13:7: pools.web.instances: \"web/2\": expected a name of 1 to 63 letters, "
	  "digits, '.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      w\303\251b:",
	  "t:13:7: pools.web.instances: \"w\303\251b\": expected a name of 1 to 63 letters, "
	  "digits, '.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:",
	  "t:13:7: pools.web.instances: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": expected "
	  "a name of 1 to 63 letters, digits, '.', '_' and '-', not beginning with '.' "
	  "or '-'\n" },
	{ "      web-2:",
	  "      \"\":",
	  "t:13:7: pools.web.instances: \"\": expected a name of 1 to 63 letters, digits, "
	  "'.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "      web-2:",
	  "      [a, b]:",
	  "t:13:7: pools.web.instances: expected a name, not a list\n" },
	{ "flows: 2048",
	  "colour: [[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]",
	  "t:6:3: node.colour: unknown key; expected dataplane, port, cpus, address, "
	  "gateway, networks, tunnel_sources, nat_addresses, nat_ports, flows, secret, idle_timeout, syn_timeout, "
	  "fin_timeout, nat_idle_timeout, nat_syn_timeout, nat_fin_timeout, nat_closed_timeout, "
	  "reset_on_expiry, mtu, table_slots, kernel_rate, icmp_rate, hugepages_mb, checks_in_flight, "
	  "zone, control_group, metrics, vip_pool, instance_domain\n"
	  "t:6:25: nested too deeply\n" },
	{ "port: eth1",
	  "port: eth1: eth2",
	  "t:2:13: not valid YAML: mapping values are not allowed in this context\n" },
	{ "node:\n",
	  "node:\n"
	  "   port: eth2\n",
	  "t:3:3: not valid YAML: did not find expected key, while parsing a block "
	  "mapping that begins in line 1\n" },
	{ "pools:\n",
	  "pools: {}\n",
	  "t:8:3: not valid YAML: did not find expected key, while parsing a block "
	  "mapping that begins in line 1\n" },
	{ "    forward: l2\n",
	  "    forward: l2\n"
	  "   protocol: tcp\n",
	  "t:18:4: not valid YAML: did not find expected key, while parsing a block "
	  "mapping that begins in line 15\n" },
	{ "eth1",
	  "\"eth\\q1\"",
	  "t:2:13: not valid YAML: found unknown escape character, while parsing a "
	  "quoted scalar that begins in line 2\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80 pool: web }",
	  "t:19:24: not valid YAML: did not find expected ',' or '}', while parsing a "
	  "flow mapping that begins in line 19\n" },
	{ "node:\n",
	  "\357\273\277node:\n",
	  "t:1:1: the file begins with a byte order mark; expected UTF-8 without one\n" },
	{ "      - { port: 80, pool: web }\n",
	  "      - { port: 80, pool: web }\n"
	  "---\n",
	  "t:20:1: a second document; expected only one\n" },
	{ "      - { port: 80, pool: web }\n",
	  "      - { port: 80, pool: web }\n"
	  "---\n"
	  "node: {}\n",
	  "t:20:1: a second document; expected only one\n" },
	{ "      - { port: 80, pool: web }\n",
	  "      - { port: 80, pool: web }\n"
	  "...\n"
	  "node: {}\n",
	  "t:21:1: not valid YAML: did not find expected <document start>\n" },
	{ "vip: [\"203",
	  "vip: [\303\274, \"203",
	  "t:16:11: services.site.vip[0]: \"\303\274\": expected an IPv4 or IPv6 address\n" },
	{ "eth1",
	  "eth\0151",
	  "t:4:7: not valid YAML: could not find expected ':', while scanning a simple "
	  "key that begins in line 3\n" },
	{ "services:\n",
	  "x-y: [1, {a: b}]\n"
	  "services:\n",
	  "t:14:1: x-y: unknown key; expected node, instances, pools, services\n" },
};
/* clang-format on */

int main(void)
{
	return refuse_run(rows, sizeof(rows) / sizeof(rows[0]));
}

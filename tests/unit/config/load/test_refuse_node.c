/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of the node, and with them each type of value. */
#include "tests/support/refuse.h"

/* clang-format off */
static const struct refuse_row rows[] = {
	{ "flows: 2048",
	  "tunnel_sources: 10.255.0.0",
	  "t:6:19: node.tunnel_sources: \"10.255.0.0\": expected an IPv4 network with a prefix length "
	  "from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "tunnel_sources: 10.255.0.0/31",
	  "t:6:19: node.tunnel_sources: \"10.255.0.0/31\": expected an IPv4 network with a prefix length "
	  "from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "tunnel_sources: 10.0.0.0/7",
	  "t:6:19: node.tunnel_sources: \"10.0.0.0/7\": expected an IPv4 network with a prefix length "
	  "from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "tunnel_sources: \"2001:db8::/64\"",
	  "t:6:19: node.tunnel_sources: \"2001:db8::/64\": expected an IPv4 network with a prefix length "
	  "from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "tunnel_sources: 224.0.0.0/16",
	  "t:6:19: node.tunnel_sources: \"224.0.0.0/16\": expected an IPv4 network with a prefix length "
	  "from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "tunnel_sources: 10.255.0.1/16",
	  "t:6:19: node.tunnel_sources: \"10.255.0.1/16\": has host bits that are not 0; expected an IPv4 "
	  "network with a prefix length from 8 to 30, such as \"10.255.0.0/16\"\n" },
	{ "flows: 2048",
	  "flows: 12x",
	  "t:6:10: node.flows: \"12x\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: -1",
	  "t:6:10: node.flows: \"-1\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: +5",
	  "t:6:10: node.flows: \"+5\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 0x800",
	  "t:6:10: node.flows: \"0x800\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 010000",
	  "t:6:10: node.flows: \"010000\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 1e6",
	  "t:6:10: node.flows: \"1e6\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 2_048",
	  "t:6:10: node.flows: \"2_048\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 2048.0",
	  "t:6:10: node.flows: \"2048.0\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: \" 2048\"",
	  "t:6:10: node.flows: \" 2048\": expected a number from 1024 to 100000000, "
	  "without quotes\n" },
	{ "flows: 2048",
	  "flows: 1023",
	  "t:6:10: node.flows: \"1023\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 100000001",
	  "t:6:10: node.flows: \"100000001\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 4294967296",
	  "t:6:10: node.flows: \"4294967296\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: 99999999999999999999",
	  "t:6:10: node.flows: \"99999999999999999999\": expected a number from 1024 to "
	  "100000000\n" },
	{ "flows: 2048",
	  "flows: \"2048\"",
	  "t:6:10: node.flows: \"2048\": expected a number from 1024 to 100000000, without "
	  "quotes\n" },
	{ "flows: 2048",
	  "flows: '2048'",
	  "t:6:10: node.flows: \"2048\": expected a number from 1024 to 100000000, without "
	  "quotes\n" },
	{ "flows: 2048",
	  "flows: ",
	  "t:6:9: node.flows: \"\": has no value; expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: ~",
	  "t:6:10: node.flows: \"~\": has no value; expected a number from 1024 to "
	  "100000000\n" },
	{ "flows: 2048",
	  "flows: null",
	  "t:6:10: node.flows: \"null\": has no value; expected a number from 1024 to "
	  "100000000\n" },
	{ "flows: 2048",
	  "flows: [2048]",
	  "t:6:10: node.flows: expected a number from 1024 to 100000000, not a list\n" },
	{ "flows: 2048",
	  "flows: { a: 2048 }",
	  "t:6:10: node.flows: expected a number from 1024 to 100000000, not a mapping\n" },
	{ "flows: 2048",
	  "flows: many",
	  "t:6:10: node.flows: \"many\": expected a number from 1024 to 100000000\n" },
	{ "flows: 2048",
	  "flows: \331\242\331\240\331\244\331\250",
	  "t:6:10: node.flows: \"\331\242\331\240\331\244\331\250\": expected a number from 1024 to 100000000\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 15\n",
	  "t:6:17: node.idle_timeout: \"15\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 15 m\n",
	  "t:6:17: node.idle_timeout: \"15 m\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 1.5m\n",
	  "t:6:17: node.idle_timeout: \"1.5m\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 2h\n",
	  "t:6:17: node.idle_timeout: \"2h\": expected a duration from 1s to 1h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 500ms\n",
	  "t:6:17: node.idle_timeout: \"500ms\": expected a duration from 1s to 1h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 15M\n",
	  "t:6:17: node.idle_timeout: \"15M\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: -15m\n",
	  "t:6:17: node.idle_timeout: \"-15m\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 010m\n",
	  "t:6:17: node.idle_timeout: \"010m\": expected a duration from 1s to 1h, a whole "
	  "number with its unit: ms, s, m or h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 4294967296ms\n",
	  "t:6:17: node.idle_timeout: \"4294967296ms\": expected a duration from 1s to 1h\n" },
	{ "  flows: 2048\n",
	  "  idle_timeout: 1193047h\n",
	  "t:6:17: node.idle_timeout: \"1193047h\": expected a duration from 1s to 1h\n" },
	{ "  flows: 2048\n",
	  "  syn_timeout: 2m\n",
	  "t:6:16: node.syn_timeout: \"2m\": expected a duration from 1s to 1m\n" },
	{ "  flows: 2048\n",
	  "  fin_timeout: 0s\n",
	  "t:6:16: node.fin_timeout: \"0s\": expected a duration from 1s to 10m\n" },
	{ "  flows: 2048\n",
	  "  mtu: 1279\n",
	  "t:6:8: node.mtu: \"1279\": expected a number from 1280 to 9600\n" },
	{ "  flows: 2048\n",
	  "  mtu: 9601\n",
	  "t:6:8: node.mtu: \"9601\": expected a number from 1280 to 9600\n" },
	{ "  flows: 2048\n",
	  "  table_slots: 250\n",
	  "t:6:16: node.table_slots: \"250\": expected a number from 251 to 131071\n" },
	{ "  flows: 2048\n",
	  "  table_slots: 65536\n",
	  "t:6:16: node.table_slots: \"65536\": expected a prime number, such as 65521 or "
	  "65537\n" },
	{ "  flows: 2048\n",
	  "  table_slots: 131072\n",
	  "t:6:16: node.table_slots: \"131072\": expected a number from 251 to 131071\n" },
	{ "  flows: 2048\n",
	  "  table_slots: 1000\n",
	  "t:6:16: node.table_slots: \"1000\": expected a prime number, such as 997 or "
	  "1009\n" },
	{ "  flows: 2048\n",
	  "  kernel_rate: 99\n",
	  "t:6:16: node.kernel_rate: \"99\": expected a number from 100 to 10000000\n" },
	{ "  flows: 2048\n",
	  "  icmp_rate: 1000001\n",
	  "t:6:14: node.icmp_rate: \"1000001\": expected a number from 0 to 1000000\n" },
	{ "  flows: 2048\n",
	  "  hugepages_mb: 63\n",
	  "t:6:17: node.hugepages_mb: \"63\": expected a number from 64 to 1048576\n" },
	{ "  flows: 2048\n",
	  "  checks_in_flight: 0\n",
	  "t:6:21: node.checks_in_flight: \"0\": expected a number from 1 to 1024\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1:\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1:\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1:0\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1:0\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1:65536\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1:65536\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1:80x\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1:80x\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"127.0.0.1:080\"\n",
	  "t:6:12: node.metrics: \"127.0.0.1:080\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"::1:9627\"\n",
	  "t:6:12: node.metrics: \"::1:9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"[::1]\"\n",
	  "t:6:12: node.metrics: \"[::1]\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"[::1]9627\"\n",
	  "t:6:12: node.metrics: \"[::1]9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"[127.0.0.1]:9627\"\n",
	  "t:6:12: node.metrics: \"[127.0.0.1]:9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \":9627\"\n",
	  "t:6:12: node.metrics: \":9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"localhost:9627\"\n",
	  "t:6:12: node.metrics: \"localhost:9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"9627\"\n",
	  "t:6:12: node.metrics: \"9627\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"run/x\"\n",
	  "t:6:12: node.metrics: \"run/x\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"[[::1]]:80\"\n",
	  "t:6:12: node.metrics: \"[[::1]]:80\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"10.0.0.1]:80\"\n",
	  "t:6:12: node.metrics: \"10.0.0.1]:80\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: \"\"\n",
	  "t:6:12: node.metrics: \"\": expected an address and a port, such as \"127.0.0.1:9627\" "
	  "or \"[::1]:9627\", or the path of a UNIX socket\n" },
	{ "  flows: 2048\n",
	  "  metrics: /ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp1\n",
	  "t:6:12: node.metrics: \"/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp...\": "
	  "expected a path of at most 100 characters\n" },
	{ "  flows: 2048\n",
	  "  control_group: \"no group\"\n",
	  "t:6:18: node.control_group: \"no group\": expected the name of a group of this "
	  "system\n" },
	{ "  flows: 2048\n",
	  "  control_group: gggggggggggggggggggggggggggggggg\n",
	  "t:6:18: node.control_group: \"gggggggggggggggggggggggggggggggg\": expected the "
	  "name of a group of this system\n" },
	{ "  port: eth1\n",
	  "  dataplane: xdp\n  port: 0000:3b:00.0\n",
	  "t:3:9: node.port: \"0000:3b:00.0\": expected a kernel interface, such as \"eth1\", for "
	  "dataplane: xdp\n" },
	{ "  port: eth1\n",
	  "  port: \"net_af_xdp0,iface=eth1\"\n  dataplane: xdp\n",
	  "t:2:9: node.port: \"net_af_xdp0,iface=eth1\": expected a kernel interface, such as \"eth1\", "
	  "for dataplane: xdp\n" },
	{ "  flows: 2048\n",
	  "  dataplane: dpkd\n",
	  "t:6:14: node.dataplane: \"dpkd\": expected dpdk, xdp or auto; did you mean \"dpdk\"?\n" },
	{ "  flows: 2048\n",
	  "  dataplane: DPDK\n",
	  "t:6:14: node.dataplane: \"DPDK\": expected dpdk, xdp or auto; did you mean \"dpdk\"?\n" },
	{ "  flows: 2048\n",
	  "  dataplane: [dpdk]\n",
	  "t:6:14: node.dataplane: expected dpdk, xdp or auto, not a list\n" },
	{ "  flows: 2048\n",
	  "  gateway: 10.0.0.1\n",
	  "t:6:12: node.gateway: \"10.0.0.1\": expected a list (in [ ] or with a '-' "
	  "before each entry), not a single value\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"10.0.0.1/24\"]\n",
	  "t:6:13: node.gateway[0]: \"10.0.0.1/24\": expected an IPv4 or IPv6 address, "
	  "without a prefix length\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"10.0.0.1\", \"10.0.0.2\"]\n",
	  "t:6:25: node.gateway[1]: \"10.0.0.2\": expected at most one gateway of each "
	  "family\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"10.0.0.1\", \"fe80::1\", \"fe80::2\"]\n",
	  "t:6:36: node.gateway[2]: expected at most 2 entries\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"10.0.1.1\"]\n",
	  "t:6:13: node.gateway[0]: \"10.0.1.1\": expected an address on one of the "
	  "networks of node.address\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"10.0.0.5\"]\n",
	  "t:6:13: node.gateway[0]: \"10.0.0.5\": is the node's own address\n" },
	{ "  flows: 2048\n",
	  "  gateway: [\"224.0.0.1\"]\n",
	  "t:6:13: node.gateway[0]: \"224.0.0.1\": expected a host's address, not a "
	  "multicast one\n" },
	{ "port: eth1",
	  "port: \"\"",
	  "t:2:9: node.port: \"\": expected a PCI address (\"0000:3b:00.0\"), a kernel "
	  "interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: \"eth 1\"",
	  "t:2:9: node.port: \"eth 1\": expected a PCI address (\"0000:3b:00.0\"), a kernel "
	  "interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: 0000:3b:00.8",
	  "t:2:9: node.port: \"0000:3b:00.8\": expected a PCI address (\"0000:3b:00.0\"), a "
	  "kernel interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: 0000:3b:00",
	  "t:2:9: node.port: \"0000:3b:00\": expected a PCI address (\"0000:3b:00.0\"), a "
	  "kernel interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: 3b:20.0",
	  "t:2:9: node.port: \"3b:20.0\": expected a PCI address (\"0000:3b:00.0\"), a "
	  "kernel interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: a-name/with-a-slash",
	  "t:2:9: node.port: \"a-name/with-a-slash\": expected a PCI address "
	  "(\"0000:3b:00.0\"), a kernel interface (\"eth1\") or a DPDK vdev "
	  "(\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: eth0/1",
	  "t:2:9: node.port: \"eth0/1\": expected a PCI address (\"0000:3b:00.0\"), a kernel "
	  "interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: ..",
	  "t:2:9: node.port: \"..\": expected a PCI address (\"0000:3b:00.0\"), a kernel "
	  "interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "port: eth1",
	  "port: \"net_af_xdp0,iface=eth 1\"",
	  "t:2:9: node.port: \"net_af_xdp0,iface=eth 1\": expected a PCI address "
	  "(\"0000:3b:00.0\"), a kernel interface (\"eth1\") or a DPDK vdev "
	  "(\"net_af_xdp0,iface=eth1\")\n" },
	{ "  port: eth1\n",
	  "",
	  "t:1:1: node.port: is missing; expected a PCI address (\"0000:3b:00.0\"), a "
	  "kernel interface (\"eth1\") or a DPDK vdev (\"net_af_xdp0,iface=eth1\")\n" },
	{ "  cpus: \"1\"\n",
	  "",
	  "t:1:1: node.cpus: is missing; expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "  address: [\"10.0.0.5/24\"]\n",
	  "",
	  "t:1:1: node.address: is missing; expected a list, each entry an address with "
	  "its prefix length, such as \"10.0.0.5/24\"\n" },
	{ "  secret: \"000102030405060708090a0b0c0d0e0f\"\n",
	  "",
	  "t:1:1: node.secret: is missing; expected 32 hex digits, the same on all nodes "
	  "of a cluster, from \"openssl rand -hex 16\"\n" },
	{ "\"1\"",
	  "\"\"",
	  "t:3:9: node.cpus: \"\": expected a string of CPUs from 0 to 1023, such as \"2-5,7\"\n" },
	{ "\"1\"",
	  "\"1,\"",
	  "t:3:9: node.cpus: \"1,\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\",1\"",
	  "t:3:9: node.cpus: \",1\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"1,,2\"",
	  "t:3:9: node.cpus: \"1,,2\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"1-\"",
	  "t:3:9: node.cpus: \"1-\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"3-1\"",
	  "t:3:9: node.cpus: \"3-1\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"1,1\"",
	  "t:3:9: node.cpus: \"1,1\": CPU 1 is listed twice\n" },
	{ "\"1\"",
	  "\"1-3,2\"",
	  "t:3:9: node.cpus: \"1-3,2\": CPU 2 is listed twice\n" },
	{ "\"1\"",
	  "\"1024\"",
	  "t:3:9: node.cpus: \"1024\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"0-64\"",
	  "t:3:9: node.cpus: \"0-64\": expected at most 64 CPUs, not 65\n" },
	{ "\"1\"",
	  "\"a\"",
	  "t:3:9: node.cpus: \"a\": expected a string of CPUs from 0 to 1023, such as \"2-5,7\"\n" },
	{ "\"1\"",
	  "\"01\"",
	  "t:3:9: node.cpus: \"01\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "\"1, 2\"",
	  "t:3:9: node.cpus: \"1, 2\": expected a string of CPUs from 0 to 1023, such as "
	  "\"2-5,7\"\n" },
	{ "\"1\"",
	  "[1]",
	  "t:3:9: node.cpus: expected a string of CPUs from 0 to 1023, such as \"2-5,7\", not "
	  "a list\n" },
	{ "\"1\"",
	  "\"1-4294967295\"",
	  "t:3:9: node.cpus: \"1-4294967295\": expected a string of CPUs from 0 to 1023, such "
	  "as \"2-5,7\"\n" },
	{ "[\"10.0.0.5/24\"]",
	  "\"10.0.0.5/24\"",
	  "t:4:12: node.address: \"10.0.0.5/24\": expected a list (in [ ] or with a '-' "
	  "before each entry), not a single value\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[]",
	  "t:4:12: node.address: expected at least one entry\n" },
	{ "[\"10.0.0.5/24\"]",
	  "",
	  "t:4:11: node.address: expected at least one entry\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5\"]",
	  "t:4:13: node.address[0]: \"10.0.0.5\": expected an address with its prefix "
	  "length, such as \"10.0.0.5/24\"\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/33\"]",
	  "t:4:13: node.address[0]: \"10.0.0.5/33\": expected a prefix length from 1 to 32\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/0\"]",
	  "t:4:13: node.address[0]: \"10.0.0.5/0\": expected a prefix length from 1 to 32\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/024\"]",
	  "t:4:13: node.address[0]: \"10.0.0.5/024\": expected a prefix length from 1 to "
	  "32\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/\"]",
	  "t:4:13: node.address[0]: \"10.0.0.5/\": expected a prefix length from 1 to 32\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.0/24\"]",
	  "t:4:13: node.address[0]: \"10.0.0.0/24\": expected a host's address, not the "
	  "network's\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.255/24\"]",
	  "t:4:13: node.address[0]: \"10.0.0.255/24\": expected a host's address, not the "
	  "network's broadcast\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0/24\"]",
	  "t:4:13: node.address[0]: \"10.0.0/24\": expected an address with its prefix "
	  "length, such as \"10.0.0.5/24\"\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"2001:db8::/64\"]",
	  "t:4:13: node.address[0]: \"2001:db8::/64\": expected a host's address, not the "
	  "network's\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"2001:db8::5/129\"]",
	  "t:4:13: node.address[0]: \"2001:db8::5/129\": expected a prefix length from 1 "
	  "to 128\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"fe80::5/64\"]",
	  "t:4:13: node.address[0]: \"fe80::5/64\": expected a host's address, not a "
	  "link-local one\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"::ffff:10.0.0.5/120\"]",
	  "t:4:13: node.address[0]: \"::ffff:10.0.0.5/120\": expected a host's address, "
	  "not an IPv4-mapped one\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"127.0.0.1/8\"]",
	  "t:4:13: node.address[0]: \"127.0.0.1/8\": expected a host's address, not a "
	  "loopback one\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/24\", \"10.0.0.5/16\"]",
	  "t:4:28: node.address[1]: \"10.0.0.5\": listed twice\n" },
	{ "[\"10.0.0.5/24\"]",
	  "[\"10.0.0.5/24\", [\"10.0.0.6/24\"]]",
	  "t:4:28: node.address[1]: expected an address with its prefix length, such as "
	  "\"10.0.0.5/24\", not a list\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "\"00010203\"",
	  "t:5:11: node.secret: has 8 characters; expected 32 hex digits, the same on "
	  "all nodes of a cluster, from \"openssl rand -hex 16\"\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "\"000102030405060708090a0b0c0d0e0g\"",
	  "t:5:11: node.secret: contains characters other than hex digits; expected 32 hex "
	  "digits, the same on all nodes of a cluster, from \"openssl rand -hex "
	  "16\"\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "\"000102030405060708090a0b0c0d0e0f0\"",
	  "t:5:11: node.secret: has 33 characters; expected 32 hex digits, the same on "
	  "all nodes of a cluster, from \"openssl rand -hex 16\"\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "\"\"",
	  "t:5:11: node.secret: has 0 characters; expected 32 hex digits, the same on "
	  "all nodes of a cluster, from \"openssl rand -hex 16\"\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "",
	  "t:5:10: node.secret: has no value; expected 32 hex digits, the same on all "
	  "nodes of a cluster, from \"openssl rand -hex 16\"\n" },
	{ "\"000102030405060708090a0b0c0d0e0f\"",
	  "[a]",
	  "t:5:11: node.secret: expected 32 hex digits, the same on all nodes of a "
	  "cluster, from \"openssl rand -hex 16\", not a list\n" },
	{ "  flows: 2048\n",
	  "  fin_timeout: 11m\n",
	  "t:6:16: node.fin_timeout: \"11m\": expected a duration from 1s to 10m\n" },
	{ "  flows: 2048\n",
	  "  table_slots: 65535\n",
	  "t:6:16: node.table_slots: \"65535\": expected a prime number, such as 65521 or "
	  "65537\n" },
	{ "node:\n",
	  "node: 5\n"
	  "#",
	  "t:3:3: not valid YAML: did not find expected key, while parsing a block "
	  "mapping that begins in line 1\n" },
	{ "[\"10.0.0.5/24\"]",
	  "{ a: b }",
	  "t:4:12: node.address: expected a list (in [ ] or with a '-' before each "
	  "entry), not a mapping\n" },
	{ "  flows: 2048\n",
	  "  control_group: -g\n",
	  "t:6:18: node.control_group: \"-g\": expected the name of a group of this system\n" },
	{ "port: eth1",
	  "port: \"0000:3b:00.0,a=b c\"",
	  "t:2:9: node.port: \"0000:3b:00.0,a=b c\": expected a PCI address "
	  "(\"0000:3b:00.0\"), a kernel interface (\"eth1\") or a DPDK vdev "
	  "(\"net_af_xdp0,iface=eth1\")\n" },
};
/* clang-format on */

int main(void)
{
	return refuse_run(rows, sizeof(rows) / sizeof(rows[0]));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of pools and services, and rules across several keys. */
#include "tests/support/refuse.h"

/* clang-format off */
static const struct refuse_row rows[] = {
	{ "flows: 2048",
	  "tunnel_sources: 10.0.1.0/30",
	  "t:6:19: node.tunnel_sources: \"10.0.1.0/30\": expected unused addresses; an "
	  "instance, line 12, has one of them: 10.0.1.1\n"
	  "t:6:19: node.tunnel_sources: \"10.0.1.0/30\": expected unused addresses; an "
	  "instance, line 13, has one of them: 10.0.1.2\n" },
	{ "flows: 2048",
	  "tunnel_sources: 203.0.113.0/24",
	  "t:6:19: node.tunnel_sources: \"203.0.113.0/24\": expected unused addresses; a VIP, "
	  "line 16, has one of them: 203.0.113.10\n" },
	{ "flows: 2048",
	  "tunnel_sources: 10.0.0.0/24",
	  "t:6:19: node.tunnel_sources: \"10.0.0.0/24\": expected unused addresses; "
	  "node.address, line 4, has one of them: 10.0.0.5\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"http:80/\"",
	  "t:10:19: pools.web.checks[0].target: \"http:80/\": expected the word in "
	  "capitals: HTTP\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"Tcp:80\"",
	  "t:10:19: pools.web.checks[0].target: \"Tcp:80\": expected the word in capitals: "
	  "TCP\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:80\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:80\": expected a path after the "
	  "port, \"HTTP:80/\" if no other\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTPS:443\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTPS:443\": expected a path after the "
	  "port, \"HTTPS:443/\" if no other\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:80/\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:80/\": expected nothing after the "
	  "port: TCP checks take no path\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"SSL:443/x\"",
	  "t:10:19: pools.web.checks[0].target: \"SSL:443/x\": expected nothing after the "
	  "port: SSL checks take no path\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP\": expected TCP:port, SSL:port, "
	  "HTTP:port/path or HTTPS:port/path\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:\": expected a port from 1 to 65535 "
	  "after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:0\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:0\": expected a port from 1 to 65535 "
	  "after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:65536\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:65536\": expected a port from 1 to "
	  "65535 after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:080\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:080\": expected a port from 1 to "
	  "65535 after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:http\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:http\": expected a port from 1 to "
	  "65535 after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"TCP:80x\"",
	  "t:10:19: pools.web.checks[0].target: \"TCP:80x\": expected a port from 1 to "
	  "65535 after \"TCP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"UDP:53\"",
	  "t:10:19: pools.web.checks[0].target: \"UDP:53\": expected TCP:port, SSL:port, "
	  "HTTP:port/path or HTTPS:port/path\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:80/a b\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:80/a b\": expected a path of "
	  "printable ASCII characters without spaces and '#'\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:80/a#b\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:80/a#b\": expected a path of "
	  "printable ASCII characters without spaces and '#'\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:80/\303\251\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:80/\303\251\": expected a path of "
	  "printable ASCII characters without spaces and '#'\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:/\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:/\": expected a port from 1 to "
	  "65535 after \"HTTP:\"\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"\"",
	  "t:10:19: pools.web.checks[0].target: \"\": expected TCP:port, SSL:port, "
	  "HTTP:port/path or HTTPS:port/path\n" },
	{ "\"HTTP:80/up.html\"",
	  "\"HTTP:80up\"",
	  "t:10:19: pools.web.checks[0].target: \"HTTP:80up\": expected a port from 1 to "
	  "65535 after \"HTTP:\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ interval: 10s }",
	  "t:10:9: pools.web.checks[0].target: is missing; expected TCP:port, SSL:port, "
	  "HTTP:port/path or HTTPS:port/path\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 99ms }",
	  "t:10:39: pools.web.checks[0].interval: \"99ms\": expected a duration from 100ms "
	  "to 5m\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 301s }",
	  "t:10:39: pools.web.checks[0].interval: \"301s\": expected a duration from 100ms "
	  "to 5m\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 10s, timeout: 49ms }",
	  "t:10:53: pools.web.checks[0].timeout: \"49ms\": expected a duration from 50ms "
	  "to 1m\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 200s, timeout: 61s }",
	  "t:10:54: pools.web.checks[0].timeout: \"61s\": expected a duration from 50ms to "
	  "1m\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 10s, timeout: 10s }",
	  "t:10:53: pools.web.checks[0].timeout: \"10s\": expected less than the interval, "
	  "10s\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", interval: 2s }",
	  "t:10:9: pools.web.checks[0].timeout: \"5s\": expected less than the interval, "
	  "2s; this is the default, so give a timeout\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", unhealthy: 1 }",
	  "t:10:40: pools.web.checks[0].unhealthy: \"1\": expected a number from 2 to 10\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", healthy: 11 }",
	  "t:10:38: pools.web.checks[0].healthy: \"11\": expected a number from 2 to 10\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "TCP:80",
	  "t:10:9: pools.web.checks[0]: \"TCP:80\": expected a mapping, not a single value\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", intervall: 10s }",
	  "t:10:29: pools.web.checks[0].intervall: unknown key; did you mean \"interval\"?\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\" }\n"
	  "      - { target: \"TCP:80\" }",
	  "t:11:19: pools.web.checks[1].target: \"TCP:80\": the same target as in line 10\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"99\" }",
	  "t:10:39: pools.web.checks[0].expect: \"99\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"600\" }",
	  "t:10:39: pools.web.checks[0].expect: \"600\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"299-200\" }",
	  "t:10:39: pools.web.checks[0].expect: \"299-200\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"200,\" }",
	  "t:10:39: pools.web.checks[0].expect: \"200,\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"200-\" }",
	  "t:10:39: pools.web.checks[0].expect: \"200-\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"200,,201\" }",
	  "t:10:39: pools.web.checks[0].expect: \"200,,201\": expected statuses from 100 to 599, such as \"200-299,301\"\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", expect: \"\" }",
	  "t:10:39: pools.web.checks[0].expect: \"\": expected 1 to 255 characters, not 0\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", expect: 200 }",
	  "t:10:37: pools.web.checks[0].expect: only HTTP and HTTPS checks take it\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"SSL:443\", host: www }",
	  "t:10:36: pools.web.checks[0].host: only HTTP and HTTPS checks take it\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", host: \"a b\" }",
	  "t:10:37: pools.web.checks[0].host: \"a b\": expected a host name or address, with or without a port\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"HTTP:80/\", sni: www }",
	  "t:10:36: pools.web.checks[0].sni: only SSL and HTTPS checks take it\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"SSL:443\", sni: -www }",
	  "t:10:35: pools.web.checks[0].sni: \"-www\": expected a DNS name\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"SSL:443\", sni: 10.0.0.1 }",
	  "t:10:35: pools.web.checks[0].sni: \"10.0.0.1\": expected a name, not an address (RFC 6066)\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", verify: true }",
	  "t:10:37: pools.web.checks[0].verify: only SSL and HTTPS checks take it\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"SSL:443\", ca_file: /ca }",
	  "t:10:39: pools.web.checks[0].ca_file: expected \"verify: true\" beside it\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"SSL:443\", verify: true, ca_file: ca }",
	  "t:10:53: pools.web.checks[0].ca_file: \"ca\": expected an absolute path\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", source: 127.0.0.1 }",
	  "t:10:37: pools.web.checks[0].source: \"127.0.0.1\": expected a host's address, not a loopback one\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", send_proxy: v2 }",
	  "t:10:41: pools.web.checks[0].send_proxy: \"v2\": expected true or false\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", fast_interval: 99ms }",
	  "t:10:44: pools.web.checks[0].fast_interval: \"99ms\": expected a duration from 100ms to 5m\n" },
	{ "{ target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }",
	  "{ target: \"TCP:80\", down_interval: 6m }",
	  "t:10:44: pools.web.checks[0].down_interval: \"6m\": expected a duration from 100ms to 5m\n" },
	{ "    checks:\n",
	  "    zone_minimum: 0\n"
	  "    checks:\n",
	  "t:9:19: pools.web.zone_minimum: \"0\": expected a number from 1 to 4096\n" },
	{ "    checks:\n",
	  "    panic_threshold: 101\n"
	  "    checks:\n",
	  "t:9:22: pools.web.panic_threshold: \"101\": expected a number from 0 to 100\n" },
	{ "    checks:\n",
	  "    minimum_up: \"-1\"\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"-1\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: 1.5\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"1.5\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: 50 %\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"50 %\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: 101%\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"101%\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: 4097\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"4097\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: half\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"half\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: \"%\"\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"%\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    minimum_up: 2%%\n"
	  "    checks:\n",
	  "t:9:17: pools.web.minimum_up: \"2%%\": expected a number of instances from 0 to 4096, or a share "
	  "of them from 0% to 100%\n" },
	{ "    checks:\n",
	  "    on_minimum: move\n"
	  "    checks:\n",
	  "t:9:17: pools.web.on_minimum: \"move\": expected keep or drop\n" },
	{ "    checks:\n",
	  "    agent: 0\n"
	  "    checks:\n",
	  "t:9:12: pools.web.agent: \"0\": expected a number from 1 to 65535\n" },
	{ "    checks:\n",
	  "    agent: \"TCP:9707\"\n"
	  "    checks:\n",
	  "t:9:12: pools.web.agent: \"TCP:9707\": expected a number from 1 to 65535, without quotes\n" },
	{ "    checks:\n",
	  "    agent_interval: 10ms\n"
	  "    checks:\n",
	  "t:9:21: pools.web.agent_interval: \"10ms\": expected a duration from 100ms to 5m\n" },
	{ "flows: 2048",
	  "zone: -a",
	  "t:6:9: node.zone: \"-a\": expected a name of 1 to 63 letters, digits, '.', '_' and '-', "
	  "not beginning with '.' or '-'\n" },
	{ "    checks:\n",
	  "    on_down: drop\n"
	  "    checks:\n",
	  "t:9:14: pools.web.on_down: \"drop\": expected move or keep\n" },
	{ "    checks:\n",
	  "    flapping: { times: 1 }\n    checks:\n",
	  "t:9:24: pools.web.flapping.times: \"1\": expected a number from 2 to 100\n" },
	{ "    checks:\n",
	  "    flapping: { within: 25h }\n    checks:\n",
	  "t:9:25: pools.web.flapping.within: \"25h\": expected a duration from 1s to 24h\n" },
	{ "    checks:\n",
	  "    all_down: open_\n"
	  "    checks:\n",
	  "t:9:15: pools.web.all_down: \"open_\": expected open or drop; did you mean "
	  "\"open\"?\n" },
	{ "    checks:\n",
	  "    on_down: yes\n"
	  "    checks:\n",
	  "t:9:14: pools.web.on_down: \"yes\": expected move or keep\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.1 }",
	  "t:13:25: pools.web.instances.web-2.address: \"10.0.1.1\": is also the address of "
	  "\"web-1\", line 12\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.0.5 }",
	  "t:13:25: pools.web.instances.web-2.address: \"10.0.0.5\": is the node's own "
	  "address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 203.0.113.10 }",
	  "t:16:11: services.site.vip[0]: \"203.0.113.10\": is also the address of instance "
	  "web/web-2, line 13\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1 }",
	  "t:13:25: pools.web.instances.web-2.address: \"10.0.1\": expected an IPv4 or "
	  "IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 010.0.1.2 }",
	  "t:13:25: pools.web.instances.web-2.address: \"010.0.1.2\": expected an IPv4 or "
	  "IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.256 }",
	  "t:13:25: pools.web.instances.web-2.address: \"10.0.1.256\": expected an IPv4 or "
	  "IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: web-2.example.com }",
	  "t:13:25: pools.web.instances.web-2.address: \"web-2.example.com\": expected an "
	  "IPv4 or IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2/24 }",
	  "t:13:25: pools.web.instances.web-2.address: \"10.0.1.2/24\": expected an IPv4 "
	  "or IPv6 address, without a prefix length\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 0.0.0.0 }",
	  "t:13:25: pools.web.instances.web-2.address: \"0.0.0.0\": expected a host's "
	  "address, not an unspecified one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 127.0.0.1 }",
	  "t:13:25: pools.web.instances.web-2.address: \"127.0.0.1\": expected a host's "
	  "address, not a loopback one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 224.0.0.1 }",
	  "t:13:25: pools.web.instances.web-2.address: \"224.0.0.1\": expected a host's "
	  "address, not a multicast one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 255.255.255.255 }",
	  "t:13:25: pools.web.instances.web-2.address: \"255.255.255.255\": expected a "
	  "host's address, not the broadcast one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"fe80::1\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"fe80::1\": expected a host's "
	  "address, not a link-local one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"fe80::1%eth0\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"fe80::1%eth0\": expected an IPv4 "
	  "or IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"ff02::1\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"ff02::1\": expected a host's "
	  "address, not a multicast one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"::\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"::\": expected a host's address, "
	  "not the unspecified one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"::1\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"::1\": expected a host's address, "
	  "not the loopback one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: \"::ffff:10.0.1.2\" }",
	  "t:13:25: pools.web.instances.web-2.address: \"::ffff:10.0.1.2\": expected a "
	  "host's address, not an IPv4-mapped one\n" },
	{ "{ address: 10.0.1.2 }",
	  "{}",
	  "t:13:7: pools.web.instances.web-2.address: is missing; expected an IPv4 or "
	  "IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "",
	  "t:13:7: pools.web.instances.web-2.address: is missing; expected an IPv4 or "
	  "IPv6 address\n" },
	{ "{ address: 10.0.1.2 }",
	  "10.0.1.2",
	  "t:13:14: pools.web.instances.web-2: \"10.0.1.2\": expected a mapping, not a "
	  "single value\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, weight: 1001 }",
	  "t:13:43: pools.web.instances.web-2.weight: \"1001\": expected a number from 0 "
	  "to 1000\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, weight: -1 }",
	  "t:13:43: pools.web.instances.web-2.weight: \"-1\": expected a number from 0 to "
	  "1000\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, backup: yes }",
	  "t:13:43: pools.web.instances.web-2.backup: \"yes\": expected true or false; "
	  "YAML 1.2 has no other words for them\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, backup: True }",
	  "t:13:43: pools.web.instances.web-2.backup: \"True\": expected true or false\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, backup: \"true\" }",
	  "t:13:43: pools.web.instances.web-2.backup: \"true\": expected true or false, "
	  "without quotes\n" },
	{ "{ address: 10.0.1.2 }",
	  "{ address: 10.0.1.2, backup: 1 }",
	  "t:13:43: pools.web.instances.web-2.backup: \"1\": expected true or false\n" },
	{ "[\"203.0.113.10\"]",
	  "203.0.113.10",
	  "t:16:10: services.site.vip: \"203.0.113.10\": expected a list (in [ ] or with a "
	  "'-' before each entry), not a single value\n" },
	{ "[\"203.0.113.10\"]",
	  "[]",
	  "t:16:10: services.site.vip: expected at least one entry\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"203.0.113.10\", \"203.0.113.10\"]",
	  "t:16:27: services.site.vip[1]: \"203.0.113.10\": listed twice\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"10.0.0.5\"]",
	  "t:16:11: services.site.vip[0]: \"10.0.0.5\": is also node.address, "
	  "line 4\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"10.0.1.1\"]",
	  "t:16:11: services.site.vip[0]: \"10.0.1.1\": is also the address of instance "
	  "web/web-1, line 12\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"0.0.0.0\"]",
	  "t:16:11: services.site.vip[0]: \"0.0.0.0\": expected a host's address, not an "
	  "unspecified one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"127.0.0.1\"]",
	  "t:16:11: services.site.vip[0]: \"127.0.0.1\": expected a host's address, not a "
	  "loopback one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"239.1.1.1\"]",
	  "t:16:11: services.site.vip[0]: \"239.1.1.1\": expected a host's address, not a "
	  "multicast one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"255.255.255.255\"]",
	  "t:16:11: services.site.vip[0]: \"255.255.255.255\": expected a host's address, "
	  "not the broadcast one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"::1\"]",
	  "t:16:11: services.site.vip[0]: \"::1\": expected a host's address, not the "
	  "loopback one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"ff02::1\"]",
	  "t:16:11: services.site.vip[0]: \"ff02::1\": expected a host's address, not a "
	  "multicast one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"fe80::10\"]",
	  "t:16:11: services.site.vip[0]: \"fe80::10\": expected a host's address, not a "
	  "link-local one\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"203.0.113.10/32\"]",
	  "t:16:11: services.site.vip[0]: \"203.0.113.10/32\": expected an IPv4 or IPv6 "
	  "address, without a prefix length\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"203.0.113\"]",
	  "t:16:11: services.site.vip[0]: \"203.0.113\": expected an IPv4 or IPv6 address\n" },
	{ "[\"203.0.113.10\"]",
	  "[\"0203.0.113.10\"]",
	  "t:16:11: services.site.vip[0]: \"0203.0.113.10\": expected an IPv4 or IPv6 "
	  "address\n" },
	{ "[\"203.0.113.10\"]",
	  "[~]",
	  "t:16:11: services.site.vip[0]: \"~\": has no value; expected an IPv4 or IPv6 "
	  "address\n" },
	{ "    forward: l2\n",
	  "",
	  "t:15:3: services.site.forward: is missing; expected l2, ipip, gue or nat\n" },
	{ "forward: l2",
	  "forward: l2\n    gue_port: 6080",
	  "t:18:15: services.site.gue_port: \"6080\": only tunnels by `forward: gue` have a port, "
	  "not l2\n" },
	{ "forward: l2",
	  "forward: ipip\n    gue_port: 7000",
	  "t:18:15: services.site.gue_port: \"7000\": only tunnels by `forward: gue` have a port, "
	  "not ipip\n" },
	{ "forward: l2",
	  "forward: gue\n    gue_port: 0",
	  "t:18:15: services.site.gue_port: \"0\": expected a number from 1 to 65535\n" },
	{ "forward: l2",
	  "forward: gue\n    gue_port: 65536",
	  "t:18:15: services.site.gue_port: \"65536\": expected a number from 1 to 65535\n" },
	{ "forward: l2",
	  "forward: gu",
	  "t:17:14: services.site.forward: \"gu\": expected l2, ipip, gue or nat; did you mean "
	  "\"gue\"?\n" },
	{ "forward: l2",
	  "forward: L2",
	  "t:17:14: services.site.forward: \"L2\": expected l2, ipip, gue or nat; did you mean \"l2\"?\n" },
	{ "forward: l2",
	  "forward: ip2ip",
	  "t:17:14: services.site.forward: \"ip2ip\": expected l2, ipip, gue or nat; did you mean "
	  "\"ipip\"?\n" },
	{ "forward: l2\n",
	  "forward: l2\n"
	  "    protocol: udp\n",
	  "t:18:15: services.site.protocol: \"udp\": not supported by this version yet; "
	  "expected tcp\n" },
	{ "{ port: 80, pool: web }",
	  "{ pool: web }",
	  "t:19:9: services.site.listeners[0].port: is missing; expected a number from 1 "
	  "to 65535\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80 }",
	  "t:19:9: services.site.listeners[0].pool: is missing; expected the name of a "
	  "pool\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 0, pool: web }",
	  "t:19:17: services.site.listeners[0].port: \"0\": expected a number from 1 to "
	  "65535\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 65536, pool: web }",
	  "t:19:17: services.site.listeners[0].port: \"65536\": expected a number from 1 "
	  "to 65535\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: http, pool: web }",
	  "t:19:17: services.site.listeners[0].port: \"http\": expected a number from 1 to "
	  "65535\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, instance_port: 0, pool: web }",
	  "t:19:36: services.site.listeners[0].instance_port: \"0\": expected a number "
	  "from 1 to 65535\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, pool: wbe }",
	  "t:19:27: services.site.listeners[0].pool: \"wbe\": there is no such pool; did "
	  "you mean \"web\"?\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, pool: other }",
	  "t:19:27: services.site.listeners[0].pool: \"other\": there is no such pool\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, pool: \"\" }",
	  "t:19:27: services.site.listeners[0].pool: \"\": expected a name of 1 to 63 "
	  "letters, digits, '.', '_' and '-', not beginning with '.' or '-'\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, pool: web }\n"
	  "      - { port: 80, pool: web }",
	  "t:20:17: services.site.listeners[1].port: \"80\": the same port as in line 19\n" },
	{ "{ port: 80, pool: web }",
	  "{ port: 80, pool: web }\n"
	  "  other:\n"
	  "    vip: [\"198.51.100.1\", \"203.0.113.10\"]\n"
	  "    forward: l2\n"
	  "    listeners: [{ port: 443, pool: web }, { port: 80, pool: web }]",
	  "t:23:51: services.other.listeners[1].port: \"80\": service \"site\", line 19, already has "
	  "this port of 203.0.113.10\n" },
	{ "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "",
	  "t:15:3: services.site.listeners: is missing; expected a list of mappings\n" },
	{ "      - { port: 80, pool: web }\n",
	  "",
	  "t:18:15: services.site.listeners: expected at least one entry\n" },
	{ "flows: 2048",
	  "flows: 1\n"
	  "  cpu: \"2\"\n"
	  "  colour: red",
	  "t:6:10: node.flows: \"1\": expected a number from 1024 to 100000000\n"
	  "t:7:3: node.cpu: unknown key; did you mean \"cpus\"?\n"
	  "t:8:3: node.colour: unknown key; expected dataplane, port, cpus, address, "
	  "gateway, networks, tunnel_sources, nat_addresses, nat_ports, flows, secret, idle_timeout, syn_timeout, "
	  "fin_timeout, nat_idle_timeout, nat_syn_timeout, nat_fin_timeout, nat_closed_timeout, "
	  "reset_on_expiry, mtu, table_slots, kernel_rate, icmp_rate, hugepages_mb, checks_in_flight, zone, "
	  "control_group, metrics, vip_pool, instance_domain\n" },
	{ NULL,
	  "node:\n"
	  "  port: eth1\n"
	  "  cpus: \"1\"\n"
	  "  address: [\"10.0.0.5/24\"]\n"
	  "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
	  "  flows: 2048\n"
	  "pools:\n"
	  "  web:\n"
	  "    checks:\n"
	  "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
	  "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: \"2001:db8::2\" }\n"
	  "services:\n"
	  "  site:\n"
	  "    vip: [\"203.0.113.10\"]\n"
	  "    forward: ipip\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "t:19:27: services.site.listeners[0].pool: \"web\": tunnels to its IPv6 "
	  "instances (\"web-2\", line 13) need an IPv6 address in node.address as "
	  "their source\n" },
	{ NULL,
	  "node:\n"
	  "  port: eth1\n"
	  "  cpus: \"1\"\n"
	  "  address: [\"10.0.0.5/24\"]\n"
	  "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
	  "  flows: 2048\n"
	  "pools:\n"
	  "  web:\n"
	  "    checks:\n"
	  "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
	  "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: \"2001:db8::2\" }\n"
	  "services:\n"
	  "  site:\n"
	  "    vip: [\"203.0.113.10\"]\n"
	  "    forward: gue\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "t:19:27: services.site.listeners[0].pool: \"web\": tunnels to its IPv6 "
	  "instances (\"web-2\", line 13) need an IPv6 address in node.address as "
	  "their source\n" },
	{ NULL,
	  "node:\n"
	  "  port: eth1\n"
	  "  cpus: \"1\"\n"
	  "  address: [\"2001:db8::5/64\"]\n"
	  "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
	  "  flows: 2048\n"
	  "pools:\n"
	  "  web:\n"
	  "    checks:\n"
	  "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
	  "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: 10.0.1.2 }\n"
	  "services:\n"
	  "  site:\n"
	  "    vip: [\"203.0.113.10\"]\n"
	  "    forward: ipip\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "t:19:27: services.site.listeners[0].pool: \"web\": tunnels to its IPv4 "
	  "instances (\"web-1\", line 12) need an IPv4 address in node.address as "
	  "their source\n" },
	{ NULL,
	  "node:\n"
	  "  port: eth1\n"
	  "  cpus: \"1\"\n"
	  "  address: [\"10.0.0.5/24\"]\n"
	  "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
	  "  gateway: [\"10.0.0.1\"]\n"
	  "pools:\n"
	  "  web:\n"
	  "    checks:\n"
	  "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
	  "    instances:\n"
	  "      web-1: { address: 10.0.1.1, weight: 100 }\n"
	  "      web-2: { address: 10.0.1.2 }\n"
	  "services:\n"
	  "  site:\n"
	  "    vip: [\"10.0.0.1\"]\n"
	  "    forward: l2\n"
	  "    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "t:16:11: services.site.vip[0]: \"10.0.0.1\": is also node.gateway, "
	  "line 6\n" },
};
/* clang-format on */

int main(void)
{
	return refuse_run(rows, sizeof(rows) / sizeof(rows[0]));
}

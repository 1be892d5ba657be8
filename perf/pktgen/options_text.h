/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of pktgen: symbol, name, argument, help. One table for the parser and --help. */
#ifndef PKTGEN_OPTIONS_TEXT_H
#define PKTGEN_OPTIONS_TEXT_H

#define OPTIONS_HEAD                                                                               \
	"usage: pktgen --port DEVICE --node-mac MAC --vip ADDR:PORT... --instances ADDR-ADDR...\n" \
	"\n"                                                                                       \
	"Sends TCP flows to a load balancer and checks every packet that comes back.\n"

#define OPTIONS_TAIL                                                                                  \
	"  -j FILE                      the same as --json\n"                                         \
	"  -h, --help                   this text\n"                                                  \
	"  -V, --version                the version\n"                                                \
	"\n"                                                                                          \
	"Numbers may have a suffix: 100k, 2.5M. Exit code: 0 fine, 1 a fault was seen (or a packet\n" \
	"lost, with --no-loss, or all), 2 usage, 3 the device does not work."

#define OPTIONS_LIST(X)                                                                            \
	X(PORT, "port", "DEVICE", "PCI address, or a DPDK vdev: net_memif0,role=client,...")       \
	X(CPU, "cpu", "N", "of the worker that sends and receives")                                \
	X(MEMORY, "memory", "MB", "for packet buffers (what they need)")                           \
	X(NO_HUGE, "no-huge", "", "do without hugepages even if there are some")                   \
	X(DESCRIPTORS, "descriptors", "N", "of each queue (1024)")                                 \
	X(EAL, "eal", "WORDS", "more arguments for DPDK")                                          \
	X(NODE_MAC, "node-mac", "MAC", "of the device under test")                                 \
	X(MODE, "mode", "MODE", "what it does: l2 (as if not given), ipip, macswap")               \
	X(VIP, "vip", "ADDR:PORT",                                                                 \
	  "where to; up to 16, also [ADDR]:PORT; flows take them in turn")                         \
	X(INSTANCES, "instances", "A[-B]",                                                         \
	  "where packets may go; up to 8 ranges, numbered through")                                \
	X(INSTANCE_MAC, "instance-mac", "MAC",                                                     \
	  "of number 0; of the others, plus N (02:5a:00:01:00:00)")                                \
	X(NEXT_HOP, "next-hop", "MAC", "of the router to the instances, for ipip")                 \
	X(MAY_LEAVE, "may-leave", "N,N-M", "instances that flows may leave in this run")           \
	X(CONFIG, "config", "FILE", "sluice.yaml: check new flows against what its tables say")    \
	X(CLIENTS, "clients", "ADDR", "the first client (100.64.0.0)")                             \
	X(CLIENTS6, "clients6", "ADDR", "its upper 96 bits are those of all (2001:db8:c::)")       \
	X(FLOWS, "flows", "N", "open at a time (100k)")                                            \
	X(ZIPF, "zipf", "S", "popularity of flows by this exponent (0: all alike)")                \
	X(SIZE, "size", "N[:W],...", "frame sizes with FCS, and their weights; imix (64)")         \
	X(CPS, "cps", "N", "new connections a second, whole life cycles; max: nothing else (0)")   \
	X(DATA, "data", "N", "data packets of each connection, with --cps max (1)")                \
	X(FLOOD, "flood", "PERCENT", "of all packets are SYNs from spoofed sources (0)")           \
	X(SEED, "seed", "N", "of all that is random")                                              \
	X(RATE, "rate", "PPS", "packets a second (as fast as it goes)")                            \
	X(OPEN_RATE, "open-rate", "PPS", "at most, for opening the flows (2M)")                    \
	X(OPENED, "opened", "", "the flows are open, from a run before: begin with data")          \
	X(TIME, "time", "S", "how long (10)")                                                      \
	X(PACKETS, "packets", "N", "stop after so many")                                           \
	X(BURST, "burst", "N", "packets at once at most (64)")                                     \
	X(DRAIN, "drain", "MS", "how long to wait for the last ones (200)")                        \
	X(SEARCH, "search", "", "find the highest rate without loss (RFC 2544)")                   \
	X(SEARCH_MIN, "search-min", "PPS", "from (10k)")                                           \
	X(SEARCH_MAX, "search-max", "PPS", "to (100M)")                                            \
	X(TRIAL, "trial", "S", "length of one trial (1)")                                          \
	X(SEARCH_TIME, "search-time", "S", "no new trial after so long (no limit)")                \
	X(PRECISION, "precision", "PERCENT", "of the rate (1)")                                    \
	X(DROP, "drop", "PERCENT", "also find the rate that loses so much (0.1)")                  \
	X(WATCH, "watch", "PID", "process of the device: did it have its CPU during a trial?")     \
	X(TRIES, "tries", "N", "of a trial that lost while a CPU was taken away (3)")              \
	X(NO_LOSS, "no-loss", "", "a lost packet is a fault")                                      \
	X(TOLERATE, "tolerate", "NAME,...", "faults that don't count: reordered, duplicate, ...")  \
	X(SERVE, "serve", "", "read runs from standard input: a line of more options each")        \
	X(YIELD, "yield", "", "leave the CPU to others when there is nothing to do")               \
	X(QUIET, "quiet", "", "no line each second")                                               \
	X(JSON, "json", "FILE", "write all that was measured")

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of pktgen: symbol, name, argument, help. One table for the parser and --help. */
#ifndef PKTGEN_OPTIONS_TEXT_H
#define PKTGEN_OPTIONS_TEXT_H

#define OPTIONS_HEAD                                                                               \
	"usage: pktgen --port DEVICE --node-mac MAC --vip ADDR:PORT... --instances ADDR-ADDR...\n" \
	"\n"                                                                                       \
	"Sends TCP flows to a load balancer and checks every packet that comes back.\n"

#define OPTIONS_TAIL                                                                               \
	"  -j FILE                      the same as --json\n"                                      \
	"  -h, --help                   this text\n"                                               \
	"  -V, --version                the version\n"                                             \
	"\n"                                                                                       \
	"Numbers may have a suffix: 100k, 2.5M. Exit code: 0 no fault, 1 a fault, or all\n"        \
	"packets lost (with --no-loss: any), 2 usage, 3 device failure."

#define OPTIONS_LIST(X)                                                                            \
	X(PORT, "port", "DEVICE", "PCI address, or a DPDK vdev: net_memif0,role=client,...")       \
	X(CPU, "cpu", "N", "CPU of the worker that sends and receives")                            \
	X(MEMORY, "memory", "MB", "memory for packet buffers (as needed)")                         \
	X(NO_HUGE, "no-huge", "", "do not use hugepages")                                          \
	X(DESCRIPTORS, "descriptors", "N", "descriptors of each queue (1024)")                     \
	X(EAL, "eal", "WORDS", "additional arguments for DPDK")                                    \
	X(NODE_MAC, "node-mac", "MAC", "MAC address of the device under test")                     \
	X(MODE, "mode", "MODE", "its forwarding mode: l2 (default), ipip, macswap")                \
	X(VIP, "vip", "ADDR:PORT",                                                                 \
	  "destinations, up to 16, also [ADDR]:PORT; flows use them in turn")                      \
	X(INSTANCES, "instances", "A[-B]",                                                         \
	  "possible receivers; up to 8 ranges, numbered in this order")                            \
	X(INSTANCE_MAC, "instance-mac", "MAC",                                                     \
	  "of instance 0; instance N has it plus N (02:5a:00:01:00:00)")                           \
	X(NEXT_HOP, "next-hop", "MAC", "MAC address of the router to the instances, for ipip")     \
	X(MAY_LEAVE, "may-leave", "N,N-M", "instances that flows may leave in this run")           \
	X(CONFIG, "config", "FILE", "sluice.yaml: check new flows against its tables")             \
	X(CLIENTS, "clients", "ADDR", "first client address (100.64.0.0)")                         \
	X(CLIENTS6, "clients6", "ADDR", "96-bit prefix of client addresses (2001:db8:c::)")        \
	X(FLOWS, "flows", "N", "concurrent flows (100k)")                                          \
	X(ZIPF, "zipf", "S", "exponent of the popularity of flows (0: uniform)")                   \
	X(SIZE, "size", "N[:W],...", "frame sizes with FCS, and their weights; imix (64)")         \
	X(CPS, "cps", "N", "new connections per second, with their ends; max: nothing else (0)")   \
	X(DATA, "data", "N", "data packets of each connection, with --cps max (1)")                \
	X(FLOOD, "flood", "PERCENT", "share of SYNs from spoofed sources (0)")                     \
	X(SEED, "seed", "N", "seed of the random numbers")                                         \
	X(RATE, "rate", "PPS", "packets per second (as fast as possible)")                         \
	X(OPEN_RATE, "open-rate", "PPS", "limit while opening the flows (2M)")                     \
	X(OPENED, "opened", "", "flows are open from an earlier run: begin with data")             \
	X(TIME, "time", "S", "duration (10)")                                                      \
	X(PACKETS, "packets", "N", "stop after N packets")                                         \
	X(BURST, "burst", "N", "largest burst (64)")                                               \
	X(DRAIN, "drain", "MS", "wait for the last packets (200)")                                 \
	X(SEARCH, "search", "", "find the highest rate without loss (RFC 2544)")                   \
	X(SEARCH_MIN, "search-min", "PPS", "lowest rate (10k)")                                    \
	X(SEARCH_MAX, "search-max", "PPS", "highest rate (100M)")                                  \
	X(TRIAL, "trial", "S", "length of one trial (1)")                                          \
	X(SEARCH_TIME, "search-time", "S", "no new trial after this time (no limit)")              \
	X(PRECISION, "precision", "PERCENT", "precision of the rate (1)")                          \
	X(DROP, "drop", "PERCENT", "also find the rate with this loss (0.1)")                      \
	X(WATCH, "watch", "PID", "process of the device: check that it was not preempted")         \
	X(TRIES, "tries", "N", "repetitions of a trial with loss during preemption (3)")           \
	X(NO_LOSS, "no-loss", "", "count a lost packet as a fault")                                \
	X(TOLERATE, "tolerate", "NAME,...", "faults to ignore: reordered, duplicate, ...")         \
	X(SERVE, "serve", "", "read runs from standard input: each a line of options")             \
	X(YIELD, "yield", "", "yield the CPU when idle")                                           \
	X(QUIET, "quiet", "", "do not print a line per second")                                    \
	X(JSON, "json", "FILE", "write all results")

#endif

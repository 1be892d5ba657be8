/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PKTGEN_OPTIONS_H
#define PKTGEN_OPTIONS_H

#include "perf/pktgen/receiver.h"

#define OPTIONS_GO_ON (-1)

struct options {
	const char *port;
	const char *eal; /* additional words for DPDK */
	int cpu;	 /* of the worker; -1: any */
	uint32_t memory_mb;
	uint32_t n_desc;
	bool no_huge;

	enum receiver_mode mode;
	struct wire_target target[WIRE_TARGETS_MAX];
	uint32_t n_targets;
	struct instances instances;
	uint8_t node_mac[LB_ETH_ALEN];
	bool has_next_hop;
	uint8_t next_hop[LB_ETH_ALEN];
	lb_be32 client4;
	uint8_t client6[16];

	uint32_t flows;
	double zipf;
	uint16_t size[WIRE_SIZES_MAX];
	uint8_t weight[WIRE_SIZES_MAX];
	uint32_t n_sizes;
	uint32_t cps;
	uint32_t data;
	double flood; /* share, 0 to 1 */

	double rate_pps; /* 0: as fast as possible */
	double open_pps; /* for opening the flows */
	double duration_s;
	uint64_t packets; /* 0: no limit */
	uint32_t burst;
	uint32_t drain_ms;
	int watch; /* process of the device under test; 0: none */

	bool search;
	double search_min_pps, search_max_pps;
	double trial_s;
	double search_s;  /* no trial begins later; 0: no limit */
	double precision; /* of the rate, relative */
	double drop;	  /* the second search's share of lost packets */
	uint32_t tries;	  /* of a trial, if it was disturbed */

	const char *config; /* of the device under test: its tables predict the instances */
	const char *json;
	bool no_loss;
	bool opened;
	bool serve;
	bool yield;
	bool quiet;
	uint32_t tolerated; /* faults, a bit each */
	uint64_t seed;
};

/** Return: OPTIONS_GO_ON, or an exit code; errors are printed on stderr. */
int options_parse(int argc, char **argv, struct options *options);

#endif

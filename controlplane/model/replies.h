/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether replies of instances come through this node, as `forward: nat` needs: checks don't show
 * it, since the route to the node's own address is another one than that to clients. An instance
 * that gets connections and sends nothing back is found by its counters. Pure: no clock, no process.
 */
#ifndef CONTROLPLANE_MODEL_REPLIES_H
#define CONTROLPLANE_MODEL_REPLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

struct replies {
	uint64_t boot_id; /* of the dataplane whose counters these are */
	struct replies_instance {
		bool is_known; /* was looked at before */
		bool are_missing;
		uint32_t reply_pkts;
		uint64_t new_flows;	 /* when the last look was made */
		uint64_t answered_flows; /* when the last reply was seen */
		uint64_t since_ns;	 /* when enough new flows had begun after it; 0: not yet */
	} instance[LB_INSTANCES_MAX];	 /* by index */
};

/** Counters of another dataplane begin. */
void replies_begin(struct replies *replies, uint64_t boot_id);

/** An instance whose services have no NAT: its flows have no replies here. */
void replies_forget(struct replies *replies, uint32_t index);

/**
 * Look at an instance again.
 * @new_flows, @reply_pkts: its counters.
 * Return: whether its replies are missing now, and were not before.
 */
bool replies_look(struct replies *replies, uint32_t index, uint64_t new_flows, uint32_t reply_pkts,
		  uint64_t now_ns);

#endif

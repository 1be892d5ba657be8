/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/replies.h"

#include <string.h>

#define FLOWS_MIN 3		  /* clients may be gone, or SYNs be spoofed */
#define PATIENCE_NS 3000000000ull /* a client sends its SYN again after 1 s */

void replies_begin(struct replies *replies, uint64_t boot_id)
{
	memset(replies, 0, sizeof(*replies));
	replies->boot_id = boot_id;
}

void replies_forget(struct replies *replies, uint32_t index)
{
	replies->instance[index] = (struct replies_instance){ .is_known = false };
}

bool replies_look(struct replies *replies, uint32_t index, uint64_t new_flows, uint32_t reply_pkts,
		  uint64_t now_ns)
{
	struct replies_instance *instance = &replies->instance[index];

	if (!instance->is_known || reply_pkts != instance->reply_pkts ||
	    new_flows < instance->new_flows) {
		*instance = (struct replies_instance){
			.is_known = true,
			.reply_pkts = reply_pkts,
			.new_flows = new_flows,
			.answered_flows = new_flows,
		};
		return false;
	}
	instance->new_flows = new_flows;
	if (instance->are_missing || new_flows - instance->answered_flows < FLOWS_MIN)
		return false;
	if (!instance->since_ns)
		instance->since_ns = now_ns;
	instance->are_missing = now_ns - instance->since_ns >= PATIENCE_NS;
	return instance->are_missing;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A change of the flow table that is under way: so that whoever goes on after a writer that was killed in the
 * middle of it knows how to count. A flow begins and ends with one store, that of its key (of its home, when it
 * changes instances); counts are written afterwards, and here is what they are without that flow. So they
 * follow from what the slot holds, however often that is asked.
 */
#ifndef LB_JOURNAL_H
#define LB_JOURNAL_H

#include "dataplane/core/lb_instance.h"

struct lb_journal {
	uint64_t key;
	uint64_t all; /* lb_worker_stats.flows */
	uint32_t flows[2];
	uint32_t bucket;
	uint16_t instance[2]; /* that counts the flow: before, and afterwards */
	uint16_t slot;
	uint16_t is_open;
	uint32_t reserved;
};

#endif

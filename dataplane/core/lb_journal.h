/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Journal of a change of the flow table, so that the successor of a writer that was killed in the
 * middle of it can correct the counts. A flow begins and ends with one store, that of its key (of
 * its home, when it changes instances); counts are written after it, and the journal holds their
 * values without that flow. The counts thus follow from what the slot holds, and recovery can be
 * repeated.
 */
#ifndef LB_JOURNAL_H
#define LB_JOURNAL_H

#include "dataplane/core/lb_instance.h"

struct lb_journal {
	uint64_t key;
	uint64_t all; /* lb_worker_stats.flows */
	uint32_t flows[2];
	uint32_t bucket;
	uint16_t instance[2]; /* that counts the flow: before and after */
	uint16_t slot;
	uint16_t is_open;
	uint32_t is_doubtful; /* a change was finished after the lock was lost */
};

#endif

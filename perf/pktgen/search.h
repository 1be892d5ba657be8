/* SPDX-License-Identifier: BSD-3-Clause */
/* The highest rate without loss (RFC 2544 section 26.1), and the rate that loses a given share. */
#ifndef PKTGEN_SEARCH_H
#define PKTGEN_SEARCH_H

#include "perf/pktgen/measure.h"

#define SEARCH_TRIALS_MAX 200

struct search_trial {
	double rate_pps; /* asked for; 0: as fast as it goes */
	double tx_pps;	 /* offered */
	double loss;
	double max_loss; /* allowed */
	bool passed;
	bool disturbed;
};

struct search {
	struct search_trial trial[SEARCH_TRIALS_MAX];
	uint32_t n_trials;
	struct result zero, drop; /* the best trials that passed; run.rate_pps 0: none */
	double zero_failed_pps;	  /* the lowest rate that failed: the true one is between the two */
	double drop_failed_pps;
	uint64_t faults; /* of all trials, except the tolerated ones */
	bool limited;	 /* the generator itself could not send faster */
};

/** Both searches, over open flows. Context: main thread. */
void search_run(struct generator *g, struct search *search);

#endif

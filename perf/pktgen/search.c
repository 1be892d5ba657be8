/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/search.h"

#include <stdio.h>
#include <string.h>

#define LATE_MAX 0.01 /* of what was to be sent; with more, the rate was not offered */
#define HEADROOM 1.1  /* over what came back of all that could be sent */

/* One trial, and what it is to tell. */
struct attempt {
	double rate_pps;
	double max_loss;
};

static void trial_print(const struct search_trial *t)
{
	printf("  %8.3f Mpps  loss %.5f %%  %s%s\n", t->tx_pps / 1e6, t->loss * 100,
	       t->rate_pps == 0 ? "free run"
	       : t->passed	? "passed"
				: "failed",
	       t->disturbed ? ", a CPU was taken away meanwhile" : "");
	fflush(stdout);
}

static void trial_note(struct generator *g, struct search *s, const struct search_trial *trial)
{
	if (!g->options->quiet)
		trial_print(trial);
	if (s->n_trials < SEARCH_TRIALS_MAX)
		s->trial[s->n_trials++] = *trial;
}

static bool was_offered(const struct result *r)
{
	uint64_t due = r->tx.pkts + r->tx.dropped + r->tx.late;

	return (double)r->tx.late <= LATE_MAX * (double)due;
}

/* Again, if it failed while a CPU was taken away: that says nothing about the device. */
static bool trial_run(struct generator *g, struct search *s, const struct attempt *attempt,
		      struct result *result)
{
	const struct run run = { .rate_pps = attempt->rate_pps, .duration_s = g->options->trial_s };
	struct search_trial trial = { .rate_pps = attempt->rate_pps,
				      .max_loss = attempt->max_loss };

	for (uint32_t i = 0; i < g->options->tries && !g->stop; i++) {
		measure_run(g, &run, result);
		s->faults += faults_total(&result->faults);
		trial.tx_pps = measure_tx_pps(result);
		trial.loss = result->loss;
		trial.disturbed = measure_was_disturbed(result);
		trial.passed = result->loss <= attempt->max_loss && was_offered(result);
		trial_note(g, s, &trial);
		if (trial.passed || !trial.disturbed)
			break;
	}
	if (!trial.passed && !was_offered(result) && result->loss <= attempt->max_loss)
		s->limited = true;
	return trial.passed;
}

static void bisect(struct generator *g, struct search *s, double high, double max_loss,
		   struct result *best)
{
	static struct result result;
	double low = g->options->search_min_pps;
	struct attempt attempt = { .rate_pps = high, .max_loss = max_loss };

	best->run.rate_pps = 0;
	while (!g->stop) {
		if (trial_run(g, s, &attempt, &result)) {
			*best = result;
			low = attempt.rate_pps;
		} else {
			high = attempt.rate_pps;
		}
		if (high - low <= g->options->precision * high)
			break;
		attempt.rate_pps = (low + high) / 2;
	}
}

void search_run(struct generator *g, struct search *s)
{
	static struct result result;
	const struct attempt free_run = { .max_loss = 1 };
	double high;

	memset(s, 0, sizeof(*s));
	trial_run(g, s, &free_run, &result);
	high = measure_rx_pps(&result) * HEADROOM;
	if (high > g->options->search_max_pps)
		high = g->options->search_max_pps;
	if (high < g->options->search_min_pps)
		high = g->options->search_min_pps;
	if (g->options->drop > 0)
		bisect(g, s, high, g->options->drop, &s->drop);
	bisect(g, s, high, 0, &s->zero);
}

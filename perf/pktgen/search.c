/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/search.h"

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#define LATE_MAX 0.01 /* of what was due; with more, the rate was not offered */
#define HEADROOM 1.1  /* over the receive rate of the free run */
#define RAISE                                                                                      \
	1.5 /* if even that loses nothing: the machine was slower then, or floods slow the device */

/* One trial, and its criterion. */
struct attempt {
	double rate_pps;
	double max_loss;
};

static void trial_print(const struct search_trial *t)
{
	printf("  %8.3f Mpps  loss %.5f %%  %s%s\n", t->tx_pps / 1e6, t->loss * 100,
	       t->rate_pps == 0 ? "unlimited"
	       : t->passed	? "passed"
				: "failed",
	       t->disturbed ? ", a CPU was preempted meanwhile" : "");
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

/* Repeat a trial that failed while a CPU was taken away: it says nothing about the device. */
static bool trial_run(struct generator *g, struct search *s, const struct attempt *attempt,
		      struct result *result)
{
	const struct run run = { .rate_pps = attempt->rate_pps, .duration_s = g->options->trial_s };
	struct search_trial trial = { .rate_pps = attempt->rate_pps,
				      .max_loss = attempt->max_loss };

	for (uint32_t i = 0; i < g->options->tries && !g->stop; i++) {
		measure_run(g, &run, result);
		s->faults += faults_total(&result->faults, g->options->tolerated);
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

/* When @share of the search time is over: each of two searches gets half. */
static uint64_t deadline(const struct generator *g, double share)
{
	if (g->options->search_s == 0)
		return UINT64_MAX;
	return rte_rdtsc() + (uint64_t)(g->options->search_s * share * (double)g->tsc_hz);
}

static double rate_within(const struct options *o, double rate_pps)
{
	if (rate_pps > o->search_max_pps)
		rate_pps = o->search_max_pps;
	return rate_pps < o->search_min_pps ? o->search_min_pps : rate_pps;
}

/* The range between a rate that passed and one that failed, or is assumed to fail. */
struct range {
	double low_pps, high_pps;
	bool has_failed;
};

static void range_narrow(struct range *range, double rate_pps, bool passed)
{
	if (passed) {
		range->low_pps = rate_pps;
		if (range->high_pps < rate_pps)
			range->high_pps = rate_pps;
	} else {
		range->high_pps = rate_pps;
		range->has_failed = true;
	}
}

/* The rate to try next; 0: the range is narrow enough. */
static double range_next(const struct range *range, const struct options *o)
{
	double raised_pps = rate_within(o, range->high_pps * RAISE);

	if (range->high_pps - range->low_pps > o->precision * range->high_pps)
		return (range->low_pps + range->high_pps) / 2;
	if (range->has_failed)
		return 0;
	if (range->low_pps < range->high_pps)
		return range->high_pps;
	return raised_pps > range->high_pps ? raised_pps : 0;
}

/*
 * Bisect between the lowest rate and *@failed_pps, and above if nothing fails there, with @first as
 * the first attempt, until the precision is reached or @until has passed. The ends of the remaining
 * range are the result: @best and *@failed_pps, which is the highest rate tried if none has failed.
 */
static void bisect(struct generator *g, struct search *s, struct attempt first, uint64_t until,
		   struct result *best, double *failed_pps)
{
	static struct result result;
	struct range range = { g->options->search_min_pps, *failed_pps, false };
	struct attempt attempt = first;

	best->run.rate_pps = 0;
	while (attempt.rate_pps > 0 && !g->stop && rte_rdtsc() < until) {
		bool passed = trial_run(g, s, &attempt, &result);

		if (passed)
			*best = result;
		range_narrow(&range, attempt.rate_pps, passed);
		attempt.rate_pps = range_next(&range, g->options);
	}
	*failed_pps = range.high_pps;
}

static double highest_rate(const struct options *o, const struct result *free_run)
{
	return rate_within(o, measure_rx_pps(free_run) * HEADROOM);
}

void search_run(struct generator *g, struct search *s)
{
	static struct result result;
	struct attempt attempt = { .max_loss = 1 };
	uint64_t until = deadline(g, 1);

	memset(s, 0, sizeof(*s));
	trial_run(g, s, &attempt, &result);
	attempt.rate_pps = highest_rate(g->options, &result);
	s->drop_failed_pps = s->zero_failed_pps = attempt.rate_pps;
	if (g->options->drop > 0) {
		attempt.max_loss = g->options->drop;
		bisect(g, s, attempt, deadline(g, 0.5), &s->drop, &s->drop_failed_pps);
		/* The rate without loss is not far from there, and not above it. */
		if (s->drop.run.rate_pps > 0)
			attempt.rate_pps = s->drop.run.rate_pps;
	}
	attempt.max_loss = 0;
	bisect(g, s, attempt, until, &s->zero, &s->zero_failed_pps);
	if (g->options->drop > 0 && s->zero.run.rate_pps > s->drop.run.rate_pps) {
		s->drop = s->zero;
		s->drop_failed_pps = s->zero_failed_pps;
	}
}

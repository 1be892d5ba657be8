/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include "config/base/file.h"
#include "perf/pktgen/device.h"

#define POLL_US 2000
#define DISTURBED_US 100 /* a ring of 1024 is full after 40 at 25 million packets a second */
#define THREADS_MAX 64

/* Nanoseconds that each thread of a process has waited for a CPU. */
struct waits {
	uint32_t n;
	long tid[THREADS_MAX];
	uint64_t ns[THREADS_MAX];
};

/* Of one thread: the second number of its schedstat. Return: whether it has one. */
static bool wait_read(int pid, const char *tid, uint64_t *ns)
{
	char path[64], line[128], *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", pid, tid);
	if (file_line(path, line, sizeof(line)) || !line[0])
		return false;
	strtoull(line, &end, 10);
	*ns = strtoull(end, NULL, 10);
	return true;
}

static void waits_read(int pid, struct waits *waits)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	waits->n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && waits->n < THREADS_MAX && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !wait_read(pid, entry->d_name, &waits->ns[waits->n]))
			continue;
		waits->tid[waits->n++] = strtol(entry->d_name, NULL, 10);
	}
	if (dir)
		closedir(dir);
}

/* The longest wait of a thread between two readings. */
static double waits_us(const struct waits *before, const struct waits *after)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < after->n; i++)
		for (uint32_t j = 0; j < before->n; j++)
			if (before->tid[j] == after->tid[i] && after->ns[i] - before->ns[j] > most)
				most = after->ns[i] - before->ns[j];
	return (double)most / 1e3;
}

static uint64_t sub_or_0(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void loss_compute(struct result *r)
{
	const struct receiver_stats *rx = &r->rx;
	uint64_t twice = r->faults.count[FAULT_DUPLICATE] + r->faults.count[FAULT_NEVER_SENT];
	uint64_t bad = sub_or_0(rx->bad, twice);
	uint64_t offered = r->tx.pkts + r->tx.dropped;

	r->lost = sub_or_0(r->tx.pkts, rx->good + rx->flood + bad);
	r->lost_flows = sub_or_0(r->tx.flows, rx->good + bad);
	r->loss = offered ? (double)(r->lost + r->tx.dropped) / (double)offered : 0;
}

static void latency_compute(const struct generator *g, struct result *r)
{
	const struct histogram *h = &g->receiver.latency;
	const double us = (1 << STAMP_SHIFT) * 1e6 / (double)g->tsc_hz;

	r->latency = (struct measure_latency){
		.count = histogram_count(h),
		.p50_us = histogram_quantile(h, 0.5) * us,
		.p90_us = histogram_quantile(h, 0.9) * us,
		.p99_us = histogram_quantile(h, 0.99) * us,
		.p999_us = histogram_quantile(h, 0.999) * us,
		.max_us = histogram_quantile(h, 1) * us,
	};
}

static void result_gather(const struct generator *g, struct result *r)
{
	r->run = g->run;
	r->seconds = (double)(g->ended - g->began) / (double)g->tsc_hz;
	r->tx = g->stats;
	r->rx = g->receiver.stats;
	r->faults = g->receiver.faults;
	memcpy(r->instance_pkts, g->receiver.instance_pkts, sizeof(r->instance_pkts));
	loss_compute(r);
	latency_compute(g, r);
}

/*
 * The counters are read while the worker writes them: that is good enough for this second's rate.
 */
static void progress_print(const struct generator *g, struct sender_stats *tx,
			   struct receiver_stats *rx, double seconds)
{
	const struct sender_stats now_tx = g->stats;
	const struct receiver_stats now_rx = g->receiver.stats;
	uint64_t out = now_tx.pkts, back = now_rx.good + now_rx.flood;

	printf("  %6.2f Mpps out, %6.2f back, on their way or lost %llu, bad %llu\n",
	       (double)(out - tx->pkts) / seconds / 1e6,
	       (double)(back - rx->good - rx->flood) / seconds / 1e6,
	       (unsigned long long)sub_or_0(out, back), (unsigned long long)now_rx.bad);
	fflush(stdout);
	*tx = now_tx;
	*rx = now_rx;
}

static void worker_wait(struct generator *g)
{
	struct sender_stats tx = { 0 };
	struct receiver_stats rx = { 0 };
	uint64_t last = rte_rdtsc();

	while (!g->done) {
		uint64_t now;

		usleep(POLL_US);
		now = rte_rdtsc();
		if (g->options->quiet || g->options->search || now - last < g->tsc_hz)
			continue;
		progress_print(g, &tx, &rx, (double)(now - last) / (double)g->tsc_hz);
		last = now;
	}
	rte_eal_wait_lcore(device_worker());
}

void measure_run(struct generator *g, const struct run *run, struct result *r)
{
	struct waits own[2], watched[2] = { { 0 } };
	uint64_t missed = device_missed(g);

	memset(r, 0, sizeof(*r));
	memset(&g->stats, 0, sizeof(g->stats));
	receiver_restart(&g->receiver);
	g->run = *run;
	g->done = false;
	waits_read(getpid(), &own[0]);
	if (g->options->watch)
		waits_read(g->options->watch, &watched[0]);
	rte_eal_remote_launch(generator_run, g, device_worker());
	worker_wait(g);
	waits_read(getpid(), &own[1]);
	if (g->options->watch)
		waits_read(g->options->watch, &watched[1]);
	result_gather(g, r);
	r->missed = device_missed(g) - missed;
	r->waited_us = waits_us(&own[0], &own[1]);
	r->watched_us = waits_us(&watched[0], &watched[1]);
}

bool measure_was_disturbed(const struct result *r)
{
	return r->tx.stalls || r->waited_us > DISTURBED_US || r->watched_us > DISTURBED_US;
}

double measure_tx_pps(const struct result *r)
{
	return r->seconds > 0 ? (double)r->tx.pkts / r->seconds : 0;
}

double measure_rx_pps(const struct result *r)
{
	return r->seconds > 0 ? (double)(r->rx.good + r->rx.flood) / r->seconds : 0;
}

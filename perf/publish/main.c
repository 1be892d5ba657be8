/* SPDX-License-Identifier: BSD-3-Clause */
/* publish -c FILE -r DIR [-n DRAINS] [-j FILE]: see publish.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include <event2/event.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/load/load.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/publish.h"
#include "perf/publish/publish.h"

#define CONNECT_MS 10000
#define PAUSE_US 500 /* the main lcore goes back to sleep meanwhile, as on a node */
#define WARM_UP 20   /* changes that are not counted */

struct options {
	const char *config_path;
	const char *run_dir;
	const char *json_path;
	uint32_t changes;
};

struct bench {
	struct event_base *base;
	struct model *model;
	struct publish *publish;
	struct publish_times *flags;
	struct publish_times *table;
	struct publish_times *both;
};

static void die(const char *what)
{
	fprintf(stderr, "publish: %s\n", what);
	exit(1);
}

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	const struct bench *b = arg;

	if (b->publish)
		publish_mark(b->publish, what, pool_id);
}

static const struct model_ops ops = { .changed = on_changed };

static void on_done(void *arg, const struct publish_result *result)
{
	*(struct publish_result *)arg = *result;
}

static struct publish_result settle(const struct bench *b, enum publish_scope scope)
{
	struct publish_result result = { .status = 1 };

	publish_wait_start(b->publish, scope, 0, on_done, &result);
	while (result.status == 1)
		event_base_loop(b->base, EVLOOP_ONCE);
	if (result.status)
		die(strerror(-result.status));
	return result;
}

/* All instances up, as checks and neighbour entries would report. */
static void instances_up(struct model *model)
{
	for (uint32_t i = 0; i < model_pool_count(model); i++) {
		struct model_pool *pool = model_pool_at(model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			const struct model_next_hop hop = {
				.resolved = true,
				.on_link = true,
				.mac = { 2, 0, 0, 0, (uint8_t)(j >> 8), (uint8_t)j },
			};

			model_next_hop_set(model, pool->instances[j], &hop);
			model_health_set(model, pool->instances[j], HEALTH_UP, NULL);
		}
	}
}

static void bench_open(struct bench *b, const struct options *options)
{
	static struct config_errors errors;
	struct config *config = config_load_file(options->config_path, &errors);
	struct publish_options publish = { .run_dir = options->run_dir };

	if (!config) {
		config_errors_print(&errors, stderr);
		die("the configuration is refused");
	}
	b->base = event_base_new();
	b->model = model_create(&ops, b);
	if (!b->base || !b->model || model_apply(b->model, config, clock_now_ms()))
		die("no memory for the model");
	publish.base = b->base;
	publish.model = b->model;
	b->publish = publish_create(&publish);
	if (!b->publish || !publish_connect(b->publish, CONNECT_MS))
		die("the dataplane is not running");
	instances_up(b->model);
	settle(b, PUBLISH_ALL);
}

static void times_add(struct publish_times *times, const struct publish_result *result)
{
	times->leg[PUBLISH_WAKE][times->n] = result->taken_ns - result->sent_ns;
	times->leg[PUBLISH_STAGE][times->n] = result->swapped_ns - result->taken_ns;
	times->leg[PUBLISH_GRACE][times->n] = result->acked_ns - result->swapped_ns;
	times->leg[PUBLISH_WHOLE][times->n] = result->acked_ns - result->sent_ns;
	times->n++;
}

static void change(struct bench *b, uint32_t round)
{
	struct model_pool *pool = model_pool_at(b->model, 0);
	struct model_instance *instance = pool->instances[round / 2 % pool->instance_count];
	bool is_back = round & 1, counts = round >= WARM_UP;
	struct publish_result flags, table;

	model_admin_set(b->model, instance, is_back ? MODEL_READY : MODEL_DRAIN);
	flags = settle(b, PUBLISH_INSTANCES);
	table = settle(b, PUBLISH_ALL);
	if ((table.generation == flags.generation) != is_back)
		die(is_back ? "the previous table came late" : "a drain has published no table");
	if (counts && is_back)
		times_add(b->both, &table);
	if (counts && !is_back) {
		times_add(b->flags, &flags);
		times_add(b->table, &table);
	}
	usleep(PAUSE_US);
}

struct worker_sum {
	uint64_t packets, loops, busy;
};

static struct worker_sum workers_read(const struct lb_segment *segment)
{
	struct worker_sum sum = { 0 };

	for (uint32_t i = 0; i < segment->n_workers; i++) {
		const struct lb_worker_stats *stats = lb_segment_worker_stats(segment, i);

		sum.packets += stats->tx_pkts;
		sum.loops += stats->loops;
		sum.busy += stats->busy_loops;
	}
	return sum;
}

static void bench_run(struct bench *b, uint32_t changes, struct publish_load *load)
{
	const struct lb_segment *segment = publish_segment(b->publish);
	struct worker_sum before = workers_read(segment), after;
	uint64_t since_ns = clock_now_ns(), cpu_ns = clock_thread_ns();

	for (uint32_t round = 0; round < 2 * changes + WARM_UP; round++)
		change(b, round);
	cpu_ns = clock_thread_ns() - cpu_ns;
	after = workers_read(segment);
	*load = (struct publish_load){
		.seconds = (double)(clock_now_ns() - since_ns) / 1e9,
		.packets = after.packets - before.packets,
		.busy = (double)(after.busy - before.busy) / (double)(after.loops - before.loops),
		.workers = segment->n_workers,
		.instances = model_pool_at(b->model, 0)->instance_count,
		.change_cpu_us = (double)cpu_ns / 1000 / (2 * changes + WARM_UP),
	};
}

static struct publish_times *times_create(const char *name, uint32_t bytes)
{
	struct publish_times *times = calloc(1, sizeof(*times));

	if (!times)
		die("no memory");
	times->name = name;
	times->bytes = bytes;
	return times;
}

static void bench_times(struct bench *b)
{
	uint32_t instances, slots;

	model_instances(b->model, &instances);
	model_pool_slots(b->model, model_pool_at(b->model, 0)->id, &slots);
	b->flags = times_create("flags", instances * (uint32_t)sizeof(struct lb_instance));
	b->table = times_create("table", slots * (uint32_t)sizeof(uint16_t));
	b->both = times_create("both", b->flags->bytes + b->table->bytes);
}

static int options_read(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "c:r:n:j:")) != -1) {
		if (option == 'c')
			options->config_path = optarg;
		else if (option == 'r')
			options->run_dir = optarg;
		else if (option == 'n')
			options->changes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'j')
			options->json_path = optarg;
		else
			return -1;
	}
	if (!options->config_path || !options->run_dir || optind != argc)
		return -1;
	return options->changes >= 1 && options->changes <= PUBLISH_CHANGES_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options options = { .changes = 1000 };
	struct bench bench = { .publish = NULL };
	struct publish_build builds[PUBLISH_BUILDS];
	struct publish_load load;
	int err;

	if (options_read(argc, argv, &options)) {
		fprintf(stderr, "usage: publish -c FILE -r DIR [-n DRAINS] [-j FILE]\n");
		return 2;
	}
	if (setpriority(PRIO_PROCESS, 0, -20))
		fprintf(stderr, "publish: no priority: %s\n", strerror(errno));
	log_set_level(LOG_ERR);
	bench_open(&bench, &options);
	bench_times(&bench);
	bench_run(&bench, options.changes, &load);
	build_run(builds);
	err = report_write((struct publish_times *const[]){ bench.flags, bench.table, bench.both },
			   3, &load, builds, options.json_path);
	publish_destroy(bench.publish);
	model_destroy(bench.model);
	event_base_free(bench.base);
	free(bench.flags);
	free(bench.table);
	free(bench.both);
	return err ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* sluice-dataplane: start the parts in order, serve, and stop them in reverse. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "config/base/log.h"
#include "config/base/port_feature.h"
#include "config/base/run_dir.h"
#include "config/error.h"
#include "config/load/last_good.h"
#include "dataplane/io/dataplane.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/failure.h"
#include "dataplane/io/flows.h"
#include "dataplane/io/hugepages.h"
#include "dataplane/io/node_stats.h"
#include "dataplane/io/privileges.h"
#include "dataplane/io/serve.h"

/* Named in the unit file: systemd restarts this program after any other exit. */
#define EXIT_NOT_NEEDED 78

static int config_start(struct dataplane *dp)
{
	struct config_errors errors;
	char note[PATH_MAX * 2];
	bool kept;

	dp->config = config_last_good_load(dp->options.config_path, dp->options.state_dir, &kept,
					   &errors);
	if (!dp->config || kept)
		config_errors_print(&errors, stderr);
	if (dp->config && kept) {
		config_last_good_note(dp->config, dp->options.config_path, dp->options.state_dir,
				      note, sizeof(note));
		log_err("%s", note);
	}
	return dp->config ? 0 : -EINVAL;
}

static void config_stop(struct dataplane *dp)
{
	config_free(dp->config);
}

/* Report readiness at once: nothing should wait for a program that has nothing to do. */
static int need_start(struct dataplane *dp)
{
	if (dp->config->node.dataplane != CONFIG_DATAPLANE_XDP)
		return 0;
	log_info("node.dataplane is xdp: sluiced and the kernel forward packets; this program is"
		 " not needed and exits");
	sd_notify(0, "READY=1\nSTATUS=Not needed: dataplane is xdp");
	dp->not_needed = true;
	return -ECANCELED;
}

static int lock_start(struct dataplane *dp)
{
	char why[256];

	dp->lock_fd = run_dir_claim(dp->options.run_dir, "sluice-dataplane", "dataplane.pid", why,
				    sizeof(why));
	if (dp->lock_fd >= 0)
		return 0;
	log_err("%s", why);
	return dp->lock_fd;
}

static void lock_stop(struct dataplane *dp)
{
	run_dir_release(dp->lock_fd);
}

static int privileges_start(struct dataplane *dp)
{
	return privileges_check(&dp->plan);
}

/* The last stage before workers see packets. */
static int privileges_end(struct dataplane *dp)
{
	return privileges_drop(&dp->plan);
}

/* Blocked before there are other threads, so that all of them inherit it. */
static int signals_start(struct dataplane *dp)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* the configuration of a running dataplane is sluiced's */
	dp->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return dp->signal_fd < 0 ? -errno : 0;
}

static void signals_stop(struct dataplane *dp)
{
	close(dp->signal_fd);
}

static int plan_start(struct dataplane *dp)
{
	int err = kernel_path_check();

	if (!err)
		err = plan_make(&dp->plan, dp->config);
	if (!err)
		err = port_check(&dp->plan);
	if (!err && dp->plan.main_shares)
		log_warn("node.cpus leaves no CPU for the main thread: the kernel path and"
			 " control messages compete with workers");
	return err;
}

static int kept_start(struct dataplane *dp)
{
	return kept_find(&dp->kept, &dp->plan, dp->options.run_dir, dp->signal_fd);
}

static void kept_stop(struct dataplane *dp)
{
	kept_drop(&dp->kept);
}

static int hugepages_start(struct dataplane *dp)
{
	return hugepages_reserve(&hugepages_of_kernel, dp->options.run_dir, flows_missing_mb(dp),
				 dp->signal_fd);
}

static void hugepages_stop(struct dataplane *dp)
{
	hugepages_release(&hugepages_of_kernel, dp->options.run_dir);
}

/* With handover sluiced comes first: it owns the hook and the flow table. */
static int shared_start(struct dataplane *dp)
{
	int err;

	if (!dp->plan.has_handover && handover_port_is_left(&dp->plan)) {
		log_err("%s: sluiced's XDP program of another configuration is still attached; run"
			" 'sluiced --detach %s'",
			dp->plan.iface, dp->plan.iface);
		return -EBUSY;
	}
	if (!dp->plan.has_handover)
		return 0;
	err = handover_port_wait(&dp->handover, &dp->plan, dp->signal_fd);
	if (err)
		return err;
	dp->plan.nat_spaces = dp->handover.nat_spaces;
	dp->plan.nat_room = dp->handover.nat_room;
	dp->plan.nat_records = dp->plan.nat_spaces * dp->plan.nat_room;
	return 0;
}

static void shared_stop(struct dataplane *dp)
{
	handover_port_close(&dp->handover);
}

static int dpdk_start(struct dataplane *dp)
{
	return eal_start(&dp->plan, dp->program);
}

static void dpdk_stop(struct dataplane *dp)
{
	(void)dp;
	eal_stop();
}

static void pools_free(struct dataplane *dp)
{
	for (uint32_t i = 0; i < dp->plan.n_workers; i++) {
		rte_mempool_free(dp->pool[i]);
		dp->pool[i] = NULL;
	}
}

/* One pool for each worker: nothing is shared, and a queue sends from one pool only. */
static int pools_make(struct dataplane *dp)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	for (uint32_t i = 0; i < dp->plan.n_workers; i++) {
		snprintf(name, sizeof(name), "worker%u", i);
		dp->pool[i] =
			rte_pktmbuf_pool_create(name, dp->plan.n_mbufs, RTE_MEMPOOL_CACHE_MAX_SIZE,
						0, dp->plan.data_room, SOCKET_ID_ANY);
		if (!dp->pool[i]) {
			log_err("no memory for %u packet buffers: %s (%s)", dp->plan.n_mbufs,
				rte_strerror(rte_errno), eal_complaint());
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * A killed predecessor has set the port to keep VLAN tags in frames: to be undone when this process
 * ends.
 */
static void tags_note(struct dataplane *dp)
{
	const char *run_dir = dp->options.run_dir;

	if (dp->plan.has_handover)
		return;
	if (dp->port.kept_tags)
		port_feature_tags_note(run_dir, dp->port.if_index);
	else
		dp->port.kept_tags = port_feature_tags_noted(run_dir, dp->port.if_index);
}

static int ports_start(struct dataplane *dp)
{
	int err = port_open(&dp->port, &dp->plan);

	if (!err)
		err = pools_make(dp);
	if (!err)
		err = port_start(&dp->port, &dp->plan, dp->pool);
	if (err) {
		port_close(&dp->port);
		pools_free(dp);
		return err;
	}
	tags_note(dp);
	return 0;
}

static void ports_stop(struct dataplane *dp)
{
	bool kept_tags = dp->port.kept_tags;

	port_close(&dp->port);
	if (kept_tags)
		port_feature_tags_note(dp->options.run_dir, 0);
	pools_free(dp);
}

static void segment_stop(struct dataplane *dp)
{
	segment_destroy(&dp->segment);
}

static int tables_start(struct dataplane *dp)
{
	uint32_t n = dp->plan.n_workers;
	int err = -ENOMEM;

	dp->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(n), RTE_CACHE_LINE_SIZE);
	if (dp->qsbr && rte_rcu_qsbr_init(dp->qsbr, n) == 0)
		err = flows_tables_start(dp);
	if (err) {
		log_err("no memory for the tables");
		rte_free(dp->qsbr);
	}
	return err;
}

static void tables_stop(struct dataplane *dp)
{
	consumer_fini(&dp->consumer);
	rte_free(dp->qsbr);
}

static int kernel_start(struct dataplane *dp)
{
	int err = kernel_path_open(&dp->kernel_path, &dp->port, dp->pool[0],
				   dp->segment.worker_stats + dp->plan.n_workers);

	if (err)
		kernel_path_close(&dp->kernel_path);
	return err;
}

static void kernel_stop(struct dataplane *dp)
{
	kernel_path_close(&dp->kernel_path);
}

static void workers_free(struct dataplane *dp)
{
	free(dp->worker);
	dp->worker = NULL;
	free(dp->regions);
	free(dp->by_xdp);
}

/* List all flow tables of the port, in order of queues; those of workers are still empty. */
static int regions_list(struct dataplane *dp, uint32_t n)
{
	const uint32_t n_workers = dp->plan.n_workers;

	dp->regions = calloc(n, sizeof(*dp->regions));
	dp->by_xdp = calloc(n - n_workers + 1, sizeof(*dp->by_xdp));
	if (!dp->regions || !dp->by_xdp)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_workers; i++)
		dp->regions[i] = &dp->worker[i].flows.table;
	for (uint32_t i = n_workers; i < n; i++) {
		struct flow_table *flows = &dp->by_xdp[i - n_workers];

		handover_port_flows(&dp->handover, i, flows);
		dp->regions[i] = &flows->table;
	}
	return 0;
}

/* The same for records of translated connections. */
static void nat_list(struct dataplane *dp, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < LB_WORKERS_MAX; i++)
		dp->nat[i] = dp->plan.has_handover ? handover_port_nat(&dp->handover, i)
						   : flow_memory_nat(&dp->flows, i);
}

static int workers_make(struct dataplane *dp)
{
	struct worker_common common = {
		.plan = &dp->plan,
		.port = &dp->port,
		.segment = &dp->segment,
		.consumer = &dp->consumer,
		.qsbr = dp->qsbr,
		.to_kernel = dp->kernel_path.to_kernel,
		.from_kernel = dp->kernel_path.from_kernel,
		.bell = &dp->kernel_path.bell,
		.stop = &dp->stop,
		.handover = dp->plan.has_handover ? &dp->handover : NULL,
		.n_regions = dp->plan.has_handover ? dp->handover.n_regions : dp->plan.n_workers,
		.flows = &dp->flows,
		.idle_sleep_us = dp->options.idle_sleep_us,
	};
	size_t bytes = dp->plan.n_workers * sizeof(*dp->worker);
	int err;

	dp->worker = aligned_alloc(_Alignof(struct worker), bytes);
	if (!dp->worker)
		return -ENOMEM;
	memset(dp->worker, 0, bytes);
	nat_list(dp, common.n_regions);
	common.nat = dp->plan.nat_records ? dp->nat : NULL;
	common.pool = dp->pool;
	err = regions_list(dp, common.n_regions);
	common.regions = dp->regions;
	for (uint32_t i = 0; i < dp->plan.n_workers && !err; i++)
		err = worker_init(&dp->worker[i], i, &common);
	if (err)
		workers_free(dp);
	return err;
}

static int workers_start(struct dataplane *dp)
{
	int err = workers_make(dp);

	if (!err) {
		err = flows_prepare(dp);
		if (err)
			workers_free(dp);
	}
	if (err) {
		log_err("no memory for the flow tables of node.flows: %u (%s)",
			dp->plan.node->flows, eal_complaint());
		return err;
	}
	node_stats_start(dp);
	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		rte_eal_remote_launch(worker_main, &dp->worker[i], eal_lcore(i));
	return 0;
}

static void workers_stop(struct dataplane *dp)
{
	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		rte_eal_wait_lcore(eal_lcore(i));
	workers_free(dp);
}

static int control_start(struct dataplane *dp)
{
	return control_socket_open(&dp->control, dp->options.run_dir, &dp->segment, &dp->consumer);
}

static void control_stop(struct dataplane *dp)
{
	control_socket_close(&dp->control);
}

/* In order of dependency. A stage that fails has undone itself. */
static const struct stage {
	int (*start)(struct dataplane *dp); /* logs its own failure */
	void (*stop)(struct dataplane *dp); /* may be NULL */
} stages[] = {
	{ config_start, config_stop },
	{ need_start, NULL },
	{ lock_start, lock_stop },
	{ signals_start, signals_stop },
	{ plan_start, NULL },
	{ privileges_start, NULL },
	{ kept_start, kept_stop },
	{ hugepages_start, hugepages_stop },
	{ flows_start, flows_stop },
	{ shared_start, shared_stop },
	{ dpdk_start, dpdk_stop },
	{ ports_start, ports_stop },
	{ flows_segment_start, segment_stop },
	{ tables_start, tables_stop },
	{ kernel_start, kernel_stop },
	{ privileges_end, NULL },
	{ workers_start, workers_stop },
	{ control_start, control_stop },
};

/* Checked between stages, since a start may take long: gigabytes are cleared. */
static bool is_told_to_end(const struct dataplane *dp)
{
	struct pollfd end = { .fd = dp->signal_fd, .events = POLLIN };

	if (dp->signal_fd < 0 || poll(&end, 1, 0) <= 0)
		return false;
	log_info("ending: signal during start");
	return true;
}

static int stages_start(struct dataplane *dp, size_t n, size_t *started)
{
	int err = 0;

	while (*started < n && !err) {
		err = stages[*started].start(dp);
		*started += !err;
		if (!err && *started < n && is_told_to_end(dp))
			err = -ECANCELED;
	}
	return err;
}

/* Only a process that holds the directory records its failure. */
static void failure_note(struct dataplane *dp, int err)
{
	if (dp->lock_fd < 0)
		return;
	if (err && err != -ECANCELED)
		dp->failed_before = failure_record(dp->options.run_dir, log_last_error());
	else
		failure_clear(dp->options.run_dir);
}

/*
 * A supervisor that restarts it at once would fill the journal. Context: SIGTERM and SIGINT are
 * blocked.
 */
static void hold_off(const struct dataplane *dp)
{
	const struct timespec delay = { .tv_sec = failure_delay_s(dp->failed_before,
								  dp->options.hold_off_s) };
	sigset_t set;

	if (delay.tv_sec == 0)
		return;
	sd_notifyf(0, "STATUS=%s (start %u)", log_last_error(), dp->failed_before + 1);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigtimedwait(&set, NULL, &delay);
}

static int run(struct dataplane *dp)
{
	const size_t n = sizeof(stages) / sizeof(stages[0]);
	size_t started = 0;
	int err;

	err = stages_start(dp, n, &started);
	failure_note(dp, err);
	if (!err) {
		log_info("ready: %s (%s), %u worker%s (%s), %u MB of hugepages",
			 dp->plan.node->port, dp->port.driver, dp->plan.n_workers,
			 dp->plan.n_workers == 1 ? "" : "s",
			 pipeline_simd_name(pipeline_simd_best()), dp->plan.memory_mb);
		err = serve(dp);
	}
	while (started-- > 0)
		if (stages[started].stop)
			stages[started].stop(dp);
	return err;
}

/*
 * Flow tables that systemd keeps are not seen here. They may leave no memory for others, which are
 * not needed then.
 */
static int hugepages_for_service(struct dataplane *dp)
{
	const char *run_dir = dp->options.run_dir;
	int err;

	(void)kept_find(&dp->kept, &dp->plan, run_dir, -1);
	err = hugepages_reserve(&hugepages_of_kernel, run_dir, flows_missing_mb(dp), -1);
	if (err == -ENOMEM && !dp->kept.is_found)
		err = hugepages_reserve(&hugepages_of_kernel, run_dir, dp->plan.eal_mb, -1);
	kept_drop(&dp->kept);
	return err;
}

/* For a service whose main program lacks the privileges to do that. */
static int hugepages_only(struct dataplane *dp)
{
	int err = 0;

	if (dp->options.hugepages == OPTIONS_HUGEPAGES_RELEASE) {
		hugepages_release(&hugepages_of_kernel, dp->options.run_dir);
		return 0;
	}
	err = config_start(dp);
	if (err)
		return err;
	if (dp->config->node.dataplane != CONFIG_DATAPLANE_XDP)
		err = plan_make(&dp->plan, dp->config);
	if (!err && dp->plan.memory_mb)
		err = hugepages_for_service(dp);
	config_stop(dp);
	return err;
}

int main(int argc, char **argv)
{
	static struct dataplane dp = { .lock_fd = -1, .signal_fd = -1 };
	int err, code = options_parse(argc, argv, &dp.options);

	if (code != OPTIONS_GO_ON)
		return code;
	log_set_level(dp.options.log_level);
	dp.program = argv[0];
	if (dp.options.hugepages != OPTIONS_HUGEPAGES_HERE)
		return hugepages_only(&dp) ? EXIT_FAILURE : EXIT_SUCCESS;
	err = run(&dp);
	if (dp.not_needed)
		return EXIT_NOT_NEEDED;
	if (!err || err == -ECANCELED)
		return EXIT_SUCCESS;
	hold_off(&dp);
	return EXIT_FAILURE;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/tick.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/status.h"
#include "controlplane/health/adapter.h"
#include "controlplane/health/flaps.h"
#include "controlplane/net/next_hops.h"
#include "controlplane/notes.h"
#include "controlplane/owner.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"
#include "controlplane/versions.h"

#define LOOK_MS 1000

static void on_published(void *arg, const struct publish_result *result)
{
	struct sluiced *sluiced = arg;

	sluiced->published_wait = NULL;
	if (result->status == 0 && sluiced->neighbours)
		neighbours_set_published(sluiced->neighbours, true);
	sluiced->is_published = result->status == 0;
}

void tick_published_follow(struct sluiced *sluiced)
{
	if (sluiced->is_published || sluiced->published_wait || !sluiced->neighbours ||
	    !publish_segment(sluiced->publish))
		return;
	sluiced->published_wait =
		publish_wait_start(sluiced->publish, PUBLISH_ALL, 0, on_published, sluiced);
}

/* Why the checks' results can't be attributed to the instances, or NULL. */
static const char *node_ailment(struct sluiced *sluiced, const struct lb_segment *segment)
{
	bool by_workers = !config_node_has_xdp(&model_config(sluiced->model)->node);
	const char *what = ailment_look(&sluiced->ailments, segment, by_workers, clock_now_ns());

	if (what)
		return what;
	return neighbours_iface_is_running(sluiced->neighbours) ? NULL : "the port has no link";
}

/* Checks are suspended while the node itself is unhealthy: a false "down" would move flows. */
static void checks_follow(struct sluiced *sluiced)
{
	const struct lb_segment *segment = publish_segment(sluiced->publish);
	const char *ailment;

	if (!segment || !sluiced->checks || !sluiced->neighbours)
		return;
	ailment = node_ailment(sluiced, segment);
	if (ailment && !sluiced->ailment) {
		log_warn("%s: checks suspended", ailment);
		notes_checks(sluiced, ailment);
		checks_pause(sluiced->checks);
	} else if (!ailment && sluiced->ailment) {
		log_info("checks resumed");
		notes_checks(sluiced, NULL);
		checks_resume_later(sluiced->checks);
	}
	sluiced->ailment = ailment;
}

/* The loop runs, so everything driven by it does. */
static void watchdog_feed(struct sluiced *sluiced)
{
	uint64_t now_ms = clock_now_ms();

	if (!sluiced->watchdog_ms || now_ms < sluiced->watchdog_next_ms)
		return;
	sluiced->watchdog_next_ms = now_ms + sluiced->watchdog_ms / 2;
	sd_notify(0, "WATCHDOG=1");
}

void tick_watchdog_prepare(struct sluiced *sluiced)
{
	uint64_t us = 0;

	if (sd_watchdog_enabled(0, &us) > 0)
		sluiced->watchdog_ms = us / 1000;
}

/*
 * Rows of a port that two dataplanes share: first the XDP program's, of which only the queues of
 * workers have a CPU; last the workers'.
 */
static uint32_t spread_read(const struct sluiced *sluiced, const struct lb_segment *segment,
			    struct spread_worker *workers)
{
	uint32_t n = stats_workers(segment), named = 0, used = 0;
	struct publish_handover handover;

	publish_handover_get(sluiced->publish, &handover);
	for (uint32_t i = 0; i < n; i++)
		named += segment->cpu[i] != LB_SEGMENT_CPU_NONE;
	for (uint32_t i = 0; i < n; i++) {
		const struct lb_worker_stats *row = lb_segment_worker_stats(segment, i);

		if (segment->cpu[i] == LB_SEGMENT_CPU_NONE)
			continue;
		workers[used].cpu = (uint16_t)segment->cpu[i];
		workers[used].flows = row->flow_inserts + row->flow_table_full;
		if (handover.is_on) {
			row = lb_segment_worker_stats(segment, n - named + used);
			workers[used].flows += row->flow_inserts + row->flow_table_full;
		}
		used++;
	}
	return used;
}

/* Whether every worker gets its share is measured, not assumed. */
static void spread_follow(struct sluiced *sluiced, const struct lb_segment *segment,
			  uint64_t now_ns)
{
	static struct spread_worker workers[LB_SEGMENT_WORKERS_MAX];

	if (spread_look(&sluiced->spread, segment->boot_id, workers,
			spread_read(sluiced, segment, workers), now_ns))
		log_warn("%s", sluiced->spread.note);
}

/*
 * Without node.mtu the port's own MTU counts, which only a running dataplane knows, and which may
 * change.
 */
static void mtu_follow(struct sluiced *sluiced)
{
	char note[MODEL_NOTE_MAX];

	model_port_mtu_note(sluiced->model, note);
	if (strcmp(note, sluiced->mtu_note) == 0)
		return;
	memcpy(sluiced->mtu_note, note, sizeof(note));
	if (note[0])
		log_warn("%s", note);
}

/* An address that was taken out of the configuration, once no flow uses it. */
static void nat_release(struct sluiced *sluiced)
{
	struct publish_info info;
	struct stats_node figures;

	publish_info_get(sluiced->publish, &info);
	stats_node_get(sluiced->stats, &figures);
	if (info.pending || figures.sum.nat_flows != 0)
		return;
	if (model_nat_release(sluiced->model, UINT32_MAX) && sluiced->neighbours)
		neighbours_apply(sluiced->neighbours);
}

static void replies_look_at(struct sluiced *sluiced, const struct model_instance *instance,
			    enum config_source source, uint64_t now_ns)
{
	const char *hint =
		source == CONFIG_SOURCE_CLIENT ? "; its route to clients must lead here" : "";
	struct stats_instance figures;

	stats_instance_get(sluiced->stats, instance->index, &figures);
	if (replies_look(&sluiced->replies, instance->index, figures.new_flows, figures.reply_pkts,
			 now_ns))
		log_warn("%s: gets connections and sends no replies through this node%s",
			 instance->path, hint);
}

static void replies_follow(struct sluiced *sluiced, const struct model_pool *pool, uint64_t now_ns)
{
	enum config_source source;
	bool has_nat = model_pool_has_nat(sluiced->model, pool->name, &source);

	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		if (instance->index == MODEL_INDEX_NONE)
			continue;
		if (has_nat)
			replies_look_at(sluiced, instance, source, now_ns);
		else
			replies_forget(&sluiced->replies, instance->index);
	}
}

static void nat_note_follow(struct sluiced *sluiced, const struct lb_segment *segment)
{
	const struct config *config = model_config(sluiced->model);
	char note[LOCAL_PORTS_NOTE_MAX];

	local_ports_note(config, LOCAL_PORTS_DIR, note);
	if (model_nat_lacks_memory(config, segment))
		snprintf(note, sizeof(note), "%s has no memory for `forward: nat`: restart it",
			 config->node.dataplane == CONFIG_DATAPLANE_XDP ? "sluiced"
									: "sluice-dataplane");
	if (strcmp(note, sluiced->nat_note) == 0)
		return;
	memcpy(sluiced->nat_note, note, sizeof(note));
	if (note[0])
		log_warn("%s", note);
}

static void nat_follow(struct sluiced *sluiced, const struct lb_segment *segment, uint64_t now_ns)
{
	if (sluiced->replies.boot_id != segment->boot_id)
		replies_begin(&sluiced->replies, segment->boot_id);
	for (uint32_t i = 0; i < model_pool_count(sluiced->model); i++)
		replies_follow(sluiced, model_pool_at(sluiced->model, i), now_ns);
	nat_release(sluiced);
	nat_note_follow(sluiced, segment);
}

static void port_look(struct sluiced *sluiced)
{
	const struct lb_segment *segment = publish_segment(sluiced->publish);
	uint64_t now_ns = clock_now_ns();

	if (!segment || now_ns < sluiced->look_ns)
		return;
	sluiced->look_ns = now_ns + LOOK_MS * CLOCK_NS_PER_MS;
	spread_follow(sluiced, segment, now_ns);
	mtu_follow(sluiced);
	nat_follow(sluiced, segment, now_ns);
}

static json_t *doctor_status(void *arg)
{
	return control_status_node_services(arg);
}

static void doctor_follow(struct sluiced *sluiced)
{
	const struct doctor_watch_ops ops = { doctor_status, &sluiced->control };
	const struct config *config = model_config(sluiced->model);

	if (config)
		doctor_watch_run(&sluiced->doctor, config, sluiced->config_path, &ops,
				 clock_now_ms());
}

void tick_run(struct sluiced *sluiced)
{
	publish_refresh(sluiced->publish);
	checks_follow(sluiced);
	if (sluiced->checks)
		checks_tick(sluiced->checks);
	flaps_tick(sluiced->flaps);
	model_tick(sluiced->model, clock_now_ms());
	owner_tick(sluiced);
	versions_tick(sluiced->versions);
	tick_published_follow(sluiced);
	watchdog_feed(sluiced);
	port_look(sluiced);
	doctor_follow(sluiced);
}

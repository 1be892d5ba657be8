/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/publish.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/internal.h"

/* Table changes within this time become one generation. */
#define COALESCE_US 1000
#define RETRY_US 2000 /* a ring was full */

static void flush_later(struct publish *publish, long us)
{
	const struct timeval delay = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };

	if (!evtimer_pending(publish->flush_timer, NULL))
		evtimer_add(publish->flush_timer, &delay);
}

static bool dirty_tables(const struct publish_dirty *dirty)
{
	return dirty->params || dirty->services || dirty->pools || dirty->retire ||
	       dirty->retire_after;
}

/* ---- Contents of a generation ---- */

static void batch_add(struct publish *publish, struct publish_batch *batch,
		      const struct publish_block *block)
{
	if (!publish->force && publish->ops->runs(publish->backend, block))
		publish->info.skipped++;
	else
		batch->block[batch->block_count++] = *block;
}

static void batch_add_instances(struct publish *publish, struct publish_batch *batch)
{
	struct publish_block block = { .kind = LB_BLOCK_INSTANCES };

	block.data = model_instances(publish->options.model, &block.count);
	block.bytes = block.count * (uint32_t)sizeof(struct lb_instance);
	batch_add(publish, batch, &block);
}

static void batch_add_services(struct publish *publish, struct publish_batch *batch)
{
	struct publish_block block = { .kind = LB_BLOCK_SERVICES };
	const struct lb_service_table *table = model_services(publish->options.model, &block.bytes);

	if (!table)
		return;
	block.data = table;
	block.count = (block.bytes - (uint32_t)sizeof(*table)) / (uint32_t)sizeof(*table->slot);
	batch_add(publish, batch, &block);
}

static void batch_add_pool(struct publish *publish, struct publish_batch *batch, uint16_t pool)
{
	struct publish_block block = { .kind = LB_BLOCK_POOL, .pool = pool };

	block.data = model_pool_slots(publish->options.model, pool, &block.count);
	block.bytes = block.count * (uint32_t)sizeof(uint16_t);
	batch_add(publish, batch, &block);
}

/* @params: room for the block, until the batch is sent. */
static void batch_add_tables(struct publish *publish, struct publish_batch *batch,
			     struct lb_params *params)
{
	const struct publish_dirty *dirty = &publish->dirty;
	const struct publish_block block = {
		.kind = LB_BLOCK_PARAMS,
		.data = params,
		.count = 1,
		.bytes = sizeof(*params),
	};

	if (dirty->params) {
		model_params(publish->options.model, params);
		batch_add(publish, batch, &block);
	}
	for (uint16_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (dirty->pools >> pool & 1)
			batch_add_pool(publish, batch, pool);
	if (dirty->services)
		batch_add_services(publish, batch);
	batch->retire = dirty->retire;
	batch->retire_after = dirty->retire_after;
}

/* ---- Sending ---- */

/* To be called when what was sent is no longer marked dirty. */
static void count_sent(struct publish *publish)
{
	publish->count[PUBLISH_INSTANCES].sent = publish->count[PUBLISH_INSTANCES].marked;
	if (!dirty_tables(&publish->dirty))
		publish->count[PUBLISH_ALL].sent = publish->count[PUBLISH_ALL].marked;
}

static void count_acked(struct publish *publish)
{
	for (uint32_t i = 0; i < 2; i++)
		publish->count[i].acked = publish->count[i].sent;
}

static void dirty_clear(struct publish *publish, bool tables)
{
	if (tables)
		publish->dirty = (struct publish_dirty){ .params = false };
	publish->dirty.instances = false;
}

static bool batch_is_empty(const struct publish_batch *batch)
{
	return batch->block_count == 0 && batch->retire == 0 && batch->retire_after == 0;
}

static void batch_send(struct publish *publish, const struct publish_batch *batch, bool tables)
{
	int err = batch_is_empty(batch) ? 0 : publish->ops->send(publish->backend, batch);

	if (err) {
		if (err == -EAGAIN)
			flush_later(publish, RETRY_US);
		return;
	}
	dirty_clear(publish, tables);
	count_sent(publish);
	if (batch_is_empty(batch)) {
		count_acked(publish);
		publish_waits_run(publish);
		return;
	}
	publish->in_flight = true;
	publish->info.published++;
}

static void publish_flush(struct publish *publish, bool tables)
{
	struct publish_batch batch = { .block_count = 0 };
	struct lb_params params;

	if (!publish->info.connected || !model_config(publish->options.model))
		return;
	if (publish->in_flight) {
		publish->due |= tables;
		return;
	}
	if (publish->dirty.instances)
		batch_add_instances(publish, &batch);
	if (tables) {
		publish->due = false;
		batch_add_tables(publish, &batch, &params);
	}
	batch_send(publish, &batch, tables);
}

static void flush_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	publish_flush(arg, true);
}

void publish_mark(struct publish *publish, uint32_t what, uint32_t pool_id)
{
	const struct model *model = publish->options.model;
	struct publish_dirty *dirty = &publish->dirty;
	uint64_t pool = pool_id < LB_POOLS_MAX ? 1ULL << pool_id : 0;

	dirty->params |= (what & MODEL_CHANGE_PARAMS) != 0;
	dirty->services |= (what & MODEL_CHANGE_SERVICES) != 0;
	dirty->instances |= (what & MODEL_CHANGE_INSTANCES) != 0;
	dirty->pools |= what & MODEL_CHANGE_POOL ? pool : 0;
	dirty->retire_after |= what & MODEL_CHANGE_RETIRE ? pool : 0;
	publish->count[PUBLISH_ALL].marked++;
	publish->refusals = 0;
	if (dirty_tables(dirty))
		flush_later(publish, COALESCE_US);
	if (what & MODEL_CHANGE_INSTANCES) {
		publish->count[PUBLISH_INSTANCES].marked++;
		publish_flush(publish, model_tables_urgent(model) || model_tables_at_hand(model));
		if (!dirty->instances && !dirty_tables(dirty)) /* all of it is in flight */
			evtimer_del(publish->flush_timer);
	}
}

static void mark_everything(struct publish *publish)
{
	struct publish_dirty *dirty = &publish->dirty;

	dirty->params = true;
	dirty->services = true;
	dirty->instances = true;
	for (uint32_t id = 0; id < LB_POOLS_MAX; id++)
		if (model_pool_by_id(publish->options.model, id))
			dirty->pools |= 1ULL << id;
	publish->count[PUBLISH_INSTANCES].marked++;
	publish->count[PUBLISH_ALL].marked++;
}

/* ---- Events of the backend ---- */

/* The running generation was acknowledged to a predecessor. */
static uint64_t adopted_generation(const struct publish *publish)
{
	const struct lb_segment *segment = publish->ops->segment(publish->backend);
	const struct lb_node_stats *node =
		segment ? lb_segment_at(segment, segment->node_stats) : NULL;

	return node ? node->generation : 0;
}

static void on_connected(void *arg)
{
	struct publish *publish = arg;

	publish->info.connected = true;
	publish->info.generation = adopted_generation(publish);
	publish->info.problem[0] = '\0';
	publish->in_flight = false;
	publish->refusals = 0;
	publish->force = false;
	mark_everything(publish);
	if (publish->options.link_changed)
		publish->options.link_changed(publish->options.arg, true);
	publish_flush(publish, true);
}

static void on_gone(void *arg, const char *why)
{
	struct publish *publish = arg;
	bool was = publish->info.connected;

	if (why)
		snprintf(publish->info.problem, sizeof(publish->info.problem), "%s", why);
	publish->info.connected = false;
	publish->in_flight = false;
	if (!was)
		return;
	if (publish->options.link_changed)
		publish->options.link_changed(publish->options.arg, false);
	publish_waits_end(publish, -ENOTCONN);
	model_gone_forget(publish->options.model);
}

static void on_refused(struct publish *publish, const struct publish_answer *answer)
{
	publish->info.refused++;
	publish->refusals++;
	snprintf(publish->info.problem, sizeof(publish->info.problem),
		 "generation %llu was refused: %s", (unsigned long long)answer->generation,
		 answer->reason);
	log_err("publish: %s%s", publish->info.problem,
		publish->refusals < PUBLISH_REFUSALS_MAX ? "; sending everything again"
							 : "; waiting for the next change");
	publish->force = true;
	mark_everything(publish);
	if (publish->refusals < PUBLISH_REFUSALS_MAX) {
		publish_flush(publish, true);
		return;
	}
	publish->due = false;
	evtimer_del(publish->flush_timer);
	publish_waits_end(publish, -EBADMSG);
}

const struct metric_bounds publish_latency_bounds = {
	.count = 14,
	.seconds = { 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
		     0.01, 0.05, 0.1, 0.5, 1 },
};

static void on_acked(struct publish *publish, const struct publish_answer *answer)
{
	publish->last = *answer;
	publish->refusals = 0;
	publish->force = false;
	publish->info.problem[0] = '\0';
	publish->info.generation = answer->generation;
	publish->info.last_ack_ns = answer->acked_ns - answer->sent_ns;
	metric_observe(&publish->latency, &publish_latency_bounds, publish->info.last_ack_ns);
	count_acked(publish);
	log_debug("publish: generation %llu runs in %u workers after %llu us",
		  (unsigned long long)answer->generation, answer->workers,
		  (unsigned long long)publish->info.last_ack_ns / 1000);
	publish_waits_run(publish);
	if (publish->due)
		publish_flush(publish, true);
	else if (publish->dirty.instances)
		publish_flush(publish, false);
}

static void on_answered(void *arg, const struct publish_answer *answer)
{
	struct publish *publish = arg;

	publish->in_flight = false;
	if (answer->refused)
		on_refused(publish, answer);
	else
		on_acked(publish, answer);
}

static void on_joined(void *arg)
{
	struct publish *publish = arg;

	mark_everything(publish);
	publish_flush(publish, true);
}

static const struct publish_backend_events backend_events = {
	.connected = on_connected,
	.joined = on_joined,
	.gone = on_gone,
	.answered = on_answered,
};

/* ---- Create and destroy ---- */

static void second_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (publish_retire_run(arg))
		publish_flush(arg, true);
}

static const struct publish_backend_ops *backend_ops(const struct model *model)
{
	const struct config *config = model_config(model);

	if (config && config->node.dataplane == CONFIG_DATAPLANE_XDP)
		return &publish_xdp_ops;
	if (config && config_node_has_handover(&config->node))
		return &publish_handover_ops;
	return &publish_ring_ops;
}

struct publish *publish_create(const struct publish_options *options)
{
	const struct timeval second = { .tv_sec = 1 };
	struct publish *publish = calloc(1, sizeof(*publish));
	struct publish_backend_options backend = {
		.base = options->base,
		.model = options->model,
		.run_dir = options->run_dir,
		.events = &backend_events,
		.arg = publish,
	};

	if (!publish)
		return NULL;
	publish->options = *options;
	publish->ops = backend_ops(options->model);
	publish->flush_timer = evtimer_new(options->base, flush_timer_cb, publish);
	publish->second_timer = event_new(options->base, -1, EV_PERSIST, second_timer_cb, publish);
	if (!publish->flush_timer || !publish->second_timer ||
	    event_add(publish->second_timer, &second)) {
		errno = ENOMEM;
		goto fail;
	}
	publish->backend = publish->ops->create(&backend);
	if (publish->backend)
		return publish;
fail:
	publish_destroy(publish);
	return NULL;
}

void publish_destroy(struct publish *publish)
{
	int saved = errno;

	if (!publish)
		return;
	publish_waits_end(publish, -ECANCELED);
	if (publish->backend)
		publish->ops->destroy(publish->backend);
	if (publish->flush_timer)
		event_free(publish->flush_timer);
	if (publish->second_timer)
		event_free(publish->second_timer);
	free(publish);
	errno = saved;
}

static void connect_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

bool publish_connect(struct publish *publish, uint32_t timeout_ms)
{
	const struct timeval limit = { .tv_sec = timeout_ms / 1000,
				       .tv_usec = (long)(timeout_ms % 1000) * 1000 };
	bool over = false;
	struct event *timer = evtimer_new(publish->options.base, connect_timer_cb, &over);

	if (!timer)
		return false;
	evtimer_add(timer, &limit);
	publish->info.problem[0] = '\0';
	publish->ops->poke(publish->backend);
	while (!publish->info.connected && !publish->info.problem[0] && !over)
		event_base_loop(publish->options.base, EVLOOP_ONCE);
	event_free(timer);
	return publish->info.connected;
}

const struct lb_segment *publish_segment(const struct publish *publish)
{
	return publish->info.connected ? publish->ops->segment(publish->backend) : NULL;
}

int publish_view(struct publish *publish, struct flows_view *view)
{
	return publish->info.connected ? publish->ops->view(publish->backend, view) : -ENOTCONN;
}

void publish_capture(struct publish *publish, const struct lb_capture_select *select)
{
	publish->ops->capture(publish->backend, select);
}

bool publish_capture_next(struct publish *publish, struct lb_capture_record *record)
{
	return publish->ops->capture_next(publish->backend, record);
}

void publish_capture_missed(const struct publish *publish, struct publish_capture_missed *missed)
{
	*missed = (struct publish_capture_missed){ 0 };
	publish->ops->capture_missed(publish->backend, missed);
}

void publish_refresh(struct publish *publish)
{
	if (publish->info.connected && publish->ops->refresh)
		publish->ops->refresh(publish->backend);
}

void publish_handover_get(const struct publish *publish, struct publish_handover *handover)
{
	*handover = (struct publish_handover){ .is_on = false };
	if (publish->ops->handover_get)
		publish->ops->handover_get(publish->backend, handover);
}

void publish_info_get(const struct publish *publish, struct publish_info *info)
{
	const struct publish_count *all = &publish->count[PUBLISH_ALL];

	*info = publish->info;
	info->pending = info->connected && all->acked != all->marked;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/clock.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/internal.h"

/* A pool whose table is being sent starts its time over when that is acknowledged. */
static bool retire_is_due(const struct publish *publish, uint32_t pool, uint64_t now_ns)
{
	uint64_t keep_ns =
		(uint64_t)model_idle_timeout_ms(publish->options.model) * CLOCK_NS_PER_MS;
	uint64_t changed_ns = publish->ops->pool_changed_ns(publish->backend, pool);

	return changed_ns != 0 && now_ns > changed_ns && now_ns - changed_ns > keep_ns &&
	       !(publish->dirty.pools >> pool & 1);
}

static bool retire_pools(struct publish *publish)
{
	uint64_t now_ns = clock_now_ns();

	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (retire_is_due(publish, pool, now_ns))
			publish->dirty.retire |= 1ULL << pool;
	return publish->dirty.retire != 0;
}

/* Whether a table in use, current or previous, may name the index. */
static bool index_is_named(struct publish *publish, const struct model_instance *instance)
{
	uint32_t count;
	const uint16_t *slots;

	if (publish->ops->pool_changed_ns(publish->backend, instance->pool_id))
		return true;
	slots = model_pool_slots(publish->options.model, instance->pool_id, &count);
	for (uint32_t i = 0; i < count; i++)
		if (slots[i] == instance->index)
			return true;
	return false;
}

static void release_gone(struct publish *publish)
{
	const struct lb_segment *segment = publish->ops->segment(publish->backend);
	struct model *model = publish->options.model;
	struct model_instance *instance = model_gone_next(model, NULL), *next;

	for (; instance; instance = next) {
		next = model_gone_next(model, instance);
		if (lb_segment_instance_flows(segment, instance->index) != 0)
			continue;
		if (instance->leaving)
			model_leave_end(model, instance, "no flow is left");
		else if (!index_is_named(publish, instance))
			model_gone_release(model, instance);
	}
}

bool publish_retire_run(struct publish *publish)
{
	const struct publish_dirty *dirty = &publish->dirty;

	if (!publish->info.connected)
		return false;
	/* What is in flight, or about to be sent, decides which tables are in use. */
	if (!publish->in_flight && !dirty->pools && !dirty->instances && !dirty->retire_after)
		release_gone(publish);
	return retire_pools(publish);
}

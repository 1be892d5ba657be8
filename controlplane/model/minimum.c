/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * minimum_up of a pool: whether the VIPs of its services are announced. They are withdrawn at once,
 * since checks have their own thresholds, and announced again after a time that grows with each
 * withdrawal: routers and other nodes must not follow a pool that flaps.
 */
#include "controlplane/model/internal.h"

const char *model_vips_name(enum model_vips vips)
{
	static const char *const names[] = {
		[MODEL_VIPS_UNKNOWN] = "unknown",
		[MODEL_VIPS_ANNOUNCED] = "announced",
		[MODEL_VIPS_WITHDRAWN] = "withdrawn",
		[MODEL_VIPS_HELD] = "held",
	};

	return (unsigned int)vips < sizeof(names) / sizeof(names[0]) ? names[vips] : "?";
}

void model_minimum_configure(struct model_pool *pool, const struct config_pool *from)
{
	pool->minimum.want = from->minimum;
	pool->minimum.on_minimum = from->on_minimum;
}

void model_minimum_count(struct model_pool *pool)
{
	uint32_t judged = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		judged += model_health_in_force(pool->instances[i]) != HEALTH_UNKNOWN;
	pool->minimum.need = config_minimum_count(&pool->minimum.want,
						  pool->settled ? judged : pool->instance_count);
}

uint32_t model_minimum_to_drop(const struct config_pool *pool)
{
	return pool->on_minimum == CONFIG_ON_MINIMUM_DROP
		       ? config_minimum_count(&pool->minimum, pool->instance_count)
		       : 0;
}

bool model_minimum_is_due(const struct model_pool *pool, uint64_t now_ms)
{
	const struct model_minimum *minimum = &pool->minimum;

	return minimum->vips == MODEL_VIPS_HELD && now_ms - minimum->since_ms >= minimum->hold_ms;
}

/* Enough are up. */
static enum model_vips vips_rise(const struct model_minimum *minimum, const struct model_pool *pool,
				 uint64_t now_ms)
{
	if (minimum->vips == MODEL_VIPS_WITHDRAWN)
		return MODEL_VIPS_HELD;
	if (minimum->vips == MODEL_VIPS_HELD && !model_minimum_is_due(pool, now_ms))
		return MODEL_VIPS_HELD;
	return MODEL_VIPS_ANNOUNCED;
}

static uint32_t hold_next(const struct model_minimum *minimum, uint64_t now_ms)
{
	uint32_t twice = 2 * minimum->hold_ms;

	if (minimum->hold_ms == 0 || now_ms - minimum->since_ms >= MODEL_VIPS_FORGET_MS)
		return MODEL_VIPS_HOLD_MS;
	return twice < MODEL_VIPS_HOLD_MAX_MS ? twice : MODEL_VIPS_HOLD_MAX_MS;
}

bool model_minimum_decide(const struct model *model, struct model_pool *pool, uint32_t up)
{
	struct model_minimum *minimum = &pool->minimum;
	enum model_vips before = minimum->vips;

	minimum->up = up;
	if (minimum->need == 0) {
		minimum->vips = MODEL_VIPS_ANNOUNCED;
		minimum->hold_ms = 0;
		return before == MODEL_VIPS_WITHDRAWN || before == MODEL_VIPS_HELD;
	}
	if (up >= minimum->need)
		minimum->vips = vips_rise(minimum, pool, model->now_ms);
	else if (pool->settled)
		minimum->vips = MODEL_VIPS_WITHDRAWN;
	if (minimum->vips == before)
		return false;
	if (before == MODEL_VIPS_ANNOUNCED)
		minimum->hold_ms = hold_next(minimum, model->now_ms);
	else if (before == MODEL_VIPS_UNKNOWN && minimum->vips == MODEL_VIPS_WITHDRAWN)
		minimum->hold_ms = 0; /* nothing was announced by this process */
	minimum->since_ms = model->now_ms;
	return true;
}

/* ---- VIPs ---- */

static bool vips_are_out(const struct model_pool *pool)
{
	return pool->minimum.vips == MODEL_VIPS_WITHDRAWN || pool->minimum.vips == MODEL_VIPS_HELD;
}

const struct model_pool *model_vips_withdrawn_by(const struct model *model,
						 const struct config_service *service)
{
	for (uint32_t i = 0; i < service->listener_count; i++)
		if (vips_are_out(model->pools[service->listeners[i].pool]))
			return model->pools[service->listeners[i].pool];
	return NULL;
}

static bool vips_are_unknown(const struct model *model, const struct config_service *service)
{
	for (uint32_t i = 0; i < service->listener_count; i++)
		if (model->pools[service->listeners[i].pool]->minimum.vips == MODEL_VIPS_UNKNOWN)
			return true;
	return false;
}

uint32_t model_vips_held(const struct model *model, struct model_vip_hold *list, uint32_t room)
{
	const struct config *config = model->config;
	uint32_t count = 0;

	for (uint32_t i = 0; config && i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];
		bool out = model_vips_withdrawn_by(model, service) != NULL;

		if (!out && !vips_are_unknown(model, service))
			continue;
		for (uint32_t j = 0; j < service->vip_count; j++, count++)
			if (count < room)
				list[count] = (struct model_vip_hold){
					.address = service->vips[j].address,
					.stays = !out,
				};
	}
	return count;
}

uint32_t model_vips_left_ms(const struct model *model, const struct model_pool *pool)
{
	const struct model_minimum *minimum = &pool->minimum;
	uint64_t passed_ms = model->now_ms - minimum->since_ms;

	if (minimum->vips != MODEL_VIPS_HELD || passed_ms >= minimum->hold_ms)
		return 0;
	return (uint32_t)(minimum->hold_ms - passed_ms);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"

int model_index_take(struct model *model, struct model_instance *instance, uint32_t index)
{
	if (index >= LB_INSTANCES_MAX || model->by_index[index])
		return -EBUSY;
	model->by_index[index] = instance;
	instance->index = (uint16_t)index;
	if (index >= model->block_count)
		model->block_count = index + 1;
	return 0;
}

int model_index_assign(struct model *model, struct model_instance *instance)
{
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		if (!model->by_index[i])
			return model_index_take(model, instance, i);
	return -ENOSPC;
}

/* The block never shrinks: tables in use may name any index below its end. */
void model_index_free(struct model *model, struct model_instance *instance)
{
	if (instance->index == MODEL_INDEX_NONE)
		return;
	model->by_index[instance->index] = NULL;
	memset(&model->block[instance->index], 0, sizeof(model->block[0]));
	instance->index = MODEL_INDEX_NONE;
}

int model_pool_id_assign(struct model *model, struct model_pool *pool)
{
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		if (model->pool_by_id[i])
			continue;
		model->pool_by_id[i] = pool;
		pool->id = (uint16_t)i;
		return 0;
	}
	return -ENOSPC;
}

struct model_instance *model_gone_next(const struct model *model, const struct model_instance *last)
{
	return last ? last->next : model->gone;
}

void model_gone_release(struct model *model, struct model_instance *instance)
{
	struct model_instance **at = &model->gone;

	while (*at && *at != instance)
		at = &(*at)->next;
	if (*at)
		*at = instance->next;
	model_index_free(model, instance);
	free(instance);
}

void model_gone_forget(struct model *model)
{
	struct model_instance *next, *instance = model->gone;

	for (; instance; instance = next) {
		next = instance->next;
		if (!instance->leaving)
			model_gone_release(model, instance);
	}
	model_nat_forget(model);
}

struct model_pool *model_pool_by_id(const struct model *model, uint32_t pool_id)
{
	return pool_id < LB_POOLS_MAX ? model->pool_by_id[pool_id] : NULL;
}

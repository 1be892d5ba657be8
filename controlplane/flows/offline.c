/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/offline.h"

#include <errno.h>

#define MTU_BYTES 1500 /* of a port that does not say */

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static void all_up(struct model *model)
{
	const struct model_next_hop hop = { .resolved = true, .on_link = true };
	const uint8_t no_mac[LB_ETH_ALEN] = { 0 };

	model_port_set(model, no_mac, MTU_BYTES);
	for (uint32_t i = 0; i < model_pool_count(model); i++) {
		struct model_pool *pool = model_pool_at(model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			model_next_hop_set(model, pool->instances[j], &hop);
			model_health_set(model, pool->instances[j], HEALTH_UP, NULL);
		}
	}
}

int offline_create(struct offline *offline, struct config *config)
{
	struct lb_params params;
	uint32_t bytes, count;
	int err;

	*offline = (struct offline){ .model = model_create(&ops, NULL) };
	err = offline->model ? model_apply(offline->model, config, 0) : -ENOMEM;
	if (err) {
		config_free(config);
		offline_destroy(offline);
		return err;
	}
	all_up(offline->model);
	model_params(offline->model, &params);
	flows_view_params(&offline->view, &params);
	offline->view.services = model_services(offline->model, &bytes);
	offline->view.instances.instance = model_instances(offline->model, &count);
	offline->view.instances.n = count;
	return 0;
}

void offline_pool_build(struct offline *offline, uint32_t pool)
{
	struct lb_pool_view *to = &offline->view.pool[pool];

	to->current = model_pool_slots(offline->model, pool, &to->n_current);
}

void offline_destroy(struct offline *offline)
{
	model_destroy(offline->model);
	offline->model = NULL;
}

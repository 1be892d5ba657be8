/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/load/load.h"
#include "controlplane/model/maglev.h"
#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_service.h"

struct predict_target {
	uint16_t *slots; /* the generator's numbers of instances; NULL: not predicted */
	uint32_t salt;
	uint8_t family;
};

struct predict {
	struct lb_secret secret;
	uint32_t n_slots;
	uint32_t n_targets;
	struct predict_target target[WIRE_TARGETS_MAX];
};

static uint32_t instance_number(const struct instances *instances,
				const struct config_address *address)
{
	return address->family == 4 ? instances_find4(instances, lb_load32(address->bytes))
				    : instances_find6(instances, address->bytes);
}

/* A pool's table, as controlplane/model/decide.c has it built when all instances are up. */
static uint16_t *slots_build(const struct predict *p, const struct config_pool *pool,
			     const struct instances *instances)
{
	struct maglev_member *members = calloc(pool->instance_count, sizeof(*members));
	uint16_t *slots = calloc(p->n_slots, sizeof(*slots));
	uint32_t n = 0;
	bool known = members && slots;

	for (uint32_t i = 0; known && i < pool->instance_count; i++) {
		const struct config_instance *instance = &pool->instances[i];
		uint32_t number = instance_number(instances, &instance->address);
		char path[2 * LB_NAME_MAX + 2];

		if (instance->backup || !instance->weight)
			continue;
		known = number != INSTANCES_NONE;
		snprintf(path, sizeof(path), "%s/%s", pool->name, instance->name);
		members[n++] = (struct maglev_member){
			.key = maglev_key(&p->secret, path),
			.weight = instance->weight,
			.value = (uint16_t)number,
		};
	}
	if (!known || maglev_build(members, n, slots, p->n_slots)) {
		free(slots);
		slots = NULL;
	}
	free(members);
	return slots;
}

static bool vip_is(const struct config_address *vip, const struct wire_target *target)
{
	return vip->family == target->family &&
	       memcmp(vip->bytes, target->addr, target->family == 4 ? 4 : 16) == 0;
}

static const struct config_listener *listener_find(const struct config *config,
						   const struct wire_target *target)
{
	for (uint32_t s = 0; s < config->service_count; s++) {
		const struct config_service *service = &config->services[s];

		for (uint32_t v = 0; v < service->vip_count; v++)
			for (uint32_t l = 0; l < service->listener_count; l++)
				if (service->listeners[l].port == target->port &&
				    vip_is(&service->vips[v].address, target))
					return &service->listeners[l];
	}
	return NULL;
}

static void target_prepare(struct predict *p, const struct config *config, uint32_t t,
			   const struct wire_target *target, const struct instances *instances)
{
	const struct config_listener *listener = listener_find(config, target);
	const struct config_pool *pool = listener ? &config->pools[listener->pool] : NULL;

	p->target[t].family = target->family;
	p->target[t].salt = lb_service_salt(&p->secret, target->addr, lb_cpu_to_be16(target->port),
					    LB_IPPROTO_TCP);
	if (pool)
		p->target[t].slots = slots_build(p, pool, instances);
	if (!p->target[t].slots)
		fprintf(stderr, "pktgen: the instances of port %u are not predicted\n",
			target->port);
}

struct predict *predict_create(const char *path, const struct wire_target *targets,
			       uint32_t n_targets, const struct instances *instances)
{
	struct predict *p = calloc(1, sizeof(*p));
	struct config_errors errors;
	struct config *config = p ? config_load_file(path, &errors) : NULL;

	if (!config) {
		if (p)
			config_errors_print(&errors, stderr);
		free(p);
		return NULL;
	}
	lb_secret_expand(config->node.secret, &p->secret);
	p->n_slots = config->node.table_slots;
	p->n_targets = n_targets;
	for (uint32_t t = 0; t < n_targets; t++)
		target_prepare(p, config, t, &targets[t], instances);
	config_free(config);
	return p;
}

void predict_destroy(struct predict *p)
{
	for (uint32_t t = 0; p && t < p->n_targets; t++)
		free(p->target[t].slots);
	free(p);
}

uint32_t predict_instance(const struct predict *p, uint32_t target, uint32_t src, uint32_t sport,
			  const uint8_t *client6)
{
	const struct predict_target *t = &p->target[target];
	uint8_t client[16];
	uint64_t hash;

	if (!t->slots)
		return INSTANCES_NONE;
	if (t->family == 4) {
		hash = lb_flow_hash4(&p->secret, src, (lb_be16)sport, t->salt);
	} else {
		memcpy(client, client6, 12);
		lb_store32(client + 12, src);
		hash = lb_flow_hash6(&p->secret, client, (lb_be16)sport, t->salt);
	}
	return t->slots[lb_flow_slot(hash, p->n_slots)];
}

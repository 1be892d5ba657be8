/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/model_fixture.h"
#include "config/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char node[] = "node:\n"
			   "  port: eth1\n"
			   "  cpus: \"1\"\n"
			   "  flows: 65536\n"
			   "  table_slots: 1021\n"
			   "  idle_timeout: 1s\n"
			   "  secret: \"000102030405060708090a0b0c0d0e0f\"\n";

struct config *fixture_config_on(const char *networks, const char *pools, const char *services)
{
	static char text[65536];
	static struct config_errors errors;
	struct config *config;
	int length = snprintf(text, sizeof(text), "%s%spools:\n%sservices:\n%s", node, networks,
			      pools, services);

	config = config_load_buffer(text, (size_t)length, "test", &errors);
	if (!config) {
		config_errors_print(&errors, stderr);
		abort();
	}
	return config;
}

struct config *fixture_config(const char *pools, const char *services)
{
	return fixture_config_on("  address: [\"10.0.0.5/16\", \"2001:db8::5/64\"]\n", pools,
				 services);
}

struct config *fixture_web(uint32_t n)
{
	static char pools[32768];
	int at = sprintf(pools, "  web:\n    drain: 0s\n    instances:%s\n", n ? "" : " {}");

	for (uint32_t i = 1; i <= n; i++)
		at += sprintf(pools + at, "      web-%u: { address: 10.0.%u.%u }\n", i, 1 + i / 250,
			      1 + i % 250);
	return fixture_config(pools, "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
				     "    listeners: [ { port: 80, pool: web } ]\n");
}

static void set_one(struct model *model, struct model_instance *instance, enum health_state health)
{
	const struct model_next_hop hop = {
		.resolved = true,
		.on_link = true,
		.mac = { 2, 0, instance->address.bytes[2], instance->address.bytes[3], 0, 1 },
	};

	model_next_hop_set(model, instance, &hop);
	model_health_set(model, instance, health, NULL);
}

void fixture_up(struct model *model)
{
	for (uint32_t i = 0; i < model_pool_count(model); i++) {
		struct model_pool *pool = model_pool_at(model, i);

		for (uint32_t j = 0; j < pool->instance_count; j++)
			set_one(model, pool->instances[j], HEALTH_UP);
	}
}

void fixture_set(struct model *model, const char *path, enum health_state health)
{
	set_one(model, model_instance_find(model, path), health);
}

uint32_t fixture_slots(struct model *model, const char *pool, const char *path)
{
	const struct model_instance *instance = model_instance_find(model, path);
	uint32_t count, mine = 0;
	const uint16_t *slots = model_pool_slots(model, model_pool_find(model, pool)->id, &count);

	for (uint32_t i = 0; i < count; i++)
		mine += slots[i] == instance->index;
	return mine;
}

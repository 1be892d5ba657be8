/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/validate.h"
#include "config/base/scalar.h"
#include "config/load/validator.h"

#include <errno.h>
#include <string.h>

#define CHECK_KEY_MAX 192

/* A key of a check that its type has no use for. */
static void check_key_of(struct config_validator *validator, const struct config_pool *pool,
			 uint32_t index, const char *name, struct config_place place,
			 const char *message)
{
	char key[CHECK_KEY_MAX];

	if (place.line == 0)
		return;
	snprintf(key, sizeof(key), "pools.%s.checks[%u].%s", pool->name, index, name);
	config_validator_fail(validator, place, key, NULL, "%s", message);
}

static void check_health_keys(struct config_validator *validator, const struct config_pool *pool,
			      uint32_t index)
{
	static const char http[] = "only HTTP and HTTPS checks take it";
	static const char tls[] = "only SSL and HTTPS checks take it";
	const struct config_check *check = &pool->checks[index];
	enum config_check_type type = check->type;

	if (type != CONFIG_CHECK_HTTP && type != CONFIG_CHECK_HTTPS) {
		check_key_of(validator, pool, index, "expect", check->expect_place, http);
		check_key_of(validator, pool, index, "host", check->host_place, http);
	}
	if (type != CONFIG_CHECK_SSL && type != CONFIG_CHECK_HTTPS) {
		check_key_of(validator, pool, index, "sni", check->sni_place, tls);
		check_key_of(validator, pool, index, "verify", check->verify_place, tls);
		check_key_of(validator, pool, index, "ca_file", check->ca_file_place, tls);
	} else if (!check->verify) {
		check_key_of(validator, pool, index, "ca_file", check->ca_file_place,
			     "expected \"verify: true\" beside it");
	}
}

static void check_health_check(struct config_validator *validator, const struct config_pool *pool,
			       uint32_t index)
{
	const struct config_check *check = &pool->checks[index];
	bool given = check->timeout_place.line != 0;
	char interval[16], timeout[16], key[CHECK_KEY_MAX];

	for (uint32_t i = 0; i < index; i++) {
		if (strcmp(pool->checks[i].target, check->target) != 0)
			continue;
		snprintf(key, sizeof(key), "pools.%s.checks[%u].target", pool->name, index);
		config_validator_fail(validator, check->target_place, key, check->target,
				      "the same target as in line %u",
				      pool->checks[i].target_place.line);
		break;
	}
	check_health_keys(validator, pool, index);
	if (check->timeout_ms < check->interval_ms)
		return;
	snprintf(key, sizeof(key), "pools.%s.checks[%u].timeout", pool->name, index);
	config_scalar_duration_format(check->interval_ms, interval);
	config_scalar_duration_format(check->timeout_ms, timeout);
	config_validator_fail(validator, given ? check->timeout_place : check->place, key, timeout,
			      "expected less than the interval, %s%s", interval,
			      given ? "" : "; this is the default, so give a timeout");
}

static void check_instance(struct config_validator *validator, const struct config_pool *pool,
			   uint32_t index)
{
	const struct config_instance *instance = &pool->instances[index];
	const struct config_host host = { instance->address, instance->address_place };
	char key[CHECK_KEY_MAX], message[128];

	snprintf(key, sizeof(key), "pools.%s.instances.%s.address", pool->name, instance->name);
	if (config_node_own(&validator->config->node, &instance->address))
		config_validator_fail_address(validator, &host, key, "is the node's own address");
	for (uint32_t i = 0; i < index; i++) {
		const struct config_instance *other = &pool->instances[i];

		if (!config_address_equal(&other->address, &instance->address))
			continue;
		snprintf(message, sizeof(message), "is also the address of \"%s\", line %u",
			 other->name, other->address_place.line);
		config_validator_fail_address(validator, &host, key, message);
		break;
	}
}

static void check_pool(struct config_validator *validator, const struct config_pool *pool)
{
	uint32_t slots = validator->config->node.table_slots;
	char key[CHECK_KEY_MAX];

	for (uint32_t i = 0; i < pool->check_count; i++)
		check_health_check(validator, pool, i);
	for (uint32_t i = 0; i < pool->instance_count; i++)
		check_instance(validator, pool, i);
	if (pool->instance_count > slots / CONFIG_SLOTS_PER_INSTANCE_MIN) {
		snprintf(key, sizeof(key), "pools.%s.instances", pool->name);
		config_validator_fail(validator, pool->place, key, NULL,
				      "%u instances need node.table_slots of at least %u, not %u",
				      pool->instance_count,
				      pool->instance_count * CONFIG_SLOTS_PER_INSTANCE_MIN, slots);
	}
}

static void check_pools(struct config_validator *validator)
{
	const struct config *config = validator->config;
	uint32_t total = 0;

	for (uint32_t i = 0; i < config->pool_count; i++)
		total += config->pools[i].instance_count;
	if (total > CONFIG_INSTANCES_MAX) {
		config_validator_fail(validator, config->pools[0].place, "pools", NULL,
				      "expected at most %u instances in all pools together, not %u",
				      CONFIG_INSTANCES_MAX, total);
		return;
	}
	for (uint32_t i = 0; i < config->pool_count; i++)
		check_pool(validator, &config->pools[i]);
}

static void check_network_sources(struct config_validator *validator)
{
	const struct config_prefix *sources = &validator->config->node.tunnel_sources;
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&validator->config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			config_validate_taken(validator, sources, "node.tunnel_sources",
					      &networks[i].addresses[j].address, "node.address",
					      networks[i].addresses[j].place);
}

/* Outer sources that are in use would draw ICMP errors about tunnels to their owners. */
static void check_tunnel_sources(struct config_validator *validator)
{
	const struct config_node *node = &validator->config->node;
	const struct config_prefix *sources = &node->tunnel_sources;

	if (!sources->address.family)
		return;
	check_network_sources(validator);
	config_validate_unused(validator, sources, "node.tunnel_sources");
}

static void check_port(struct config_validator *validator)
{
	const struct config_node *node = &validator->config->node;

	if (node->dataplane == CONFIG_DATAPLANE_XDP && node->port_kind != CONFIG_PORT_INTERFACE)
		config_validator_fail(
			validator, node->port_place, "node.port", node->port,
			"expected a kernel interface, such as \"eth1\", for dataplane: xdp");
}

int config_validate(struct config *config, struct config_errors *errors)
{
	struct config_validator validator = { .config = config, .errors = errors };

	check_port(&validator);
	config_validate_networks(&validator);
	check_pools(&validator);
	check_tunnel_sources(&validator);
	config_validate_nat(&validator);
	config_validate_services(&validator);
	return validator.wrong ? -EINVAL : 0;
}

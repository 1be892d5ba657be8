/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_STRINGS(check)                                                                       \
	{                                                                                          \
		&(check)->target, &(check)->path, &(check)->expect, &(check)->host, &(check)->sni, \
			&(check)->ca_file                                                          \
	}

bool config_status_passes(const struct config_status_range *ranges, uint32_t count, long status)
{
	for (uint32_t i = 0; i < count; i++)
		if (status >= ranges[i].first && status <= ranges[i].last)
			return true;
	return count == 0 && status == 200;
}

void config_check_fini(struct config_check *check)
{
	char **strings[] = CHECK_STRINGS(check);

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		free(*strings[i]);
		*strings[i] = NULL;
	}
}

int config_check_copy(struct config_check *to, const struct config_check *from)
{
	char **strings[] = CHECK_STRINGS(to);
	int err = 0;

	*to = *from;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!*strings[i])
			continue;
		*strings[i] = err ? NULL : strdup(*strings[i]);
		err = *strings[i] ? err : -ENOMEM;
	}
	if (err)
		config_check_fini(to);
	return err;
}

uint32_t config_minimum_count(const struct config_minimum *minimum, uint32_t count)
{
	uint32_t share = (uint32_t)(((uint64_t)count * minimum->value + 99) / 100);

	if (!minimum->is_percent || minimum->value == 0)
		return minimum->value;
	return share ? share : 1;
}

uint16_t config_agent_port(const struct config_pool *pool, const struct config_instance *instance)
{
	if (instance && instance->agent_port)
		return instance->agent_port;
	if (pool->agent_port)
		return pool->agent_port;
	for (uint32_t i = 0; i < pool->check_count; i++)
		if (pool->checks[i].agent_port)
			return pool->checks[i].agent_port;
	return 0;
}

const char *config_minimum_format(const struct config_minimum *minimum, char *text)
{
	snprintf(text, 16, "%u%s", minimum->value, minimum->is_percent ? "%" : "");
	return text;
}

static void config_free_network(struct config_network *network)
{
	free(network->addresses);
	free(network->gateways);
}

static void config_free_node(struct config_node *node)
{
	free(node->port);
	free(node->cpus);
	config_free_network(&node->plain);
	for (uint32_t i = 0; i < node->network_count; i++)
		config_free_network(&node->networks[i]);
	free(node->networks);
	free(node->zone);
	free(node->nat_addresses);
	free(node->control_group);
	free(node->metrics);
	free(node->vip_pool);
	free(node->instance_domain);
	explicit_bzero(node->secret, sizeof(node->secret));
}

static void config_free_pool(struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->check_count; i++)
		config_check_fini(&pool->checks[i]);
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		free(pool->instances[i].name);
		free(pool->instances[i].zone);
	}
	free(pool->checks);
	free(pool->instances);
	free(pool->name);
}

static void config_free_service(struct config_service *service)
{
	for (uint32_t i = 0; i < service->listener_count; i++)
		free(service->listeners[i].pool_name);
	free(service->listeners);
	free(service->vips);
	free(service->networks);
	free(service->allow_from);
	free(service->deny_from);
	free(service->name);
}

bool config_node_has_xdp(const struct config_node *node)
{
	return node->dataplane == CONFIG_DATAPLANE_XDP || config_node_has_handover(node);
}

bool config_node_has_handover(const struct config_node *node)
{
	return node->dataplane == CONFIG_DATAPLANE_AUTO && node->port_kind == CONFIG_PORT_INTERFACE;
}

bool config_has_nat(const struct config *config)
{
	for (uint32_t i = 0; i < config->service_count; i++)
		if (config->services[i].forward == LB_FORWARD_NAT)
			return true;
	return false;
}

bool config_may_have_nat(const struct config *config)
{
	return config_has_nat(config) || config->node.vip_pool_count != 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	config_free_node(&config->node);
	for (uint32_t i = 0; i < config->pool_count; i++)
		config_free_pool(&config->pools[i]);
	for (uint32_t i = 0; i < config->service_count; i++)
		config_free_service(&config->services[i]);
	for (uint32_t i = 0; i < config->id_count; i++) {
		free(config->ids[i].name);
		free(config->ids[i].zone);
	}
	free(config->ids);
	free(config->commands_text);
	free(config->commands_file);
	free(config->pools);
	free(config->services);
	if (config->text)
		explicit_bzero(config->text, config->bytes);
	free(config->text);
	free(config->file);
	free(config);
}

const struct config_pool *config_pool_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (strcmp(config->pools[i].name, name) == 0)
			return &config->pools[i];
	return NULL;
}

const struct config_instance *config_instance_find(const struct config_pool *pool, const char *name)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (strcmp(pool->instances[i].name, name) == 0)
			return &pool->instances[i];
	return NULL;
}

const struct config_instance *config_instance_of_family(const struct config_pool *pool,
							uint8_t family)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (pool->instances[i].address.family == family)
			return &pool->instances[i];
	return NULL;
}

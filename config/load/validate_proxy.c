/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of pools.NAME.proxy_protocol. */
#include "config/load/validator.h"

#define CHECK_KEY_MAX 192

/* Return: whether that service may not use the pool. */
static bool check_proxy_service(struct config_validator *validator, const struct config_pool *pool,
				const struct config_service *service, const char *key)
{
	char where[CONFIG_PLACE_TEXT_MAX];

	if (service->forward != LB_FORWARD_NAT) {
		config_validator_fail(validator, pool->proxy_protocol_place, key, "v2",
				      "needs `forward: nat`, not %s of services.%s, %s",
				      config_forward_name(service->forward), service->name,
				      config_error_place(validator->errors,
							 pool->proxy_protocol_place,
							 service->forward_place, where));
		return true;
	}
	if (service->source == CONFIG_SOURCE_NODE)
		return false;
	config_validator_fail(validator, pool->proxy_protocol_place, key, "v2",
			      "needs `source: node`, not %s of services.%s, %s: instances see the "
			      "client anyway",
			      config_source_name(service->source), service->name,
			      config_error_place(validator->errors, pool->proxy_protocol_place,
						 service->source_place, where));
	return true;
}

static bool service_has_pool(const struct config_service *service, uint32_t pool)
{
	for (uint32_t i = 0; i < service->listener_count; i++)
		if (service->listeners[i].pool == pool)
			return true;
	return false;
}

static void check_proxy(struct config_validator *validator, uint32_t index)
{
	const struct config *config = validator->config;
	const struct config_pool *pool = &config->pools[index];
	char key[CHECK_KEY_MAX];

	snprintf(key, sizeof(key), "pools.%s.proxy_protocol", pool->name);
	if (config->node.dataplane != CONFIG_DATAPLANE_DPDK)
		config_validator_fail(
			validator, pool->proxy_protocol_place, key, "v2",
			"`dataplane: %s` does not support it: the stack of an XDP program "
			"has no room for what rewrites a connection's first packets; "
			"expected none, or `dataplane: dpdk`",
			config_dataplane_name(config->node.dataplane));
	for (uint32_t i = 0; i < config->service_count; i++)
		if (service_has_pool(&config->services[i], index) &&
		    check_proxy_service(validator, pool, &config->services[i], key))
			break;
}

/* Instances that demand the header demand it of checks, too. */
static void set_send_proxy(struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->check_count; i++)
		if (!pool->checks[i].send_proxy_place.line)
			pool->checks[i].send_proxy = true;
}

void config_validate_proxies(struct config_validator *validator)
{
	struct config *config = validator->config;

	for (uint32_t i = 0; i < config->pool_count; i++) {
		if (config->pools[i].proxy_protocol != CONFIG_PROXY_V2)
			continue;
		set_send_proxy(&config->pools[i]);
		check_proxy(validator, i);
	}
}

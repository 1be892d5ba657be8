/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/diff.h"

#include <stdio.h>
#include <string.h>

static bool removal_has_vip(const struct config *config, const struct config_host *vip)
{
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_address_equal(&config->services[i].vips[j].address,
						 &vip->address))
				return true;
	return false;
}

/* A service that is renamed, or gets other addresses, counts as kept. */
static bool removal_has_service(const struct config *config, const struct config_service *service)
{
	for (uint32_t i = 0; i < config->service_count; i++)
		if (strcmp(config->services[i].name, service->name) == 0)
			return true;
	for (uint32_t i = 0; i < service->vip_count; i++)
		if (removal_has_vip(config, &service->vips[i]))
			return true;
	return false;
}

static uint32_t removal_services(const struct config *before, const struct config *after)
{
	uint32_t removed = 0;

	for (uint32_t i = 0; i < before->service_count; i++)
		removed += !removal_has_service(after, &before->services[i]);
	return removed;
}

static uint32_t removal_instances(const struct config *before, const struct config *after,
				  uint32_t *total)
{
	uint32_t removed = 0;

	*total = 0;
	for (uint32_t i = 0; i < before->pool_count; i++) {
		const struct config_pool *pool = &before->pools[i];
		const struct config_pool *then = config_pool_find(after, pool->name);

		*total += pool->instance_count;
		for (uint32_t j = 0; j < pool->instance_count; j++)
			removed += !then || !config_instance_find(then, pool->instances[j].name);
	}
	return removed;
}

bool config_removes_much(const struct config *before, const struct config *after, char *what,
			 size_t size)
{
	uint32_t services = removal_services(before, after), total;
	uint32_t instances = removal_instances(before, after, &total);
	bool all = before->service_count > 0 && services == before->service_count;
	bool half = (uint64_t)instances * 2 > total;

	*what = '\0';
	if (all)
		snprintf(what, size, "all services (%u)", services);
	if (half)
		snprintf(what + strlen(what), size - strlen(what), "%s%u of %u instances",
			 all ? " and " : "", instances, total);
	return all || half;
}

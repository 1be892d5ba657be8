/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NAT addresses. A record names its address by index (core/lb_nat.h), so an address keeps its index
 * while records may use it: over reloads, and over restarts of this daemon, which reads the indices
 * in use from the parameters that run.
 */
#include <string.h>

#include "controlplane/model/internal.h"

_Static_assert(CONFIG_NAT_ADDRESSES_MAX <= LB_NAT_ADDRESSES_MAX, "each address has an index");

#define INDEX_NONE LB_NAT_ADDRESSES_MAX
#define PIN_TICKS_MIN (3 * LB_NAT_SWEEP_TICKS)

static bool is_used(const struct model_nat_address *entry)
{
	return entry->address.family != 0;
}

static uint32_t index_find(const struct model *model, const struct config_address *address)
{
	uint32_t i = 0;

	while (i < LB_NAT_ADDRESSES_MAX && !config_address_equal(&model->nat[i].address, address))
		i++;
	return i;
}

static uint32_t index_find_free(const struct model *model)
{
	uint32_t i = 0;

	while (i < LB_NAT_ADDRESSES_MAX && is_used(&model->nat[i]))
		i++;
	return i;
}

/*
 * An address that finds no free index waits until one is released: model_nat_release() comes here
 * again.
 */
void model_nat_assign(struct model *model)
{
	const struct config *config = model->config;
	struct config_addresses wanted = { .count = 0 };

	if (config_has_nat(config))
		config_nat_addresses(config, &wanted);
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		model->nat[i].accepts = false;
		model->nat[i].is_own =
			config_node_own(&config->node, &model->nat[i].address) != NULL;
	}
	for (uint32_t i = 0; i < wanted.count; i++) {
		const struct config_address *address = &wanted.list[i];
		uint32_t index = index_find(model, address);

		if (index == INDEX_NONE)
			index = index_find_free(model);
		if (index == INDEX_NONE)
			continue;
		model->nat[index] = (struct model_nat_address){
			.address = *address,
			.is_own = config_node_own(&config->node, address) != NULL,
			.accepts = true,
		};
	}
}

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void address_map(const struct config_address *address, uint8_t *bytes)
{
	if (address->family == 6) {
		memcpy(bytes, address->bytes, 16);
		return;
	}
	memcpy(bytes, mapped, sizeof(mapped));
	memcpy(bytes + sizeof(mapped), address->bytes, 4);
}

static struct config_address address_unmap(const uint8_t *bytes)
{
	struct config_address address = { .family = 6 };

	if (memcmp(bytes, mapped, sizeof(mapped)) != 0) {
		memcpy(address.bytes, bytes, 16);
		return address;
	}
	address.family = 4;
	memcpy(address.bytes, bytes + sizeof(mapped), 4);
	return address;
}

void model_nat_adopt(struct model *model, const struct lb_nat_params *running)
{
	memset(model->nat, 0, sizeof(model->nat));
	model->nat_ports[0] = running ? running->port_first : 0;
	model->nat_ports[1] = running ? running->port_last : 0;
	for (uint32_t i = 0; running && i < LB_NAT_ADDRESSES_MAX; i++)
		if (running->flags[i] & LB_NAT_ADDRESS_USED)
			model->nat[i].address = address_unmap(running->address[i]);
	model_nat_assign(model);
}

void model_nat_params(const struct model *model, struct lb_nat_params *params)
{
	const struct config_node *node = &model->config->node;

	if (!config_has_nat(model->config))
		return;
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		const struct model_nat_address *entry = &model->nat[i];

		if (!is_used(entry))
			continue;
		address_map(&entry->address, params->address[i]);
		params->flags[i] = (uint8_t)(LB_NAT_ADDRESS_USED |
					     (entry->accepts ? LB_NAT_ADDRESS_ACCEPTS : 0) |
					     (entry->is_own ? LB_NAT_ADDRESS_OWN : 0));
	}
	params->timeouts.ticks[LB_NAT_OPENING] = model_ticks(node->nat_syn_timeout_ms);
	params->timeouts.ticks[LB_NAT_ANSWERED] = model_ticks(node->nat_syn_timeout_ms);
	params->timeouts.ticks[LB_NAT_ESTABLISHED] = model_ticks(node->nat_idle_timeout_ms);
	params->timeouts.ticks[LB_NAT_FIN_CLIENT] = model_ticks(node->nat_fin_timeout_ms);
	params->timeouts.ticks[LB_NAT_FIN_INSTANCE] = model_ticks(node->nat_fin_timeout_ms);
	params->timeouts.ticks[LB_NAT_FIN_BOTH] = model_ticks(node->nat_closed_timeout_ms);
	params->timeouts.ticks[LB_NAT_CLOSED] = model_ticks(node->nat_closed_timeout_ms);
	/* Another range in the file needs a restart of sluice-dataplane. */
	params->port_first = model->nat_ports[0] ? model->nat_ports[0] : node->nat_port_first;
	params->port_last = model->nat_ports[0] ? model->nat_ports[1] : node->nat_port_last;
	params->reset_on_expiry = node->reset_on_expiry;
}

/*
 * The dataplane keeps a flow as long as its record, but looks at it only once in a round of the
 * sweep: until then it must not expire.
 */
void model_nat_pins(struct lb_flow_timeouts *timeouts)
{
	static const enum lb_flow_state states[] = { LB_FLOW_ESTABLISHED, LB_FLOW_FIN };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (timeouts->ticks[states[i]] < PIN_TICKS_MIN)
			timeouts->ticks[states[i]] = PIN_TICKS_MIN;
}

const struct model_nat_address *model_nat_at(const struct model *model, uint32_t index)
{
	return index < LB_NAT_ADDRESSES_MAX && is_used(&model->nat[index]) ? &model->nat[index]
									   : NULL;
}

void model_nat_hosts(const struct model *model, struct config_addresses *hosts)
{
	hosts->count = 0;
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++)
		if (is_used(&model->nat[i]) && !model->nat[i].is_own)
			hosts->list[hosts->count++] = model->nat[i].address;
}

bool model_pool_has_nat(const struct model *model, const char *pool, enum config_source *source)
{
	const struct config *config = model->config;
	bool has_nat = false;

	*source = CONFIG_SOURCE_NODE;
	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (uint32_t j = 0; j < service->listener_count; j++) {
			if (strcmp(service->listeners[j].pool_name, pool) != 0)
				continue;
			if (service->forward != LB_FORWARD_NAT)
				return false;
			has_nat = true;
			if (service->source == CONFIG_SOURCE_CLIENT)
				*source = CONFIG_SOURCE_CLIENT;
		}
	}
	return has_nat;
}

bool model_nat_lacks_memory(const struct config *config, const struct lb_segment *segment)
{
	return segment && !segment->nat_spaces && config_has_nat(config);
}

/* Return: whether any was. */
static bool release(struct model *model, uint32_t unused)
{
	bool released = false;

	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		if (!is_used(&model->nat[i]) || model->nat[i].accepts || !(unused >> i & 1))
			continue;
		model->nat[i] = (struct model_nat_address){ .accepts = false };
		released = true;
	}
	if (released)
		model_nat_assign(model);
	return released;
}

bool model_nat_release(struct model *model, uint32_t unused)
{
	if (!release(model, unused))
		return false;
	model->ops->changed(model->ops_arg, MODEL_CHANGE_PARAMS, 0);
	return true;
}

void model_nat_forget(struct model *model)
{
	memset(model->nat_ports, 0, sizeof(model->nat_ports));
	(void)release(model, UINT32_MAX);
}

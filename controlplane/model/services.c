/* SPDX-License-Identifier: BSD-3-Clause */
/* The services block of a configuration; ids belong to (VIP, port, protocol) and are kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/access.h"
#include "controlplane/model/internal.h"
#include "controlplane/model/services_table.h"
#include "dataplane/core/lb_service_find.h"

/* The entries, and the ids in use. */
struct services_draft {
	const struct model_services *request;
	uint32_t id_last;
	uint32_t n;
	struct lb_service entry[LB_SERVICES_MAX];
	uint64_t taken[(UINT16_MAX + 1) / 64];
};

static const struct lb_service *draft_find_old(const struct services_draft *draft,
					       const struct lb_service *entry)
{
	if (!draft->request->old)
		return NULL;
	if (entry->family == 4)
		return lb_service_find4(draft->request->old, lb_load32(entry->addr), entry->port,
					entry->proto);
	return lb_service_find6(draft->request->old, entry->addr, entry->port, entry->proto);
}

static void draft_take_ids(struct services_draft *draft)
{
	draft->taken[0] = 1; /* 0 is not an id */
	for (uint32_t i = 0; draft->request->old && i <= draft->request->old->mask; i++) {
		uint16_t id =
			draft->request->old->slot[i].family ? draft->request->old->slot[i].id : 0;

		draft->taken[id / 64] |= 1ULL << id % 64;
		if (id > draft->id_last)
			draft->id_last = id;
	}
}

/* Ids increase, so that an id is not reused while flows of its last owner exist. */
static uint16_t draft_new_id(struct services_draft *draft)
{
	uint16_t id;

	do {
		id = (uint16_t)++draft->id_last;
	} while (draft->taken[id / 64] >> id % 64 & 1);
	draft->id_last = id;
	draft->taken[id / 64] |= 1ULL << id % 64;
	return id;
}

static struct lb_service *draft_find_vip(struct services_draft *draft,
					 const struct config_address *vip)
{
	for (uint32_t i = 0; i < draft->n; i++)
		if (draft->entry[i].port == 0 && draft->entry[i].family == vip->family &&
		    memcmp(draft->entry[i].addr, vip->bytes, sizeof(vip->bytes)) == 0)
			return &draft->entry[i];
	return NULL;
}

static struct lb_service *draft_add(struct services_draft *draft, const struct config_address *vip)
{
	struct lb_service *entry = &draft->entry[draft->n++];

	*entry = (struct lb_service){ .family = vip->family };
	memcpy(entry->addr, vip->bytes, sizeof(entry->addr));
	return entry;
}

/* It is on the networks of all services that have it. */
static void draft_add_vip(struct services_draft *draft, const struct config_address *vip,
			  uint16_t networks)
{
	struct lb_service *entry = draft_find_vip(draft, vip);

	if (!entry)
		entry = draft_add(draft, vip);
	entry->networks |= (uint8_t)networks;
}

/* What instances see as the source of a listener's packets. */
static enum lb_nat_source listener_source(const struct services_draft *draft,
					  const struct config_service *service,
					  const struct config_listener *listener)
{
	if (service->source == CONFIG_SOURCE_CLIENT)
		return LB_NAT_SOURCE_CLIENT;
	if (draft->request->config->pools[listener->pool].proxy_protocol == CONFIG_PROXY_V2)
		return LB_NAT_SOURCE_PROXY;
	return LB_NAT_SOURCE_NODE;
}

static void draft_add_listener(struct services_draft *draft, const struct config_service *service,
			       const struct config_address *vip,
			       const struct config_listener *listener)
{
	struct lb_service *entry = draft_add(draft, vip);
	const struct lb_service *old;

	entry->port = lb_cpu_to_be16(listener->port);
	entry->proto = LB_IPPROTO_TCP;
	entry->networks = (uint8_t)service->network_mask;
	entry->forward = (uint8_t)service->forward;
	if (lb_forward_has_port(service->forward))
		entry->instance_port = lb_cpu_to_be16(service->gue_port);
	if (service->forward == LB_FORWARD_NAT) {
		entry->instance_port = lb_cpu_to_be16(listener->instance_port);
		entry->source = (uint8_t)listener_source(draft, service, listener);
	}
	entry->access = config_service_has_lists(service);
	entry->affinity =
		draft->request->config->pools[listener->pool].affinity == CONFIG_AFFINITY_CLIENT;
	entry->pool = (uint8_t)draft->request->pools[listener->pool]->id;
	entry->salt =
		lb_service_salt(draft->request->secret, entry->addr, entry->port, entry->proto);
	old = draft_find_old(draft, entry);
	entry->id = old && old->id ? old->id : draft_new_id(draft);
}

static int draft_add_service(struct services_draft *draft, const struct config_service *service)
{
	for (uint32_t i = 0; i < service->vip_count; i++) {
		const struct config_address *vip = &service->vips[i].address;

		if (draft->n + service->listener_count + 1 > LB_SERVICES_MAX)
			return -ENOSPC;
		draft_add_vip(draft, vip, service->network_mask);
		for (uint32_t j = 0; j < service->listener_count; j++)
			draft_add_listener(draft, service, vip, &service->listeners[j]);
	}
	return 0;
}

static void table_put_networks(struct lb_service_table *table, const struct config_node *node)
{
	table->n_networks = node->network_count;
	for (uint32_t i = 0; i < node->network_count; i++)
		table->vlan[i] = lb_cpu_to_be16(node->networks[i].vlan);
}

struct lb_service_table *model_services_build(const struct model_services *request,
					      uint32_t *id_last, uint32_t *bytes)
{
	struct services_draft *draft = calloc(1, sizeof(*draft));
	struct lb_service_table *table = NULL;
	int err = 0;

	if (!draft)
		return NULL;
	draft->request = request;
	draft->id_last = *id_last;
	draft_take_ids(draft);
	for (uint32_t i = 0; i < request->config->service_count && !err; i++)
		err = draft_add_service(draft, &request->config->services[i]);
	if (!err) {
		table = services_table_build(draft->entry, draft->n, bytes);
		err = table ? model_access_add(request->config, &table, bytes) : -errno;
	}
	if (!err && table) {
		table_put_networks(table, &request->config->node);
		*id_last = draft->id_last;
	}
	free(draft);
	if (err) {
		free(table);
		table = NULL;
	}
	errno = -err;
	return table;
}

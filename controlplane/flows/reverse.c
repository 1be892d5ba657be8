/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/reverse.h"

#include <string.h>

#define TRIES 16

const char *reverse_state_name(uint32_t state)
{
	static const char *const names[] = {
		[LB_NAT_FREE] = "free",
		[LB_NAT_OPENING] = "opening",
		[LB_NAT_ANSWERED] = "answered",
		[LB_NAT_ESTABLISHED] = "established",
		[LB_NAT_FIN_CLIENT] = "fin of the client",
		[LB_NAT_FIN_INSTANCE] = "fin of the instance",
		[LB_NAT_FIN_BOTH] = "fin of both",
		[LB_NAT_CLOSED] = "closed",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static struct config_address address_of(struct lb_addr addr)
{
	struct config_address address = { .family = lb_addr_is_4(addr) ? 4 : 6 };

	lb_addr_store(address.bytes, addr);
	return address;
}

struct config_address reverse_client(const struct lb_nat_record *record)
{
	return address_of(lb_addr_load(record->client));
}

struct config_address reverse_source(const struct flows_view *view, uint32_t address)
{
	return address_of(lb_addr_load(view->nat_params.address[address]));
}

/* Return: false if it was written each time that it was read. */
static bool record_read(const struct lb_nat_record *from, struct lb_nat_record *record)
{
	struct lb_nat_record again;

	for (uint32_t i = 0; i < TRIES; i++) {
		memcpy(record, from, sizeof(*record));
		LB_WRITTEN();
		memcpy(&again, from, sizeof(again));
		if (memcmp(&again, record, sizeof(again)) == 0)
			return true;
	}
	return false;
}

static void port_look(const struct flows_view *view, uint32_t space, uint32_t address,
		      uint32_t instance, uint16_t port, struct reverse *reverse)
{
	struct lb_nat_ref ref = lb_nat_at(&view->nat, space, lb_cpu_to_be16(port));
	struct lb_nat_record record;

	if (!ref.record || !record_read(ref.record, &record))
		return;
	record.seen = flows_view_seen(view, record.seen);
	if (record.address != address || record.instance != instance ||
	    lb_nat_is_free(&record, view->now, &view->nat_params.timeouts))
		return;
	if (reverse->listed < REVERSE_MAX)
		reverse->list[reverse->listed++] =
			(struct reverse_found){ record, ref.worker, port };
	reverse->n++;
}

static void pair_look(const struct flows_view *view, const struct reverse_query *query,
		      uint32_t address, uint32_t instance, struct reverse *reverse)
{
	const struct lb_addr from = lb_addr_load(view->nat_params.address[address]);
	const struct lb_addr to = lb_addr_instance(&view->instances.instance[instance]);
	uint32_t space, first = query->port, last = query->port;

	if (lb_addr_is_4(from) != lb_addr_is_4(to))
		return;
	space = lb_nat_space(&view->nat, from, to);
	if (!query->port) {
		first = view->nat_params.port_first;
		last = view->nat_params.port_last;
	}
	for (uint32_t port = first; port <= last; port++)
		port_look(view, space, address, instance, (uint16_t)port, reverse);
}

static bool is_asked(const struct flows_view *view, const struct reverse_query *query,
		     uint32_t address)
{
	const struct config_address source = reverse_source(view, address);

	return (view->nat_params.flags[address] & LB_NAT_ADDRESS_USED) &&
	       (!query->source.family || config_address_equal(&source, &query->source));
}

void reverse_find(const struct flows_view *view, const struct reverse_query *query,
		  struct reverse *reverse)
{
	reverse->n = reverse->listed = 0;
	for (uint32_t address = 0; address < LB_NAT_ADDRESSES_MAX; address++) {
		if (!is_asked(view, query, address))
			continue;
		for (uint32_t i = 0; i < view->instances.n; i++)
			if ((query->instance == LB_INSTANCE_NONE || query->instance == i) &&
			    lb_instance_is_there(&view->instances.instance[i]))
				pair_look(view, query, address, i, reverse);
	}
}

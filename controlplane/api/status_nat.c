/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "controlplane/api/daemon.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/status_internal.h"
#include "controlplane/model/model.h"
#include "controlplane/model/replies.h"
#include "controlplane/publish/publish.h"

static json_t *control_status_nat_addresses(const struct control_daemon *daemon)
{
	json_t *addresses = json_array();
	char text[CONFIG_ADDRESS_STRLEN];

	for (uint32_t i = 0; addresses != NULL && i < LB_NAT_ADDRESSES_MAX; i++) {
		const struct model_nat_address *entry = model_nat_at(daemon->model, i);

		if (entry != NULL)
			json_array_append_new(
				addresses,
				json_pack("{s:s, s:b, s:b}", "address",
					  config_address_format(&entry->address, text), "own",
					  entry->is_own, "accepts", entry->accepts));
	}
	return addresses;
}

json_t *control_status_nat(const struct control_daemon *daemon, const struct stats_node *figures)
{
	const struct lb_segment *segment = publish_segment(daemon->publish);
	const struct config *config = model_config(daemon->model);
	const struct lb_worker_stats *sum = &figures->sum;
	char ports[16];

	if (config == NULL || !config_has_nat(config))
		return json_null();
	snprintf(ports, sizeof(ports), "%u-%u", config->node.nat_port_first,
		 config->node.nat_port_last);
	return json_pack("{s:o, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
			 "addresses", control_status_nat_addresses(daemon), "ports", ports,
			 "spaces", segment != NULL ? (int)segment->nat_spaces : 0, "flows",
			 (json_int_t)sum->nat_flows, "opened", (json_int_t)sum->nat_inserts,
			 "expired", (json_int_t)sum->nat_expired, "evicted",
			 (json_int_t)sum->nat_evicted, "replies", (json_int_t)sum->nat_reply_pkts,
			 "foreign", (json_int_t)sum->nat_foreign_pkts, "resets",
			 (json_int_t)sum->nat_resets, "exhausted",
			 (json_int_t)figures->drop[LB_DROP_NAT_EXHAUSTED], "unknown",
			 (json_int_t)figures->drop[LB_DROP_NAT_UNKNOWN], "note", daemon->nat_note);
}

json_t *control_status_replies(const struct control_daemon *daemon,
			       const struct model_instance *instance)
{
	enum config_source source;

	if (!instance->pool || instance->index >= LB_INSTANCES_MAX ||
	    !daemon->replies->instance[instance->index].are_missing ||
	    !model_pool_has_nat(daemon->model, instance->pool->name, &source))
		return json_string("");
	return json_string(source == CONFIG_SOURCE_CLIENT
				   ? "no replies: its route to clients must lead through this node"
				   : "no replies to connections from the NAT addresses");
}

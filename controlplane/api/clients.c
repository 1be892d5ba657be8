/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients: who has most flows, by a sample. The result: "flows" (all that are recorded), "sampled",
 * "ipv6" (of the sample, whose clients are not known), "buckets", "all_buckets", "exact" (all were
 * read), and "clients" of objects with "client", "flows" (estimated), "share" and "error" (of the
 * share, 95 %).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/verb.h"
#include "controlplane/flows/sample.h"

#define CONTROL_CLIENTS_BUCKETS 2048 /* a turn: as many cache misses, well under a millisecond */
#define CONTROL_CLIENTS_PAUSE_MS 1

static json_t *control_clients_one(const struct sample *sample, const struct sample_client *client,
				   uint64_t flows)
{
	struct config_address address = { .family = 4 };
	double share = (double)client->flows / sample->n;
	char text[CONFIG_ADDRESS_STRLEN];

	lb_store32(address.bytes, client->address);
	return json_pack("{s:s, s:I, s:f, s:f}", "client", config_address_format(&address, text),
			 "flows", (json_int_t)(share * (double)flows + 0.5), "share", share,
			 "error", sample_error(sample, client));
}

static void control_clients_end(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct sample *sample = call->own;
	json_t *clients = json_array();
	struct stats_node node;

	stats_node_get(daemon->stats, &node);
	sample_end(sample);
	for (uint32_t i = 0; i < sample->n_clients; i++)
		json_array_append_new(clients,
				      control_clients_one(sample, &sample->top[i], node.flows));
	control_call_done(call, json_pack("{s:I, s:i, s:i, s:I, s:I, s:b, s:o}", "flows",
					  (json_int_t)node.flows, "sampled", (int)sample->n, "ipv6",
					  (int)(sample->n - sample->n_four), "buckets",
					  (json_int_t)sample->buckets, "all_buckets",
					  (json_int_t)sample->all_buckets, "exact",
					  sample->is_whole, "clients", clients));
}

static void control_clients_go_on(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct flows_view view;
	int err = publish_view(daemon->publish, &view);
	bool is_complete;

	if (err != 0 || view.why_no_flows[0]) {
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s",
				    err == 0	       ? view.why_no_flows
				    : err == -ENOTCONN ? "the dataplane is not running"
						       : strerror(-err));
		if (err == 0)
			flows_view_fini(&view);
		return;
	}
	is_complete = sample_step(call->own, &view, CONTROL_CLIENTS_BUCKETS);
	flows_view_fini(&view);
	if (is_complete) {
		control_clients_end(call);
		return;
	}
	call->on_timer = control_clients_go_on;
	control_call_timer(call, CONTROL_CLIENTS_PAUSE_MS);
}

void control_clients_run(struct control_call *call)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	if (sample == NULL) {
		control_call_done(call, NULL);
		return;
	}
	sample->random = clock_now_ns();
	call->own = sample;
	call->end = free;
	control_clients_go_on(call);
}

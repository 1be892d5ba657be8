/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/view.h"

#include <stdlib.h>

#include "config/base/clock.h"

void flows_view_params(struct flows_view *view, const struct lb_params *params)
{
	lb_secret_expand(params->secret, &view->secret);
	view->timeouts = params->timeouts;
	view->mtu = params->mtu;
	view->nat_params = params->nat;
	view->now = (uint16_t)(clock_now_ns() / LB_FLOW_TICK_NS);
}

void flows_view_nat(struct flows_view *view, uint32_t n_spaces, uint32_t room)
{
	struct lb_nat *nat = &view->nat;

	*nat = (struct lb_nat){
		.params = &view->nat_params,
		.index = &view->nat_index,
		.services = view->services,
		.memory = view->nat_memory,
		.n_workers = view->n_regions,
		.n_spaces = n_spaces,
		.room = room,
	};
	lb_nat_index_make(&view->nat_index, &view->nat_params);
	if (!view->n_regions || !lb_nat_set_ports(nat))
		nat->params = NULL;
}

void flows_view_fini(struct flows_view *view)
{
	free(view->owned);
	view->owned = NULL;
}

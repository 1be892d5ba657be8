/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/nat_sweep.h"

/* ---- Pins ---- */

static bool is_quiet(const struct nat_sweep_with *with, const struct lb_nat_record *record)
{
	enum lb_flow_state state =
		record->state == LB_NAT_ESTABLISHED ? LB_FLOW_ESTABLISHED : LB_FLOW_FIN;
	uint32_t idle = lb_nat_idle(record, with->now);

	return idle + 2 * LB_NAT_SWEEP_TICKS > with->timeouts->ticks[state];
}

/*
 * The flow table tells which instance has the record, so a flow must not expire there earlier,
 * whatever its own time-out.
 */
static void pin_keep(const struct nat_sweep_with *with, const struct lb_nat_record *record)
{
	const struct lb_nat *nat = with->nat;
	const struct lb_service *service =
		lb_service_by_id(nat->services, nat->by_id, record->service);
	struct lb_flow_ref ref;
	uint64_t key;

	if (!service)
		return;
	if (service->family == 4)
		key = lb_flow_key4(lb_load32(record->client + 12), record->client_port,
				   service->id);
	else
		key = lb_flow_hash6(nat->secret, record->client, record->client_port,
				    service->salt);
	if (lb_table_find(with->flows, key, lb_flow_spread(nat->secret, key), &ref) &&
	    (ref.bucket->home[ref.slot] & LB_FLOW_INDEX) == record->instance)
		ref.bucket->seen[ref.slot] = with->now;
}

/* ---- Ends ---- */

static void record_free(const struct nat_sweep_with *with, struct lb_nat_record *record)
{
	if (!lb_nat_expire(record, with->now, &with->nat->params->timeouts))
		return;
	with->stats->nat_flows--;
	with->stats->nat_expired++;
}

/*
 * It remains for a while, closed, for what the sides answer. One that has to wait for its turn is
 * met again in the next round.
 */
static void record_reset(struct nat_sweep *sweep, const struct nat_sweep_with *with, uint32_t i)
{
	const struct lb_nat *nat = with->nat;
	const struct lb_nat_ref ref = { &nat->memory[nat->worker].record[i], nat->worker,
					i % nat->room };

	if (sweep->resets == NAT_SWEEP_RESETS)
		return;
	sweep->resets++;
	sweep->n_out +=
		lb_nat_resets(nat, ref, with->instances, with->port_mac, &sweep->out[sweep->n_out]);
	ref.record->state = LB_NAT_CLOSED;
	ref.record->seen = with->now;
	with->stats->nat_resets++;
}

static void record_look(struct nat_sweep *sweep, const struct nat_sweep_with *with, uint32_t i)
{
	const struct lb_nat *nat = with->nat;
	struct lb_nat_record *record = &nat->memory[nat->worker].record[i];
	bool is_over, is_lost;

	if (record->state == LB_NAT_FREE)
		return;
	is_over = lb_nat_is_free(record, with->now, &nat->params->timeouts);
	if (!lb_nat_is_live(record)) {
		if (is_over)
			record_free(with, record);
		return;
	}
	is_lost = !lb_instance_has(with->instances, record->instance, LB_INSTANCE_SERVES);
	if ((is_over || is_lost) && nat->params->reset_on_expiry)
		record_reset(sweep, with, i);
	else if (is_over)
		record_free(with, record);
	else if (is_quiet(with, record))
		pin_keep(with, record);
}

uint32_t nat_sweep(struct nat_sweep *sweep, const struct nat_sweep_with *with, uint32_t max)
{
	const uint32_t all = with->nat->n_spaces * with->nat->room;
	const uint32_t share = all / LB_NAT_SWEEP_TICKS + 1;
	uint32_t n = share - sweep->done, i;

	n = n < max ? n : max;
	if (n > all - sweep->next)
		n = all - sweep->next;
	for (i = 0; i < n && sweep->n_out + LB_NAT_RESETS <= NAT_SWEEP_OUT; i++)
		record_look(sweep, with, sweep->next + i);
	sweep->next = sweep->next + i == all ? 0 : sweep->next + i;
	sweep->done += i;
	return i;
}

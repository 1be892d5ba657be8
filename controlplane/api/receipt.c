/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/receipt.h"

void receipt_begin(struct receipt *r, const struct control_instance *instance, int64_t now_unix_ms)
{
	*r = (struct receipt){
		.began_unix_ms = now_unix_ms, .half_ms = -1, .ninety_ms = -1, .last_ms = -1
	};
	if (!instance->flows_known)
		return;
	r->is_open = true;
	r->flows = r->left = instance->flows;
	r->workers = instance->workers;
	for (uint32_t i = 0; i < r->workers; i++)
		r->worker[i] = (struct receipt_worker){ instance->worker[i].new_flows,
							instance->worker[i].new_flows, -1 };
}

/* How many of those from the beginning are gone, at least. */
static void ages_note(struct receipt *r, int64_t elapsed_ms)
{
	uint64_t gone = r->ended + r->moved;

	if (r->half_ms < 0 && gone * 2 >= r->flows)
		r->half_ms = elapsed_ms;
	if (r->ninety_ms < 0 && gone * 10 >= r->flows * 9)
		r->ninety_ms = elapsed_ms;
	if (r->last_ms < 0 && r->left == 0)
		r->last_ms = elapsed_ms;
}

static void workers_note(struct receipt *r, const struct control_instance *instance,
			 int64_t elapsed_ms)
{
	for (uint32_t i = 0; i < r->workers && i < instance->workers; i++) {
		struct receipt_worker *worker = &r->worker[i];

		if (instance->worker[i].new_flows == worker->now)
			continue;
		worker->now = instance->worker[i].new_flows;
		worker->last_ms = elapsed_ms;
	}
}

void receipt_look(struct receipt *r, const struct control_instance *instance, uint64_t elapsed_ms)
{
	uint64_t flows = instance->flows;

	if (!r->is_open || !instance->flows_known)
		return;
	if (flows > r->left)
		r->added += flows - r->left;
	else if (instance->serves)
		r->ended += r->left - flows;
	else
		r->moved += r->left - flows;
	r->left = flows;
	ages_note(r, (int64_t)elapsed_ms);
	workers_note(r, instance, (int64_t)elapsed_ms);
}

static json_t *ms_json(int64_t ms)
{
	return ms < 0 ? json_null() : json_integer(ms);
}

static json_t *workers_json(const struct receipt *r, const struct control_instance *instance)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->workers; i++) {
		const struct receipt_worker *worker = &r->worker[i];

		json_array_append_new(list,
				      json_pack("{s:i, s:i, s:I, s:o}", "worker", (int)i, "cpu",
						(int)instance->worker[i].cpu, "new_flows",
						(json_int_t)(worker->now - worker->before),
						"last_new_ms", ms_json(worker->last_ms)));
	}
	return list;
}

json_t *receipt_json(const struct receipt *r, const struct control_instance *instance,
		     int64_t now_unix_ms)
{
	if (!r->is_open)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "began_unix_ms",
			 (json_int_t)r->began_unix_ms, "ended_unix_ms", (json_int_t)now_unix_ms,
			 "flows", (json_int_t)r->flows, "left", (json_int_t)r->left, "ended",
			 (json_int_t)r->ended, "moved", (json_int_t)r->moved, "added",
			 (json_int_t)r->added, "half_ms", ms_json(r->half_ms), "ninety_ms",
			 ms_json(r->ninety_ms), "last_ms", ms_json(r->last_ms), "workers",
			 workers_json(r, instance));
}

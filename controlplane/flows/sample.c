/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A table that is nearly empty is not searched for ever. */
#define BUCKETS_MAX 262144u
#define DEVIATIONS 1.96

static uint64_t draw(struct sample *sample)
{
	sample->random = lb_hash_mix(sample->random + LB_HASH_MUL2);
	return sample->random;
}

static void record_take(struct sample *sample, const struct flows_view *view,
			const struct flows_record *record)
{
	if (flows_record_is_moved(record) || flows_record_is_expired(view, record))
		return;
	sample->n++;
	if (scan_is_four(&sample->ids, view, record))
		sample->client[sample->n_four++] = (lb_be32)record->key;
}

static void bucket_take(struct sample *sample, const struct flows_view *view,
			const struct lb_bucket *bucket)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		struct flows_record record;

		if (flows_read_slot(view, bucket, slot, &record) == FLOWS_FOUND)
			record_take(sample, view, &record);
	}
	sample->buckets++;
}

static void begin(struct sample *sample, const struct flows_view *view)
{
	scan_ids_make(&sample->ids, view);
	for (uint32_t i = 0; i < view->n_regions; i++)
		sample->all_buckets += view->region[i].n_buckets;
	sample->is_whole = sample->all_buckets * LB_BUCKET_SLOTS <= SAMPLE_FLOWS;
}

/* The bucket of a number below all_buckets. */
static const struct lb_bucket *bucket_at(const struct flows_view *view, uint64_t at)
{
	for (uint32_t i = 0; i < view->n_regions; i++) {
		if (at < view->region[i].n_buckets)
			return &view->region[i].bucket[at];
		at -= view->region[i].n_buckets;
	}
	return NULL;
}

static bool is_complete(const struct sample *sample)
{
	if (sample->is_whole)
		return sample->buckets >= sample->all_buckets;
	return sample->n >= SAMPLE_FLOWS || sample->buckets >= BUCKETS_MAX ||
	       sample->all_buckets == 0;
}

bool sample_step(struct sample *sample, const struct flows_view *view, uint32_t max_buckets)
{
	if (sample->all_buckets == 0)
		begin(sample, view);
	for (; max_buckets && !is_complete(sample); max_buckets--) {
		uint64_t at =
			sample->is_whole ? sample->buckets : draw(sample) % sample->all_buckets;
		const struct lb_bucket *bucket = bucket_at(view, at);

		if (!bucket)
			return true;
		bucket_take(sample, view, bucket);
	}
	return is_complete(sample);
}

static int address_compare(const void *a, const void *b)
{
	lb_be32 left = *(const lb_be32 *)a, right = *(const lb_be32 *)b;

	return left < right ? -1 : left > right;
}

static void top_add(struct sample *sample, struct sample_client client)
{
	uint32_t at = sample->n_clients;

	if (at == SAMPLE_CLIENTS && client.flows <= sample->top[at - 1].flows)
		return;
	at = at < SAMPLE_CLIENTS ? sample->n_clients++ : SAMPLE_CLIENTS - 1;
	for (; at && sample->top[at - 1].flows < client.flows; at--)
		sample->top[at] = sample->top[at - 1];
	sample->top[at] = client;
}

void sample_end(struct sample *sample)
{
	qsort(sample->client, sample->n_four, sizeof(*sample->client), address_compare);
	for (uint32_t i = 0, n; i < sample->n_four; i += n) {
		for (n = 1; i + n < sample->n_four && sample->client[i + n] == sample->client[i];)
			n++;
		top_add(sample, (struct sample_client){ sample->client[i], n });
	}
}

double sample_error(const struct sample *sample, const struct sample_client *client)
{
	double share = sample->n ? (double)client->flows / sample->n : 0;

	return sample->is_whole ? 0 : DEVIATIONS * sqrt(share * (1 - share) / sample->n);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_prefetch.h>

#include "dataplane/engine/flow_find.h"
#include "perf/cycles/cycles.h"

#define SERVICE_ID 1

struct rte_hash *rivals_hash_create(uint32_t flows)
{
	const struct rte_hash_parameters parameters = {
		.name = "rival",
		.entries = flows + flows / 8 + 64, /* it rejects some keys when it is nearly full */
		.key_len = sizeof(uint64_t),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
	};
	struct rte_hash *hash = rte_hash_create(&parameters);

	for (uint32_t n = 0; hash && n < flows; n++) {
		const uint64_t key = traffic_key4(n, SERVICE_ID);

		if (rte_hash_add_key(hash, &key) < 0) {
			rte_hash_free(hash);
			return NULL;
		}
	}
	return hash;
}

void rivals_hash_destroy(struct rte_hash *hash)
{
	rte_hash_free(hash);
}

void rivals_keys(struct rival_keys *keys, uint32_t flows, uint64_t *random)
{
	for (uint32_t i = 0; i < CYCLES_CHUNK; i++) {
		uint32_t n = (uint32_t)((traffic_random(random) >> 32) * flows >> 32);

		keys->key[i] = traffic_key4(n, SERVICE_ID);
		keys->pointer[i] = &keys->key[i];
	}
}

uint32_t rivals_hash_lookup(const struct rte_hash *hash, const struct rival_keys *keys, uint32_t at)
{
	int32_t position[PIPELINE_BURST];
	uint32_t found = 0;

	if (rte_hash_lookup_bulk(hash, (const void **)(uintptr_t)&keys->pointer[at], PIPELINE_BURST,
				 position))
		return 0;
	for (uint32_t i = 0; i < PIPELINE_BURST; i++)
		found += position[i] >= 0;
	return found;
}

/*
 * The same lookup in our table: hash and prefetch all, then search all, secondary buckets included.
 */
#define RIVALS_LOOKUP(variant, find)                                                               \
	static uint32_t lookup_##variant(const struct world *w, const uint64_t *key)               \
	{                                                                                          \
		const struct lb_table *flows = &w->h.flows.table;                                  \
		uint64_t spread[PIPELINE_BURST];                                                   \
		uint32_t found = 0;                                                                \
                                                                                                   \
		for (uint32_t i = 0; i < PIPELINE_BURST; i++) {                                    \
			spread[i] = lb_flow_spread(&w->h.tables->secret, key[i]);                  \
			rte_prefetch0(&flows->bucket[lb_table_primary(flows, spread[i])]);         \
		}                                                                                  \
		for (uint32_t i = 0; i < PIPELINE_BURST; i++) {                                    \
			uint32_t index = lb_table_primary(flows, spread[i]);                       \
			const struct lb_bucket *bucket = &flows->bucket[index];                    \
			int slot = find(bucket, key[i]);                                           \
                                                                                                   \
			if (lb_unlikely(slot < 0 && lb_bucket_spill(bucket))) {                    \
				index = lb_table_other(flows, spread[i], index);                   \
				slot = find(&flows->bucket[index], key[i]);                        \
			}                                                                          \
			found += slot >= 0;                                                        \
		}                                                                                  \
		return found;                                                                      \
	}

RIVALS_LOOKUP(portable, lb_bucket_find)
__attribute__((target("avx2"))) RIVALS_LOOKUP(avx2, flow_find_avx2)
	__attribute__((target("avx512f"))) RIVALS_LOOKUP(avx512, flow_find_avx512)

		uint32_t
	rivals_flow_lookup(const struct world *w, const struct rival_keys *keys, uint32_t at)
{
	switch (w->simd) {
	case PIPELINE_AVX512:
		return lookup_avx512(w, &keys->key[at]);
	case PIPELINE_AVX2:
		return lookup_avx2(w, &keys->key[at]);
	case PIPELINE_PORTABLE:
		break;
	}
	return lookup_portable(w, &keys->key[at]);
}

/* testpmd swaps with one shuffle per frame and clears the offload fields. */
void rivals_macswap(struct rte_mbuf **pkts)
{
	const __m128i swap = _mm_set_epi8(15, 14, 13, 12, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6);

	for (uint32_t i = 0; i < PIPELINE_BURST; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
	for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
		__m128i *frame = rte_pktmbuf_mtod(pkts[i], __m128i *);

		_mm_storeu_si128(frame, _mm_shuffle_epi8(_mm_loadu_si128(frame), swap));
		pkts[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
		pkts[i]->l2_len = sizeof(struct lb_eth);
		pkts[i]->l3_len = sizeof(struct lb_ipv4);
	}
}

/*
 * The floor: what forwarding with a flow table cannot do without. For each packet, one line is
 * read; its flow's bucket is found by hash, read and written; an instance's template is copied in
 * front of the packet; the mbuf and the counters are written. Nothing is checked, no state is kept,
 * no key is compared.
 */
void rivals_floor(struct world *w, struct rte_mbuf **pkts)
{
	const struct lb_secret *secret = &w->h.tables->secret;
	const struct lb_table *flows = &w->h.flows.table;
	struct lb_bucket *bucket[PIPELINE_BURST];

	for (uint32_t i = 0; i < PIPELINE_BURST; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
	for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(pkts[i], const uint8_t *);
		uint64_t key =
			lb_flow_key4(lb_load32(frame + 26), lb_load16(frame + 34), SERVICE_ID);

		bucket[i] = &flows->bucket[lb_table_primary(flows, lb_flow_spread(secret, key))];
		rte_prefetch0(bucket[i]);
		__builtin_prefetch(frame - 1, 1);
	}
	for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
		uint32_t home = lb_bucket_instance(bucket[i], 0);
		struct lb_instance_stats *stats = &w->h.instance_stats[home];
		struct rte_mbuf *m = pkts[i];

		bucket[i]->seen[0] = w->h.now;
		m->data_off -= LB_TUNNEL4_LEN;
		m->pkt_len += LB_TUNNEL4_LEN;
		m->data_len = (uint16_t)m->pkt_len;
		lb_copy(rte_pktmbuf_mtod(m, uint8_t *), w->h.tables->instances[home].header, 34);
		stats->pkts++;
		stats->bytes += m->pkt_len;
	}
}

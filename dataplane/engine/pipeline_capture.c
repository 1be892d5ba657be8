/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a burst for a capture. They are copied before their headers are written, since they
 * are shown as received; packets that are dropped are still as received then (capture_drop()).
 */
#include "dataplane/engine/pipeline_internal.h"

LB_STATIC_ASSERT(CAPTURE_BURST == PIPELINE_BURST, "a burst can be kept as a whole");

#define NOT_DROPPED (1u << LB_VERDICT_FORWARD | 1u << LB_VERDICT_REPLY | 1u << LB_VERDICT_KERNEL)

/* Whether a packet may get a verdict that is wanted, and comes from the client. */
static inline bool may_be_wanted(const struct burst *b, const struct lb_capture_select *select,
				 uint32_t i)
{
	const uint32_t first_len = (uint32_t)(b->lengths[i] >> 32) & 0xffff;

	if (lb_result_verdict(b->result[i]) == LB_VERDICT_DROP)
		return false;
	if (select->instance != LB_INSTANCE_NONE &&
	    (b->result[i] != LB_VERDICT_FORWARD || b->instance[i] != select->instance))
		return false;
	return lb_capture_is_client(select, b->data[i], b->data[i] + first_len);
}

static __rte_noinline void keep(struct burst *b, struct capture *c, uint32_t i)
{
	struct lb_capture_record *record = &c->kept[i];

	c->wanted_bits |= 1ULL << i;
	record->instance = LB_INSTANCE_NONE;
	if (b->result[i] == LB_VERDICT_FORWARD)
		record->instance = b->instance[i];
	if ((uint32_t)__builtin_popcountll(c->kept_bits) >= c->left)
		return;
	capture_copy(record, b->data[i], (uint32_t)(b->lengths[i] >> 32) & 0xffff,
		     (uint32_t)b->lengths[i]);
	c->kept_bits |= 1ULL << i;
}

/*
 * Most packets of a busy node are another client's: the last word of the source address, with or
 * without a tag in front, tells so in two cycles. A frame that is too short is in a buffer that is
 * not; lb_capture_is_client() looks at its length.
 */
struct quick {
	uint32_t at; /* place in an untagged frame */
	uint32_t word;
	bool is_on;
};

static struct quick quick_make(const struct lb_capture_select *select)
{
	const uint32_t size = select->family == 4 ? 4 : 16;
	const uint32_t source = select->family == 4 ? LB_OFFSETOF(struct lb_ipv4, src)
						    : LB_OFFSETOF(struct lb_ipv6, src);
	const uint32_t last = size - (uint32_t)sizeof(uint32_t);

	return (struct quick){
		.at = (uint32_t)sizeof(struct lb_eth) + source + last,
		.word = lb_load32(select->client + last),
		.is_on = select->family != 0,
	};
}

static inline bool quick_refuses(const struct quick *quick, const uint8_t *frame)
{
	return quick->is_on && lb_load32(frame + quick->at) != quick->word &&
	       lb_load32(frame + quick->at + sizeof(struct lb_vlan)) != quick->word;
}

void pipeline_capture_keep(struct burst *b)
{
	struct capture *c = b->pl->capture;
	const struct lb_capture_select *select = &c->select;
	const struct quick quick = quick_make(select);

	c->wanted_bits = c->kept_bits = 0;
	if (!(select->verdicts & NOT_DROPPED))
		return;
	for (uint32_t i = 0; i < b->n; i++)
		if (!quick_refuses(&quick, b->data[i]) && lb_unlikely(may_be_wanted(b, select, i)))
			keep(b, c, i);
}

void pipeline_capture_end(struct burst *b)
{
	struct capture *c = b->pl->capture;

	for (uint64_t left = c->wanted_bits; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);
		struct lb_capture_record *record = &c->kept[i];

		record->result = b->result[i];
		if (record->instance != LB_INSTANCE_NONE)
			record->instance = b->instance[i]; /* it may have moved */
		if (lb_result_verdict(record->result) == LB_VERDICT_DROP ||
		    !lb_capture_is_verdict(&c->select, record->result, record->instance))
			continue;
		if (!(c->kept_bits >> i & 1))
			c->ring->skipped++;
		else if (capture_may(c))
			capture_put(c, record);
	}
}

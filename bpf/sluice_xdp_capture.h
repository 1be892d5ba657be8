/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Copies of packets for a capture (abi/lb_capture.h). A packet that is to be forwarded is copied
 * before its headers are written, and kept until its verdict is known; others are copied at the end.
 * Without a capture all this is a look at a word.
 */
#ifndef BPF_SLUICE_XDP_CAPTURE_H
#define BPF_SLUICE_XDP_CAPTURE_H

#include "bpf/sluice_xdp_maps.h"
#include "lb_buffer.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_xdp_kept);
} xdp_kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} xdp_captured SEC(".maps");

/* lb_xdp_kept.is_kept: each packet asks once whether it may be copied. */
enum { LB_XDP_NOT_KEPT, LB_XDP_KEPT, LB_XDP_REFUSED };

/* Not pinned: a capture ends with the process that reads it. */
struct lb_capture_select lb_xdp_capture SEC(".data.capture");

uint32_t lb_xdp_capture_keep(struct xdp_md *ctx, uint32_t instance);
uint32_t lb_xdp_capture_end(struct xdp_md *ctx, uint32_t result);

static __always_inline bool lb_xdp_capture_is_on(void)
{
	return lb_unlikely(*(volatile uint64_t *)&lb_xdp_capture.until_ns);
}

/* Whether one more may be copied now; if not, it is counted. */
static __always_inline bool lb_xdp_capture_may(struct lb_xdp_kept *kept)
{
	uint64_t now_ns = bpf_ktime_get_ns();

	if (now_ns >= lb_xdp_capture.until_ns)
		return false; /* the reader has ended */
	if (now_ns >= kept->window_end_ns) {
		kept->window_end_ns = now_ns + LB_CAPTURE_WINDOW_MS * 1000000ull;
		kept->left = lb_xdp_capture.per_window;
	}
	if (!kept->left) {
		kept->skipped++;
		return false;
	}
	kept->left--;
	kept->record.ns = now_ns;
	return true;
}

/*
 * The frame's first bytes. Not by bpf_probe_read_kernel(), with which no program loads where the
 * kernel is locked down for confidentiality. Return: number of bytes.
 */
static __always_inline uint32_t lb_xdp_capture_bytes(const struct lb_buffer buffer, uint8_t *to)
{
	const uint8_t *from = lb_buffer_start(buffer), *end = lb_buffer_end(buffer);
	uint32_t at;

	for (at = 0; at < LB_CAPTURE_BYTES && lb_fits(from + at, 8, end); at += 8)
		lb_store64(to + at, lb_load64(from + at));
	for (; at < LB_CAPTURE_BYTES && lb_fits(from + at, 1, end); at++)
		to[at] = from[at];
	return at;
}

/* Copy the start of the frame, if it is from the client that is wanted. */
static __always_inline bool lb_xdp_capture_copy(struct xdp_md *ctx, struct lb_xdp_kept *kept)
{
	const struct lb_buffer buffer = { ctx };
	struct lb_capture_record *record = &kept->record;

	if (!lb_capture_is_client(&lb_xdp_capture, lb_buffer_start(buffer), lb_buffer_end(buffer)))
		return false;
	if (!lb_xdp_capture_may(kept))
		return false;
	record->len =
		lb_xdp_frags ? (uint32_t)bpf_xdp_get_buff_len(ctx) : lb_buffer_first_len(buffer);
	record->captured = (uint16_t)lb_xdp_capture_bytes(buffer, record->data);
	return true;
}

/* An instance is chosen; the packet is still as received. @instance: LB_INSTANCE_NONE: none is. */
LB_RARE uint32_t lb_xdp_capture_keep(struct xdp_md *ctx, uint32_t instance)
{
	struct lb_xdp_kept *kept = lb_xdp_at(&xdp_kept, 0);

	if (!kept)
		return 0;
	kept->is_kept = LB_XDP_NOT_KEPT;
	if (lb_capture_is_verdict(&lb_xdp_capture, LB_VERDICT_FORWARD, instance))
		kept->is_kept = lb_xdp_capture_copy(ctx, kept) ? LB_XDP_KEPT : LB_XDP_REFUSED;
	kept->record.instance = (uint16_t)instance;
	return 0;
}

/* The verdict is known. */
LB_RARE uint32_t lb_xdp_capture_end(struct xdp_md *ctx, uint32_t result)
{
	const uint32_t verdict = lb_result_verdict((lb_result)result);
	const uint32_t sent = 1u << LB_VERDICT_FORWARD | 1u << LB_VERDICT_REPLY;
	struct lb_xdp_kept *kept = lb_xdp_at(&xdp_kept, 0);
	uint32_t was;

	if (!kept)
		return 0;
	was = kept->is_kept;
	kept->is_kept = LB_XDP_NOT_KEPT;
	if (was == LB_XDP_REFUSED)
		return 0;
	if (!(sent >> (verdict & 7) & 1))
		kept->record.instance = LB_INSTANCE_NONE;
	else if (was == LB_XDP_NOT_KEPT)
		return 0;
	if (!lb_capture_is_verdict(&lb_xdp_capture, result, kept->record.instance))
		return 0;
	if (was == LB_XDP_NOT_KEPT && !lb_xdp_capture_copy(ctx, kept))
		return 0;
	kept->record.result = (lb_result)result;
	kept->record.generation =
		lb_xdp_control.generation[*(volatile uint32_t *)&lb_xdp_control.active & 1]
			.generation;
	if (bpf_ringbuf_output(&xdp_captured, &kept->record, sizeof(kept->record), 0))
		kept->lost++;
	return 0;
}

/* lb_send_rare.chosen */
LB_INLINE void lb_xdp_chosen(struct lb_buffer buffer, uint32_t instance)
{
	if (lb_xdp_capture_is_on())
		lb_xdp_capture_keep(buffer.ctx, instance);
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Programs that run in front of another XDP program under BPF_PROG_TEST_RUN: they prepare the
 * packet for the next run, then tail-call the program that is tested or timed. None of them is ever
 * attached to an interface.
 */
#include <linux/bpf.h>

#include "dataplane/core/lb_csum.h"

#include <bpf/bpf_helpers.h>

#include "bpf/sluice_xdp_bench.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

struct lb_bench lb_bench SEC(".data.bench");

/*
 * The frame is written in words that begin where headers and addresses do. Otherwise a load of the
 * program under test would have to wait until several stores have reached the cache; a NIC has
 * written its packets long before.
 */
static __always_inline void lb_bench_write4(uint8_t *data, uint32_t flow)
{
	const uint8_t *frame = lb_bench.frame;
	uint8_t *ip = data + sizeof(struct lb_eth), *tcp = ip + sizeof(struct lb_ipv4);
	lb_be32 src = lb_cpu_to_be32(LB_BENCH_CLIENT4 + flow / LB_BENCH_PORTS);
	lb_be16 sport = lb_cpu_to_be16((uint16_t)(LB_BENCH_PORT_FIRST + flow % LB_BENCH_PORTS));
	uint64_t first = lb_load64(frame + sizeof(struct lb_eth));
	uint32_t ttl_proto = lb_load16(frame + sizeof(struct lb_eth) + 8);
	uint32_t dst = lb_load32(frame + sizeof(struct lb_eth) + 16);
	uint16_t csum = (uint16_t)~lb_csum_fold((first & 0xffffffff) + (first >> 32) + ttl_proto +
						src + dst);

	lb_copy(data, frame, sizeof(struct lb_eth));
	lb_store64(ip, first);
	lb_store64(ip + 8, (uint64_t)src << 32 | (uint32_t)csum << 16 | ttl_proto);
	lb_store32(ip + 16, dst);
	lb_store64(tcp, (lb_load64(frame + LB_BENCH_FRAME4 - sizeof(struct lb_tcp)) & ~0xffffull) |
				sport);
	lb_copy(tcp + 8, frame + LB_BENCH_FRAME4 - sizeof(struct lb_tcp) + 8,
		sizeof(struct lb_tcp) - 8);
}

static __always_inline void lb_bench_write6(uint8_t *data, uint32_t flow)
{
	const uint8_t *frame = lb_bench.frame;
	uint8_t *ip = data + sizeof(struct lb_eth), *tcp = ip + sizeof(struct lb_ipv6);
	lb_be32 host = lb_cpu_to_be32(flow / LB_BENCH_PORTS);
	lb_be16 sport = lb_cpu_to_be16((uint16_t)(LB_BENCH_PORT_FIRST + flow % LB_BENCH_PORTS));

	lb_copy(data, frame, sizeof(struct lb_eth));
	lb_copy(ip, frame + sizeof(struct lb_eth), 16);
	lb_store64(ip + 16, (uint64_t)host << 32 | lb_load32(frame + sizeof(struct lb_eth) + 16));
	lb_copy(ip + 24, frame + sizeof(struct lb_eth) + 24, 16);
	lb_store64(tcp, (lb_load64(frame + LB_BENCH_FRAME6 - sizeof(struct lb_tcp)) & ~0xffffull) |
				sport);
	lb_copy(tcp + 8, frame + LB_BENCH_FRAME6 - sizeof(struct lb_tcp) + 8,
		sizeof(struct lb_tcp) - 8);
}

/* The flow of this run: 0, 1, ... F - 1 in turn, or a random one, by Knuth's generator. */
static __always_inline uint32_t lb_bench_next(void)
{
	uint32_t flow = lb_bench.next;

	if (lb_bench.shuffle) {
		lb_bench.shuffle =
			lb_bench.shuffle * 6364136223846793005ull + 1442695040888963407ull;
		flow = (uint32_t)((lb_bench.shuffle >> 32) * lb_bench.flows >> 32);
	} else {
		lb_bench.next = flow + 1 < lb_bench.flows ? flow + 1 : 0;
	}
	return flow + lb_bench.first;
}

/*
 * Restore the frame's own length: remove what the previous run has put in front.
 * The helper is called in any case, so that its time is not counted as that of the program under
 * test.
 */
static __always_inline bool lb_bench_restore(struct xdp_md *ctx)
{
	uint64_t len = (uint64_t)ctx->data_end - (uint64_t)ctx->data;

	LB_OPAQUE(len); /* arithmetic on packet pointers is 64 bits wide */
	return bpf_xdp_adjust_head(ctx, (int)len - (int)lb_bench.len) == 0;
}

SEC("xdp")
int lb_bench_run(struct xdp_md *ctx)
{
	uint8_t *data, *end;

	if (!lb_bench_restore(ctx))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (lb_bench.family == 4) {
		if (data + LB_BENCH_FRAME4 > end)
			return XDP_ABORTED;
		lb_bench_write4(data, lb_bench_next());
	} else {
		if (data + LB_BENCH_FRAME6 > end)
			return XDP_ABORTED;
		lb_bench_write6(data, lb_bench_next());
	}
	bpf_tail_call(ctx, &bench_target, 0);
	return XDP_ABORTED;
}

/* The baseline. */
SEC("xdp")
int lb_bench_tx(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

/* Take headroom away: move the frame @room bytes towards the start of the buffer. */
SEC("xdp")
int lb_bench_room(struct xdp_md *ctx)
{
	uint32_t len = lb_bench.len;

	if (len == 0 || len > LB_BENCH_FRAME_MAX)
		return XDP_ABORTED;
	len = ((len - 1) & (LB_BENCH_FRAME_MAX - 1)) + 1; /* not 0, for older verifiers */
	LB_OPAQUE(len);
	if (bpf_xdp_adjust_head(ctx, -(int)lb_bench.room))
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, 0, lb_bench.frame, len))
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, -(int)lb_bench.room))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &bench_target, 0);
	return XDP_ABORTED;
}

char lb_license[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli) of ring messages and blocks, with the CPU's instructions. */
#ifndef LB_CRC_H
#define LB_CRC_H

#include <nmmintrin.h>
#include <wmmintrin.h>

#include "dataplane/abi/lb_abi.h"

/*
 * x^(8 n - 33) mod P, bit-reversed, for n bytes of one lane and of two: the effect of n following
 * bytes on a CRC.
 */
#define LB_CRC_LANE 1024
#define LB_CRC_PAST_ONE 0x170076fa
#define LB_CRC_PAST_TWO 0xa51b6135

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t lb_crc_past(uint64_t crc,
									    uint32_t past)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc),
					       _mm_cvtsi32_si128((int32_t)past), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/*
 * Three lanes at once: the instruction has a latency of three cycles and a throughput of one word
 * per cycle.
 * Source: Gopal et al., Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction, Intel
 * 2011.
 */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t lb_crc_lanes(uint64_t crc,
									     const uint8_t *p)
{
	uint64_t second = 0, third = 0;

	for (uint32_t i = 0; i < LB_CRC_LANE; i += 8) {
		crc = _mm_crc32_u64(crc, lb_load64(p + i));
		second = _mm_crc32_u64(second, lb_load64(p + LB_CRC_LANE + i));
		third = _mm_crc32_u64(third, lb_load64(p + (size_t)2 * LB_CRC_LANE + i));
	}
	return lb_crc_past(crc, LB_CRC_PAST_TWO) ^ lb_crc_past(second, LB_CRC_PAST_ONE) ^ third;
}

__attribute__((target("sse4.2"))) static inline uint32_t lb_crc32c(const void *data, size_t bytes)
{
	const uint8_t *p = (const uint8_t *)data;
	const size_t lanes = (size_t)3 * LB_CRC_LANE;
	uint64_t crc = 0xffffffff;

	if (bytes >= lanes && __builtin_cpu_supports("pclmul"))
		for (; bytes >= lanes; bytes -= lanes, p += lanes)
			crc = lb_crc_lanes(crc, p);
	for (; bytes >= 8; bytes -= 8, p += 8)
		crc = _mm_crc32_u64(crc, lb_load64(p));
	for (; bytes > 0; bytes--, p++)
		crc = _mm_crc32_u8((uint32_t)crc, *p);
	return ~(uint32_t)crc;
}

static inline void lb_cmd_seal(struct lb_cmd *cmd)
{
	cmd->check = lb_crc32c(cmd, LB_OFFSETOF(struct lb_cmd, check));
}

static inline bool lb_cmd_is_sealed(const struct lb_cmd *cmd)
{
	return cmd->check == lb_crc32c(cmd, LB_OFFSETOF(struct lb_cmd, check));
}

static inline void lb_event_seal(struct lb_event *event)
{
	event->check = lb_crc32c(event, LB_OFFSETOF(struct lb_event, check));
}

static inline bool lb_event_is_sealed(const struct lb_event *event)
{
	return event->check == lb_crc32c(event, LB_OFFSETOF(struct lb_event, check));
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli) of ring messages and blocks, with the CPU's instruction. */
#ifndef LB_CRC_H
#define LB_CRC_H

#include "dataplane/abi/lb_abi.h"

__attribute__((target("sse4.2"))) static inline uint32_t lb_crc32c(const void *data, size_t bytes)
{
	const uint8_t *p = (const uint8_t *)data;
	uint64_t crc = 0xffffffff;

	for (; bytes >= 8; bytes -= 8, p += 8)
		crc = __builtin_ia32_crc32di(crc, lb_load64(p));
	for (; bytes > 0; bytes--, p++)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, *p);
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

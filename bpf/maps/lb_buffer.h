/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* A frame of the XDP program: see dataplane/core/lb_send.h. */
#ifndef BPF_MAPS_LB_BUFFER_H
#define BPF_MAPS_LB_BUFFER_H

#include <linux/bpf.h>

#include "dataplane/core/lb_base.h"

#include <bpf/bpf_helpers.h>

struct lb_buffer {
	struct xdp_md *ctx;
};

LB_INLINE uint8_t *lb_buffer_start(struct lb_buffer buffer)
{
	return (uint8_t *)(long)buffer.ctx->data;
}

LB_INLINE uint8_t *lb_buffer_end(struct lb_buffer buffer)
{
	return (uint8_t *)(long)buffer.ctx->data_end;
}

LB_INLINE uint32_t lb_buffer_first_len(struct lb_buffer buffer)
{
	uint64_t len = (uint64_t)buffer.ctx->data_end - (uint64_t)buffer.ctx->data;

	LB_OPAQUE(len); /* arithmetic on packet pointers is 64 bits wide */
	return (uint32_t)len;
}

LB_INLINE bool lb_buffer_push(struct lb_buffer buffer, uint32_t bytes)
{
	return bpf_xdp_adjust_head(buffer.ctx, -(int)bytes) == 0;
}

LB_INLINE bool lb_buffer_pull(struct lb_buffer buffer, uint32_t bytes)
{
	return bpf_xdp_adjust_head(buffer.ctx, (int)bytes) == 0;
}

LB_INLINE bool lb_buffer_trim(struct lb_buffer buffer, uint32_t bytes)
{
	return bpf_xdp_adjust_tail(buffer.ctx, -(int)bytes) == 0;
}

#endif

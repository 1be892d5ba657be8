/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame in an mbuf, or a chain of them: see core/lb_send.h. */
#ifndef LB_BUFFER_H
#define LB_BUFFER_H

#include <rte_mbuf.h>

#include "dataplane/core/lb_base.h"

struct lb_buffer {
	struct rte_mbuf *m;
};

LB_INLINE uint8_t *lb_buffer_start(struct lb_buffer buffer)
{
	return rte_pktmbuf_mtod(buffer.m, uint8_t *);
}

/** End of the first segment. */
LB_INLINE uint8_t *lb_buffer_end(struct lb_buffer buffer)
{
	return lb_buffer_start(buffer) + buffer.m->data_len;
}

/** Bytes of the first segment. */
LB_INLINE uint32_t lb_buffer_first_len(struct lb_buffer buffer)
{
	return buffer.m->data_len;
}

/** Make room in front. */
LB_INLINE bool lb_buffer_push(struct lb_buffer buffer, uint32_t bytes)
{
	return rte_pktmbuf_prepend(buffer.m, (uint16_t)bytes) != NULL;
}

/** Take @bytes off the front, which are in the first segment. */
LB_INLINE bool lb_buffer_pull(struct lb_buffer buffer, uint32_t bytes)
{
	return rte_pktmbuf_adj(buffer.m, (uint16_t)bytes) != NULL;
}

/** Trim @bytes off the end, whole segments included. */
LB_INLINE bool lb_buffer_trim(struct lb_buffer buffer, uint32_t bytes)
{
	struct rte_mbuf *m = buffer.m, *last = rte_pktmbuf_lastseg(m);

	while (lb_unlikely(m->next && bytes >= last->data_len)) {
		struct rte_mbuf *before = m;

		while (before->next != last)
			before = before->next;
		before->next = NULL;
		m->nb_segs--;
		m->pkt_len -= last->data_len;
		bytes -= last->data_len;
		rte_pktmbuf_free_seg(last);
		last = before;
	}
	return rte_pktmbuf_trim(m, (uint16_t)bytes) == 0;
}

#endif

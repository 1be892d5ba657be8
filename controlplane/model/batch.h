/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of the model in flight to a dataplane. */
#ifndef CONTROLPLANE_MODEL_BATCH_H
#define CONTROLPLANE_MODEL_BATCH_H

#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

/* Contents of one block, in memory that does not change during the call. */
struct publish_block {
	uint16_t kind; /* enum lb_block */
	uint16_t pool; /* of LB_BLOCK_POOL; else 0 */
	const void *data;
	uint32_t count; /* as in struct lb_cmd */
	uint32_t bytes;
};

#define PUBLISH_BLOCKS_MAX (3 + LB_POOLS_MAX)

/* One generation: takes effect as a whole, or not at all. In this order: */
struct publish_batch {
	uint64_t retire; /* pools whose previous generation is to be released, a bit each */
	uint32_t block_count;
	struct publish_block block[PUBLISH_BLOCKS_MAX];
	uint64_t
		retire_after; /* of these, also the generation that the blocks have just replaced */
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* How the vector code reads headers. Only pipeline_*avx*.[ch] include this. */
#ifndef ENGINE_PIPELINE_PIECES_H
#define ENGINE_PIPELINE_PIECES_H

#include <immintrin.h>
#include <stddef.h>

#include "dataplane/engine/pipeline_internal.h"

/* Headers are read as two overlapping pieces: the first bytes, and the last ones. */
#define PIECE 32
#define SECOND_PIECE (sizeof(struct lb_tcp4) - PIECE)

LB_STATIC_ASSERT(SECOND_PIECE == 22 && SECOND_PIECE + 8 == offsetof(struct lb_tcp4, ip.dst) &&
			 SECOND_PIECE + 24 == offsetof(struct lb_tcp4, tcp.doff),
		 "struct headers");

/* A service's entry is read as a whole. */
LB_STATIC_ASSERT(sizeof(struct lb_service) == PIECE && offsetof(struct lb_service, id) == 20 &&
			 offsetof(struct lb_service, forward) == 28,
		 "where words of their entries are looked for");

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline_parse.c for eight packets at once. */
#include "dataplane/engine/lanes_avx512.h"
#include "dataplane/engine/pipeline_lanes_burst.h"

LANES_CODE void pipeline_parse_avx512(struct burst *b)
{
	burst_parse(b);
}

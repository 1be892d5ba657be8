/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages that have several variants. */
#include "dataplane/engine/pipeline_internal.h"

#define PEEKS_PER_SECOND 1000000 /* lookups in other workers' tables, per worker */

static const struct {
	const char *name;
	stage_parse_fn parse;
	stage_lookup_fn lookup;
} ways[] = {
	[PIPELINE_PORTABLE] = { "portable", pipeline_parse_portable, pipeline_lookup_portable },
	[PIPELINE_AVX2] = { "avx2", pipeline_parse_avx2, pipeline_lookup_avx2 },
	[PIPELINE_AVX512] = { "avx512", pipeline_parse_avx512, pipeline_lookup_avx512 },
};

enum pipeline_simd pipeline_simd_best(void)
{
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("bmi2"))
		return PIPELINE_AVX512;
	return __builtin_cpu_supports("avx2") ? PIPELINE_AVX2 : PIPELINE_PORTABLE;
}

const char *pipeline_simd_name(enum pipeline_simd simd)
{
	return ways[simd].name;
}

void pipeline_init(struct pipeline *pl, enum pipeline_simd simd)
{
	pl->parse = ways[simd].parse;
	pl->lookup = ways[simd].lookup;
	pl->nat_generation = UINT64_MAX;
	pipeline_rate_set(&pl->peek_rate, PEEKS_PER_SECOND);
}

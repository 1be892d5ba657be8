/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/faults.h"

#include <string.h>

static const struct {
	const char *name, *text;
} faults[FAULT_COUNT] = {
#define FAULTS_ROW(symbol, name, text) [FAULT_##symbol] = { name, text },
	FAULTS_LIST(FAULTS_ROW)
#undef FAULTS_ROW
};

void faults_add(struct faults *f, enum fault fault, const struct faults_context *context)
{
	uint32_t bytes =
		context->bytes < FAULTS_EXAMPLE_BYTES ? context->bytes : FAULTS_EXAMPLE_BYTES;

	if (f->count[fault]++)
		return;
	f->flow[fault] = context->flow;
	f->from[fault] = context->from;
	f->to[fault] = context->to;
	f->bytes[fault] = bytes;
	memcpy(f->example[fault], context->frame, bytes);
}

const char *faults_name(enum fault fault)
{
	return faults[fault].name;
}

const char *faults_text(enum fault fault)
{
	return faults[fault].text;
}

uint64_t faults_total(const struct faults *f, uint32_t tolerated)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < FAULT_COUNT; i++)
		if (!(tolerated >> i & 1))
			total += f->count[i];
	return total;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be wrong with a packet that came back. Each fault has a name, a counter and an example.
 */
#ifndef PKTGEN_FAULTS_H
#define PKTGEN_FAULTS_H

#include "dataplane/core/lb_base.h"

/* name, text */
#define FAULTS_LIST(X)                                                                             \
	X(ETHERNET, "ethernet", "wrong MAC addresses or type for this instance and the node")      \
	X(OUTER, "outer", "missing outer header, or a wrong field in it")                          \
	X(OUTER_CSUM, "outer_checksum", "bad outer IPv4 checksum")                                 \
	X(OUTER_LENGTH, "outer_length", "the outer length is not that of the packet inside")       \
	X(LENGTH, "length", "the frame is longer or shorter than its packet (padding forwarded)")  \
	X(INNER, "inner", "the packet's headers were changed")                                     \
	X(INNER_CSUM, "inner_checksum", "bad checksum of the packet")                              \
	X(SIGNATURE, "signature", "sequence number, time or addresses were changed")               \
	X(PAYLOAD, "payload", "the data was changed")                                              \
	X(INSTANCE, "instance", "sent to an address that is not an instance")                      \
	X(MOVED, "moved", "the flow had another instance before")                                  \
	X(UNEXPECTED, "unexpected", "another instance than the tables have for this flow")         \
	X(DUPLICATE, "duplicate", "the packet was received twice")                                 \
	X(REORDERED, "reordered", "a later packet of the flow was received before it")             \
	X(NEVER_SENT, "never_sent", "the packet was not sent, or long ago")

enum fault {
#define FAULTS_ENUM(symbol, name, text) FAULT_##symbol,
	FAULTS_LIST(FAULTS_ENUM)
#undef FAULTS_ENUM
		FAULT_COUNT
};

#define FAULTS_EXAMPLE_BYTES 128

struct faults {
	uint64_t count[FAULT_COUNT];
	/* of the first occurrence of each */
	uint32_t flow[FAULT_COUNT];
	uint32_t from[FAULT_COUNT], to[FAULT_COUNT]; /* instances */
	uint32_t bytes[FAULT_COUNT];
	uint8_t example[FAULT_COUNT][FAULTS_EXAMPLE_BYTES];
};

struct faults_context {
	const uint8_t *frame;
	uint32_t bytes;
	uint32_t flow;
	uint32_t from, to;
};

void faults_add(struct faults *faults, enum fault fault, const struct faults_context *context);

const char *faults_name(enum fault fault);
const char *faults_text(enum fault fault);
/** Number of faults. @tolerated: bits of those that don't count. */
uint64_t faults_total(const struct faults *faults, uint32_t tolerated);

#endif

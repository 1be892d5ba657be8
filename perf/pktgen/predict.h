/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The instance that the tables of a configuration select for a new flow, the same on every node
 * with the same file: for the oracle. Valid while all instances are up and none is drained.
 */
#ifndef PKTGEN_PREDICT_H
#define PKTGEN_PREDICT_H

#include "perf/pktgen/instances.h"
#include "perf/pktgen/wire.h"

struct predict;

/**
 * Read the file and build its tables.
 * @targets: of the wire; those that are not in the file are not predicted.
 * Return: NULL on failure, explained on stderr. To be freed with predict_destroy().
 */
struct predict *predict_create(const char *path, const struct wire_target *targets,
			       uint32_t n_targets, const struct instances *instances);
void predict_destroy(struct predict *predict);

/** Number of the instance of a flow, or INSTANCES_NONE. @client6: upper 96 bits of IPv6 clients. */
uint32_t predict_instance(const struct predict *predict, uint32_t target, uint32_t src,
			  uint32_t sport, const uint8_t *client6);

#endif

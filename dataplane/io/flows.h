/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages of the start that have to do with what may be a predecessor's: flow tables, segment and
 * tables. All return 0 or -errno, logged. Context: main lcore.
 */
#ifndef IO_FLOWS_H
#define IO_FLOWS_H

#include "dataplane/io/dataplane.h"

/** Hugepages that are still to be taken, in MB. */
uint32_t flows_missing_mb(const struct dataplane *dp);

/** Take over the predecessor's flow tables, or make empty ones. Before DPDK takes its hugepages. */
int flows_start(struct dataplane *dp);
void flows_stop(struct dataplane *dp);

/** The segment that belongs to them. */
int flows_segment_start(struct dataplane *dp);

/** The tables that the predecessor has used, if its flows are kept. */
int flows_tables_start(struct dataplane *dp);

/** Get the workers' tables ready. */
int flows_prepare(struct dataplane *dp);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_NODE_STATS_H
#define IO_NODE_STATS_H

#include "dataplane/io/dataplane.h"

/** Note how many buffers are free before the first packet. Context: main lcore. */
void node_stats_start(struct dataplane *dp);

/** Write the main lcore's gauges and counters to the segment. Context: main lcore. */
void node_stats_update(struct dataplane *dp, uint64_t now_ns);

/** Whether every worker has iterated since the last call. Context: main lcore. */
bool node_stats_workers_live(const struct dataplane *dp);

#endif

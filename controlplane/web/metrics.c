/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/metrics.h"

static const struct metric rows[] = {
	{ .name = "http_clients",
	  METRIC_FIELD(struct web_stats, clients),
	  .help = "Connections to `node.metrics`." },
	{ .name = "http_accepted",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct web_stats, accepted),
	  .help = "Connections accepted." },
	{ .name = "http_closed",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct web_stats, closed),
	  .help = "Connections closed because they were too many, or too slow." },
	{ .name = "http_requests",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct web_stats, requests),
	  .help = "Requests." },
	{ .name = "http_refused",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct web_stats, refused),
	  .help = "Of them, those without an answer: no such path, or a bad query." },
};

const struct metric_table web_metrics = {
	.scope = "node",
	.about = "The HTTP server of metrics.",
	.next = metric_single_next,
	METRIC_ROWS(rows),
};

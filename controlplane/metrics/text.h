/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of samples: Prometheus' exposition format 0.0.4, and OpenMetrics 1.0. Pure.
 * Source: prometheus.io, "Exposition formats"; OpenMetrics 1.0.0.
 */
#ifndef CONTROLPLANE_METRICS_TEXT_H
#define CONTROLPLANE_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/metrics/metric.h"

enum metric_format { METRIC_PROMETHEUS, METRIC_OPENMETRICS };

/* A part of an answer. */
#define METRIC_PART_BYTES 65536
/* The text of one object in one row, at most. */
#define METRIC_SAMPLE_BYTES 16384

struct metric_text {
	size_t size;
	char data[METRIC_PART_BYTES];
};

/** The lines before the samples of a row: help, type, unit. */
void metric_text_head(struct metric_text *text, enum metric_format format,
		      const struct metric *metric);

/** The samples of an object in a row. There must be room for METRIC_SAMPLE_BYTES. */
void metric_text_samples(struct metric_text *text, const struct metric *metric,
			 const struct metric_entity *entity);

/** What ends an answer. */
void metric_text_end(struct metric_text *text, enum metric_format format);

#endif

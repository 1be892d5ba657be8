/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One answer with metrics, made in parts, so that the event loop never has to wait for all of
 * thousands of instances. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_METRICS_SCRAPE_H
#define CONTROLPLANE_METRICS_SCRAPE_H

#include "controlplane/metrics/metric.h"
#include "controlplane/metrics/query.h"
#include "controlplane/metrics/text.h"

/* Objects that a part looks at, at most: about a quarter of a millisecond. */
#define METRIC_PART_OBJECTS 512

struct metric_scrape {
	const struct metric_source *sources; /* must outlive it */
	uint32_t count;
	enum metric_format format;
	struct metric_query query;
	/* Private. */
	uint32_t source, row;
	bool begun; /* the row's head is written */
	bool ended;
	uint64_t epoch;
	struct metric_cursor cursor;
};

/**
 * Make the next part.
 * @epoch: another number whenever objects were added or removed. A row that this happens in ends
 * there, so that no sample comes twice; the next row has the new objects.
 * @text: overwritten.
 * Return: whether there may be more.
 */
bool metric_scrape_next(struct metric_scrape *scrape, uint64_t epoch, struct metric_text *text);

#endif

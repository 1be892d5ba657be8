/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request asks for: the format by its Accept header, and a part by its query, with the words
 * of HAProxy's exporter: ?scope=instance&scope=pool&no-maint. Pure.
 */
#ifndef CONTROLPLANE_METRICS_QUERY_H
#define CONTROLPLANE_METRICS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/metrics/metric.h"
#include "controlplane/metrics/text.h"

#define METRIC_SOURCES_MAX 32

struct metric_query {
	uint32_t tables; /* a bit for each source */
	bool no_maint;
};

/**
 * @accept: the header's value; NULL: none.
 * Return: OpenMetrics if it is accepted, and not less than text/plain (RFC 9110, section 12.5.1).
 */
enum metric_format metric_query_format(const char *accept);

/**
 * Without a scope, and with "*", all tables are meant; an empty one means none. "no-maint" is taken
 * with or without a value.
 * @text: after the question mark; NULL: none.
 * Return: 0; -EINVAL: an unknown scope or parameter.
 */
int metric_query_parse(const char *text, const struct metric_source *sources, uint32_t count,
		       struct metric_query *query);

#endif

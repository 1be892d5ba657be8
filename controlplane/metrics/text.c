/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/metrics/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LABEL_VALUE_MAX 512u /* bytes of a label's value before escaping */
#define EXACT_MAX 9007199254740992.0

static const char *const type_names[] = {
	[METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter",	    [METRIC_INFO] = "info",
	[METRIC_STATE] = "gauge", [METRIC_HISTOGRAM] = "histogram",
};

static const char *const endings[] = {
	[METRIC_GAUGE] = "", [METRIC_COUNTER] = "_total", [METRIC_INFO] = "_info",
	[METRIC_STATE] = "", [METRIC_HISTOGRAM] = "",
};

static void add(struct metric_text *text, const char *data, size_t size)
{
	if (size > sizeof(text->data) - text->size)
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

static void add_text(struct metric_text *text, const char *data)
{
	add(text, data, strlen(data));
}

static void add_name(struct metric_text *text, const struct metric *metric, const char *ending)
{
	add_text(text, METRIC_PREFIX);
	add_text(text, metric->name);
	add_text(text, ending);
}

/* Most are whole numbers, and printf(3) takes most of the time of a scrape. */
static void add_number(struct metric_text *text, double value)
{
	char digits[40], *at = digits + sizeof(digits);

	if (isinf(value)) {
		add_text(text, value > 0 ? "+Inf" : "-Inf");
	} else if (value >= 0 && value < EXACT_MAX && value == (double)(uint64_t)value) {
		uint64_t rest = (uint64_t)value;

		do
			*--at = (char)('0' + rest % 10);
		while (rest /= 10);
		add(text, at, (size_t)(digits + sizeof(digits) - at));
	} else {
		add(text, digits, (size_t)snprintf(digits, sizeof(digits), "%.15g", value));
	}
}

static void add_line_value(struct metric_text *text, double value)
{
	add(text, " ", 1);
	add_number(text, value);
	add(text, "\n", 1);
}

/* Bytes of the UTF-8 sequence at the start of @text; 0: there is none. Source: RFC 3629. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
	const size_t length = text[0] < 0x80   ? 1
			      : text[0] < 0xc2 ? 0
			      : text[0] < 0xe0 ? 2
			      : text[0] < 0xf0 ? 3
			      : text[0] < 0xf5 ? 4
					       : 0;

	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

/* Both formats are UTF-8; reasons and names of others may not be. */
static void add_escaped(struct metric_text *text, const char *value)
{
	const size_t size = strnlen(value, LABEL_VALUE_MAX);

	for (size_t i = 0; i < size;) {
		const size_t length = utf8_length((const unsigned char *)value + i, size - i);

		if (value[i] == '\\')
			add(text, "\\\\", 2);
		else if (value[i] == '"')
			add(text, "\\\"", 2);
		else if (value[i] == '\n')
			add(text, "\\n", 2);
		else if (length)
			add(text, value + i, length);
		else
			add(text, "?", 1);
		i += length ? length : 1;
	}
}

static void add_label(struct metric_text *text, const char *name, const char *value, bool *open)
{
	if (!value)
		return;
	add(text, *open ? "," : "{", 1);
	*open = true;
	add_text(text, name);
	add(text, "=\"", 2);
	add_escaped(text, value);
	add(text, "\"", 1);
}

/* Name and labels of the object, the list of labels still open. */
static bool add_start(struct metric_text *text, const struct metric *metric, const char *ending,
		      const struct metric_entity *entity)
{
	bool open = false;

	add_name(text, metric, ending);
	for (uint32_t i = 0; i < METRIC_LABELS_MAX && entity->labels[i].name; i++)
		add_label(text, entity->labels[i].name, entity->labels[i].value, &open);
	return open;
}

static void add_close(struct metric_text *text, bool open)
{
	if (open)
		add(text, "}", 1);
}

/* The field may be another process's. */
static double value_of(const struct metric *metric, const struct metric_entity *entity)
{
	const void *field = (const char *)entity->object + metric->field;

	if (metric->value)
		return metric->value(entity);
	return (double)__atomic_load_n((const uint64_t *)field, __ATOMIC_RELAXED);
}

static void value_samples(struct metric_text *text, const struct metric *metric,
			  const struct metric_entity *entity)
{
	const double value = value_of(metric, entity);

	if (isnan(value))
		return;
	add_close(text, add_start(text, metric, endings[metric->type], entity));
	add_line_value(text, value);
}

static void info_samples(struct metric_text *text, const struct metric *metric,
			 const struct metric_entity *entity)
{
	const char *values[METRIC_LABELS_MAX] = { NULL };
	char scratch[METRIC_SCRATCH_MAX];
	bool open;

	if (!metric->info(entity, values, scratch))
		return;
	open = add_start(text, metric, endings[METRIC_INFO], entity);
	for (uint32_t i = 0; metric->info_labels[i]; i++)
		add_label(text, metric->info_labels[i], values[i], &open);
	add_close(text, open);
	add_line_value(text, 1);
}

static void state_samples(struct metric_text *text, const struct metric *metric,
			  const struct metric_entity *entity)
{
	const uint32_t now = metric->state(entity);

	for (uint32_t i = 0; metric->states[i]; i++) {
		bool open = add_start(text, metric, "", entity);

		add_label(text, "state", metric->states[i], &open);
		add_close(text, open);
		add_line_value(text, i == now);
	}
}

static void histogram_samples(struct metric_text *text, const struct metric *metric,
			      const struct metric_entity *entity)
{
	const struct metric_histogram *histogram = metric->histogram(entity);
	const struct metric_bounds *bounds = metric->bounds;
	uint64_t count = 0;
	bool open;

	if (!histogram)
		return;
	for (uint32_t i = 0; i <= bounds->count; i++) {
		char bound[32] = "+Inf";

		if (i < bounds->count)
			snprintf(bound, sizeof(bound), "%.15g%s", bounds->seconds[i],
				 bounds->seconds[i] == (double)(uint64_t)bounds->seconds[i] ? ".0"
											    : "");
		count += histogram->buckets[i];
		open = add_start(text, metric, "_bucket", entity);
		add_label(text, "le", bound, &open);
		add_close(text, open);
		add_line_value(text, (double)count);
	}
	add_close(text, add_start(text, metric, "_sum", entity));
	add_line_value(text, (double)histogram->sum_ns / 1e9);
	add_close(text, add_start(text, metric, "_count", entity));
	add_line_value(text, (double)count);
}

void metric_text_samples(struct metric_text *text, const struct metric *metric,
			 const struct metric_entity *entity)
{
	switch (metric->type) {
	case METRIC_GAUGE:
	case METRIC_COUNTER:
		value_samples(text, metric, entity);
		return;
	case METRIC_INFO:
		info_samples(text, metric, entity);
		return;
	case METRIC_STATE:
		state_samples(text, metric, entity);
		return;
	case METRIC_HISTOGRAM:
		histogram_samples(text, metric, entity);
		return;
	}
}

/* OpenMetrics names the family, the older format the samples; only OpenMetrics knows infos and units. */
void metric_text_head(struct metric_text *text, enum metric_format format,
		      const struct metric *metric)
{
	const bool open = format == METRIC_OPENMETRICS;
	const char *ending = open ? "" : endings[metric->type];

	add_text(text, "# HELP ");
	add_name(text, metric, ending);
	add_text(text, " ");
	add_text(text, metric->help);
	add_text(text, "\n# TYPE ");
	add_name(text, metric, ending);
	add_text(text, " ");
	add_text(text, !open && metric->type == METRIC_INFO ? "gauge" : type_names[metric->type]);
	if (open && metric->unit) {
		add_text(text, "\n# UNIT ");
		add_name(text, metric, "");
		add_text(text, " ");
		add_text(text, metric->unit);
	}
	add_text(text, "\n");
}

void metric_text_end(struct metric_text *text, enum metric_format format)
{
	if (format == METRIC_OPENMETRICS)
		add_text(text, "# EOF\n");
}

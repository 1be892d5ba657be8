/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of metrics: numbers, labels, heads in both formats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/metrics/text.h"

static double value_now;

static double value(const struct metric_entity *entity)
{
	(void)entity;
	return value_now;
}

static const char *samples(const struct metric *metric, const struct metric_entity *entity)
{
	static struct metric_text text;

	text.size = 0;
	metric_text_samples(&text, metric, entity);
	text.data[text.size] = '\0';
	return text.data;
}

static const char *head(enum metric_format format, const struct metric *metric)
{
	static struct metric_text text;

	text.size = 0;
	metric_text_head(&text, format, metric);
	metric_text_end(&text, format);
	text.data[text.size] = '\0';
	return text.data;
}

static void numbers_are_exact(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "sluice_x 0\n" },
		{ 1, "sluice_x 1\n" },
		{ 9007199254740991.0, "sluice_x 9007199254740991\n" },
		{ 0.25, "sluice_x 0.25\n" },
		{ -1, "sluice_x -1\n" },
		{ 1e20, "sluice_x 1e+20\n" },
		{ INFINITY, "sluice_x +Inf\n" },
		{ NAN, "" },
	};
	const struct metric metric = { .name = "x", .value = value };
	const struct metric_entity entity = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		value_now = rows[i].value;
		assert_string_equal(samples(&metric, &entity), rows[i].text);
	}
}

static void labels_are_escaped(void **state)
{
	static const struct {
		const char *value;
		const char *text;
	} rows[] = {
		{ "web-1", "sluice_x_total{a=\"web-1\"} 1\n" },
		{ "", "sluice_x_total{a=\"\"} 1\n" },
		{ NULL, "sluice_x_total 1\n" },
		{ "a\\b\"c\nd", "sluice_x_total{a=\"a\\\\b\\\"c\\nd\"} 1\n" },
		{ "w\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "sluice_x_total{a=\"w\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"} 1\n" },
		{ "\xff\xc3(\xc0\xaf\xed\xa0\x80", "sluice_x_total{a=\"?\?(?\?\?\?\?\"} 1\n" },
		{ "\xe2\x82", "sluice_x_total{a=\"?\?\"} 1\n" },
	};
	const struct metric metric = { .name = "x", .type = METRIC_COUNTER, .value = value };

	(void)state;
	value_now = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct metric_entity entity = { .labels = { { "a", rows[i].value } } };

		assert_string_equal(samples(&metric, &entity), rows[i].text);
	}
}

static void long_labels_are_cut(void **state)
{
	const struct metric metric = { .name = "x", .value = value };
	struct metric_entity entity = { 0 };
	char text[4096];

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < METRIC_LABELS_MAX; i++)
		entity.labels[i] = (struct metric_label){ "a", text };
	value_now = 1;
	assert_true(strlen(samples(&metric, &entity)) < METRIC_SAMPLE_BYTES);
	assert_non_null(strstr(samples(&metric, &entity), "\"} 1\n"));
}

static void fields_are_read_from_the_object(void **state)
{
	struct {
		uint32_t before;
		uint64_t count;
	} object = { 7, 42 };
	const struct metric metric = { .name = "x",
				       .type = METRIC_COUNTER,
				       .field = (size_t)((char *)&object.count - (char *)&object) };
	const struct metric_entity entity = { .object = &object };

	(void)state;
	assert_string_equal(samples(&metric, &entity), "sluice_x_total 42\n");
}

static uint32_t second(const struct metric_entity *entity)
{
	(void)entity;
	return 1;
}

static bool info(const struct metric_entity *entity, const char **values, char *scratch)
{
	(void)scratch;
	values[0] = entity->object;
	return entity->object != NULL;
}

static void states_and_infos(void **state)
{
	static const char *const words[] = { "ready", "drain", NULL };
	static const char *const labels[] = { "address", NULL };
	const struct metric states = {
		.name = "x", .type = METRIC_STATE, .states = words, .state = second
	};
	const struct metric about = {
		.name = "x", .type = METRIC_INFO, .info = info, .info_labels = labels
	};
	const struct metric_entity entity = { .object = "10.0.0.1", .labels = { { "i", "a" } } };
	const struct metric_entity none = { 0 };

	(void)state;
	assert_string_equal(samples(&states, &entity), "sluice_x{i=\"a\",state=\"ready\"} 0\n"
						       "sluice_x{i=\"a\",state=\"drain\"} 1\n");
	assert_string_equal(samples(&about, &entity),
			    "sluice_x_info{i=\"a\",address=\"10.0.0.1\"} 1\n");
	assert_string_equal(samples(&about, &none), "");
}

static const struct metric_bounds bounds = { .count = 3, .seconds = { 0.001, 0.5, 2 } };

static const struct metric_histogram *histogram(const struct metric_entity *entity)
{
	return entity->object;
}

static void histograms_are_cumulative(void **state)
{
	const struct metric metric = { .name = "x_seconds",
				       .type = METRIC_HISTOGRAM,
				       .bounds = &bounds,
				       .histogram = histogram };
	struct metric_histogram durations = { .sum_ns = 0 };
	const struct metric_entity entity = { .object = &durations };

	(void)state;
	metric_observe(&durations, &bounds, 1000000); /* a bucket has its upper end */
	metric_observe(&durations, &bounds, 1000001);
	metric_observe(&durations, &bounds, 1998999999);
	metric_observe(&durations, &bounds, 3000000000);
	assert_string_equal(samples(&metric, &entity), "sluice_x_seconds_bucket{le=\"0.001\"} 1\n"
						       "sluice_x_seconds_bucket{le=\"0.5\"} 2\n"
						       "sluice_x_seconds_bucket{le=\"2.0\"} 3\n"
						       "sluice_x_seconds_bucket{le=\"+Inf\"} 4\n"
						       "sluice_x_seconds_sum 5.001\n"
						       "sluice_x_seconds_count 4\n");
}

static void heads_follow_the_format(void **state)
{
	static const struct {
		struct metric metric;
		const char *prometheus;
		const char *open;
	} rows[] = {
		{ { .name = "x", .help = "H." },
		  "# HELP sluice_x H.\n# TYPE sluice_x gauge\n",
		  "# HELP sluice_x H.\n# TYPE sluice_x gauge\n# EOF\n" },
		{ { .name = "x_bytes", .help = "H.", .unit = "bytes", .type = METRIC_COUNTER },
		  "# HELP sluice_x_bytes_total H.\n# TYPE sluice_x_bytes_total counter\n",
		  "# HELP sluice_x_bytes H.\n# TYPE sluice_x_bytes counter\n"
		  "# UNIT sluice_x_bytes bytes\n# EOF\n" },
		{ { .name = "x", .help = "H.", .type = METRIC_INFO },
		  "# HELP sluice_x_info H.\n# TYPE sluice_x_info gauge\n",
		  "# HELP sluice_x H.\n# TYPE sluice_x info\n# EOF\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(head(METRIC_PROMETHEUS, &rows[i].metric), rows[i].prometheus);
		assert_string_equal(head(METRIC_OPENMETRICS, &rows[i].metric), rows[i].open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(long_labels_are_cut),
		cmocka_unit_test(fields_are_read_from_the_object),
		cmocka_unit_test(states_and_infos),
		cmocka_unit_test(histograms_are_cumulative),
		cmocka_unit_test(heads_follow_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

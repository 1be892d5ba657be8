/* SPDX-License-Identifier: BSD-3-Clause */
/* Scrapes in parts: what is in them, how large they are, and what 10,000 instances cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "controlplane/metrics/scrape.h"

#define INSTANCES 10000u
#define ROWS 22u /* as many samples as each instance has, its checks included */
#define SCRAPE_MAX_NS (200 * CLOCK_NS_PER_MS)

struct instance {
	char name[16];
	bool is_maint;
};

static struct instance instances[INSTANCES];
static uint32_t count; /* of them */

static bool next(const void *source, struct metric_cursor *cursor, struct metric_entity *entity)
{
	const struct instance *instance = (const struct instance *)source + cursor->outer;

	if (cursor->outer++ >= count)
		return false;
	entity->object = instance;
	entity->is_maint = instance->is_maint;
	entity->labels[0] = (struct metric_label){ "pool", "superawesome" };
	entity->labels[1] = (struct metric_label){ "instance", instance->name };
	return true;
}

static double number(const struct metric_entity *entity)
{
	return (double)((const struct instance *)entity->object - instances) * 123456789.0;
}

static struct metric rows[ROWS];
static struct metric_table table = {
	.scope = "instance", .rows = rows, .count = ROWS, .next = next
};
static const struct metric_source sources[] = { { &table, instances }, { &table, NULL } };

static int setup(void **state)
{
	(void)state;
	count = INSTANCES;
	for (uint32_t i = 0; i < INSTANCES; i++)
		snprintf(instances[i].name, sizeof(instances[i].name), "web-%u", i);
	for (uint32_t i = 0; i < ROWS; i++)
		rows[i] = (struct metric){ .name = "instance_new_flows",
					   .help = "Flows.",
					   .type = METRIC_COUNTER,
					   .value = number };
	return 0;
}

static struct metric_scrape scrape_of(uint32_t row_count)
{
	table.count = row_count;
	return (struct metric_scrape){ .sources = sources, .count = 2, .query.tables = 3 };
}

static uint32_t lines(const struct metric_text *text, char first)
{
	uint32_t found = 0;

	for (size_t i = 0; i < text->size; i++)
		found += (i == 0 || text->data[i - 1] == '\n') && text->data[i] == first;
	return found;
}

static void every_instance_once(void **state)
{
	struct metric_scrape scrape = scrape_of(2);
	static struct metric_text text;
	uint32_t samples = 0, heads = 0;
	bool more;

	(void)state;
	do {
		more = metric_scrape_next(&scrape, 1, &text);
		samples += lines(&text, 's');
		heads += lines(&text, '#');
		assert_true(lines(&text, 's') <= METRIC_PART_OBJECTS);
	} while (more);
	assert_int_equal(samples, 2 * INSTANCES);
	/* The table without a source has its heads, and no sample. */
	assert_int_equal(heads, 2 * 2 * 2);
	assert_false(metric_scrape_next(&scrape, 1, &text));
	assert_int_equal(text.size, 0);
}

static void a_row_ends_where_instances_change(void **state)
{
	struct metric_scrape scrape = scrape_of(2);
	static struct metric_text text;
	uint32_t samples = 0;

	(void)state;
	assert_true(metric_scrape_next(&scrape, 1, &text));
	samples = lines(&text, 's');
	count = 10;
	while (metric_scrape_next(&scrape, 2, &text))
		samples += lines(&text, 's');
	samples += lines(&text, 's');
	count = INSTANCES;
	assert_true(samples > 10 && samples <= METRIC_PART_OBJECTS + 10);
}

static void no_maint_leaves_out(void **state)
{
	struct metric_scrape scrape = scrape_of(1);
	static struct metric_text text;

	(void)state;
	count = 10;
	instances[3].is_maint = true;
	scrape.query.no_maint = true;
	assert_false(metric_scrape_next(&scrape, 1, &text));
	instances[3].is_maint = false;
	count = INSTANCES;
	assert_int_equal(lines(&text, 's'), 9);
	text.data[text.size] = '\0';
	assert_null(strstr(text.data, "web-3\""));
}

static void end_is_marked(void **state)
{
	struct metric_scrape scrape = scrape_of(1);
	static struct metric_text text;

	(void)state;
	scrape.query.tables = 0;
	scrape.format = METRIC_OPENMETRICS;
	assert_false(metric_scrape_next(&scrape, 1, &text));
	assert_int_equal(text.size, 6);
	assert_memory_equal(text.data, "# EOF\n", 6);
}

/* The same text by printf(3), the measure of this machine. */
static uint64_t printed_ns(void)
{
	static char line[256];
	const uint64_t began_ns = clock_thread_ns();
	size_t bytes = 0;

	for (uint32_t row = 0; row < ROWS; row++)
		for (uint32_t i = 0; i < INSTANCES; i++)
			bytes += (size_t)snprintf(
				line, sizeof(line),
				"sluice_instance_new_flows_total{pool=\"%s\",instance=\"%s\"} %.17g\n",
				"superawesome", instances[i].name, (double)i * 123456789.0);
	assert_true(bytes > ROWS * INSTANCES);
	return clock_thread_ns() - began_ns;
}

/*
 * CPU time of this thread: what else the machine does is not in it. The limit of a part is in
 * objects, so no check or change waits for more than that.
 */
static void ten_thousand_instances_are_cheap(void **state)
{
	static struct metric_text text;
	uint64_t best_ns = UINT64_MAX, best_printed_ns = UINT64_MAX;
	size_t bytes = 0;
	uint32_t parts = 0;

	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		struct metric_scrape scrape = scrape_of(ROWS);
		uint64_t began_ns = clock_thread_ns(), took_ns;

		bytes = 0;
		parts = 0;
		scrape.query.tables = 1;
		while (metric_scrape_next(&scrape, 1, &text)) {
			bytes += text.size;
			parts++;
		}
		took_ns = clock_thread_ns() - began_ns;
		best_ns = took_ns < best_ns ? took_ns : best_ns;
		took_ns = printed_ns();
		best_printed_ns = took_ns < best_printed_ns ? took_ns : best_printed_ns;
	}
	print_message("# figure: 10,000 instances, %u samples each: %.1f MB in %.1f ms of CPU, %u "
		      "parts of %.0f us; printf(3) alone %.1f ms\n",
		      ROWS, (double)bytes / 1e6, (double)best_ns / 1e6, parts,
		      (double)best_ns / 1e3 / parts, (double)best_printed_ns / 1e6);
	assert_true(parts >= ROWS * INSTANCES / METRIC_PART_OBJECTS);
	/* An optimised build takes a third of printf(3), one for a sanitizer up to three times. */
#ifdef __OPTIMIZE__
	assert_true(best_ns < 2 * best_printed_ns);
#endif
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(best_ns < SCRAPE_MAX_NS);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_instance_once),
		cmocka_unit_test(a_row_ends_where_instances_change),
		cmocka_unit_test(no_maint_leaves_out),
		cmocka_unit_test(end_is_marked),
		cmocka_unit_test(ten_thousand_instances_are_cheap),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

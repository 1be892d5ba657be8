/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request for metrics asks for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "controlplane/metrics/query.h"

/* What Prometheus 2.42 and 3 send, a browser, curl; and odd ones. */
static void format_is_negotiated(void **state)
{
	static const struct {
		const char *accept;
		enum metric_format format;
	} rows[] = {
		{ NULL, METRIC_PROMETHEUS },
		{ "", METRIC_PROMETHEUS },
		{ "*/*", METRIC_PROMETHEUS },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", METRIC_PROMETHEUS },
		{ "application/openmetrics-text; version=1.0.0,application/openmetrics-text; "
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  METRIC_OPENMETRICS },
		{ "application/openmetrics-text", METRIC_OPENMETRICS },
		{ "Application/OpenMetrics-Text", METRIC_OPENMETRICS },
		{ "text/plain, application/openmetrics-text;q=0.9", METRIC_PROMETHEUS },
		{ "text/plain;q=0.3 , application/openmetrics-text; version=1.0.0;q=0.4",
		  METRIC_OPENMETRICS },
		{ "application/openmetrics-text;q=0, */*", METRIC_PROMETHEUS },
		{ "application/openmetrics-text;q=0", METRIC_PROMETHEUS },
		{ "application/openmetrics-textual", METRIC_PROMETHEUS },
		{ "text/*;q=0.9, application/openmetrics-text;q=0.5", METRIC_PROMETHEUS },
		{ ",,;;q=,application/openmetrics-text", METRIC_OPENMETRICS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (metric_query_format(rows[i].accept) != rows[i].format)
			fail_msg("%s", rows[i].accept ? rows[i].accept : "(none)");
}

static const struct metric_table node = { .scope = "node" };
static const struct metric_table node_too = { .scope = "node" };
static const struct metric_table pool = { .scope = "pool" };
static const struct metric_source sources[] = { { &node, NULL },
						{ &pool, NULL },
						{ &node_too, NULL } };

static void scopes_select_tables(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t tables;
		bool no_maint;
	} rows[] = {
		{ NULL, 0, 7, false },
		{ "", 0, 7, false },
		{ "scope=*", 0, 7, false },
		{ "scope=node", 0, 5, false },
		{ "scope=pool", 0, 2, false },
		{ "scope=pool&scope=node", 0, 7, false },
		{ "scope=", 0, 0, false },
		{ "scope=&scope=pool", 0, 2, false },
		{ "no-maint", 0, 7, true },
		{ "no-maint=", 0, 7, true },
		{ "scope=pool&no-maint&", 0, 2, true },
		{ "scope=poo", -EINVAL, 0, false },
		{ "scope=pools", -EINVAL, 0, false },
		{ "no-maintenance", -EINVAL, 0, false },
		{ "colour=red", -EINVAL, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct metric_query query;

		assert_int_equal(metric_query_parse(rows[i].text, sources, 3, &query), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(query.tables, rows[i].tables);
			assert_int_equal(query.no_maint, rows[i].no_maint);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_negotiated),
		cmocka_unit_test(scopes_select_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

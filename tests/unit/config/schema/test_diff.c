/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/diff.h"
#include "tests/support/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void diff_write(const struct config_change *change, void *context)
{
	static const char *const kinds[] = { "+", "-", "~" };

	fprintf(context, "%s%s %s: %s -> %s\n", kinds[change->kind],
		change->reloadable ? "" : " restart", change->key,
		change->before ? change->before : "", change->after ? change->after : "");
}

/* What the diff between two files says; to be freed. */
static char *diff_text(const char *one, const char *other, struct config_diff_totals *totals)
{
	struct config *old = refuse_load(one), *new = refuse_load(other);
	char *said;
	size_t size;
	FILE *to = open_memstream(&said, &size);

	assert_non_null(to);
	*totals = config_diff(old, new, diff_write, to);
	fclose(to);
	config_free(old);
	config_free(new);
	return said;
}

static const struct {
	const char *from;
	const char *to;
	const char *changes;
	uint32_t restarts;
} rows[] = {
	{ "node:\n", "# a comment\nnode:\n", "", 0 },
	{ "cpus: \"1\"", "cpus: 1-1", "", 0 },
	{ "interval: 10s, timeout: 5s", "timeout: 5000ms, interval: 10000ms", "", 0 },
	{ "flows: 2048", "idle_timeout: 900s\n  flows: 2048", "", 0 },
	{ "pool: web }", "instance_port: 80, pool: web }", "", 0 },
	{ "web-2: { address: 10.0.1.2 }", "web-2: { weight: 100, address: 10.0.1.2 }", "", 0 },
	{ "      web-1: { address: 10.0.1.1, weight: 100 }\n      web-2: { address: 10.0.1.2 }\n",
	  "      web-2: { address: 10.0.1.2 }\n      web-1: { address: 10.0.1.1 }\n", "", 0 },
	{ "flows: 2048", "flows: 4096", "~ restart node.flows: 2048 -> 4096\n", 1 },
	{ "eth1", "eth2", "~ restart node.port: eth1 -> eth2\n", 1 },
	{ "\"1\"", "\"1-3,5\"", "~ restart node.cpus: 1 -> 1-3,5\n", 1 },
	{ "0e0f", "0e0e", "~ restart node.secret: (a secret) -> (another secret)\n", 1 },
	{ "flows: 2048", "flows: 2048\n  mtu: 1500", "~ restart node.mtu:  -> 1500\n", 1 },
	{ "flows: 2048", "flows: 2048\n  idle_timeout: 1m\n  syn_timeout: 5s\n  fin_timeout: 2s",
	  "~ node.idle_timeout: 15m -> 1m\n~ node.syn_timeout: 10s -> 5s\n"
	  "~ node.fin_timeout: 1m -> 2s\n",
	  0 },
	{ "flows: 2048", "flows: 2048\n  kernel_rate: 500\n  icmp_rate: 0",
	  "~ node.kernel_rate: 20000 -> 500\n~ node.icmp_rate: 1000 -> 0\n", 0 },
	{ "flows: 2048", "flows: 2048\n  checks_in_flight: 8", "~ node.checks_in_flight: 64 -> 8\n",
	  0 },
	{ "\"10.0.0.5/24\"", "\"10.0.0.5/24\", \"2001:db8::5/64\"",
	  "~ node.address: 10.0.0.5/24 -> 10.0.0.5/24, 2001:db8::5/64\n", 0 },
	{ "interval: 10s", "interval: 20s",
	  "~ pools.web.checks[HTTP:80/up.html].interval: 10s -> 20s\n", 0 },
	{ "up.html", "ok.html",
	  "- pools.web.checks[HTTP:80/up.html]: target: HTTP:80/up.html, interval: 10s -> \n"
	  "+ pools.web.checks[HTTP:80/ok.html]:  -> target: HTTP:80/ok.html, interval: 10s\n",
	  0 },
	{ "weight: 100", "weight: 50", "~ pools.web.instances.web-1.weight: 100 -> 50\n", 0 },
	{ "10.0.1.2 }", "10.0.1.2, backup: true }",
	  "~ pools.web.instances.web-2.backup: false -> true\n", 0 },
	{ "web-2", "web-3",
	  "- pools.web.instances.web-2: address: 10.0.1.2 -> \n"
	  "+ pools.web.instances.web-3:  -> address: 10.0.1.2\n",
	  0 },
	{ "services:\n",
	  "  api: { on_down: keep, instances: { a: { address: 10.0.2.1 } } }\nservices:\n",
	  "+ pools.api:  -> checks: 0, on_down: keep, drain: 0ms, instances: 1\n", 0 },
	{ "    checks:\n", "    all_down: drop\n    checks:\n",
	  "~ pools.web.all_down: open -> drop\n", 0 },
	{ "forward: l2", "forward: ipip", "~ services.site.forward: l2 -> ipip\n", 0 },
	{ "forward: l2", "forward: gue\n    gue_port: 7000",
	  "~ services.site.forward: l2 -> gue\n~ services.site.gue_port: 6080 -> 7000\n", 0 },
	{ "forward: l2", "forward: nat\n    source: node", "~ services.site.forward: l2 -> nat\n",
	  0 },
	{ "flows: 2048", "nat_addresses: [10.0.0.32/29, 10.0.2.1/32]\n  flows: 2048",
	  "~ node.nat_addresses:  -> 10.0.0.32/29, 10.0.2.1\n", 0 },
	{ "flows: 2048", "nat_ports: 1024-40000\n  flows: 2048",
	  "~ restart node.nat_ports: 1024-32767 -> 1024-40000\n", 1 },
	{ "flows: 2048", "reset_on_expiry: false\n  nat_closed_timeout: 2m\n  flows: 2048",
	  "~ node.nat_closed_timeout: 1m -> 2m\n~ node.reset_on_expiry: true -> false\n", 0 },
	{ "port: 80", "port: 81",
	  "- services.site.listeners[80]: port: 80, instance_port: 80, pool: web -> \n"
	  "+ services.site.listeners[81]:  -> port: 81, instance_port: 81, pool: web\n",
	  0 },
	{ "      - { port: 80, pool: web }\n",
	  "      - { port: 80, pool: web }\n  b: { vip: [203.0.113.11], forward: l2, listeners: "
	  "[{ port: 1, pool: web }] }\n",
	  "+ services.b:  -> vip: 203.0.113.11, forward: l2, listeners: 1\n", 0 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_diff_totals totals;
		char *after = refuse_edit(rows[i].from, rows[i].to);
		char *said = diff_text(refuse_base, after, &totals);
		uint32_t lines = 0;

		assert_string_equal(said, rows[i].changes);
		for (const char *at = said; *at; at++)
			lines += *at == '\n';
		assert_int_equal(totals.changes, lines);
		assert_int_equal(totals.restarts, rows[i].restarts);
		free(said);
		free(after);
	}
}

/* The other way round, what was added is removed. */
static void test_reverse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_diff_totals there, back;
		char *after = refuse_edit(rows[i].from, rows[i].to);

		free(diff_text(refuse_base, after, &there));
		free(diff_text(after, refuse_base, &back));
		assert_int_equal(there.changes, back.changes);
		assert_int_equal(there.restarts, back.restarts);
		free(after);
	}
}

static void test_no_callback(void **state)
{
	char *text = refuse_edit("flows: 2048", "flows: 4096");
	struct config *old = refuse_load(refuse_base), *new = refuse_load(text);

	(void)state;
	assert_int_equal(config_diff(old, new, NULL, NULL).changes, 1);
	assert_int_equal(config_diff(old, old, NULL, NULL).changes, 0);
	config_free(old);
	config_free(new);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_no_callback),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* One CPU that takes all tunnel packets is hinted at, and nothing else is taken for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/instance/status.h"

#define LO_IFINDEX 1

struct row {
	const char *what;
	unsigned int online_cpus;
	__u64 pkts[4];	  /* by CPU */
	const char *hint; /* how it begins; NULL: none */
	bool is_gue;
};

static const struct row rows[] = {
	{ "one of four", 4, { 0, 0, 20000, 0 }, "CPU 2 took 100 % of 20000 tunnel packets" },
	{ "nearly all", 4, { 300, 9700, 0, 0 }, "CPU 1 took 97 % of 10000 tunnel packets" },
	{ "two balancers", 4, { 10000, 10000, 0, 0 }, NULL },
	{ "not quite", 4, { 9400, 600, 0, 0 }, NULL },
	{ "too few to tell", 4, { 9999, 0, 0, 0 }, NULL },
	{ "none", 4, { 0 }, NULL },
	{ "GUE", 4, { 0, 0, 20000, 0 }, "CPU 2 took 100 % of 20000 GUE packets", true },
	{ "GUE, spread", 4, { 9400, 600, 0, 0 }, NULL, true },
	{ "a host with one CPU", 1, { 1000000, 0, 0, 0 }, NULL },
};

static void row_check(const struct row *row, struct status *s)
{
	const char *found = NULL;

	snprintf(s->iface, sizeof(s->iface), "lo");
	s->ifindex = LO_IFINDEX;
	s->online_cpus = row->online_cpus;
	memcpy(row->is_gue ? s->unwrapped_gue : s->unwrapped4, row->pkts, sizeof(row->pkts));
	status_check(s);
	for (unsigned int i = 0; i < s->hints.count; i++)
		if (strncmp(s->hints.text[i], "CPU ", 4) == 0)
			found = s->hints.text[i];
	if (!row->hint)
		assert_null(found);
	else if (!found || strncmp(found, row->hint, strlen(row->hint)) != 0)
		fail_msg("%s: %s", row->what, found ? found : "no hint");
	status_fini(s);
}

static void one_busy_cpu(void **unused)
{
	static struct status s;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&s, 0, sizeof(s));
		row_check(&rows[i], &s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_busy_cpu),
	};

	return cmocka_run_group_tests_name("status_cpus", tests, NULL, NULL);
}

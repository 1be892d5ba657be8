/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/refuse.h"
#include "config/load/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char refuse_base[] = "node:\n"
			   "  port: eth1\n"
			   "  cpus: \"1\"\n"
			   "  address: [\"10.0.0.5/24\"]\n"
			   "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			   "  flows: 2048\n"
			   "pools:\n"
			   "  web:\n"
			   "    checks:\n"
			   "      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
			   "    instances:\n"
			   "      web-1: { address: 10.0.1.1, weight: 100 }\n"
			   "      web-2: { address: 10.0.1.2 }\n"
			   "services:\n"
			   "  site:\n"
			   "    vip: [\"203.0.113.10\"]\n"
			   "    forward: l2\n"
			   "    listeners:\n"
			   "      - { port: 80, pool: web }\n";

char *refuse_edit(const char *from, const char *to)
{
	const char *at = strstr(refuse_base, from);
	size_t size = sizeof(refuse_base) + strlen(to);
	char *text = malloc(size);

	assert_non_null(at);
	assert_non_null(text);
	snprintf(text, size, "%.*s%s%s", (int)(at - refuse_base), refuse_base, to,
		 at + strlen(from));
	return text;
}

void refuse_expect(const char *text, size_t size, const char *errors)
{
	static struct config_errors found;
	struct config *config = config_load_buffer(text, size, "t", &found);
	char *said = NULL;
	size_t length;
	FILE *to = open_memstream(&said, &length);

	assert_non_null(to);
	config_errors_print(&found, to);
	fclose(to);
	assert_null(config);
	assert_int_equal(errno, EINVAL);
	assert_string_equal(said, errors);
	free(said);
}

struct config *refuse_load(const char *text)
{
	static struct config_errors errors;
	struct config *config = config_load_buffer(text, strlen(text), "t", &errors);

	config_errors_print(&errors, stderr);
	assert_non_null(config);
	assert_int_equal(errors.count, 0);
	return config;
}

static void refuse_row(void **state)
{
	const struct refuse_row *row = *state;
	char *text = row->from ? refuse_edit(row->from, row->to) : strdup(row->to);

	refuse_expect(text, strlen(text), row->errors);
	free(text);
}

/* A test is named after its first error; '#' would begin a TAP directive. */
static char *refuse_name(const struct refuse_row *row, size_t index)
{
	char name[128];

	snprintf(name, sizeof(name), "%zu %.100s", index + 1, row->errors);
	for (char *at = name; *at; at++)
		if (*at == '\n' || *at == '#')
			*at = ' ';
	return strdup(name);
}

int refuse_run(const struct refuse_row *rows, size_t count)
{
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	int failed;

	for (size_t i = 0; i < count; i++) {
		tests[i].name = refuse_name(&rows[i], i);
		tests[i].test_func = refuse_row;
		tests[i].initial_state = (void *)&rows[i];
	}
	failed = _cmocka_run_group_tests("config", tests, count, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		free((char *)tests[i].name);
	free(tests);
	return failed;
}

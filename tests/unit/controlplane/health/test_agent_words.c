/* SPDX-License-Identifier: BSD-3-Clause */
/* An agent's line: what it says, and what isn't one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/health/agent_words.h"

/* What is known afterwards, from an instance that was at 80 % and drained before. */
static const struct {
	const char *line;
	const char *known; /* percent, admin, state; or the reason for refusing it */
} rows[] = {
	{ "75%", "75 drain up" },
	{ "0%", "0 drain up" },
	{ "100%", "100 drain up" },
	{ "250%", "250 drain up" },
	{ "ready", "80 ready up" },
	{ "drain", "80 drain up" },
	{ "maint", "80 maint up" },
	{ "up", "80 drain up" },
	{ "down", "80 drain down" },
	{ "fail", "80 drain down" },
	{ "failed", "80 drain down" },
	{ "stopped", "80 drain down" },
	{ "up 50%", "50 drain up" },
	{ "ready,up\t50%", "50 ready up" },
	{ "  up , ready  100% ", "100 ready up" },
	{ "down # the disk is full", "80 drain down" },
	{ "maint#", "80 maint up" },
	{ "drain ready", "80 ready up" },
	{ "up # \xc3\xa4 \x01", "80 drain up" },
	{ "", "an empty line" },
	{ " ,\t", "an empty line" },
	{ "# up", "an empty line" },
	{ "UP", "unknown word \"UP\"" },
	{ "50", "unknown word \"50\"" },
	{ "-5%", "unknown word \"-5%\"" },
	{ "1000%", "unknown word \"1000%\"" },
	{ "99999999999%", "unknown word \"99999999999%\"" },
	{ "50%%", "unknown word \"50%%\"" },
	{ "5.5%", "unknown word \"5.5%\"" },
	{ "50% upp", "unknown word \"upp\"" },
	{ "up maxconn:30 20%", "20 drain up" },
	{ "maxconn:", "unknown word \"maxconn:\"" },
	{ "up stoppedstoppedstoppedstoppedstopped",
	  "unknown word \"stoppedstoppedstoppedstoppedstop\"" },
	{ "\x16\x03\x01", "byte 0x16, which is not text" },
	{ "up \xc3\xa4", "byte 0xc3, which is not text" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model_agent agent = { .known = true, .admin = MODEL_DRAIN, .percent = 80 };
		char is[AGENT_WHY_MAX];
		struct agent_says says;

		if (!agent_words_read(rows[i].line, strlen(rows[i].line), &says, is)) {
			agent_words_apply(&says, &agent);
			snprintf(is, sizeof(is), "%u %s %s", agent.percent,
				 model_admin_name(agent.admin), agent.down ? "down" : "up");
		}
		if (strcmp(is, rows[i].known) != 0)
			fail_msg("'%s' gives '%s', not '%s'", rows[i].line, is, rows[i].known);
	}
}

static void test_first_line(void **state)
{
	struct model_agent agent = { .known = false };
	struct agent_says says;
	char why[AGENT_WHY_MAX];

	(void)state;
	assert_int_equal(agent_words_read("up", 2, &says, why), 0);
	agent_words_apply(&says, &agent);
	assert_true(agent.known);
	assert_int_equal(agent.percent, 100);
	assert_int_equal(agent.admin, MODEL_READY);
}

/* A NUL ends nothing, and what is kept of a line fits and can be shown. */
static void test_bytes(void **state)
{
	static const char start[] = { 'd', 'o', 'w', 'n', ' ', '#' };
	struct agent_says says;
	char why[AGENT_WHY_MAX], line[512];

	(void)state;
	assert_int_equal(agent_words_read("up\0down", 7, &says, why), -EINVAL);
	assert_string_equal(why, "byte 0x00, which is not text");
	memset(line, 0xff, sizeof(line));
	memcpy(line, start, sizeof(start));
	assert_int_equal(agent_words_read(line, sizeof(line), &says, why), 0);
	assert_true(says.down);
	assert_int_equal(strlen(says.text), MODEL_AGENT_TEXT_MAX - 1);
	assert_memory_equal(says.text, "down #???", 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_first_line),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("agent_words", tests, NULL, NULL);
}

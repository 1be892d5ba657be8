/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"

static int real_stderr = -1;
static int pipe_fds[2];

static int setup(void **test_state)
{
	(void)test_state;
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_INFO);
	real_stderr = dup(STDERR_FILENO);
	return real_stderr < 0 || pipe(pipe_fds) != 0 || dup2(pipe_fds[1], STDERR_FILENO) < 0;
}

/* What was logged so far; valid until the next call. */
static const char *logged(void)
{
	static char text[8192];
	ssize_t got;

	dup2(real_stderr, STDERR_FILENO);
	close(pipe_fds[1]);
	got = read(pipe_fds[0], text, sizeof(text) - 1);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static int teardown(void **test_state)
{
	(void)test_state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(pipe_fds[0]);
	return 0;
}

static void test_time_stamps(void **test_state)
{
	const char *text;

	(void)test_state;
	log_warn("%s: %d", "web/web-1", 7);
	text = logged();
	/* "2026-01-02 03:04:05.678 warn  web/web-1: 7\n" */
	assert_int_equal(strspn(text, "0123456789-"), 10);
	assert_int_equal(text[10], ' ');
	assert_string_equal(text + 23, " warn  web/web-1: 7\n");
}

static void test_journal(void **test_state)
{
	(void)test_state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_err("a");
	log_warn("b");
	log_info("c");
	log_line(LOG_NOTICE, "100%s");
	assert_string_equal(logged(), "<3>a\n<4>b\n<6>c\n<5>100%s\n");
}

static void test_level(void **test_state)
{
	(void)test_state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_debug("no");
	log_set_level(LOG_DEBUG);
	assert_int_equal(log_level(), LOG_DEBUG);
	log_debug("yes");
	log_set_level(LOG_ERR);
	log_warn("no");
	log_err("yes");
	assert_string_equal(logged(), "<7>yes\n<3>yes\n");
}

/* For the record of a failed start: kept whatever the level shows, and only of errors. */
static void test_last_error(void **test_state)
{
	(void)test_state;
	log_warn("shown");
	assert_string_equal(log_last_error(), "");
	log_set_level(LOG_EMERG);
	log_err("port %s", "eth9");
	log_warn("later");
	assert_string_equal(log_last_error(), "port eth9");
	assert_null(strstr(logged(), "eth9"));
}

static void test_level_words(void **test_state)
{
	static const struct {
		const char *word;
		int priority;
	} rows[] = {
		{ "error", LOG_ERR },	 { "warning", LOG_WARNING },
		{ "warn", LOG_WARNING }, { "info", LOG_INFO },
		{ "debug", LOG_DEBUG },	 { "err", -1 },
		{ "notice", -1 },	 { "", -1 },
	};

	(void)test_state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(log_level_parse(rows[i].word), rows[i].priority);
}

/* A name in a message must not begin another line, nor command a terminal. */
static void test_one_line(void **test_state)
{
	char long_text[2 * LOG_LINE_MAX];
	const char *text;

	(void)test_state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	errno = ENOSPC;
	log_info("a\n<3>b\r\033[2J\x7f\xc3\xa4");
	assert_int_equal(errno, ENOSPC);
	log_info("%s", long_text);
	text = logged();
	assert_memory_equal(text, "<6>a?<3>b??[2J?\xc3\xa4\n", 18);
	assert_in_range(strlen(text + 18), LOG_LINE_MAX, LOG_LINE_MAX + 16);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_last_error), TEST(test_level_words), TEST(test_time_stamps),
		TEST(test_journal),    TEST(test_level),       TEST(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/file.h"

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_line(void **state)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "", "" },
		{ "\n", "" },
		{ "one", "one" },
		{ "one\n", "one" },
		{ "one\ntwo\n", "one" },
		{ "0123456789", "0123456" },
	};
	char path[] = "/tmp/test_file.XXXXXX", line[8];

	(void)state;
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		file_write(path, rows[i].text);
		assert_int_equal(file_line(path, line, sizeof(line)), 0);
		assert_string_equal(line, rows[i].line);
	}
	unlink(path);
	assert_int_equal(file_line(path, line, sizeof(line)), -ENOENT);
	assert_string_equal(line, "");
	assert_int_equal(file_line("/", line, sizeof(line)), -EISDIR);
	assert_string_equal(line, "");
}

/* A pipe gives what is in it; only its end is the end. */
static void test_pieces(void **state)
{
	char text[16] = "";
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 6; i++)
			if (write(ends[1], &"abcdef"[i], 1) != 1 || usleep(1000))
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(file_read(ends[0], text, 4), 4);
	assert_string_equal(text, "abcd");
	assert_int_equal(file_read(ends[0], text, sizeof(text)), 2);
	assert_memory_equal(text, "ef", 2);
	assert_int_equal(file_read(ends[0], text, sizeof(text)), 0);
	close(ends[0]);
	assert_int_equal(file_read(ends[0], text, sizeof(text)), -EBADF);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

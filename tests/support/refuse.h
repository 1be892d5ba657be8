/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_REFUSE_H
#define TESTS_SUPPORT_REFUSE_H

#include "config/config.h"

#include <stddef.h>

/** One change that makes a good file bad, and all the errors expected, one per line. */
struct refuse_row {
	const char *from; /* in refuse_base, once replaced; NULL: @to is the whole file */
	const char *to;
	const char *errors;
};

/** A valid file. */
extern const char refuse_base[];

/** The base with the first @from replaced by @to; to be freed. Fails the test if there is none. */
char *refuse_edit(const char *from, const char *to);

/** Load text; fail the test unless it is refused with exactly these errors. */
void refuse_expect(const char *text, size_t size, const char *errors);

/** Load text; fail the test, with the errors, if it is refused. To be freed by config_free(). */
struct config *refuse_load(const char *text);

/** Run each row as a test of its own. Return: as cmocka_run_group_tests. */
int refuse_run(const struct refuse_row *rows, size_t count);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that is refused at a start, and what was kept of it. */
#include "config/load/last_good.h"
#include "config/load/load.h"
#include "tests/support/refuse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_last_good.XXXXXX", file[64], kept_file[64];

static void put(const char *path, const char *text, size_t size)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, size, to), size);
	fclose(to);
}

/* Keep what a path has now. */
static void keep(const char *path)
{
	static struct config_errors errors;
	struct config *config = config_load_file(path, &errors);
	size_t size;
	char *text;

	assert_non_null(config);
	text = config_last_good_text(config, path, &size);
	assert_non_null(text);
	put(kept_file, text, size);
	free(text);
	config_free(config);
}

static struct config *load(const char *path, bool expect_kept)
{
	static struct config_errors errors;
	bool kept;
	struct config *config = config_last_good_load(path, dir, &kept, &errors);

	assert_int_equal(kept, expect_kept);
	if (!config || kept)
		assert_true(errors.count > 0);
	return config;
}

static void expect(const char *path, bool kept, uint32_t flows)
{
	struct config *config = load(path, kept);

	assert_non_null(config);
	assert_int_equal(config->node.flows, flows);
	assert_string_equal(config->file, kept ? kept_file : path);
	config_free(config);
}

static void test_life(void **state)
{
	char *changed = refuse_edit("2048", "4096");
	/* without its last newline, and with a directive before the document */
	char *odd = refuse_edit("node:\n", "%YAML 1.2\n---\nnode:\n");

	(void)state;
	put(file, refuse_base, strlen(refuse_base));
	expect(file, false, 2048);
	put(file, "node: [", 7);
	assert_null(load(file, false));
	assert_int_equal(errno, EINVAL);

	put(file, refuse_base, strlen(refuse_base));
	keep(file);
	put(file, "node: [", 7);
	expect(file, true, 2048);
	unlink(file);
	expect(file, true, 2048);
	put(file, changed, strlen(changed));
	expect(file, false, 4096);
	keep(file);
	put(file, refuse_base, strlen(refuse_base) / 2);
	expect(file, true, 4096);
	put(file, odd, strlen(odd) - 1);
	keep(file);
	put(file, "", 0);
	expect(file, true, 2048);
	free(changed);
	free(odd);
}

/* Neither another path's, nor one that somebody has cut off or changed into nonsense. */
static void test_not_ours(void **state)
{
	char other[sizeof(file) + 8];

	(void)state;
	snprintf(other, sizeof(other), "%s.other", file);
	put(file, refuse_base, strlen(refuse_base));
	keep(file);
	put(other, "x", 1);
	assert_null(load(other, false));
	unlink(other);
	put(file, "x", 1);
	put(kept_file, refuse_base, strlen(refuse_base));
	assert_null(load(file, false));
	put(kept_file, "node: [", 7);
	assert_null(load(file, false));
	unlink(kept_file);
	assert_null(load(file, false));
}

/* Both daemons, each with the file's name as it got it. */
static void test_relative(void **state)
{
	(void)state;
	put(file, refuse_base, strlen(refuse_base));
	assert_int_equal(chdir(dir), 0);
	keep("sluice.yaml");
	put(file, "x", 1);
	expect(file, true, 2048);
	unlink(file);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/sluice.yaml", dir);
	snprintf(kept_file, sizeof(kept_file), "%s/" CONFIG_LAST_GOOD_NAME, dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(kept_file);
	unlink(file);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_relative),
	};

	return cmocka_run_group_tests_name("last_good", tests, setup, teardown);
}

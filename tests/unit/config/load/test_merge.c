/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands have created, merged with the operator's file. */
#include "config/load/last_good.h"
#include "config/load/load.h"
#include "config/load/tree.h"
#include "tests/support/refuse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char commands[] = "pools:\n"
			       "  elb:\n"
			       "    checks:\n"
			       "      - { target: \"TCP:443\" }\n"
			       "    instances:\n"
			       "      i-1: { address: 10.0.2.1 }\n"
			       "services:\n"
			       "  elb:\n"
			       "    vip: [203.0.113.20]\n"
			       "    forward: l2\n"
			       "    listeners:\n"
			       "      - { port: 443, pool: elb }\n";

static struct config *load(const char *text, struct config_errors *errors)
{
	const struct config_part own = { "own", refuse_base, strlen(refuse_base) };
	const struct config_part more = { "more", text, strlen(text) };

	return config_load_parts(&own, &more, errors);
}

static void merged(void **state)
{
	static struct config_errors errors;
	struct config *config = load(commands, &errors);

	(void)state;
	config_errors_print(&errors, stderr);
	assert_non_null(config);
	assert_int_equal(config->pool_count, 2);
	assert_int_equal(config->service_count, 2);
	assert_string_equal(config->services[1].name, "elb");
	assert_int_equal(config->services[1].place.file, CONFIG_FILE_COMMANDS);
	assert_int_equal(config->services[1].place.line, 8);
	assert_int_equal(config->services[0].place.file, CONFIG_FILE_OWN);
	assert_int_equal(config->services[1].listeners[0].pool, 1);
	assert_string_equal(config->commands_file, "more");
	config_free(config);
}

/* Each with all its errors; "own" is the operator's file. */
static const struct {
	const char *text;
	const char *errors;
} refused[] = {
	{ "pools: [",
	  "more:2:1: not valid YAML: did not find expected node content, while parsing a "
	  "flow node that begins in line 2\n" },
	{ "", "more:1:1: the file is empty; expected pools and services\n" },
	{ "pools: {}\nservices: {}\nnode: { flows: 2 }\n",
	  "more:3:1: node: the same key as in own:1\n" },
	{ "pools:\n  web: {}\n", "more:2:3: pools: \"web\": the same name as in own:8\n" },
	{ "services:\n  x:\n    vip: [203.0.113.10]\n    forward: l2\n    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "more:6:17: services.x.listeners[0].port: \"80\": service \"site\", own:19, already has "
	  "this port of 203.0.113.10\n" },
	{ "services:\n  x:\n    vip: [10.0.1.1]\n    forward: l2\n    listeners:\n"
	  "      - { port: 80, pool: web }\n",
	  "more:3:11: services.x.vip[0]: \"10.0.1.1\": is also the address of instance web/web-1, "
	  "own:12\n" },
	{ "services:\n  x:\n    vip: [10.0.1.9]\n    forward: l2\n    listeners:\n"
	  "      - { port: 80, pool: wbe }\n",
	  "more:6:27: services.x.listeners[0].pool: \"wbe\": there is no such pool; did you mean "
	  "\"web\"?\n" },
	{ "pools:\n\tweb: {}\n", "more:2:1: a tab in the indentation; YAML indents with spaces\n" },
};

static void refused_with_both_places(void **state)
{
	static struct config_errors errors;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct config *config = load(refused[i].text, &errors);
		char *said = NULL;
		size_t length;
		FILE *to = open_memstream(&said, &length);

		config_errors_print(&errors, to);
		fclose(to);
		assert_null(config);
		assert_string_equal(said, refused[i].errors);
		free(said);
	}
}

/* ---- Trees ---- */

static void collect(void *arg, const char *line, struct config_place place)
{
	fprintf(arg, "%u:%u %s\n", place.file, place.line, line);
}

static void shown_with_origins(void **state)
{
	static struct config_errors errors;
	struct config_tree *tree =
		config_tree_parse(refuse_base, strlen(refuse_base), CONFIG_FILE_OWN, &errors);
	struct config_tree *more =
		config_tree_parse(commands, strlen(commands), CONFIG_FILE_COMMANDS, &errors);
	char *said = NULL;
	size_t length;
	FILE *to = open_memstream(&said, &length);

	(void)state;
	assert_non_null(tree);
	assert_non_null(more);
	config_tree_merge(tree, more);
	assert_int_equal(config_tree_hide_secrets(tree), 0);
	assert_int_equal(config_tree_lines(tree, collect, to), 0);
	fclose(to);
	config_tree_free(tree);
	assert_string_equal(
		said,
		"0:1 node:\n0:2   port: eth1\n0:3   cpus: \"1\"\n"
		"0:4   address: [\"10.0.0.5/24\"]\n0:5   secret: \"(a secret)\"\n"
		"0:6   flows: 2048\n0:7 pools:\n0:8   web:\n0:9     checks:\n"
		"0:10       - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n"
		"0:11     instances:\n0:12       web-1: { address: 10.0.1.1, weight: 100 }\n"
		"0:13       web-2: { address: 10.0.1.2 }\n1:2   elb:\n1:3     checks:\n"
		"1:4       - { target: \"TCP:443\" }\n1:5     instances:\n"
		"1:6       i-1: { address: 10.0.2.1 }\n0:14 services:\n0:15   site:\n"
		"0:16     vip: [\"203.0.113.10\"]\n0:17     forward: l2\n0:18     listeners:\n"
		"0:19       - { port: 80, pool: web }\n1:8   elb:\n1:9     vip: [203.0.113.20]\n"
		"1:10     forward: l2\n1:11     listeners:\n1:12       - { port: 443, pool: elb }\n");
	free(said);
}

/* What a tree writes is read as the same again, whatever its texts are. */
static void written_as_read(void **state)
{
	static const char *const texts[] = { "null",	    "",	   "a: b", "[x]",  "\"quoted\" \\",
					     "2001:db8::1", "- x", "#",	   "true", "012",
					     "\xc3\xa4" };
	struct config_tree *tree = config_tree_collection(CONFIG_TREE_MAPPING, false), *again;
	static struct config_errors errors;
	char *first, *second, key[8];
	size_t size, more;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_int_equal(config_tree_set_text(tree, key, texts[i]), 0);
	}
	first = config_tree_write(tree, "# head\n", &size);
	config_tree_free(tree);
	again = config_tree_parse(first, size, CONFIG_FILE_OWN, &errors);
	assert_non_null(again);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_string_equal(config_tree_text(again, key), texts[i]);
	}
	second = config_tree_write(again, "# head\n", &more);
	assert_string_equal(first, second);
	config_tree_free(again);
	free(first);
	free(second);
}

/* ---- What is used at a start ---- */

static char dir[] = "/tmp/test_merge.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[4][96];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", dir, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *to = fopen(path_of(name), "w");

	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

/* Start with these files. @services: 0: refused; else the number of services in force. */
static void start(const char *own, const char *more, bool expect_kept, uint32_t services)
{
	static struct config_errors errors;
	struct config *config;
	bool kept;

	put("own.yaml", own);
	put(CONFIG_COMMANDS_NAME, more);
	config = config_last_good_load(path_of("own.yaml"), dir, &kept, &errors);
	assert_int_equal(kept, expect_kept);
	assert_int_equal(config ? config->service_count : 0, services);
	assert_int_equal(!config || kept, errors.count > 0);
	config_free(config);
}

static void started_with_the_last_good(void **state)
{
	static struct config_errors errors;
	struct config *config;
	size_t size;
	char *text;

	(void)state;
	put("own.yaml", refuse_base);
	config = config_load_files(path_of("own.yaml"), path_of("none"), &errors);
	assert_non_null(config);
	text = config_last_good_text(config, path_of("own.yaml"), &size);
	put(CONFIG_LAST_GOOD_NAME, text);
	free(text);
	config_free(config);

	start(refuse_base, commands, false, 2);
	start(refuse_base, "pools: [", false, 0);
	start("node: [", commands, true, 2);
	put(CONFIG_LAST_GOOD_COMMANDS_NAME, commands);
	start(refuse_base, "pools: [", true, 2);
	start("node: [", "pools: [", true, 2);
	start(refuse_base, "pools: {}\n", false, 1);
	start(refuse_base, "pools:\n  web: {}\n", true, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged),
		cmocka_unit_test(refused_with_both_places),
		cmocka_unit_test(shown_with_origins),
		cmocka_unit_test(written_as_read),
		cmocka_unit_test(started_with_the_last_good),
	};
	int failed;

	assert_non_null(mkdtemp(dir));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (const char *const *name =
		     (const char *const[]){ "own.yaml", CONFIG_COMMANDS_NAME, CONFIG_LAST_GOOD_NAME,
					    CONFIG_LAST_GOOD_COMMANDS_NAME, NULL };
	     *name; name++)
		unlink(path_of(*name));
	rmdir(dir);
	return failed;
}

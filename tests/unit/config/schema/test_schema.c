/* SPDX-License-Identifier: BSD-3-Clause */
/* The table itself: that its rows hold together, and that the reference page is made from it. */
#include "config/schema/reference.h"
#include "config/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool schema_is_array(const struct config_item *item)
{
	return item->type == CONFIG_TYPE_LIST || item->type == CONFIG_TYPE_SEQUENCE ||
	       item->type == CONFIG_TYPE_NAMED;
}

static void schema_check_item(const struct config_item *item)
{
	const struct config_section_info *info = &config_sections[item->section];
	char expect[256];

	config_item_expect(item, expect, sizeof(expect));
	assert_true(expect[0] != '\0');
	assert_true(strlen(expect) < sizeof(expect) - 1);
	assert_true(item->help && item->help[strlen(item->help) - 1] == '.');
	assert_true(item->offset < info->size);
	assert_ptr_equal(config_schema_find(item->section, item->key), item);
	if (item->required)
		assert_null(item->fallback);
	if (schema_is_array(item)) {
		assert_true(item->max > 0 && item->count_offset < info->size);
		assert_true(item->type == CONFIG_TYPE_LIST ||
			    item->size == config_sections[item->child].size);
	}
	if (item->type == CONFIG_TYPE_TEXT || item->type == CONFIG_TYPE_LIST)
		assert_true(item->expect && item->parse && (item->format || item->secret));
	if (item->type == CONFIG_TYPE_WORD)
		assert_non_null(item->words);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_schema_count; i++)
		schema_check_item(&config_schema[i]);
}

/* Rows of a section are neighbours, and few enough for the reader. */
static void test_sections(void **state)
{
	size_t total = 0;

	(void)state;
	for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
		size_t count;

		config_schema_section((enum config_section)section, &count);
		assert_true(count > 0 && count <= CONFIG_SECTION_KEYS_MAX);
		assert_true(config_sections[section].title && config_sections[section].help);
		total += count;
	}
	assert_int_equal(total, config_schema_count);
}

/* A default is written as it is shown, so that a diff can tell it from a value. */
static void test_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_item *item = &config_schema[i];
		struct config_reason reason = { "" };
		char object[sizeof(struct config)] = { 0 };
		char *text;
		size_t size;
		FILE *to;

		if (!item->fallback)
			continue;
		assert_int_equal(config_item_parse(item, item->fallback, object, &reason), 0);
		to = open_memstream(&text, &size);
		assert_non_null(to);
		config_item_format(item, object, to);
		fclose(to);
		assert_string_equal(text, item->fallback);
		free(text);
	}
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(config_dataplane_name(CONFIG_DATAPLANE_DPDK), "dpdk");
	assert_string_equal(config_forward_name(LB_FORWARD_IPIP), "ipip");
	assert_string_equal(config_forward_name(LB_FORWARD_GUE), "gue");
	assert_string_equal(config_source_name(CONFIG_SOURCE_CLIENT), "client");
	assert_string_equal(config_check_type_name(CONFIG_CHECK_TCP), "TCP");
	assert_string_equal(config_check_type_name(CONFIG_CHECK_HTTPS), "HTTPS");
	assert_string_equal(config_on_down_name(CONFIG_ON_DOWN_KEEP), "keep");
	assert_string_equal(config_all_down_name(CONFIG_ALL_DOWN_DROP), "drop");
	assert_string_equal(config_protocol_name(CONFIG_PROTOCOL_TCP), "tcp");
	assert_string_equal(config_forward_name((enum lb_forward)99), "?");
	assert_string_equal(config_check_type_name((enum config_check_type)99), "?");
}

static char *schema_read(const char *path)
{
	FILE *from = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(from);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, from) > 0);
	fclose(from);
	return text;
}

static void test_reference(void **state)
{
	char *kept = schema_read("docs/config.md");
	char *made;
	size_t size;
	FILE *to = open_memstream(&made, &size);

	(void)state;
	assert_non_null(to);
	config_reference_print(to);
	fclose(to);
	if (strcmp(made, kept) != 0)
		fail_msg("docs/config.md is stale: make docs");
	free(made);
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_sections),
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_words),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}

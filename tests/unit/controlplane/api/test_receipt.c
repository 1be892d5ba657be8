/* SPDX-License-Identifier: BSD-3-Clause */
/* What a drain that waits says in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/api/receipt.h"

#define BEGAN 1700000000000

static struct control_instance instance_make(uint64_t flows, uint64_t first, uint64_t second)
{
	return (struct control_instance){
		.flows_known = true,
		.flows = flows,
		.serves = true,
		.workers = 2,
		.worker = { { 2, first }, { 3, second } },
	};
}

static int64_t number(const json_t *receipt, const char *key)
{
	const json_t *value = json_object_get(receipt, key);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const json_t *worker(const json_t *receipt, size_t i)
{
	return json_array_get(json_object_get(receipt, "workers"), i);
}

static void test_all_end(void **state)
{
	struct control_instance now = instance_make(100, 7, 8);
	struct receipt r;
	json_t *json;

	(void)state;
	receipt_begin(&r, &now, BEGAN);
	receipt_look(&r, &now, 0);
	json = receipt_json(&r, &now, BEGAN);
	assert_int_equal(number(json, "ended"), 0);
	assert_int_equal(number(json, "half_ms"), -1);
	json_decref(json);
	now.flows = 51;
	receipt_look(&r, &now, 500);
	now.flows = 50;
	receipt_look(&r, &now, 1000);
	now.flows = 10;
	receipt_look(&r, &now, 2000);
	now.flows = 0;
	receipt_look(&r, &now, 9000);
	json = receipt_json(&r, &now, BEGAN + 9000);
	assert_int_equal(number(json, "began_unix_ms"), BEGAN);
	assert_int_equal(number(json, "ended_unix_ms"), BEGAN + 9000);
	assert_int_equal(number(json, "flows"), 100);
	assert_int_equal(number(json, "ended"), 100);
	assert_int_equal(number(json, "moved"), 0);
	assert_int_equal(number(json, "left"), 0);
	assert_int_equal(number(json, "half_ms"), 1000);
	assert_int_equal(number(json, "ninety_ms"), 2000);
	assert_int_equal(number(json, "last_ms"), 9000);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(number(worker(json, i), "cpu"), 2 + (int)i);
		assert_int_equal(number(worker(json, i), "new_flows"), 0);
		assert_int_equal(number(worker(json, i), "last_new_ms"), -1);
	}
	json_decref(json);
}

/* It dies while it drains: its flows move. Others that were not recorded are found again. */
static void test_some_move(void **state)
{
	struct control_instance now = instance_make(10, 0, 0);
	struct receipt r;
	json_t *json;

	(void)state;
	receipt_begin(&r, &now, BEGAN);
	now.flows = 8;
	receipt_look(&r, &now, 500);
	now.flows = 9;
	receipt_look(&r, &now, 1000);
	now.serves = false;
	now.flows = 4;
	receipt_look(&r, &now, 1500);
	json = receipt_json(&r, &now, BEGAN + 1500);
	assert_int_equal(number(json, "ended"), 2);
	assert_int_equal(number(json, "added"), 1);
	assert_int_equal(number(json, "moved"), 5);
	assert_int_equal(number(json, "left"), 4);
	assert_int_equal(number(json, "half_ms"), 1500);
	assert_int_equal(number(json, "last_ms"), -1);
	json_decref(json);
}

static void test_new_flows_by_worker(void **state)
{
	struct control_instance now = instance_make(10, 5, 6);
	struct receipt r;
	json_t *json;

	(void)state;
	receipt_begin(&r, &now, BEGAN);
	now.worker[1].new_flows = 8;
	receipt_look(&r, &now, 500);
	receipt_look(&r, &now, 1000);
	json = receipt_json(&r, &now, BEGAN + 1000);
	assert_int_equal(number(worker(json, 0), "new_flows"), 0);
	assert_int_equal(number(worker(json, 1), "new_flows"), 2);
	assert_int_equal(number(worker(json, 1), "last_new_ms"), 500);
	json_decref(json);
}

static void test_nothing_is_known(void **state)
{
	struct control_instance now = instance_make(0, 0, 0);
	struct receipt r;
	json_t *json;

	(void)state;
	now.flows_known = false;
	receipt_begin(&r, &now, BEGAN);
	receipt_look(&r, &now, 500);
	json = receipt_json(&r, &now, BEGAN);
	assert_true(json_is_null(json));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_end),
		cmocka_unit_test(test_some_move),
		cmocka_unit_test(test_new_flows_by_worker),
		cmocka_unit_test(test_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

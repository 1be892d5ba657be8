/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/services_table.h"
#include "dataplane/core/lb_service_find.h"

static struct lb_service entry_of(uint32_t i)
{
	struct lb_service s = {
		.family = i % 2 ? 6 : 4,
		.port = lb_cpu_to_be16((uint16_t)(i / 64 ? i / 64 * 8 + 1 : 0)),
		.proto = i / 64 ? LB_IPPROTO_TCP : 0,
		.id = (uint16_t)(i + 1),
	};

	s.addr[0] = s.family == 4 ? 198 : 0x20;
	s.addr[3] = (uint8_t)(i % 64);
	return s;
}

static const struct lb_service *find(const struct lb_service_table *table,
				     const struct lb_service *s)
{
	return s->family == 4 ? lb_service_find4(table, lb_load32(s->addr), s->port, s->proto)
			      : lb_service_find6(table, s->addr, s->port, s->proto);
}

static void check_size(uint32_t n)
{
	struct lb_service *entries = calloc(n + 1, sizeof(*entries));
	struct lb_service_table *table;
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		entries[i] = entry_of(i);
	table = services_table_build(entries, n, &bytes);
	assert_non_null(table);
	assert_true(table->mask + 1 >= 4 * n && table->mask + 1 <= LB_SERVICE_SLOTS_MAX);
	assert_int_equal(bytes, sizeof(*table) + (table->mask + 1) * sizeof(table->slot[0]));
	for (uint32_t i = 0; i < n; i++) {
		struct lb_service want = entry_of(i);
		const struct lb_service *found = find(table, &want);

		assert_non_null(found);
		assert_int_equal(found->id, want.id);
	}
	for (uint32_t i = n; i < n + 1000; i++) {
		struct lb_service other = entry_of(i);

		other.addr[1] = 7;
		assert_null(find(table, &other));
	}
	free(table);
	free(entries);
}

static void test_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, 63, 64, 1000, 4096, LB_SERVICES_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_size(sizes[i]);
}

/* The table of another node, or of the same after a restart, is the same to the byte. */
static void test_order_does_not_matter(void **state)
{
	struct lb_service a[500], b[500];
	struct lb_service_table *one, *two;
	uint32_t bytes1, bytes2;

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		a[i] = entry_of(i);
		b[499 - i] = entry_of(i);
	}
	one = services_table_build(a, 500, &bytes1);
	two = services_table_build(b, 500, &bytes2);
	assert_non_null(one);
	assert_non_null(two);
	assert_int_equal(bytes1, bytes2);
	assert_memory_equal(one, two, bytes1);
	free(one);
	free(two);
}

static void test_refused(void **state)
{
	struct lb_service twice[2] = { entry_of(200), entry_of(200) };
	uint32_t bytes;

	(void)state;
	assert_null(services_table_build(twice, 2, &bytes));
	assert_int_equal(errno, EINVAL);
	assert_null(services_table_build(twice, LB_SERVICES_MAX + 1, &bytes));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("services_table", tests, NULL, NULL);
}

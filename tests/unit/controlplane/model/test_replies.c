/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/model/replies.h"

#define SECOND 1000000000ull

static struct replies replies;

static int begin(void **state)
{
	(void)state;
	replies_begin(&replies, 7);
	return replies_look(&replies, 5, 0, 0, 1 * SECOND);
}

/* The time is second @at. */
static bool look(uint64_t new_flows, uint32_t reply_pkts, uint64_t at)
{
	return replies_look(&replies, 5, new_flows, reply_pkts, at * SECOND);
}

static bool missing(void)
{
	return replies.instance[5].are_missing;
}

static void flows_without_replies_are_told_once(void **state)
{
	(void)state;
	assert_false(look(3, 0, 2));
	assert_false(look(5, 0, 4));
	assert_false(missing());
	assert_true(look(5, 0, 5));
	assert_true(missing());
	assert_false(look(9, 0, 60));
	assert_true(missing());
	assert_false(replies.instance[4].are_missing || replies.instance[6].are_missing);
}

static void a_reply_ends_it(void **state)
{
	(void)state;
	look(3, 0, 1);
	assert_true(look(3, 0, 4));
	assert_false(look(4, 1, 5));
	assert_false(missing());
	/* counted from there: the flows before it had a reply */
	assert_false(look(6, 1, 6));
	assert_false(look(6, 1, 100));
	assert_false(look(7, 1, 101));
	assert_true(look(7, 1, 104));
}

/* A few SYNs may be spoofed, and an idle instance sends nothing. */
static void silence_alone_proves_nothing(void **state)
{
	(void)state;
	look(0, 10, 1);
	assert_false(look(0, 10, 1000));
	assert_false(look(2, 10, 1001));
	assert_false(look(2, 10, 2000));
	assert_false(missing());
}

static void replies_that_keep_coming(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < 50; i++)
		assert_false(look(i * 100, UINT32_MAX - 20 + i, i));
	assert_false(missing());
}

/* Counters of an index that another instance has now. */
static void counters_that_start_over(void **state)
{
	(void)state;
	look(100, 0, 1);
	assert_true(look(100, 0, 4));
	assert_false(look(1, 0, 5));
	assert_false(missing());
}

/* Connections from before this process, or from when the service had no NAT. */
static void old_connections_do_not_count(void **state)
{
	(void)state;
	replies_begin(&replies, 8);
	assert_false(look(1000000, 0, 1));
	assert_false(look(1000002, 0, 100));
	assert_false(look(1000002, 0, 200));
	look(1000003, 0, 300);
	assert_true(look(1000003, 0, 303));
	replies_forget(&replies, 5);
	assert_false(missing());
	assert_false(look(2000000, 0, 400));
	assert_false(look(2000000, 0, 500));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flows_without_replies_are_told_once),
		TEST(a_reply_ends_it),
		TEST(silence_alone_proves_nothing),
		TEST(replies_that_keep_coming),
		TEST(counters_that_start_over),
		TEST(old_connections_do_not_count),
	};

	return cmocka_run_group_tests_name("replies", tests, NULL, NULL);
}

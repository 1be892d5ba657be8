/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow starts: which slots move at each step, and how many; by weights for comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/ramp.h"

#define SLOTS 65537u
#define MEMBERS 10u
#define RAMPS 3u /* the value of the one that ramps */

struct moves {
	uint32_t to; /* the one that ramps */
	uint32_t from;
	uint32_t other;
};

static const struct lb_secret secret = { .word = { 1, 2, 3, 4 } };
static uint16_t before[SLOTS], after[SLOTS];

static void members_make(struct maglev_member *members)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "web/web-%u", i);
		members[i] = (struct maglev_member){
			.key = maglev_key(&secret, name),
			.weight = 100,
			.value = (uint16_t)i,
		};
	}
}

static struct moves moves_count(void)
{
	struct moves moves = { 0 };

	for (uint32_t i = 0; i < SLOTS; i++) {
		if (before[i] == after[i])
			continue;
		moves.to += after[i] == RAMPS;
		moves.from += before[i] == RAMPS;
		moves.other += after[i] != RAMPS && before[i] != RAMPS;
	}
	return moves;
}

/* before: the table without the one that ramps. */
static void table_without(struct maglev_member *members)
{
	members_make(members);
	for (uint32_t i = RAMPS; i + 1 < MEMBERS; i++)
		members[i] = members[i + 1];
	assert_int_equal(maglev_build(members, MEMBERS - 1, before, SLOTS), 0);
}

static void test_steps(void **state)
{
	(void)state;
	assert_int_equal(ramp_step(6000, 6000, 60000), 1);
	assert_int_equal(ramp_step(6000, 8999, 60000), 1);
	assert_int_equal(ramp_step(6000, 9000, 60000), 2);
	assert_int_equal(ramp_step(6000, 62999, 60000), 19);
	assert_int_equal(ramp_step(6000, 63000, 60000), 0);
	assert_int_equal(ramp_step(6000, 5900, 60000), 1);
	assert_int_equal(ramp_step(6000, 6000, 0), 0);
	/* Others that began meanwhile step at the same moments. */
	assert_int_equal(ramp_step(7500, 8999, 60000), 1);
	assert_int_equal(ramp_step(7500, 9000, 60000), 2);
	for (uint8_t step = 1; step < RAMP_STEPS; step++)
		assert_int_equal(ramp_step(ramp_start(step, 123456, 60000), 123456, 60000), step);
}

/* One of ten comes back: until the last step only its own slots move, each once and to it. */
static void test_moves(void **state)
{
	struct maglev_member members[MEMBERS];
	uint8_t steps[MEMBERS] = { 0 };
	struct moves sum = { 0 }, last;
	uint32_t slots = 0;

	(void)state;
	table_without(members);
	for (uint8_t step = 1; step < RAMP_STEPS; step++) {
		struct moves moves;

		members_make(members);
		steps[RAMPS] = step;
		assert_int_equal(ramp_build(members, MEMBERS, steps, after, SLOTS), 0);
		moves = moves_count();
		assert_int_equal(moves.from, 0);
		assert_int_equal(moves.other, 0);
		sum.to += moves.to;
		for (uint32_t i = 0; i < MEMBERS; i++)
			if (members[i].value == RAMPS)
				slots = members[i].slots;
		assert_int_equal(slots, sum.to);
		assert_in_range(slots, SLOTS / 10 * step / 20 * 9 / 10,
				SLOTS / 10 * step / 20 * 11 / 10 + 60);
		memcpy(before, after, sizeof(before));
	}
	steps[RAMPS] = 0;
	members_make(members);
	assert_int_equal(ramp_build(members, MEMBERS, steps, after, SLOTS), 0);
	last = moves_count();
	printf("# figure: slow start of 1 of 10: %u slots moved to it, %u between others, at the end\n",
	       sum.to + last.to, last.other);
	assert_int_equal(last.from, 0);
	assert_in_range(sum.to + last.to, SLOTS / 10 - 100, SLOTS / 10 + 100);
	assert_in_range(last.other, 0, SLOTS * 64 / 10000);
}

/* What weights would move, for the comparison in the header. */
static void test_weights(void **state)
{
	struct maglev_member members[MEMBERS];
	struct moves sum = { 0 };

	(void)state;
	table_without(members);
	for (uint32_t step = 1; step <= RAMP_STEPS; step++) {
		struct moves moves;

		members_make(members);
		members[RAMPS].weight = 100 * step / RAMP_STEPS;
		assert_int_equal(maglev_build(members, MEMBERS, after, SLOTS), 0);
		moves = moves_count();
		sum.to += moves.to;
		sum.from += moves.from;
		sum.other += moves.other;
		memcpy(before, after, sizeof(before));
	}
	printf("# figure: the same by weights: %u to it, %u from it, %u between others\n", sum.to,
	       sum.from, sum.other);
	assert_true(sum.from + sum.other > 0);
}

/* Two at once, and all at once, of which then none is slow. */
static void test_several(void **state)
{
	struct maglev_member members[MEMBERS];
	uint8_t steps[MEMBERS] = { 0 };
	uint32_t count[MEMBERS] = { 0 };

	(void)state;
	members_make(members);
	steps[1] = 5;
	steps[2] = 10;
	assert_int_equal(ramp_build(members, MEMBERS, steps, after, SLOTS), 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		count[after[i]]++;
	assert_in_range(count[1], SLOTS / 10 / 4 * 9 / 10, SLOTS / 10 / 4 * 11 / 10);
	assert_in_range(count[2], SLOTS / 10 / 2 * 9 / 10, SLOTS / 10 / 2 * 11 / 10);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].slots, count[members[i].value]);
	memset(steps, 7, sizeof(steps));
	members_make(members);
	assert_int_equal(ramp_build(members, MEMBERS, steps, after, SLOTS), 0);
	members_make(members);
	assert_int_equal(maglev_build(members, MEMBERS, before, SLOTS), 0);
	assert_memory_equal(before, after, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests_name("ramp", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/health/track.h"

/* States and results by letter: ? unknown, U up, L lame, D down. */
static enum health_state letter_state(char letter)
{
	switch (letter) {
	case 'U':
		return HEALTH_UP;
	case 'L':
		return HEALTH_LAME;
	case 'D':
		return HEALTH_DOWN;
	default:
		return HEALTH_UNKNOWN;
	}
}

static char state_letter(enum health_state state)
{
	return "?ULD"[state];
}

struct track_case {
	const char *name;
	char start;
	unsigned int unhealthy;
	unsigned int healthy;
	const char *results;
	const char *states; /* after each result */
};

static const struct track_case track_cases[] = {
	{ "first pass decides", '?', 5, 5, "U", "U" },
	{ "first lame decides", '?', 5, 5, "L", "L" },
	{ "first down decides", '?', 5, 5, "D", "D" },
	{ "two failures leave up", '?', 2, 2, "UDD", "UUD" },
	{ "a pass between starts over", 'U', 2, 2, "DUDUDD", "UUUUUD" },
	{ "two passes come back", 'D', 2, 2, "UU", "DU" },
	{ "a failure between starts over", 'D', 2, 3, "UUDUUU", "DDDDDU" },
	{ "other failure between starts over", 'D', 2, 2, "ULUU", "DDDU" },
	{ "threshold 1 both ways", 'U', 1, 1, "DULU", "DULU" },
	{ "mixed failures count together", 'U', 3, 2, "LDL", "UUL" },
	{ "class of the last failure wins", 'U', 2, 2, "LD", "UD" },
	{ "class of the last failure wins, lame", 'U', 2, 2, "DL", "UL" },
	{ "lame dies", 'L', 2, 2, "DD", "LD" },
	{ "lame does not flap", 'L', 2, 2, "DLDLD", "LLLLL" },
	{ "down starts to answer", 'D', 2, 2, "LL", "DL" },
	{ "a pass breaks the change of class", 'L', 2, 3, "DUDD", "LLLD" },
	{ "lame, down, then up", 'U', 2, 2, "LLDDUU", "ULLDDU" },
	{ "ten failures", 'U', 10, 2, "DDDDDDDDDD", "UUUUUUUUUD" },
	{ "zero thresholds count as one", 'U', 0, 0, "DU", "DU" },
	{ "steady", 'U', 2, 2, "UUUU", "UUUU" },
};

static void test_track(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(track_cases) / sizeof(track_cases[0]); i++) {
		const struct track_case *c = &track_cases[i];
		struct health_track track;
		char states[16] = "";

		health_track_init(&track, letter_state(c->start));
		for (size_t n = 0; c->results[n]; n++) {
			enum health_state was = track.state;
			bool changed = health_track_result(&track, letter_state(c->results[n]),
							   c->unhealthy, c->healthy);

			assert_int_equal(changed, was != track.state);
			assert_int_equal(track.last, letter_state(c->results[n]));
			states[n] = state_letter(track.state);
		}
		if (strcmp(states, c->states) != 0)
			fail_msg("%s: %s gave %s, not %s", c->name, c->results, states, c->states);
	}
}

struct combine_case {
	const char *checks;
	char current;
	char expected;
};

static const struct combine_case combine_cases[] = {
	{ "", '?', 'U' },   { "", 'D', 'U' },	 { "U", '?', 'U' },  { "UU", 'D', 'U' },
	{ "L", 'U', 'L' },  { "ULU", 'U', 'L' }, { "LD", 'U', 'D' }, { "UUD", 'L', 'D' },
	{ "?", '?', '?' },  { "U?", '?', '?' },	 { "U?", 'U', 'U' }, { "U?", 'L', 'L' },
	{ "U?", 'D', 'D' }, { "L?", '?', 'L' },	 { "L?", 'U', 'L' }, { "L?", 'D', 'D' },
	{ "D?", '?', 'D' }, { "D?", 'U', 'D' },	 { "LU", 'D', 'L' }, { "??", 'D', 'D' },
	{ "??", 'L', 'L' }, { "LD?", 'U', 'D' },
};

static void test_combine(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(combine_cases) / sizeof(combine_cases[0]); i++) {
		const struct combine_case *c = &combine_cases[i];
		unsigned int counts[HEALTH_STATES] = { 0 };
		char got;

		for (const char *check = c->checks; *check; check++)
			counts[letter_state(*check)]++;
		got = state_letter(health_track_combine(counts, letter_state(c->current)));
		if (got != c->expected)
			fail_msg("\"%s\" from %c gave %c, not %c", c->checks, c->current, got,
				 c->expected);
	}
}

static void test_counts(void **state)
{
	struct health_track track;

	(void)state;
	health_track_init(&track, HEALTH_UP);
	assert_int_equal(track.last, HEALTH_UNKNOWN);
	health_track_result(&track, HEALTH_LAME, 9, 9);
	health_track_result(&track, HEALTH_DOWN, 9, 9);
	health_track_result(&track, HEALTH_DOWN, 9, 9);
	assert_int_equal(track.streak, 2);
	assert_int_equal(track.failures, 3);
	health_track_result(&track, HEALTH_UP, 9, 9);
	assert_int_equal(track.streak, 1);
	assert_int_equal(track.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_track),
		cmocka_unit_test(test_combine),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

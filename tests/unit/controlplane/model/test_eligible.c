/* SPDX-License-Identifier: BSD-3-Clause */
/* The rule of who takes and who keeps flows, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/eligible.h"

/*
 * An instance is a word: admin (r d m), health (u p l n for unknown, up, lame, down), and then flags:
 * b backup, f in another zone, 0 weight 0, x not reachable, h held. An answer is two letters: A accepts, S serves, - not.
 */
struct row {
	const char *what;
	const char *instances;
	const char *pool; /* k on_down keep, d all_down drop, s settling, g gathering,
			      * 2 zone_minimum, p panic_threshold 50, m minimum 2 */
	const char *answer;
	bool open;
	bool on_backup;
};

static const struct row rows[] = {
	{ "all up", "rp rp", "", "AS AS", false, false },
	{ "drain takes none and keeps", "dp rp", "", "-S AS", false, false },
	{ "maint is out at once", "mp rp", "", "-- AS", false, false },
	{ "lame keeps", "rl rp", "", "-S AS", false, false },
	{ "down moves", "rn rp", "", "-- AS", false, false },
	{ "down keeps with on_down keep", "rn rp", "k", "-S AS", false, false },
	{ "maint goes before on_down keep", "mn rp", "k", "-- AS", false, false },
	{ "unknown takes none and keeps", "ru rp", "", "-S AS", false, false },
	{ "weight 0 takes none and keeps", "rp0 rp", "", "-S AS", false, false },
	{ "not reachable takes none", "rpx rp", "", "-S AS", false, false },
	{ "a backup waits", "rp rpb", "", "AS -S", false, false },
	{ "a backup steps in", "rn rpb", "", "-- AS", false, true },
	{ "for a drained one too", "dp rpb", "", "-S AS", false, true },
	{ "and for weight 0", "rp0 rpb", "", "-S AS", false, true },
	{ "lame backups do not", "rn rlb rp", "", "-- -S AS", false, false },
	{ "all down, open", "rn rn", "", "AS AS", true, false },
	{ "all lame, open", "rl rl", "", "AS AS", true, false },
	{ "open respects drain", "rn dn", "", "AS -S", true, false },
	{ "open respects maint", "rn mp", "", "AS --", true, false },
	{ "open respects weight 0", "rn rn0", "", "AS -S", true, false },
	{ "open leaves backups alone", "rn rnb", "", "AS -S", true, false },
	{ "open with backups only", "mp rnb", "", "-- AS", true, false },
	{ "open prefers those that are reachable", "rn rnx", "", "AS -S", true, false },
	{ "open with nobody reachable", "rnx rnx", "", "AS AS", true, false },
	{ "all down, drop", "rn rn", "d", "-- --", false, false },
	{ "all lame, drop", "rl rl", "d", "-S -S", false, false },
	{ "all drained is not all down", "dp dp", "", "-S -S", false, false },
	{ "settling waits for results", "ru ru", "s", "-S -S", false, false },
	{ "settling takes who is up", "ru rp", "s", "-S AS", false, false },
	{ "settling waits before backups", "ru rpb", "s", "-S -S", false, false },
	{ "settling waits for a next hop", "rpx rn", "s", "-S --", false, false },
	{ "settling does not wait for those with a result", "rn rl", "s", "AS AS", true, false },
	{ "settling does not wait for the drained", "du rn", "s", "-S AS", true, false },
	{ "gathering waits for results", "ru rp", "sg", "-S -S", false, false },
	{ "gathering waits for a next hop", "rpx rp", "sg", "-S -S", false, false },
	{ "gathering takes all when all are known", "rp rn rl", "sg", "AS -- -S", false, false },
	{ "gathering does not wait for the drained", "du rp", "sg", "-S AS", false, false },
	{ "gathering does not wait for backups", "rp rub", "sg", "AS -S", false, false },
	{ "gathering waits for backups that step in", "rn rpb rub", "sg", "-- -S -S", false,
	  false },
	{ "settled, unknown is not up", "ru ru", "", "AS AS", true, false },
	{ "settled, unknown, drop", "ru ru", "d", "-S -S", false, false },
	{ "the node's zone first", "rp rp rpf", "", "AS AS -S", false, false },
	{ "the other zones' with none of it", "rn rl rpf", "", "-- -S AS", false, false },
	{ "all with too few of it", "rp rn rpf rpf", "2", "AS -- AS AS", false, false },
	{ "enough of it", "rp rp rn rpf", "2", "AS AS -- -S", false, false },
	{ "zones before backups", "rn rpf rpb", "", "-- AS -S", false, false },
	{ "backups of the node's zone first", "rn rnf rpb rpbf", "", "-- -- AS -S", false, true },
	{ "drained ones of the zone do not count", "dp rp rpf", "2", "-S AS AS", false, false },
	{ "half is enough", "rp rn", "p", "AS --", false, false },
	{ "less is not", "rp rn rn", "p", "AS AS AS", true, false },
	{ "panic counts no drained ones", "rp rn dn", "p", "AS -- --", false, false },
	{ "panic keeps to the drained", "rp rn rn dp", "p", "AS AS AS -S", true, false },
	{ "panic leaves backups alone", "rp rl rl rpb", "p", "AS AS AS -S", true, false },
	{ "none up: backups, no panic", "rn rn rn rpb", "p", "-- -- -- AS", false, true },
	{ "panic of backups", "rn rpb rnb rnb", "p", "-S AS AS AS", true, true },
	{ "other zones before panic", "rp rn rn rpf rpf", "p", "AS -- -- AS AS", false, false },
	{ "panic of all zones", "rp rn rn rnf rnf", "p", "AS AS AS AS AS", true, false },
	{ "the node's zone does not panic for others", "rp rp rnf rnf rnf rnf rnf", "p",
	  "AS AS -- -- -- -- --", false, false },
	{ "no panic while it settles", "rp ru ru", "ps", "AS -S -S", false, false },
	{ "settled, unknown is panic", "rp ru ru", "p", "AS AS AS", true, false },
	{ "panic respects all_down drop", "rn rn rn", "pd", "-- -- --", false, false },
	{ "held takes none and keeps", "rph rp", "", "-S AS", false, false },
	{ "held steps aside for a backup", "rph rpb", "", "-S AS", false, true },
	{ "the last one is never held", "rph rn", "", "AS --", false, false },
	{ "nor are all", "rph rph", "", "AS AS", false, false },
	{ "held before all down, open", "rph rl rn", "", "AS -S --", false, false },
	{ "held backups come last", "rnh rphb", "", "-- AS", false, true },
	{ "held and down moves", "rnh rp", "", "-- AS", false, false },
	{ "held is not waited for", "ruh rp", "sg", "-S AS", false, false },
	{ "held ones are not up: panic", "rph rph rp", "p", "AS AS AS", true, false },
	{ "held ones of the zone do not suffice", "rph rp rpf", "2", "-S AS AS", false, false },
	{ "the minimum is up", "rp rp rn", "m", "AS AS --", false, false },
	{ "too few are", "rp rn dp", "m", "-- -- --", false, false },
	{ "too few, whatever all_down says", "rn rn", "m", "-- --", true, false },
	{ "backups count", "rp rn rpb", "m", "AS -- -S", false, false },
	{ "while it settles, the rest may be up", "rp ru", "ms", "AS -S", false, false },
	{ "nobody there", "", "", "", false, false },
};

static uint32_t parse(const char *text, struct eligible_instance *list)
{
	uint32_t n = 0;

	while (*text) {
		struct eligible_instance *i = &list[n++];

		*i = (struct eligible_instance){ .weight = 100, .reachable = true };
		i->admin = *text == 'r' ? MODEL_READY : *text == 'd' ? MODEL_DRAIN : MODEL_MAINT;
		text++;
		i->health = *text == 'u'   ? HEALTH_UNKNOWN
			    : *text == 'p' ? HEALTH_UP
			    : *text == 'l' ? HEALTH_LAME
					   : HEALTH_DOWN;
		for (text++; *text && *text != ' '; text++) {
			i->backup |= *text == 'b';
			i->far |= *text == 'f';
			i->reachable &= *text != 'x';
			i->held |= *text == 'h';
			i->weight = *text == '0' ? 0 : i->weight;
		}
		text += *text == ' ';
	}
	return n;
}

static void format(const struct eligible_instance *list, uint32_t n, char *text)
{
	*text = '\0';
	for (uint32_t i = 0; i < n; i++)
		text += sprintf(text, "%s%c%c", i ? " " : "", list[i].accepts ? 'A' : '-',
				list[i].serves ? 'S' : '-');
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		const struct row *row = &rows[r];
		struct eligible_instance list[8];
		struct eligible_pool pool = {
			.on_down =
				strchr(row->pool, 'k') ? CONFIG_ON_DOWN_KEEP : CONFIG_ON_DOWN_MOVE,
			.all_down = strchr(row->pool, 'd') ? CONFIG_ALL_DOWN_DROP
							   : CONFIG_ALL_DOWN_OPEN,
			.settled = !strchr(row->pool, 's'),
			.gathering = strchr(row->pool, 'g') != NULL,
			.zone_minimum = strchr(row->pool, '2') ? 2 : 1,
			.panic_percent = strchr(row->pool, 'p') ? 50 : 0,
			.minimum = strchr(row->pool, 'm') ? 2 : 0,
		};
		uint32_t n = parse(row->instances, list);
		char answer[32];

		eligible_decide(&pool, list, n);
		format(list, n, answer);
		if (strcmp(answer, row->answer) != 0 || pool.open != row->open ||
		    pool.on_backup != row->on_backup)
			fail_msg("%s: %s gives %s open %d backup %d, not %s", row->what,
				 row->instances, answer, pool.open, pool.on_backup, row->answer);
	}
}

/* Whatever is known, nobody takes flows that an operator took out, and who takes flows keeps them. */
static void test_always(void **state)
{
	struct eligible_instance list[3];

	(void)state;
	for (uint32_t bits = 0; bits < 12u * 12 * 12 * 8; bits++) {
		struct eligible_pool pool = { .on_down = bits & 1,
					      .all_down = bits >> 1 & 1,
					      .settled = bits >> 2 & 1 };
		uint32_t rest = bits >> 3;

		for (uint32_t i = 0; i < 3; i++, rest /= 12)
			list[i] = (struct eligible_instance){ .admin = rest % 3,
							      .health = rest / 3 % 4,
							      .weight = 1,
							      .backup = i == 2,
							      .reachable = true };
		eligible_decide(&pool, list, 3);
		for (uint32_t i = 0; i < 3; i++) {
			assert_false(list[i].accepts && list[i].admin != MODEL_READY);
			assert_false(list[i].accepts && !list[i].serves);
			assert_false(list[i].serves && list[i].admin == MODEL_MAINT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_always),
	};

	return cmocka_run_group_tests_name("eligible", tests, NULL, NULL);
}

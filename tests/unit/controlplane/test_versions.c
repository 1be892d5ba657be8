/* SPDX-License-Identifier: BSD-3-Clause */
/* Which configuration is in force: history, rollback, trials, and restarts in between. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "config/load/load.h"
#include "controlplane/api/ops.h"
#include "controlplane/events/events.h"
#include "controlplane/state/history.h"
#include "controlplane/state/trial.h"
#include "controlplane/versions.h"
#include "tests/support/refuse.h"

#define MINUTE_MS 60000
#define START_MS 1764532308000

static const struct control_actor root = { .who = "root", .cause = "config-apply, uid 0, pid 7" };

/* A daemon that only has a file and what is in force. */
struct world {
	char dir[64];
	char file[96];
	int64_t unix_ms;
	uint64_t ms;
	struct events *events;
	struct versions *versions;
	struct config *in_force;
	int apply_error;
	uint32_t applied;
	char why[256]; /* the file is not in force */
};

static int64_t world_unix_ms(void *arg)
{
	const struct world *world = arg;

	return world->unix_ms;
}

static uint64_t world_ms(void *arg)
{
	const struct world *world = arg;

	return world->ms;
}

static int world_apply(void *arg, struct config *config, bool force,
		       struct control_apply_refusal *refusal)
{
	struct world *world = arg;

	(void)force;
	(void)refusal;
	if (world->apply_error)
		return world->apply_error;
	config_free(world->in_force);
	world->in_force = config;
	world->applied++;
	return 0;
}

static const struct config *world_in_force(void *arg)
{
	const struct world *world = arg;

	return world->in_force;
}

static void world_file_is(void *arg, const char *why)
{
	struct world *world = arg;

	snprintf(world->why, sizeof(world->why), "%s", why ? why : "");
}

/* The base with another weight of web-1: enough to tell configurations apart. */
static char *text_with(uint32_t weight)
{
	char to[32];

	snprintf(to, sizeof(to), "weight: %u", weight);
	return refuse_edit("weight: 100", to);
}

static struct config *config_with(const char *file, uint32_t weight)
{
	static struct config_errors errors;
	char *text = text_with(weight);
	struct config *config = config_load_buffer(text, strlen(text), file, &errors);

	free(text);
	assert_non_null(config);
	return config;
}

static void write_file(const struct world *world, uint32_t weight)
{
	char *text = text_with(weight);
	FILE *file = fopen(world->file, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(text);
}

static uint32_t weight_in_force(const struct world *world)
{
	return world->in_force->pools[0].instances[0].weight;
}

/* Start as sluiced does; its predecessor may have been killed. */
static void restart(struct world *world)
{
	const struct events_options events = { .dir = world->dir };
	const struct versions_options options = {
		.config_path = world->file,
		.state_dir = world->dir,
		.apply = world_apply,
		.in_force = world_in_force,
		.file_is = world_file_is,
		.now_unix_ms = world_unix_ms,
		.now_ms = world_ms,
		.arg = world,
		.events = world->events ? world->events : (world->events = events_open(&events)),
	};
	static struct config_errors errors;

	versions_close(world->versions);
	config_free(world->in_force);
	world->ms += 1000000; /* another clock */
	world->versions = versions_open(&options);
	assert_non_null(world->versions);
	world->in_force = versions_start(world->versions, config_load_file(world->file, &errors),
					 world->why, sizeof(world->why));
	assert_non_null(world->in_force);
	versions_started(world->versions);
}

static int setup(void **state)
{
	static struct world world;

	log_set_level(LOG_EMERG);
	world = (struct world){ .dir = "/tmp/test_versions.XXXXXX", .unix_ms = START_MS };
	if (mkdtemp(world.dir) == NULL)
		return -1;
	snprintf(world.file, sizeof(world.file), "%s/sluice.yaml", world.dir);
	write_file(&world, 1);
	restart(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	char command[96];

	versions_close(world->versions);
	events_close(world->events);
	config_free(world->in_force);
	snprintf(command, sizeof(command), "rm -r %s", world->dir);
	return system(command);
}

/* As `sluicectl config apply`, of the daemon's own file or of another one. */
static int apply(struct world *world, const char *file, uint32_t weight, uint32_t confirm_ms)
{
	const struct control_apply request = {
		.how = "apply",
		.actor = &root,
		.is_own = file == world->file,
		.confirm_ms = confirm_ms,
	};
	struct control_apply_refusal refusal;
	struct config *config;
	int err;

	if (request.is_own)
		write_file(world, weight);
	config = config_with(file, weight);
	err = versions_apply(world->versions, config, &request, &refusal);
	if (err)
		config_free(config);
	return err;
}

static int rollback(struct world *world, uint32_t back)
{
	const struct control_apply request = {
		.how = "rollback",
		.actor = &root,
		.is_rollback = true,
	};
	const struct history_entry *entry = history_at(versions_history(world->versions), back);
	static struct config_errors errors;
	struct control_apply_refusal refusal;
	struct config *config;
	char *text;
	size_t bytes;

	assert_non_null(entry);
	assert_int_equal(history_text(versions_history(world->versions), entry->generation, &text,
				      &bytes),
			 0);
	config = config_load_buffer(text, bytes, entry->file, &errors);
	free(text);
	assert_non_null(config);
	return versions_apply(world->versions, config, &request, &refusal);
}

static void pass(struct world *world, uint32_t ms)
{
	world->ms += ms;
	world->unix_ms += ms;
	versions_tick(world->versions);
}

/* Return: the last event about configurations. */
static const char *last_event(const struct world *world)
{
	const struct events_record *record;
	uint64_t after = events_last(world->events) - 1, lost = 0;

	record = events_next(world->events, &after, &lost);
	assert_non_null(record);
	return record->text;
}

/* ---- */

static void each_is_kept(void **state)
{
	struct world *world = *state;
	const struct history *history;
	const struct history_entry *entry;

	for (uint32_t weight = 2; weight < 5; weight++)
		assert_int_equal(apply(world, world->file, weight, 0), 0);
	assert_int_equal(apply(world, world->file, 4, 0), 0); /* the same again */
	history = versions_history(world->versions);
	assert_int_equal(history_count(history), 4);
	entry = history_at(history, 0);
	assert_int_equal(entry->generation, 4);
	assert_int_equal(entry->time_unix, START_MS / 1000);
	assert_string_equal(entry->who, "root");
	assert_string_equal(entry->how, "apply");
	assert_string_equal(entry->file, world->file);
	assert_string_equal(history_at(history, 3)->how, "start");
	assert_string_equal(history_at(history, 3)->who, "");
	assert_non_null(strstr(last_event(world), "\"from\":\"3\",\"to\":\"4\""));
	assert_non_null(
		strstr(last_event(world), "(config-apply, uid 0, pid 7)\",\"who\":\"root\""));
	restart(world);
	assert_int_equal(history_count(versions_history(world->versions)), 4);
	assert_int_equal(versions_generation(world->versions), 4);
}

static void only_the_last_are_kept(void **state)
{
	struct world *world = *state;

	for (uint32_t weight = 2; weight < HISTORY_MAX + 12; weight++)
		assert_int_equal(apply(world, "other.yaml", weight, 0), 0);
	assert_int_equal(history_count(versions_history(world->versions)), HISTORY_MAX);
	assert_int_equal(rollback(world, HISTORY_MAX - 1), 0);
	assert_int_equal(weight_in_force(world), 12);
	restart(world);
	assert_int_equal(history_count(versions_history(world->versions)), HISTORY_MAX);
}

static void rollback_goes_back(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(apply(world, world->file, 3, 0), 0);
	assert_int_equal(rollback(world, 2), 0);
	assert_int_equal(weight_in_force(world), 1);
	assert_int_equal(versions_generation(world->versions), 4);
	assert_non_null(strstr(world->why, "rolled back to an earlier configuration"));
	/* One back from there is what was rolled back. */
	assert_int_equal(rollback(world, 1), 0);
	assert_int_equal(weight_in_force(world), 3);
	assert_string_equal(world->why, ""); /* the file's again */
}

/* The file still has what was rolled back: a restart must not bring it back, until it is meant. */
static void rollback_outlives_a_restart(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(rollback(world, 1), 0);
	for (uint32_t i = 0; i < 3; i++) {
		restart(world);
		assert_int_equal(weight_in_force(world), 1);
		assert_non_null(strstr(world->why, "was set aside; configuration 3 is in force"));
	}
	assert_int_equal(apply(world, world->file, 2, 0), 0);
	restart(world);
	assert_int_equal(weight_in_force(world), 2);
	assert_string_equal(world->why, "");
}

/* On a full disk: the one before it is still one back. */
static void one_that_is_not_kept_counts(void **state)
{
	struct world *world = *state;
	const struct history *history = versions_history(world->versions);
	char folder[128], away[160];
	uint64_t generation;

	snprintf(folder, sizeof(folder), "%s/" HISTORY_DIR, world->dir);
	snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(rename(folder, away), 0);
	fclose(fopen(folder, "w"));
	assert_int_equal(apply(world, world->file, 3, 0), 0);
	generation = versions_generation(world->versions);
	assert_int_equal(generation, 3);
	assert_null(history_before(history, generation, 0));
	assert_int_equal(history_before(history, generation, 1)->generation, 2);
	assert_int_equal(history_before(history, generation, 2)->generation, 1);
	assert_null(history_before(history, generation, 3));
}

/* Its time goes on over a restart, though the file is neither it nor what it returns to. */
static void trial_goes_on_beside_a_file_set_aside(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(rollback(world, 1), 0);
	assert_int_equal(apply(world, "other.yaml", 5, 5 * MINUTE_MS), 0);
	restart(world);
	assert_int_equal(weight_in_force(world), 5);
	pass(world, 4 * MINUTE_MS);
	assert_int_equal(weight_in_force(world), 5);
	pass(world, MINUTE_MS + 1);
	assert_int_equal(weight_in_force(world), 1);
}

/* It is the file that was set aside, valid or not: it counts again once it is another one. */
static void broken_file_is_set_aside(void **state)
{
	struct world *world = *state;
	FILE *file;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	file = fopen(world->file, "w");
	assert_non_null(file);
	fputs("nonsense", file);
	fclose(file);
	assert_int_equal(rollback(world, 1), 0);
	assert_string_not_equal(world->why, "");
}

static void edited_file_counts_again(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(rollback(world, 1), 0);
	write_file(world, 9);
	restart(world);
	assert_int_equal(weight_in_force(world), 9);
}

static void trial_is_undone(void **state)
{
	struct world *world = *state;

	assert_int_equal(versions_left_ms(world->versions), -1);
	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	pass(world, 5 * MINUTE_MS - 1);
	assert_int_equal(weight_in_force(world), 2);
	assert_int_equal(versions_left_ms(world->versions), 1);
	pass(world, 1);
	assert_int_equal(weight_in_force(world), 1);
	assert_int_equal(versions_left_ms(world->versions), -1);
	assert_non_null(strstr(world->why, "was not confirmed"));
	pass(world, 60 * MINUTE_MS);
	assert_int_equal(world->applied, 2);
	restart(world);
	assert_int_equal(weight_in_force(world), 1);
}

static void trial_is_confirmed(void **state)
{
	struct world *world = *state;

	assert_int_equal(versions_confirm(world->versions, &root), -ENOENT);
	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	assert_int_equal(versions_confirm(world->versions, &root), 0);
	assert_non_null(strstr(last_event(world), "\"to\":\"confirmed\""));
	assert_int_equal(versions_confirm(world->versions, &root), -ENOENT);
	pass(world, 6 * MINUTE_MS);
	assert_int_equal(weight_in_force(world), 2);
	restart(world);
	pass(world, 6 * MINUTE_MS);
	assert_int_equal(weight_in_force(world), 2);
}

/* The deadline is kept: a restart neither forgets nor prolongs it. */
static void trial_outlives_a_restart(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	pass(world, 2 * MINUTE_MS);
	restart(world);
	assert_int_equal(weight_in_force(world), 2);
	assert_int_equal(versions_left_ms(world->versions), 3 * MINUTE_MS);
	pass(world, 3 * MINUTE_MS - 1);
	assert_int_equal(weight_in_force(world), 2);
	pass(world, 1);
	assert_int_equal(weight_in_force(world), 1);
}

/* It was over while sluiced did not run. */
static void trial_ends_between(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	world->unix_ms += 5 * MINUTE_MS;
	for (uint32_t i = 0; i < 2; i++) {
		restart(world);
		assert_int_equal(weight_in_force(world), 1);
		assert_non_null(strstr(world->why, "configuration 1 is in force"));
		assert_int_equal(versions_left_ms(world->versions), -1);
	}
}

/* A clock that was set back does not prolong it beyond what it had. */
static void clock_is_set_back(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	world->unix_ms -= 600 * MINUTE_MS;
	restart(world);
	assert_int_equal(versions_left_ms(world->versions), 5 * MINUTE_MS);
}

static void one_trial_at_a_time(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, 5 * MINUTE_MS), 0);
	assert_int_equal(apply(world, "other.yaml", 3, 0), -EBUSY);
	assert_int_equal(apply(world, "other.yaml", 3, MINUTE_MS), -EBUSY);
	assert_int_equal(weight_in_force(world), 2);
	assert_int_equal(rollback(world, 1), 0);
	assert_int_equal(weight_in_force(world), 1);
	assert_int_equal(versions_left_ms(world->versions), -1);
	assert_int_equal(apply(world, "other.yaml", 3, 0), 0);
}

static void trial_that_is_refused(void **state)
{
	struct world *world = *state;

	world->apply_error = -EPERM;
	assert_int_equal(apply(world, "other.yaml", 2, MINUTE_MS), -EPERM);
	world->apply_error = 0;
	assert_int_equal(versions_left_ms(world->versions), -1);
	pass(world, 2 * MINUTE_MS);
	assert_int_equal(world->applied, 0);
}

/* Nothing is applied on trial that could not be undone. */
static void trial_needs_the_disk(void **state)
{
	struct world *world = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/" TRIAL_FILE_NAME ".new", world->dir);
	assert_int_equal(mkdir(path, 0700), 0); /* in the way of the file */
	assert_true(apply(world, "other.yaml", 2, MINUTE_MS) < 0);
	assert_int_equal(weight_in_force(world), 1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(apply(world, "other.yaml", 2, MINUTE_MS), 0);
}

static void undo_is_tried_again(void **state)
{
	struct world *world = *state;

	assert_int_equal(apply(world, world->file, 2, MINUTE_MS), 0);
	world->apply_error = -ENOSPC;
	pass(world, MINUTE_MS);
	assert_int_equal(weight_in_force(world), 2);
	world->apply_error = 0;
	pass(world, VERSIONS_RETRY_MS - 1);
	assert_int_equal(weight_in_force(world), 2);
	pass(world, 1);
	assert_int_equal(weight_in_force(world), 1);
}

static void damaged_state(void **state)
{
	struct world *world = *state;
	char path[128];
	FILE *file;

	assert_int_equal(apply(world, world->file, 2, 0), 0);
	assert_int_equal(rollback(world, 1), 0);
	snprintf(path, sizeof(path), "%s/" TRIAL_FILE_NAME, world->dir);
	file = fopen(path, "w");
	fputs("{\"version\":1,\"set_as", file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/" HISTORY_DIR "/2.yaml", world->dir);
	file = fopen(path, "w");
	fputs("pools: {}\n", file);
	fclose(file);
	restart(world); /* the file counts */
	assert_int_equal(weight_in_force(world), 2);
	assert_int_equal(history_find(versions_history(world->versions), 2), -ENOENT);
	assert_true(history_find(versions_history(world->versions), 1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_last_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(rollback_goes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(rollback_outlives_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_not_kept_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_goes_on_beside_a_file_set_aside, setup,
						teardown),
		cmocka_unit_test_setup_teardown(broken_file_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(edited_file_counts_again, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_is_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_outlives_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_ends_between, setup, teardown),
		cmocka_unit_test_setup_teardown(clock_is_set_back, setup, teardown),
		cmocka_unit_test_setup_teardown(one_trial_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_that_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(trial_needs_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(undo_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_state, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/versions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/file.h"
#include "config/base/log.h"
#include "config/load/load.h"
#include "controlplane/api/ops.h"
#include "controlplane/events/events.h"
#include "controlplane/state/history.h"
#include "controlplane/state/trial.h"

struct versions {
	struct versions_options options;
	struct history *history;
	struct trial trial;
	uint64_t generation;  /* in force */
	uint64_t deadline_ms; /* monotonic, of the trial */
};

static int64_t realtime_ms(void *arg)
{
	(void)arg;
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

static uint64_t monotonic_ms(void *arg)
{
	(void)arg;
	return clock_now_ms();
}

static int64_t now_unix_ms(const struct versions *versions)
{
	return versions->options.now_unix_ms(versions->options.arg);
}

static uint64_t now_ms(const struct versions *versions)
{
	return versions->options.now_ms(versions->options.arg);
}

struct versions *versions_open(const struct versions_options *options)
{
	struct versions *versions = calloc(1, sizeof(*versions));

	if (!versions)
		return NULL;
	versions->options = *options;
	if (!options->now_unix_ms)
		versions->options.now_unix_ms = realtime_ms;
	if (!options->now_ms)
		versions->options.now_ms = monotonic_ms;
	versions->history = history_open(options->state_dir);
	if (!versions->history) {
		free(versions);
		return NULL;
	}
	trial_load(options->state_dir, &versions->trial);
	return versions;
}

void versions_close(struct versions *versions)
{
	if (!versions)
		return;
	history_close(versions->history);
	free(versions);
}

const struct history *versions_history(const struct versions *versions)
{
	return versions->history;
}

uint64_t versions_generation(const struct versions *versions)
{
	return versions->generation;
}

int64_t versions_left_ms(const struct versions *versions)
{
	uint64_t now = now_ms(versions);

	if (!versions->trial.is_pending)
		return -1;
	return versions->deadline_ms > now ? (int64_t)(versions->deadline_ms - now) : 0;
}

/* ---- Recording ---- */

/* @from, @to: numbers of configurations, 0: none. */
static void note(const struct versions *versions, uint64_t from, const char *to, const char *cause,
		 const char *who)
{
	char before[32] = "";
	const struct events_change event = {
		.object = "config",
		.what = "configuration",
		.from = before,
		.to = to,
		.cause = cause,
		.who = who,
		.generation = versions->generation,
		.flows = EVENTS_FLOWS_ASK,
	};

	if (from)
		snprintf(before, sizeof(before), "%" PRIu64, from);
	events_add(versions->options.events, &event);
}

static int save(struct versions *versions, const struct trial *trial)
{
	int err = trial_save(versions->options.state_dir, trial);

	if (!err)
		versions->trial = *trial;
	else
		log_err("%s/" TRIAL_FILE_NAME ": cannot be written: %s",
			versions->options.state_dir, strerror(-err));
	return err;
}

/* What is in force now is the newest configuration. */
static void record(struct versions *versions, const char *how, const struct control_actor *actor)
{
	const struct config *config = versions->options.in_force(versions->options.arg);
	struct history_entry entry = { .time_unix = now_unix_ms(versions) / 1000 };
	uint64_t before = versions->generation;
	char to[32], cause[384];
	int err;

	snprintf(entry.who, sizeof(entry.who), "%s", actor ? actor->who : "");
	snprintf(entry.how, sizeof(entry.how), "%s", how);
	snprintf(entry.file, sizeof(entry.file), "%s", config->file);
	err = history_add(versions->history, &entry, config->text, config->bytes,
			  &versions->generation);
	if (err)
		log_warn("configuration %" PRIu64 " is in force, but cannot be kept: %s",
			 versions->generation, strerror(-err));
	if (versions->generation == before)
		return;
	snprintf(to, sizeof(to), "%" PRIu64, versions->generation);
	snprintf(cause, sizeof(cause), "%.220s (%s)", config->file, actor ? actor->cause : how);
	note(versions, before, to, cause, actor ? actor->who : NULL);
}

/* ---- Old configurations ---- */

/* With what commands have created, as @beside has it. Return: NULL if it can't be used; logged. */
static struct config *load_old(const struct versions *versions, uint64_t generation,
			       const struct config *beside)
{
	static struct config_errors errors;
	const struct config_part commands = { beside->commands_file, beside->commands_text,
					      beside->commands_bytes };
	struct config *config = NULL;
	const struct history_entry *entry;
	struct config_part own;
	int back = history_find(versions->history, generation);
	char *text = NULL, why[1024] = "";
	size_t bytes = 0;
	int err = back < 0 ? back : history_text(versions->history, generation, &text, &bytes);

	if (!err) {
		entry = history_at(versions->history, (uint32_t)back);
		own = (struct config_part){ entry->file, text, bytes };
		config = config_load_parts(&own, beside->commands_text ? &commands : NULL, &errors);
		err = config ? 0 : -errno;
		if (!config && errors.count > 0)
			config_error_format(&errors, 0, why, sizeof(why));
		explicit_bzero(text, bytes);
	}
	free(text);
	if (!config)
		log_err("configuration %" PRIu64 " cannot be used: %s", generation,
			why[0] ? why : strerror(-err));
	return config;
}

/* The hash of the daemon's own file as it is now, valid or not; "" if it can't be read. */
static void hash_file(const struct versions *versions, char hash[TRIAL_HASH_MAX])
{
	int fd = open(versions->options.config_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = fd < 0 ? NULL : malloc(CONFIG_FILE_BYTES_MAX);
	ssize_t size = text ? file_read(fd, text, CONFIG_FILE_BYTES_MAX) : -1;

	hash[0] = '\0';
	if (size >= 0)
		trial_hash(text, (size_t)size, hash);
	if (size > 0)
		explicit_bzero(text, (size_t)size);
	free(text);
	if (fd >= 0)
		close(fd);
}

/* A restart must not bring back the file that is not in force now. */
static void set_file_aside(struct versions *versions, struct trial *trial, const char *why)
{
	const struct config *config = versions->options.in_force(versions->options.arg);
	char in_force[TRIAL_HASH_MAX];

	trial_hash(config->text, config->bytes, in_force);
	hash_file(versions, trial->set_aside);
	trial->in_force = versions->generation;
	if (strcmp(trial->set_aside, in_force) == 0) {
		trial->set_aside[0] = '\0';
		why = NULL;
	}
	versions->options.file_is(versions->options.arg, why);
}

/* ---- Start ---- */

/* Return: whether a trial is over at a start; if not, it goes on. */
static bool is_overdue(struct versions *versions)
{
	const struct trial *trial = &versions->trial;
	int64_t left_ms = trial->deadline_unix_ms - now_unix_ms(versions);

	/* More than it had: the clock was set back meanwhile. */
	if (left_ms > trial->period_ms)
		left_ms = trial->period_ms;
	versions->deadline_ms = now_ms(versions) + (uint64_t)(left_ms > 0 ? left_ms : 0);
	return left_ms <= 0;
}

static struct config *start_instead(struct versions *versions, struct config *file,
				    uint64_t generation, const char *what, char *why, size_t size)
{
	struct config *old = load_old(versions, generation, file);

	if (!old) {
		log_err("%s: %s, but in force again", versions->options.config_path, what);
		return file;
	}
	snprintf(why, size, "%s: %s; configuration %" PRIu64 " is in force",
		 versions->options.config_path, what, generation);
	log_warn("%s", why);
	config_free(file);
	return old;
}

static struct config *start_overdue(struct versions *versions, struct config *file,
				    const char *hash, char *why, size_t size)
{
	struct trial trial = { .in_force = versions->trial.back };
	struct config *config =
		start_instead(versions, file, trial.in_force, "was not confirmed", why, size);

	if (config == file)
		return file;
	memcpy(trial.set_aside, hash, sizeof(trial.set_aside));
	note(versions, 0, "not confirmed", "time is over", versions->trial.who);
	(void)save(versions, &trial);
	return config;
}

struct config *versions_start(struct versions *versions, struct config *file, char *why,
			      size_t size)
{
	const struct trial *trial = &versions->trial;
	struct trial none = *trial;
	char hash[TRIAL_HASH_MAX] = "";

	why[0] = '\0';
	if (!file)
		return NULL;
	trial_hash(file->text, file->bytes, hash);
	if (trial->set_aside[0] && strcmp(hash, trial->set_aside) == 0) {
		/* What is in its place may be on trial, with the time that was left. */
		if (trial->is_pending)
			(void)is_overdue(versions);
		return start_instead(versions, file, trial->in_force, "was set aside", why, size);
	}
	if (trial->is_pending && strcmp(hash, trial->hash) == 0)
		return is_overdue(versions) ? start_overdue(versions, file, hash, why, size) : file;
	if (trial->is_pending) {
		note(versions, 0, "not confirmed", "restart with another file", NULL);
		none.is_pending = false;
		(void)save(versions, &none);
	}
	return file;
}

void versions_started(struct versions *versions)
{
	const struct history_entry *newest = history_at(versions->history, 0);

	versions->generation = newest ? newest->generation : 0;
	record(versions, "start", NULL);
}

/* ---- Applying ---- */

static int refuse(struct control_apply_refusal *refusal, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct control_apply_refusal *refusal, int err, const char *format, ...)
{
	va_list arguments;

	*refusal = (struct control_apply_refusal){ .key_count = 0 };
	va_start(arguments, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, arguments);
	va_end(arguments);
	return err;
}

/* Before a trial begins: what undoes it must be on disk. */
static int trial_begin(struct versions *versions, const struct config *config,
		       const struct control_apply *request, struct control_apply_refusal *refusal)
{
	struct trial trial = versions->trial;
	int err = history_find(versions->history, versions->generation);

	if (err < 0)
		return refuse(refusal, err,
			      "--confirm: the configuration in force is not kept, so that it could "
			      "not be undone");
	trial.is_pending = true;
	trial_hash(config->text, config->bytes, trial.hash);
	trial.period_ms = request->confirm_ms;
	trial.deadline_unix_ms = now_unix_ms(versions) + request->confirm_ms;
	trial.back = versions->generation;
	snprintf(trial.who, sizeof(trial.who), "%s", request->actor ? request->actor->who : "");
	err = save(versions, &trial);
	if (err)
		return refuse(refusal, err, "--confirm: cannot write %s/" TRIAL_FILE_NAME ": %s",
			      versions->options.state_dir, strerror(-err));
	versions->deadline_ms = now_ms(versions) + request->confirm_ms;
	return 0;
}

static void trial_end(struct versions *versions)
{
	struct trial trial = versions->trial;

	trial.is_pending = false;
	if (save(versions, &trial))
		versions->trial.is_pending = false;
}

static bool is_same(const struct trial *a, const struct trial *b)
{
	return a->is_pending == b->is_pending && strcmp(a->set_aside, b->set_aside) == 0 &&
	       (!a->set_aside[0] || a->in_force == b->in_force);
}

/* It is in force: the file counts again, or what is in force instead of it. */
static void settle(struct versions *versions, const struct control_apply *request)
{
	struct trial trial = versions->trial;
	char why[PATH_MAX + 128];

	if (request->is_rollback) {
		trial.is_pending = false;
		snprintf(why, sizeof(why), "%s: rolled back to an earlier configuration",
			 versions->options.config_path);
		set_file_aside(versions, &trial, why);
	} else if (request->is_own) {
		trial.set_aside[0] = '\0';
	} else {
		trial.in_force = versions->generation;
	}
	if (!is_same(&trial, &versions->trial))
		(void)save(versions, &trial);
}

int versions_apply(struct versions *versions, struct config *config,
		   const struct control_apply *request, struct control_apply_refusal *refusal)
{
	int err = 0;

	if (versions->trial.is_pending && !request->is_rollback)
		return refuse(refusal, -EBUSY,
			      "configuration %" PRIu64
			      " waits for its confirmation: sluicectl config "
			      "confirm, or config rollback",
			      versions->generation);
	if (request->confirm_ms)
		err = trial_begin(versions, config, request, refusal);
	if (err)
		return err;
	err = versions->options.apply(versions->options.arg, config, request->force, refusal);
	if (err) {
		if (request->confirm_ms)
			trial_end(versions);
		return err;
	}
	record(versions, request->how, request->actor);
	settle(versions, request);
	return 0;
}

int versions_confirm(struct versions *versions, const struct control_actor *actor)
{
	struct trial trial = versions->trial;
	int err;

	if (!trial.is_pending)
		return -ENOENT;
	trial.is_pending = false;
	err = save(versions, &trial);
	if (!err)
		note(versions, 0, "confirmed", actor->cause, actor->who);
	return err;
}

/* ---- Undoing ---- */

static int undo(struct versions *versions)
{
	struct control_apply_refusal refusal = { .key_count = 0 };
	struct trial trial = versions->trial;
	struct config *old =
		load_old(versions, trial.back, versions->options.in_force(versions->options.arg));
	char why[PATH_MAX + 128];
	int err = old ? versions->options.apply(versions->options.arg, old, true, &refusal) : -EIO;

	if (err) {
		config_free(old);
		log_err("configuration %" PRIu64 " was not confirmed, but cannot be undone: %s",
			versions->generation, old ? refusal.message : strerror(-err));
		return err;
	}
	log_warn("configuration %" PRIu64 " was not confirmed: %" PRIu64 " is in force again",
		 versions->generation, trial.back);
	note(versions, 0, "not confirmed", "time is over", trial.who);
	record(versions, "undo", NULL);
	trial.is_pending = false;
	snprintf(why, sizeof(why), "%s: was not confirmed", versions->options.config_path);
	set_file_aside(versions, &trial, why);
	if (save(versions, &trial))
		versions->trial.is_pending = false;
	return 0;
}

void versions_tick(struct versions *versions)
{
	if (versions->trial.is_pending && now_ms(versions) >= versions->deadline_ms &&
	    undo(versions))
		versions->deadline_ms = now_ms(versions) + VERSIONS_RETRY_MS;
}

void versions_refused(struct versions *versions, const struct control_actor *actor,
		      const char *file, const char *why)
{
	char cause[320];

	snprintf(cause, sizeof(cause), "%.100s: %.200s", file, why);
	note(versions, 0, "refused", cause, actor ? actor->who : NULL);
}

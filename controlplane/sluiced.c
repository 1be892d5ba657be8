/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/sluiced.h"
#include "config/load/load.h"
#include "config/schema/diff.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/load/last_good.h"
#include "controlplane/health/adapter.h"
#include "controlplane/model/model.h"
#include "controlplane/net/next_hops.h"
#include "controlplane/publish/publish.h"
#include "controlplane/state/file.h"
#include "controlplane/versions.h"
#include "controlplane/web/web.h"

/* ---- What a configuration may change ---- */

static void key_collect(const struct config_change *change, void *context)
{
	struct control_apply_refusal *refusal = context;

	if (change->reloadable)
		return;
	if (refusal->key_count < CONTROL_KEYS_MAX)
		snprintf(refusal->keys[refusal->key_count], sizeof(refusal->keys[0]), "%s",
			 change->key);
	refusal->key_count++;
}

static int refuse_keys(struct control_apply_refusal *refusal, const struct config_node *running)
{
	bool xdp = running->dataplane == CONFIG_DATAPLANE_XDP;
	uint32_t shown =
		refusal->key_count < CONTROL_KEYS_MAX ? refusal->key_count : CONTROL_KEYS_MAX;
	size_t at = 0;

	for (uint32_t i = 0; i < shown && at < sizeof(refusal->message); i++)
		at += (size_t)snprintf(refusal->message + at, sizeof(refusal->message) - at, "%s%s",
				       i ? ", " : "", refusal->keys[i]);
	if (at < sizeof(refusal->message))
		snprintf(refusal->message + at, sizeof(refusal->message) - at,
			 ": changed, needs a restart of %s",
			 xdp ? "sluiced" : "sluice-dataplane and sluiced");
	return -EPERM;
}

static int refuse(struct control_apply_refusal *refusal, int err)
{
	snprintf(refusal->message, sizeof(refusal->message), "%s",
		 err == -ENOSPC ? "too many instances: indices of removed ones are still in use "
				  "by their flows"
				: strerror(-err));
	return err;
}

/* A truncated file, or another machine's. */
static int refuse_removal(struct control_apply_refusal *refusal, const char *what)
{
	snprintf(refusal->message, sizeof(refusal->message),
		 "would remove %s; if intended: sluicectl config apply --force", what);
	return -ECANCELED;
}

static int refuse_nat(struct control_apply_refusal *refusal, const struct config_node *running)
{
	snprintf(
		refusal->message, sizeof(refusal->message),
		"the first service with `forward: nat` needs a restart of %s, which then takes the "
		"memory for it",
		config_node_has_xdp(running) ? "sluiced" : "sluice-dataplane");
	return -EPERM;
}

int sluiced_apply(struct sluiced *sluiced, struct config *config, bool force,
		  struct control_apply_refusal *refusal)
{
	const struct config *before = model_config(sluiced->model);
	char much[96];
	int err;

	*refusal = (struct control_apply_refusal){ .key_count = 0 };
	if (before)
		config_diff(before, config, key_collect, refusal);
	if (before && refusal->key_count > 0)
		return refuse_keys(refusal, &before->node);
	if (before && !config_has_nat(before) && sluiced->publish &&
	    model_nat_lacks_memory(config, publish_segment(sluiced->publish)))
		return refuse_nat(refusal, &before->node);
	if (before && !force && config_removes_much(before, config, much, sizeof(much)))
		return refuse_removal(refusal, much);
	sluiced->applying = before ? config : NULL;
	err = model_apply(sluiced->model, config, clock_now_ms());
	sluiced->applying = NULL;
	if (err)
		return refuse(refusal, err);
	sluiced->applied++;
	sluiced->applied_unix = (int64_t)time(NULL);
	if (sluiced->checks)
		checks_configure(sluiced->checks, &config->node);
	if (sluiced->neighbours)
		neighbours_apply(sluiced->neighbours);
	if (sluiced->web)
		web_configure(sluiced->web, &config->node);
	return 0;
}

/* ---- Reload ---- */

static void log_errors(const struct config_errors *errors)
{
	char line[1024];

	for (uint32_t i = 0; i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		log_err("%s", line);
	}
	if (errors->more > 0)
		log_err("%s: %u more", errors->file, errors->more);
}

void sluiced_config_refused(struct sluiced *sluiced, const char *why)
{
	snprintf(sluiced->config_problem, sizeof(sluiced->config_problem), "%s", why);
}

static void config_refused(struct sluiced *sluiced, const struct config_errors *errors)
{
	char first[384] = "no memory", problem[sizeof(sluiced->config_problem)];
	uint32_t count = errors->count + errors->more;

	if (errors->count > 0)
		config_error_format(errors, 0, first, sizeof(first));
	snprintf(problem, sizeof(problem), "%s%s", first, count > 1 ? ", and more" : "");
	sluiced_config_refused(sluiced, problem);
}

struct config *sluiced_config_load(struct sluiced *sluiced)
{
	static struct config_errors errors;
	char note[PATH_MAX * 2];
	bool kept;
	struct config *config =
		config_last_good_load(sluiced->config_path, sluiced->state_dir, &kept, &errors);

	sluiced->config_problem[0] = '\0';
	if (config && !kept)
		return config;
	log_errors(&errors);
	config_refused(sluiced, &errors);
	if (config) {
		config_last_good_note(config, sluiced->config_path, sluiced->state_dir, note,
				      sizeof(note));
		log_err("%s", note);
	}
	return config;
}

/* Return: whether the kept file already equals it. */
static bool is_kept(const struct sluiced *sluiced, const char *name, const char *text, size_t size)
{
	char *old = NULL;
	size_t bytes;
	bool same = state_file_read(sluiced->state_dir, name, &old, &bytes) == 0 && bytes == size &&
		    memcmp(old, text, size) == 0;

	free(old);
	return same;
}

void sluiced_share(const struct sluiced *sluiced, int fd)
{
	struct stat status;

	if (stat(sluiced->config_path, &status) == 0 && (status.st_mode & S_IRGRP) &&
	    fchown(fd, (uid_t)-1, status.st_gid) == 0)
		(void)fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP);
}

/* @text: NULL: out of memory. */
static void keep(const struct sluiced *sluiced, const char *name, const char *text, size_t size)
{
	int fd, err = text ? 0 : -ENOMEM;

	if (text && !is_kept(sluiced, name, text, size)) {
		fd = state_file_prepare(sluiced->state_dir, name, text, size);
		if (fd >= 0)
			sluiced_share(sluiced, fd);
		err = fd < 0 ? fd : state_file_commit(sluiced->state_dir, name, fd);
	}
	if (err)
		log_warn(
			"%s/%s: cannot be written: %s; the next start fails if the configuration is refused",
			sluiced->state_dir, name, strerror(-err));
}

void sluiced_commands_accepted(struct sluiced *sluiced)
{
	const struct config *config = model_config(sluiced->model);

	if (config->commands_text)
		keep(sluiced, CONFIG_LAST_GOOD_COMMANDS_NAME, config->commands_text,
		     config->commands_bytes);
}

void sluiced_config_accepted(struct sluiced *sluiced)
{
	size_t size;
	char *text =
		config_last_good_text(model_config(sluiced->model), sluiced->config_path, &size);

	sluiced->config_problem[0] = '\0';
	keep(sluiced, CONFIG_LAST_GOOD_NAME, text, size);
	if (text)
		explicit_bzero(text, size);
	free(text);
	sluiced_commands_accepted(sluiced);
}

/* ---- Versions ---- */

static int version_apply(void *arg, struct config *config, bool force,
			 struct control_apply_refusal *refusal)
{
	return sluiced_apply(arg, config, force, refusal);
}

static const struct config *version_in_force(void *arg)
{
	const struct sluiced *sluiced = arg;

	return model_config(sluiced->model);
}

static void version_file_is(void *arg, const char *why)
{
	sluiced_config_accepted(arg);
	if (why)
		sluiced_config_refused(arg, why);
}

int sluiced_versions_open(struct sluiced *sluiced)
{
	const struct versions_options options = {
		.config_path = sluiced->config_path,
		.state_dir = sluiced->state_dir,
		.events = sluiced->events,
		.apply = version_apply,
		.in_force = version_in_force,
		.file_is = version_file_is,
		.arg = sluiced,
	};

	sluiced->versions = versions_open(&options);
	return sluiced->versions ? 0 : -errno;
}

int sluiced_reload(struct sluiced *sluiced)
{
	static struct config_errors errors;
	struct config *config =
		config_load_files(sluiced->config_path, sluiced->commands_path, &errors);
	const struct control_apply request = { .how = "reload", .is_own = true };
	struct control_apply_refusal refusal;
	int err;

	if (!config) {
		log_errors(&errors);
		config_refused(sluiced, &errors);
		versions_refused(sluiced->versions, NULL, sluiced->config_path,
				 sluiced->config_problem);
		log_err("%s: refused; the current configuration stays in force",
			sluiced->config_path);
		return -EINVAL;
	}
	err = versions_apply(sluiced->versions, config, &request, &refusal);
	if (err) {
		config_free(config);
		sluiced_config_refused(sluiced, refusal.message);
		versions_refused(sluiced->versions, NULL, sluiced->config_path, refusal.message);
		log_err("%s: refused: %s", sluiced->config_path, refusal.message);
		return err;
	}
	sluiced_config_accepted(sluiced);
	log_info("%s: applied", sluiced->config_path);
	return 0;
}

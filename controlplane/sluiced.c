/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/sluiced.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/checks.h"
#include "controlplane/clock.h"
#include "controlplane/log.h"
#include "controlplane/model.h"
#include "controlplane/neighbours.h"

/* ---- What a configuration may change ---- */

static void key_collect(const struct config_change *change, void *context)
{
	struct sluiced_refusal *refusal = context;

	if (change->reloadable)
		return;
	if (refusal->key_count < SLUICED_KEYS_MAX)
		snprintf(refusal->keys[refusal->key_count], sizeof(refusal->keys[0]), "%s",
			 change->key);
	refusal->key_count++;
}

static int refuse_keys(struct sluiced_refusal *refusal, const struct config_node *running)
{
	bool xdp = running->dataplane == CONFIG_DATAPLANE_XDP;
	uint32_t shown =
		refusal->key_count < SLUICED_KEYS_MAX ? refusal->key_count : SLUICED_KEYS_MAX;
	size_t at = 0;

	for (uint32_t i = 0; i < shown && at < sizeof(refusal->message); i++)
		at += (size_t)snprintf(refusal->message + at, sizeof(refusal->message) - at, "%s%s",
				       i ? ", " : "", refusal->keys[i]);
	if (at < sizeof(refusal->message))
		snprintf(refusal->message + at, sizeof(refusal->message) - at,
			 ": changed, which needs a restart of %s",
			 xdp ? "sluiced" : "sluice-dataplane and sluiced");
	return -EPERM;
}

static int refuse(struct sluiced_refusal *refusal, int err)
{
	snprintf(refusal->message, sizeof(refusal->message), "%s",
		 err == -ENOSPC ? "too many instances: the numbers of those that left are still "
				  "held by their flows"
				: strerror(-err));
	return err;
}

/* A file that was cut off, or another machine's. */
static int refuse_removal(struct sluiced_refusal *refusal, const char *what)
{
	snprintf(refusal->message, sizeof(refusal->message),
		 "it would remove %s; if that is meant: sluicectl config apply --force", what);
	return -ECANCELED;
}

int sluiced_apply(struct sluiced *sluiced, struct config *config, bool force,
		  struct sluiced_refusal *refusal)
{
	const struct config *before = model_config(sluiced->model);
	char much[96];
	int err;

	*refusal = (struct sluiced_refusal){ .key_count = 0 };
	if (before)
		config_diff(before, config, key_collect, refusal);
	if (refusal->key_count > 0)
		return refuse_keys(refusal, &before->node);
	if (before && !force && config_removes_much(before, config, much, sizeof(much)))
		return refuse_removal(refusal, much);
	err = model_apply(sluiced->model, config, clock_now_ms());
	if (err)
		return refuse(refusal, err);
	if (sluiced->checks)
		checks_configure(sluiced->checks, &config->node);
	if (sluiced->neighbours)
		neighbours_apply(sluiced->neighbours);
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

struct config *sluiced_config_load(const char *path)
{
	static struct config_errors errors;
	struct config *config = config_load_file(path, &errors);

	if (!config)
		log_errors(&errors);
	return config;
}

int sluiced_reload(struct sluiced *sluiced)
{
	struct config *config = sluiced_config_load(sluiced->config_path);
	struct sluiced_refusal refusal;
	int err;

	if (!config) {
		log_err("%s: refused; the configuration in force stays", sluiced->config_path);
		return -EINVAL;
	}
	err = sluiced_apply(sluiced, config, false, &refusal);
	if (err) {
		config_free(config);
		log_err("%s: refused: %s", sluiced->config_path, refusal.message);
		return err;
	}
	log_info("%s: applied", sluiced->config_path);
	return 0;
}

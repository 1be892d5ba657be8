/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/control_fake.h"
#include "config/schema/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/api/call.h"
#include "controlplane/api/verbs.h"

void fake_init(struct fake *fake)
{
	*fake = (struct fake){ 0 };
	fake->pools[0].name = "web";
	fake->pools[0].instances[0] =
		(struct fake_instance){ "web-1", { MODEL_READY, 100, 100, false, true, 132 } };
	fake->pools[0].instances[1] =
		(struct fake_instance){ "web-2", { MODEL_READY, 50, 100, true, true, 0 } };
	fake->pools[1].name = "api";
	fake->pools[1].instances[0] =
		(struct fake_instance){ "a", { MODEL_MAINT, 100, 100, false, false, 0 } };
	fake->set_reason = "no";
}

struct fake_instance *fake_find(struct fake *fake, const char *path)
{
	char other[256];

	for (size_t p = 0; fake->pools[p].name != NULL; p++) {
		for (size_t i = 0; fake->pools[p].instances[i].name != NULL; i++) {
			snprintf(other, sizeof(other), "%s/%s", fake->pools[p].name,
				 fake->pools[p].instances[i].name);
			if (strcmp(path, other) == 0)
				return &fake->pools[p].instances[i];
		}
	}
	return NULL;
}

static void fake_end(struct fake *fake, struct control_wait *wait)
{
	wait->handle = NULL;
	wait->result = (struct publish_result){
		.status = fake->publish_status,
		.generation = 17,
		.acked_ns = wait->started_ns + 84000,
		.workers = 4,
	};
	wait->done(wait);
}

unsigned int fake_publish(struct fake *fake)
{
	unsigned int ended = 0;

	for (unsigned int i = 0; i < FAKE_WAITS_MAX; i++) {
		struct control_wait *wait = fake->waits[i];

		if (wait == NULL)
			continue;
		fake->waits[i] = NULL;
		fake_end(fake, wait);
		ended++;
	}
	return ended;
}

static void fake_send(struct fake *fake, struct control_wait *wait)
{
	unsigned int i = 0;

	if (!fake->hold) {
		fake_end(fake, wait);
		return;
	}
	while (fake->waits[i] != NULL)
		i = (i + 1) % FAKE_WAITS_MAX;
	fake->waits[i] = wait;
	wait->handle = &fake->waits[i];
}

static void fake_ping(struct control_call *call)
{
	control_call_done(call, json_pack("{s:s, s:i}", "version", "0", "pid", 1));
}

static void fake_status(struct control_call *call)
{
	struct fake *fake = call->ops_arg;
	char *padding = calloc(1, fake->status_bytes + 1);
	json_t *result;

	memset(padding, 'x', fake->status_bytes);
	result =
		json_pack("{s:{s:s}, s:[], s:[]}", "node", "padding", padding, "services", "pools");
	free(padding);
	fake->statuses++;
	control_call_done(call, result);
}

static void fake_drops(struct control_call *call)
{
	control_call_done(call, json_pack("{s:i, s:[]}", "received", 0, "drops"));
}

static void fake_other(struct control_call *call)
{
	control_call_done(call, json_object());
}

typedef void (*fake_run)(struct control_call *call);

/* The ops are all that a fake has of a daemon, so only verbs that are known to need no more run. */
static fake_run fake_run_of(const struct control_verb *verb)
{
	static const char *const by_ops[] = { "drain",		"maint",       "resume",
					      "weight",		"config-diff", "config-apply",
					      "config-rollback" };
	static const struct {
		const char *name;
		fake_run run;
	} replaced[] = {
		{ "ping", fake_ping },
		{ "status", fake_status },
		{ "drops", fake_drops },
	};

	for (size_t i = 0; i < sizeof(by_ops) / sizeof(by_ops[0]); i++)
		if (strcmp(verb->name, by_ops[i]) == 0)
			return verb->run;
	for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
		if (strcmp(verb->name, replaced[i].name) == 0)
			return replaced[i].run;
	return fake_other;
}

const struct control_verb *fake_verbs(void)
{
	static struct control_verb verbs[FAKE_VERBS_MAX];

	for (size_t i = 0; i + 1 < FAKE_VERBS_MAX && control_verbs[i].name != NULL; i++) {
		verbs[i] = control_verbs[i];
		verbs[i].run = fake_run_of(&control_verbs[i]);
	}
	return verbs;
}

static const char *fake_pool_name(void *arg, uint32_t pool)
{
	const struct fake *fake = arg;

	return fake->pools[pool].name;
}

static const char *fake_instance_name(void *arg, uint32_t pool, uint32_t instance)
{
	const struct fake *fake = arg;

	return fake->pools[pool].instances[instance].name;
}

static int fake_get(void *arg, const char *path, struct control_instance *out)
{
	struct fake *fake = arg;
	struct fake_instance *instance = fake_find(fake, path);

	fake->gets++;
	if (instance == NULL)
		return -ENOENT;
	*out = instance->is;
	if (instance->is.admin == MODEL_DRAIN)
		instance->is.flows -= instance->is.flows < fake->flows_step ? instance->is.flows
									    : fake->flows_step;
	return 0;
}

static int fake_set(void *arg, const char *path, const struct control_change *change,
		    struct control_wait *wait, char reason[CONTROL_REASON_MAX])
{
	struct fake *fake = arg;
	struct fake_instance *instance = fake_find(fake, path);

	fake->sets++;
	if (fake->set_error != 0 || instance == NULL) {
		snprintf(reason, CONTROL_REASON_MAX, "%s", fake->set_reason);
		return instance == NULL ? -ENOENT : fake->set_error;
	}
	if (change->set_admin)
		instance->is.admin = change->admin;
	if (change->set_weight) {
		instance->is.weight = change->weight;
		instance->is.weight_set = change->by_operator;
	}
	fake_send(fake, wait);
	return 0;
}

static void fake_cancel(void *arg, struct control_wait *wait)
{
	struct fake *fake = arg;
	struct control_wait **place = wait->handle;

	*place = NULL;
	wait->handle = NULL;
	fake->cancels++;
}

static json_t *fake_config_diff(void *arg, const struct control_config *config,
				struct control_refusal *refusal)
{
	struct fake *fake = arg;

	fake->config_bytes = config->bytes;
	if (fake->config_refused) {
		snprintf(refusal->reason, sizeof(refusal->reason), "%s is refused: 1 error",
			 config->name != NULL ? config->name : "own");
		refusal->details = json_pack("{s:[s]}", "errors", "a:1:2: wrong");
		return NULL;
	}
	return json_pack("{s:s, s:[]}", "file", config->name != NULL ? config->name : "own",
			 "changes");
}

static int fake_config_apply(void *arg, const struct control_config *config,
			     struct control_wait *wait, json_t **result,
			     struct control_refusal *refusal)
{
	*result = fake_config_diff(arg, config, refusal);
	if (*result == NULL)
		return -EINVAL;
	fake_send(arg, wait);
	return 0;
}

const struct control_ops fake_ops = {
	.pool_name = fake_pool_name,
	.instance_name = fake_instance_name,
	.get = fake_get,
	.set = fake_set,
	.cancel = fake_cancel,
	.config_diff = fake_config_diff,
	.config_apply = fake_config_apply,
};

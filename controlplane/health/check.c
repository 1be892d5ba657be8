/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/health/internal.h"

static bool check_path_valid(const char *path)
{
	if (!path || path[0] != '/' || strlen(path) > CONFIG_PATH_MAX)
		return false;
	for (const char *c = path; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return false;
	}
	return true;
}

int health_check_validate(const struct config_check *spec)
{
	if (!spec->target || !spec->port || !spec->unhealthy || !spec->healthy)
		return -EINVAL;
	if (spec->interval_ms < HEALTH_INTERVAL_MIN_MS || !spec->timeout_ms)
		return -EINVAL;
	/* int32_t in libevent's and libcurl's arithmetic */
	if (spec->interval_ms > INT32_MAX / 2 || spec->timeout_ms > INT32_MAX / 2)
		return -EINVAL;

	switch (spec->type) {
	case CONFIG_CHECK_TCP:
	case CONFIG_CHECK_SSL:
		return 0;
	case CONFIG_CHECK_HTTP:
	case CONFIG_CHECK_HTTPS:
		return check_path_valid(spec->path) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static bool check_path_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool health_check_same(const struct health_check *check, const struct config_check *spec)
{
	return check->spec.type == spec->type && check->spec.port == spec->port &&
	       check_path_same(check->spec.path, spec->path);
}

struct health_check *health_check_create(struct health_instance *instance,
					 const struct config_check *spec)
{
	struct health_check *check = calloc(1, sizeof(*check));

	if (!check)
		return NULL;
	check->instance = instance;
	if (config_check_copy(&check->spec, spec))
		goto err_check;
	check->timer = evtimer_new(instance->health->base, health_schedule_on_timer, check);
	if (!check->timer)
		goto err_spec;
	return check;

err_spec:
	config_check_fini(&check->spec);
err_check:
	free(check);
	errno = ENOMEM;
	return NULL;
}

void health_check_destroy(struct health_check *check)
{
	if (!check)
		return;
	health_schedule_cancel(check);
	event_free(check->timer);
	config_check_fini(&check->spec);
	free(check);
}

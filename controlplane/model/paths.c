/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"
#include "controlplane/model/maglev.h"

/* Unkeyed: paths come from the configuration, not from an attacker. */
static uint32_t path_hash(const char *path)
{
	static const struct lb_secret none;

	return (uint32_t)maglev_key(&none, path);
}

int model_paths_create(struct model_paths *paths, uint32_t count)
{
	uint32_t places = 16;

	while (places < 2 * count)
		places *= 2;
	paths->mask = places - 1;
	paths->place = calloc(places, sizeof(struct model_instance *));
	return paths->place ? 0 : -ENOMEM;
}

void model_paths_add(struct model_paths *paths, struct model_instance *instance)
{
	uint32_t at = path_hash(instance->path);

	while (paths->place[at & paths->mask])
		at++;
	paths->place[at & paths->mask] = instance;
}

struct model_instance *model_paths_find(const struct model_paths *paths, const char *path)
{
	struct model_instance *instance;

	if (!paths->place)
		return NULL;
	for (uint32_t at = path_hash(path); (instance = paths->place[at & paths->mask]); at++)
		if (strcmp(instance->path, path) == 0)
			return instance;
	return NULL;
}

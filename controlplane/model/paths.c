/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "controlplane/model/internal.h"

int model_paths_create(struct hsearch_data *paths, uint32_t count)
{
	*paths = (struct hsearch_data){ .table = NULL };
	return hcreate_r(2 * (size_t)count + 1, paths) ? 0 : -ENOMEM;
}

void model_paths_add(struct hsearch_data *paths, struct model_instance *instance)
{
	const ENTRY entry = { .key = instance->path, .data = instance };
	ENTRY *place;

	/* There is room for twice as many. */
	(void)hsearch_r(entry, ENTER, &place, paths);
}

struct model_instance *model_paths_find(const struct hsearch_data *paths, const char *path)
{
	const ENTRY entry = { .key = (char *)(uintptr_t)path };
	ENTRY *place;

	if (!paths->table ||
	    !hsearch_r(entry, FIND, &place, (struct hsearch_data *)(uintptr_t)paths))
		return NULL;
	return place->data;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/elb_list.h"

#include <stdio.h>
#include <string.h>

bool control_elb_next(const char **list, char id[CONFIG_NAME_MAX + 1])
{
	size_t length = strcspn(*list, ",");

	if (**list == '\0')
		return false;
	/* A longer one is none's name. */
	snprintf(id, CONFIG_NAME_MAX + 1, "%.*s", (int)length, *list);
	*list += length + ((*list)[length] == ',');
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/metrics/metric.h"

bool metric_single_next(const void *source, struct metric_cursor *cursor,
			struct metric_entity *entity)
{
	if (cursor->outer++)
		return false;
	entity->object = source;
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the packet core reaches tables. Each dataplane brings its own "lb_tables.h", which the include
 * path chooses: dataplane/plain (plain memory) or bpf/maps (BPF maps). Both have the same structs and
 * functions, so that both run the same decisions; those of bpf/maps may return NULL.
 */
#ifndef LB_MEMORY_H
#define LB_MEMORY_H

#include "lb_tables.h"

LB_INLINE bool lb_instance_has(const struct lb_instances *instances, uint32_t index,
			       enum lb_instance_flag flag)
{
	const struct lb_instance *instance = lb_instance_at(instances, index);

	return instance && (instance->flags & flag);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of core/lb_access.h in the XDP program's maps. */
#ifndef CONTROLPLANE_XDP_ACCESS_H
#define CONTROLPLANE_XDP_ACCESS_H

#include <stdint.h>

#include "dataplane/core/lb_service.h"

/**
 * Make a map of as many words as a table has, as that of a half that no generation in use names.
 * @fd: of the map of maps. @half: 0 or 1.
 * Return: 0 or -errno; then the half is as before.
 */
int xdp_access_put(int fd, uint32_t half, const struct lb_service_table *table);

#endif

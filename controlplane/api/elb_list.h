/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_API_ELB_LIST_H
#define CONTROLPLANE_API_ELB_LIST_H

#include <stdbool.h>

#include "config/config.h"

/** The next of a list with commas between its entries. Return: false: there is none. */
bool control_elb_next(const char **list, char id[CONFIG_NAME_MAX + 1]);

#endif

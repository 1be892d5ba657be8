/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_VERSION_H
#define CONFIG_VERSION_H

#define SLUICE_VERSION "0.1.0"

#endif

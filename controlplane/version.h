/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_VERSION_H
#define CONTROLPLANE_VERSION_H

#define SLUICE_VERSION "0.1.0"

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The layout of a type as a number, from the type information (BTF) of a BPF object. */
#ifndef CONTROLPLANE_XDP_LAYOUT_H
#define CONTROLPLANE_XDP_LAYOUT_H

#include <stdint.h>

struct btf;

/**
 * Hash of a type: of its fields' names, places, sizes and kinds, and so on for the fields' own types. Names of types,
 * and other names for the same type, are not part of it.
 */
uint64_t xdp_layout_hash(const struct btf *btf, uint32_t type);

#endif

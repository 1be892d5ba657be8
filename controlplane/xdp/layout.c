/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/layout.h"

#include <bpf/btf.h>

#include "dataplane/core/lb_hash.h"

static uint64_t number(uint64_t hash, uint64_t value)
{
	return lb_hash_mix(hash * 31 + value + 1);
}

static uint64_t text(uint64_t hash, const char *name)
{
	while (*name)
		hash = number(hash, (uint8_t)*name++);
	return number(hash, 0);
}

static uint64_t type_hash(const struct btf *btf, uint32_t id, uint64_t hash);

static uint64_t fields_hash(const struct btf *btf, const struct btf_type *type, uint64_t hash)
{
	const struct btf_member *field = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		hash = text(hash, btf__name_by_offset(btf, field[i].name_off));
		hash = number(hash, btf_member_bit_offset(type, i));
		hash = number(hash, btf_member_bitfield_size(type, i));
		hash = type_hash(btf, field[i].type, hash);
	}
	return hash;
}

/* The variables of a section, as of .data.control. */
static uint64_t section_hash(const struct btf *btf, const struct btf_type *type, uint64_t hash)
{
	const struct btf_var_secinfo *variable = btf_var_secinfos(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		hash = number(hash, variable[i].offset);
		hash = type_hash(btf, btf__type_by_id(btf, variable[i].type)->type, hash);
	}
	return hash;
}

static uint64_t type_hash(const struct btf *btf, uint32_t id, uint64_t hash)
{
	int resolved = btf__resolve_type(btf, id);
	const struct btf_type *type;

	if (resolved < 0)
		return number(hash, 0);
	type = btf__type_by_id(btf, (uint32_t)resolved);
	hash = number(hash, btf_kind(type));
	if (btf_is_array(type)) {
		hash = number(hash, btf_array(type)->nelems);
		return type_hash(btf, btf_array(type)->type, hash);
	}
	if (btf_is_ptr(type))
		return hash;
	hash = number(hash, type->size);
	if (btf_is_int(type))
		return number(hash, btf_int_encoding(type));
	if (btf_is_composite(type))
		return fields_hash(btf, type, hash);
	return btf_is_datasec(type) ? section_hash(btf, type, hash) : hash;
}

uint64_t xdp_layout_hash(const struct btf *btf, uint32_t type)
{
	return type_hash(btf, type, 0);
}

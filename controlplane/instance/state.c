/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/state.h"

/* The kernel rounds the size of each CPU's value of a per-CPU map up to a multiple of this. */
#define PERCPU_ALIGN 8

_Static_assert(sizeof(struct lb_unwrap_vip) % PERCPU_ALIGN == 0, "values must be contiguous");
_Static_assert(sizeof(struct lb_unwrap_count) % PERCPU_ALIGN == 0, "values must be contiguous");

void state_init(struct lb_unwrap_state *state)
{
	memset(state, 0, sizeof(*state));
	state->magic = LB_UNWRAP_MAGIC;
	state->abi = LB_UNWRAP_ABI;
	state->gue_port = LB_UNWRAP_GUE_PORT;
}

int state_load(const struct program *program, struct lb_unwrap_state *state)
{
	__u32 key = 0;

	if (bpf_map_lookup_elem(program->state_fd, &key, state))
		return -errno;
	if (state->vip_count > LB_UNWRAP_VIP_SLOTS || state->from_count > LB_UNWRAP_FROM_SLOTS)
		return -EPROTO;
	return 0;
}

int state_store(const struct program *program, const struct lb_unwrap_state *state)
{
	__u32 key = 0;

	return bpf_map_update_elem(program->state_fd, &key, state, BPF_ANY) ? -errno : 0;
}

struct lb_unwrap_owned_addr *state_find_vip(struct lb_unwrap_state *state,
					    const struct lb_unwrap_addr *addr)
{
	for (__u32 i = 0; i < state->vip_count; i++)
		if (address_equal(&state->vips[i].addr, addr))
			return &state->vips[i];
	return NULL;
}

bool state_has_source(const struct lb_unwrap_state *state, const struct lb_unwrap_prefix *prefix)
{
	for (__u32 i = 0; i < state->from_count; i++)
		if (!memcmp(&state->from[i], prefix, sizeof(*prefix)))
			return true;
	return false;
}

void state_add_vip(struct lb_unwrap_state *state, const struct lb_unwrap_owned_addr *vip)
{
	state->vips[state->vip_count++] = *vip;
}

void state_add_source(struct lb_unwrap_state *state, const struct lb_unwrap_prefix *prefix)
{
	state->from[state->from_count++] = *prefix;
}

int state_map_vip(const struct program *program, const struct lb_unwrap_addr *vip)
{
	struct lb_unwrap_vip *zero;
	int cpus = libbpf_num_possible_cpus();
	int ret = 0;

	if (cpus < 0)
		return cpus;
	zero = calloc(cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(program->vips_fd, vip, zero, BPF_NOEXIST) && errno != EEXIST)
		ret = -errno;
	free(zero);
	return ret;
}

static int map_delete(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

int state_unmap_vip(const struct program *program, const struct lb_unwrap_addr *vip)
{
	return map_delete(program->vips_fd, vip);
}

int state_map_source(const struct program *program, const struct lb_unwrap_prefix *prefix)
{
	__u32 value = 1;

	return bpf_map_update_elem(program->from_fd, prefix, &value, BPF_ANY) ? -errno : 0;
}

int state_unmap_source(const struct program *program, const struct lb_unwrap_prefix *prefix)
{
	return map_delete(program->from_fd, prefix);
}

static void count_sum(struct lb_unwrap_count *sum, const struct lb_unwrap_count *one)
{
	sum->pkts += one->pkts;
	sum->bytes += one->bytes;
}

/* One value per possible CPU; to be freed. NULL and errno on error. */
static void *percpu_read(int fd, const void *key, size_t value_bytes, int *cpus)
{
	void *values;

	*cpus = libbpf_num_possible_cpus();
	if (*cpus < 0) {
		errno = -*cpus;
		return NULL;
	}
	values = calloc(*cpus, value_bytes);
	if (values && bpf_map_lookup_elem(fd, key, values)) {
		free(values);
		return NULL;
	}
	return values;
}

int state_read_count(const struct program *program, enum lb_unwrap_reason reason,
		     struct lb_unwrap_count *count)
{
	struct lb_unwrap_count *values;
	__u32 key = reason;
	int cpus;

	memset(count, 0, sizeof(*count));
	if (reason >= program->n_counts)
		return 0;
	values = percpu_read(program->counts_fd, &key, sizeof(*values), &cpus);
	if (!values)
		return -errno;
	for (int i = 0; i < cpus; i++)
		count_sum(count, &values[i]);
	free(values);
	return 0;
}

int state_copy_counts(const struct program *from, const struct program *to)
{
	int cpus, ret = 0;

	for (__u32 key = 0; key < from->n_counts && !ret; key++) {
		void *values =
			percpu_read(from->counts_fd, &key, sizeof(struct lb_unwrap_count), &cpus);

		if (!values || bpf_map_update_elem(to->counts_fd, &key, values, BPF_ANY))
			ret = -errno;
		free(values);
	}
	return ret;
}

int state_add_by_cpu(const struct program *program, enum lb_unwrap_reason reason, __u64 *pkts,
		     unsigned int cpus)
{
	struct lb_unwrap_count *values;
	__u32 key = reason;
	int n;

	if (reason >= program->n_counts)
		return 0;
	values = percpu_read(program->counts_fd, &key, sizeof(*values), &n);
	if (!values)
		return -errno;
	for (unsigned int i = 0; i < cpus && i < (unsigned int)n; i++)
		pkts[i] += values[i].pkts;
	free(values);
	return 0;
}

int state_read_vip(const struct program *program, const struct lb_unwrap_addr *vip,
		   struct lb_unwrap_vip *counts)
{
	struct lb_unwrap_vip *values;
	int cpus;

	memset(counts, 0, sizeof(*counts));
	values = percpu_read(program->vips_fd, vip, sizeof(*values), &cpus);
	if (!values)
		return -errno;
	for (int i = 0; i < cpus; i++) {
		count_sum(&counts->tunnel, &values[i].tunnel);
		count_sum(&counts->direct, &values[i].direct);
	}
	free(values);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "bpf/sluice_instance.skel.h"
#include "controlplane/instance/program.h"

#define PROGRAM_MAPS_MAX 16

_Static_assert(sizeof(LB_UNWRAP_PROG_NAME) <= BPF_OBJ_NAME_LEN, "the kernel would truncate it");
_Static_assert(sizeof(LB_UNWRAP_COUNTS_MAP) <= BPF_OBJ_NAME_LEN, "the kernel would truncate it");

void program_init(struct program *program)
{
	*program = (struct program){
		.prog_fd = -1,
		.reply_fd = -1,
		.state_fd = -1,
		.vips_fd = -1,
		.from_fd = -1,
		.counts_fd = -1,
		.ports_fd = -1,
		.replies_fd = -1,
	};
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void program_close(struct program *program)
{
	close_fd(&program->prog_fd);
	close_fd(&program->reply_fd);
	close_fd(&program->state_fd);
	close_fd(&program->vips_fd);
	close_fd(&program->from_fd);
	close_fd(&program->counts_fd);
	close_fd(&program->ports_fd);
	close_fd(&program->replies_fd);
}

/* Keep @fd in the field for the map's name, else close it. */
static int map_keep(struct program *program, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int *field = NULL;

	if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
		close(fd);
		return -errno;
	}
	if (!strcmp(info.name, LB_UNWRAP_STATE_MAP) &&
	    info.value_size == sizeof(struct lb_unwrap_state))
		field = &program->state_fd;
	else if (!strcmp(info.name, LB_UNWRAP_VIPS_MAP))
		field = &program->vips_fd;
	else if (!strcmp(info.name, LB_UNWRAP_FROM_MAP))
		field = &program->from_fd;
	else if (!strcmp(info.name, LB_UNWRAP_COUNTS_MAP) &&
		 info.max_entries >= LB_UNWRAP_REASONS_FIRST &&
		 info.max_entries <= LB_UNWRAP_REASON_COUNT) {
		field = &program->counts_fd;
		program->n_counts = info.max_entries;
	} else if (!strcmp(info.name, LB_UNWRAP_PORTS_MAP))
		field = &program->ports_fd;
	else if (!strcmp(info.name, LB_UNWRAP_REPLIES_MAP) &&
		 info.value_size == sizeof(struct lb_unwrap_replies))
		field = &program->replies_fd;
	if (field)
		*field = fd;
	else
		close(fd);
	return 0;
}

static int maps_open(struct program *program)
{
	__u32 ids[PROGRAM_MAPS_MAX];
	struct bpf_prog_info info = {
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (__u64)(uintptr_t)ids,
	};
	__u32 len = sizeof(info);
	int fd, ret;

	if (bpf_obj_get_info_by_fd(program->prog_fd, &info, &len))
		return -errno;
	for (__u32 i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
		fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0)
			return -errno;
		ret = map_keep(program, fd);
		if (ret)
			return ret;
	}
	return 0;
}

/* Whether it is ours, by name and by a state version that we can read. */
static int program_verify(const struct program *program)
{
	static struct lb_unwrap_state state;
	__u32 key = 0;

	if (program->state_fd < 0 || program->vips_fd < 0 || program->from_fd < 0 ||
	    program->counts_fd < 0)
		return -EPROTO;
	if (bpf_map_lookup_elem(program->state_fd, &key, &state))
		return -errno;
	if (state.magic != LB_UNWRAP_MAGIC || state.abi != LB_UNWRAP_ABI)
		return -EPROTO;
	return 0;
}

static int program_open(struct program *program, struct program_holder *holder)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int ret;

	program->prog_fd = bpf_prog_get_fd_by_id(program->id);
	if (program->prog_fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(program->prog_fd, &info, &len))
		return -errno;
	if (strcmp(info.name, LB_UNWRAP_PROG_NAME) != 0) {
		memcpy(holder->name, info.name, sizeof(holder->name));
		holder->id = program->id;
		return -EBUSY;
	}
	ret = maps_open(program);
	return ret ? ret : program_verify(program);
}

int program_find(int ifindex, struct program *program, struct program_holder *holder)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int ret;

	program_init(program);
	ret = bpf_xdp_query(ifindex, 0, &query);
	if (ret)
		return ret;
	if (query.attach_mode == XDP_ATTACHED_NONE)
		return -ENOENT;
	program->mode = query.skb_prog_id ? PROGRAM_GENERIC : PROGRAM_NATIVE;
	program->id = query.skb_prog_id ? query.skb_prog_id : query.drv_prog_id;
	if (!program->id)
		program->id = query.hw_prog_id;
	ret = program_open(program, holder);
	if (ret)
		program_close(program);
	return ret;
}

int program_open_reply(struct program *program, __u32 id)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int ret = 0;

	program_init(program);
	program->prog_fd = bpf_prog_get_fd_by_id(id);
	if (program->prog_fd < 0 || bpf_obj_get_info_by_fd(program->prog_fd, &info, &len))
		ret = -errno;
	else if (strcmp(info.name, LB_UNWRAP_REPLY_NAME) != 0)
		ret = -EPROTO;
	if (!ret)
		ret = maps_open(program);
	if (!ret && program->replies_fd < 0)
		ret = -EPROTO;
	if (ret)
		program_close(program);
	return ret;
}

static int skeleton_share_maps(struct sluice_instance *skel, const struct program *maps)
{
	int ret;

	ret = bpf_map__reuse_fd(skel->maps.instance_state, maps->state_fd);
	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.instance_vips, maps->vips_fd);
	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.instance_from, maps->from_fd);
	if (!ret && maps->n_counts == LB_UNWRAP_REASON_COUNT)
		ret = bpf_map__reuse_fd(skel->maps.instance_counts, maps->counts_fd);
	if (!ret && maps->ports_fd >= 0)
		ret = bpf_map__reuse_fd(skel->maps.instance_ports, maps->ports_fd);
	if (!ret && maps->replies_fd >= 0)
		ret = bpf_map__reuse_fd(skel->maps.instance_reply, maps->replies_fd);
	return ret;
}

static int dup_fd(int *to, int from)
{
	*to = fcntl(from, F_DUPFD_CLOEXEC, 3);
	return *to < 0 ? -errno : 0;
}

/* The skeleton closes its descriptors when it is destroyed; keep copies. */
static int skeleton_take(struct program *program, const struct sluice_instance *skel)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int ret;

	ret = dup_fd(&program->prog_fd, bpf_program__fd(skel->progs.sluice_instance));
	if (!ret)
		ret = dup_fd(&program->state_fd, bpf_map__fd(skel->maps.instance_state));
	if (!ret)
		ret = dup_fd(&program->vips_fd, bpf_map__fd(skel->maps.instance_vips));
	if (!ret)
		ret = dup_fd(&program->from_fd, bpf_map__fd(skel->maps.instance_from));
	if (!ret)
		ret = dup_fd(&program->counts_fd, bpf_map__fd(skel->maps.instance_counts));
	if (!ret)
		ret = dup_fd(&program->ports_fd, bpf_map__fd(skel->maps.instance_ports));
	if (!ret)
		ret = dup_fd(&program->replies_fd, bpf_map__fd(skel->maps.instance_reply));
	if (!ret)
		ret = dup_fd(&program->reply_fd, bpf_program__fd(skel->progs.sluice_reply));
	if (!ret && bpf_obj_get_info_by_fd(program->prog_fd, &info, &len))
		ret = -errno;
	program->id = info.id;
	program->n_counts = LB_UNWRAP_REASON_COUNT;
	return ret;
}

int program_load(struct program *program, const struct program *maps, bool frags)
{
	struct sluice_instance *skel;
	int ret = 0;

	program_init(program);
	skel = sluice_instance__open();
	if (!skel)
		return -errno;
	skel->rodata->lb_frags = frags;
	if (frags)
		ret = bpf_program__set_flags(skel->progs.sluice_instance, BPF_F_XDP_HAS_FRAGS);
	if (!ret && maps)
		ret = skeleton_share_maps(skel, maps);
	if (!ret)
		ret = sluice_instance__load(skel);
	if (!ret)
		ret = skeleton_take(program, skel);
	sluice_instance__destroy(skel);
	if (ret)
		program_close(program);
	return ret;
}

static __u32 mode_flags(enum program_mode mode)
{
	return mode == PROGRAM_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

int program_attach(struct program *program, int ifindex, enum program_mode mode)
{
	int ret = bpf_xdp_attach(ifindex, program->prog_fd,
				 mode_flags(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);

	if (!ret)
		program->mode = mode;
	return ret;
}

int program_replace(struct program *program, int ifindex, const struct program *old)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old->prog_fd);
	int ret = bpf_xdp_attach(ifindex, program->prog_fd,
				 mode_flags(old->mode) | XDP_FLAGS_REPLACE, &opts);

	if (!ret)
		program->mode = old->mode;
	return ret;
}

int program_detach(const struct program *program, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = program->prog_fd);

	return bpf_xdp_detach(ifindex, mode_flags(program->mode) | XDP_FLAGS_REPLACE, &opts);
}

bool program_same_code(const struct program *a, const struct program *b)
{
	struct bpf_prog_info info_a = {}, info_b = {};
	__u32 len_a = sizeof(info_a), len_b = sizeof(info_b);

	if (bpf_obj_get_info_by_fd(a->prog_fd, &info_a, &len_a) ||
	    bpf_obj_get_info_by_fd(b->prog_fd, &info_b, &len_b))
		return false;
	return !memcmp(info_a.tag, info_b.tag, sizeof(info_a.tag));
}

const char *program_mode_name(enum program_mode mode)
{
	return mode == PROGRAM_GENERIC ? "generic" : "native";
}

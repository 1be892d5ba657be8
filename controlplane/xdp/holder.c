/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/holder.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#define LIBXDP_DISPATCHER "xdp_dispatcher"

static int name_read(struct xdp_holder *h)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(h->id), err;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return err;
	if (!info.name[0])
		snprintf(info.name, sizeof(info.name), "unknown");
	memcpy(h->name, info.name, sizeof(h->name));
	return 0;
}

int xdp_holder_find(int ifindex, struct xdp_holder *h)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int err = bpf_xdp_query(ifindex, 0, &query);

	*h = (struct xdp_holder){ .id = 0 };
	if (err || !query.prog_id)
		return err;
	h->id = query.prog_id;
	h->ifindex = (uint32_t)ifindex;
	h->is_generic = query.attach_mode == XDP_ATTACHED_SKB;
	if (!if_indextoname((unsigned int)ifindex, h->iface))
		h->iface[0] = '\0';
	err = name_read(h);
	h->is_dispatcher = strcmp(h->name, LIBXDP_DISPATCHER) == 0;
	return err ? err : 1;
}

/* Whether a link holds the program on the hook: then only its owner can remove it. */
static bool is_by_link(const struct xdp_holder *h)
{
	struct bpf_link_info info;
	uint32_t id = 0, len;
	bool is_it = false;

	while (!is_it && bpf_link_get_next_id(id, &id) == 0) {
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		is_it = bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
			info.type == BPF_LINK_TYPE_XDP && info.prog_id == h->id &&
			info.xdp.ifindex == h->ifindex;
		close(fd);
	}
	return is_it;
}

void xdp_holder_say(const struct xdp_holder *h, const char *others, const char *refusal, char *why,
		    size_t size)
{
	const char *mode = h->is_generic ? "generic" : "native";
	bool by_link = is_by_link(h);

	if (h->is_dispatcher)
		snprintf(why, size,
			 "the XDP hook is held by libxdp's dispatcher (id %u, %s mode)%s%.60s; "
			 "%.110s; free it with 'xdp-loader unload %s --all'",
			 h->id, mode, others[0] ? " for " : "", others, refusal, h->iface);
	else if (by_link)
		snprintf(
			why, size,
			"the XDP hook is held by program '%s' (id %u, %s mode, by a link); free it by "
			"ending the process that holds the link, or removing the link's pin",
			h->name, h->id, mode);
	else
		snprintf(why, size,
			 "the XDP hook is held by program '%s' (id %u, %s mode); free it with 'ip "
			 "link set dev %s xdp%s off'",
			 h->name, h->id, mode, h->iface, h->is_generic ? "generic" : "");
}

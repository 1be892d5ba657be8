/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "controlplane/xdp/dispatcher.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/maps.h"
#include "controlplane/xdp/pins.h"

/*
 * Our link is on the hook already: replace its program. -ENOLINK if it is on no interface, or
 * another one.
 */
static int link_replace(struct xdp_object *o, int ifindex, const char *path)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path);
	int err;

	if (fd < 0)
		return fd == -ENOENT ? -ENOLINK : fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (!err && info.xdp.ifindex != (uint32_t)ifindex)
		err = -ENOLINK;
	if (!err)
		err = bpf_link_update(fd, bpf_program__fd(xdp_object_program(o)), NULL);
	close(fd);
	if (err == -ENOLINK)
		unlink(path);
	return err;
}

static int link_make(struct xdp_object *o, int ifindex, uint32_t flags, const char *path)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(bpf_program__fd(xdp_object_program(o)), ifindex, BPF_XDP, &opts);
	int err;

	if (fd < 0)
		return fd;
	err = bpf_obj_pin(fd, path);
	close(fd);
	return err;
}

static enum xdp_object_mode mode_query(int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query(ifindex, 0, &query))
		return XDP_OBJECT_NONE;
	return query.attach_mode == XDP_ATTACHED_SKB ? XDP_OBJECT_GENERIC : XDP_OBJECT_NATIVE;
}

static void why_generic(struct xdp_object *o, int native)
{
	char mtu[40] = "";

	if (o->mtu > XDP_OBJECT_MTU_ONE_BUFFER)
		snprintf(mtu, sizeof(mtu), " with an MTU of %u", o->mtu);
	xdp_object_why(
		o,
		"the driver does not support native XDP%s (%s); generic mode costs more CPU per packet",
		mtu, strerror(native));
}

static int link_attach(struct xdp_object *o, int ifindex, const char *path)
{
	int native = link_make(o, ifindex, XDP_FLAGS_DRV_MODE, path), err = native;

	if (err && err != -EBUSY && err != -EEXIST) {
		err = link_make(o, ifindex, XDP_FLAGS_SKB_MODE, path);
		if (!err)
			why_generic(o, -native);
	}
	return err == -EEXIST ? -EBUSY : err;
}

/* libxdp's dispatcher has the hook. */
static int dispatcher_join(struct xdp_object *o, int ifindex)
{
	char path[LB_PIN_PATH_MAX];
	const struct xdp_dispatcher dispatcher = {
		.ifindex = ifindex, .pin = path, .log_path = o->log_path, .frags = o->frags
	};
	char said[XDP_OBJECT_WHY_MAX], before[XDP_OBJECT_WHY_MAX];
	int err;

	if (!o->is_behind)
		return -EAGAIN;
	xdp_object_pin(o, XDP_PIN_DOOR, path);
	err = xdp_dispatcher_join(&dispatcher, bpf_program__fd(xdp_object_program(o)), said,
				  sizeof(said));
	o->is_joined = !err;
	memcpy(before, o->why, sizeof(before));
	if (!err && before[0])
		xdp_object_why(o, "%.150s; %.160s", before, said);
	else
		xdp_object_why(o, "%s", said);
	return err;
}

/* Another program has the hook, and it cannot be shared. */
static int hook_refuse(struct xdp_object *o, int ifindex)
{
	xdp_dispatcher_refuse(ifindex, "node.dataplane: auto needs the hook for itself (AF_XDP)",
			      o->why, sizeof(o->why));
	return -EBUSY;
}

static int hook_take(struct xdp_object *o, int ifindex)
{
	struct xdp_holder holder;
	char path[LB_PIN_PATH_MAX];
	int err, found;

	xdp_object_pin(o, LB_PIN_LINK, path);
	err = link_replace(o, ifindex, path);
	if (err != -ENOLINK)
		return err;
	found = xdp_holder_find(ifindex, &holder);
	if (found < 0)
		return found;
	if (!found) {
		/*
		 * Without the flag that a dispatcher sets for this, the driver would not attach it
		 * natively.
		 */
		if (o->is_behind && o->mtu > XDP_OBJECT_MTU_ONE_BUFFER)
			return -EAGAIN;
		err = link_attach(o, ifindex, path);
		return err == -EBUSY ? hook_refuse(o, ifindex) : err;
	}
	if (holder.is_dispatcher && !o->has_handover)
		return dispatcher_join(o, ifindex);
	return hook_refuse(o, ifindex);
}

int xdp_hook_attach(struct xdp_object *o, int ifindex)
{
	int err;

	o->is_joined = false;
	err = hook_take(o, ifindex);
	if (!err)
		o->mode = mode_query(ifindex);
	else if (err == -EAGAIN)
		xdp_object_why(o, "the XDP hook changed its owner; the program is loaded again");
	else if (err != -EBUSY)
		xdp_object_why(o, "no XDP program can be attached to the interface: %s",
			       strerror(-err));
	return err;
}

void xdp_hook_detach(struct xdp_object *o, int ifindex)
{
	char path[LB_PIN_PATH_MAX];
	int fd;

	xdp_object_pin(o, LB_PIN_LINK, path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	unlink(path);
	xdp_object_pin(o, XDP_PIN_DOOR, path);
	xdp_dispatcher_leave(ifindex, path);
	xdp_maps_unpin(o);
	rmdir(o->pin_dir);
	o->mode = XDP_OBJECT_NONE;
}

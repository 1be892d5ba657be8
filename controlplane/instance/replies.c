/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "controlplane/instance/replies.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/rtnl.h"

#define IP4_HEADER_BYTES 20
#define IP6_HEADER_BYTES 40
#define TCP_HEADER_BYTES 20
#define GUE_HEADER_BYTES 12 /* UDP's included */

__u16 replies_mss(int mtu, int family)
{
	int mss = mtu - IP6_HEADER_BYTES - GUE_HEADER_BYTES - TCP_HEADER_BYTES -
		  (family == 6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES);

	return mss < 1 ? 0 : mss > 65535 ? 65535 : (__u16)mss;
}

static struct bpf_tc_hook hook_of(int ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = BPF_TC_EGRESS,
	};
}

static struct bpf_tc_opts filter_of(void)
{
	return (struct bpf_tc_opts){
		.sz = sizeof(struct bpf_tc_opts),
		.handle = LB_UNWRAP_TC_HANDLE,
		.priority = LB_UNWRAP_TC_PRIORITY,
	};
}

/* The program of the filter in our place; 0: none, or another one. @program: its maps are open. */
static __u32 filter_open(int ifindex, struct program *program)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_tc_opts filter = filter_of();

	program_init(program);
	if (bpf_tc_query(&hook, &filter) || program_open_reply(program, filter.prog_id))
		return 0;
	return filter.prog_id;
}

bool replies_is_there(int ifindex)
{
	struct program program;
	bool is_there = filter_open(ifindex, &program);

	program_close(&program);
	return is_there;
}

/*
 * The qdisc clsact, which holds filters, may be somebody else's. That it is ours is recorded before
 * it is.
 */
static int qdisc_put(struct bpf_tc_hook *hook, const struct program *program)
{
	struct bpf_tc_opts filter = filter_of();
	int ret;

	if (bpf_tc_query(hook, &filter) != -EINVAL) /* of a link without it */
		return 0;
	ret = ports_record_qdisc(program, true);
	if (!ret)
		ret = bpf_tc_hook_create(hook);
	return ret == -EEXIST ? ports_record_qdisc(program, false) : ret;
}

static int filter_put(int ifindex, const struct program *program)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_tc_opts filter = filter_of();
	int ret = qdisc_put(&hook, program);

	if (ret)
		return ret;
	filter.prog_fd = program->reply_fd;
	filter.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &filter);
}

static int filter_take_off(int ifindex, const struct program *program)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_tc_opts filter = filter_of();
	int ret = bpf_tc_detach(&hook, &filter);

	if (ret && ret != -ENOENT && ret != -EINVAL) /* no such filter; no such qdisc */
		return ret;
	if (!ports_added_qdisc(program) || rtnl_filters_count(ifindex) != 0)
		return 0;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* both: the qdisc */
	ret = bpf_tc_hook_destroy(&hook);
	if (ret && ret != -ENOENT && ret != -EINVAL)
		return ret;
	return ports_record_qdisc(program, false);
}

int replies_take_off(int ifindex)
{
	struct program program;
	int ret = -ENOENT;

	if (filter_open(ifindex, &program))
		ret = filter_take_off(ifindex, &program);
	program_close(&program);
	return ret;
}

int replies_change(const char *iface, int ifindex, const struct program *program,
		   const struct ports *next)
{
	int ret;

	if (program->replies_fd < 0 && !ports_are_set(next))
		return 0; /* attached by a version without */
	if (ports_are_set(next)) {
		report_capture_reset();
		ret = filter_put(ifindex, program);
		if (ret) {
			report_error("%s takes no filter at tc egress: %s%s%s", iface,
				     strerror(-ret), *report_kernel_reason() ? ": " : "",
				     report_kernel_reason());
			return 1;
		}
	}
	ret = ports_change(program, next);
	if (!ret && !ports_are_set(next))
		ret = filter_take_off(ifindex, program);
	if (ret)
		report_error("can't change the port mapping of %s: %s", iface, strerror(-ret));
	return ret ? 1 : 0;
}

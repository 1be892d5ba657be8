/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.skel.h"
#include "config/base/memory.h"
#include "controlplane/xdp/capture.h"
#include "controlplane/xdp/grace.h"
#include "controlplane/xdp/log.h"
#include "controlplane/xdp/maps.h"
#include "controlplane/xdp/size.h"

#define LOG_BYTES (1u << 20)

static void why_refused(struct xdp_object *o, const struct xdp_object_options *opt, int err,
			const char *log)
{
	bool kept = xdp_log_save(opt->log_path, log);
	struct utsname uts;

	if (xdp_object_may_work(err))
		xdp_object_why(o, "the XDP program cannot be loaded now: %s", strerror(-err));
	else if (err == -EPERM)
		xdp_object_why(
			o, "loading the XDP program needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
	else if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, NULL) ==
			 0 &&
		 uname(&uts) == 0)
		xdp_object_why(o, "kernel %.40s is too old for the XDP dataplane, which needs 5.15",
			       uts.release);
	else
		xdp_object_why(o, "the kernel refuses the XDP program: %s%s%s", strerror(-err),
			       kept ? "; verifier log: " : "", kept ? opt->log_path : "");
}

/* Programs and maps that only the other kind of node needs are not created. */
static void kind_set(struct xdp_object *o, const struct xdp_object_options *opt)
{
	struct sluice_xdp *skel = o->skel;

	o->has_handover = opt->has_handover;
	bpf_program__set_autoload(skel->progs.sluice_xdp, !o->has_handover);
	bpf_program__set_autoload(skel->progs.sluice_xdp_sweep, !o->has_handover);
	bpf_program__set_autoload(skel->progs.xsk_def_prog, o->has_handover);
	bpf_program__set_autoload(skel->progs.lb_sweep_handover, o->has_handover);
	xdp_maps_choose(o);
	skel->rodata->lb_xdp_frags = o->frags;
	skel->rodata->lb_xdp_shared = true;
	/* A door has neither type nor flag, and its target must match (kernel, map->owner). */
	if (o->is_behind)
		bpf_program__set_expected_attach_type(xdp_object_program(o), 0);
	else if (o->frags)
		bpf_program__set_flags(xdp_object_program(o), BPF_F_XDP_HAS_FRAGS);
}

static int load_once(struct xdp_object *o, const struct xdp_object_options *opt, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log,
		    .kernel_log_size = LOG_BYTES);
	uint32_t pinned = opt->anew ? 0 : xdp_maps_pinned_queues(o);
	int err;

	o->skel = sluice_xdp__open_opts(&opts);
	if (!o->skel)
		return -errno;
	kind_set(o, opt);
	/* Keeping the flows takes precedence over the current number of queues. */
	xdp_size_set(o, opt, pinned ? pinned : opt->queues);
	err = xdp_maps_adopt(o, xdp_size_layout(o), opt->anew);
	if (!o->adopted)
		xdp_size_set(o, opt, opt->queues);
	/* Now, since loading removes the types of maps that have none in the kernel, as of xsks. */
	o->layout = xdp_size_layout(o);
	if (!err)
		err = xdp_size_check_memory(o, opt->meminfo ? opt->meminfo : MEMORY_MEMINFO);
	if (!err)
		err = sluice_xdp__load(o->skel);
	return err;
}

/* A kernel before 5.18 does not support frames of several buffers. */
static int load(struct xdp_object *o, const struct xdp_object_options *opt, char *log)
{
	int err;

	o->mtu = opt->mtu;
	o->is_behind = opt->is_behind;
	o->frags = opt->is_behind || opt->mtu > XDP_OBJECT_MTU_ONE_BUFFER;
	err = load_once(o, opt, log);
	if (err && o->frags) {
		sluice_xdp__destroy(o->skel);
		o->frags = false;
		err = load_once(o, opt, log);
		if (!err && opt->mtu > XDP_OBJECT_MTU_ONE_BUFFER)
			xdp_object_why(o, "multi-buffer frames need kernel 5.18");
	}
	return err;
}

static uint32_t region_of(const struct xdp_object_options *opt, uint32_t regions, uint32_t cpu)
{
	if (opt->has_handover) /* @cpu: a queue, or past the queues a CPU */
		return cpu < regions ? cpu : LB_XDP_REGION_NONE;
	for (uint32_t i = 0; i < opt->cpu_count; i++)
		if (opt->cpus[i] == cpu)
			return i;
	return LB_XDP_REGION_NONE;
}

/* A region has one writer: a CPU that loses its region is past it before another one gets it. */
static void regions_give(struct xdp_object *o, const struct xdp_object_options *opt)
{
	bool taken = false;

	for (uint32_t cpu = 0; cpu < o->n_cpus; cpu++) {
		uint32_t *region = &o->cpus[cpu].region;

		if (o->adopted && *region == region_of(opt, o->regions, cpu))
			continue;
		__atomic_store_n(region, LB_XDP_REGION_NONE, __ATOMIC_RELEASE);
		taken |= o->adopted;
	}
	if (taken)
		(void)xdp_grace_wait();
	for (uint32_t cpu = 0; cpu < o->n_cpus; cpu++)
		__atomic_store_n(&o->cpus[cpu].region, region_of(opt, o->regions, cpu),
				 __ATOMIC_RELEASE);
	for (uint32_t queue = 0; o->has_handover && !o->adopted && queue < o->regions; queue++)
		o->queues[queue].by_xdp = 1; /* initially, which is no takeover */
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

bool xdp_object_may_work(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN;
}

bool xdp_object_suits(const struct xdp_object *o, uint32_t mtu)
{
	return (mtu > XDP_OBJECT_MTU_ONE_BUFFER) == (o->mtu > XDP_OBJECT_MTU_ONE_BUFFER);
}

int xdp_object_open(struct xdp_object *o, const struct xdp_object_options *opt)
{
	libbpf_print_fn_t before = libbpf_set_print(quiet);
	char *log = calloc(1, LOG_BYTES);
	int err = -ENOMEM;

	memset(o, 0, sizeof(*o));
	snprintf(o->pin_dir, sizeof(o->pin_dir), "%s", opt->pin_dir);
	snprintf(o->log_path, sizeof(o->log_path), "%s", opt->log_path ? opt->log_path : "");
	if (!log)
		goto out;
	err = mkdir(o->pin_dir, 0700) && errno != EEXIST ? -errno : 0;
	if (err) {
		xdp_object_why(o, "%s: %s; is a BPF file system mounted?", o->pin_dir,
			       strerror(-err));
		goto out;
	}
	err = load(o, opt, log);
	if (err) {
		if (!o->why[0] || err != -ENOMEM)
			why_refused(o, opt, err, log);
		goto out;
	}
	err = xdp_maps_view(o);
	if (err) {
		xdp_object_why(o, "the maps cannot be mapped: %s", strerror(-err));
		goto out;
	}
	regions_give(o, opt);
	o->control->magic = LB_XDP_MAGIC;
	o->control->tags_kept = o->kept_tags;
	o->control->layout = o->layout;
	err = o->adopted ? 0 : xdp_maps_pin(o);
	if (err)
		xdp_object_why(o, "the maps cannot be pinned: %s", strerror(-err));
out:
	if (err)
		xdp_object_close(o);
	free(log);
	libbpf_set_print(before);
	return err;
}

void xdp_object_close(struct xdp_object *o)
{
	if (!o->skel)
		return;
	xdp_capture_close(o);
	xdp_maps_unview(o);
	sluice_xdp__destroy(o->skel);
	o->skel = NULL;
}

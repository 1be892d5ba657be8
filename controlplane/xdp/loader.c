/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/loader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "bpf/sluice_xdp.skel.h"
#include "config/memory.h"
#include "controlplane/xdp/dispatcher.h"
#include "controlplane/xdp/grace.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/log.h"
#include "controlplane/xdp/pins.h"

#define LOG_BYTES (1u << 20)
#define BUCKETS_MIN 64
#define MTU_ONE_BUFFER                                                                             \
	3498	      /* a page without headroom, Ethernet and VLAN headers, skb_shared_info */
#define POOL_TABLES 3 /* current, previous, and the one being filled */

__attribute__((format(printf, 2, 3))) static void why_set(struct xdp_object *o, const char *format,
							  ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->why, sizeof(o->why), format, args);
	va_end(args);
}

static void pin_path(const struct xdp_object *o, const char *name, char *path)
{
	snprintf(path, LB_PIN_PATH_MAX, "%s/%s", o->pin_dir, name);
}

static struct {
	const char *name; /* of the pin */
	size_t map;	  /* offset in sluice_xdp.maps */
	bool paired;	  /* only on a paired node */
} const pins[] = {
	{ "control", offsetof(struct sluice_xdp, maps.data_control) },
	{ "services", offsetof(struct sluice_xdp, maps.xdp_services) },
	{ "instances", offsetof(struct sluice_xdp, maps.xdp_instances) },
	{ "slots", offsetof(struct sluice_xdp, maps.xdp_slots) },
	{ LB_PIN_FLOWS, offsetof(struct sluice_xdp, maps.xdp_flows) },
	{ "cpus", offsetof(struct sluice_xdp, maps.xdp_cpus) },
	{ LB_PIN_COUNTS, offsetof(struct sluice_xdp, maps.xdp_counts) },
	{ LB_PIN_QUEUES, offsetof(struct sluice_xdp, maps.xdp_queues), true },
	{ LB_PIN_WORKERS, offsetof(struct sluice_xdp, maps.xdp_workers), true },
	{ "xsks", offsetof(struct sluice_xdp, maps.xsks_map), true },
};

#define PIN_COUNT (sizeof(pins) / sizeof(pins[0]))

static struct bpf_map *pinned_map(const struct xdp_object *o, size_t i)
{
	return *(struct bpf_map **)((char *)o->skel + pins[i].map);
}

static struct bpf_program *program(const struct xdp_object *o)
{
	return o->paired ? o->skel->progs.xsk_def_prog : o->skel->progs.sluice_xdp;
}

/* ---- Sizes ---- */

/* Programs and maps that only the other kind of node needs are not created. */
static void kind_set(struct xdp_object *o)
{
	struct sluice_xdp *skel = o->skel;

	bpf_program__set_autoload(skel->progs.sluice_xdp, !o->paired);
	bpf_program__set_autoload(skel->progs.sluice_xdp_sweep, !o->paired);
	bpf_program__set_autoload(skel->progs.xsk_def_prog, o->paired);
	bpf_program__set_autoload(skel->progs.lb_sweep_paired, o->paired);
	for (size_t i = 0; i < PIN_COUNT; i++)
		if (pins[i].paired)
			bpf_map__set_autocreate(pinned_map(o, i), o->paired);
	bpf_map__set_max_entries(skel->maps.xdp_queues, o->regions);
	bpf_map__set_max_entries(skel->maps.xdp_workers, o->n_workers + 1);
	bpf_map__set_max_entries(skel->maps.xsks_map, o->regions);
}

/* Number of queues in the pinned maps, or 0. */
static uint32_t pinned_queues(const struct xdp_object *o)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[LB_PIN_PATH_MAX];
	int fd;

	pin_path(o, LB_PIN_QUEUES, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.max_entries = 0;
	close(fd);
	return info.max_entries;
}

/* One for each CPU; beside a DPDK process one for each queue, including queues without a worker. */
static uint32_t regions_choose(const struct xdp_object_options *opt, uint32_t queues)
{
	if (!opt->paired || queues < opt->cpu_count)
		return opt->cpu_count;
	return queues < LB_XDP_REGIONS_MAX ? queues : LB_XDP_REGIONS_MAX;
}

/* @queues: number of queues that get a region, on a paired node. */
static void sizes_set(struct xdp_object *o, const struct xdp_object_options *opt, uint32_t queues)
{
	struct sluice_xdp *skel = o->skel;
	uint64_t buckets;

	o->paired = opt->paired;
	memcpy(o->cpu_of, opt->cpus, opt->cpu_count * sizeof(*opt->cpus));
	o->regions = regions_choose(opt, queues);
	buckets = ((uint64_t)opt->flows * 2 / 5 + o->regions - 1) / o->regions;
	o->n_workers = o->paired ? opt->cpu_count : 0;
	o->n_cpus = (uint32_t)libbpf_num_possible_cpus() + (o->paired ? o->regions : 0);
	o->n_counts = o->n_cpus + o->n_workers;
	o->n_buckets = buckets < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)buckets;
	o->pool_lines = (opt->pool_slots + LB_XDP_LINE_SLOTS - 1) / LB_XDP_LINE_SLOTS;
	skel->rodata->lb_xdp_buckets = o->n_buckets;
	skel->rodata->lb_xdp_regions = o->regions;
	skel->rodata->lb_xdp_worker_rows = o->n_cpus;
	skel->rodata->lb_xdp_frags = o->frags;
	skel->rodata->lb_xdp_shared = true;
	/* A door has neither type nor flag, and its target must match (kernel, map->owner). */
	if (o->is_behind)
		bpf_program__set_expected_attach_type(program(o), 0);
	else if (o->frags)
		bpf_program__set_flags(program(o), BPF_F_XDP_HAS_FRAGS);
	bpf_map__set_max_entries(skel->maps.xdp_flows, o->regions * o->n_buckets);
	bpf_map__set_max_entries(skel->maps.xdp_cpus, o->n_cpus);
	bpf_map__set_max_entries(skel->maps.xdp_counts, o->n_counts * LB_XDP_INSTANCES_MAX);
	bpf_map__set_max_entries(skel->maps.xdp_slots, opt->pools * POOL_TABLES * o->pool_lines);
	kind_set(o);
}

/* A number that changes with the layout of a map, or with what determines a flow's place. */
static uint32_t layout_hash(const struct xdp_object *o)
{
	const uint64_t part[] = {
		LB_XDP_ABI,
		sizeof(struct lb_xdp_control),
		sizeof(struct lb_xdp_cpu),
		sizeof(struct lb_bucket),
		sizeof(struct lb_instance),
		sizeof(struct lb_service),
		o->n_buckets,
		o->regions,
		o->pool_lines,
		LB_DROP_COUNT,
		LB_FLOW_TICK_MS,
		o->paired,
		sizeof(struct lb_handover),
	};
	uint64_t x = LB_XDP_MAGIC;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		x = lb_hash_mix(x * 31 + part[i]);
	return (uint32_t)x | 1;
}

/* ---- Pinned objects ---- */

/* Return: 1, 0; -errno: unknown. */
static int map_fits(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	return err ? err
		   : info.value_size == bpf_map__value_size(map) &&
			       info.max_entries == bpf_map__max_entries(map);
}

/*
 * The layout that the pinned maps were created for, or 0. A wrong layout loses the flows, so it is
 * never guessed.
 * Return: 0; -errno: unknown.
 */
static int pinned_layout(struct xdp_object *o, uint32_t *layout)
{
	static struct lb_xdp_control control;
	char path[LB_PIN_PATH_MAX];
	uint32_t zero = 0, found = 0;

	*layout = 0;
	for (size_t i = 0; i < PIN_COUNT; i++) {
		int fd, fits;

		if (pins[i].paired && !o->paired)
			continue;
		pin_path(o, pins[i].name, path);
		fd = bpf_obj_get(path);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		fits = map_fits(fd, pinned_map(o, i));
		if (i == 0 && fits > 0 && bpf_map_lookup_elem(fd, &zero, &control) == 0 &&
		    control.magic == LB_XDP_MAGIC) {
			found = control.layout;
			o->predecessor = control.boot_id;
			o->kept_tags = control.tags_kept;
		}
		close(fd);
		if (fits <= 0)
			return fits;
	}
	*layout = found;
	return 0;
}

static void maps_unpin(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];

	for (size_t i = 0; i < PIN_COUNT; i++) {
		pin_path(o, pins[i].name, path);
		unlink(path);
	}
}

/* Whether any map is pinned: an incomplete set is useless, and must not be mixed with new maps. */
static bool maps_are_there(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];

	for (size_t i = 0; i < PIN_COUNT; i++) {
		pin_path(o, pins[i].name, path);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Adopted maps are opened by their pins. New maps are pinned once the program is loaded. */
static int pins_prepare(struct xdp_object *o, bool anew)
{
	char path[LB_PIN_PATH_MAX];
	bool there = !anew && maps_are_there(o);
	uint32_t layout = 0;
	int err = there ? pinned_layout(o, &layout) : 0;

	if (err)
		return err;
	o->adopted = there && layout == layout_hash(o);
	if (there && !o->adopted)
		why_set(o,
			"the flow table has another layout or size than before; it begins empty");
	for (size_t i = 0; o->adopted && i < PIN_COUNT; i++) {
		if (pins[i].paired && !o->paired)
			continue;
		pin_path(o, pins[i].name, path);
		if (bpf_map__set_pin_path(pinned_map(o, i), path))
			return -ENOMEM;
	}
	return 0;
}

/* Replaces the pins of other maps, if there are any. */
static int maps_pin(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];
	int err = 0;

	maps_unpin(o);
	for (size_t i = 0; i < PIN_COUNT && !err; i++) {
		if (pins[i].paired && !o->paired)
			continue;
		pin_path(o, pins[i].name, path);
		err = bpf_obj_pin(bpf_map__fd(pinned_map(o, i)), path);
	}
	return err;
}

/* ---- Loading ---- */

static void why_refused(struct xdp_object *o, const struct xdp_object_options *opt, int err,
			const char *log)
{
	bool kept = xdp_log_save(opt->log_path, log);
	struct utsname uts;

	if (xdp_object_may_work(err))
		why_set(o, "the XDP program cannot be loaded now: %s", strerror(-err));
	else if (err == -EPERM)
		why_set(o, "loading the XDP program takes CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
	else if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, NULL) ==
			 0 &&
		 uname(&uts) == 0)
		why_set(o, "kernel %.40s is too old for the XDP dataplane; 5.15 is the oldest",
			uts.release);
	else
		why_set(o, "the kernel refuses the XDP program: %s%s%s", strerror(-err),
			kept ? "; its log is in " : "", kept ? opt->log_path : "");
}

/* The kernel would reclaim the memory from other programs, and kill some. */
static int memory_check(struct xdp_object *o, const char *meminfo)
{
	uint64_t needed_mb = ((uint64_t)o->regions * o->n_buckets * sizeof(struct lb_bucket)) >> 20;
	struct memory memory;

	(void)memory_read(meminfo, &memory);
	if (o->adopted || needed_mb <= memory.takeable_mb)
		return 0;
	why_set(o,
		"node.flows needs %" PRIu64 " MB, and %" PRIu64
		" MB of memory are available, of which %" PRIu64
		" MB have to stay for other programs; lower node.flows, or add memory",
		needed_mb, memory.available_mb, memory.available_mb - memory.takeable_mb);
	return -ENOMEM;
}

static int load_once(struct xdp_object *o, const struct xdp_object_options *opt, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log,
		    .kernel_log_size = LOG_BYTES);
	uint32_t pinned = opt->anew ? 0 : pinned_queues(o);
	int err;

	o->skel = sluice_xdp__open_opts(&opts);
	if (!o->skel)
		return -errno;
	/* Keeping the flows takes precedence over the current number of queues. */
	sizes_set(o, opt, pinned ? pinned : opt->queues);
	err = pins_prepare(o, opt->anew);
	if (!o->adopted)
		sizes_set(o, opt, opt->queues);
	if (!err)
		err = memory_check(o, opt->meminfo ? opt->meminfo : MEMORY_MEMINFO);
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
	o->frags = opt->is_behind || opt->mtu > MTU_ONE_BUFFER;
	err = load_once(o, opt, log);
	if (err && o->frags) {
		sluice_xdp__destroy(o->skel);
		o->frags = false;
		err = load_once(o, opt, log);
		if (!err && opt->mtu > MTU_ONE_BUFFER)
			why_set(o, "this kernel takes no frames of several buffers; 5.18 does");
	}
	return err;
}

static void *view(const struct bpf_map *map)
{
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		memory = NULL;
	return memory;
}

static void unview(const struct bpf_map *map, const void *memory)
{
	if (memory)
		munmap((void *)(uintptr_t)memory,
		       (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map));
}

static int views_make(struct xdp_object *o)
{
	struct sluice_xdp *skel = o->skel;

	/* Not the skeleton's own view: libbpf 1.5 maps private memory for adopted maps. */
	o->control = view(skel->maps.data_control);
	o->services = view(skel->maps.xdp_services);
	o->instances = view(skel->maps.xdp_instances);
	o->slots = view(skel->maps.xdp_slots);
	o->flows = view(skel->maps.xdp_flows);
	o->cpus = view(skel->maps.xdp_cpus);
	o->counts = view(skel->maps.xdp_counts);
	if (o->paired) {
		o->queues = view(skel->maps.xdp_queues);
		o->workers = view(skel->maps.xdp_workers);
	}
	if (!o->control || !o->services || !o->instances || !o->slots || !o->flows || !o->cpus ||
	    !o->counts || (o->paired && (!o->queues || !o->workers)))
		return -errno;
	return 0;
}

static uint32_t region_of(const struct xdp_object_options *opt, uint32_t regions, uint32_t cpu)
{
	if (opt->paired) /* @cpu: a queue, or past the queues a CPU */
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
	for (uint32_t queue = 0; o->paired && !o->adopted && queue < o->regions; queue++)
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
	return (mtu > MTU_ONE_BUFFER) == (o->mtu > MTU_ONE_BUFFER);
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
		why_set(o, "%s: %s; is a BPF file system there?", o->pin_dir, strerror(-err));
		goto out;
	}
	err = load(o, opt, log);
	if (err) {
		if (!o->why[0] || err != -ENOMEM)
			why_refused(o, opt, err, log);
		goto out;
	}
	err = views_make(o);
	if (err) {
		why_set(o, "the maps cannot be mapped: %s", strerror(-err));
		goto out;
	}
	regions_give(o, opt);
	o->control->magic = LB_XDP_MAGIC;
	o->control->tags_kept = o->kept_tags;
	o->control->layout = layout_hash(o);
	err = o->adopted ? 0 : maps_pin(o);
	if (err)
		why_set(o, "the maps cannot be pinned: %s", strerror(-err));
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
	unview(o->skel->maps.data_control, o->control);
	unview(o->skel->maps.xdp_services, o->services);
	unview(o->skel->maps.xdp_instances, o->instances);
	unview(o->skel->maps.xdp_slots, o->slots);
	unview(o->skel->maps.xdp_flows, o->flows);
	unview(o->skel->maps.xdp_cpus, o->cpus);
	unview(o->skel->maps.xdp_counts, o->counts);
	unview(o->skel->maps.xdp_queues, o->queues);
	unview(o->skel->maps.xdp_workers, o->workers);
	sluice_xdp__destroy(o->skel);
	o->skel = NULL;
}

/* ---- The hook ---- */

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
		err = bpf_link_update(fd, bpf_program__fd(program(o)), NULL);
	close(fd);
	if (err == -ENOLINK)
		unlink(path);
	return err;
}

static int link_make(struct xdp_object *o, int ifindex, uint32_t flags, const char *path)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(bpf_program__fd(program(o)), ifindex, BPF_XDP, &opts);
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

	if (o->mtu > MTU_ONE_BUFFER)
		snprintf(mtu, sizeof(mtu), " with an MTU of %u", o->mtu);
	why_set(o, "the driver takes no native XDP%s (%s); generic mode costs more CPU per packet",
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
	pin_path(o, XDP_PIN_DOOR, path);
	err = xdp_dispatcher_join(&dispatcher, bpf_program__fd(program(o)), said, sizeof(said));
	o->is_joined = !err;
	memcpy(before, o->why, sizeof(before));
	if (!err && before[0])
		why_set(o, "%.150s; %.160s", before, said);
	else
		why_set(o, "%s", said);
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

	pin_path(o, LB_PIN_LINK, path);
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
		if (o->is_behind && o->mtu > MTU_ONE_BUFFER)
			return -EAGAIN;
		err = link_attach(o, ifindex, path);
		return err == -EBUSY ? hook_refuse(o, ifindex) : err;
	}
	if (holder.is_dispatcher && !o->paired)
		return dispatcher_join(o, ifindex);
	return hook_refuse(o, ifindex);
}

int xdp_object_attach(struct xdp_object *o, int ifindex)
{
	int err;

	o->is_joined = false;
	err = hook_take(o, ifindex);
	if (!err)
		o->mode = mode_query(ifindex);
	else if (err == -EAGAIN)
		why_set(o, "the XDP hook has changed hands; the program is loaded anew for it");
	else if (err != -EBUSY)
		why_set(o, "the interface takes no XDP program: %s", strerror(-err));
	return err;
}

void xdp_object_detach(struct xdp_object *o, int ifindex)
{
	char path[LB_PIN_PATH_MAX];
	int fd;

	pin_path(o, LB_PIN_LINK, path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	unlink(path);
	pin_path(o, XDP_PIN_DOOR, path);
	xdp_dispatcher_leave(ifindex, path);
	maps_unpin(o);
	rmdir(o->pin_dir);
	o->mode = XDP_OBJECT_NONE;
}

bool xdp_object_kept_tags(const char *pin_dir)
{
	static struct lb_xdp_control control;
	char path[LB_PIN_PATH_MAX];
	uint32_t zero = 0;
	bool kept;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", pin_dir, pins[0].name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	kept = bpf_map_lookup_elem(fd, &zero, &control) == 0 && control.magic == LB_XDP_MAGIC &&
	       control.tags_kept;
	close(fd);
	return kept;
}

/* ---- Sweeps ---- */

/*
 * One run per call. For more the kernel puts the program into its XDP dispatcher and takes it out
 * again: two grace periods of RCU under a machine-wide mutex, some ten milliseconds instead of as
 * many microseconds.
 */
int xdp_object_sweep(const struct xdp_object *o, uint32_t queue)
{
	const struct bpf_program *sweep =
		o->paired ? o->skel->progs.lb_sweep_paired : o->skel->progs.sluice_xdp_sweep;
	const uint32_t frame[16] = { queue };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(sweep), &opts);

	return err ? err : (int)opts.retval;
}

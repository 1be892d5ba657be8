/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/maps.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.skel.h"
#include "controlplane/xdp/layout.h"

static struct {
	const char *name;  /* of the pin */
	size_t map;	   /* offset in sluice_xdp.maps */
	bool has_handover; /* only with handover */
} const pins[] = {
	{ "control", offsetof(struct sluice_xdp, maps.data_control) },
	{ "services", offsetof(struct sluice_xdp, maps.xdp_services) },
	{ "access", offsetof(struct sluice_xdp, maps.xdp_access) },
	{ "instances", offsetof(struct sluice_xdp, maps.xdp_instances) },
	{ "slots", offsetof(struct sluice_xdp, maps.xdp_slots) },
	{ LB_PIN_FLOWS, offsetof(struct sluice_xdp, maps.xdp_flows) },
	{ "cpus", offsetof(struct sluice_xdp, maps.xdp_cpus) },
	{ LB_PIN_COUNTS, offsetof(struct sluice_xdp, maps.xdp_counts) },
	{ "nat", offsetof(struct sluice_xdp, maps.xdp_nat) },
	{ "nat_ids", offsetof(struct sluice_xdp, maps.xdp_nat_ids) },
	{ LB_PIN_NAT_AREAS, offsetof(struct sluice_xdp, maps.xdp_nat_areas) },
	{ LB_PIN_NAT_RECORDS, offsetof(struct sluice_xdp, maps.xdp_nat_records) },
	{ LB_PIN_QUEUES, offsetof(struct sluice_xdp, maps.xdp_queues), true },
	{ LB_PIN_WORKERS, offsetof(struct sluice_xdp, maps.xdp_workers), true },
	{ "xsks", offsetof(struct sluice_xdp, maps.xsks_map), true },
};

#define PIN_COUNT (sizeof(pins) / sizeof(pins[0]))

static struct bpf_map *pinned_map(const struct xdp_object *o, size_t i)
{
	return *(struct bpf_map **)((char *)o->skel + pins[i].map);
}

void xdp_maps_choose(struct xdp_object *o)
{
	for (size_t i = 0; i < PIN_COUNT; i++)
		if (pins[i].has_handover)
			bpf_map__set_autocreate(pinned_map(o, i), o->has_handover);
}

uint64_t xdp_maps_layout(const struct xdp_object *o)
{
	const struct btf *btf = bpf_object__btf(o->skel->obj);
	uint64_t layout = 0;

	for (size_t i = 0; i < PIN_COUNT; i++) {
		const struct bpf_map *map = pinned_map(o, i);

		if (o->has_handover || !pins[i].has_handover)
			layout =
				layout * 31 + xdp_layout_hash(btf, bpf_map__btf_value_type_id(map));
	}
	return layout;
}

/* ---- Pins ---- */

uint32_t xdp_maps_pinned_queues(const struct xdp_object *o)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[LB_PIN_PATH_MAX];
	int fd;

	xdp_object_pin(o, LB_PIN_QUEUES, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.max_entries = 0;
	close(fd);
	return info.max_entries;
}

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

		if (pins[i].has_handover && !o->has_handover)
			continue;
		xdp_object_pin(o, pins[i].name, path);
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

void xdp_maps_unpin(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];

	for (size_t i = 0; i < PIN_COUNT; i++) {
		xdp_object_pin(o, pins[i].name, path);
		unlink(path);
	}
}

/* Whether any map is pinned: an incomplete set is useless, and must not be mixed with new maps. */
static bool maps_are_there(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];

	for (size_t i = 0; i < PIN_COUNT; i++) {
		xdp_object_pin(o, pins[i].name, path);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

int xdp_maps_adopt(struct xdp_object *o, uint32_t expected, bool anew)
{
	char path[LB_PIN_PATH_MAX];
	bool there = !anew && maps_are_there(o);
	uint32_t layout = 0;
	int err = there ? pinned_layout(o, &layout) : 0;

	if (err)
		return err;
	o->adopted = there && layout == expected;
	if (there && !o->adopted)
		xdp_object_why(o,
			       "the layout or size of the flow table has changed; it begins empty");
	for (size_t i = 0; o->adopted && i < PIN_COUNT; i++) {
		if (pins[i].has_handover && !o->has_handover)
			continue;
		xdp_object_pin(o, pins[i].name, path);
		if (bpf_map__set_pin_path(pinned_map(o, i), path))
			return -ENOMEM;
	}
	return 0;
}

int xdp_maps_pin(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];
	int err = 0;

	xdp_maps_unpin(o);
	for (size_t i = 0; i < PIN_COUNT && !err; i++) {
		if (pins[i].has_handover && !o->has_handover)
			continue;
		xdp_object_pin(o, pins[i].name, path);
		err = bpf_obj_pin(bpf_map__fd(pinned_map(o, i)), path);
	}
	return err;
}

void xdp_maps_forget(const struct xdp_object *o)
{
	char path[LB_PIN_PATH_MAX];

	xdp_object_pin(o, LB_PIN_FLOWS, path);
	unlink(path);
}

bool xdp_maps_kept_tags(const char *pin_dir)
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

/* ---- Memory ---- */

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

int xdp_maps_view(struct xdp_object *o)
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
	o->nat = view(skel->maps.xdp_nat);
	o->capture = view(skel->maps.data_capture);
	if (o->nat_spaces) {
		o->nat_ids = view(skel->maps.xdp_nat_ids);
		o->nat_areas = view(skel->maps.xdp_nat_areas);
		o->nat_records = view(skel->maps.xdp_nat_records);
	}
	if (o->has_handover) {
		o->queues = view(skel->maps.xdp_queues);
		o->workers = view(skel->maps.xdp_workers);
	}
	if (!o->control || !o->services || !o->instances || !o->slots || !o->flows || !o->cpus ||
	    !o->counts || !o->nat || !o->capture ||
	    (o->nat_spaces && (!o->nat_ids || !o->nat_areas || !o->nat_records)) ||
	    (o->has_handover && (!o->queues || !o->workers)))
		return -errno;
	return 0;
}

void xdp_maps_unview(struct xdp_object *o)
{
	unview(o->skel->maps.data_control, o->control);
	unview(o->skel->maps.xdp_services, o->services);
	unview(o->skel->maps.xdp_instances, o->instances);
	unview(o->skel->maps.xdp_slots, o->slots);
	unview(o->skel->maps.xdp_flows, o->flows);
	unview(o->skel->maps.xdp_cpus, o->cpus);
	unview(o->skel->maps.xdp_counts, o->counts);
	unview(o->skel->maps.xdp_nat, o->nat);
	unview(o->skel->maps.data_capture, o->capture);
	unview(o->skel->maps.xdp_nat_ids, o->nat_ids);
	unview(o->skel->maps.xdp_nat_areas, o->nat_areas);
	unview(o->skel->maps.xdp_nat_records, o->nat_records);
	unview(o->skel->maps.xdp_queues, o->queues);
	unview(o->skel->maps.xdp_workers, o->workers);
}

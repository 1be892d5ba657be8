/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/dispatcher.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "bpf/sluice_xdp_door.skel.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/log.h"
#include "dataplane/abi/lb_pins.h"

#define DOOR "sluice_door"
#define LOG_BYTES (64u << 10)
#define REFUSAL_MAX 112
#define BEFORE "_before"

/* ---- What the libraries print is saved to a file, if it is relevant ---- */

static char said[LOG_BYTES];
static size_t said_bytes;

static int say(const char *format, va_list args)
{
	size_t room = sizeof(said) - said_bytes;
	int n = vsnprintf(said + said_bytes, room, format, args);

	if (n > 0)
		said_bytes += (size_t)n < room ? (size_t)n : room - 1;
	return 0;
}

__attribute__((format(printf, 2, 0))) static int bpf_says(enum libbpf_print_level level,
							  const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : say(format, args);
}

__attribute__((format(printf, 2, 0))) static int xdp_says(enum libxdp_print_level level,
							  const char *format, va_list args)
{
	(void)level;
	return say(format, args);
}

struct ears {
	libbpf_print_fn_t bpf;
	libxdp_print_fn_t xdp;
};

static struct ears listen_begin(void)
{
	said_bytes = 0;
	said[0] = '\0';
	return (struct ears){ libbpf_set_print(bpf_says), libxdp_set_print(xdp_says) };
}

static void listen_end(const struct ears *before)
{
	libbpf_set_print(before->bpf);
	libxdp_set_print(before->xdp);
}

/* ---- Programs in the dispatcher ---- */

/* Return: NULL if the program on the hook is no dispatcher. */
static struct xdp_multiprog *dispatcher_get(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);

	if (!mp || libxdp_get_error(mp))
		return NULL;
	if (!xdp_multiprog__is_legacy(mp))
		return mp;
	xdp_multiprog__close(mp);
	return NULL;
}

static uint32_t map_id_of_program(int prog_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info), id = 0;

	info.nr_map_ids = 1;
	info.map_ids = (uintptr_t)&id;
	return bpf_obj_get_info_by_fd(prog_fd, &info, &len) ? 0 : id;
}

static uint32_t map_id(int map_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return map_fd < 0 || bpf_obj_get_info_by_fd(map_fd, &info, &len) ? 0 : info.id;
}

static bool is_door(const struct xdp_program *p)
{
	const char *name = xdp_program__name(p);

	return name && strcmp(name, DOOR) == 0;
}

/* Find a door of ours: the one that leads into this map, or any other one. */
static struct xdp_program *door_find(const struct xdp_multiprog *mp, uint32_t behind, bool is_it)
{
	struct xdp_program *p = NULL;

	while ((p = xdp_multiprog__next_prog(p, mp)))
		if (is_door(p) && (map_id_of_program(xdp_program__fd(p)) == behind) == is_it)
			return p;
	return NULL;
}

static void others_write(const struct xdp_multiprog *mp, char *names, size_t size)
{
	struct xdp_program *p = NULL;
	size_t at = 0;

	names[0] = '\0';
	while ((p = xdp_multiprog__next_prog(p, mp)) && at < size)
		if (!is_door(p))
			at += (size_t)snprintf(names + at, size - at, "%s'%.15s'", at ? ", " : "",
					       xdp_program__name(p));
}

/* Return: 1, 0; -errno: not known. */
static int door_is_in(int ifindex, uint32_t behind)
{
	struct ears before = listen_begin();
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	int err = mp ? (int)libxdp_get_error(mp) : -ENOENT;
	int is_in = err == -ENOENT ? 0 : err;

	if (!err && !xdp_multiprog__is_legacy(mp))
		is_in = door_find(mp, behind, true) != NULL;
	if (!err)
		xdp_multiprog__close(mp);
	listen_end(&before);
	return is_in;
}

int xdp_dispatcher_has_door(int ifindex, const char *pin)
{
	/* A dispatcher's programs never change: libxdp replaces it by another one. */
	static struct {
		uint32_t dispatcher, behind;
		int is_in;
	} known;
	int fd = bpf_obj_get(pin), found;
	uint32_t behind;
	struct xdp_holder holder;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	behind = map_id(fd);
	close(fd);
	if (!behind)
		return -EIO;
	found = xdp_holder_find(ifindex, &holder);
	if (found <= 0 || !holder.is_dispatcher)
		return found < 0 ? found : 0;
	if (known.dispatcher != holder.id || known.behind != behind) {
		int is_in = door_is_in(ifindex, behind);

		if (is_in < 0)
			return is_in;
		known.is_in = is_in;
		known.dispatcher = holder.id;
		known.behind = behind;
	}
	return known.is_in;
}

/* ---- Joining ---- */

static int behind_make(int prog_fd)
{
	const uint32_t zero = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "sluice_behind", sizeof(uint32_t),
				sizeof(uint32_t), 1, NULL);
	int err;

	if (fd < 0)
		return -errno;
	err = bpf_map_update_elem(fd, &zero, &prog_fd, BPF_ANY);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static struct xdp_program *door_make(const struct sluice_xdp_door *skel, bool frags)
{
	struct xdp_program *door = xdp_program__from_bpf_obj(skel->obj, "xdp");

	if (!door || libxdp_get_error(door))
		return NULL;
	if (xdp_program__set_run_prio(door, XDP_DISPATCHER_PRIORITY) ||
	    xdp_program__set_chain_call_enabled(door, XDP_PASS, true) ||
	    (frags && xdp_program__set_xdp_frags_support(door, true))) {
		xdp_program__close(door);
		return NULL;
	}
	return door;
}

/* Attach in one step: libxdp replaces the old dispatcher by one for all programs and ours. */
static int door_attach(const struct xdp_dispatcher *d, int behind_fd, enum xdp_attach_mode mode)
{
	struct sluice_xdp_door *skel = sluice_xdp_door__open();
	struct xdp_program *door = NULL;
	int err = -ENOMEM;

	if (!skel)
		return err;
	if (bpf_map__reuse_fd(skel->maps.sluice_behind, behind_fd) == 0)
		door = door_make(skel, d->frags);
	if (door)
		err = xdp_program__attach(door, d->ifindex, mode, 0);
	/* Without a dispatcher libxdp gives a free hook to the door alone. */
	if (!err && door_is_in(d->ifindex, map_id(behind_fd)) <= 0) {
		(void)xdp_program__detach(door, d->ifindex, mode, 0);
		err = -EAGAIN;
	}
	xdp_program__close(door);
	sluice_xdp_door__destroy(skel);
	return err;
}

/* Remove doors that do not lead into @behind: from an earlier start, whose pins are lost. */
static void doors_remove(int ifindex, uint32_t behind)
{
	struct xdp_program *door;
	struct xdp_multiprog *mp;
	int err = 0;

	while (!err && (mp = dispatcher_get(ifindex))) {
		door = door_find(mp, behind, false);
		err = door ? xdp_program__detach(door, ifindex, xdp_multiprog__attach_mode(mp), 0)
			   : -ENOENT;
		xdp_multiprog__close(mp);
	}
}

/* Where the previous map stays pinned, and so keeps its program, until its door is removed. */
static void before_path(const char *pin, char *path)
{
	snprintf(path, LB_PIN_PATH_MAX, "%s" BEFORE, pin);
}

/* If this process is killed in here, a door is left that leads to the old or the new program. */
static int join_anew(const struct xdp_dispatcher *d, int prog_fd, enum xdp_attach_mode mode)
{
	int behind_fd = behind_make(prog_fd);
	int err = behind_fd < 0 ? behind_fd : 0;
	char before[LB_PIN_PATH_MAX];

	if (err)
		return err;
	before_path(d->pin, before);
	if (access(before, F_OK))
		(void)rename(d->pin, before);
	else
		unlink(d->pin);
	err = bpf_obj_pin(behind_fd, d->pin);
	if (!err)
		err = door_attach(d, behind_fd, mode);
	if (!err) {
		doors_remove(d->ifindex, map_id(behind_fd));
		unlink(before);
	} else {
		unlink(d->pin);
		(void)rename(before, d->pin);
	}
	close(behind_fd);
	return err;
}

static int exchange(const struct xdp_multiprog *mp, const struct xdp_dispatcher *d, int prog_fd)
{
	const uint32_t zero = 0;
	int fd = bpf_obj_get(d->pin);
	uint32_t behind = map_id(fd);
	char before[LB_PIN_PATH_MAX];
	int err = -ENOENT;

	if (fd < 0)
		return err;
	if (door_find(mp, behind, true))
		err = bpf_map_update_elem(fd, &zero, &prog_fd, BPF_ANY);
	close(fd);
	/* A predecessor was killed between joining and this point. */
	if (!err && door_find(mp, behind, false))
		doors_remove(d->ifindex, behind);
	before_path(d->pin, before);
	if (!err)
		unlink(before);
	return err;
}

void xdp_dispatcher_refuse(int ifindex, const char *refusal, char *why, size_t size)
{
	struct ears before = listen_begin();
	struct xdp_holder holder;
	char others[64] = "";
	struct xdp_multiprog *mp;

	if (xdp_holder_find(ifindex, &holder) <= 0) {
		snprintf(why, size, "the XDP hook is busy");
	} else {
		mp = holder.is_dispatcher ? dispatcher_get(ifindex) : NULL;
		others_write(mp, others, sizeof(others));
		xdp_multiprog__close(mp);
		xdp_holder_say(&holder, others, refusal, why, size);
	}
	listen_end(&before);
}

static int refused(const struct xdp_dispatcher *d, char *why, size_t size)
{
	char refusal[REFUSAL_MAX];
	bool kept = xdp_log_save(d->log_path, said);

	snprintf(refusal, sizeof(refusal), "the kernel admits no other program%s%.60s%s",
		 kept ? " (log: " : "", kept ? d->log_path : "", kept ? ")" : "");
	xdp_dispatcher_refuse(d->ifindex, refusal, why, size);
	return -EBUSY;
}

int xdp_dispatcher_join(const struct xdp_dispatcher *d, int prog_fd, char *why, size_t size)
{
	struct ears before = listen_begin();
	struct xdp_multiprog *mp = dispatcher_get(d->ifindex);
	char others[64];
	int err = mp ? exchange(mp, d, prog_fd) : -EOPNOTSUPP;

	others_write(mp, others, sizeof(others));
	if (mp && err)
		err = join_anew(d, prog_fd, xdp_multiprog__attach_mode(mp));
	xdp_multiprog__close(mp);
	if (!err)
		snprintf(why, size, "behind %s in libxdp's dispatcher", others);
	else if (err == -EAGAIN)
		snprintf(why, size, "the XDP hook changed its owner");
	else
		err = refused(d, why, size);
	listen_end(&before);
	return err;
}

void xdp_dispatcher_leave(int ifindex, const char *pin)
{
	struct ears before = listen_begin();
	struct xdp_holder holder;
	char path[LB_PIN_PATH_MAX];

	if (xdp_holder_find(ifindex, &holder) > 0 && holder.is_dispatcher)
		doors_remove(ifindex, 0);
	unlink(pin);
	before_path(pin, path);
	unlink(path);
	listen_end(&before);
}

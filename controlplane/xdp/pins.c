/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "controlplane/xdp/dispatcher.h"
#include "dataplane/abi/lb_pins.h"

#define CLAIM_TRIES 10

int xdp_pins_mount(char *why, size_t size)
{
	struct statfs fs;
	int err;

	if (statfs(LB_PIN_ROOT, &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", LB_PIN_ROOT, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
		return 0;
	err = -errno;
	snprintf(why, size,
		 "no BPF file system at " LB_PIN_ROOT " (%s): run 'mount -t bpf bpf " LB_PIN_ROOT
		 "'",
		 strerror(-err));
	return err;
}

/* Return: the directory, locked; -EBUSY; -errno. */
static int folder_lock(const char *path)
{
	int fd, err;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return err;
}

static bool folder_is_at(int fd, const char *path)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

/*
 * A detach removes the directory that it has locked: an opened directory may be removed before it
 * is locked.
 */
int xdp_pins_claim(const char *port)
{
	char path[LB_PIN_DIR_MAX];
	int fd = -EBUSY;

	lb_pin_dir(port, path);
	for (int i = 0; i < CLAIM_TRIES; i++) {
		fd = folder_lock(path);
		if (fd < 0 ? fd != -ENOENT : folder_is_at(fd, path))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return fd < 0 ? fd : -EBUSY;
}

static int pin_share(const char *path, gid_t group, mode_t mode)
{
	if (chown(path, (uid_t)-1, group) && errno != ENOENT)
		return -errno;
	return chmod(path, mode) && errno != ENOENT ? -errno : 0;
}

int xdp_pins_share(const char *port, const char *run_dir)
{
	static const char *const pins[] = {
		LB_PIN_FLOWS,	  LB_PIN_COUNTS,      LB_PIN_QUEUES, LB_PIN_WORKERS,
		LB_PIN_NAT_AREAS, LB_PIN_NAT_RECORDS, LB_PIN_LINK,
	};
	char folder[LB_PIN_DIR_MAX], path[LB_PIN_PATH_MAX];
	struct stat st;
	int err;

	if (stat(run_dir, &st))
		return -errno;
	if (st.st_gid == getegid())
		return 0;
	lb_pin_dir(port, folder);
	err = pin_share(folder, st.st_gid, 0710);
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]) && !err; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, pins[i]);
		err = pin_share(path, st.st_gid, 0660);
	}
	return err;
}

int xdp_pins_holder(uint32_t ifindex, uint32_t *id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int err = bpf_xdp_query((int)ifindex, 0, &query);

	*id = err ? 0 : query.prog_id;
	return err;
}

int xdp_pins_ifindex(const char *port, uint32_t *ifindex)
{
	char folder[LB_PIN_DIR_MAX], path[LB_PIN_PATH_MAX];
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd, err;

	lb_pin_dir(port, folder);
	snprintf(path, sizeof(path), "%s/" LB_PIN_LINK, folder);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	*ifindex = err ? 0 : info.xdp.ifindex;
	return err || *ifindex ? err : -ENODEV;
}

int xdp_pins_carry(const char *port, uint32_t ifindex)
{
	char folder[LB_PIN_DIR_MAX], door[LB_PIN_PATH_MAX];
	uint32_t is_on;
	int err;

	if (!ifindex)
		return 0;
	err = xdp_pins_ifindex(port, &is_on);
	if (err && err != -ENODEV)
		return err;
	if (!err && is_on == ifindex)
		return 1;
	lb_pin_dir(port, folder);
	snprintf(door, sizeof(door), "%s/" XDP_PIN_DOOR, folder);
	return xdp_dispatcher_has_door((int)ifindex, door);
}

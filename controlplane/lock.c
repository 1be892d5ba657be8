/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/log.h"

static void log_holder(int fd, const char *run_dir)
{
	char pid[16] = "";
	ssize_t length = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[length > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	log_err("another sluiced (process %s) runs with -r %s", *pid ? pid : "unknown", run_dir);
}

static int pid_write(int fd)
{
	char pid[16];
	int length = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)length, 0) != length)
		return -errno;
	return 0;
}

static int lock_open(const char *path, const char *run_dir)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int err;

	if (fd < 0) {
		err = -errno;
		log_err("%s: cannot be opened: %s", path, strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = -errno;
	log_holder(fd, run_dir);
	close(fd);
	return err;
}

int lock_take(const char *run_dir)
{
	char path[PATH_MAX];
	int fd, err;

	if (mkdir(run_dir, 0755) && errno != EEXIST) {
		err = -errno;
		log_err("%s: cannot be made: %s", run_dir, strerror(-err));
		return err;
	}
	snprintf(path, sizeof(path), "%s/sluiced.pid", run_dir);
	fd = lock_open(path, run_dir);
	if (fd < 0)
		return fd;
	err = pid_write(fd);
	if (err) {
		log_err("%s: cannot be written: %s", path, strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

/* The file stays: removing it could remove the one that a successor has locked meanwhile. */
void lock_release(int fd)
{
	if (fd < 0)
		return;
	if (ftruncate(fd, 0))
		log_debug("sluiced.pid: cannot be emptied: %s", strerror(errno));
	close(fd);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/io/logger.h"

static void holder_log(int fd, const char *run_dir)
{
	char pid[16] = "";
	ssize_t bytes = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[bytes > 0 ? strspn(pid, "0123456789") : 0] = 0;
	logger_err("another sluice-dataplane (pid %s) runs with -r %s", *pid ? pid : "unknown",
		   run_dir);
}

static int pid_write(int fd)
{
	char pid[16];
	int length = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)length, 0) != length)
		return -errno;
	return 0;
}

int lock_take(const char *run_dir)
{
	char path[PATH_MAX];
	int fd, err;

	if (mkdir(run_dir, 0755) && errno != EEXIST) {
		err = -errno;
		logger_err("%s: cannot make the directory: %s", run_dir, strerror(-err));
		return err;
	}
	snprintf(path, sizeof(path), "%s/dataplane.pid", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		err = -errno;
		logger_err("%s: cannot open: %s", path, strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		holder_log(fd, run_dir);
		close(fd);
		return err;
	}
	err = pid_write(fd);
	if (err) {
		logger_err("%s: cannot write: %s", path, strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

/*
 * The file stays: whoever removed it could remove the one that a successor has
 * locked in the meantime.
 */
void lock_release(int fd)
{
	if (fd < 0)
		return;
	if (ftruncate(fd, 0))
		logger_debug("dataplane.pid: cannot empty it: %s", strerror(errno));
	close(fd);
}

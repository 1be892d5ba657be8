/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void holder_read(int fd, char *pid, size_t size)
{
	ssize_t bytes = pread(fd, pid, size - 1, 0);

	pid[bytes > 0 ? strspn(pid, "0123456789") : 0] = '\0';
}

static int pid_write(int fd)
{
	char pid[16];
	int length = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)length, 0) != length)
		return -errno;
	return 0;
}

int run_dir_claim(const char *run_dir, const char *program, const char *file, char *why,
		  size_t size)
{
	char path[PATH_MAX], pid[16] = "";
	int fd, err;

	if (mkdir(run_dir, 0755) && errno != EEXIST) {
		err = -errno;
		snprintf(why, size, "%s: cannot be created: %s", run_dir, strerror(-err));
		return err;
	}
	snprintf(path, sizeof(path), "%s/%s", run_dir, file);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		err = -errno;
		snprintf(why, size, "%s: cannot be opened: %s", path, strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		holder_read(fd, pid, sizeof(pid));
		snprintf(why, size, "another %s (process %s) runs with -r %s", program,
			 *pid ? pid : "unknown", run_dir);
		goto fail;
	}
	err = pid_write(fd);
	if (!err)
		return fd;
	snprintf(why, size, "%s: cannot be written: %s", path, strerror(-err));
fail:
	close(fd);
	return err;
}

/* The file is not removed: a successor may have locked it meanwhile. */
void run_dir_release(int fd)
{
	if (fd < 0)
		return;
	(void)!ftruncate(fd, 0);
	close(fd);
}

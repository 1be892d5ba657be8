/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/file.h"

/* The directory is opened each time: it may have been remounted or recreated since. */
static int state_file_open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int state_file_new_name(char *text, const char *name)
{
	return snprintf(text, NAME_MAX + 1, "%s.new", name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int state_file_read_all(int fd, char **text, size_t *size)
{
	struct stat info;
	ssize_t used;
	char *data;

	if (fstat(fd, &info) != 0)
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -EINVAL;
	if (info.st_size > STATE_FILE_BYTES_MAX)
		return -EFBIG;
	data = malloc((size_t)info.st_size + 1);
	if (data == NULL)
		return -ENOMEM;

	used = file_read(fd, data, (size_t)info.st_size);
	if (used < 0) {
		free(data);
		return (int)used;
	}
	data[used] = '\0';
	*text = data;
	*size = (size_t)used;
	return 0;
}

int state_file_read(const char *dir, const char *name, char **text, size_t *size)
{
	int dir_fd = state_file_open_dir(dir);
	int fd, err;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	err = fd < 0 ? -errno : state_file_read_all(fd, text, size);
	if (fd >= 0)
		close(fd);
	close(dir_fd);
	return err;
}

static int state_file_write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, text, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		size -= (size_t)written;
	}
	return 0;
}

int state_file_prepare(const char *dir, const char *name, const char *text, size_t size)
{
	char new_name[NAME_MAX + 1];
	int dir_fd, fd, err;

	err = state_file_new_name(new_name, name);
	if (err != 0)
		return err;
	dir_fd = state_file_open_dir(dir);
	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : state_file_write_all(fd, text, size);
	if (err != 0 && fd >= 0) {
		unlinkat(dir_fd, new_name, 0);
		close(fd);
	}
	close(dir_fd);
	return err != 0 ? err : fd;
}

int state_file_commit(const char *dir, const char *name, int fd)
{
	char new_name[NAME_MAX + 1];
	int dir_fd, err;

	err = state_file_new_name(new_name, name);
	dir_fd = err != 0 ? err : state_file_open_dir(dir);
	if (dir_fd < 0) {
		close(fd);
		return dir_fd;
	}
	if (fsync(fd) != 0 || renameat(dir_fd, new_name, dir_fd, name) != 0) {
		err = -errno;
		unlinkat(dir_fd, new_name, 0);
	}
	/* The new file is in place for good: a failure to sync its name is ignored. */
	if (err == 0)
		(void)fsync(dir_fd);
	close(fd);
	close(dir_fd);
	return err;
}

void state_file_abort(const char *dir, const char *name, int fd)
{
	char new_name[NAME_MAX + 1];
	int dir_fd = state_file_open_dir(dir);

	if (dir_fd >= 0 && state_file_new_name(new_name, name) == 0)
		unlinkat(dir_fd, new_name, 0);
	if (dir_fd >= 0)
		close(dir_fd);
	close(fd);
}

int state_file_rename(const char *dir, const char *name, const char *to)
{
	int dir_fd = state_file_open_dir(dir);
	int err;

	if (dir_fd < 0)
		return dir_fd;
	err = renameat(dir_fd, name, dir_fd, to) != 0 ? -errno : 0;
	close(dir_fd);
	return err;
}

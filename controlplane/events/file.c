/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/events/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/file.h"

struct events_file {
	char *dir;
	uint32_t bytes_max;
	int fd; /* -1: not open */
	off_t bytes;
};

struct events_file *events_file_create(const char *dir, uint32_t bytes_max)
{
	struct events_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->fd = -1;
	file->bytes_max = bytes_max;
	file->dir = strdup(dir);
	if (file->dir != NULL)
		return file;
	free(file);
	errno = ENOMEM;
	return NULL;
}

static void events_file_close(struct events_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void events_file_destroy(struct events_file *file)
{
	if (file == NULL)
		return;
	events_file_close(file);
	free(file->dir);
	free(file);
}

/* The directory is opened each time: it may have been remounted or recreated since. */
static int events_file_dir(const struct events_file *file)
{
	int fd = open(file->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* ---- Reading ---- */

/* Return: bytes of whole lines. */
static size_t events_file_lines(char *data, size_t size, bool (*each)(void *arg, char *line),
				void *arg, uint32_t *damaged)
{
	char *line = data, *end = data + size, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		*newline = '\0';
		*damaged += strlen(line) != (size_t)(newline - line) || !each(arg, line);
		line = newline + 1;
	}
	*damaged += line != end;
	return (size_t)(line - data);
}

static int events_file_read_one(const struct events_file *file, int dir_fd, const char *name,
				bool (*each)(void *arg, char *line), void *arg, uint32_t *damaged)
{
	int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	ssize_t size = 0;
	size_t whole;
	char *data = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > file->bytes_max)
		size = -EFBIG;
	else
		data = malloc((size_t)info.st_size + 1);
	if (size == 0)
		size = data != NULL ? file_read(fd, data, (size_t)info.st_size) : -ENOMEM;
	if (size > 0) {
		whole = events_file_lines(data, (size_t)size, each, arg, damaged);
		if (whole < (size_t)size && ftruncate(fd, (off_t)whole) != 0)
			size = -errno;
	}
	free(data);
	close(fd);
	return size < 0 ? (int)size : 0;
}

int events_file_read(struct events_file *file, bool (*each)(void *arg, char *line), void *arg,
		     uint32_t *damaged)
{
	int dir_fd = events_file_dir(file);
	int err, err_old;

	*damaged = 0;
	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	err_old = events_file_read_one(file, dir_fd, EVENTS_FILE_OLD_NAME, each, arg, damaged);
	err = events_file_read_one(file, dir_fd, EVENTS_FILE_NAME, each, arg, damaged);
	close(dir_fd);
	return err != 0 ? err : err_old;
}

/* ---- Writing ---- */

static int events_file_open(struct events_file *file, int dir_fd)
{
	struct stat info;

	file->fd =
		openat(dir_fd, EVENTS_FILE_NAME,
		       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (file->fd < 0)
		return -errno;
	if (fstat(file->fd, &info) == 0 && S_ISREG(info.st_mode)) {
		file->bytes = info.st_size;
		return 0;
	}
	events_file_close(file);
	return -EINVAL;
}

/* Somebody removed it: what is written would be lost. */
static bool events_file_is_removed(const struct events_file *file)
{
	struct stat info;

	return file->fd >= 0 && (fstat(file->fd, &info) != 0 || info.st_nlink == 0);
}

/* Make sure that there is a file with room for @bytes. */
static int events_file_make_ready(struct events_file *file, size_t bytes)
{
	bool full =
		file->fd >= 0 && file->bytes > 0 && (size_t)file->bytes + bytes > file->bytes_max;
	int dir_fd, err = 0;

	if (events_file_is_removed(file))
		events_file_close(file);
	else if (file->fd >= 0 && !full)
		return 0;
	dir_fd = events_file_dir(file);
	if (dir_fd < 0)
		return dir_fd;
	if (file->fd < 0)
		err = events_file_open(file, dir_fd);
	if (err == 0 && file->bytes > 0 && (size_t)file->bytes + bytes > file->bytes_max) {
		if (renameat(dir_fd, EVENTS_FILE_NAME, dir_fd, EVENTS_FILE_OLD_NAME) != 0)
			err = -errno;
		else
			events_file_close(file);
	}
	if (err == 0 && file->fd < 0)
		err = events_file_open(file, dir_fd);
	close(dir_fd);
	return err;
}

int events_file_append(struct events_file *file, const char *lines, size_t bytes)
{
	ssize_t written;
	int err = events_file_make_ready(file, bytes);

	if (err != 0)
		return err;
	do
		written = write(file->fd, lines, bytes);
	while (written < 0 && errno == EINTR);
	if (written == (ssize_t)bytes) {
		file->bytes += written;
		return 0;
	}
	err = written < 0 ? -errno : -ENOSPC;
	/* If this fails too, the next reader removes it. */
	if (written > 0 && ftruncate(file->fd, file->bytes) != 0)
		events_file_close(file);
	return err;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "controlplane/api/socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/log.h"

#define CONTROL_SOCKET_BACKLOG 128

static int control_socket_address(struct sockaddr_un *address, const char *path, const char *suffix)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(address->sun_path, sizeof(address->sun_path), "%s%s", path, suffix) >=
	    (int)sizeof(address->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

static bool control_socket_is_served(const char *path)
{
	struct sockaddr_un address;
	bool served;
	int fd;

	if (control_socket_address(&address, path, "") != 0)
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	/* EAGAIN: the backlog is full, so the socket is served. */
	served = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		 errno == EAGAIN;
	close(fd);
	return served;
}

/* Bind to a temporary name and rename it once complete: no client ever sees it half set up. */
static int control_socket_bind(int fd, const struct sockaddr_un *beside, const char *path,
			       gid_t group, struct control_socket_file *file)
{
	const char *name = beside->sun_path;
	struct stat info;

	if (unlink(name) != 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)beside, sizeof(*beside)) != 0)
		return -errno;
	if (chmod(name, 0600) != 0)
		goto fail;
	if (chown(name, (uid_t)-1, group) != 0)
		log_warn("control: cannot give %s to group %u: %s", path, group, strerror(errno));
	else if (chmod(name, 0660) != 0)
		goto fail;
	if (stat(name, &info) != 0)
		goto fail;
	*file = (struct control_socket_file){ info.st_dev, info.st_ino };
	if (listen(fd, CONTROL_SOCKET_BACKLOG) != 0 || rename(name, path) != 0)
		goto fail;
	return 0;
fail:;
	int err = -errno;

	unlink(name);
	return err;
}

int control_socket_listen(const char *path, gid_t group, struct control_socket_file *file)
{
	struct sockaddr_un beside;
	int fd, err;

	err = control_socket_address(&beside, path, ".new");
	if (err != 0)
		return err;
	if (control_socket_is_served(path))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = control_socket_bind(fd, &beside, path, group, file);
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

bool control_socket_is_there(const char *path, const struct control_socket_file *file)
{
	struct stat info;

	return lstat(path, &info) == 0 && info.st_dev == file->device && info.st_ino == file->inode;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening UNIX socket with an owner and a mode. Any thread; blocks only on the file system. */
#ifndef CONTROLPLANE_API_SOCKET_H
#define CONTROLPLANE_API_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* A file that may be removed, and another one put in its place. */
struct control_socket_file {
	dev_t device;
	ino_t inode;
};

/**
 * Listen on a path, 0660. It appears there with its owner and mode, in the place of one that nobody
 * serves any more.
 * @file: what has appeared there.
 * Return: a non-blocking descriptor; -EADDRINUSE if somebody serves it; -ENAMETOOLONG; -errno.
 */
int control_socket_listen(const char *path, gid_t group, struct control_socket_file *file);

/** What is at the path now is that file. */
bool control_socket_is_there(const char *path, const struct control_socket_file *file);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening UNIX socket with an owner and a mode. Any thread; blocks only on the file system. */
#ifndef CONTROLPLANE_API_SOCKET_H
#define CONTROLPLANE_API_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* Identity of the socket's file, which may be removed or replaced by another one. */
struct control_socket_file {
	dev_t device;
	ino_t inode;
};

/**
 * Listen on a path, 0660. The socket appears there complete with owner and mode, and replaces one
 * that is no longer served.
 * @file: identity of the new file.
 * Return: a non-blocking descriptor; -EADDRINUSE if the path is being served; -ENAMETOOLONG;
 * -errno.
 */
int control_socket_listen(const char *path, gid_t group, struct control_socket_file *file);

/** Whether the path still refers to that file. */
bool control_socket_is_there(const char *path, const struct control_socket_file *file);

#endif

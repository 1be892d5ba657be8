/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening UNIX socket with an owner and a mode. Any thread; blocks only on the file system. */
#ifndef CONTROLPLANE_CONTROL_SOCKET_H
#define CONTROLPLANE_CONTROL_SOCKET_H

#include <sys/types.h>

/**
 * Listen on a path, 0660. It appears there with its owner and mode, in the place of one that nobody
 * serves any more.
 * Return: a non-blocking descriptor; -EADDRINUSE if somebody serves it; -ENAMETOOLONG; -errno.
 */
int control_socket_listen(const char *path, gid_t group);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket on which a controller gets the segment. A connection carries one
 * message, struct lb_hello with three descriptors; after it, that it stays open
 * says that the controller lives. There is at most one; another that comes
 * while it lives is closed without a message, and may try again.
 */
#ifndef IO_CONTROL_SOCKET_H
#define IO_CONTROL_SOCKET_H

#include <sys/un.h>

#include "dataplane/engine/consumer.h"

struct control_socket {
	int listen_fd;
	int controller_fd; /* -1: none */
	int controller_pid;
	struct segment *segment;
	struct consumer *consumer;
	struct sockaddr_un address;
	dev_t device; /* of the socket's file */
	ino_t inode;
	int restore_error; /* of the last try to make it again, logged */
};

/**
 * Listen on @run_dir/dataplane.sock, for this process's user and group, and root.
 * Return: 0 or -errno, logged. Context: main lcore, as all below.
 */
int control_socket_open(struct control_socket *control, const char *run_dir,
			struct segment *segment, struct consumer *consumer);

/**
 * Make the socket again if its file was removed, or something else is there: a new sluiced would not find this process
 * any more. Return: whether listen_fd is another one.
 */
bool control_socket_restore(struct control_socket *control);

void control_socket_close(struct control_socket *control);

/** The listening descriptor is readable. Return: whether there is a new controller_fd. */
bool control_socket_accept(struct control_socket *control);

/** The controller's descriptor is readable. Return: whether it is gone, and closed. */
bool control_socket_watch(struct control_socket *control);

#endif

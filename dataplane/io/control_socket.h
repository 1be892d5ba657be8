/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket that hands the segment to a controller. A connection carries one message, struct
 * lb_hello with three descriptors; after that, an open connection means that the controller is
 * alive. There is at most one; a connection that comes meanwhile is closed without a message, and
 * may be tried again.
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
	int restore_error; /* of the last attempt to make it again, logged */
};

/**
 * Listen on @run_dir/dataplane.sock, for this process's user and group, and root.
 * Return: 0 or -errno, logged. Context: main lcore, as all below.
 */
int control_socket_open(struct control_socket *control, const char *run_dir,
			struct segment *segment, struct consumer *consumer);

/**
 * Make the socket again if its file was removed or replaced: a new sluiced would not find this
 * process any more. Return: whether listen_fd has changed.
 */
bool control_socket_restore(struct control_socket *control);

void control_socket_close(struct control_socket *control);

/** The listening descriptor is readable. Return: whether there is a new controller_fd. */
bool control_socket_accept(struct control_socket *control);

/**
 * The controller's descriptor is readable. Return: whether the controller is gone; it is closed
 * then.
 */
bool control_socket_watch(struct control_socket *control);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/control_socket.h"
#include "dataplane/abi/lb_abi_hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_pause.h>

#include "config/base/log.h"

/* Maximum rounds of the consumer to finish the commands of a dead controller. */
#define DRAIN_ROUNDS 100000
#define GROUPS_MAX 64

static int listener_make(struct control_socket *control)
{
	const struct sockaddr_un *address = &control->address;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat file = { 0 };
	mode_t mask;
	int err = 0;

	if (fd < 0)
		return -errno;
	/* This process holds the directory's lock, so a socket of that name is a dead one's. */
	unlink(address->sun_path);
	mask = umask(0117);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		err = -errno;
	umask(mask);
	if (!err && (listen(fd, 4) || lstat(address->sun_path, &file)))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	control->device = file.st_dev;
	control->inode = file.st_ino;
	return fd;
}

int control_socket_open(struct control_socket *control, const char *run_dir,
			struct segment *segment, struct consumer *consumer)
{
	size_t room = sizeof(control->address.sun_path);
	int length;

	*control = (struct control_socket){ .listen_fd = -1,
					    .controller_fd = -1,
					    .segment = segment,
					    .consumer = consumer,
					    .address.sun_family = AF_UNIX };
	length = snprintf(control->address.sun_path, room, "%s/dataplane.sock", run_dir);
	if (length < 0 || (size_t)length >= room) {
		log_err("%s: the path is too long for a socket", run_dir);
		return -ENAMETOOLONG;
	}
	control->listen_fd = listener_make(control);
	if (control->listen_fd < 0) {
		log_err("%s: cannot listen: %s", control->address.sun_path,
			strerror(-control->listen_fd));
		return control->listen_fd;
	}
	return 0;
}

static bool file_is_there(const struct control_socket *control)
{
	struct stat file;

	return lstat(control->address.sun_path, &file) == 0 && file.st_dev == control->device &&
	       file.st_ino == control->inode;
}

bool control_socket_restore(struct control_socket *control)
{
	int fd;

	if (file_is_there(control))
		return false;
	fd = listener_make(control);
	if (fd < 0) {
		if (fd != control->restore_error)
			log_err("%s was removed or replaced, and cannot be opened again: %s",
				control->address.sun_path, strerror(-fd));
		control->restore_error = fd;
		return false;
	}
	log_warn("%s was removed or replaced; opened again", control->address.sun_path);
	control->restore_error = 0;
	close(control->listen_fd);
	control->listen_fd = fd;
	return true;
}

static void controller_close(struct control_socket *control)
{
	if (control->controller_fd >= 0)
		close(control->controller_fd);
	control->controller_fd = -1;
}

void control_socket_close(struct control_socket *control)
{
	if (!control->segment)
		return;
	controller_close(control);
	if (control->listen_fd >= 0) {
		unlink(control->address.sun_path);
		close(control->listen_fd);
	}
	*control = (struct control_socket){ .listen_fd = -1, .controller_fd = -1 };
}

static int hello_send(const struct control_socket *control, int fd)
{
	const struct segment *segment = control->segment;
	const int fds[LB_HELLO_FDS] = { segment->memfd, segment->cmd_fd, segment->event_fd,
					segment->flows_fd };
	const size_t bytes = (LB_HELLO_FDS - (segment->flows_fd < 0)) * sizeof(fds[0]);
	struct lb_hello hello = {
		.magic = LB_ABI_MAGIC,
		.abi_version = LB_ABI_VERSION,
		.abi_hash = lb_abi_hash(),
		.boot_id = segment->boot_id,
		.bytes = segment->bytes,
	};
	struct iovec iov = { &hello, sizeof(hello) };
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} rights = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = rights.bytes,
			      .msg_controllen = CMSG_SPACE(bytes) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(cmsg), fds, bytes);
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == sizeof(hello) ? 0 : -errno;
}

/* Before a successor gets the rings: apply complete generations, discard the rest. */
static void predecessor_clear(struct control_socket *control)
{
	for (uint32_t i = 0; i < DRAIN_ROUNDS && consumer_poll(control->consumer); i++)
		rte_pause();
	consumer_abandon(control->consumer);
	segment_rings_recover(control->segment);
}

/* The supplementary groups of the process. One with more than GROUPS_MAX is not sluiced. */
static bool peer_is_in_group(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t bytes = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes))
		return false;
	for (size_t i = 0; i < bytes / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* sluiced may have a user of its own, and is in this process's group then. */
static bool peer_is_allowed(int fd, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size))
		return false;
	if (peer->uid == 0 || peer->uid == geteuid() || peer->gid == getegid() ||
	    peer_is_in_group(fd, getegid()))
		return true;
	log_warn("a controller with uid %u (pid %d) was refused", peer->uid, peer->pid);
	return false;
}

bool control_socket_accept(struct control_socket *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	int err;

	if (fd < 0)
		return false;
	if (!peer_is_allowed(fd, &peer))
		goto refuse;
	if (control->controller_fd >= 0 && !control_socket_watch(control)) {
		log_warn("a controller (pid %d) was refused: pid %d is connected", peer.pid,
			 control->controller_pid);
		goto refuse;
	}
	predecessor_clear(control);
	err = hello_send(control, fd);
	if (err) {
		log_warn("controller (pid %d): cannot send: %s", peer.pid, strerror(-err));
		goto refuse;
	}
	control->controller_fd = fd;
	control->controller_pid = peer.pid;
	log_info("controller connected (pid %d)", peer.pid);
	return true;

refuse:
	close(fd);
	return false;
}

bool control_socket_watch(struct control_socket *control)
{
	char ignored[64];
	ssize_t bytes;

	do
		bytes = recv(control->controller_fd, ignored, sizeof(ignored), MSG_DONTWAIT);
	while (bytes > 0);
	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	log_warn("controller (pid %d) disconnected; forwarding continues with the current tables",
		 control->controller_pid);
	controller_close(control);
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "controlplane/publish/keep.h"
#include "dataplane/abi/lb_abi_hash.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/log.h"
#include "dataplane/abi/lb_kept.h"

#define BACKLOG 4

struct publish_keep {
	struct sockaddr_un address;
	int listen_fd;
	struct event *event;
	int fd[LB_KEPT_FDS]; /* segment, flow tables; -1: none */
	uint8_t *map;	     /* of the flow tables, once they were asked for */
	uint64_t bytes;
	void (*asked)(void *arg);
	void *arg;
};

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- Answers ---- */

static int fds_send(const struct publish_keep *keep, int to)
{
	struct lb_hello hello = { .magic = LB_ABI_MAGIC,
				  .abi_version = LB_ABI_VERSION,
				  .abi_hash = lb_abi_hash() };
	struct iovec part = { .iov_base = &hello, .iov_len = sizeof(hello) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(keep->fd))];
	} control = { .bytes = { 0 } };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *rights;

	if (keep->fd[0] >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(keep->fd));
		memcpy(CMSG_DATA(rights), keep->fd, sizeof(keep->fd));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == sizeof(hello) ? 0 : -errno;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct publish_keep *keep = arg;
	int err, peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (peer < 0)
		return;
	err = fds_send(keep, peer);
	if (err)
		log_warn("%s: cannot send: %s", keep->address.sun_path, strerror(-err));
	close(peer);
	keep->asked(keep->arg);
}

/* ---- The socket ---- */

/* For the group of the directory, in which both daemons are. */
static int socket_share(const char *path, const char *run_dir)
{
	struct stat dir;

	if (stat(run_dir, &dir) || lchown(path, (uid_t)-1, dir.st_gid))
		return -errno;
	return chmod(path, 0660) ? -errno : 0;
}

static int socket_make(struct publish_keep *keep, const char *run_dir)
{
	struct sockaddr_un *address = &keep->address;
	int length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/" LB_KEPT_SOCKET,
			      run_dir);
	mode_t mask;
	int err = 0;

	if (length < 0 || (size_t)length >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	keep->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (keep->listen_fd < 0)
		return -errno;
	/* This process holds the directory's lock, so a socket of that name is a dead one's. */
	unlink(address->sun_path);
	mask = umask(0177);
	if (bind(keep->listen_fd, (const struct sockaddr *)address, sizeof(*address)))
		err = -errno;
	umask(mask);
	if (!err)
		err = socket_share(address->sun_path, run_dir);
	if (!err && listen(keep->listen_fd, BACKLOG))
		err = -errno;
	return err;
}

struct publish_keep *publish_keep_create(struct event_base *base, const char *run_dir,
					 void (*asked)(void *arg), void *arg)
{
	struct publish_keep *keep = calloc(1, sizeof(*keep));
	int err;

	if (!keep)
		return NULL;
	*keep = (struct publish_keep){ .address.sun_family = AF_UNIX,
				       .listen_fd = -1,
				       .fd = { -1, -1 },
				       .asked = asked,
				       .arg = arg };
	err = socket_make(keep, run_dir);
	if (!err) {
		keep->event =
			event_new(base, keep->listen_fd, EV_READ | EV_PERSIST, on_connection, keep);
		err = !keep->event || event_add(keep->event, NULL) ? -ENOMEM : 0;
	}
	if (!err)
		return keep;
	log_warn("%s/" LB_KEPT_SOCKET ": cannot listen: %s; the flows of a dataplane that ends are"
		 " lost, unless systemd keeps them",
		 run_dir, strerror(-err));
	publish_keep_destroy(keep);
	return NULL;
}

void publish_keep_destroy(struct publish_keep *keep)
{
	if (!keep)
		return;
	if (keep->event)
		event_free(keep->event);
	if (keep->listen_fd >= 0)
		unlink(keep->address.sun_path);
	fd_close(&keep->listen_fd);
	publish_keep_release(keep);
	free(keep);
}

/* ---- What is held ---- */

/* A file that could shrink under the mapping would kill this process. */
static void flows_map(struct publish_keep *keep)
{
	int seals = fcntl(keep->fd[1], F_GET_SEALS);
	struct stat st;
	void *map;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(keep->fd[1], &st) ||
	    st.st_size < (off_t)sizeof(struct lb_kept))
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, keep->fd[1], 0);
	if (map == MAP_FAILED)
		return;
	keep->map = map;
	keep->bytes = (uint64_t)st.st_size;
}

const uint8_t *publish_keep_flows(struct publish_keep *keep, uint64_t boot_id, struct lb_kept *kept)
{
	if (keep && !keep->map && keep->fd[1] >= 0)
		flows_map(keep);
	if (!keep || !keep->map)
		return NULL;
	memcpy(kept, keep->map + keep->bytes - sizeof(*kept), sizeof(*kept));
	if (kept->magic != LB_KEPT_MAGIC || kept->abi_hash != lb_abi_hash() ||
	    kept->boot_id != boot_id || kept->n_workers == 0 || kept->n_workers > LB_WORKERS_MAX ||
	    kept->n_buckets == 0 ||
	    keep->bytes != lb_kept_bytes(kept->n_workers, kept->n_buckets, kept->n_records))
		return NULL;
	return keep->map;
}

bool publish_keep_release(struct publish_keep *keep)
{
	bool had = keep && keep->fd[0] >= 0;

	if (keep && keep->map)
		munmap(keep->map, keep->bytes);
	if (keep)
		keep->map = NULL;
	for (uint32_t i = 0; keep && i < LB_KEPT_FDS; i++)
		fd_close(&keep->fd[i]);
	return had;
}

void publish_keep_hold(struct publish_keep *keep, int *segment_fd, int *flows_fd)
{
	publish_keep_release(keep);
	if (keep && *segment_fd >= 0 && *flows_fd >= 0) {
		keep->fd[0] = *segment_fd;
		keep->fd[1] = *flows_fd;
		*segment_fd = -1;
		*flows_fd = -1;
	}
	fd_close(segment_fd);
	fd_close(flows_fd);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* F_GET_SEALS */
#include "controlplane/publish/segment.h"
#include "dataplane/abi/lb_abi_hash.h"
#include "dataplane/abi/lb_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_ring_elem.h>

void publish_link_init(struct publish_link *link)
{
	*link = (struct publish_link){
		.fd = -1, .cmd_fd = -1, .event_fd = -1, .memfd = -1, .flows_fd = -1
	};
}

int publish_link_connect(struct publish_link *link, const char *run_dir)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int length = snprintf(to.sun_path, sizeof(to.sun_path), "%s/dataplane.sock", run_dir);
	int err = 0;

	if (length < 0 || (size_t)length >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	link->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd < 0)
		return -errno;
	if (connect(link->fd, (struct sockaddr *)&to, sizeof(to)))
		err = -errno;
	if (err)
		publish_link_close(link);
	return err;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void publish_link_close(struct publish_link *link)
{
	if (link->segment)
		munmap(link->segment, link->bytes);
	fd_close(&link->fd);
	fd_close(&link->cmd_fd);
	fd_close(&link->event_fd);
	fd_close(&link->memfd);
	fd_close(&link->flows_fd);
	publish_link_init(link);
}

/* ---- The hello ---- */

static uint32_t message_fds(struct msghdr *message, int *fds)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	uint32_t n;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (uint32_t)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (n > LB_HELLO_FDS)
		n = LB_HELLO_FDS;
	memcpy(fds, CMSG_DATA(control), n * sizeof(int));
	return n;
}

/* Return: 0, -EAGAIN, -ECONNRESET. Descriptors that were not received are -1. */
static int hello_receive(int fd, struct lb_hello *hello, ssize_t *length, int *fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LB_HELLO_FDS * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = hello, .iov_len = sizeof(*hello) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	for (uint32_t i = 0; i < LB_HELLO_FDS; i++)
		fds[i] = -1;
	*length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	if (*length < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
	if (*length == 0)
		return -ECONNRESET;
	message_fds(&message, fds);
	return 0;
}

static bool hello_is_ours(const struct lb_hello *hello, ssize_t length, char *why, uint32_t size)
{
	if (length < (ssize_t)LB_OFFSETOF(struct lb_hello, boot_id) ||
	    hello->magic != LB_ABI_MAGIC) {
		snprintf(why, size, "the listener on dataplane.sock is not sluice-dataplane");
		return false;
	}
	if (hello->abi_version != LB_ABI_VERSION || hello->abi_hash != lb_abi_hash() ||
	    length != sizeof(*hello)) {
		snprintf(why, size,
			 "the dataplane has ABI %u/%08x and sluiced %u/%08x: both must be of the "
			 "same release",
			 hello->abi_version, hello->abi_hash, LB_ABI_VERSION, lb_abi_hash());
		return false;
	}
	return true;
}

/* ---- The segment ---- */

/* A file that could shrink under the mapping would kill this process. */
static int segment_map(struct publish_link *link, const struct lb_hello *hello, int memfd)
{
	int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;
	void *map;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(memfd, &st) ||
	    hello->bytes < sizeof(struct lb_segment) || (uint64_t)st.st_size < hello->bytes)
		return -EPROTO;
	map = mmap(NULL, hello->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (map == MAP_FAILED)
		return -errno;
	link->segment = map;
	link->bytes = hello->bytes;
	return 0;
}

/* Its layout follows from the number of workers; anything else would be written to blindly. */
static bool segment_fits(const struct lb_segment *segment)
{
	const size_t first = LB_OFFSETOF(struct lb_segment, cmd_ring);
	const size_t end = LB_OFFSETOF(struct lb_segment, instance_stats) + sizeof(uint64_t);
	struct lb_segment layout = { .magic = LB_ABI_MAGIC };

	if (segment->n_workers == 0 || segment->n_workers > LB_WORKERS_MAX)
		return false;
	lb_segment_layout(&layout, segment->n_workers,
			  sizeof(struct rte_ring) + LB_RING_ENTRIES * sizeof(struct lb_cmd));
	return layout.bytes == segment->bytes &&
	       memcmp((const char *)&layout + first, (const char *)segment + first, end - first) ==
		       0;
}

static bool ring_is_sound(const struct rte_ring *ring)
{
	return ring->size == LB_RING_ENTRIES && ring->mask == LB_RING_ENTRIES - 1 &&
	       ring->capacity == LB_RING_ENTRIES - 1 &&
	       ring->prod.tail - ring->cons.tail <= LB_RING_ENTRIES - 1;
}

bool publish_link_is_sound(const struct publish_link *link)
{
	return ring_is_sound(link->cmd_ring) && ring_is_sound(link->event_ring);
}

static int segment_open(struct publish_link *link, const struct lb_hello *hello, int memfd)
{
	const struct lb_segment *segment;
	int err = segment_map(link, hello, memfd);

	if (err)
		return err;
	segment = link->segment;
	if (segment->magic != LB_ABI_MAGIC || segment->abi_hash != lb_abi_hash() ||
	    segment->bytes != link->bytes || segment->boot_id != hello->boot_id ||
	    !segment_fits(segment))
		return -EPROTO;
	link->cmd_ring = lb_segment_at(segment, segment->cmd_ring);
	link->event_ring = lb_segment_at(segment, segment->event_ring);
	link->directory = lb_segment_at(segment, segment->directory);
	link->node_stats = lb_segment_at(segment, segment->node_stats);
	link->capture_select = lb_segment_at(segment, segment->capture_select);
	link->capture = lb_segment_at(segment, segment->capture);
	link->n_workers = segment->n_workers;
	return publish_link_is_sound(link) ? 0 : -EPROTO;
}

int publish_link_receive(struct publish_link *link, char *why, uint32_t size)
{
	struct lb_hello hello;
	int fds[LB_HELLO_FDS];
	ssize_t length;
	int err = hello_receive(link->fd, &hello, &length, fds);

	if (err)
		return err;
	link->memfd = fds[0];
	link->cmd_fd = fds[1];
	link->event_fd = fds[2];
	link->flows_fd = fds[3];
	if (!hello_is_ours(&hello, length, why, size))
		return -EPROTO;
	snprintf(why, size, "the dataplane's segment is damaged or incomplete");
	if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || segment_open(link, &hello, fds[0]))
		return -EPROTO;
	return 0;
}

void *publish_link_buffer(const struct publish_link *link, uint32_t kind, uint32_t pool,
			  uint32_t buffer)
{
	const struct lb_segment *segment = link->segment;

	switch (kind) {
	case LB_BLOCK_PARAMS:
		return lb_segment_at(segment, segment->params[buffer]);
	case LB_BLOCK_SERVICES:
		return lb_segment_at(segment, segment->services[buffer]);
	case LB_BLOCK_INSTANCES:
		return lb_segment_at(segment, segment->instances[buffer]);
	default:
		return lb_segment_pool(segment, pool, buffer);
	}
}

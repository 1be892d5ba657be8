/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "tests/support/fake_dataplane.h"
#include "config/base/clock.h"
#include "dataplane/abi/lb_abi_hash.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "dataplane/abi/lb_crc.h"
#include "dataplane/abi/lb_kept.h"
#include "dataplane/abi/lb_segment.h"

#define POLL_MS 5

struct fake_dataplane {
	struct lb_segment *segment;
	uint64_t bytes;
	uint8_t *flows; /* NULL: of a predecessor */
	int memfd, flows_fd, cmd_fd, event_fd, listen_fd, client_fd;
	uint32_t abi_hash;
	struct rte_ring *commands, *events;
	pthread_t thread;
	pthread_mutex_t mutex;
	struct fake_view view;
	struct fake_view staged;
	bool staging;
	uint64_t refused_generation;
	atomic_bool end, hold, mute, hang_up;
	atomic_uint refuse;
};

static struct rte_ring *ring_init(struct rte_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->size = LB_RING_ENTRIES;
	ring->mask = LB_RING_ENTRIES - 1;
	ring->capacity = LB_RING_ENTRIES - 1;
	ring->prod.sync_type = RTE_RING_SYNC_ST;
	ring->cons.sync_type = RTE_RING_SYNC_ST;
	return ring;
}

static void segment_use(struct fake_dataplane *fake)
{
	fake->segment = mmap(NULL, fake->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fake->memfd, 0);
	assert(fake->segment != MAP_FAILED);
}

static void rings_init(struct fake_dataplane *fake)
{
	fake->commands = ring_init(lb_segment_at(fake->segment, fake->segment->cmd_ring));
	fake->events = ring_init(lb_segment_at(fake->segment, fake->segment->event_ring));
}

/* Empty tables of two workers, as sluice-dataplane would have them. */
static void flows_make(struct fake_dataplane *fake, uint64_t boot_id)
{
	const uint64_t bytes = lb_kept_bytes(2, FAKE_BUCKETS, 0);
	struct lb_kept *kept;

	fake->flows_fd = memfd_create("fake flows", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert(ftruncate(fake->flows_fd, (off_t)bytes) == 0);
	fcntl(fake->flows_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	fake->flows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fake->flows_fd, 0);
	assert(fake->flows != MAP_FAILED);
	kept = (void *)(fake->flows + bytes - sizeof(*kept));
	*kept = (struct lb_kept){ .magic = LB_KEPT_MAGIC,
				  .boot_id = boot_id,
				  .abi_hash = lb_abi_hash(),
				  .n_workers = 2,
				  .n_buckets = FAKE_BUCKETS };
}

static void segment_make(struct fake_dataplane *fake)
{
	struct lb_segment s = {
		.magic = LB_ABI_MAGIC,
		.abi_version = LB_ABI_VERSION,
		.abi_hash = lb_abi_hash(),
		.n_workers = 2,
		.pid = (uint32_t)getpid(),
		.port_mac = { 2, 0, 0, 0, 0, 0x11 },
		.port_mtu = 1500,
		.port_name = "fake",
		.kernel_iface = "none0",
	};

	assert(getrandom(&s.boot_id, sizeof(s.boot_id), 0) == sizeof(s.boot_id));
	lb_segment_layout(&s, s.n_workers,
			  sizeof(struct rte_ring) + LB_RING_ENTRIES * sizeof(struct lb_cmd));
	fake->bytes = s.bytes;
	fake->memfd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert(ftruncate(fake->memfd, (off_t)s.bytes) == 0);
	fcntl(fake->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	flows_make(fake, s.boot_id);
	segment_use(fake);
	*fake->segment = s;
}

static void socket_make(struct fake_dataplane *fake, const char *dir)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/dataplane.sock", dir);
	unlink(at.sun_path);
	fake->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert(bind(fake->listen_fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	assert(listen(fake->listen_fd, 4) == 0);
}

/* ---- The consumer ---- */

static void answer(struct fake_dataplane *fake, const struct lb_cmd *cmd, uint16_t type)
{
	const uint64_t one = 1;
	struct lb_event event = {
		.type = type,
		.status = LB_REFUSED_CONTENT,
		.workers = 2,
		.generation = cmd->generation,
		.sent_ns = cmd->sent_ns,
		.acked_ns = clock_now_ns(),
	};

	if (fake->mute)
		return;
	lb_event_seal(&event);
	rte_ring_sp_enqueue_elem(fake->events, &event, sizeof(event));
	if (write(fake->event_fd, &one, sizeof(one)) < 0)
		abort();
}

static void keep_services(struct fake_view *view, const struct lb_service_table *table)
{
	view->service_count = 0;
	for (uint32_t i = 0; i <= table->mask; i++)
		if (table->slot[i].family && view->service_count < 256)
			view->services[view->service_count++] = table->slot[i];
}

static void stage_block(struct fake_dataplane *fake, const struct lb_cmd *cmd)
{
	const struct lb_segment *s = fake->segment;
	struct fake_view *view = &fake->staged;
	const void *data = NULL;

	if (cmd->block == LB_BLOCK_PARAMS)
		data = lb_segment_at(s, s->params[cmd->buffer]);
	else if (cmd->block == LB_BLOCK_SERVICES)
		data = lb_segment_at(s, s->services[cmd->buffer]);
	else if (cmd->block == LB_BLOCK_INSTANCES)
		data = lb_segment_at(s, s->instances[cmd->buffer]);
	else
		data = lb_segment_pool(s, cmd->index, cmd->buffer);
	view->broken += lb_crc32c(data, cmd->bytes) != cmd->crc;
	view->blocks[cmd->block]++;
	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		memcpy(&view->params, data, sizeof(view->params));
		break;
	case LB_BLOCK_SERVICES:
		keep_services(view, data);
		break;
	case LB_BLOCK_INSTANCES:
		memcpy(view->instances, data, cmd->bytes);
		view->instance_count = cmd->count;
		break;
	default:
		assert(cmd->count <= 4096);
		memcpy(view->slots[cmd->index], data, cmd->bytes);
		view->slot_count[cmd->index] = cmd->count;
	}
}

/* As the real one: slots must name existing instances. */
static bool staged_is_sound(const struct fake_view *view)
{
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		for (uint32_t i = 0; i < view->slot_count[pool]; i++)
			if (view->slots[pool][i] >= view->instance_count)
				return false;
	return true;
}

static void commit(struct fake_dataplane *fake, const struct lb_cmd *cmd)
{
	struct lb_node_stats *stats = lb_segment_at(fake->segment, fake->segment->node_stats);
	bool refuse = atomic_load(&fake->refuse) > 0;

	fake->staging = false;
	if (refuse || !staged_is_sound(&fake->staged)) {
		if (refuse)
			atomic_fetch_sub(&fake->refuse, 1);
		fake->view.refused++;
		answer(fake, cmd, LB_EVENT_REFUSED);
		return;
	}
	fake->view = fake->staged;
	fake->view.generation = cmd->generation;
	fake->view.generations++;
	stats->generation = cmd->generation;
	answer(fake, cmd, LB_EVENT_ACK);
}

static void command_take(struct fake_dataplane *fake, const struct lb_cmd *cmd)
{
	if (!lb_cmd_is_sealed(cmd)) {
		fake->view.broken++;
		return;
	}
	if (cmd->type == LB_CMD_PING) {
		fake->view.pings++;
		answer(fake, cmd, LB_EVENT_ACK);
		return;
	}
	if (!fake->staging)
		fake->staged = fake->view;
	fake->staging = true;
	if (cmd->type == LB_CMD_BLOCK) {
		stage_block(fake, cmd);
	} else {
		fake->staged.retires++;
		fake->staged.retired |= 1ULL << cmd->index;
	}
	if (!(cmd->flags & LB_CMD_MORE))
		commit(fake, cmd);
}

static void hello(struct fake_dataplane *fake)
{
	struct lb_hello message = {
		.magic = LB_ABI_MAGIC,
		.abi_version = LB_ABI_VERSION,
		.abi_hash = fake->abi_hash ? fake->abi_hash : lb_abi_hash(),
		.boot_id = fake->segment->boot_id,
		.bytes = fake->bytes,
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LB_HELLO_FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { &message, sizeof(message) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fds[LB_HELLO_FDS] = { fake->memfd, fake->cmd_fd, fake->event_fd, fake->flows_fd };

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	if (sendmsg(fake->client_fd, &m, MSG_NOSIGNAL) < 0)
		perror("hello");
}

static void client_take(struct fake_dataplane *fake)
{
	int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (fake->client_fd >= 0)
		close(fake->client_fd);
	fake->client_fd = fd;
	fake->staging = false;
	fake->commands->prod.head = fake->commands->prod.tail;
	fake->events->cons.head = fake->events->cons.tail;
	fake->view.connections++;
	hello(fake);
}

static void *fake_run(void *arg)
{
	struct fake_dataplane *fake = arg;
	struct lb_cmd cmd;
	uint64_t count;

	while (!fake->end) {
		struct pollfd fds[2] = { { .fd = fake->listen_fd, .events = POLLIN },
					 { .fd = fake->hold ? -1 : fake->cmd_fd,
					   .events = POLLIN } };

		poll(fds, 2, POLL_MS);
		pthread_mutex_lock(&fake->mutex);
		if (atomic_exchange(&fake->hang_up, false) && fake->client_fd >= 0) {
			close(fake->client_fd);
			fake->client_fd = -1;
		}
		client_take(fake);
		if (fds[1].revents && read(fake->cmd_fd, &count, sizeof(count)) < 0)
			count = 0;
		while (!fake->hold &&
		       rte_ring_sc_dequeue_elem(fake->commands, &cmd, sizeof(cmd)) == 0)
			command_take(fake, &cmd);
		pthread_mutex_unlock(&fake->mutex);
	}
	return NULL;
}

/* ---- For tests ---- */

static void run(struct fake_dataplane *fake, const char *dir)
{
	fake->client_fd = -1;
	fake->cmd_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fake->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rings_init(fake);
	socket_make(fake, dir);
	pthread_mutex_init(&fake->mutex, NULL);
	assert(pthread_create(&fake->thread, NULL, fake_run, fake) == 0);
}

struct fake_dataplane *fake_dataplane_start(const char *dir, uint32_t abi_hash)
{
	struct fake_dataplane *fake = calloc(1, sizeof(*fake));

	fake->abi_hash = abi_hash;
	segment_make(fake);
	run(fake, dir);
	return fake;
}

struct fake_dataplane *fake_dataplane_succeed(const char *dir, const int *fds)
{
	struct fake_dataplane *fake = calloc(1, sizeof(*fake));
	struct stat st;

	fake->memfd = fds[0];
	fake->flows_fd = fds[1];
	assert(fstat(fake->memfd, &st) == 0);
	fake->bytes = (uint64_t)st.st_size;
	segment_use(fake);
	run(fake, dir);
	return fake;
}

void fake_dataplane_kill(struct fake_dataplane *fake)
{
	fake->end = true;
	pthread_join(fake->thread, NULL);
	close(fake->listen_fd);
	if (fake->client_fd >= 0)
		close(fake->client_fd);
	close(fake->cmd_fd);
	close(fake->event_fd);
	close(fake->memfd);
	close(fake->flows_fd);
	if (fake->flows)
		munmap(fake->flows, lb_kept_bytes(2, FAKE_BUCKETS, 0));
	munmap(fake->segment, fake->bytes);
	free(fake);
}

void fake_dataplane_view(struct fake_dataplane *fake, struct fake_view *view)
{
	pthread_mutex_lock(&fake->mutex);
	*view = fake->view;
	pthread_mutex_unlock(&fake->mutex);
}

/* From its return on no command is taken, until it is taken back. */
void fake_dataplane_hold(struct fake_dataplane *fake, bool hold)
{
	pthread_mutex_lock(&fake->mutex);
	fake->hold = hold;
	pthread_mutex_unlock(&fake->mutex);
}

void fake_dataplane_refuse(struct fake_dataplane *fake, uint32_t n)
{
	atomic_store(&fake->refuse, n);
}

void fake_dataplane_mute(struct fake_dataplane *fake, bool mute)
{
	fake->mute = mute;
}

void fake_dataplane_hang_up(struct fake_dataplane *fake)
{
	fake->hang_up = true;
}

struct lb_segment *fake_dataplane_segment(struct fake_dataplane *fake)
{
	return fake->segment;
}

struct lb_bucket *fake_dataplane_flows(struct fake_dataplane *fake, uint32_t worker)
{
	return (void *)(fake->flows + worker * lb_kept_stride(FAKE_BUCKETS, 0));
}

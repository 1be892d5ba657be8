/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for the DPDK dataplane. Its states:
 *
 *   away    no connection; retried periodically
 *   hello   connected; waiting for the descriptors
 *   ping    mapped; a ping was sent. Its answer shows that the dataplane has taken everything that
 *           a predecessor of this process sent, so that both buffers of every block are free
 *   ready   the running state was adopted; one generation at a time is in flight
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/publish/directory.h"
#include "controlplane/publish/keep.h"
#include "controlplane/publish/ring_capture.h"
#include "controlplane/publish/ring_view.h"
#include "dataplane/abi/lb_crc.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
#define CHORES_MS 500
#define EAGER_MS 10000 /* at most, between the start of a dataplane and its socket */

/* A lost answer: its generation has been in use for this long. */
#define ANSWER_LOST_MS 2000
#define ANSWER_LATE_MS 5000

#define COMMANDS_MAX (PUBLISH_BLOCKS_MAX + 2 * LB_POOLS_MAX)

enum ring_state { RING_AWAY, RING_HELLO, RING_PING, RING_READY };

struct publish_backend {
	struct publish_backend_options options;
	enum ring_state state;
	struct publish_link link;
	struct publish_directory directory;
	struct event *socket_event;
	struct event *answer_event;
	struct event *retry_timer;
	struct event *chores_timer;
	uint32_t retry_ms;
	struct publish_keep *keep; /* NULL: the flow tables are not the dataplane's */
	uint64_t left_ns;	   /* when the dataplane was lost */
	uint64_t eager_until_ns;   /* one is starting */
	char why[160];		   /* logged last */
	/* what is in flight */
	uint64_t generation; /* of the last command */
	uint64_t sent_ns;    /* 0: nothing */
	bool late_said;
	uint64_t retire;
	uint64_t retire_after;
};

static void ring_leave(struct publish_backend *r, const char *why);

/* ---- Commands ---- */

static int commands_send(struct publish_backend *r, struct lb_cmd *commands, uint32_t n)
{
	const uint64_t one = 1;

	if (!publish_link_is_sound(&r->link)) {
		ring_leave(r, "the command ring is damaged");
		return -ENOTCONN;
	}
	r->sent_ns = clock_now_ns();
	r->late_said = false;
	for (uint32_t i = 0; i < n; i++) {
		commands[i].generation = r->generation;
		commands[i].sent_ns = r->sent_ns;
		commands[i].flags = i + 1 < n ? LB_CMD_MORE : 0;
		lb_cmd_seal(&commands[i]);
	}
	if (rte_ring_sp_enqueue_bulk_elem(r->link.cmd_ring, commands, sizeof(*commands), n, NULL) ==
	    0) {
		r->sent_ns = 0;
		return -EAGAIN;
	}
	/* Fails only if the counter is at its maximum, and then the reader is awake. */
	if (write(r->link.cmd_fd, &one, sizeof(one)) < 0)
		return 0;
	return 0;
}

/* Copy a block to the buffer from which the dataplane takes it. */
static struct lb_cmd command_block(struct publish_backend *r, const struct publish_block *block)
{
	uint32_t buffer = publish_directory_spare(&r->directory, block);
	void *to = publish_link_buffer(&r->link, block->kind, block->pool, buffer);

	if (block->bytes > 0)
		memcpy(to, block->data, block->bytes);
	return (struct lb_cmd){
		.type = LB_CMD_BLOCK,
		.block = block->kind,
		.buffer = (uint16_t)buffer,
		.index = block->pool,
		.count = block->count,
		.bytes = block->bytes,
		.crc = lb_crc32c(to, block->bytes),
	};
}

static uint32_t commands_retire(struct lb_cmd *commands, uint64_t pools)
{
	uint32_t n = 0;

	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (pools >> pool & 1)
			commands[n++] = (struct lb_cmd){ .type = LB_CMD_RETIRE, .index = pool };
	return n;
}

static int ring_send(struct publish_backend *r, const struct publish_batch *batch)
{
	struct lb_cmd commands[COMMANDS_MAX];
	uint32_t n = commands_retire(commands, batch->retire);
	int err;

	if (r->state != RING_READY)
		return -ENOTCONN;
	for (uint32_t i = 0; i < batch->block_count; i++)
		commands[n++] = command_block(r, &batch->block[i]);
	n += commands_retire(commands + n, batch->retire_after);
	if (rte_ring_free_count(r->link.cmd_ring) < n)
		return -EAGAIN;
	publish_directory_names(&r->directory, r->options.model);
	/* A successor needs the reason for this batch, even if this process gets no further. */
	publish_directory_states(&r->directory, r->options.model);
	r->generation++;
	publish_directory_sent(&r->directory, batch, r->generation);
	err = commands_send(r, commands, n);
	if (err == -EAGAIN)
		publish_directory_answered(&r->directory, false);
	r->retire = batch->retire;
	r->retire_after = batch->retire_after;
	return err;
}

/* ---- Answers ---- */

static const char *refusal_text(uint32_t reason)
{
	static const char *const text[LB_REFUSED_COUNT] = {
		[LB_REFUSED_CHECK] = "bad checksum of a message",
		[LB_REFUSED_TYPE] = "unknown command or block",
		[LB_REFUSED_BOUNDS] = "an index, count or length is out of range",
		[LB_REFUSED_CRC] = "bad checksum of a block",
		[LB_REFUSED_CONTENT] = "a value in a block is out of range",
		[LB_REFUSED_MEMORY] = "no memory for a copy of a block",
		[LB_REFUSED_GENERATION] = "its number is not higher than the one in use",
		[LB_REFUSED_SECRET] = "node.secret is not the one in use; restart sluice-dataplane",
	};

	return reason < LB_REFUSED_COUNT && text[reason] ? text[reason] : "unknown reason";
}

/* The port's MAC address and MTU can change at run time. */
static void port_follow(struct publish_backend *r)
{
	uint8_t mac[LB_ETH_ALEN];
	uint16_t mtu = lb_segment_port_get(r->link.segment, mac);

	model_port_set(r->options.model, mac, mtu);
}

static void running_adopt(struct publish_backend *r, struct model_running *running)
{
	bool is_there = publish_directory_read(&r->directory, running);

	if (r->options.has_handover)
		return;
	port_follow(r);
	if (!is_there) {
		model_leaving_forget(r->options.model);
		model_gone_forget(r->options.model);
	} else if (model_adopt(r->options.model, running)) {
		log_err("publish: the running state could not be adopted completely");
	}
}

/* All commands of the predecessor are done: adopt what runs. */
static void ring_adopt(struct publish_backend *r)
{
	const struct lb_segment *segment = r->link.segment;
	uint64_t in_use = r->link.node_stats->generation;
	struct model_running running;

	r->state = RING_READY;
	r->sent_ns = 0;
	publish_directory_attach(&r->directory, &r->link, in_use);
	if (r->generation < in_use)
		r->generation = in_use;
	running_adopt(r, &running);
	log_info("dataplane: connected, process %u, port %.64s, driver %.64s, %u workers%s",
		 segment->pid, segment->port_name, segment->driver, segment->n_workers,
		 running.instances ? "; adopting its running state" : "");
	r->options.events->connected(r->options.arg);
}

static void answer_take(struct publish_backend *r, const struct lb_event *event)
{
	struct publish_answer answer = {
		.generation = event->generation,
		.refused = event->type == LB_EVENT_REFUSED,
		.reason = refusal_text(event->status),
		.sent_ns = event->sent_ns,
		.taken_ns = event->taken_ns,
		.swapped_ns = event->swapped_ns,
		.acked_ns = event->acked_ns,
		.workers = event->workers,
	};

	if (r->state == RING_PING && !answer.refused) {
		ring_adopt(r);
		return;
	}
	if (r->state != RING_READY)
		return;
	r->sent_ns = 0;
	publish_directory_answered(&r->directory, !answer.refused);
	if (!answer.refused) {
		uint64_t moved = r->retire_after;

		publish_directory_retired(&r->directory, r->retire | moved);
	}
	r->options.events->answered(r->options.arg, &answer);
}

static void event_take(struct publish_backend *r, const struct lb_event *event)
{
	if (!lb_event_is_sealed(event)) {
		log_err("dataplane: event with a bad checksum");
		return;
	}
	/* Answers to a predecessor are covered by the ping's. */
	if (r->sent_ns == 0 || event->generation != r->generation)
		return;
	answer_take(r, event);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *r = arg;
	struct lb_event event;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_err("dataplane: event descriptor: %s", strerror(errno));
	while (r->state >= RING_PING && publish_link_is_sound(&r->link) &&
	       rte_ring_sc_dequeue_elem(r->link.event_ring, &event, sizeof(event)) == 0)
		event_take(r, &event);
}

/* The event ring was full, or the event was lost with the process that had taken it. */
static void answer_recover(struct publish_backend *r)
{
	uint64_t age_ms = (clock_now_ns() - r->sent_ns) / CLOCK_NS_PER_MS;
	struct lb_event event = {
		.type = LB_EVENT_ACK,
		.generation = r->generation,
		.acked_ns = clock_now_ns(),
		.workers = r->link.segment->n_workers,
	};

	if (age_ms > ANSWER_LOST_MS && r->state == RING_READY &&
	    r->link.node_stats->generation == r->generation) {
		answer_take(r, &event);
		return;
	}
	if (age_ms > ANSWER_LATE_MS && !r->late_said) {
		r->late_said = true;
		log_warn("dataplane: its main lcore has not answered for %u s",
			 ANSWER_LATE_MS / 1000);
	}
}

/* The time after which no flow is alive. */
static void kept_expire(struct publish_backend *r)
{
	uint64_t idle_ns = (uint64_t)model_idle_timeout_ms(r->options.model) * CLOCK_NS_PER_MS;

	if (r->state == RING_READY || !r->left_ns || clock_now_ns() - r->left_ns < idle_ns)
		return;
	r->left_ns = 0;
	if (publish_keep_release(r->keep))
		log_info("dataplane: there has been none for node.idle_timeout, so its flows have"
			 " expired; their memory is released");
}

static void on_chores(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *r = arg;

	(void)fd;
	(void)what;
	if (r->state == RING_READY)
		publish_directory_states(&r->directory, r->options.model);
	if (r->state == RING_READY && !r->options.has_handover)
		port_follow(r);
	if (r->sent_ns)
		answer_recover(r);
	kept_expire(r);
}

/* ---- Connecting and disconnecting ---- */

static void event_drop(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void retry_later(struct publish_backend *r)
{
	const struct timeval delay = { .tv_sec = r->retry_ms / 1000,
				       .tv_usec = (long)(r->retry_ms % 1000) * 1000 };

	evtimer_add(r->retry_timer, &delay);
	if (clock_now_ns() >= r->eager_until_ns)
		r->retry_ms = r->retry_ms * 2 < RETRY_MAX_MS ? r->retry_ms * 2 : RETRY_MAX_MS;
}

/* @why: logged if it changed. */
static void ring_leave(struct publish_backend *r, const char *why)
{
	bool news = strcmp(r->why, why) != 0;

	if (r->state == RING_READY)
		publish_directory_states(&r->directory, r->options.model);
	if (r->state >= RING_PING)
		r->left_ns = clock_now_ns();
	event_drop(&r->socket_event);
	event_drop(&r->answer_event);
	publish_link_close(&r->link);
	r->state = RING_AWAY;
	r->sent_ns = 0;
	if (news) {
		snprintf(r->why, sizeof(r->why), "%s", why);
		log_warn("dataplane: %s", why);
	}
	retry_later(r);
	r->options.events->gone(r->options.arg, why);
}

static int ring_ping(struct publish_backend *r)
{
	struct lb_cmd ping = { .type = LB_CMD_PING };

	r->generation = r->link.directory->generation;
	if (r->generation < r->link.node_stats->generation)
		r->generation = r->link.node_stats->generation;
	r->generation++;
	r->state = RING_PING;
	return commands_send(r, &ping, 1);
}

static void on_hello(struct publish_backend *r)
{
	char why[sizeof(r->why)] = "the connection was closed";
	int err = publish_link_receive(&r->link, why, sizeof(why));

	if (err == -EAGAIN)
		return;
	if (err) {
		ring_leave(r, why);
		return;
	}
	publish_keep_hold(r->keep, &r->link.memfd, &r->link.flows_fd);
	r->answer_event =
		event_new(r->options.base, r->link.event_fd, EV_READ | EV_PERSIST, on_answer, r);
	if (!r->answer_event || event_add(r->answer_event, NULL)) {
		ring_leave(r, "no memory for its events");
		return;
	}
	r->retry_ms = RETRY_MIN_MS;
	r->why[0] = '\0';
	if (ring_ping(r) == -EAGAIN)
		ring_leave(r, "its command ring is full");
}

/* The dataplane sends nothing after its hello: the read only detects a close. */
static bool socket_is_closed(int fd)
{
	char byte;
	ssize_t length = read(fd, &byte, sizeof(byte));

	return length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *r = arg;

	(void)what;
	if (r->state == RING_HELLO)
		on_hello(r);
	else if (socket_is_closed(fd))
		ring_leave(r, "connection lost; forwarding continues with the current tables");
}

static void ring_try(struct publish_backend *r)
{
	char why[sizeof(r->why)];
	int err;

	if (r->state != RING_AWAY)
		return;
	evtimer_del(r->retry_timer);
	err = publish_link_connect(&r->link, r->options.run_dir);
	if (err) {
		snprintf(why, sizeof(why), "not running (%.80s/dataplane.sock: %s)",
			 r->options.run_dir, strerror(-err));
		ring_leave(r, why);
		return;
	}
	r->state = RING_HELLO;
	r->socket_event =
		event_new(r->options.base, r->link.fd, EV_READ | EV_PERSIST, on_socket, r);
	if (!r->socket_event || event_add(r->socket_event, NULL))
		ring_leave(r, "no memory for its connection");
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ring_try(arg);
}

/* ---- The interface ---- */

/* A dataplane starts, and has got what was kept. */
static void on_asked(void *arg)
{
	struct publish_backend *r = arg;

	r->eager_until_ns = clock_now_ns() + EAGER_MS * CLOCK_NS_PER_MS;
	r->retry_ms = RETRY_MIN_MS;
	if (r->state == RING_AWAY)
		retry_later(r);
}

static void ring_destroy(struct publish_backend *r)
{
	if (r->state == RING_READY)
		publish_directory_states(&r->directory, r->options.model);
	event_drop(&r->socket_event);
	event_drop(&r->answer_event);
	event_drop(&r->retry_timer);
	event_drop(&r->chores_timer);
	publish_link_close(&r->link);
	publish_keep_destroy(r->keep);
	free(r);
}

static struct publish_backend *ring_create(const struct publish_backend_options *options)
{
	const struct timeval chores = { .tv_usec = CHORES_MS * 1000 };
	struct publish_backend *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->options = *options;
	r->retry_ms = RETRY_MIN_MS;
	publish_link_init(&r->link);
	if (!options->has_handover)
		r->keep = publish_keep_create(options->base, options->run_dir, on_asked, r);
	r->retry_timer = evtimer_new(options->base, on_retry, r);
	r->chores_timer = event_new(options->base, -1, EV_PERSIST, on_chores, r);
	if (!r->retry_timer || !r->chores_timer || event_add(r->chores_timer, &chores)) {
		ring_destroy(r);
		errno = ENOMEM;
		return NULL;
	}
	event_active(r->retry_timer, EV_TIMEOUT, 0);
	return r;
}

static bool ring_runs(const struct publish_backend *r, const struct publish_block *block)
{
	uint32_t bytes;
	const void *running = publish_directory_running(&r->directory, block, &bytes);

	/* A pool without a table, which never had one. */
	if (!running)
		return block->kind == LB_BLOCK_POOL && block->count == 0;
	return bytes == block->bytes && (bytes == 0 || memcmp(running, block->data, bytes) == 0);
}

static uint64_t ring_pool_changed_ns(const struct publish_backend *r, uint32_t pool)
{
	return r->state == RING_READY ? r->link.directory->pool_changed_ns[pool] : 0;
}

static const struct lb_segment *ring_segment(const struct publish_backend *r)
{
	return r->state == RING_READY ? r->link.segment : NULL;
}

static int ring_view(struct publish_backend *r, struct flows_view *view)
{
	return r->state == RING_READY ? publish_ring_view(&r->directory, r->keep, view) : -ENOTCONN;
}

static void ring_capture(struct publish_backend *r, const struct lb_capture_select *select)
{
	if (r->state == RING_READY)
		publish_ring_capture(&r->link, select);
}

static bool ring_capture_next(struct publish_backend *r, struct lb_capture_record *record)
{
	return r->state == RING_READY && publish_ring_capture_next(&r->link, record);
}

static void ring_capture_missed(const struct publish_backend *r,
				struct publish_capture_missed *missed)
{
	if (r->state == RING_READY)
		publish_ring_capture_missed(&r->link, missed);
}

const struct publish_backend_ops publish_ring_ops = {
	.create = ring_create,
	.destroy = ring_destroy,
	.poke = ring_try,
	.runs = ring_runs,
	.send = ring_send,
	.pool_changed_ns = ring_pool_changed_ns,
	.segment = ring_segment,
	.view = ring_view,
	.capture = ring_capture,
	.capture_next = ring_capture_next,
	.capture_missed = ring_capture_missed,
};

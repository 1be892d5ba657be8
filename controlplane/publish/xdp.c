/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for the XDP dataplane. Its dataplane is always available: connecting means to load
 * the program, or to adopt the running one, and to attach it to the port. A generation is in use as
 * soon as it is sent; its answer waits for the grace period of the one before.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "controlplane/publish/publish.h"
#include "controlplane/publish/xdp.h"
#include "controlplane/publish/xdp_internal.h"
#include "controlplane/publish/xdp_segment.h"
#include "controlplane/xdp/capture.h"
#include "controlplane/xdp/loader.h"
#include "controlplane/xdp/tables.h"
#include "controlplane/xdp/view.h"

#define STATES_MS 500
#define WATCH_MS 20

/* ---- Sending ---- */

/* Return: 0, -ENOSPC. */
static int stage(struct publish_backend *x, const struct publish_block *block)
{
	uint32_t number = publish_directory_spare(&x->directory, block);
	void *buffer = publish_link_buffer(&x->link, block->kind, block->pool, number);
	int err;

	if (!block->bytes)
		return 0;
	err = publish_xdp_segment_room(buffer, block->bytes);
	if (!err)
		memcpy(buffer, block->data, block->bytes);
	return err;
}

static int stage_all(struct publish_backend *x, const struct publish_batch *batch)
{
	int err = 0;

	for (uint32_t i = 0; i < batch->block_count && !err; i++)
		err = stage(x, &batch->block[i]);
	return err;
}

static int xdp_send(struct publish_backend *x, const struct publish_batch *batch)
{
	int err;

	if (!x->ready)
		return -ENOTCONN;
	err = stage_all(x, batch);
	publish_directory_names(&x->directory, x->options.model);
	publish_directory_states(&x->directory, x->options.model);
	x->generation++;
	x->sent_ns = clock_now_ns();
	x->retired = batch->retire | batch->retire_after;
	publish_directory_sent(&x->directory, batch, x->generation);
	if (!err)
		err = xdp_tables_apply(&x->object, batch, x->generation, x->port.mac);
	x->sent_result = err;
	return publish_xdp_hook(x) ? -ENOTCONN : xdp_thread_sync(x->thread);
}

static const char *refusal(int err)
{
	switch (err) {
	case -EKEYREJECTED:
		return "node.secret is not the one in use; recorded flows would not be found";
	case -ENOSPC:
		return "no space left for xdp.segment in the run directory";
	default:
		return "a value or a length in a block is out of range";
	}
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;
	struct publish_answer answer = {
		.generation = x->generation,
		.refused = x->sent_result != 0,
		.reason = refusal(x->sent_result),
		.sent_ns = x->sent_ns,
		.acked_ns = clock_now_ns(),
		.workers = x->object.has_handover ? x->object.n_workers : x->object.regions,
	};

	(void)fd;
	(void)what;
	if (xdp_thread_answer(x->thread) == -EAGAIN || x->sent_ns == 0)
		return;
	x->sent_ns = 0;
	publish_directory_answered(&x->directory, !answer.refused);
	if (!answer.refused)
		publish_directory_retired(&x->directory, x->retired);
	publish_xdp_segment_refresh(&x->link, &x->object);
	x->options.events->answered(x->options.arg, &answer);
}

/* ---- Connecting ---- */

static int answers_start(struct publish_backend *x)
{
	x->thread = xdp_thread_create();
	if (!x->thread)
		return -errno;
	x->answer_event = event_new(x->options.base, xdp_thread_fd(x->thread), EV_READ | EV_PERSIST,
				    on_answer, x);
	return x->answer_event && !event_add(x->answer_event, NULL) ? 0 : -ENOMEM;
}

static void xdp_try(struct publish_backend *x)
{
	const struct config *config = model_config(x->options.model);
	const struct config_node *node = config ? &config->node : NULL;
	char why[XDP_OBJECT_WHY_MAX];
	int err;

	if (x->ready)
		return;
	evtimer_del(x->retry_timer);
	if (!node) {
		publish_xdp_leave(x, "no configuration yet");
		return;
	}
	x->load_failed = false;
	err = publish_xdp_port_find(x, node->port);
	if (err) {
		snprintf(why, sizeof(why), "%.60s: %s", node->port, strerror(-err));
		publish_xdp_leave(x, why);
		return;
	}
	/* Loading costs verifier time and would fail in the same way. */
	if (x->holder_id && publish_xdp_holder(x) == x->holder_id) {
		publish_xdp_leave(x, x->why);
		return;
	}
	err = publish_xdp_open(x, node);
	if (!err)
		err = answers_start(x);
	if (!err) {
		publish_xdp_adopt(x, node);
		return;
	}
	snprintf(why, sizeof(why), "%s", x->object.why[0] ? x->object.why : strerror(-err));
	publish_xdp_leave(x, why);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	xdp_try(arg);
}

/* Act only on a definite answer: a failed query means no change. */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;
	struct link_state port;
	int err;

	(void)fd;
	(void)what;
	if (!x->ready || x->object.mode == XDP_OBJECT_NONE)
		return;
	err = link_read(&x->netlink, x->port.index, &port);
	if (err == -ENODEV) {
		publish_xdp_leave(x, "the port was deleted");
		return;
	}
	if (!err && xdp_object_suits(&x->object, port.mtu)) {
		publish_xdp_port_follow(x, &port);
	} else if (!err) {
		publish_xdp_leave(x, "the port's new MTU needs another program");
		xdp_try(x);
		return;
	}
	publish_xdp_hook_watch(x);
}

static void on_states(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;

	(void)fd;
	(void)what;
	if (!x->ready)
		return;
	publish_directory_states(&x->directory, x->options.model);
	if (publish_xdp_tags_keep(x) == -EOPNOTSUPP) {
		publish_xdp_leave(x, x->object.why);
		return;
	}
	publish_xdp_look(x);
}

/* ---- The interface ---- */

static void xdp_destroy(struct publish_backend *x)
{
	if (x->ready)
		publish_directory_states(&x->directory, x->options.model);
	publish_xdp_release(x);
	if (x->retry_timer)
		event_free(x->retry_timer);
	if (x->states_timer)
		event_free(x->states_timer);
	if (x->watch_timer)
		event_free(x->watch_timer);
	netlink_close(&x->netlink);
	free(x);
}

static struct publish_backend *xdp_create(const struct publish_backend_options *options)
{
	const struct timeval states = { .tv_usec = STATES_MS * 1000 };
	const struct timeval watch = { .tv_usec = WATCH_MS * 1000 };
	struct publish_backend *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return NULL;
	x->options = *options;
	x->claim_fd = -1;
	publish_link_init(&x->link);
	err = netlink_open(&x->netlink);
	if (err) {
		xdp_destroy(x);
		errno = -err;
		return NULL;
	}
	x->retry_timer = evtimer_new(options->base, on_retry, x);
	x->states_timer = event_new(options->base, -1, EV_PERSIST, on_states, x);
	x->watch_timer = event_new(options->base, -1, EV_PERSIST, on_watch, x);
	if (!x->retry_timer || !x->states_timer || !x->watch_timer ||
	    event_add(x->states_timer, &states) || event_add(x->watch_timer, &watch)) {
		xdp_destroy(x);
		errno = ENOMEM;
		return NULL;
	}
	event_active(x->retry_timer, EV_TIMEOUT, 0);
	return x;
}

static bool xdp_runs(const struct publish_backend *x, const struct publish_block *block)
{
	uint32_t bytes;
	const void *running = publish_directory_running(&x->directory, block, &bytes);

	if (xdp_tables_generation(&x->object) == 0)
		return false; /* new maps; the directory's content is of old ones */
	if (!running)
		return block->kind == LB_BLOCK_POOL && block->count == 0;
	return bytes == block->bytes && (bytes == 0 || memcmp(running, block->data, bytes) == 0);
}

bool publish_xdp_running(const struct publish_backend *backend, struct publish_block *block)
{
	if (!backend->ready || xdp_tables_generation(&backend->object) == 0)
		return false;
	block->data = publish_directory_running(&backend->directory, block, &block->bytes);
	block->count = block->bytes;
	return block->data || block->kind == LB_BLOCK_POOL;
}

static uint64_t xdp_pool_changed_ns(const struct publish_backend *x, uint32_t pool)
{
	return x->ready ? x->link.directory->pool_changed_ns[pool] : 0;
}

static const struct lb_segment *xdp_segment(const struct publish_backend *x)
{
	return x->ready ? x->link.segment : NULL;
}

/* Lists of clients are in maps that are not kept open; the directory has them as they were sent. */
static int xdp_backend_view(struct publish_backend *x, struct flows_view *view)
{
	int err = x->ready ? xdp_view(&x->object, view) : -ENOTCONN;
	struct model_running running;

	if (!err && publish_directory_read(&x->directory, &running) && running.services &&
	    running.services->access_words)
		view->services = running.services;
	return err;
}

static void xdp_backend_capture(struct publish_backend *x, const struct lb_capture_select *select)
{
	if (!x->ready)
		return;
	xdp_capture_select(&x->object, select);
	if (!select)
		xdp_capture_close(&x->object);
}

static bool xdp_backend_capture_next(struct publish_backend *x, struct lb_capture_record *record)
{
	return x->ready && xdp_capture_next(&x->object, record);
}

static void xdp_backend_capture_missed(const struct publish_backend *x,
				       struct publish_capture_missed *missed)
{
	if (x->ready)
		xdp_capture_missed(&x->object, &missed->lost, &missed->skipped);
}

static void xdp_refresh(struct publish_backend *x)
{
	if (x->ready)
		publish_xdp_segment_refresh(&x->link, &x->object);
}

const struct xdp_object *publish_xdp_object(const struct publish_backend *backend)
{
	return backend->ready ? &backend->object : NULL;
}

bool publish_xdp_refuses(const struct publish_backend *backend)
{
	return backend->sent_result != 0;
}

const struct publish_backend_ops publish_xdp_ops = {
	.create = xdp_create,
	.destroy = xdp_destroy,
	.poke = xdp_try,
	.runs = xdp_runs,
	.send = xdp_send,
	.pool_changed_ns = xdp_pool_changed_ns,
	.segment = xdp_segment,
	.view = xdp_backend_view,
	.capture = xdp_backend_capture,
	.capture_next = xdp_backend_capture_next,
	.capture_missed = xdp_backend_capture_missed,
	.refresh = xdp_refresh,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handover backend, for a port with both dataplanes: it combines the backends of the XDP program and of
 * the DPDK process. Every generation goes to both, except what the XDP program refuses, and is
 * answered when both have it. The XDP program is always present, and its state is the one adopted;
 * the process may connect and disconnect at any time:
 *
 *   away     not connected
 *   silent   connected, but its workers do not beat: nothing is sent to it
 *   there    receives generations; it may carry packets once its tables are in step
 *
 * Which of the two carries a packet is decided per packet (bpf/sluice_xdp_handover.h). This process
 * only sets which process may.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/handover_queues.h"
#include "controlplane/publish/publish.h"
#include "controlplane/publish/xdp.h"

#define WATCH_MS 20
#define REFUSED_MS 1000
#define UNHEARD_NS (2 * CLOCK_NS_PER_S) /* for a process that a predecessor allowed, to connect */

enum process_state { PROCESS_AWAY, PROCESS_SILENT, PROCESS_THERE };

enum due { DUE_XDP = 1, DUE_RING = 2 };

struct publish_backend {
	struct publish_backend_options options;
	struct publish_backend *xdp;
	struct publish_backend *ring;
	struct event *watch_timer;
	bool is_up;	/* the XDP program runs, */
	uint64_t up_ns; /* since then */
	enum process_state process;
	uint64_t boot_id;   /* of the process */
	bool in_step;	    /* its tables equal those of the XDP program */
	bool is_behind;	    /* it did not take what the XDP program has */
	uint64_t rejoin_ns; /* if behind: earliest time to send it everything */
	bool ring_is_busy;
	uint32_t due;	     /* outstanding answers, of enum due */
	uint64_t generation; /* of the XDP program; the process counts its own */
	struct publish_answer answer;
	struct publish_handover handover;
};

static struct handover_queues queues_of(const struct publish_backend *a)
{
	const struct xdp_object *object = publish_xdp_object(a->xdp);

	if (!a->is_up || !object)
		return (struct handover_queues){ .n = 0 };
	return (struct handover_queues){ .queue = object->queues, .n = object->n_workers };
}

/* ---- Which dataplane carries ---- */

static const char *why_xdp(const struct publish_backend *a)
{
	if (a->process == PROCESS_AWAY)
		return "sluice-dataplane is not running";
	if (a->process == PROCESS_SILENT)
		return "sluice-dataplane does not answer";
	return a->in_step ? "a worker of sluice-dataplane does not answer"
			  : "sluice-dataplane does not have the tables yet";
}

static void handover_follow(struct publish_backend *a)
{
	const struct handover_queues queues = queues_of(a);
	struct publish_handover *handover = &a->handover;
	bool is_news;

	if (queues.n == 0)
		return;
	handover->is_dpdk = handover_queues_is_handed(&queues);
	is_news = handover_queues_note(&queues, handover->is_dpdk);
	handover->since_ns = handover_queues_since_ns(&queues);
	handover->takeovers = handover_queues_takeovers(&queues);
	handover->handed_pkts = handover_queues_handed_pkts(&queues);
	snprintf(handover->why, sizeof(handover->why), "%s",
		 handover->is_dpdk ? "sluice-dataplane is alive and has the tables" : why_xdp(a));
	if (!is_news)
		return;
	if (handover->is_dpdk)
		log_info("handover: packets go to DPDK: %s", handover->why);
	else
		log_warn("handover: packets go to XDP: %s", handover->why);
}

static void process_forbid(struct publish_backend *a)
{
	const struct handover_queues queues = queues_of(a);

	a->in_step = false;
	handover_queues_allow(&queues, 0);
}

/* Send everything again, to both, after a delay. */
static void fall_behind(struct publish_backend *a, uint32_t ms)
{
	if (a->in_step)
		return;
	a->is_behind = true;
	a->rejoin_ns = clock_now_ns() + (uint64_t)ms * CLOCK_NS_PER_MS;
}

static bool process_has(const struct publish_backend *a, uint16_t kind, uint16_t pool)
{
	struct publish_block block = { .kind = kind, .pool = pool };

	return publish_xdp_running(a->xdp, &block) && publish_ring_ops.runs(a->ring, &block);
}

static bool process_has_tables(const struct publish_backend *a)
{
	if (!process_has(a, LB_BLOCK_PARAMS, 0) || !process_has(a, LB_BLOCK_SERVICES, 0) ||
	    !process_has(a, LB_BLOCK_INSTANCES, 0))
		return false;
	for (uint16_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (model_pool_by_id(a->options.model, pool) &&
		    !process_has(a, LB_BLOCK_POOL, pool))
			return false;
	return true;
}

/* A process that a predecessor allowed stays allowed, but not with tables of its own. */
static void process_judge(struct publish_backend *a)
{
	if (!process_has_tables(a))
		process_forbid(a);
}

/*
 * Nothing is in flight: the process may carry if it runs what the XDP program runs. The blocks are
 * compared; what was sent proves nothing, as some of it may have been refused or never sent.
 */
static void process_allow(struct publish_backend *a)
{
	const struct handover_queues queues = queues_of(a);

	if (a->process != PROCESS_THERE || a->in_step || a->is_behind || a->due || !a->is_up)
		return;
	if (!process_has_tables(a)) {
		fall_behind(a, REFUSED_MS);
		return;
	}
	a->in_step = true;
	handover_queues_allow(&queues, a->boot_id);
	handover_follow(a);
}

/* Send what the process lacks. */
static void process_join(struct publish_backend *a)
{
	a->process = PROCESS_THERE;
	a->is_behind = false;
	if (!a->is_up)
		return;
	process_judge(a);
	a->options.events->joined(a->options.arg);
	process_allow(a);
}

/* ---- Answers: both, merged into one ---- */

static void answered(struct publish_backend *a, enum due from, const struct publish_answer *answer)
{
	bool refused = a->answer.refused;

	if (!(a->due & (uint32_t)from))
		return;
	a->due &= ~(uint32_t)from;
	if (answer && !refused) {
		uint64_t acked_ns = a->answer.acked_ns;

		a->answer = *answer;
		if (acked_ns > answer->acked_ns)
			a->answer.acked_ns = acked_ns;
	}
	if (a->due)
		return;
	a->answer.generation = a->generation;
	a->options.events->answered(a->options.arg, &a->answer);
	process_allow(a);
}

static void process_leave(struct publish_backend *a, enum process_state state)
{
	if (a->process == state)
		return;
	a->process = state;
	process_forbid(a);
	handover_follow(a);
	answered(a, DUE_RING, NULL);
}

static int handover_send(struct publish_backend *a, const struct publish_batch *batch)
{
	int err = a->is_up ? publish_xdp_ops.send(a->xdp, batch) : -ENOTCONN;

	if (err)
		return err;
	a->due = DUE_XDP;
	a->answer = (struct publish_answer){ .refused = false };
	/* The process must not have what the XDP program lacks. If it is in step, it stays so. */
	if (publish_xdp_refuses(a->xdp)) {
		fall_behind(a, REFUSED_MS);
		return 0;
	}
	/* A process that a predecessor allowed may be alive, and does not get this. */
	if (a->process != PROCESS_THERE) {
		process_forbid(a);
		return 0;
	}
	if (a->ring_is_busy || publish_ring_ops.send(a->ring, batch)) {
		/*
		 * It still owes an answer to what was sent before the XDP program restarted, its
		 * ring is full, or it has just disconnected: the watch sends everything again.
		 */
		process_forbid(a);
		fall_behind(a, 0);
		return 0;
	}
	a->ring_is_busy = true;
	a->due |= DUE_RING;
	return 0;
}

/* ---- Events of the two backends ---- */

static void on_xdp_connected(void *arg)
{
	struct publish_backend *a = arg;

	a->is_up = true;
	a->up_ns = clock_now_ns();
	a->due = 0;
	if (a->process == PROCESS_THERE)
		process_judge(a);
	a->options.events->connected(a->options.arg);
	process_allow(a);
	handover_follow(a);
}

static void on_xdp_gone(void *arg, const char *why)
{
	struct publish_backend *a = arg;

	a->is_up = false;
	a->in_step = false;
	a->due = 0;
	a->options.events->gone(a->options.arg, why);
}

static void on_xdp_answered(void *arg, const struct publish_answer *answer)
{
	struct publish_backend *a = arg;

	a->generation = answer->generation;
	answered(a, DUE_XDP, answer);
}

static void on_ring_connected(void *arg)
{
	struct publish_backend *a = arg;

	a->boot_id = publish_ring_ops.segment(a->ring)->boot_id;
	a->in_step = false;
	a->ring_is_busy = false;
	process_join(a);
}

static void on_ring_gone(void *arg, const char *why)
{
	(void)why; /* the backend has logged it */
	process_leave(arg, PROCESS_AWAY);
}

static void on_ring_answered(void *arg, const struct publish_answer *answer)
{
	struct publish_backend *a = arg;

	a->ring_is_busy = false;
	if (answer->refused) {
		process_forbid(a);
		fall_behind(a, REFUSED_MS);
	}
	answered(a, DUE_RING, answer);
}

static const struct publish_backend_events xdp_events = {
	.connected = on_xdp_connected,
	.gone = on_xdp_gone,
	.answered = on_xdp_answered,
};

static const struct publish_backend_events ring_events = {
	.connected = on_ring_connected,
	.gone = on_ring_gone,
	.answered = on_ring_answered,
};

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *a = arg;
	const struct handover_queues queues = queues_of(a);
	bool is_beating;

	(void)fd;
	(void)what;
	if (queues.n == 0)
		return;
	/* Its main thread may hang while its workers live: nothing published reaches it then. */
	if (a->process == PROCESS_AWAY && clock_now_ns() - a->up_ns > UNHEARD_NS)
		process_forbid(a);
	is_beating = a->process != PROCESS_AWAY && handover_queues_is_beating(&queues, a->boot_id);
	if (a->process == PROCESS_THERE && !is_beating)
		process_leave(a, PROCESS_SILENT);
	else if (a->process == PROCESS_SILENT && is_beating && !a->ring_is_busy)
		process_join(a);
	else if (a->process == PROCESS_THERE && a->is_behind && !a->ring_is_busy && !a->due &&
		 clock_now_ns() >= a->rejoin_ns)
		process_join(a);
	handover_follow(a);
}

/* ---- The interface ---- */

static void handover_destroy(struct publish_backend *a)
{
	if (a->watch_timer)
		event_free(a->watch_timer);
	if (a->ring)
		publish_ring_ops.destroy(a->ring);
	if (a->xdp)
		publish_xdp_ops.destroy(a->xdp);
	free(a);
}

static struct publish_backend *handover_create(const struct publish_backend_options *options)
{
	const struct timeval watch = { .tv_usec = WATCH_MS * 1000 };
	struct publish_backend *a = calloc(1, sizeof(*a));
	struct publish_backend_options each = *options;

	if (!a)
		return NULL;
	a->options = *options;
	a->handover.is_on = true;
	each.arg = a;
	each.has_handover = true;
	each.events = &xdp_events;
	a->xdp = publish_xdp_ops.create(&each);
	each.events = &ring_events;
	a->ring = a->xdp ? publish_ring_ops.create(&each) : NULL;
	a->watch_timer = event_new(options->base, -1, EV_PERSIST, on_watch, a);
	if (!a->ring || !a->watch_timer || event_add(a->watch_timer, &watch)) {
		handover_destroy(a);
		errno = ENOMEM;
		return NULL;
	}
	return a;
}

static void handover_poke(struct publish_backend *a)
{
	publish_xdp_ops.poke(a->xdp);
	publish_ring_ops.poke(a->ring);
}

static bool handover_runs(const struct publish_backend *a, const struct publish_block *block)
{
	return publish_xdp_ops.runs(a->xdp, block) &&
	       (a->process != PROCESS_THERE || publish_ring_ops.runs(a->ring, block));
}

static uint64_t handover_pool_changed_ns(const struct publish_backend *a, uint32_t pool)
{
	return publish_xdp_ops.pool_changed_ns(a->xdp, pool);
}

static const struct lb_segment *handover_segment(const struct publish_backend *a)
{
	return publish_xdp_ops.segment(a->xdp);
}

/* Flow tables and tables are the same for both. */
static int handover_view(struct publish_backend *a, struct flows_view *view)
{
	return publish_xdp_ops.view(a->xdp, view);
}

/* A packet is copied where it gets its verdict. */
static void handover_capture(struct publish_backend *a, const struct lb_capture_select *select)
{
	publish_xdp_ops.capture(a->xdp, select);
	publish_ring_ops.capture(a->ring, select);
}

static bool handover_capture_next(struct publish_backend *a, struct lb_capture_record *record)
{
	return publish_ring_ops.capture_next(a->ring, record) ||
	       publish_xdp_ops.capture_next(a->xdp, record);
}

static void handover_capture_missed(const struct publish_backend *a,
				    struct publish_capture_missed *missed)
{
	publish_xdp_ops.capture_missed(a->xdp, missed);
	publish_ring_ops.capture_missed(a->ring, missed);
}

/* The XDP program's segment has the counters of both; only the buffers are the process's own. */
static void handover_refresh(struct publish_backend *a)
{
	const struct lb_segment *segment = publish_xdp_ops.segment(a->xdp);
	const struct lb_segment *process = publish_ring_ops.segment(a->ring);
	const struct lb_node_stats *from;
	struct lb_node_stats *to;

	publish_xdp_ops.refresh(a->xdp);
	if (!segment || !process)
		return;
	from = lb_segment_at(process, process->node_stats);
	to = lb_segment_at(segment, segment->node_stats);
	to->mbuf_total = from->mbuf_total;
	to->mbuf_free = from->mbuf_free;
	to->mbuf_baseline = from->mbuf_baseline;
	to->nic_missed = from->nic_missed;
	to->nic_rx_errors = from->nic_rx_errors;
	to->nic_no_mbuf = from->nic_no_mbuf;
	to->nic_tx_errors = from->nic_tx_errors;
}

static void handover_carrier_get(const struct publish_backend *a, struct publish_handover *handover)
{
	*handover = a->handover;
}

const struct publish_backend_ops publish_handover_ops = {
	.create = handover_create,
	.destroy = handover_destroy,
	.poke = handover_poke,
	.runs = handover_runs,
	.send = handover_send,
	.pool_changed_ns = handover_pool_changed_ns,
	.segment = handover_segment,
	.view = handover_view,
	.capture = handover_capture,
	.capture_next = handover_capture_next,
	.capture_missed = handover_capture_missed,
	.refresh = handover_refresh,
	.handover_get = handover_carrier_get,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both dataplanes on one port, with neither of them there: this test is both backends, and has them answer,
 * refuse, come, stop and go in every order that random steps find. The publisher and the backend for both
 * are the real ones. What must hold at each moment: who carries has tables, and at rest those of the XDP
 * program; and all of it ends well.
 */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/xdp.h"
#include "tests/support/model_fixture.h"

static uint64_t test_now_ns(void);
extern const struct publish_backend_ops test_xdp_ops, test_ring_ops;
const struct xdp_object *test_xdp_object(const struct publish_backend *backend);
bool test_xdp_refuses(const struct publish_backend *backend);
bool test_xdp_running(const struct publish_backend *backend, struct publish_block *block);

#define clock_now_ns test_now_ns
#define publish_xdp_ops test_xdp_ops
#define publish_ring_ops test_ring_ops
#define publish_handover_ops tested_auto_ops
#define publish_xdp_object test_xdp_object
#define publish_xdp_refuses test_xdp_refuses
#define publish_xdp_running test_xdp_running
#include "controlplane/publish/handover.c"

#include "controlplane/publish/publish.c"
#undef clock_now_ns

#define INSTANCES 3
#define WALKS 400
#define STEPS 80
#define BLOCKS (LB_BLOCK_KINDS + LB_POOLS_MAX)
#define BLOCK_BYTES 16384u

/* The blocks that somebody runs, or is to run. */
struct store {
	bool has[BLOCKS];
	uint32_t bytes[BLOCKS];
	uint8_t data[BLOCKS][BLOCK_BYTES];
};

struct side {
	struct publish_backend_options options;
	struct store runs, sent;
	bool is_there, is_due, refuses, is_full;
	bool will_refuse; /* what was sent last */
	uint64_t generation;
};

static struct side xdp, ring;
static struct lb_segment ring_segment;
static struct lb_handover queue;
static struct xdp_object object = { .queues = &queue, .n_workers = 1 };
static uint64_t now_ns, boot_id;
static bool is_beating;
static struct event_base *base;
static struct model *model;
static struct publish *publish;
static uint32_t carried, drained;

static uint64_t test_now_ns(void)
{
	return now_ns;
}

static struct side *side_of(const struct publish_backend *backend)
{
	return (struct side *)(uintptr_t)backend;
}

static uint32_t place(const struct publish_block *block)
{
	return block->kind == LB_BLOCK_POOL ? LB_BLOCK_KINDS + (uint32_t)block->pool : block->kind;
}

static void store_put(struct store *store, const struct publish_batch *batch)
{
	for (uint32_t i = 0; i < batch->block_count; i++) {
		const struct publish_block *block = &batch->block[i];
		uint32_t at = place(block);

		assert_true(block->bytes <= BLOCK_BYTES);
		store->has[at] = true;
		store->bytes[at] = block->bytes;
		if (block->bytes)
			memcpy(store->data[at], block->data, block->bytes);
	}
}

static bool store_has(const struct store *store, const struct publish_block *block)
{
	uint32_t at = place(block);

	if (!store->has[at])
		return block->kind == LB_BLOCK_POOL && block->count == 0;
	return store->bytes[at] == block->bytes &&
	       (!block->bytes || !memcmp(store->data[at], block->data, block->bytes));
}

static bool stores_are_equal(void)
{
	for (uint32_t at = 0; at < BLOCKS; at++)
		if (xdp.runs.has[at] != ring.runs.has[at] ||
		    xdp.runs.bytes[at] != ring.runs.bytes[at] ||
		    memcmp(xdp.runs.data[at], ring.runs.data[at], xdp.runs.bytes[at]) != 0)
			return false;
	return true;
}

/* ---- The two backends ---- */

static struct publish_backend *side_create(struct side *side,
					   const struct publish_backend_options *options)
{
	memset(side, 0, sizeof(*side));
	side->options = *options;
	return (struct publish_backend *)side;
}

static struct publish_backend *xdp_create(const struct publish_backend_options *options)
{
	return side_create(&xdp, options);
}

static struct publish_backend *ring_create(const struct publish_backend_options *options)
{
	return side_create(&ring, options);
}

static void side_destroy(struct publish_backend *backend)
{
	(void)backend;
}

static bool side_runs(const struct publish_backend *backend, const struct publish_block *block)
{
	return store_has(&side_of(backend)->runs, block);
}

static int side_send(struct publish_backend *backend, const struct publish_batch *batch)
{
	struct side *side = side_of(backend);

	if (!side->is_there)
		return -ENOTCONN;
	assert_false(side->is_due);
	if (side->is_full)
		return -EAGAIN;
	side->sent = side->runs;
	store_put(&side->sent, batch);
	side->is_due = true;
	side->will_refuse = side->refuses;
	side->generation++;
	/* The program runs a generation as soon as it is sent. */
	if (side == &xdp && !side->will_refuse)
		side->runs = side->sent;
	return 0;
}

static uint64_t side_pool_changed_ns(const struct publish_backend *backend, uint32_t pool)
{
	(void)backend;
	(void)pool;
	return 0;
}

static const struct lb_segment *side_segment(const struct publish_backend *backend)
{
	return side_of(backend) == &ring ? &ring_segment : NULL;
}

const struct publish_backend_ops test_xdp_ops = {
	.create = xdp_create,
	.destroy = side_destroy,
	.runs = side_runs,
	.send = side_send,
	.pool_changed_ns = side_pool_changed_ns,
	.segment = side_segment,
};

const struct publish_backend_ops test_ring_ops = {
	.create = ring_create,
	.destroy = side_destroy,
	.runs = side_runs,
	.send = side_send,
	.pool_changed_ns = side_pool_changed_ns,
	.segment = side_segment,
};

const struct xdp_object *test_xdp_object(const struct publish_backend *backend)
{
	return side_of(backend)->is_there ? &object : NULL;
}

bool test_xdp_refuses(const struct publish_backend *backend)
{
	return side_of(backend)->will_refuse;
}

bool test_xdp_running(const struct publish_backend *backend, struct publish_block *block)
{
	const struct store *runs = &side_of(backend)->runs;
	uint32_t at = place(block);

	block->data = runs->data[at];
	block->bytes = runs->bytes[at];
	block->count = block->bytes;
	return runs->has[at] || block->kind == LB_BLOCK_POOL;
}

/* ---- What may happen ---- */

static void beats_show(void)
{
	queue.process = boot_id;
	queue.beat_ns = ring.is_there && is_beating ? UINT64_MAX / 2 : 0;
}

static void xdp_connects(void)
{
	if (xdp.is_there)
		return;
	xdp.is_there = true;
	xdp.options.events->connected(xdp.options.arg);
}

static void xdp_goes(void)
{
	if (!xdp.is_there)
		return;
	xdp.is_there = false;
	xdp.is_due = false;
	xdp.options.events->gone(xdp.options.arg, NULL);
}

static void side_answers(struct side *side)
{
	const struct publish_answer answer = {
		.generation = side->generation,
		.refused = side->will_refuse,
		.reason = "",
		.acked_ns = now_ns,
	};

	if (!side->is_there || !side->is_due)
		return;
	side->is_due = false;
	if (!answer.refused)
		side->runs = side->sent;
	side->options.events->answered(side->options.arg, &answer);
}

static void xdp_answers(void)
{
	side_answers(&xdp);
}

static void ring_answers(void)
{
	side_answers(&ring);
}

/* A new process, without tables. */
static void ring_connects(void)
{
	if (ring.is_there)
		return;
	ring.is_there = true;
	ring.is_due = false;
	memset(&ring.runs, 0, sizeof(ring.runs));
	ring_segment.boot_id = ++boot_id;
	is_beating = true;
	beats_show();
	ring.options.events->connected(ring.options.arg);
}

static void ring_goes(void)
{
	if (!ring.is_there)
		return;
	ring.is_there = false;
	ring.is_due = false;
	beats_show();
	ring.options.events->gone(ring.options.arg, NULL);
}

static void ring_stops(void)
{
	is_beating = false;
	beats_show();
}

static void ring_goes_on(void)
{
	is_beating = true;
	beats_show();
}

static void xdp_refuses(void)
{
	xdp.refuses = true;
}

static void xdp_takes(void)
{
	xdp.refuses = false;
}

static void ring_refuses(void)
{
	ring.refuses = true;
}

static void ring_takes(void)
{
	ring.refuses = false;
}

static void ring_fills(void)
{
	ring.is_full = !ring.is_full;
}

static void watch_looks(void)
{
	on_watch(-1, 0, publish->backend);
}

static void a_second_passes(void)
{
	now_ns += CLOCK_NS_PER_S;
	watch_looks();
}

static void flush_is_due(void)
{
	if (!evtimer_pending(publish->flush_timer, NULL))
		return;
	evtimer_del(publish->flush_timer);
	publish_flush(publish, true);
}

static void pool_changes(void)
{
	drained = !drained;
	model_admin_set(model, model_instance_find(model, "web/web-1"),
			drained ? MODEL_DRAIN : MODEL_READY);
}

static void everything_changes(void)
{
	publish_mark(publish, MODEL_CHANGE_PARAMS, 0);
}

static void (*const steps[])(void) = {
	xdp_connects, xdp_answers,  xdp_answers,     xdp_answers,  ring_answers, ring_answers,
	ring_answers, xdp_goes,	    ring_connects,   ring_goes,	   ring_stops,	 ring_goes_on,
	xdp_refuses,  xdp_takes,    ring_refuses,    ring_takes,   ring_fills,	 watch_looks,
	watch_looks,  flush_is_due, a_second_passes, pool_changes, pool_changes, everything_changes,
};

/* ---- What must hold ---- */

static bool process_carries(void)
{
	return ring.is_there && queue.allowed == boot_id;
}

static void look(void)
{
	if (!process_carries())
		return;
	carried++;
	for (uint32_t kind = LB_BLOCK_PARAMS; kind <= LB_BLOCK_INSTANCES; kind++)
		if (!ring.runs.has[kind])
			fail_msg("a process without block %u carries", kind);
	if (!ring.runs.has[LB_BLOCK_KINDS])
		fail_msg("a process without a pool's table carries");
	if (xdp.is_there && !xdp.is_due && !ring.is_due && !stores_are_equal())
		fail_msg("a process with other tables carries");
}

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	if (publish)
		publish_mark(publish, what, pool_id);
}

static const struct model_ops model_ops = { .changed = on_changed };

static int begin(void **state)
{
	struct config *config = fixture_web(INSTANCES);
	struct publish_options options = { .run_dir = "/" };

	(void)state;
	log_set_level(LOG_EMERG);
	config->node.dataplane = CONFIG_DATAPLANE_AUTO;
	base = event_base_new();
	model = model_create(&model_ops, NULL);
	assert_int_equal(model_apply(model, config, 0), 0);
	fixture_up(model);
	memset(&queue, 0, sizeof(queue));
	now_ns = 1;
	drained = 0;
	options.base = base;
	options.model = model;
	publish = publish_create(&options);
	assert_non_null(publish);
	return 0;
}

static int end(void **state)
{
	(void)state;
	publish_destroy(publish);
	publish = NULL;
	model_destroy(model);
	event_base_free(base);
	return 0;
}

/* All is well again: it takes a few turns until the process carries the same tables. */
static void ends_well(void)
{
	xdp_takes();
	ring_takes();
	ring.is_full = false;
	xdp_connects();
	ring_connects();
	ring_goes_on();
	everything_changes();
	for (int i = 0; i < 10; i++) {
		flush_is_due();
		xdp_answers();
		look();
		ring_answers();
		look();
		a_second_passes();
		look();
	}
	assert_true(process_carries());
	assert_true(stores_are_equal());
}

static void forwarding_side_has_the_tables_in_every_order(void **state)
{
	uint32_t before = carried;

	for (unsigned int seed = 1; seed <= WALKS; seed++) {
		unsigned int random = seed;

		begin(state);
		for (int i = 0; i < STEPS; i++) {
			steps[(unsigned int)rand_r(&random) % (sizeof(steps) / sizeof(steps[0]))]();
			look();
		}
		ends_well();
		end(state);
	}
	assert_true(carried - before > WALKS);
}

/* After the third refusal nothing is sent again. */
static void no_join_after_a_refusal(void **state)
{
	(void)state;
	xdp_refuses();
	xdp_connects();
	for (int i = 1; i < PUBLISH_REFUSALS_MAX; i++)
		xdp_answers();
	assert_true(xdp.is_due);
	ring_connects();
	assert_int_equal(queue.allowed, 0);
	xdp_answers();
	assert_false(xdp.is_due);
	assert_int_equal(queue.allowed, 0);
	a_second_passes();
	assert_int_equal(queue.allowed, 0);
	ends_well();
}

/* A restarted sluiced finds a process that forwards, is not connected to it, and has changes to publish. */
static void unreachable_process_does_not_continue_with_old_tables(void **state)
{
	(void)state;
	queue.allowed = boot_id = 77;
	queue.process = 77;
	queue.beat_ns = UINT64_MAX / 2;
	xdp_connects();
	xdp_answers();
	assert_int_equal(queue.allowed, 0);
}

/* Without changes to publish it leaves the process as it is. */
static void process_with_all_tables_continues(void **state)
{
	(void)state;
	xdp_connects();
	ring_connects();
	xdp_answers();
	xdp_answers();
	ring_answers();
	assert_true(process_carries());
	publish_destroy(publish);
	{
		static struct store kept;
		struct publish_options options = { .run_dir = "/", .base = base, .model = model };

		kept = xdp.runs;
		publish = publish_create(&options);
		xdp.runs = kept;
		xdp_connects();
		assert_int_equal(queue.allowed, boot_id);
		assert_false(xdp.is_due);
	}
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(no_join_after_a_refusal),
		ORDER_TEST(unreachable_process_does_not_continue_with_old_tables),
		ORDER_TEST(process_with_all_tables_continues),
		cmocka_unit_test(forwarding_side_has_the_tables_in_every_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

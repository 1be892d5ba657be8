/* SPDX-License-Identifier: BSD-3-Clause */
/* The consumer against a real segment: this test is sluiced, and the workers too. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "dataplane/abi/lb_abi_hash.h"
#include "dataplane/abi/lb_crc.h"
#include "dataplane/engine/consumer.h"
#include "tests/support/harness.h"

#define WORKERS 2
#define ALL_FLAGS (LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED)
#define SLOTS 7

struct fixture {
	struct segment segment;
	struct consumer consumer;
	struct rte_rcu_qsbr *qsbr;
	struct lb_segment *peer; /* sluiced's own mapping */
	uint64_t generation;	 /* the last one used */
};

static int fixture_start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t bytes = rte_rcu_qsbr_get_memsize(WORKERS);

	assert_non_null(f);
	assert_int_equal(segment_create(&f->segment, WORKERS), 0);
	f->peer = mmap(NULL, f->segment.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->segment.memfd,
		       0);
	assert_ptr_not_equal(f->peer, MAP_FAILED);
	f->qsbr = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	assert_non_null(f->qsbr);
	assert_int_equal(rte_rcu_qsbr_init(f->qsbr, WORKERS), 0);
	for (unsigned int i = 0; i < WORKERS; i++) {
		rte_rcu_qsbr_thread_register(f->qsbr, i);
		rte_rcu_qsbr_thread_online(f->qsbr, i);
	}
	assert_int_equal(consumer_init(&f->consumer, &f->segment, f->qsbr), 0);
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	consumer_fini(&f->consumer);
	munmap(f->peer, f->segment.bytes);
	segment_destroy(&f->segment);
	free(f->qsbr);
	free(f);
	return 0;
}

static void workers_pass(struct fixture *f)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		rte_rcu_qsbr_quiescent(f->qsbr, i);
}

static void send_raw(struct fixture *f, struct lb_cmd *cmd)
{
	assert_int_equal(rte_ring_sp_enqueue_elem(lb_segment_at(f->peer, f->peer->cmd_ring), cmd,
						  sizeof(*cmd)),
			 0);
}

static void send(struct fixture *f, struct lb_cmd cmd)
{
	lb_cmd_seal(&cmd);
	send_raw(f, &cmd);
}

static bool event_take(struct fixture *f, struct lb_event *event)
{
	return rte_ring_sc_dequeue_elem(lb_segment_at(f->peer, f->peer->event_ring), event,
					sizeof(*event)) == 0;
}

static void expect_none(struct fixture *f)
{
	struct lb_event event;

	assert_false(event_take(f, &event));
}

static void expect(struct fixture *f, uint16_t type, uint64_t generation, uint16_t status)
{
	struct lb_event event;

	assert_true(event_take(f, &event));
	assert_true(lb_event_is_sealed(&event));
	assert_int_equal(event.type, type);
	assert_int_equal(event.status, status);
	assert_int_equal(event.generation, generation);
}

/* Let the consumer and the workers do all that there is to do. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 200 && consumer_poll(&f->consumer); i++)
		workers_pass(f);
}

/* The command for a pool table whose slots all name @instance, written to @buffer. */
static struct lb_cmd pool_cmd(struct fixture *f, uint32_t buffer, uint16_t instance)
{
	uint16_t *slots = lb_segment_pool(f->peer, 0, buffer);

	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = instance;
	return (struct lb_cmd){ .type = LB_CMD_BLOCK,
				.block = LB_BLOCK_POOL,
				.buffer = (uint16_t)buffer,
				.count = SLOTS,
				.bytes = SLOTS * sizeof(*slots),
				.crc = lb_crc32c(slots, SLOTS * sizeof(*slots)),
				.sent_ns = 5,
				.generation = f->generation };
}

static struct lb_cmd instances_cmd(struct fixture *f, uint32_t count)
{
	struct lb_instance *instances = lb_segment_at(f->peer, f->peer->instances[0]);
	uint32_t bytes = count * (uint32_t)sizeof(*instances);

	for (uint16_t i = 0; i < count; i++)
		harness_instance(&instances[i], i, 4, ALL_FLAGS);
	return (struct lb_cmd){ .type = LB_CMD_BLOCK,
				.block = LB_BLOCK_INSTANCES,
				.count = count,
				.bytes = bytes,
				.crc = lb_crc32c(instances, bytes),
				.generation = f->generation };
}

static struct lb_cmd with_more(struct lb_cmd cmd)
{
	cmd.flags |= LB_CMD_MORE;
	return cmd;
}

/* A generation that is fine: four instances, all slots on @instance. */
static void publish(struct fixture *f, uint16_t instance)
{
	f->generation++;
	send(f, with_more(instances_cmd(f, 4)));
	send(f, pool_cmd(f, f->generation & 1, instance));
	settle(f);
	expect(f, LB_EVENT_ACK, f->generation, 0);
}

static int slot_now(struct fixture *f)
{
	const struct lb_pool_view *view = &consumer_tables(&f->consumer)->pool[0];

	return view->n_current ? view->current[0] : -1;
}

static void segment_is_sealed_and_complete(void **state)
{
	struct fixture *f = *state;
	const struct lb_segment *seg = f->peer;

	assert_int_equal(seg->magic, LB_ABI_MAGIC);
	assert_int_equal(seg->abi_hash, lb_abi_hash());
	assert_int_equal(seg->n_workers, WORKERS);
	assert_int_not_equal(seg->boot_id, 0);
	assert_int_equal(fcntl(f->segment.memfd, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(f->segment.memfd, 4096), -1);
	assert_true(seg->pools + 2 * LB_POOLS_MAX * seg->pool_stride <= seg->bytes);
	assert_ptr_equal(segment_block(&f->segment, &(struct lb_cmd){ .block = LB_BLOCK_POOL,
								      .index = LB_POOLS_MAX - 1,
								      .buffer = 1 }),
			 lb_segment_pool(f->segment.shared, LB_POOLS_MAX - 1, 1));
	assert_int_equal(segment_create(&(struct segment){ 0 }, 0), -EINVAL);
	assert_int_equal(segment_create(&(struct segment){ 0 }, LB_WORKERS_MAX + 1), -EINVAL);
}

static void generation_is_published_and_acked(void **state)
{
	struct fixture *f = *state;
	struct pollfd wake = { .fd = f->segment.event_fd, .events = POLLIN };
	struct lb_event event;

	publish(f, 2);
	assert_int_equal(slot_now(f), 2);
	assert_int_equal(consumer_tables(&f->consumer)->n_instances, 4);
	assert_int_equal(consumer_tables(&f->consumer)->generation, 1);
	assert_int_equal(f->peer->node_stats ? f->segment.node_stats->generation : 0, 1);
	assert_true(f->segment.node_stats->tables_bytes > 4 * 64);
	assert_int_equal(poll(&wake, 1, 0), 1);

	/* The times of the ack tell the story in order. */
	f->generation++;
	send(f, pool_cmd(f, 0, 3));
	settle(f);
	assert_true(event_take(f, &event));
	assert_int_equal(event.sent_ns, 5);
	assert_int_equal(event.workers, WORKERS);
	assert_true(event.sent_ns < event.taken_ns && event.taken_ns <= event.swapped_ns &&
		    event.swapped_ns <= event.acked_ns);
	assert_int_equal(consumer_tables(&f->consumer)->pool[0].previous[0], 2);

	f->generation++;
	send(f, (struct lb_cmd){ .type = LB_CMD_RETIRE, .generation = f->generation });
	settle(f);
	expect(f, LB_EVENT_ACK, f->generation, 0);
	assert_int_equal(consumer_tables(&f->consumer)->pool[0].n_previous, 0);
	assert_int_equal(slot_now(f), 3);
}

static void old_tables_live_until_all_workers_passed(void **state)
{
	struct fixture *f = *state;
	const struct tables *old;

	publish(f, 1);
	old = consumer_tables(&f->consumer);
	f->generation++;
	send(f, pool_cmd(f, 0, 2));
	assert_true(consumer_poll(&f->consumer));
	assert_int_equal(slot_now(f), 2);
	assert_int_equal(old->pool[0].current[0], 1);
	rte_rcu_qsbr_quiescent(f->qsbr, 0);
	assert_true(consumer_poll(&f->consumer));
	expect_none(f);
	assert_ptr_equal(f->consumer.retiring, old);
	rte_rcu_qsbr_quiescent(f->qsbr, 1);
	consumer_poll(&f->consumer);
	expect(f, LB_EVENT_ACK, f->generation, 0);
	assert_null(f->consumer.retiring);
}

static void nothing_is_visible_before_the_last_command(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	f->generation++;
	send(f, with_more(instances_cmd(f, 3)));
	send(f, with_more(pool_cmd(f, 0, 2)));
	settle(f);
	expect_none(f);
	assert_int_equal(slot_now(f), 1);
	assert_int_equal(consumer_tables(&f->consumer)->n_instances, 4);
	send(f, (struct lb_cmd){ .type = LB_CMD_RETIRE, .index = 9, .generation = f->generation });
	settle(f);
	expect(f, LB_EVENT_ACK, f->generation, 0);
	assert_int_equal(slot_now(f), 2);
	assert_int_equal(consumer_tables(&f->consumer)->n_instances, 3);
}

static void ping_waits_for_workers_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct tables *before;

	publish(f, 1);
	before = consumer_tables(&f->consumer);
	send(f, (struct lb_cmd){ .type = LB_CMD_PING, .generation = 77 });
	assert_true(consumer_poll(&f->consumer));
	expect_none(f);
	workers_pass(f);
	consumer_poll(&f->consumer);
	expect(f, LB_EVENT_ACK, 77, 0);
	assert_ptr_equal(consumer_tables(&f->consumer), before);
	publish(f, 2);
}

/* How a generation of three commands goes wrong in its second one. */
struct refusal_case {
	const char *name;
	enum lb_refusal reason;
	bool unsealed;
	struct lb_cmd change; /* fields that are not 0 replace */
};

static struct lb_cmd spoil(struct lb_cmd cmd, const struct lb_cmd *change)
{
	cmd.type = change->type ? change->type : cmd.type;
	cmd.block = change->block ? change->block : cmd.block;
	cmd.buffer = change->buffer ? change->buffer : cmd.buffer;
	cmd.index = change->index ? change->index : cmd.index;
	cmd.count = change->count ? change->count : cmd.count;
	cmd.bytes = change->bytes ? change->bytes : cmd.bytes;
	cmd.crc = change->crc ? change->crc : cmd.crc;
	return cmd;
}

static void refused_is_the_whole_generation(void **state)
{
	static const struct refusal_case cases[] = {
		{ "unsealed", LB_REFUSED_CHECK, true, { .index = 1 } },
		{ "command", LB_REFUSED_TYPE, false, { .type = 9 } },
		{ "block", LB_REFUSED_TYPE, false, { .block = 9 } },
		{ "index", LB_REFUSED_BOUNDS, false, { .index = LB_POOLS_MAX } },
		{ "buffer", LB_REFUSED_BOUNDS, false, { .buffer = 2 } },
		{ "count", LB_REFUSED_BOUNDS, false, { .count = SLOTS + 1 } },
		{ "bytes", LB_REFUSED_BOUNDS, false, { .bytes = UINT32_MAX } },
		{ "CRC", LB_REFUSED_CRC, false, { .crc = 1 } },
		{ "retired pool",
		  LB_REFUSED_BOUNDS,
		  false,
		  { .type = LB_CMD_RETIRE, .index = 1 << 20 } },
	};
	struct fixture *f = *state;

	publish(f, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t refused = f->segment.node_stats->refused[cases[i].reason];
		struct lb_cmd cmd;

		print_message("# %s\n", cases[i].name);
		f->generation++;
		send(f, with_more(instances_cmd(f, 3)));
		cmd = with_more(pool_cmd(f, 0, 2));
		lb_cmd_seal(&cmd);
		cmd = spoil(cmd, &cases[i].change);
		if (!cases[i].unsealed)
			lb_cmd_seal(&cmd);
		send_raw(f, &cmd);
		send(f, pool_cmd(f, 1, 3));
		settle(f);
		expect(f, LB_EVENT_REFUSED, f->generation, (uint16_t)cases[i].reason);
		expect_none(f);
		assert_int_equal(f->segment.node_stats->refused[cases[i].reason], refused + 1);
		assert_int_equal(f->consumer.refused_reason, cases[i].reason);
		assert_int_equal(slot_now(f), 1);
		assert_int_equal(consumer_tables(&f->consumer)->n_instances, 4);
		publish(f, 1); /* and the next one is welcome */
	}
}

static void first_command_lost_loses_its_generation(void **state)
{
	struct fixture *f = *state;
	struct lb_cmd cmd;

	publish(f, 1);
	f->generation++;
	cmd = with_more(instances_cmd(f, 3));
	send_raw(f, &cmd);
	send(f, with_more(pool_cmd(f, 0, 2)));
	send(f, pool_cmd(f, 1, 2));
	settle(f);
	expect(f, LB_EVENT_REFUSED, f->generation, LB_REFUSED_CHECK);
	expect_none(f);
	assert_int_equal(slot_now(f), 1);
	publish(f, 3);
}

static void content_is_judged_with_the_last_command(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	f->generation++;
	send(f, with_more(pool_cmd(f, 0, 3)));
	send(f, instances_cmd(f, 3)); /* there is no instance 3 then */
	settle(f);
	expect(f, LB_EVENT_REFUSED, f->generation, LB_REFUSED_CONTENT);
	f->generation++;
	send(f, pool_cmd(f, 0, LB_INSTANCE_NONE));
	settle(f);
	expect(f, LB_EVENT_REFUSED, f->generation, LB_REFUSED_CONTENT);
	assert_int_equal(slot_now(f), 1);
}

static void generations_only_rise(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	publish(f, 2);
	f->generation = 1;
	send(f, pool_cmd(f, 0, 3));
	settle(f);
	expect(f, LB_EVENT_REFUSED, 1, LB_REFUSED_GENERATION);
	assert_int_equal(slot_now(f), 2);

	/* A late one does not disturb the one that is being staged. */
	f->generation = 3;
	send(f, with_more(pool_cmd(f, 1, 3)));
	f->generation = 2;
	send(f, pool_cmd(f, 0, 0));
	f->generation = 3;
	send(f, instances_cmd(f, 4));
	settle(f);
	expect(f, LB_EVENT_REFUSED, 2, LB_REFUSED_GENERATION);
	expect(f, LB_EVENT_ACK, 3, 0);
	assert_int_equal(slot_now(f), 3);
}

static void successor_replaces_what_was_half_sent(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	f->generation++;
	send(f, with_more(instances_cmd(f, 2)));
	f->generation++;
	send(f, pool_cmd(f, 0, 3));
	settle(f);
	expect(f, LB_EVENT_ACK, f->generation, 0);
	assert_int_equal(slot_now(f), 3);
	assert_int_equal(consumer_tables(&f->consumer)->n_instances, 4);

	/* The same when it uses the number again. */
	f->generation++;
	send(f, with_more(instances_cmd(f, 2)));
	settle(f);
	consumer_abandon(&f->consumer);
	send(f, pool_cmd(f, 1, 3));
	settle(f);
	expect(f, LB_EVENT_ACK, f->generation, 0);
	assert_int_equal(consumer_tables(&f->consumer)->n_instances, 4);
}

static void full_command_ring_refuses_and_recovers(void **state)
{
	struct fixture *f = *state;
	struct rte_ring *ring = lb_segment_at(f->peer, f->peer->cmd_ring);
	struct lb_cmd cmd;
	uint32_t sent = 0;

	do {
		cmd = (struct lb_cmd){ .type = LB_CMD_PING, .generation = ++sent };
		lb_cmd_seal(&cmd);
	} while (rte_ring_sp_enqueue_elem(ring, &cmd, sizeof(cmd)) == 0);
	assert_int_equal(sent, LB_RING_ENTRIES);

	/* Each wait for the workers lets one through, none is skipped. */
	for (uint64_t i = 1; i < sent; i++) {
		consumer_poll(&f->consumer);
		workers_pass(f);
		consumer_poll(&f->consumer);
		expect(f, LB_EVENT_ACK, i, 0);
	}
	expect_none(f);
	publish(f, 1);
}

static void full_event_ring_never_blocks(void **state)
{
	struct fixture *f = *state;
	struct lb_event event;

	for (uint32_t i = 0; i < LB_RING_ENTRIES + 9; i++) {
		send(f, (struct lb_cmd){ .type = LB_CMD_PING, .generation = i });
		settle(f);
	}
	assert_int_equal(f->segment.node_stats->events_lost, 10);
	assert_true(event_take(f, &event));
	assert_int_equal(event.generation, 0);
	while (event_take(f, &event))
		;
	publish(f, 1);
}

static void damaged_ring_is_put_right(void **state)
{
	struct fixture *f = *state;
	struct rte_ring *ring = lb_segment_at(f->peer, f->peer->cmd_ring);

	publish(f, 1);
	ring->size = 1u << 30;
	ring->mask = (1u << 30) - 1;
	consumer_poll(&f->consumer);
	expect(f, LB_EVENT_REFUSED, 0, LB_REFUSED_CHECK);
	publish(f, 2);
	ring->prod.tail = ring->cons.head + 5000;
	consumer_poll(&f->consumer);
	expect(f, LB_EVENT_REFUSED, 0, LB_REFUSED_CHECK);
	publish(f, 3);

	/* A controller that died after reserving entries. */
	ring->prod.head += 3;
	segment_rings_recover(&f->segment);
	publish(f, 2);
	assert_int_equal(slot_now(f), 2);
}

static void blocks_are_private_copies(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	for (uint32_t i = 0; i < SLOTS; i++) {
		lb_segment_pool(f->peer, 0, 0)[i] = LB_INSTANCE_NONE;
		lb_segment_pool(f->peer, 0, 1)[i] = LB_INSTANCE_NONE;
	}
	assert_int_equal(slot_now(f), 1);

	/* The buffer changes hands between the seal and the copy: the CRC tells. */
	f->generation++;
	send(f, pool_cmd(f, 0, 2));
	lb_segment_pool(f->peer, 0, 0)[0] = 3;
	settle(f);
	expect(f, LB_EVENT_REFUSED, f->generation, LB_REFUSED_CRC);
	assert_int_equal(slot_now(f), 1);
}

/* Every reason has a text, and memory does not grow with generations. */
static void nothing_leaks(void **state)
{
	struct fixture *f = *state;
	struct rte_malloc_socket_stats before, after;

	for (int reason = LB_REFUSED_CHECK; reason < LB_REFUSED_COUNT; reason++)
		assert_string_not_equal(consumer_refusal_text((enum lb_refusal)reason),
					consumer_refusal_text(0));
	publish(f, 0);
	publish(f, 1);
	rte_malloc_get_socket_stats(0, &before);
	for (uint16_t i = 0; i < 200; i++)
		publish(f, i % 4);
	rte_malloc_get_socket_stats(0, &after);
	assert_int_equal(before.heap_allocsz_bytes, after.heap_allocsz_bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(segment_is_sealed_and_complete),
		TEST(generation_is_published_and_acked),
		TEST(old_tables_live_until_all_workers_passed),
		TEST(nothing_is_visible_before_the_last_command),
		TEST(ping_waits_for_workers_and_changes_nothing),
		TEST(refused_is_the_whole_generation),
		TEST(first_command_lost_loses_its_generation),
		TEST(content_is_judged_with_the_last_command),
		TEST(generations_only_rise),
		TEST(successor_replaces_what_was_half_sent),
		TEST(full_command_ring_refuses_and_recovers),
		TEST(full_event_ring_never_blocks),
		TEST(damaged_ring_is_put_right),
		TEST(blocks_are_private_copies),
		TEST(nothing_leaks),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

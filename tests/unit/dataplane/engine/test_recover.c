/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of a predecessor, from the blocks of its segment. This test is sluiced before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_malloc.h>

#include "dataplane/engine/recover.h"
#include "tests/support/harness.h"

#define WORKERS 2
#define SLOTS 7
#define GENERATION 42
#define POOL 5

struct fixture {
	struct segment segment;
	struct consumer consumer;
	struct rte_rcu_qsbr *qsbr;
	struct lb_directory *directory;
};

/* Blocks as sluiced writes them: params and services in buffer 0, the others in buffer 1. */
static void blocks_write(struct fixture *f)
{
	struct lb_segment *seg = f->segment.shared;
	struct lb_params *params = lb_segment_at(seg, seg->params[0]);
	struct lb_service_table *services = lb_segment_at(seg, seg->services[0]);
	struct lb_instance *instances = lb_segment_at(seg, seg->instances[1]);

	*params = (struct lb_params){ .mtu = 1400, .timeouts.ticks = { 0, 100, 9000, 600, 50 } };
	memcpy(params->secret, "0123456789abcdef", sizeof(params->secret));
	services->mask = 7;
	for (uint32_t i = 0; i < 3; i++)
		instances[i] = (struct lb_instance){ .mtu = 1500, .pool = POOL };
	for (uint32_t i = 0; i < SLOTS; i++) {
		lb_segment_pool(seg, POOL, 0)[i] = 1; /* the previous table */
		lb_segment_pool(seg, POOL, 1)[i] = 2;
	}
	f->directory->services_bytes[0] =
		(uint32_t)(sizeof(*services) + 8 * sizeof(struct lb_service));
	f->directory->instances_count[1] = 3;
	f->directory->pool_slots[POOL][0] = SLOTS;
	f->directory->pool_slots[POOL][1] = SLOTS;
}

static void directory_write(struct fixture *f)
{
	struct lb_directory *directory = f->directory;

	directory->generation = GENERATION;
	directory->params_buffer = LB_DIRECTORY_RUNS;
	directory->services_buffer = LB_DIRECTORY_RUNS;
	directory->instances_buffer = LB_DIRECTORY_RUNS | 1;
	directory->pool_buffer[POOL] = LB_DIRECTORY_RUNS | 1;
	directory->pool_changed_ns[POOL] = 1;
	f->segment.node_stats->generation = GENERATION;
}

static int fixture_start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t bytes = rte_rcu_qsbr_get_memsize(WORKERS);

	assert_non_null(f);
	assert_int_equal(segment_create(&f->segment, WORKERS), 0);
	f->directory = lb_segment_at(f->segment.shared, f->segment.shared->directory);
	f->qsbr = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	assert_non_null(f->qsbr);
	assert_int_equal(rte_rcu_qsbr_init(f->qsbr, WORKERS), 0);
	assert_int_equal(consumer_init(&f->consumer, &f->segment, f->qsbr), 0);
	blocks_write(f);
	directory_write(f);
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	consumer_fini(&f->consumer);
	segment_destroy(&f->segment);
	free(f->qsbr);
	free(f);
	return 0;
}

static void current_and_previous_tables_are_used(void **state)
{
	struct fixture *f = *state;
	const struct tables *tables;

	assert_true(recover_tables(&f->consumer));
	tables = consumer_tables(&f->consumer);
	assert_int_equal(tables->generation, GENERATION);
	assert_int_equal(f->consumer.generation, GENERATION);
	assert_int_equal(f->segment.node_stats->generation, GENERATION);
	assert_int_equal(tables->mtu, 1400);
	assert_int_equal(tables->timeouts.ticks[LB_FLOW_ESTABLISHED], 9000);
	assert_int_equal(tables->n_instances, 3);
	assert_int_equal(tables->pool[POOL].n_current, SLOTS);
	assert_int_equal(tables->pool[POOL].current[0], 2);
	assert_int_equal(tables->pool[POOL].n_previous, SLOTS);
	assert_int_equal(tables->pool[POOL].previous[0], 1);
	assert_int_equal(tables->pool[POOL + 1].n_current, 0);
	assert_int_equal(f->consumer.n_refused, 0);
	assert_false(f->consumer.waiting);
}

static void retired_table_is_not_used(void **state)
{
	struct fixture *f = *state;

	f->directory->pool_changed_ns[POOL] = 0;
	assert_true(recover_tables(&f->consumer));
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].current[0], 2);
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].n_previous, 0);
}

/* sluiced had sent another table, in the buffer that is not in use; it was never taken. */
static void table_that_was_never_taken_is_not_used(void **state)
{
	struct fixture *f = *state;

	f->directory->generation = GENERATION + 1;
	f->directory->pool_buffer[POOL] |= LB_DIRECTORY_SENT;
	assert_true(recover_tables(&f->consumer));
	assert_int_equal(f->consumer.generation, GENERATION);
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].current[0], 2);
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].n_previous, 0);
}

/* It was taken, and the answer never came: it is in use, and the one before it is the previous one. */
static void table_whose_answer_was_lost_is_used(void **state)
{
	struct fixture *f = *state;

	f->directory->pool_buffer[POOL] |= LB_DIRECTORY_SENT;
	f->directory->params_buffer = LB_DIRECTORY_SENT | 1; /* the first ones, in buffer 0 */
	assert_true(recover_tables(&f->consumer));
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].current[0], 1);
	assert_int_equal(consumer_tables(&f->consumer)->pool[POOL].previous[0], 2);
	assert_int_equal(consumer_tables(&f->consumer)->mtu, 1400);
	assert_ptr_equal(recover_params(&f->segment), f->segment.params[0]);
}

static void damage_is_found(void **state)
{
	struct fixture *f = *state;
	struct lb_segment *seg = f->segment.shared;

	f->directory->params_buffer = 0; /* nothing was published */
	assert_null(recover_params(&f->segment));
	assert_false(recover_tables(&f->consumer));
	directory_write(f);
	f->directory->services_bytes[0]++;
	assert_false(recover_tables(&f->consumer));
	f->directory->services_bytes[0]--;
	f->directory->pool_slots[POOL][1] = LB_POOL_SLOTS_MAX + 1;
	assert_false(recover_tables(&f->consumer));
	f->directory->pool_slots[POOL][1] = SLOTS;
	f->segment.node_stats->generation = 0;
	assert_false(recover_tables(&f->consumer));
	f->segment.node_stats->generation = GENERATION;
	lb_segment_pool(seg, POOL, 1)[3] = 3; /* an instance that there is not */
	assert_false(recover_tables(&f->consumer));
	assert_int_equal(f->consumer.n_refused, 1);
}

int main(int argc, char **argv)
{
#define RECOVER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)
	const struct CMUnitTest tests[] = {
		RECOVER_TEST(current_and_previous_tables_are_used),
		RECOVER_TEST(retired_table_is_not_used),
		RECOVER_TEST(table_that_was_never_taken_is_not_used),
		RECOVER_TEST(table_whose_answer_was_lost_is_used),
		RECOVER_TEST(damage_is_found),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

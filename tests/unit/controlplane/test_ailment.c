/* SPDX-License-Identifier: BSD-3-Clause */
/* When checks are suspended: which heartbeats count, and how old they may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "controlplane/ailment.h"
#include "dataplane/abi/lb_segment.h"

#define WORKERS 3
#define TICK_MS 100
#define MS CLOCK_NS_PER_MS

struct world {
	struct lb_segment *segment;
	struct ailment ailment;
	uint64_t now_ns;
};

static int setup(void **state)
{
	static struct world world;
	struct lb_segment layout = { .n_workers = WORKERS, .boot_id = 7, .pid = 11 };

	lb_segment_layout(&layout, WORKERS, 0);
	world = (struct world){ .now_ns = 1000 * (uint64_t)CLOCK_NS_PER_S };
	world.segment = aligned_alloc(64, (layout.bytes + 63) & ~63ull);
	assert_non_null(world.segment);
	memset(world.segment, 0, layout.bytes);
	*world.segment = layout;
	for (uint32_t i = 0; i < WORKERS; i++)
		world.segment->cpu[i] = 2 + i;
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	free(world->segment);
	return 0;
}

static void main_beats(struct world *world)
{
	struct lb_node_stats *stats = lb_segment_at(world->segment, world->segment->node_stats);

	stats->heartbeat_ns = world->now_ns;
}

/* The workers run, but the one that is @starved. */
static void workers_run(struct world *world, uint32_t starved)
{
	for (uint32_t i = 0; i < WORKERS; i++)
		if (i != starved)
			lb_segment_worker_stats(world->segment, i)->loops += 1000;
}

static const char *look_after(struct world *world, uint64_t ms, bool by_workers)
{
	world->now_ns += ms * MS;
	return ailment_look(&world->ailment, world->segment, by_workers, world->now_ns);
}

/* Return: the ailment after @ticks ticks in which one worker gets no CPU, the rest does. */
static const char *starve(struct world *world, uint32_t worker, uint32_t ticks, bool by_workers)
{
	const char *what = NULL;

	for (uint32_t i = 0; i < ticks; i++) {
		world->now_ns += TICK_MS * MS;
		main_beats(world);
		workers_run(world, worker);
		what = ailment_look(&world->ailment, world->segment, by_workers, world->now_ns);
	}
	return what;
}

static void all_run(void **state)
{
	assert_null(starve(*state, WORKERS, 50, true));
}

static void main_lcore_is_stopped(void **state)
{
	struct world *world = *state;

	assert_null(starve(world, WORKERS, 3, true));
	assert_null(look_after(world, AILMENT_HEARTBEAT_OLD_MS, false));
	assert_string_equal(look_after(world, 1, false), "the dataplane does not answer");
}

/* The other workers and the main lcore run: before, nobody noticed. */
static void one_worker_is_starved(void **state)
{
	struct world *world = *state;

	assert_null(starve(world, WORKERS, 5, true));
	assert_null(starve(world, 1, 2, true));
	assert_string_equal(starve(world, 1, 1, true), "worker 1 gets no time on CPU 3");
	assert_non_null(starve(world, 1, 20, true));
	assert_null(starve(world, WORKERS, 1, true));
}

/* A worker that never ran, as at a start on a CPU that is taken. */
static void worker_never_runs(void **state)
{
	struct world *world = *state;

	assert_null(starve(world, 0, 1, true));
	assert_string_equal(starve(world, 0, 3, true), "worker 0 gets no time on CPU 2");
}

/* Checks leave by the port's own interface, whatever the workers do. */
static void workers_do_not_carry_the_checks(void **state)
{
	assert_null(starve(*state, 0, 50, false));
}

/* sluiced, or the whole machine, was stopped: at the next look no worker had time to run either. */
static void own_pause_is_no_evidence(void **state)
{
	struct world *world = *state;

	assert_null(starve(world, WORKERS, 5, true));
	world->now_ns += 10 * (uint64_t)CLOCK_NS_PER_S;
	main_beats(world);
	assert_null(look_after(world, 0, true));
	assert_null(starve(world, WORKERS, 1, true));
}

static void another_process_begins_anew(void **state)
{
	struct world *world = *state;

	assert_non_null(starve(world, 2, 10, true));
	world->segment->pid++;
	assert_null(starve(world, 2, 2, true));
	assert_non_null(starve(world, 2, 2, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_run, setup, teardown),
		cmocka_unit_test_setup_teardown(main_lcore_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(one_worker_is_starved, setup, teardown),
		cmocka_unit_test_setup_teardown(worker_never_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(workers_do_not_carry_the_checks, setup, teardown),
		cmocka_unit_test_setup_teardown(own_pause_is_no_evidence, setup, teardown),
		cmocka_unit_test_setup_teardown(another_process_begins_anew, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

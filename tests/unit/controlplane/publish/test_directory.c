/* SPDX-License-Identifier: BSD-3-Clause */
/* What a successor finds in the directory, after answers of either kind and after none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/model.h"
#include "controlplane/publish/directory.h"

#define POOL 5
#define ROOM (1u << 20) /* of each buffer */
#define MANY 509
#define FEW 251

struct fixture {
	struct lb_segment *segment;
	struct lb_directory directory;
	struct publish_link link;
	struct publish_directory writer;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct lb_segment *segment = aligned_alloc(64, 8 * ROOM);

	assert_non_null(f);
	assert_non_null(segment);
	memset(segment, 0, 8 * ROOM);
	for (uint32_t i = 0; i < 2; i++) {
		segment->params[i] = (1 + i) * ROOM;
		segment->services[i] = (3 + i) * ROOM;
		segment->instances[i] = (5 + i) * ROOM;
	}
	segment->pools = 7 * ROOM;
	segment->pool_stride = 2 * MANY;
	f->segment = segment;
	f->directory.published = 1;
	f->link = (struct publish_link){ .segment = segment, .directory = &f->directory };
	publish_directory_attach(&f->writer, &f->link, 0);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	free(f->segment);
	free(f);
	return 0;
}

/* Blocks of as many instances, and slots. */
static void send(struct fixture *f, uint32_t n, uint64_t generation)
{
	struct publish_batch batch = { .block_count = 2 };

	batch.block[0] = (struct publish_block){ .kind = LB_BLOCK_INSTANCES, .count = n };
	batch.block[1] = (struct publish_block){ .kind = LB_BLOCK_POOL, .pool = POOL, .count = n };
	publish_directory_sent(&f->writer, &batch, generation);
}

static void check(const struct publish_directory *directory, uint32_t n)
{
	const struct publish_block pool = { .kind = LB_BLOCK_POOL, .pool = POOL };
	struct model_running running;
	uint32_t bytes;

	assert_true(publish_directory_read(directory, &running));
	assert_int_equal(running.instance_count, n);
	assert_int_equal(running.slot_count[POOL], n);
	publish_directory_running(directory, &pool, &bytes);
	assert_int_equal(bytes, n * sizeof(uint16_t));
}

/* A successor of who writes, with a dataplane that has @in_use. */
static void successor_check(struct fixture *f, uint64_t in_use, uint32_t n)
{
	struct publish_directory successor;

	publish_directory_attach(&successor, &f->link, in_use);
	check(&successor, n);
}

static void accepted_blocks_are_running(void **state)
{
	struct fixture *f = *state;

	send(f, FEW, 1);
	publish_directory_answered(&f->writer, true);
	check(&f->writer, FEW);
	send(f, MANY, 2);
	check(&f->writer, FEW); /* no answer yet */
	publish_directory_answered(&f->writer, true);
	check(&f->writer, MANY);
	successor_check(f, 2, MANY);
}

static void refused_blocks_leave_no_trace(void **state)
{
	struct fixture *f = *state;

	send(f, MANY, 1);
	publish_directory_answered(&f->writer, true);
	send(f, FEW, 2);
	publish_directory_answered(&f->writer, false);
	check(&f->writer, MANY);
	successor_check(f, 1, MANY);
}

static void unanswered_blocks_follow_the_dataplane(void **state)
{
	struct fixture *f = *state;

	send(f, MANY, 1);
	publish_directory_answered(&f->writer, true);
	send(f, FEW, 2);
	successor_check(f, 1, MANY);
	send(f, FEW, 3);
	successor_check(f, 3, FEW);
}

#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_TEST(accepted_blocks_are_running),
		DIRECTORY_TEST(refused_blocks_leave_no_trace),
		DIRECTORY_TEST(unanswered_blocks_follow_the_dataplane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vectors, through the XDP program: verdict, drop reason, recorded flows and frame as
 * vectors.txt says. What BPF_PROG_TEST_RUN cannot express (no Ethernet header in the
 * first buffer: the kernel hands no such frame to XDP either) is counted by name below.
 *
 * And all of them again on a port that others use too, as sluiced loads the program: what
 * is theirs goes to the kernel, whatever vectors.txt says; is_others() is the whole list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "tests/support/vector.h"
#include "tests/support/xdp_world.h"

#define INEXPRESSIBLE 5 /* vectors of 0, 1, 6 and 13 bytes, and a first segment of 10 */

static struct harness *native;
static struct xdp_world *world;
static uint32_t inexpressible;
static bool shared;

static int worlds_create(void **state)
{
	(void)state;
	native = vector_world_create();
	inexpressible = 0;
	world = xdp_world_create(native, 1, shared);
	xdp_world_publish(world, native);
	return 0;
}

static int worlds_destroy(void **state)
{
	(void)state;
	xdp_world_destroy(world);
	harness_destroy(native);
	return 0;
}

static bool is_others(const struct vector *v)
{
	return !strcmp(v->reason, "l2_other_host") || !strcmp(v->reason, "l2_vlan_depth") ||
	       !strcmp(v->name, "kernel: over kernel_rate") ||
	       !strncmp(v->name, "other network: ", strlen("other network: "));
}

/* What the program does not have. */
static bool is_absent(const struct vector *v)
{
	bool is_error = strstr(v->name, "nat: error about") || strstr(v->name, "nat, error about");

	return strstr(v->name, "source: client") || strstr(v->name, "PROXY") ||
	       (is_error && strstr(v->name, " to IPv"));
}

static const char *verdict_of(uint32_t action)
{
	switch (action) {
	case XDP_TX:
		return world->cpu->stats.reply_pkts ? "reply" : "forward";
	case XDP_PASS:
		return "kernel";
	case XDP_DROP:
		return "drop";
	default:
		return "something else";
	}
}

static void frame_compare(const struct vector *v, struct xdp_run *run)
{
	assert_int_equal(run->out_len, v->out.len);
	vector_mask(v, run->out);
	assert_memory_equal(run->out, v->out.data, v->out.len);
}

/* The flow that it leaves is counted, the packet is not. */
static void before_run(const struct vector *v)
{
	struct xdp_run run = { .frame = v->before.data, .len = v->before.len, .headroom = -1 };
	uint64_t flows;

	xdp_world_run(world, &run);
	assert_int_equal(run.action, XDP_TX);
	if (v->answer.len) {
		run = (struct xdp_run){ .frame = v->answer.data,
					.len = v->answer.len,
					.headroom = -1 };
		xdp_world_run(world, &run);
		assert_int_equal(run.action, XDP_TX);
	}
	flows = world->cpu->stats.flows;
	memset(&world->cpu->stats, 0, sizeof(world->cpu->stats));
	world->cpu->stats.flows = flows;
}

static void vector_run(void **state)
{
	const struct vector *v = *state;
	bool passed = shared && is_others(v);
	struct xdp_run run = {
		.frame = v->in.data, .len = v->in.len, .linear = v->segment, .headroom = v->headroom
	};

	if (v->in.len < XDP_WORLD_LINEAR_MIN || (v->segment && v->segment < XDP_WORLD_LINEAR_MIN)) {
		inexpressible++;
		return;
	}
	if (is_absent(v))
		return;
	vector_world_reset(native, v);
	xdp_world_reset(world, native);
	if (v->before.len)
		before_run(v);
	xdp_world_run(world, &run);
	assert_string_equal(verdict_of(run.action), passed ? "kernel" : v->verdict);
	assert_int_equal(world->cpu->stats.kernel_pkts, run.action == XDP_PASS);
	for (uint32_t i = 0; i < LB_DROP_COUNT; i++) {
		bool expected = !passed && !strcmp(vector_drop_names[i], v->reason);
		uint64_t drops = world->cpu->stats.drop[i];

		if (drops != expected)
			fail_msg("%lu of 1 dropped for %s; expected: %s %s", drops,
				 vector_drop_names[i], v->verdict, v->reason);
	}
	assert_int_equal(world->cpu->stats.flows, v->flows);
	if (v->has_out)
		frame_compare(v, &run);
}

static void all_representable_vectors_ran(void **state)
{
	(void)state;
	assert_int_equal(inexpressible, INEXPRESSIBLE);
}

int main(int argc, char **argv)
{
	static struct vector vectors[VECTORS_MAX];
	static struct CMUnitTest tests[VECTORS_MAX + 1];
	int failed;
	size_t n = vector_read(argc > 1 ? argv[1] : VECTORS_FILE, vectors);

	for (size_t i = 0; i < n; i++)
		tests[i] =
			(struct CMUnitTest){ vectors[i].name, vector_run, NULL, NULL, &vectors[i] };
	tests[n] = (struct CMUnitTest)cmocka_unit_test(all_representable_vectors_ran);
	harness_eal_start(argv[0]);
	failed = _cmocka_run_group_tests("vectors", tests, n + 1, worlds_create, worlds_destroy);
	shared = true;
	return failed + _cmocka_run_group_tests("vectors, on a shared port", tests, n + 1,
						worlds_create, worlds_destroy);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The promise of the flow table, at its rated capacity: a confirmed flow whose
 * instance still serves never changes its instance, whatever happens to the pool
 * and however many spoofed SYNs arrive. The oracle is a plain array that
 * remembers where each flow was first sent.
 *
 * The instances of a slot are drawn by rendezvous hashing here: any table will do,
 * and one that shares no code with Maglev cannot share its mistakes.
 *
 * test-aside
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/harness.h"

#define VIP 0xcb00710au /* 203.0.113.10 */
#define N_INSTANCES 24
#define SLOTS 4099
/* Sanitizers make a packet ten times as dear. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLOWS_DEFAULT 100000u
#define FLOOD_DEFAULT 1000000u
#else
#define FLOWS_DEFAULT 1000000u
#define FLOOD_DEFAULT 10000000u
#endif
#define CHANGES_DEFAULT 400u

struct oracle {
	struct harness *h;
	struct lb_instance instances[N_INSTANCES];
	uint32_t weight[N_INSTANCES];
	uint16_t *home;		     /* by flow */
	uint8_t *home_deaths;	     /* by flow: deaths of its home when it was last seen there */
	uint8_t deaths[N_INSTANCES]; /* how often an instance has stopped serving */
	uint32_t flows;
	uint64_t random;
	uint64_t moved_rightly;
	uint64_t checked;
};

static uint64_t draw(struct oracle *o)
{
	return o->random = lb_hash_mix(o->random + LB_HASH_MUL2);
}

static uint32_t setting(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static struct harness_tcp flow_packet(uint32_t flow, uint8_t flags)
{
	return (struct harness_tcp){ .src = 0x0a000000u + flow / 32000,
				     .sport = (uint16_t)(1024 + flow % 32000),
				     .dst = VIP,
				     .dport = 443,
				     .flags = flags };
}

static uint16_t slot_winner(const struct oracle *o, uint32_t slot)
{
	uint64_t best = 0;
	uint16_t winner = 0;

	for (uint16_t i = 0; i < N_INSTANCES; i++) {
		uint64_t score = lb_hash_mix(((uint64_t)slot << 32 | i) + 1) >> 32;

		score *= o->weight[i];
		if ((o->instances[i].flags & LB_INSTANCE_ACCEPTS) && score > best) {
			best = score;
			winner = i;
		}
	}
	return winner;
}

/* As the control plane does: first the instances, then the slots built for them. */
static void publish(struct oracle *o)
{
	static uint16_t slots[SLOTS];

	harness_put(o->h, LB_BLOCK_INSTANCES, 0, o->instances, sizeof(o->instances), N_INSTANCES);
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = slot_winner(o, i);
	harness_put(o->h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
}

static void time_passes(struct oracle *o, uint32_t ticks)
{
	struct flow_sweep sweep = { .secret = &o->h->tables->secret,
				    .timeouts = &o->h->tables->timeouts,
				    .instances = o->h->tables->instances,
				    .n_instances = o->h->tables->n_instances };

	for (uint32_t i = 0; i < ticks; i++) {
		o->h->now++;
		pipeline_tick(&o->h->pl);
		flow_table_tick(&o->h->flows);
		sweep.now = o->h->now;
		while (flow_table_sweep(&o->h->flows, &sweep, 1024))
			;
	}
}

static uint32_t count_accepting(const struct oracle *o)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < N_INSTANCES; i++)
		n += (o->instances[i].flags & LB_INSTANCE_ACCEPTS) && o->weight[i];
	return n;
}

/* Up or added, drained or lame, down or removed, another weight: what can happen to a pool. */
static void change_pool(struct oracle *o)
{
	uint32_t i = (uint32_t)(draw(o) % N_INSTANCES);
	const uint8_t reachable = LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK;
	const uint8_t up = reachable | LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS;

	switch (draw(o) % 5) {
	case 0:
	case 1:
		o->instances[i].flags = reachable | LB_INSTANCE_SERVES;
		break;
	case 2:
		o->deaths[i] += !!(o->instances[i].flags & LB_INSTANCE_SERVES);
		o->instances[i].flags = reachable;
		break;
	case 3:
		o->weight[i] = 1 + (uint32_t)(draw(o) % 200);
		break;
	default:
		o->instances[i].flags = up;
		break;
	}
	if (count_accepting(o) < 3)
		o->instances[i].flags = up;
	publish(o);
}

static void home_set(struct oracle *o, uint32_t flow, int instance)
{
	o->home[flow] = (uint16_t)instance;
	o->home_deaths[flow] = o->deaths[instance];
}

/* The instance has served without a break since the flow was last seen there. */
static bool home_still_serves(const struct oracle *o, uint32_t flow)
{
	uint16_t home = o->home[flow];

	return (o->instances[home].flags & LB_INSTANCE_SERVES) &&
	       o->home_deaths[flow] == o->deaths[home];
}

static void check_flow(struct oracle *o, uint32_t flow)
{
	struct harness_tcp packet = flow_packet(flow, LB_TCP_ACK);
	int instance = harness_send(o->h, harness_tcp4(o->h, &packet));

	o->checked++;
	assert_in_range(instance, 0, N_INSTANCES - 1);
	if (instance != o->home[flow] && home_still_serves(o, flow))
		fail_msg("flow %u moved from serving instance %u to %d", flow, o->home[flow],
			 instance);
	if (!(o->instances[instance].flags & LB_INSTANCE_SERVES))
		fail_msg("flow %u sent to instance %d, which does not serve", flow, instance);
	o->moved_rightly += instance != o->home[flow];
	if (!home_still_serves(o, flow)) /* adopted anew: a second packet confirms it */
		assert_int_equal(harness_send(o->h, harness_tcp4(o->h, &packet)), instance);
	home_set(o, flow, instance);
}

static void flood(struct oracle *o, uint32_t packets)
{
	for (uint32_t i = 0; i < packets; i++) {
		uint64_t r = draw(o);
		struct harness_tcp packet = {
			.src = 0x20000000u + (uint32_t)(r >> 8) % 0x50000000u,
			.sport = (uint16_t)(1 + (r >> 48) % 65535),
			.dst = VIP,
			.dport = 443,
			.flags = LB_TCP_SYN,
		};

		harness_send(o->h, harness_tcp4(o->h, &packet));
	}
}

static void open_flows(struct oracle *o)
{
	for (uint32_t flow = 0; flow < o->flows; flow++) {
		struct harness_tcp packet = flow_packet(flow, LB_TCP_SYN);
		int instance = harness_send(o->h, harness_tcp4(o->h, &packet));

		assert_in_range(instance, 0, N_INSTANCES - 1);
		home_set(o, flow, instance);
		packet.flags = LB_TCP_ACK;
		assert_int_equal(harness_send(o->h, harness_tcp4(o->h, &packet)), instance);
	}
	assert_int_equal(o->h->stats.flows, o->flows);
	assert_int_equal(o->h->stats.flow_table_full, 0);
}

static void oracle_init(struct oracle *o)
{
	const struct harness_service service = { .family = 4,
						 .addr = { 203, 0, 113, 10 },
						 .port = 443,
						 .id = 1,
						 .pool = 0,
						 .forward = LB_FORWARD_L2 };

	*o = (struct oracle){ .flows = setting("ORACLE_FLOWS", FLOWS_DEFAULT), .random = 42 };
	o->h = harness_create(o->flows);
	o->home = calloc(o->flows, sizeof(*o->home));
	o->home_deaths = calloc(o->flows, sizeof(*o->home_deaths));
	assert_non_null(o->home);
	assert_non_null(o->home_deaths);
	for (uint16_t i = 0; i < N_INSTANCES; i++) {
		harness_instance(&o->instances[i], i, 4,
				 LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED |
					 LB_INSTANCE_ON_LINK);
		o->weight[i] = 100;
	}
	publish(o);
	harness_services(o->h, &service, 1);
}

static void no_flow_moves(void **state)
{
	uint32_t changes = setting("ORACLE_CHANGES", CHANGES_DEFAULT);
	uint32_t per_change = setting("ORACLE_FLOOD", FLOOD_DEFAULT) / changes;
	const struct lb_worker_stats *stats;
	struct oracle o;

	(void)state;
	oracle_init(&o);
	stats = &o.h->stats;
	open_flows(&o);
	for (uint32_t change = 0; change < changes; change++) {
		change_pool(&o);
		flood(&o, per_change);
		for (uint32_t i = 0; i < o.flows / 50; i++)
			check_flow(&o, (uint32_t)(draw(&o) % o.flows));
		time_passes(&o, 1);
	}
	for (uint32_t flow = 0; flow < o.flows; flow++)
		check_flow(&o, flow);
	assert_int_equal(stats->flow_evicted_confirmed, 0);
	harness_check_accounting(o.h);
	print_message("# %u flows in %u buckets (%.1f bytes a flow), %u changes, %u spoofed SYNs: "
		      "%lu packets checked, %lu flows moved, all from instances that were down; "
		      "%lu set aside, %lu unrecorded SYNs\n",
		      o.flows, o.h->flows.table.n_buckets,
		      (double)flow_table_bytes(o.flows) / o.flows, changes, changes * per_change,
		      o.checked, o.moved_rightly, stats->flow_relocated, stats->flow_table_full);
	time_passes(&o, 36000 + 2 * FLOW_TABLE_SWEEP_TICKS);
	assert_int_equal(stats->flows, 0);
	harness_check_accounting(o.h);
	free(o.home);
	free(o.home_deaths);
	harness_destroy(o.h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_flow_moves) };

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

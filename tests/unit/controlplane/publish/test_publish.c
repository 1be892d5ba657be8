/* SPDX-License-Identifier: BSD-3-Clause */
/* The publisher against a dataplane that is there, absent, slow, refusing, killed, or another's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/flows/explain.h"
#include "controlplane/publish/publish.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"

struct fixture {
	char dir[64];
	struct event_base *base;
	struct model *model;
	struct publish *publish;
	struct fake_dataplane *fake;
	uint32_t links;
	struct fake_view view;
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	struct fixture *f = arg;

	if (f->publish)
		publish_mark(f->publish, what, pool_id);
}

static const struct model_ops ops = { .changed = on_changed };

static void on_link(void *arg, bool connected)
{
	((struct fixture *)arg)->links += connected;
}

/* A life of the daemon begins: everything but the directory and the dataplane is new. */
static void life_begin(struct fixture *f, struct config *config)
{
	const struct publish_options options = {
		.base = f->base,
		.run_dir = f->dir,
		.link_changed = on_link,
		.arg = f,
	};
	struct publish_options mine = options;

	f->model = model_create(&ops, f);
	assert_int_equal(model_apply(f->model, config, 0), 0);
	mine.model = f->model;
	f->publish = publish_create(&mine);
	assert_non_null(f->publish);
}

static void life_end(struct fixture *f)
{
	publish_destroy(f->publish);
	f->publish = NULL;
	model_destroy(f->model);
	f->model = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_publish.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->base = event_base_new();
	log_set_level(LOG_EMERG);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[96];

	if (f->publish)
		life_end(f);
	if (f->fake)
		fake_dataplane_kill(f->fake);
	event_base_free(f->base);
	snprintf(path, sizeof(path), "%s/dataplane.sock", f->dir);
	unlink(path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	const struct timeval ms = { .tv_usec = 1000 };

	event_base_loopexit(f->base, &ms);
	event_base_dispatch(f->base);
}

static void run_ms(struct fixture *f, uint32_t ms)
{
	uint64_t end = clock_now_ms() + ms;

	while (clock_now_ms() < end)
		turn(f);
}

/* Run the loop until the condition holds. */
#define UNTIL(f, condition)                                                                        \
	do {                                                                                       \
		uint64_t end = clock_now_ms() + PATIENCE_MS;                                       \
                                                                                                   \
		while (!(condition)) {                                                             \
			assert_true(clock_now_ms() < end);                                         \
			turn(f);                                                                   \
		}                                                                                  \
	} while (0)

static void on_done(void *arg, const struct publish_result *result)
{
	*(struct publish_result *)arg = *result;
}

/* Wait until all that is marked runs. */
static struct publish_result settle(struct fixture *f, enum publish_scope scope)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;
	struct publish_result result = { .status = 1 };

	publish_wait_start(f->publish, scope, 0, on_done, &result);
	while (result.status == 1 && clock_now_ms() < end)
		turn(f);
	if (f->fake)
		fake_dataplane_view(f->fake, &f->view);
	return result;
}

static void connect_now(struct fixture *f)
{
	assert_true(publish_connect(f->publish, PATIENCE_MS));
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
}

/* What the dataplane runs is what the model says. */
static void check_equal(struct fixture *f)
{
	struct lb_params params;
	uint32_t count;

	fake_dataplane_view(f->fake, &f->view);
	assert_int_equal(f->view.broken, 0);
	model_params(f->model, &params);
	assert_memory_equal(&f->view.params, &params, sizeof(params));
	assert_memory_equal(f->view.instances, model_instances(f->model, &count),
			    f->view.instance_count * sizeof(struct lb_instance));
	assert_int_equal(f->view.instance_count, count);
	for (uint32_t i = 0; i < model_pool_count(f->model); i++) {
		const struct model_pool *pool = model_pool_at(f->model, i);
		const uint16_t *slots = model_pool_slots(f->model, pool->id, &count);

		assert_int_equal(f->view.slot_count[pool->id], count);
		assert_memory_equal(f->view.slots[pool->id], slots, count * sizeof(*slots));
	}
}

static void start(struct fixture *f, uint32_t instances)
{
	f->fake = fake_dataplane_start(f->dir, 0);
	life_begin(f, fixture_web(instances));
	fixture_up(f->model);
	connect_now(f);
	check_equal(f);
}

static struct model_instance *instance(struct fixture *f, const char *path)
{
	return model_instance_find(f->model, path);
}

static void test_first_publish(void **state)
{
	struct fixture *f = *state;

	start(f, 5);
	assert_int_equal(f->links, 1);
	assert_int_equal(f->view.service_count, 2); /* the listener and the VIP */
	assert_int_equal(f->view.slot_count[0], FIXTURE_SLOTS);
	/* headers have the port's address */
	assert_int_equal(f->view.instances[0].header[11], 0x11);
}

/* The instances first and alone, then the table. */
static void test_drain_in_two_steps(void **state)
{
	struct fixture *f = *state;
	struct fake_view *before = malloc(sizeof(*before));
	struct publish_result result;

	start(f, 5);
	*before = f->view;
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_DRAIN);
	result = settle(f, PUBLISH_INSTANCES);
	assert_int_equal(result.status, 0);
	assert_true(result.acked_ns >= result.sent_ns);
	assert_int_equal(result.workers, 2);
	assert_int_equal(result.generation, before->generation + 1);
	assert_false(f->view.instances[1].flags & LB_INSTANCE_ACCEPTS);
	assert_true(f->view.instances[1].flags & LB_INSTANCE_SERVES);
	assert_int_equal(settle(f, PUBLISH_ALL).generation, before->generation + 2);
	assert_int_equal(f->view.blocks[LB_BLOCK_INSTANCES],
			 before->blocks[LB_BLOCK_INSTANCES] + 1);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], before->blocks[LB_BLOCK_POOL] + 1);
	check_equal(f);
	free(before);
}

/* Most flows would draw in vain until the table comes: both at once. */
/* ---- What runs, as others read it ---- */

static struct explain explained(struct fixture *f)
{
	static struct explain_room room;
	struct flows_view view;
	struct explain explain;
	const struct explain_query query = {
		.client = { 4, { 192, 0, 2, 7 } },
		.client_port = 4711,
		.vip = { 4, { 198, 51, 100, 10 } },
		.vip_port = 80,
	};

	assert_int_equal(publish_view(f->publish, &view), 0);
	assert_string_equal(view.why_no_flows, "");
	assert_int_equal(view.n_regions, 2);
	assert_int_equal(view.generation, f->view.generation);
	assert_int_equal(view.pool[0].n_current, f->view.slot_count[0]);
	assert_memory_equal(view.pool[0].current, f->view.slots[0],
			    f->view.slot_count[0] * sizeof(uint16_t));
	explain_run(&view, &query, &room, &explain);
	assert_non_null(explain.service);
	flows_view_fini(&view);
	return explain;
}

/* Recorded by a worker, as it would. */
static void record_put(struct fixture *f, const struct explain *explain, uint32_t worker,
		       uint32_t instance)
{
	struct lb_table table = { .bucket = fake_dataplane_flows(f->fake, worker),
				  .n_buckets = FAKE_BUCKETS };

	lb_bucket_put(&table.bucket[lb_table_primary(&table, explain->packet.spread)], 3,
		      explain->packet.key, (uint16_t)instance, (uint16_t)(explain->packet.now - 20),
		      LB_FLOW_ESTABLISHED);
}

static void test_what_runs_is_explained(void **state)
{
	struct fixture *f = *state;
	struct explain before, after;
	struct config *config = fixture_web(5);
	uint32_t instance;

	config->node.idle_timeout_ms = 3600 * 1000; /* of the previous table, too */
	f->fake = fake_dataplane_start(f->dir, 0);
	life_begin(f, config);
	fixture_up(f->model);
	connect_now(f);
	before = explained(f);
	instance = before.begin.instance;
	assert_int_equal(before.begin.why, EXPLAIN_CURRENT);
	assert_int_equal(before.previous.n, 0);
	assert_int_equal(before.read, FLOWS_NOT_FOUND);

	model_admin_set(f->model, model_instance_at(f->model, instance), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	after = explained(f);
	/* what began before the drain stays by the previous table, what begins goes elsewhere */
	assert_int_equal(after.previous.n, FIXTURE_SLOTS);
	assert_int_equal(after.previous.instance, instance);
	assert_int_equal(after.go_on.instance, instance);
	assert_int_equal(after.go_on.why, EXPLAIN_PREVIOUS);
	assert_int_not_equal(after.begin.instance, instance);
	assert_int_equal(after.begin.why, EXPLAIN_CURRENT);

	record_put(f, &after, 1, instance);
	after = explained(f);
	assert_int_equal(after.read, FLOWS_FOUND);
	assert_int_equal(after.record.region, 1);
	assert_int_equal(after.go_on.instance, instance);
	assert_int_equal(after.go_on.why, EXPLAIN_RECORD);
	assert_int_not_equal(after.begin.instance, instance);

	/* down: it no longer serves */
	model_health_set(f->model, model_instance_at(f->model, instance), HEALTH_DOWN, "refused");
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	after = explained(f);
	assert_int_not_equal(after.go_on.instance, instance);
	assert_true(after.go_on.is_moved);
}

static void test_nothing_runs(void **state)
{
	struct fixture *f = *state;
	struct flows_view view;

	life_begin(f, fixture_web(2));
	assert_int_equal(publish_view(f->publish, &view), -ENOTCONN);
}

static void test_drain_of_most_of_a_pool(void **state)
{
	struct fixture *f = *state;
	uint32_t tables;
	uint64_t generation;

	start(f, 3);
	model_weight_set(f->model, instance(f, "web/web-1"), 200, true);
	model_weight_set(f->model, instance(f, "web/web-2"), 5, true);
	model_weight_set(f->model, instance(f, "web/web-3"), 5, true);
	generation = settle(f, PUBLISH_ALL).generation;
	tables = f->view.blocks[LB_BLOCK_POOL];
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_INSTANCES).generation, generation + 1);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], tables + 1);
	assert_int_equal(settle(f, PUBLISH_ALL).generation, generation + 1);
	check_equal(f);
}

/* The table exists already, and no flow is lost by it; but the flags "
"of a drain never wait for a table. */
static void test_comes_back_in_one_step(void **state)
{
	struct fixture *f = *state;
	uint64_t generation;
	uint32_t tables;

	start(f, 5);
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_DRAIN);
	generation = settle(f, PUBLISH_ALL).generation;
	tables = f->view.blocks[LB_BLOCK_POOL];
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_READY);
	assert_int_equal(settle(f, PUBLISH_INSTANCES).generation, generation + 1);
	assert_int_equal(settle(f, PUBLISH_ALL).generation, generation + 1);
	assert_true(f->view.instances[1].flags & LB_INSTANCE_ACCEPTS);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], tables + 1);
	check_equal(f);
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_INSTANCES).generation, generation + 2);
	assert_int_equal(settle(f, PUBLISH_ALL).generation, generation + 3);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], tables + 2);
	check_equal(f);
}

/* A drained instance that goes to maint is in no table: with the instances all is sent. */
static void test_instances_alone(void **state)
{
	struct fixture *f = *state;
	uint32_t tables;

	start(f, 3);
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	tables = f->view.blocks[LB_BLOCK_POOL];
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_MAINT);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_false(f->view.instances[1].flags & LB_INSTANCE_SERVES);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], tables);
	check_equal(f);
}

static void test_changes_are_coalesced(void **state)
{
	struct fixture *f = *state;
	uint32_t tables;

	start(f, 8);
	tables = f->view.blocks[LB_BLOCK_POOL];
	for (uint32_t i = 1; i <= 4; i++) {
		char path[32];

		snprintf(path, sizeof(path), "web/web-%u", i);
		model_admin_set(f->model, instance(f, path), MODEL_DRAIN);
	}
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_int_equal(f->view.blocks[LB_BLOCK_POOL], tables + 1);
	check_equal(f);
}

/* There and back while the dataplane is busy: nothing is left to send. */
static void test_newest_wins(void **state)
{
	struct fixture *f = *state;
	uint32_t generations;

	start(f, 3);
	generations = f->view.generations;
	fake_dataplane_hold(f->fake, true);
	for (uint32_t i = 0; i < 200; i++) {
		model_admin_set(f->model, instance(f, "web/web-1"),
				i % 2 ? MODEL_READY : MODEL_MAINT);
		turn(f);
	}
	fake_dataplane_hold(f->fake, false);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
	assert_true(f->view.generations <= generations + 4);
	assert_true(f->view.instances[0].flags & LB_INSTANCE_ACCEPTS);
}

static void test_equal_is_not_sent(void **state)
{
	struct fixture *f = *state;
	uint32_t generations;

	start(f, 3);
	generations = f->view.generations;
	assert_int_equal(model_apply(f->model, fixture_web(3), 0), 0);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	run_ms(f, 20);
	fake_dataplane_view(f->fake, &f->view);
	assert_int_equal(f->view.generations, generations);
}

/* Timeouts and rates of another configuration reach the dataplane. */
static void test_params_follow(void **state)
{
	struct fixture *f = *state;
	struct config *config = fixture_web(3);

	start(f, 3);
	config->node.idle_timeout_ms = 60000;
	config->node.syn_timeout_ms = 5000;
	config->node.fin_timeout_ms = 2000;
	config->node.kernel_rate_pps = 500;
	config->node.icmp_rate_pps = 0;
	assert_int_equal(model_apply(f->model, config, 0), 0);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_int_equal(f->view.params.timeouts.ticks[LB_FLOW_ESTABLISHED],
			 60000 / LB_FLOW_TICK_MS);
	assert_int_equal(f->view.params.kernel_rate_pps, 500);
	assert_int_equal(f->view.params.icmp_rate_pps, 0);
	check_equal(f);
}

static void test_no_dataplane(void **state)
{
	struct fixture *f = *state;
	struct publish_info info;

	life_begin(f, fixture_web(3));
	fixture_up(f->model);
	assert_false(publish_connect(f->publish, PATIENCE_MS));
	assert_int_equal(settle(f, PUBLISH_INSTANCES).status, -ENOTCONN);
	publish_info_get(f->publish, &info);
	assert_false(info.connected);
	assert_non_null(strstr(info.problem, "not running"));
	assert_null(publish_segment(f->publish));
	/* it comes later */
	f->fake = fake_dataplane_start(f->dir, 0);
	UNTIL(f, f->links);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

static void test_another_abi(void **state)
{
	struct fixture *f = *state;
	struct publish_info info;

	f->fake = fake_dataplane_start(f->dir, 0x12345678);
	life_begin(f, fixture_web(3));
	assert_false(publish_connect(f->publish, PATIENCE_MS));
	publish_info_get(f->publish, &info);
	assert_non_null(strstr(info.problem, "12345678"));
	assert_non_null(strstr(info.problem, "same release"));
}

static void test_refused_once(void **state)
{
	struct fixture *f = *state;
	struct publish_info info;

	start(f, 3);
	fake_dataplane_refuse(f->fake, 1);
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_MAINT);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
	assert_int_equal(f->view.refused, 1);
	publish_info_get(f->publish, &info);
	assert_int_equal(info.refused, 1);
	assert_string_equal(info.problem, "");
}

static void test_refused_for_good(void **state)
{
	struct fixture *f = *state;
	struct publish_info info;

	start(f, 3);
	fake_dataplane_refuse(f->fake, 1000);
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_MAINT);
	assert_int_equal(settle(f, PUBLISH_INSTANCES).status, -EBADMSG);
	run_ms(f, 50);
	fake_dataplane_view(f->fake, &f->view);
	assert_int_equal(f->view.refused, 3);
	assert_true(f->view.instances[0].flags & LB_INSTANCE_ACCEPTS);
	publish_info_get(f->publish, &info);
	assert_non_null(strstr(info.problem, "refused"));
	assert_int_equal(settle(f, PUBLISH_ALL).status, -EBADMSG);
	/* the next change tries anew */
	fake_dataplane_refuse(f->fake, 0);
	model_admin_set(f->model, instance(f, "web/web-2"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

static void test_dataplane_dies(void **state)
{
	struct fixture *f = *state;

	start(f, 5);
	fake_dataplane_kill(f->fake);
	f->fake = NULL;
	UNTIL(f, !publish_segment(f->publish));
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	f->fake = fake_dataplane_start(f->dir, 0);
	UNTIL(f, f->links >= 2);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

static void test_waits_end_with_it(void **state)
{
	struct fixture *f = *state;
	struct publish_result one = { .status = 1 }, two = { .status = 1 };
	struct publish_wait *wait;

	start(f, 3);
	fake_dataplane_hold(f->fake, true);
	run_ms(f, 10);
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	assert_non_null(publish_wait_start(f->publish, PUBLISH_INSTANCES, 0, on_done, &one));
	wait = publish_wait_start(f->publish, PUBLISH_INSTANCES, 0, on_done, &two);
	publish_wait_cancel(wait);
	fake_dataplane_kill(f->fake);
	f->fake = NULL;
	UNTIL(f, one.status != 1);
	assert_int_equal(one.status, -ENOTCONN);
	assert_int_equal(two.status, 1);
}

/* ---- Another life ---- */

/* Health goes to the directory at its own pace. */
static bool is_kept(struct fixture *f, const char *path, enum health_state health)
{
	const struct lb_segment *segment = fake_dataplane_segment(f->fake);
	const struct lb_directory *directory = lb_segment_at(segment, segment->directory);

	return directory->instance[instance(f, path)->index].health == health;
}

static void knowledge_forget(struct fixture *f)
{
	assert_int_equal(instance(f, "web/web-1")->health, HEALTH_UNKNOWN);
	assert_false(instance(f, "web/web-1")->next_hop.resolved);
}

static void test_adoption(void **state)
{
	struct fixture *f = *state;
	struct fake_view *before = malloc(sizeof(*before));
	struct publish_info info;

	start(f, 5);
	/* indices that another order of the file would not give, one down, one lame */
	assert_int_equal(model_apply(f->model, fixture_web(2), 0), 0);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_int_equal(model_apply(f->model, fixture_web(4), 0), 0);
	fixture_up(f->model);
	fixture_set(f->model, "web/web-2", HEALTH_DOWN);
	fixture_set(f->model, "web/web-3", HEALTH_LAME);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
	*before = f->view;
	UNTIL(f, is_kept(f, "web/web-2", HEALTH_DOWN) && is_kept(f, "web/web-3", HEALTH_LAME) &&
			 is_kept(f, "web/web-4", HEALTH_UP));
	life_end(f);
	life_begin(f, fixture_web(4));
	knowledge_forget(f);
	assert_true(publish_connect(f->publish, PATIENCE_MS));
	publish_info_get(f->publish, &info);
	assert_int_equal(info.generation, before->generation);
	assert_int_equal(instance(f, "web/web-2")->health, HEALTH_DOWN);
	assert_int_equal(instance(f, "web/web-3")->health, HEALTH_LAME);
	assert_int_equal(instance(f, "web/web-4")->health, HEALTH_UP);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_int_equal(f->view.generations, before->generations);
	check_equal(f);
	/* and it goes on from there */
	model_admin_set(f->model, instance(f, "web/web-4"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
	free(before);
}

/* Nobody took flows, so nothing would rebuild the table: it has to be taken over. */
static void test_adoption_of_a_table_that_nobody_uses(void **state)
{
	struct fixture *f = *state;
	uint16_t slots[FIXTURE_SLOTS];
	uint32_t count;

	start(f, 3);
	memcpy(slots, f->view.slots[0], sizeof(slots));
	life_end(f);
	life_begin(f, fixture_web(3));
	for (uint32_t i = 0; i < 3; i++)
		model_admin_set(f->model, model_pool_at(f->model, 0)->instances[i], MODEL_DRAIN);
	connect_now(f);
	check_equal(f);
	assert_memory_equal(model_pool_slots(f->model, 0, &count), slots, sizeof(slots));
	assert_int_equal(count, FIXTURE_SLOTS);
}

/* Killed after the command had left and before the answer was read. */
static void test_killed_in_flight(void **state)
{
	struct fixture *f = *state;
	uint32_t generations;

	start(f, 4);
	fake_dataplane_hold(f->fake, true);
	run_ms(f, 10);
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	life_end(f);
	life_begin(f, fixture_web(4));
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	fake_dataplane_hold(f->fake, false);
	connect_now(f);
	check_equal(f);
	generations = f->view.generations;
	/* what it believes to run does run: a change there and back shows it */
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_READY);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
	assert_true(f->view.generations > generations);
}

/* A removed instance whose flows live on keeps its index in the next life too. */
static void test_gone_are_adopted(void **state)
{
	struct fixture *f = *state;
	struct lb_segment *segment;

	start(f, 3);
	segment = fake_dataplane_segment(f->fake);
	lb_segment_instance_stats(segment, 1)[2].flows = 7;
	life_end(f);
	life_begin(f, fixture_web(2));
	connect_now(f);
	assert_non_null(model_gone_next(f->model, NULL));
	assert_string_equal(model_gone_next(f->model, NULL)->path, "web/web-3");
	assert_int_equal(f->view.instances[2].flags, 0);
	UNTIL(f, (fake_dataplane_view(f->fake, &f->view), f->view.retired)); /* its pool's table */
	assert_int_equal(f->view.retired, 1);
	run_ms(f, 1200); /* more than it takes, were it not for the flows */
	assert_non_null(model_gone_next(f->model, NULL));
	lb_segment_instance_stats(segment, 1)[2].flows = 0;
	UNTIL(f, !model_gone_next(f->model, NULL));
	assert_int_equal(model_apply(f->model, fixture_web(3), 0), 0);
	assert_int_equal(instance(f, "web/web-3")->index, 2);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

static void test_service_ids_survive(void **state)
{
	struct fixture *f = *state;
	uint16_t id;

	start(f, 3);
	id = f->view.services[0].id ? f->view.services[0].id : f->view.services[1].id;
	assert_int_equal(id, 1);
	life_end(f);
	life_begin(f, fixture_config("  web: { instances: { web-1: { address: 10.0.1.2 } } }\n",
				     "  www: { vip: [198.51.100.10], forward: l2, listeners: "
				     "[ { port: 81, pool: web } ] }\n"));
	connect_now(f);
	assert_int_equal(f->view.services[0].id + f->view.services[1].id, 2);
	life_end(f);
	life_begin(f, fixture_web(3)); /* port 80 is back, but 1 and 2 had their time */
	connect_now(f);
	assert_int_equal(f->view.services[0].id + f->view.services[1].id, 3);
}

static void test_hang_up(void **state)
{
	struct fixture *f = *state;
	uint32_t generations;

	start(f, 3);
	generations = f->view.generations;
	fake_dataplane_hang_up(f->fake);
	UNTIL(f, f->links >= 2);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	assert_int_equal(f->view.generations, generations);
	check_equal(f);
}

/* The event ring was full, say: the segment tells that the generation is in use. */
static void test_lost_answer(void **state)
{
	struct fixture *f = *state;

	start(f, 3);
	fake_dataplane_mute(f->fake, true);
	model_admin_set(f->model, instance(f, "web/web-1"), MODEL_DRAIN);
	assert_int_equal(settle(f, PUBLISH_INSTANCES).status, 0);
	fake_dataplane_mute(f->fake, false);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

/* Random lives: whatever happens, the dataplane ends up with what the model says. */
static void test_many_lives(void **state)
{
	struct fixture *f = *state;
	uint32_t seed = 42;

	start(f, 6);
	for (uint32_t i = 0; i < 60; i++) {
		seed = seed * 1664525 + 1013904223;
		fake_dataplane_hold(f->fake, seed >> 20 & 1);
		if (seed >> 24 & 1)
			turn(f);
		model_admin_set(f->model, model_pool_at(f->model, 0)->instances[(seed >> 8) % 3],
				(enum model_admin)((seed >> 12) % 3));
		if (seed >> 28 & 1)
			turn(f);
		if (seed >> 16 & 1) {
			life_end(f);
			fake_dataplane_hold(f->fake, false);
			life_begin(f, fixture_web(3 + (seed >> 4) % 4));
			fixture_up(f->model);
			connect_now(f);
			check_equal(f);
		}
	}
	fake_dataplane_hold(f->fake, false);
	assert_int_equal(settle(f, PUBLISH_ALL).status, 0);
	check_equal(f);
}

/* The configuration chooses the backend: one looks for a socket, the other for a kernel interface. */
static void test_backend_by_config(void **state)
{
	struct fixture *f = *state;
	struct config *config = fixture_web(3);
	struct publish_info info;

	config->node.dataplane = CONFIG_DATAPLANE_XDP;
	strcpy(config->node.port, "nop0");
	life_begin(f, config);
	assert_false(publish_connect(f->publish, PATIENCE_MS));
	publish_info_get(f->publish, &info);
	assert_string_equal(info.problem, "nop0: No such device");
	life_end(f);

	life_begin(f, fixture_web(3));
	assert_false(publish_connect(f->publish, PATIENCE_MS));
	publish_info_get(f->publish, &info);
	assert_non_null(strstr(info.problem, "dataplane.sock"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_publish),
		TEST(test_drain_in_two_steps),
		TEST(test_what_runs_is_explained),
		TEST(test_nothing_runs),
		TEST(test_drain_of_most_of_a_pool),
		TEST(test_comes_back_in_one_step),
		TEST(test_instances_alone),
		TEST(test_changes_are_coalesced),
		TEST(test_newest_wins),
		TEST(test_equal_is_not_sent),
		TEST(test_params_follow),
		TEST(test_no_dataplane),
		TEST(test_another_abi),
		TEST(test_refused_once),
		TEST(test_refused_for_good),
		TEST(test_dataplane_dies),
		TEST(test_waits_end_with_it),
		TEST(test_adoption),
		TEST(test_adoption_of_a_table_that_nobody_uses),
		TEST(test_killed_in_flight),
		TEST(test_gone_are_adopted),
		TEST(test_service_ids_survive),
		TEST(test_hang_up),
		TEST(test_lost_answer),
		TEST(test_many_lives),
		TEST(test_backend_by_config),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}

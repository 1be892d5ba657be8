/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both dataplanes on one port: the XDP program is real, on a veth in a network namespace of this process's
 * own; the DPDK process is a fake that answers commands, and this test beats for its workers.
 */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"
#include "dataplane/abi/lb_handover.h"
#include "dataplane/abi/lb_pins.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"
#include "tests/support/xdp_fixture.h"

#define INSTANCES 4

static char run_dir[] = "/tmp/sluice-auto-XXXXXX";
static struct event_base *base;
static struct model *model;
static struct publish *publish;
static struct fake_dataplane *fake;
static struct lb_handover *queue;
static bool beating;

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	if (publish)
		publish_mark(publish, what, pool_id);
}

static const struct model_ops model_ops = { .changed = on_changed };

static int namespaces(void **state)
{
	(void)state;
	xdp_fixture_veth("eth1", "client");
	if (!mkdtemp(run_dir))
		fail_msg("%s", strerror(errno));
	log_set_level(LOG_EMERG);
	return 0;
}

static int cleanup(void **state)
{
	static const char *const names[] = { "xdp.segment", "dataplane.sock" };
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", run_dir, names[i]);
		unlink(path);
	}
	rmdir(run_dir);
	return 0;
}

/* Heartbeats are an hour ahead or have never been, whatever keeps this process from its CPU. */
static void beat(void)
{
	if (!queue)
		return;
	if (beating)
		queue->process = fake_dataplane_segment(fake)->boot_id;
	queue->beat_ns = beating ? clock_coarse_ns() + 3600ull * CLOCK_NS_PER_S : 0;
}

static void turn(void)
{
	const struct timeval ms = { .tv_usec = 1000 };

	beat();
	event_base_loopexit(base, &ms);
	event_base_dispatch(base);
}

static struct publish_handover handover(void)
{
	struct publish_handover now;

	publish_handover_get(publish, &now);
	return now;
}

static void wait_carrier(bool is_dpdk)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	while (handover().is_dpdk != is_dpdk && clock_now_ms() < end)
		turn();
	assert_int_equal(handover().is_dpdk, is_dpdk);
}

static void on_done(void *arg, const struct publish_result *result)
{
	*(struct publish_result *)arg = *result;
}

/* Until all that is marked was answered. Return: the status. */
static int answer_wait(void)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;
	static struct publish_result result;

	result = (struct publish_result){ .status = 1 };
	publish_wait_start(publish, PUBLISH_ALL, 0, on_done, &result);
	while (result.status == 1 && clock_now_ms() < end)
		turn();
	return result.status;
}

/* Until all that is marked runs wherever it has to. */
static void settle(void)
{
	assert_int_equal(answer_wait(), 0);
}

static void *pin_map(const char *path, size_t bytes)
{
	int fd = bpf_obj_get(path);
	void *memory;

	assert_true(fd >= 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	close(fd);
	return memory;
}

static void queue_map(void)
{
	queue = pin_map(LB_PIN_ROOT "/sluice-eth1/" LB_PIN_QUEUES, sizeof(*queue));
}

static void sluiced_start(void)
{
	struct config *config = fixture_web(INSTANCES);
	struct publish_options options = { .run_dir = run_dir };

	config->node.dataplane = CONFIG_DATAPLANE_AUTO;
	base = event_base_new();
	model = model_create(&model_ops, NULL);
	assert_int_equal(model_apply(model, config, 0), 0);
	fixture_up(model);
	options.base = base;
	options.model = model;
	publish = publish_create(&options);
	assert_non_null(publish);
	assert_true(publish_connect(publish, PATIENCE_MS));
}

static void sluiced_end(void)
{
	publish_destroy(publish);
	publish = NULL;
	model_destroy(model);
	event_base_free(base);
}

static int begin(void **state)
{
	(void)state;
	beating = true;
	sluiced_start();
	settle();
	queue_map();
	return 0;
}

static int end(void **state)
{
	(void)state;
	beating = false;
	beat();
	munmap(queue, sizeof(*queue));
	queue = NULL;
	if (fake)
		fake_dataplane_kill(fake);
	fake = NULL;
	sluiced_end();
	return 0;
}

static void process_start(void)
{
	fake = fake_dataplane_start(run_dir, 0);
	assert_non_null(fake);
	wait_carrier(true);
	assert_int_equal(queue->allowed, fake_dataplane_segment(fake)->boot_id);
}

static void without_a_process_xdp_carries_and_answers(void **state)
{
	(void)state;
	beating = false;
	assert_true(handover().is_on);
	assert_false(handover().is_dpdk);
	model_admin_set(model, model_instance_find(model, "web/web-1"), MODEL_DRAIN);
	settle();
}

static void process_forwards_once_it_has_the_tables(void **state)
{
	static struct fake_view view;
	uint32_t count;

	(void)state;
	fake = fake_dataplane_start(run_dir, 0);
	fake_dataplane_hold(fake, true);
	for (int i = 0; i < 50; i++)
		turn();
	assert_int_equal(queue->allowed, 0);
	assert_false(handover().is_dpdk);
	fake_dataplane_hold(fake, false);
	wait_carrier(true);
	queue->handed_pkts = 7;
	while (handover().handed_pkts != 7)
		turn();
	fake_dataplane_view(fake, &view);
	assert_memory_equal(view.instances, model_instances(model, &count),
			    INSTANCES * sizeof(*view.instances));
}

static void a_drain_waits_for_both(void **state)
{
	struct publish_result result = { .status = 1 };
	static struct fake_view view;
	uint32_t index;

	(void)state;
	process_start();
	index = model_instance_find(model, "web/web-2")->index;
	fake_dataplane_hold(fake, true);
	model_admin_set(model, model_instance_find(model, "web/web-2"), MODEL_DRAIN);
	publish_wait_start(publish, PUBLISH_INSTANCES, 0, on_done, &result);
	for (int i = 0; i < 50; i++)
		turn();
	assert_int_equal(result.status, 1);
	fake_dataplane_hold(fake, false);
	settle();
	assert_int_equal(result.status, 0);
	fake_dataplane_view(fake, &view);
	assert_int_equal(view.instances[index].flags & LB_INSTANCE_ACCEPTS, 0);
}

static void stopped_process_is_left_out_and_catches_up(void **state)
{
	static struct fake_view view;
	uint32_t index;

	(void)state;
	process_start();
	index = model_instance_find(model, "web/web-2")->index;
	fake_dataplane_hold(fake, true);
	beating = false;
	model_admin_set(model, model_instance_find(model, "web/web-2"), MODEL_DRAIN);
	settle(); /* XDP alone */
	wait_carrier(false);
	assert_int_equal(queue->allowed, 0);
	beating = true;
	for (int i = 0; i < 50; i++)
		turn();
	assert_false(handover().is_dpdk); /* it still owes an answer */
	fake_dataplane_hold(fake, false);
	wait_carrier(true);
	fake_dataplane_view(fake, &view);
	assert_int_equal(view.instances[index].flags & LB_INSTANCE_ACCEPTS, 0);
}

static void dead_process_loses_the_packets_to_xdp_until_its_successor(void **state)
{
	uint64_t first;

	(void)state;
	process_start();
	first = queue->allowed;
	fake_dataplane_kill(fake);
	fake = NULL;
	beating = false;
	wait_carrier(false);
	assert_int_equal(queue->allowed, 0);
	beating = true;
	process_start();
	assert_int_not_equal(queue->allowed, first);
}

static uint64_t received(void)
{
	const struct lb_segment *segment = publish_segment(publish);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < segment->n_workers; i++)
		sum += lb_segment_worker_stats(segment, i)->rx_pkts;
	return sum;
}

static uint64_t booked_as_killed(void)
{
	const struct lb_segment *segment = publish_segment(publish);
	uint64_t sum = 0;

	publish_refresh(publish);
	for (uint32_t i = 0; i < segment->n_workers; i++)
		sum += lb_segment_worker_stats(segment, i)->drop[LB_DROP_KILLED];
	return sum;
}

/* What a process had in flight when it was killed is booked without a successor. */
static void killed_process_leaves_no_gap_in_the_counters(void **state)
{
	struct lb_worker_stats *worker =
		pin_map(LB_PIN_ROOT "/sluice-eth1/" LB_PIN_WORKERS, sizeof(*worker));
	uint64_t until, before;

	(void)state;
	process_start();
	publish_refresh(publish);
	before = received();
	worker->rx_pkts += 64;
	assert_int_equal(received(), before); /* to look changes nothing */
	publish_refresh(publish);
	assert_int_equal(received(), before + 64);
	worker->tx_pkts += 40;
	worker->drop[LB_DROP_NO_INSTANCE] += 4;
	assert_int_equal(booked_as_killed(), 0); /* it may yet come to their end */
	fake_dataplane_kill(fake);
	fake = NULL;
	beating = false;
	until = clock_now_ms() + PATIENCE_MS;
	while (booked_as_killed() != 20 && clock_now_ms() < until)
		turn();
	assert_int_equal(booked_as_killed(), 20);
	lb_stats_close(worker); /* the successor does, once */
	beating = true;
	process_start();
	assert_int_equal(booked_as_killed(), 20);
	munmap(worker, sizeof(*worker));
}

static void refused_generation_reaches_neither_dataplane(void **state)
{
	struct publish_info info;

	(void)state;
	process_start();
	fake_dataplane_refuse(fake, 1);
	model_admin_set(model, model_instance_find(model, "web/web-2"), MODEL_DRAIN);
	settle();
	publish_info_get(publish, &info);
	assert_true(info.refused >= 1);
	wait_carrier(true);
}

static void config_apply(uint8_t secret)
{
	struct config *config = fixture_web(INSTANCES);

	config->node.dataplane = CONFIG_DATAPLANE_AUTO;
	config->node.secret[0] ^= secret;
	assert_int_equal(model_apply(model, config, 0), 0);
}

/* A generation that XDP refuses is not sent to the process, which continues with its tables. */
static void generation_refused_by_xdp_reaches_no_process(void **state)
{
	static struct fake_view before, after;

	(void)state;
	process_start();
	fake_dataplane_view(fake, &before);
	config_apply(1);
	assert_int_equal(answer_wait(), -EBADMSG);
	fake_dataplane_view(fake, &after);
	assert_memory_equal(&after.params, &before.params, sizeof(after.params));
	assert_int_equal(after.generation, before.generation);
	assert_true(handover().is_dpdk);
	config_apply(0);
	settle();
	fake_dataplane_view(fake, &after);
	assert_true(after.generation > before.generation);
	assert_true(handover().is_dpdk);
}

/* A process that starts while XDP refuses the tables gets none until they are accepted. */
static void no_join_while_xdp_refuses(void **state)
{
	struct publish_info info;
	uint64_t refused;

	(void)state;
	beating = false;
	config_apply(1);
	assert_int_equal(answer_wait(), -EBADMSG);
	fake = fake_dataplane_start(run_dir, 0);
	assert_non_null(fake);
	beating = true;
	publish_info_get(publish, &info);
	refused = info.refused;
	for (int i = 0; i < 300; i++)
		turn();
	assert_false(handover().is_dpdk);
	publish_info_get(publish, &info);
	assert_true(info.refused < refused + 20); /* and the log is not flooded */
	config_apply(0);
	settle();
}

static void second_sluiced_removes_nothing(void **state)
{
	(void)state;
	process_start();
	sluiced_end();
	assert_true(lb_handover_is_due(queue, clock_coarse_ns()));
	sluiced_start();
	assert_int_equal(queue->allowed, fake_dataplane_segment(fake)->boot_id);
	settle();
	wait_carrier(true);
}

/* The XDP program starts again while blocks sent to the process are still in the buffers. */
static void port_change_spares_what_is_in_flight(void **state)
{
	static struct fake_view view;
	uint32_t index, count;

	(void)state;
	process_start();
	index = model_instance_find(model, "web/web-2")->index;
	fake_dataplane_hold(fake, true);
	model_admin_set(model, model_instance_find(model, "web/web-2"), MODEL_DRAIN);
	for (int i = 0; i < 50; i++)
		turn();
	xdp_fixture_command("ip link set eth1 address 02:00:00:00:00:77");
	for (int i = 0; i < 300; i++)
		turn();
	fake_dataplane_hold(fake, false);
	settle();
	wait_carrier(true);
	fake_dataplane_view(fake, &view);
	assert_int_equal(view.broken, 0);
	assert_int_equal(view.instances[index].flags & LB_INSTANCE_ACCEPTS, 0);
	assert_memory_equal(view.instances, model_instances(model, &count),
			    INSTANCES * sizeof(*view.instances));
}

#define AUTO_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTO_TEST(without_a_process_xdp_carries_and_answers),
		AUTO_TEST(process_forwards_once_it_has_the_tables),
		AUTO_TEST(a_drain_waits_for_both),
		AUTO_TEST(stopped_process_is_left_out_and_catches_up),
		AUTO_TEST(dead_process_loses_the_packets_to_xdp_until_its_successor),
		AUTO_TEST(killed_process_leaves_no_gap_in_the_counters),
		AUTO_TEST(refused_generation_reaches_neither_dataplane),
		AUTO_TEST(generation_refused_by_xdp_reaches_no_process),
		AUTO_TEST(no_join_while_xdp_refuses),
		AUTO_TEST(second_sluiced_removes_nothing),
		AUTO_TEST(port_change_spares_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, namespaces, cleanup);
}

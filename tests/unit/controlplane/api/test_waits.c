/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients that wait until the last flow of a drained instance has ended. */
#include <string.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "tests/support/patience.h"
#include "tests/unit/controlplane/api/fixture.h"

static void test_wait_counts_down(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.flows_step = 60;
	say(f, fd, DRAIN_WAIT PING);
	expect(f, fd, "{\"instance\":\"web/web-1\",\"admin\":\"drain\",\"before\":\"ready\"");
	expect(f, fd, "{\"flows\":72,\"elapsed_ms\":");
	expect(f, fd, "{\"flows\":12,\"elapsed_ms\":");
	expect(f, fd, "\"flows\":0,\"elapsed_ms\":");
	expect(f, fd, "version");
	close(fd);
}

static void test_wait_is_limited(void **test_state)
{
	struct fixture *f = *test_state;
	uint64_t began = clock_now_ms();
	uint32_t progress = 0;
	const char *line;
	int fd = dial(f);

	say(f, fd, "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":700}\n");
	expect(f, fd, "\"took_us\"");
	/* Twice, if this process gets its CPU in time. */
	for (line = hear(f, fd); strstr(line, "{\"flows\":132,"); line = hear(f, fd))
		progress++;
	assert_in_range(progress, 0, 2);
	assert_non_null(strstr(
		line,
		"\"ok\":false,\"code\":\"refused\",\"error\":\"web/web-1: still 132 flows after 700ms\",\"result\":{"));
	assert_true(clock_now_ms() - began >= 700);

	/* Without a dataplane the flows are unknown: that is not "safe". */
	fake_find(&f->fake, "web/web-1")->is.flows_known = false;
	fake_find(&f->fake, "web/web-1")->is.flows = 0;
	say(f, fd, "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":100}\n");
	expect(f, fd, "\"flows\":null");
	expect_in_the_end(f, fd, "the dataplane is not running");
	say(f, fd, DRAIN_WAIT);
	expect(f, fd, "\"flows\":null");
	expect(f, fd, "{\"flows\":null,\"elapsed_ms\"");
	close(fd);
}

static void test_two_waits_and_a_resume(void **test_state)
{
	struct fixture *f = *test_state;
	int one = dial(f), two = dial(f), three = dial(f);

	say(f, one, DRAIN_WAIT);
	say(f, two, DRAIN_WAIT);
	expect(f, one, "\"before\":\"ready\"");
	expect(f, two, "\"before\":\"drain\"");
	expect(f, one, "{\"flows\":132,");
	expect(f, two, "{\"flows\":132,");
	say(f, three, "{\"verb\":\"resume\",\"instance\":\"web/web-1\"}\n");
	expect(f, three, "\"admin\":\"ready\"");
	expect_in_the_end(f, one, "web/web-1 was set to ready meanwhile");
	expect_in_the_end(f, two, "web/web-1 was set to ready meanwhile");
	close(one);
	close(two);
	close(three);
}

static void test_instance_leaves_while_waiting(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	say(f, fd, DRAIN_WAIT);
	expect(f, fd, "\"took_us\"");
	expect(f, fd, "{\"flows\":132,");
	fake_find(&f->fake, "web/web-1")->name = "other";
	expect_in_the_end(f, fd, "web/web-1 was removed from the configuration meanwhile");
	close(fd);
}

static void test_waiting_client_leaves(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);
	uint64_t until = clock_now_ms() + PATIENCE_MS;

	say(f, fd, DRAIN_WAIT);
	expect(f, fd, "\"took_us\"");
	assert_int_equal(clients(f), 1);
	close(fd);
	while (clients(f) != 0 && clock_now_ms() < until)
		turn(f);
	assert_int_equal(clients(f), 0);
}

/* However many wait for a drain, and for the workers: an operator gets in, and sees what is the matter. */
static void test_waiting_clients_leave_room(void **test_state)
{
	struct fixture *f = *test_state;
	int fds[CONTROL_CLIENTS_MAX], late;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = dial(f);
		say(f, fds[i], DRAIN_WAIT);
		expect(f, fds[i], i < CONTROL_WAITS_MAX ? "took_us" : "\"code\":\"busy\"");
	}
	late = dial(f);
	say(f, late, "{\"verb\":\"status\"}\n" DRAIN "{\"verb\":\"drops\"}\n");
	expect(f, late, "\"services\"");
	expect(f, late, "\"ok\":true");
	expect(f, late, "received");

	/* Now they wait for the workers, too. */
	f->fake.hold = true;
	for (int i = CONTROL_WAITS_MAX; i < CONTROL_WRITES_MAX; i++) {
		close(fds[i]);
		fds[i] = dial(f);
		say(f, fds[i], DRAIN);
	}
	say(f, late, DRAIN "{\"verb\":\"status\"}\n");
	expect(f, late, "too many commands in progress");
	expect(f, late, "\"services\"");

	/* They give their places back: by an answer, or by leaving. */
	assert_int_equal(fake_publish(&f->fake), CONTROL_WRITES_MAX - CONTROL_WAITS_MAX);
	f->fake.hold = false;
	say(f, late, DRAIN);
	expect(f, late, "\"ok\":true");
	close(fds[0]);
	for (uint64_t until = clock_now_ms() + PATIENCE_MS;
	     clients(f) == CONTROL_CLIENTS_MAX && clock_now_ms() < until;)
		turn(f);
	say(f, late, DRAIN_WAIT);
	expect(f, late, "took_us");
	for (int i = 1; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	close(late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wait_counts_down),	   TEST(test_wait_is_limited),
		TEST(test_two_waits_and_a_resume), TEST(test_instance_leaves_while_waiting),
		TEST(test_waiting_client_leaves),  TEST(test_waiting_clients_leave_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

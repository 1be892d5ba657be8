/* SPDX-License-Identifier: BSD-3-Clause */
/* The server over real sockets, in one thread: the client's side turns the server's loop. */
#ifndef TESTS_UNIT_CONTROLPLANE_API_FIXTURE_H
#define TESTS_UNIT_CONTROLPLANE_API_FIXTURE_H

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#include "controlplane/api/protocol.h"
#include "controlplane/api/server.h"
#include "controlplane/api/session.h"
#include "tests/support/control_fake.h"

#define WATCH_MS 20
#define DRAIN "{\"verb\":\"drain\",\"instance\":\"web/web-1\"}\n"
#define DRAIN_WAIT "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":0}\n"
#define PING "{\"verb\":\"ping\"}\n"

struct fixture {
	char dir[64];
	struct event_base *base;
	struct fake fake;
	struct control *control;
};

void turn(struct fixture *f);

/* Turns enough for all that the server can do without waiting, however fast or slow the machine is. */
void turn_until_quiet(struct fixture *f);

void start(struct fixture *f, uint32_t idle_ms, uint32_t stall_ms);

int setup(void **test_state);

int teardown(void **test_state);

struct sockaddr_un address_of(const struct fixture *f);

int dial(struct fixture *f);

/* Return: false if the server closed. */
bool say_bytes(struct fixture *f, int fd, const char *text, size_t size);

void say(struct fixture *f, int fd, const char *text);

/* The next line; "" at the end of the stream. Valid until the next call. */
const char *hear(struct fixture *f, int fd);

void expect(struct fixture *f, int fd, const char *part);

/* After progress lines, of which a slow machine makes more. */
void expect_in_the_end(struct fixture *f, int fd, const char *part);

void expect_end(struct fixture *f, int fd);

uint32_t clients(const struct fixture *f);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

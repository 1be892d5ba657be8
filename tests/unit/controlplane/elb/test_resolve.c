/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of names, from a DNS server in this process. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/elb/resolve.h"

struct fixture {
	struct event_base *base;
	struct evdns_server_port *server;
	struct resolve *resolve;
	char conf[64];
	unsigned int answers;
	char address[CONFIG_ADDRESS_STRLEN]; /* of the last answer, or why there is none */
};

/* Queries have random case. both: A and AAAA; six: AAAA; none: neither; silent: no answer; others do not exist. */
static void on_question(struct evdns_server_request *request, void *arg)
{
	static const uint8_t v4[4] = { 10, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };
	const struct evdns_server_question *question = request->questions[0];
	const char *name = question->name;
	bool known = strncasecmp(name, "both.", 5) == 0 || strncasecmp(name, "six.", 4) == 0 ||
		     strncasecmp(name, "none.", 5) == 0;

	(void)arg;
	if (strncasecmp(name, "silent.", 7) == 0) {
		evdns_server_request_drop(request);
		return;
	}
	if (question->type == EVDNS_TYPE_A && strncasecmp(name, "both.", 5) == 0)
		evdns_server_request_add_a_reply(request, name, 1, v4, 0);
	if (question->type == EVDNS_TYPE_AAAA && known && strncasecmp(name, "none.", 5) != 0)
		evdns_server_request_add_aaaa_reply(request, name, 1, v6, 0);
	evdns_server_request_respond(request, known ? 0 : 3);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	FILE *conf;

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	f->base = event_base_new();
	f->server = evdns_add_server_port_with_base(f->base, fd, 0, on_question, NULL);
	strcpy(f->conf, "/tmp/test_resolve.XXXXXX");
	close(mkstemp(f->conf));
	conf = fopen(f->conf, "w");
	fprintf(conf, "nameserver 127.0.0.1:%u\n", ntohs(address.sin_port));
	fclose(conf);
	f->resolve = resolve_create(f->base, f->conf);
	assert_non_null(f->resolve);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	resolve_destroy(f->resolve);
	event_base_loop(f->base, EVLOOP_NONBLOCK);
	evdns_close_server_port(f->server);
	event_base_free(f->base);
	unlink(f->conf);
	free(f);
	return 0;
}

static void on_answer(void *arg, const struct config_address *address, const char *why)
{
	struct fixture *f = arg;

	f->answers++;
	if (address)
		config_address_format(address, f->address);
	else
		snprintf(f->address, sizeof(f->address), "%.40s", why);
}

static void turn_until(struct fixture *f, unsigned int answers)
{
	while (f->answers < answers)
		event_base_loop(f->base, EVLOOP_ONCE);
}

static void ask(struct fixture *f, const char *name)
{
	unsigned int before = f->answers;

	assert_non_null(resolve_start(f->resolve, name, on_answer, f));
	/* Never from inside the call. */
	assert_int_equal(f->answers, before);
	turn_until(f, before + 1);
}

static void answers(void **state)
{
	struct config_address address;
	struct fixture *f = *state;

	ask(f, "both.example.com");
	assert_string_equal(f->address, "10.0.2.1");
	ask(f, "six.example.com");
	assert_string_equal(f->address, "2001:db8::7");
	ask(f, "none.example.com");
	assert_null(strchr(f->address, ':'));
	ask(f, "other.example.com");
	assert_int_not_equal(config_address_parse(f->address, &address), 0);
	ask(f, "10.0.2.9");
	assert_string_equal(f->address, "10.0.2.9");
}

static void a_cancelled_query_has_no_answer(void **state)
{
	struct fixture *f = *state;
	struct resolve_query *query = resolve_start(f->resolve, "silent.example.com", on_answer, f);

	assert_non_null(query);
	resolve_cancel(query);
	ask(f, "both.example.com");
	assert_int_equal(f->answers, 1);
	assert_string_equal(f->address, "10.0.2.1");
	/* One that is answered at once. */
	query = resolve_start(f->resolve, "10.0.2.9", on_answer, f);
	assert_non_null(query);
	resolve_cancel(query);
	ask(f, "six.example.com");
	assert_int_equal(f->answers, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_query_has_no_answer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

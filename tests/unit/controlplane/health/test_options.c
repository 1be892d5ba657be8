/* SPDX-License-Identifier: BSD-3-Clause */
/* What a check may ask for: statuses, texts, names, certificates, a source, a PROXY header. */
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/health/probe.h"
#include "tests/support/health_server.h"

#define PATIENT_MS 5000

static struct event_base *base;
static struct health_probes *probes;

struct outcome {
	bool done;
	struct health_verdict verdict;
};

static void on_done(void *arg, const struct health_verdict *verdict)
{
	struct outcome *outcome = arg;

	outcome->done = true;
	outcome->verdict = *verdict;
}

static struct config_check check_of(enum config_check_type type, const struct server *server)
{
	bool http = type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;

	return (struct config_check){
		.target = (char *)"probe",
		.type = type,
		.port = server_port(server),
		.path = http ? (char *)"/up.html" : NULL,
		.interval_ms = 10000,
		.timeout_ms = PATIENT_MS,
		.unhealthy = 2,
		.healthy = 2,
	};
}

static struct health_verdict probe(const struct config_check *check)
{
	struct config_address address = server_address(4);
	struct outcome outcome = { 0 };
	struct health_probe_request request = {
		.address = &address,
		.check = check,
		.done = on_done,
		.arg = &outcome,
	};

	assert_non_null(health_probe_start(probes, &request));
	while (!outcome.done)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	return outcome.verdict;
}

static void expect(const struct config_check *check, enum health_state state, const char *reason)
{
	struct health_verdict got = probe(check);

	if (got.state != state || !strstr(got.reason, reason) ||
	    (state == HEALTH_UP && got.reason[0]))
		fail_msg("%s \"%s\", not %s \"%s\"", health_state_name(got.state), got.reason,
			 health_state_name(state), reason);
}

/* The server has seen all of the last connection. */
static void until_ended(const struct server *server)
{
	for (int i = 0; i < 5000 && server_ended(server) == 0; i++)
		usleep(1000);
	assert_int_equal(server_ended(server), 1);
}

static void test_statuses(void **state)
{
	static const struct {
		const char *head;
		uint32_t count;
		struct config_status_range ranges[2];
		enum health_state state;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n", 0, { { 0, 0 } }, HEALTH_UP },
		{ "HTTP/1.1 204 No Content\r\n", 0, { { 0, 0 } }, HEALTH_LAME },
		{ "HTTP/1.1 204 No Content\r\n", 1, { { 200, 299 } }, HEALTH_UP },
		{ "HTTP/1.1 299 Odd\r\n", 1, { { 200, 299 } }, HEALTH_UP },
		{ "HTTP/1.1 300 Many\r\n", 1, { { 200, 299 } }, HEALTH_LAME },
		{ "HTTP/1.1 301 Moved\r\nLocation: /\r\n",
		  2,
		  { { 200, 299 }, { 301, 301 } },
		  HEALTH_UP },
		{ "HTTP/1.1 200 OK\r\n", 1, { { 401, 401 } }, HEALTH_LAME },
	};
	char head[128];
	struct server_script script = { .head = head };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server *server = server_start(&script, 4);
		struct config_check check = check_of(CONFIG_CHECK_HTTP, server);

		snprintf(head, sizeof(head), "%sContent-Length: 0\r\n\r\n", rows[i].head);
		check.status_count = rows[i].count;
		memcpy(check.statuses, rows[i].ranges, sizeof(rows[i].ranges));
		expect(&check, rows[i].state, rows[i].state == HEALTH_UP ? "" : "status ");
		server_stop(server);
	}
}

/* A body of @before bytes of filler, the text, and filler without end. */
static enum health_state text_at(size_t before, const char *text, const char *status)
{
	char *head = calloc(1, 8192);
	struct server_script script = { .head = head, .repeat = "filler" };
	struct server *server = server_start(&script, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server);
	struct health_verdict verdict;
	int used = snprintf(head, 8192, "HTTP/1.1 %s\r\n\r\n", status);

	memset(head + used, '.', before);
	snprintf(head + used + before, 8192 - (size_t)used - before, "%s", text);
	check.expect = (char *)"database ok";
	verdict = probe(&check);
	server_stop(server);
	free(head);
	return verdict.state;
}

static void test_text(void **state)
{
	static const struct server_script split = {
		.head = "HTTP/1.1 200 OK\r\n\r\ndatabase ",
		.repeat = "ok, ",
		.repeat_ms = 20,
	};
	static const struct server_script brief = {
		.head = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ndatabase out",
	};
	struct server *server;
	struct config_check check;

	(void)state;
	assert_int_equal(text_at(0, "database ok", "200 OK"), HEALTH_UP);
	assert_int_equal(text_at(4096 - 11, "database ok", "200 OK"), HEALTH_UP);
	assert_int_equal(text_at(4096 - 10, "database ok", "200 OK"), HEALTH_LAME);
	assert_int_equal(text_at(10, "database ko", "200 OK"), HEALTH_LAME);
	assert_int_equal(text_at(0, "database ok", "503 Busy"), HEALTH_LAME);

	server = server_start(&split, 4);
	check = check_of(CONFIG_CHECK_HTTP, server);
	check.expect = (char *)"database ok";
	expect(&check, HEALTH_UP, "");
	server_set(server, &brief);
	expect(&check, HEALTH_LAME, "status 200, but the text is not in the first 4096 bytes");
	server_stop(server);
}

static void test_host(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server);

	(void)state;
	check.host = (char *)"www.pancake.man:8080";
	expect(&check, HEALTH_UP, "");
	assert_non_null(strstr(server_request(server), "\r\nHost: www.pancake.man:8080\r\n"));
	assert_non_null(strstr(server_request(server), "\r\nConnection: close\r\n"));
	assert_null(strstr(server_request(server), "Host: 127"));
	server_stop(server);
}

static void test_sni(void **state)
{
	static const struct {
		enum config_check_type type;
		const char *host;
		const char *sni;
		const char *seen;
	} rows[] = {
		{ CONFIG_CHECK_SSL, NULL, NULL, "" },
		{ CONFIG_CHECK_SSL, NULL, "www.pancake.man", "www.pancake.man" },
		{ CONFIG_CHECK_HTTPS, "a.pancake.man:8443", NULL, "a.pancake.man" },
		{ CONFIG_CHECK_HTTPS, "a.pancake.man", "b.pancake.man", "b.pancake.man" },
		{ CONFIG_CHECK_HTTPS, "192.0.2.1", NULL, "" },
		{ CONFIG_CHECK_HTTPS, "[2001:db8::1]:443", NULL, "" },
	};
	static const struct server_script script = {
		.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		.tls = SERVER_TLS,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server *server = server_start(&script, 4);
		struct config_check check = check_of(rows[i].type, server);

		check.host = (char *)rows[i].host;
		check.sni = (char *)rows[i].sni;
		expect(&check, HEALTH_UP, "");
		until_ended(server);
		assert_string_equal(server_sni(server), rows[i].seen);
		if (rows[i].host)
			assert_non_null(strstr(server_request(server), rows[i].host));
		server_stop(server);
	}
}

/* Both with SSL and HTTPS: trusted and the right name, the wrong name, not trusted, no CA file. */
static void test_verify(void **state)
{
	static const struct server_script script = {
		.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		.tls = SERVER_TLS,
		.name = "www.pancake.man",
	};
	char ca[] = "/tmp/sluice-ca-XXXXXX", other[] = "/tmp/sluice-ca-XXXXXX";
	struct server *server = server_start(&script, 4), *stranger = server_start(&script, 4);

	(void)state;
	close(mkstemp(ca));
	close(mkstemp(other));
	server_certificate_write(server, ca);
	server_certificate_write(stranger, other);
	for (int https = 0; https < 2; https++) {
		struct config_check check =
			check_of(https ? CONFIG_CHECK_HTTPS : CONFIG_CHECK_SSL, server);

		check.verify = true;
		check.ca_file = ca;
		check.sni = (char *)"www.pancake.man";
		expect(&check, HEALTH_UP, "");
		check.sni = (char *)"api.pancake.man";
		expect(&check, HEALTH_LAME, "certificate: ");
		check.sni = NULL;
		expect(&check, HEALTH_LAME, "certificate: ");
		check.sni = (char *)"www.pancake.man";
		check.ca_file = other;
		expect(&check, HEALTH_LAME, "certificate: ");
		check.ca_file = NULL;
		expect(&check, HEALTH_LAME, "certificate: ");
		check.ca_file = (char *)"/nonexistent/ca.pem";
		expect(&check, HEALTH_UNKNOWN, "not checked: ca_file: ");
		check.verify = false;
		check.ca_file = NULL;
		expect(&check, HEALTH_UP, "");
	}
	server_stop(server);
	server_stop(stranger);
	unlink(ca);
	unlink(other);
}

static void test_source(void **state)
{
	static const uint8_t here[] = { 127, 0, 0, 9 }, elsewhere[] = { 192, 0, 2, 77 };
	struct server *server = server_start(&server_ok, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server);

	(void)state;
	check.source.family = 4;
	memcpy(check.source.bytes, here, sizeof(here));
	expect(&check, HEALTH_UP, "");
	assert_string_equal(server_peer(server), "127.0.0.9");
	memcpy(check.source.bytes, elsewhere, sizeof(elsewhere));
	expect(&check, HEALTH_UNKNOWN, "not checked: Cannot assign requested address");
	check.source.family = 6; /* of the other family: for other instances */
	expect(&check, HEALTH_UP, "");
	assert_string_equal(server_peer(server), "127.0.0.1");
	server_stop(server);
}

/* The header comes before anything else, whatever the check; without it the instance hangs up. */
static void test_send_proxy(void **state)
{
	static const uint8_t header[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	static const enum config_check_type types[] = {
		CONFIG_CHECK_TCP,
		CONFIG_CHECK_SSL,
		CONFIG_CHECK_HTTP,
		CONFIG_CHECK_HTTPS,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		bool tls = types[i] == CONFIG_CHECK_SSL || types[i] == CONFIG_CHECK_HTTPS;
		const struct server_script script = {
			.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			.tls = tls ? SERVER_TLS : SERVER_PLAIN,
			.proxy = true,
		};
		struct server *server = server_start(&script, 4);
		struct config_check check = check_of(types[i], server);

		check.send_proxy = true;
		expect(&check, HEALTH_UP, "");
		until_ended(server);
		assert_memory_equal(server_proxy_header(server), header, sizeof(header));
		server_stop(server);
	}
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -1;
	base = event_base_new();
	probes = health_probes_create(base, "1.2.3");
	return probes ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	health_probes_destroy(probes);
	event_base_free(base);
	curl_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),   cmocka_unit_test(test_text),
		cmocka_unit_test(test_host),	   cmocka_unit_test(test_sni),
		cmocka_unit_test(test_verify),	   cmocka_unit_test(test_source),
		cmocka_unit_test(test_send_proxy),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

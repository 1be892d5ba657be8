/* SPDX-License-Identifier: BSD-3-Clause */
/* Single probes against instances that misbehave. */
#include <errno.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/health/probe.h"
#include "tests/support/health_server.h"
#include "tests/support/patience.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define LINE_100                                                                                   \
	"X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789"         \
	"01234567890123456\r\n"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

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
	event_base_loopbreak(base);
}

static struct config_check check_of(enum config_check_type type, uint16_t port, uint32_t timeout_ms)
{
	bool http = type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;

	return (struct config_check){
		.target = (char *)"probe",
		.type = type,
		.port = port,
		.path = http ? (char *)"/up.html" : NULL,
		.interval_ms = 1000,
		.timeout_ms = timeout_ms,
		.unhealthy = 2,
		.healthy = 2,
	};
}

static struct health_verdict probe_behind(const struct config_check *check, uint8_t family,
					  unsigned int behind_ms)
{
	struct config_address address = server_address(family);
	struct outcome outcome = { 0 };
	struct health_probe_request request = {
		.address = &address,
		.check = check,
		.done = on_done,
		.arg = &outcome,
	};

	assert_non_null(health_probe_start(probes, &request));
	assert_false(outcome.done);
	while (!outcome.done) {
		assert_true(event_base_loop(base, behind_ms ? EVLOOP_NONBLOCK : EVLOOP_ONCE) >= 0);
		usleep(behind_ms * 1000);
	}
	return outcome.verdict;
}

static struct health_verdict probe(const struct config_check *check, uint8_t family)
{
	return probe_behind(check, family, 0);
}

static bool matches(const struct health_verdict *got, enum health_state state, const char *reason)
{
	return got->state == state && strstr(got->reason, reason) &&
	       (got->reason[0] == '\0') == (state == HEALTH_UP);
}

static void expect(const char *name, const struct health_verdict *got, enum health_state state,
		   const char *reason)
{
	if (!matches(got, state, reason))
		fail_msg("%s: %s \"%s\", not %s \"%s\"", name, health_state_name(got->state),
			 got->reason, health_state_name(state), reason);
}

struct probe_case {
	const char *name;
	struct server_script script;
	enum config_check_type type;
	enum health_state state;
	const char *reason; /* part of it */
};

enum {
	PATIENT_MS = PATIENCE_MS,
	TIMES_OUT_MS = 200,
	STALL_TIMEOUT_MS = 250,
};

/* The same refusal: within the handshake of TLS 1.2, and after what the client sees of that of 1.3. */
#define REFUSED_WITHOUT_CERT(what, check, version)                                                 \
	{                                                                                          \
		what ", no certificate",                                                           \
			{ .tls = SERVER_TLS_WANTS_CERT, .tls_version = (version) }, (check),       \
			HEALTH_LAME, "TLS"                                                         \
	}
/* A handshake that ends well is all that an SSL check asks for. */
#define TAKEN(what, version, ...)                                                                  \
	{                                                                                          \
		what, { .tls = SERVER_TLS, .tls_version = (version), __VA_ARGS__ },                \
			CONFIG_CHECK_SSL, HEALTH_UP, ""                                            \
	}

static const struct probe_case cases[] = {
	{ "tcp", { .end = SERVER_HANG }, CONFIG_CHECK_TCP, HEALTH_UP, "" },
	{ "http 200",
	  { .head = OK_HEAD "Content-Length: 0\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_UP,
	  "" },
	{ "http/1.0 200",
	  { .head = "HTTP/1.0 200 OK\r\n\r\nbody" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_UP,
	  "" },
	{ "http 404",
	  { .head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "status 404" },
	{ "http 204",
	  { .head = "HTTP/1.1 204 No\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "status 204" },
	{ "redirect is not followed",
	  { .head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "status 302" },
	{ "100, then 200",
	  { .head = "HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 0\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_UP,
	  "" },
	{ "103 for ever",
	  { .repeat = "HTTP/1.1 103 Early\r\n" LINE_100 "\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "headers over" },
	{ "reset, no answer", { .end = SERVER_RESET }, CONFIG_CHECK_HTTP, HEALTH_DOWN, "reset" },
	{ "closed, no answer",
	  { .end = SERVER_CLOSE },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "closed without an answer" },
	{ "closed in the status line",
	  { .head = "HTTP/1" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "closed without an answer" },
	{ "hangs",
	  { .end = SERVER_HANG },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "waiting for the answer" },
	{ "slow headers",
	  { .head = OK_HEAD, .repeat = "X", .repeat_ms = 10 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "reading the answer" },
	{ "slow status line",
	  { .repeat = "H", .repeat_ms = 30 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "not an HTTP answer" },
	{ "endless headers",
	  { .head = OK_HEAD, .repeat = LINE_100 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "headers over" },
	{ "endless tiny headers",
	  { .head = OK_HEAD, .repeat = "a:\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "headers over" },
	{ "endless header line",
	  { .head = OK_HEAD "X: ", .repeat = "0123456789012345678901234567890123456789" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "header line too long" },
	{ "endless body",
	  { .head = OK_HEAD "\r\n", .repeat = LINE_100 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_UP,
	  "" },
	{ "endless body of 500",
	  { .head = "HTTP/1.1 500 No\r\n\r\n", .repeat = LINE_100 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "status 500" },
	{ "200, body hangs",
	  { .head = OK_HEAD "Content-Length: 9\r\n\r\nx", .end = SERVER_HANG },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "reading the answer" },
	{ "404, body hangs",
	  { .head = "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nx", .end = SERVER_HANG },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "status 404" },
	{ "reset in the body",
	  { .head = OK_HEAD "Content-Length: 9\r\n\r\nx", .end = SERVER_RESET },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "reset" },
	{ "reset in the headers",
	  { .head = OK_HEAD, .end = SERVER_RESET },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "reset" },
	{ "https body cut short",
	  { .head = OK_HEAD "Content-Length: 9\r\n\r\nx", .tls = SERVER_TLS },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_LAME,
	  "bad answer" },
	{ "body cut short",
	  { .head = OK_HEAD "Content-Length: 9\r\n\r\nx" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "bad answer" },
	{ "huge content length",
	  { .head = OK_HEAD "Content-Length: 99999999999999999999999\r\n\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_UP,
	  "" },
	{ "endless chunk extension",
	  { .head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1;", .repeat = LINE_100 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "bad answer" },
	{ "bad chunk",
	  { .head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n" },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "bad answer" },
	{ "endless trailers",
	  { .head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n", .repeat = LINE_100 },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "headers over" },
	{ "garbage",
	  { .head = "SSH-2.0-OpenSSH_9.2\r\n", .unread = true },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "not an HTTP answer" },
	{ "endless garbage",
	  { .repeat = "\x01\x02\x03\xff", .unread = true },
	  CONFIG_CHECK_HTTP,
	  HEALTH_LAME,
	  "not an HTTP answer" },

	{ "ssl", { .tls = SERVER_TLS }, CONFIG_CHECK_SSL, HEALTH_UP, "" },
	{ "https 200",
	  { .head = OK_HEAD "Content-Length: 0\r\n\r\n", .tls = SERVER_TLS },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_UP,
	  "" },
	{ "https 404",
	  { .head = "HTTP/1.1 404 No\r\n\r\n", .tls = SERVER_TLS },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_LAME,
	  "status 404" },
	{ "https hangs",
	  { .tls = SERVER_TLS, .end = SERVER_HANG },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_DOWN,
	  "waiting for the answer" },
	{ "https closed", { .tls = SERVER_TLS }, CONFIG_CHECK_HTTPS, HEALTH_DOWN, "closed" },
	{ "https reset",
	  { .tls = SERVER_TLS, .end = SERVER_RESET },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_DOWN,
	  "" },
	{ "https endless body",
	  { .head = OK_HEAD "\r\n", .repeat = LINE_100, .tls = SERVER_TLS },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_UP,
	  "" },
	{ "handshake refused",
	  { .tls = SERVER_TLS_REFUSE },
	  CONFIG_CHECK_SSL,
	  HEALTH_LAME,
	  "TLS alert: handshake failure" },
	{ "handshake hangs",
	  { .end = SERVER_HANG, .unread = true },
	  CONFIG_CHECK_SSL,
	  HEALTH_DOWN,
	  "in the TLS handshake" },
	{ "handshake closed", { .unread = true }, CONFIG_CHECK_SSL, HEALTH_DOWN, "TLS handshake" },
	{ "handshake reset", /* while it is written, or after */
	  { .unread = true, .end = SERVER_RESET },
	  CONFIG_CHECK_SSL,
	  HEALTH_DOWN,
	  "" },
	{ "tls to a plain port",
	  { .head = "HTTP/1.1 400 Bad Request\r\n\r\n", .unread = true },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_LAME,
	  "TLS handshake" },
	{ "endless plain to a handshake",
	  { .repeat = "\x16\x03\x03\x40", .unread = true },
	  CONFIG_CHECK_SSL,
	  HEALTH_LAME,
	  "TLS handshake" },
	{ "plain to a tls port", { .tls = SERVER_TLS }, CONFIG_CHECK_HTTP, HEALTH_DOWN, "reset" },

	{ "tcp, reset at once",
	  { .unread = true, .end = SERVER_RESET },
	  CONFIG_CHECK_TCP,
	  HEALTH_UP,
	  "" },
	{ "tcp, closed at once", { .unread = true }, CONFIG_CHECK_TCP, HEALTH_UP, "" },
	{ "http, reset at once",
	  { .unread = true, .end = SERVER_RESET },
	  CONFIG_CHECK_HTTP,
	  HEALTH_DOWN,
	  "reset" },
	REFUSED_WITHOUT_CERT("tls 1.2, ssl", CONFIG_CHECK_SSL, TLS1_2_VERSION),
	REFUSED_WITHOUT_CERT("tls 1.3, ssl", CONFIG_CHECK_SSL, TLS1_3_VERSION),
	REFUSED_WITHOUT_CERT("tls 1.2, https", CONFIG_CHECK_HTTPS, TLS1_2_VERSION),
	REFUSED_WITHOUT_CERT("tls 1.3, https", CONFIG_CHECK_HTTPS, TLS1_3_VERSION),
	TAKEN("tls 1.2", TLS1_2_VERSION, .unread = false),
	TAKEN("tls 1.3", TLS1_3_VERSION, .unread = false),
	TAKEN("tls 1.3, no tickets", TLS1_3_VERSION, .no_tickets = true),
	TAKEN("tls 1.2, closed at once", TLS1_2_VERSION, .unread = true),
	TAKEN("tls 1.3, closed at once", TLS1_3_VERSION, .unread = true),
	TAKEN("tls 1.3, closed at once, no tickets", TLS1_3_VERSION, .unread = true,
	      .no_tickets = true),
	TAKEN("tls 1.2, reset at once", TLS1_2_VERSION, .unread = true, .end = SERVER_RESET),
	TAKEN("tls 1.3, reset at once", TLS1_3_VERSION, .unread = true, .end = SERVER_RESET),
	TAKEN("tls 1.3, hangs", TLS1_3_VERSION, .unread = true, .end = SERVER_HANG),
	{ "tls 1.3, silent to the request",
	  { .tls = SERVER_TLS, .tls_version = TLS1_3_VERSION, .end = SERVER_RESET },
	  CONFIG_CHECK_HTTPS,
	  HEALTH_DOWN,
	  "" },
};

#undef REFUSED_WITHOUT_CERT
#undef TAKEN

static bool times_out(const struct probe_case *c)
{
	if (c->script.end == SERVER_HANG)
		return c->state == HEALTH_DOWN || c->type == CONFIG_CHECK_HTTP;
	return c->script.repeat_ms && c->state == HEALTH_DOWN;
}

/* Cases that run into their timeout get a longer one when a busy machine has not come far enough in it. */
static struct health_verdict run_case(const struct probe_case *c, uint8_t family,
				      unsigned int behind_ms)
{
	uint32_t timeout_ms = times_out(c) ? TIMES_OUT_MS : PATIENT_MS;
	struct health_verdict verdict;

	do {
		struct server *server = server_start(&c->script, family);
		struct config_check check = check_of(c->type, server_port(server), timeout_ms);

		verdict = probe_behind(&check, family, behind_ms);
		server_stop(server);
		timeout_ms *= 4;
	} while (!matches(&verdict, c->state, c->reason) && timeout_ms <= PATIENT_MS);
	return verdict;
}

/* @behind_ms: by which this process is late to look at what the instance has done. */
static void run_cases(uint8_t family, unsigned int behind_ms)
{
	unsigned int failures = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct probe_case *c = &cases[i];
		struct health_verdict verdict = run_case(c, family, behind_ms);

		if (matches(&verdict, c->state, c->reason))
			continue;
		failures++;
		print_error("%s: %s \"%s\", not %s \"%s\"\n", c->name,
			    health_state_name(verdict.state), verdict.reason,
			    health_state_name(c->state), c->reason);
	}
	assert_int_equal(failures, 0);
}

static void test_ipv4(void **state)
{
	(void)state;
	run_cases(4, 0);
}

static void test_ipv6(void **state)
{
	(void)state;
	run_cases(6, 0);
}

/* Load on this node is no trait of the instance: each case has the same result. */
static void test_late(void **state)
{
	(void)state;
	run_cases(4, 5);
}

struct stall {
	unsigned int turn; /* of the loop, before which it stands still */
	unsigned int ms;
};

static struct health_verdict probe_stalled(const struct config_check *check,
					   const struct stall *stall)
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
	for (unsigned int turn = 0; !outcome.done; turn++) {
		if (turn == stall->turn)
			usleep(stall->ms * 1000);
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	}
	return outcome.verdict;
}

/* A busy machine may keep the instance, too, from its CPU: then it gets a longer time-out, and a longer stall. */
static struct health_verdict stalled_case(enum config_check_type type, uint16_t port,
					  unsigned int turn)
{
	uint32_t timeout_ms = STALL_TIMEOUT_MS;
	struct health_verdict verdict;

	do {
		const struct stall stall = { turn, 2 * timeout_ms };
		struct config_check check = check_of(type, port, timeout_ms);

		verdict = probe_stalled(&check, &stall);
		timeout_ms *= 4;
	} while (verdict.state != HEALTH_UP && timeout_ms <= PATIENT_MS / 2);
	return verdict;
}

/*
 * The loop stands still for several time-outs, wherever a check has got to: what the instance has sent counts,
 * and it still has its time for what it could not know that it had to send.
 */
static void test_stall(void **state)
{
	static const struct {
		struct server_script script;
		enum config_check_type type;
	} rows[] = {
		{ { .end = SERVER_HANG }, CONFIG_CHECK_TCP },
		{ { .head = OK_HEAD "Content-Length: 0\r\n\r\n" }, CONFIG_CHECK_HTTP },
		{ { .tls = SERVER_TLS }, CONFIG_CHECK_SSL },
		{ { .tls = SERVER_TLS, .head = OK_HEAD "Content-Length: 0\r\n\r\n" },
		  CONFIG_CHECK_HTTPS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server *server = server_start(&rows[i].script, 4);

		for (unsigned int turn = 0; turn < 6; turn++) {
			struct health_verdict verdict =
				stalled_case(rows[i].type, server_port(server), turn);

			expect("stalled", &verdict, HEALTH_UP, "");
		}
		server_stop(server);
	}
}

/* The silent have no more time than others, in a loop that is always late too. */
static void test_stall_of_the_silent(void **state)
{
	static const struct server_script script = { .end = SERVER_HANG };
	const struct stall stall = { 2, 4 * TIMES_OUT_MS };
	struct server *server = server_start(&script, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), TIMES_OUT_MS);
	struct health_verdict verdict = probe_stalled(&check, &stall);

	(void)state;
	expect("silent, stalled", &verdict, HEALTH_DOWN, "waiting for the answer");
	assert_true(verdict.latency_us >= 4 * TIMES_OUT_MS * 1000);
	assert_true(verdict.latency_us < PATIENT_MS * 1000);
	verdict = probe_behind(&check, 4, TIMES_OUT_MS);
	expect("silent, always late", &verdict, HEALTH_DOWN, "waiting for the answer");
	server_stop(server);
}

static struct server *slow_server; /* connect() returns when the server has ended the connection */

/* In place of libc's, for libcurl. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has reserved names */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	unsigned int ended = slow_server ? server_ended(slow_server) : 0;
	int result = (int)syscall(SYS_connect, fd, address, length);
	int error = errno;

	while (slow_server && server_ended(slow_server) == ended)
		usleep(1000);
	errno = error;
	return result;
}

/* The connection is looked at when its reset has come for sure. */
static void test_reset_before_a_look(void **state)
{
	static const struct server_script script = { .unread = true, .end = SERVER_RESET };
	struct server *server = server_start(&script, 4);
	static const struct {
		enum config_check_type type;
		enum health_state state;
		const char *reason;
	} rows[] = {
		{ CONFIG_CHECK_TCP, HEALTH_UP, "" },
		{ CONFIG_CHECK_SSL, HEALTH_DOWN, "reset" },
		{ CONFIG_CHECK_HTTP, HEALTH_DOWN, "reset" },
		{ CONFIG_CHECK_HTTPS, HEALTH_DOWN, "reset" },
	};

	(void)state;
	slow_server = server;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_check check = check_of(rows[i].type, server_port(server), PATIENT_MS);
		struct health_verdict verdict = probe(&check, 4);

		assert_int_equal(server_ended(server), i + 1);
		expect("reset before a look", &verdict, rows[i].state, rows[i].reason);
	}
	slow_server = NULL;
	server_stop(server);
}

static void test_refused(void **state)
{
	static const enum config_check_type types[] = { CONFIG_CHECK_TCP, CONFIG_CHECK_SSL,
							CONFIG_CHECK_HTTP, CONFIG_CHECK_HTTPS };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(types) / sizeof(types[0]); i++) {
		uint8_t family = i % 2 ? 6 : 4;
		uint16_t port;
		int fd = server_refusing(family, &port);
		struct config_check check = check_of(types[i / 2], port, PATIENT_MS);
		struct health_verdict verdict = probe(&check, family);

		close(fd);
		expect("refused", &verdict, HEALTH_DOWN, "Connection refused");
	}
}

static void test_connect_timeout(void **state)
{
	uint16_t port;
	int fillers[2];
	int fd = server_unanswering(&port, fillers);
	struct config_check check = check_of(CONFIG_CHECK_TCP, port, TIMES_OUT_MS);
	struct health_verdict verdict = probe(&check, 4);

	(void)state;
	close(fillers[0]);
	close(fillers[1]);
	close(fd);
	expect("no SYN+ACK", &verdict, HEALTH_DOWN, "connecting");
	assert_in_range(verdict.latency_us, TIMES_OUT_MS * 1000, PATIENT_MS * 1000);
}

static void test_request(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), PATIENT_MS);
	struct health_verdict verdict;
	char host[64];
	const char *request;

	(void)state;
	check.path = (char *)"/a/../b?c=%20&d#e//f@g";
	verdict = probe(&check, 4);
	expect("request", &verdict, HEALTH_UP, "");
	request = server_request(server);
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", server_port(server));
	assert_ptr_equal(strstr(request, "GET /a/../b?c=%20&d#e//f@g HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, host));
	assert_non_null(strstr(request, "\r\nUser-Agent: Sluice-HealthChecker/1.2.3\r\n"));
	assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
	assert_null(strstr(request, "Cookie"));
	assert_null(strstr(request, "Accept-Encoding"));
	assert_null(strstr(request, "Authorization"));
	server_stop(server);
}

static const struct {
	uint8_t source[4]; /* first byte 0: any */
	const char *seen;
} sources[] = {
	{ { 0 }, "127.0.0.1" },
	{ { 127, 0, 0, 5 }, "127.0.0.5" },
	{ { 192, 0, 2, 77 }, "127.0.0.1" }, /* is not this node's (yet) */
};

static void test_source(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), PATIENT_MS);
	struct config_address address = server_address(4);

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct config_address source = { .family = sources[i].source[0] ? 4 : 0 };
		struct outcome outcome = { 0 };
		struct health_probe_request request = {
			.address = &address,
			.source = &source,
			.check = &check,
			.done = on_done,
			.arg = &outcome,
		};

		memcpy(source.bytes, sources[i].source, sizeof(sources[i].source));
		assert_non_null(health_probe_start(probes, &request));
		while (!outcome.done)
			event_base_loop(base, EVLOOP_ONCE);
		expect("source", &outcome.verdict, HEALTH_UP, "");
		assert_string_equal(server_peer(server), sources[i].seen);
	}
	server_stop(server);
}

static void test_fresh_connections(void **state)
{
	static const struct server_script sticky = {
		.head = OK_HEAD "Content-Length: 0\r\nConnection: keep-alive\r\n"
				"Set-Cookie: a=b\r\n\r\n",
		.end = SERVER_HANG,
	};
	struct server *server = server_start(&sticky, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), PATIENT_MS);

	(void)state;
	for (unsigned int i = 1; i <= 5; i++) {
		struct health_verdict verdict = probe(&check, 4);

		expect("keep-alive", &verdict, HEALTH_UP, "");
		assert_int_equal(server_accepted(server), i);
		assert_null(strstr(server_request(server), "Cookie"));
	}
	server_stop(server);
}

static void test_cancel(void **state)
{
	struct server *server = server_start(&server_hang, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), PATIENT_MS);
	struct config_address address = server_address(4);
	struct outcome outcome = { 0 };
	struct health_probe_request request = {
		.address = &address,
		.check = &check,
		.done = on_done,
		.arg = &outcome,
	};

	(void)state;
	for (int turns = 0; turns < 4; turns++) {
		struct health_probe *started = health_probe_start(probes, &request);

		assert_non_null(started);
		for (int i = 0; i < turns; i++)
			event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		health_probe_cancel(started);
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_false(outcome.done);
	}
	server_stop(server);
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run_many(const struct server_script *script, int count)
{
	struct server *server = server_start(script, 4);
	struct config_check check = check_of(CONFIG_CHECK_HTTP, server_port(server), PATIENT_MS);

	for (int i = 0; i < count; i++)
		probe(&check, 4);
	server_stop(server);
}

/* Warm first: the heap may grow once, not with the number of answers. */
static void test_memory(void **state)
{
	static const struct server_script scripts[] = {
		{ .head = OK_HEAD "\r\n", .repeat = LINE_100 },
		{ .head = OK_HEAD, .repeat = LINE_100 },
		{ .head = OK_HEAD, .repeat = "a:\r\n" },
		{ .head = OK_HEAD "X: ", .repeat = "0123456789012345678901234567890123456789" },
	};
	long before;
	long after;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		run_many(&scripts[i], 20);
	before = resident_kib();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		run_many(&scripts[i], 60);
	after = resident_kib();
	/* a sanitizer keeps what is freed */
	if (!SANITIZED)
		assert_in_range(after - before + 1024, 0, 2048);
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	/* none of it may be heeded */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
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
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_stall_of_the_silent),
		cmocka_unit_test(test_reset_before_a_look),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_fresh_connections),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

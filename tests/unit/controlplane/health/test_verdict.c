/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/health/verdict.h"

#define HTTP CONFIG_CHECK_HTTP
#define HTTPS CONFIG_CHECK_HTTPS

struct verdict_case {
	const char *name;
	struct health_facts facts;
	enum health_state state;
	const char *reason;
};

static const struct verdict_case cases[] = {
	{ "tcp", { .type = CONFIG_CHECK_TCP }, HEALTH_UP, "" },
	{ "ssl", { .type = CONFIG_CHECK_SSL }, HEALTH_UP, "" },
	{ "200", { .type = HTTP, .status = 200 }, HEALTH_UP, "" },
	{ "204", { .type = HTTP, .status = 204 }, HEALTH_LAME, "status 204" },
	{ "302", { .type = HTTP, .status = 302 }, HEALTH_LAME, "status 302" },
	{ "503", { .type = HTTPS, .status = 503 }, HEALTH_LAME, "status 503" },
	{ "200, body over the limit",
	  { .type = HTTP, .status = 200, .code = CURLE_WRITE_ERROR, .body_bytes = 65537 },
	  HEALTH_UP,
	  "" },
	{ "500, body over the limit",
	  { .type = HTTP, .status = 500, .code = CURLE_WRITE_ERROR, .body_bytes = 65537 },
	  HEALTH_LAME,
	  "status 500" },
	{ "200, headers over the limit",
	  { .type = HTTP, .status = 200, .code = CURLE_WRITE_ERROR, .header_bytes = 16385 },
	  HEALTH_LAME,
	  "headers over 16384 bytes" },
	{ "404, then reset",
	  { .type = HTTP, .status = 404, .code = CURLE_RECV_ERROR, .headers_done = true },
	  HEALTH_LAME,
	  "status 404" },
	{ "404, then silent",
	  { .type = HTTP, .status = 404, .code = CURLE_OPERATION_TIMEDOUT, .headers_done = true },
	  HEALTH_LAME,
	  "status 404" },
	{ "200, body cut short",
	  { .type = HTTP,
	    .status = 200,
	    .code = CURLE_PARTIAL_FILE,
	    .headers_done = true,
	    .error = "short" },
	  HEALTH_LAME,
	  "bad answer: short" },
	{ "refused",
	  { .type = HTTP, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED },
	  HEALTH_DOWN,
	  "Connection refused" },
	{ "unreachable",
	  { .type = HTTP, .code = CURLE_COULDNT_CONNECT, .os_errno = EHOSTUNREACH },
	  HEALTH_DOWN,
	  "No route to host" },
	{ "no answer",
	  { .type = HTTP, .code = CURLE_GOT_NOTHING },
	  HEALTH_DOWN,
	  "closed without an answer" },
	{ "reset",
	  { .type = HTTP, .code = CURLE_RECV_ERROR, .os_errno = ECONNRESET },
	  HEALTH_DOWN,
	  "Connection reset by peer" },
	{ "bad chunk",
	  { .type = HTTP,
	    .status = 200,
	    .code = CURLE_RECV_ERROR,
	    .headers_done = true,
	    .error = "chunk" },
	  HEALTH_LAME,
	  "bad answer: chunk" },
	{ "reset in the body",
	  { .type = HTTP,
	    .status = 200,
	    .code = CURLE_RECV_ERROR,
	    .headers_done = true,
	    .os_errno = ECONNRESET },
	  HEALTH_DOWN,
	  "Connection reset by peer" },
	{ "reset, sending",
	  { .type = HTTP, .code = CURLE_SEND_ERROR, .error = "Send failure" },
	  HEALTH_DOWN,
	  "Send failure" },
	{ "timeout, connecting",
	  { .type = HTTPS, .code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 50 },
	  HEALTH_DOWN,
	  "timed out after 50 ms, connecting" },
	{ "timeout, handshake",
	  { .type = HTTPS, .code = CURLE_OPERATION_TIMEDOUT, .timeout_ms = 50, .connected = true },
	  HEALTH_DOWN,
	  "timed out after 50 ms, in the TLS handshake" },
	{ "timeout, waiting",
	  { .type = HTTPS,
	    .code = CURLE_OPERATION_TIMEDOUT,
	    .timeout_ms = 50,
	    .connected = true,
	    .handshaken = true },
	  HEALTH_DOWN,
	  "timed out after 50 ms, waiting for the answer" },
	{ "timeout, reading",
	  { .type = HTTP,
	    .code = CURLE_OPERATION_TIMEDOUT,
	    .timeout_ms = 50,
	    .connected = true,
	    .header_bytes = 1 },
	  HEALTH_DOWN,
	  "timed out after 50 ms, reading the answer" },
	{ "alert",
	  { .type = HTTPS, .code = CURLE_SSL_CONNECT_ERROR, .received_bytes = 7, .error = "alert" },
	  HEALTH_LAME,
	  "TLS handshake: alert" },
	{ "alert of TLS 1.3, to the request",
	  { .type = HTTPS,
	    .code = CURLE_RECV_ERROR,
	    .handshaken = true,
	    .alert = "certificate required",
	    .error = "OpenSSL's words" },
	  HEALTH_LAME,
	  "TLS alert: certificate required" },
	{ "alert of TLS 1.3, to the handshake alone",
	  { .type = CONFIG_CHECK_SSL, .handshaken = true, .alert = "certificate required" },
	  HEALTH_LAME,
	  "TLS alert: certificate required" },
	{ "alert, and a reset behind it",
	  { .type = HTTPS,
	    .code = CURLE_SSL_CONNECT_ERROR,
	    .os_errno = EPIPE,
	    .alert = "handshake failure" },
	  HEALTH_LAME,
	  "TLS alert: handshake failure" },
	{ "200, then an alert",
	  { .type = HTTPS,
	    .status = 200,
	    .code = CURLE_RECV_ERROR,
	    .headers_done = true,
	    .alert = "internal error",
	    .error = "alert" },
	  HEALTH_LAME,
	  "bad answer: alert" },
	{ "tcp, made and reset",
	  { .type = CONFIG_CHECK_TCP, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNRESET },
	  HEALTH_UP,
	  "" },
	{ "tcp, made, closed and reset",
	  { .type = CONFIG_CHECK_TCP, .code = CURLE_COULDNT_CONNECT, .os_errno = EPIPE },
	  HEALTH_UP,
	  "" },
	{ "tcp, refused",
	  { .type = CONFIG_CHECK_TCP, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED },
	  HEALTH_DOWN,
	  "Connection refused" },
	{ "http, made and reset",
	  { .type = HTTP, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNRESET },
	  HEALTH_DOWN,
	  "Connection reset by peer" },
	{ "handshake, closed",
	  { .type = HTTPS, .code = CURLE_SSL_CONNECT_ERROR, .error = "eof" },
	  HEALTH_DOWN,
	  "TLS handshake: closed without an answer" },
	{ "handshake, reset in the middle",
	  { .type = HTTPS,
	    .code = CURLE_SSL_CONNECT_ERROR,
	    .received_bytes = 7,
	    .os_errno = ECONNRESET },
	  HEALTH_DOWN,
	  "TLS handshake: Connection reset by peer" },
	{ "not HTTP",
	  { .type = HTTP, .code = CURLE_UNSUPPORTED_PROTOCOL, .error = "0.9" },
	  HEALTH_LAME,
	  "not an HTTP answer" },
	{ "weird, with control characters",
	  { .type = HTTP, .code = CURLE_WEIRD_SERVER_REPLY, .error = "a\x1b[2J\n\xff" },
	  HEALTH_LAME,
	  "bad answer: a?[2J??" },
	{ "header line of 100 kB",
	  { .type = HTTP, .code = CURLE_OUT_OF_MEMORY, .received_bytes = 102400 },
	  HEALTH_LAME,
	  "header line too long" },
	{ "no memory here",
	  { .type = HTTP, .code = CURLE_OUT_OF_MEMORY },
	  HEALTH_UNKNOWN,
	  "not checked: out of memory" },
	{ "no socket here",
	  { .type = HTTP, .code = CURLE_COULDNT_CONNECT, .local_errno = EMFILE },
	  HEALTH_UNKNOWN,
	  "not checked: Too many open files" },
	{ "no cipher here",
	  { .type = HTTPS, .code = CURLE_SSL_CIPHER, .error = "cipher" },
	  HEALTH_UNKNOWN,
	  "not checked: cipher" },
};

static void test_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct verdict_case *c = &cases[i];
		struct health_verdict verdict = { 0 };

		health_verdict_judge(&verdict, &c->facts);
		if (verdict.state != c->state || strcmp(verdict.reason, c->reason) != 0)
			fail_msg("%s: %s \"%s\", not %s \"%s\"", c->name,
				 health_state_name(verdict.state), verdict.reason,
				 health_state_name(c->state), c->reason);
	}
}

static void test_long_text(void **state)
{
	struct health_facts facts = { .type = HTTP, .code = CURLE_WEIRD_SERVER_REPLY };
	struct health_verdict verdict = { 0 };

	(void)state;
	memset(facts.error, 'x', sizeof(facts.error) - 1);
	health_verdict_judge(&verdict, &facts);
	assert_int_equal(strlen(verdict.reason), HEALTH_REASON_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

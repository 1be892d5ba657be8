/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 3, 4)))
verdict_set(struct health_verdict *verdict, enum health_state state, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
	verdict->state = state;

	/* libcurl's messages can quote what the instance sent */
	for (char *c = verdict->reason; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static const char *verdict_errno(const struct health_facts *facts, const char *otherwise)
{
	return facts->os_errno ? strerror((int)facts->os_errno) : otherwise;
}

static bool verdict_passes(const struct health_facts *facts)
{
	return config_status_passes(facts->statuses, facts->status_count, facts->status);
}

static void verdict_status(struct health_verdict *verdict, const struct health_facts *facts)
{
	bool http = facts->type == CONFIG_CHECK_HTTP || facts->type == CONFIG_CHECK_HTTPS;

	if (http && !verdict_passes(facts))
		verdict_set(verdict, HEALTH_LAME, "status %ld", facts->status);
	else if (http && facts->wants_text && !facts->text_found)
		verdict_set(verdict, HEALTH_LAME,
			    "status %ld, but the text is not in the first %d bytes of the body",
			    facts->status, HEALTH_TEXT_MAX_BYTES);
	else
		verdict_set(verdict, HEALTH_UP, "%s", "");
}

static void verdict_timeout(struct health_verdict *verdict, const struct health_facts *facts)
{
	bool tls = facts->type == CONFIG_CHECK_SSL || facts->type == CONFIG_CHECK_HTTPS;
	const char *during;

	if (!facts->connected)
		during = "connecting";
	else if (tls && !facts->handshaken)
		during = "in the TLS handshake";
	else if (!facts->header_bytes)
		during = "waiting for the answer";
	else
		during = "reading the answer";
	verdict_set(verdict, HEALTH_DOWN, "timed out after %u ms, %s", facts->timeout_ms, during);
}

/*
 * A reset of a connection that was never established is "refused". ECONNRESET and EPIPE mean that
 * it was established, and reset before this node could look: that is all a TCP check requires, on
 * an idle node too.
 */
static void verdict_connect(struct health_verdict *verdict, const struct health_facts *facts,
			    const char *text)
{
	bool was_made = facts->os_errno == ECONNRESET || facts->os_errno == EPIPE;

	if (facts->type == CONFIG_CHECK_TCP && was_made)
		verdict_status(verdict, facts);
	else
		verdict_set(verdict, HEALTH_DOWN, "%s", verdict_errno(facts, text));
}

/* With nothing received the instance has not answered, whatever error OpenSSL derives from that. */
static void verdict_handshake(struct health_verdict *verdict, const struct health_facts *facts)
{
	if (facts->received_bytes && !facts->os_errno)
		verdict_set(verdict, HEALTH_LAME, "TLS handshake: %s", facts->error);
	else
		verdict_set(verdict, HEALTH_DOWN, "TLS handshake: %s",
			    verdict_errno(facts, "closed without an answer"));
}

/* libcurl reports bad chunks like a lost connection, but without an errno. */
static void verdict_lost(struct health_verdict *verdict, const struct health_facts *facts,
			 const char *text)
{
	if (facts->headers_done && !facts->os_errno)
		verdict_set(verdict, HEALTH_LAME, "bad answer: %s", text);
	else
		verdict_set(verdict, HEALTH_DOWN, "%s", verdict_errno(facts, text));
}

/* Before 8.6 libcurl reported a header line of 100 kB as out of memory. */
static void verdict_memory(struct health_verdict *verdict, const struct health_facts *facts)
{
	if (facts->received_bytes > HEALTH_HEADERS_MAX_BYTES)
		verdict_set(verdict, HEALTH_LAME, "header line too long");
	else
		verdict_set(verdict, HEALTH_UNKNOWN, "not checked: out of memory");
}

static void verdict_error(struct health_verdict *verdict, const struct health_facts *facts)
{
	const char *text = facts->error[0] ? facts->error : curl_easy_strerror(facts->code);

	switch (facts->code) {
	case CURLE_COULDNT_CONNECT:
		verdict_connect(verdict, facts, text);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		verdict_timeout(verdict, facts);
		break;
	case CURLE_GOT_NOTHING:
		verdict_set(verdict, HEALTH_DOWN, "closed without an answer");
		break;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		verdict_lost(verdict, facts, text);
		break;
	case CURLE_SSL_CONNECT_ERROR:
		verdict_handshake(verdict, facts);
		break;
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
		verdict_set(verdict, HEALTH_LAME, "header line too long");
		break;
#endif
	case CURLE_OUT_OF_MEMORY:
		verdict_memory(verdict, facts);
		break;
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_SSL_CIPHER:
	case CURLE_ABORTED_BY_CALLBACK:
		verdict_set(verdict, HEALTH_UNKNOWN, "not checked: %s", text);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		verdict_set(verdict, HEALTH_UNKNOWN, "not checked: ca_file: %s", text);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		verdict_set(verdict, HEALTH_LAME, "certificate: %s", text);
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
		verdict_set(verdict, HEALTH_LAME, "not an HTTP answer");
		break;
	default:
		verdict_set(verdict, HEALTH_LAME, "bad answer: %s", text);
		break;
	}
}

void health_verdict_judge(struct health_verdict *verdict, const struct health_facts *facts)
{
	if (facts->local_errno)
		verdict_set(verdict, HEALTH_UNKNOWN, "not checked: %s",
			    strerror(facts->local_errno));
	else if (facts->alert && !facts->headers_done)
		verdict_set(verdict, HEALTH_LAME, "TLS alert: %s", facts->alert);
	else if (facts->code == CURLE_OK || facts->text_decided ||
		 facts->body_bytes > HEALTH_BODY_MAX_BYTES)
		verdict_status(verdict, facts);
	else if (facts->header_bytes > HEALTH_HEADERS_MAX_BYTES)
		verdict_set(verdict, HEALTH_LAME, "headers over %d bytes",
			    HEALTH_HEADERS_MAX_BYTES);
	else if (facts->headers_done && !verdict_passes(facts))
		verdict_status(verdict, facts);
	else
		verdict_error(verdict, facts);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/base/clock.h"
#include "controlplane/health/probe_internal.h"
#include "controlplane/health/stall.h"

/* After a stall of the loop, at least this much time is left to read what has arrived. */
enum { PROBE_GRACE_US = 50000 };

static void probe_free(struct health_probe *probe)
{
	if (probe->answer)
		event_free(probe->answer);
	event_free(probe->timeout);
	health_stall_leave(probe->probes->stall);
	health_multi_remove(probe->probes->multi, probe->easy);
	health_request_free(probe);
	free(probe);
}

static void probe_collect(struct health_probe *probe)
{
	struct health_facts *facts = &probe->facts;
	curl_off_t handshake_us = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &facts->status);
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &facts->os_errno);
	curl_easy_getinfo(probe->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
	facts->handshaken = handshake_us > 0;
	if (facts->type != CONFIG_CHECK_SSL || !health_tls_is_taken(probe->tls))
		facts->alert = health_tls_alert(probe->tls);
}

static void probe_end(struct health_probe *probe)
{
	struct health_verdict verdict = { 0 };
	struct health_probe ended;

	/* closes the socket, which yields more facts */
	health_multi_remove(probe->probes->multi, probe->easy);
	probe_collect(probe);
	verdict.latency_us = (uint32_t)(clock_now_us() - probe->start_us);
	health_verdict_judge(&verdict, &probe->facts);
	ended = *probe;
	probe_free(probe);
	ended.done(ended.arg, &verdict);
}

static int probe_arm(struct event *timer, uint64_t delay_us)
{
	struct timeval delay = { (time_t)(delay_us / 1000000), (suseconds_t)(delay_us % 1000000) };

	return event_add(timer, &delay);
}

/* The loop handles sockets before timers, so what arrived before the timeout was read. */
static void probe_on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct health_probe *probe = arg;
	uint64_t stalled_us = health_stall_sum_us(probe->probes->stall) - probe->stall_us;
	uint64_t limit_us = probe->facts.timeout_ms * 1000ULL + stalled_us;
	uint64_t spent_us = clock_now_us() - probe->start_us;
	uint64_t left_us = spent_us < limit_us ? limit_us - spent_us : 0;

	(void)fd;
	(void)what;
	if (stalled_us > 0 && !probe->has_grace) {
		probe->has_grace = true;
		if (left_us < PROBE_GRACE_US)
			left_us = PROBE_GRACE_US;
	}
	if (left_us > 0 && probe_arm(probe->timeout, left_us) == 0)
		return;
	/* an SSL check that waits for a refusal got none */
	if (!probe->answer)
		probe->facts.code = CURLE_OPERATION_TIMEDOUT;
	probe_end(probe);
}

/*
 * The connection of an SSL check is readable: a ticket, an alert or its end. A server without
 * tickets to send closes once it sees that no more data follows; one that does nothing has refused
 * nothing.
 */
static void probe_on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct health_probe *probe = arg;
	CURLcode code;
	char data[64];
	size_t size;

	do {
		code = curl_easy_recv(probe->easy, data, sizeof(data), &size);
	} while (code == CURLE_OK && size > 0 && health_tls_is_open(probe->tls));
	if (code != CURLE_AGAIN || !health_tls_is_open(probe->tls)) {
		probe_end(probe);
		return;
	}
	if (what & EV_TIMEOUT) {
		health_tls_end_output(probe->tls);
		shutdown(fd, SHUT_WR);
	}
	if (event_add(probe->answer, NULL) != 0)
		probe_end(probe);
}

/* Wait for the server's reaction to the handshake. */
static int probe_start_waiting(struct health_probe *probe)
{
	curl_socket_t fd;

	if (curl_easy_getinfo(probe->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD)
		return -1;
	probe->answer = event_new(probe->probes->base, fd, EV_READ, probe_on_answer, probe);
	if (!probe->answer)
		return -1;
	/* as long as the handshake took */
	return probe_arm(probe->answer, clock_now_us() - probe->start_us);
}

static void probe_on_done(CURL *easy, CURLcode code)
{
	struct health_probe *probe;
	char *private;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	probe = (struct health_probe *)private;
	probe->facts.code = code;
	if (code == CURLE_OK && probe->facts.type == CONFIG_CHECK_SSL &&
	    health_tls_is_open(probe->tls) && probe_start_waiting(probe) == 0)
		return;
	if (code == CURLE_OK && probe->facts.type == CONFIG_CHECK_TCP)
		health_request_on_connected(probe);
	probe_end(probe);
}

struct health_probe *health_probe_start(struct health_probes *probes,
					const struct health_probe_request *request)
{
	struct health_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return NULL;
	probe->probes = probes;
	probe->done = request->done;
	probe->arg = request->arg;
	probe->start_us = clock_now_us();
	probe->facts.type = request->check->type;
	probe->facts.timeout_ms = request->check->timeout_ms;
	probe->timeout = evtimer_new(probes->base, probe_on_timeout, probe);
	if (!probe->timeout)
		goto err_probe;
	probe->easy = curl_easy_init();
	if (!probe->easy)
		goto err_timeout;
	if (health_request_set(probe, request) ||
	    probe_arm(probe->timeout, probe->facts.timeout_ms * 1000ULL) ||
	    health_multi_add(probes->multi, probe->easy))
		goto err_easy;
	health_stall_enter(probes->stall);
	probe->stall_us = health_stall_sum_us(probes->stall);
	return probe;

err_easy:
	health_request_free(probe);
err_timeout:
	event_free(probe->timeout);
err_probe:
	free(probe);
	errno = ENOMEM;
	return NULL;
}

void health_probe_cancel(struct health_probe *probe)
{
	probe_free(probe);
}

struct health_probes *health_probes_create(struct event_base *base, const char *version)
{
	static const struct health_multi_ops ops = { .done = probe_on_done };
	struct health_probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return NULL;
	probes->base = base;
	snprintf(probes->user_agent, sizeof(probes->user_agent), "Sluice-HealthChecker/%s",
		 version);
	probes->headers = curl_slist_append(NULL, "Connection: close");
	if (!probes->headers)
		goto err_probes;
	probes->stall = health_stall_create(base);
	if (!probes->stall)
		goto err_headers;
	probes->multi = health_multi_create(base, &ops);
	if (!probes->multi)
		goto err_stall;
	return probes;

err_stall:
	health_stall_destroy(probes->stall);
err_headers:
	curl_slist_free_all(probes->headers);
err_probes:
	free(probes);
	errno = ENOMEM;
	return NULL;
}

void health_probes_destroy(struct health_probes *probes)
{
	if (!probes)
		return;
	health_multi_destroy(probes->multi);
	health_stall_destroy(probes->stall);
	curl_slist_free_all(probes->headers);
	free(probes);
}

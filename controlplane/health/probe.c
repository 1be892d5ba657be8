/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "controlplane/health/curl.h"
#include "controlplane/health/stall.h"
#include "controlplane/health/tls.h"

/* After a stall of the loop, at least this much time is left to read what has arrived. */
enum { PROBE_GRACE_US = 50000 };

struct health_probes {
	struct event_base *base;
	struct health_multi *multi;
	struct health_stall *stall;
	struct curl_slist *headers;
	char user_agent[64];
};

struct health_probe {
	struct health_probes *probes;
	CURL *easy;
	struct health_tls *tls;
	struct config_address source; /* family 0: any */
	struct event *answer; /* for an SSL check whose handshake the instance may still refuse */
	struct event *timeout;
	bool has_grace;
	struct health_facts facts;
	uint64_t start_us;
	uint64_t stall_us; /* the stall sum at the start */
	void (*done)(void *arg, const struct health_verdict *verdict);
	void *arg;
};

static bool probe_is_tls(enum config_check_type type)
{
	return type == CONFIG_CHECK_SSL || type == CONFIG_CHECK_HTTPS;
}

static bool probe_is_http(enum config_check_type type)
{
	return type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;
}

static size_t probe_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct health_probe *probe = arg;

	(void)data;
	probe->facts.body_bytes += (uint32_t)(size * count);
	return probe->facts.body_bytes > HEALTH_BODY_MAX_BYTES ? 0 : size * count;
}

/* Called once per line, including 1xx answers and trailers. */
static size_t probe_on_header(char *data, size_t size, size_t count, void *arg)
{
	struct health_probe *probe = arg;
	size_t bytes = size * count;
	long status = 0;

	probe->facts.header_bytes += (uint32_t)bytes;
	if (probe->facts.header_bytes > HEALTH_HEADERS_MAX_BYTES)
		return 0;
	if (bytes && (data[0] == '\r' || data[0] == '\n')) {
		curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
		probe->facts.headers_done = status >= 200;
	}
	return bytes;
}

/* Routing rules may depend on the source. A missing address does not fail the check. */
static void probe_bind(const struct health_probe *probe, int fd)
{
	const struct config_address *source = &probe->source;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const int late =
		1; /* the port is chosen by connect(2), which may use it for several connections */

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late));
	if (source->family == 4) {
		memcpy(&v4.sin_addr, source->bytes, sizeof(v4.sin_addr));
		(void)bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	} else if (source->family == 6) {
		memcpy(&v6.sin6_addr, source->bytes, sizeof(v6.sin6_addr));
		(void)bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
}

static curl_socket_t probe_open_socket(void *arg, curlsocktype purpose,
				       struct curl_sockaddr *address)
{
	struct health_probe *probe = arg;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (fd < 0) {
		probe->facts.local_errno = errno;
		return CURL_SOCKET_BAD;
	}
	probe_bind(probe, fd);
	return fd;
}

/* The kernel knows best whether the instance accepted the connection and sent anything at all. */
static int probe_close_socket(void *arg, curl_socket_t fd)
{
	struct health_probe *probe = arg;
	struct tcp_info info = { 0 };
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	probe->facts.connected = !getpeername(fd, (struct sockaddr *)&peer, &length);
	length = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	/* a FIN counts as a byte, and alone it is no answer */
	if (info.tcpi_bytes_received)
		probe->facts.received_bytes = info.tcpi_bytes_received - 1;
	return close(fd);
}

static int probe_set_url(struct health_probe *probe, const struct config_address *address,
			 const struct config_check *check)
{
	const char *scheme = probe_is_tls(check->type) ? "https" : "http";
	bool ipv6 = address->family == 6;
	char text[INET6_ADDRSTRLEN];
	char url[INET6_ADDRSTRLEN + 32];
	int err = 0;

	if (!inet_ntop(ipv6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof(text)))
		return -1;
	snprintf(url, sizeof(url), ipv6 ? "%s://[%s]:%u/" : "%s://%s:%u/", scheme, text,
		 check->port);
	err |= curl_easy_setopt(probe->easy, CURLOPT_URL, url);
	/* the path as configured, not normalized by libcurl */
	if (probe_is_http(check->type))
		err |= curl_easy_setopt(probe->easy, CURLOPT_REQUEST_TARGET, check->path);
	else
		err |= curl_easy_setopt(probe->easy, CURLOPT_CONNECT_ONLY, 1L);
	return err ? -1 : 0;
}

/* Nothing is shared with other probes, resolved, followed, or taken from the environment. */
static int probe_set_transport(struct health_probe *probe)
{
	CURL *easy = probe->easy;
	int err = 0;

	err |= curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
	err |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->facts.error);
	err |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	err |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	err |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	err |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	err |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	err |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	/* an SSL check keeps using its connection after the transfer */
	err |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE,
				probe->facts.type == CONFIG_CHECK_SSL ? 0L : 1L);
	err |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	/* libcurl's own timeout would ignore data that has arrived; use probe_on_timeout() */
	err |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)INT32_MAX);
	err |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, probe_open_socket);
	err |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, probe);
	err |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, probe_close_socket);
	err |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, probe);
	return err ? -1 : 0;
}

/*
 * ELB classic does not verify instances' certificates, so neither do we: any handshake the instance
 * can complete is good enough. Without CAINFO and CAPATH NULL each probe would parse the system's
 * CA bundle.
 */
static int probe_set_tls(struct health_probe *probe)
{
	CURL *easy = probe->easy;
	int err = 0;

	err |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	err |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	err |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0");
	err |= curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	probe->tls = health_tls_attach(easy);
	return err || !probe->tls ? -1 : 0;
}

static int probe_set_http(struct health_probe *probe)
{
	CURL *easy = probe->easy;
	int err = 0;

	err |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	err |= curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_USERAGENT, probe->probes->user_agent);
	err |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, probe->probes->headers);
	err |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
	err |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, probe_on_header);
	err |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	err |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, probe_on_body);
	err |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	return err ? -1 : 0;
}

static void probe_free(struct health_probe *probe)
{
	if (probe->answer)
		event_free(probe->answer);
	event_free(probe->timeout);
	health_stall_leave(probe->probes->stall);
	health_multi_remove(probe->probes->multi, probe->easy);
	/* may still close the socket, and so call into the probe */
	curl_easy_cleanup(probe->easy);
	health_tls_release(probe->tls);
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
	if (request->source && request->source->family == request->address->family)
		probe->source = *request->source;
	probe->start_us = clock_now_us();
	probe->facts.type = request->check->type;
	probe->facts.timeout_ms = request->check->timeout_ms;
	probe->timeout = evtimer_new(probes->base, probe_on_timeout, probe);
	if (!probe->timeout)
		goto err_probe;
	probe->easy = curl_easy_init();
	if (!probe->easy)
		goto err_timeout;
	if (probe_set_transport(probe) || probe_set_tls(probe) || probe_set_http(probe) ||
	    probe_set_url(probe, request->address, request->check) ||
	    probe_arm(probe->timeout, probe->facts.timeout_ms * 1000ULL) ||
	    health_multi_add(probes->multi, probe->easy))
		goto err_easy;
	health_stall_enter(probes->stall);
	probe->stall_us = health_stall_sum_us(probes->stall);
	return probe;

err_easy:
	curl_easy_cleanup(probe->easy);
	health_tls_release(probe->tls);
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

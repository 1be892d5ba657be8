/* SPDX-License-Identifier: BSD-3-Clause */
/* From a check to libcurl's options, and the callbacks of a transfer. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/health/probe_internal.h"

#define CA_CACHE_S 60L

/*
 * A header for connections of the proxy itself: version 2, LOCAL, no addresses.
 * Source: The PROXY protocol, versions 1 and 2, section 2.2.
 */
static const uint8_t proxy_local[16] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51,
					 0x55, 0x49, 0x54, 0x0a, 0x20, 0x00, 0x00, 0x00 };

static bool request_is_tls(enum config_check_type type)
{
	return type == CONFIG_CHECK_SSL || type == CONFIG_CHECK_HTTPS;
}

static bool request_is_http(enum config_check_type type)
{
	return type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;
}

/* Return: whether the text was found, or cannot be found any more. */
static bool request_find_text(struct health_probe *probe, const char *data, size_t size)
{
	struct health_facts *facts = &probe->facts;
	uint32_t room = HEALTH_TEXT_MAX_BYTES - probe->body_kept;
	uint32_t kept = size < room ? (uint32_t)size : room;

	memcpy(probe->body + probe->body_kept, data, kept);
	probe->body_kept += kept;
	facts->text_found =
		memmem(probe->body, probe->body_kept, probe->text, strlen(probe->text)) != NULL;
	facts->text_decided = facts->text_found || probe->body_kept == HEALTH_TEXT_MAX_BYTES;
	return facts->text_decided;
}

static size_t request_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct health_probe *probe = arg;
	struct health_facts *facts = &probe->facts;

	facts->body_bytes += (uint32_t)(size * count);
	if (probe->text && request_find_text(probe, data, size * count))
		return 0;
	return facts->body_bytes > HEALTH_BODY_MAX_BYTES ? 0 : size * count;
}

/* Called once per line, including 1xx answers and trailers. */
static size_t request_on_header(char *data, size_t size, size_t count, void *arg)
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

/*
 * Routing rules may depend on the source. Without the node's address the kernel's choice is as
 * good; a source that the check demands must be there.
 */
static int request_bind(const struct health_probe *probe, int fd)
{
	int rc = 0;
	const struct config_address *source = &probe->source;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const int late =
		1; /* the port is chosen by connect(2), which may use it for several connections */

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late));
	if (source->family == 4) {
		memcpy(&v4.sin_addr, source->bytes, sizeof(v4.sin_addr));
		rc = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	} else if (source->family == 6) {
		memcpy(&v6.sin6_addr, source->bytes, sizeof(v6.sin6_addr));
		rc = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
	return rc && probe->source_demanded ? -1 : 0;
}

static curl_socket_t request_open_socket(void *arg, curlsocktype purpose,
					 struct curl_sockaddr *address)
{
	struct health_probe *probe = arg;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (fd < 0) {
		probe->facts.local_errno = errno;
		return CURL_SOCKET_BAD;
	}
	if (request_bind(probe, fd)) {
		probe->facts.local_errno = errno;
		close(fd);
		return CURL_SOCKET_BAD;
	}
	probe->fd = fd;
	return fd;
}

/* The kernel knows best whether the instance accepted the connection and sent anything at all. */
static int request_close_socket(void *arg, curl_socket_t fd)
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

/* An address as in a URL. Return: 0 or -1. */
static int request_address(const struct config_address *address, char *text, size_t size)
{
	char plain[INET6_ADDRSTRLEN];
	bool ipv6 = address->family == 6;

	if (!inet_ntop(ipv6 ? AF_INET6 : AF_INET, address->bytes, plain, sizeof(plain)))
		return -1;
	snprintf(text, size, ipv6 ? "[%s]" : "%s", plain);
	return 0;
}

/* The name for SNI: sni, else that in host if it is none of an address. "": none. */
static void request_name(const struct config_check *check, char *name, size_t size)
{
	struct config_address address;
	const char *from = check->sni ? check->sni : check->host ? check->host : "";
	bool tls = request_is_tls(check->type);

	snprintf(name, size, "%.*s", (int)strcspn(from, ":"), tls && *from != '[' ? from : "");
	if (config_address_parse(name, &address) == 0)
		name[0] = '\0';
}

static int request_set_connect_to(struct health_probe *probe, const char *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN + 16];

	snprintf(text, sizeof(text), "::%s:%u", address, port);
	probe->connect_to = curl_slist_append(NULL, text);
	if (!probe->connect_to)
		return -1;
	return curl_easy_setopt(probe->easy, CURLOPT_CONNECT_TO, probe->connect_to) ? -1 : 0;
}

static int request_set_url(struct health_probe *probe, const struct config_address *address,
			   const struct config_check *check)
{
	const char *scheme = request_is_tls(check->type) ? "https" : "http";
	char text[INET6_ADDRSTRLEN + 2];
	char name[CONFIG_EXPECT_MAX + 1];
	char url[sizeof(name) + 32];
	int err = 0;

	if (request_address(address, text, sizeof(text)))
		return -1;
	request_name(check, name, sizeof(name));
	/* libcurl takes SNI and the name to verify from the URL */
	snprintf(url, sizeof(url), "%s://%s:%u/", scheme, name[0] ? name : text, check->port);
	if (name[0])
		err |= request_set_connect_to(probe, text, check->port);
	err |= curl_easy_setopt(probe->easy, CURLOPT_URL, url);
	/* the path as configured, not normalized by libcurl */
	if (request_is_http(check->type))
		err |= curl_easy_setopt(probe->easy, CURLOPT_REQUEST_TARGET, check->path);
	else
		err |= curl_easy_setopt(probe->easy, CURLOPT_CONNECT_ONLY, 1L);
	return err ? -1 : 0;
}

static bool request_is_kept(const struct health_probe *probe)
{
	return probe->facts.type == CONFIG_CHECK_SSL ||
	       (probe->facts.type == CONFIG_CHECK_TCP && probe->sends_proxy);
}

/* Nothing is shared with other probes, resolved, followed, or taken from the environment. */
static int request_set_transport(struct health_probe *probe)
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
	/* an SSL check, and the PROXY header of a TCP check, use the connection after the transfer */
	err |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request_is_kept(probe) ? 0L : 1L);
	err |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	/* libcurl's own timeout would ignore data that has arrived; use request_on_timeout() */
	err |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)INT32_MAX);
	err |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, request_open_socket);
	err |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, probe);
	err |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, request_close_socket);
	err |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, probe);
	return err ? -1 : 0;
}

/*
 * ELB classic does not verify instances' certificates, so by default neither do we: any handshake
 * the instance can complete is good enough. Without CAINFO and CAPATH NULL each probe would parse
 * the system's CA bundle.
 */
static int request_set_trust(struct health_probe *probe, const struct config_check *check)
{
	CURL *easy = probe->easy;
	int err = 0;

	if (check->verify) {
		if (check->ca_file)
			err |= curl_easy_setopt(easy, CURLOPT_CAINFO, check->ca_file);
		err |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		/* the parsed file is shared by all probes of the multi */
		err |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
		return err;
	}
	err |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	err |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	err |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0");
	return err;
}

void health_request_on_connected(void *arg)
{
	struct health_probe *probe = arg;

	/* new connections have room for it; without the header the instance refuses by itself */
	if (probe->sends_proxy)
		(void)send(probe->fd, proxy_local, sizeof(proxy_local), MSG_NOSIGNAL);
}

static int request_on_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	health_request_on_connected(arg);
	return CURL_PREREQFUNC_OK;
}

/* libcurl's own PROXY header has version 1, and names a client. */
static int request_set_proxy(struct health_probe *probe, const struct config_check *check)
{
	int err = 0;

	if (!check->send_proxy || check->type != CONFIG_CHECK_HTTP)
		return 0;
	err |= curl_easy_setopt(probe->easy, CURLOPT_PREREQFUNCTION, request_on_request);
	err |= curl_easy_setopt(probe->easy, CURLOPT_PREREQDATA, probe);
	return err ? -1 : 0;
}

static int request_set_tls(struct health_probe *probe, const struct config_check *check)
{
	CURL *easy = probe->easy;
	int err = request_set_trust(probe, check);

	err |= curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	probe->tls = health_tls_attach(easy, health_request_on_connected, probe);
	return err || !probe->tls ? -1 : 0;
}

static int request_set_host(struct health_probe *probe, const struct config_check *check)
{
	char line[CONFIG_EXPECT_MAX + 8];

	snprintf(line, sizeof(line), "Host: %s", check->host);
	probe->headers = curl_slist_append(NULL, "Connection: close");
	return probe->headers && curl_slist_append(probe->headers, line) ? 0 : -1;
}

static int request_set_expect(struct health_probe *probe, const struct config_check *check)
{
	struct health_facts *facts = &probe->facts;

	memcpy(facts->statuses, check->statuses, sizeof(facts->statuses));
	facts->status_count = check->status_count;
	facts->wants_text = check->expect && check->status_count == 0;
	if (!facts->wants_text)
		return 0;
	probe->text = strdup(check->expect);
	probe->body = malloc(HEALTH_TEXT_MAX_BYTES);
	return probe->text && probe->body ? 0 : -1;
}

static int request_set_http(struct health_probe *probe, const struct config_check *check)
{
	CURL *easy = probe->easy;
	int err = request_set_expect(probe, check);

	if (check->host)
		err |= request_set_host(probe, check);
	err |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	err |= curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	err |= curl_easy_setopt(easy, CURLOPT_USERAGENT, probe->probes->user_agent);
	err |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
				check->host ? probe->headers : probe->probes->headers);
	err |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
	err |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, request_on_header);
	err |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	err |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, request_on_body);
	err |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	return err ? -1 : 0;
}

void health_request_free(struct health_probe *probe)
{
	/* may still close the socket, and so call into the probe */
	curl_easy_cleanup(probe->easy);
	health_tls_release(probe->tls);
	curl_slist_free_all(probe->headers);
	curl_slist_free_all(probe->connect_to);
	free(probe->text);
	free(probe->body);
}

static void request_set_source(struct health_probe *probe,
			       const struct health_probe_request *request)
{
	const struct config_address *demanded = &request->check->source;
	uint8_t family = request->address->family;

	probe->source_demanded = demanded->family == family;
	if (probe->source_demanded)
		probe->source = *demanded;
	else if (request->source && request->source->family == family)
		probe->source = *request->source;
}

int health_request_set(struct health_probe *probe, const struct health_probe_request *request)
{
	request_set_source(probe, request);
	probe->sends_proxy = request->check->send_proxy;
	if (request_set_transport(probe) || request_set_tls(probe, request->check) ||
	    request_set_http(probe, request->check) || request_set_proxy(probe, request->check))
		return -1;
	return request_set_url(probe, request->address, request->check);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/health_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	SSL_CTX *tls;
	_Atomic(const struct server_script *) script;
	atomic_uint accepted;
	atomic_uint ended;
	atomic_bool stopping;
	char request[1024];
	char sni[256];
	uint8_t proxy[16];
	char peer[INET_ADDRSTRLEN];
};

struct peer {
	int fd;
	SSL *ssl; /* NULL: plain */
};

const struct server_script server_ok = {
	.head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n",
};
const struct server_script server_not_found = {
	.head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
};
const struct server_script server_hang = { .end = SERVER_HANG };

static void *must(void *pointer, const char *what)
{
	if (!pointer) {
		perror(what);
		abort();
	}
	return pointer;
}

static void check_zero(int value, const char *what)
{
	if (value) {
		perror(what);
		abort();
	}
}

/* X509_get_subject_name() is the certificate's own */
static void certificate_name(X509 *cert, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_EXTENSION *extension;
	char text[300];

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(cert, subject);
	snprintf(text, sizeof(text), "DNS:%s", name);
	extension = must(X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text), "SAN");
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static SSL_CTX *tls_create(const struct server_script *script)
{
	SSL_CTX *ctx = must(SSL_CTX_new(TLS_server_method()), "SSL_CTX_new");
	EVP_PKEY *key;
	X509 *cert;

	SSL_CTX_set_min_proto_version(ctx, script->tls_version);
	SSL_CTX_set_max_proto_version(ctx, script->tls_version);
	if (script->no_tickets)
		SSL_CTX_set_num_tickets(ctx, 0);
	if (script->tls == SERVER_TLS_REFUSE)
		return ctx;
	if (script->tls == SERVER_TLS_WANTS_CERT)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	key = must(EVP_EC_gen("P-256"), "EVP_EC_gen");
	cert = must(X509_new(), "X509_new");
	X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(cert), -3600); /* expired: it is not checked */
	if (script->name)
		certificate_name(cert, script->name);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static ssize_t peer_read(struct peer *peer, char *data, size_t size)
{
	return peer->ssl ? SSL_read(peer->ssl, data, (int)size) : recv(peer->fd, data, size, 0);
}

static bool peer_write(struct peer *peer, const char *data)
{
	size_t size = strlen(data);

	if (!size)
		return true;
	if (peer->ssl)
		return SSL_write(peer->ssl, data, (int)size) > 0;
	return send(peer->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool peer_read_request(struct server *server, struct peer *peer)
{
	char data[sizeof(server->request)] = "";
	size_t used = 0;

	while (used + 1 < sizeof(data) && !strstr(data, "\r\n\r\n")) {
		ssize_t got = peer_read(peer, data + used, sizeof(data) - 1 - used);

		if (got <= 0)
			return false;
		used += (size_t)got;
		data[used] = '\0';
	}
	memcpy(server->request, data, sizeof(data));
	return true;
}

/* Return: whether the client is still connected after that time. */
static bool peer_wait(struct server *server, struct peer *peer, int timeout_ms)
{
	struct pollfd pfd = { .fd = peer->fd, .events = POLLRDHUP };

	while (!server->stopping) {
		int slice = timeout_ms < 0 || timeout_ms > 50 ? 50 : timeout_ms;
		int got = poll(&pfd, 1, slice);

		if (got > 0)
			return false;
		if (timeout_ms >= 0 && (timeout_ms -= slice) <= 0)
			return true;
	}
	return false;
}

static void peer_play(struct server *server, struct peer *peer, const struct server_script *script)
{
	if (!script->unread && !peer_read_request(server, peer))
		return;
	if (script->head && !peer_write(peer, script->head))
		return;
	while (script->repeat && !server->stopping) {
		if (!peer_write(peer, script->repeat))
			return;
		if (script->repeat_ms && !peer_wait(server, peer, (int)script->repeat_ms))
			return;
	}
	if (script->end == SERVER_HANG)
		peer_wait(server, peer, -1);
	if (peer->ssl)
		SSL_shutdown(peer->ssl);
}

static void peer_keep_sni(struct server *server, const struct peer *peer)
{
	const char *name = SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name);

	snprintf(server->sni, sizeof(server->sni), "%s", name ? name : "");
}

static void peer_serve(struct server *server, int fd, const struct server_script *script)
{
	static const struct linger reset = { .l_onoff = 1 };
	static const struct timeval patience = { .tv_sec = 5 };
	struct peer peer = { .fd = fd };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (script->proxy && recv(fd, server->proxy, sizeof(server->proxy), MSG_WAITALL) !=
				     (ssize_t)sizeof(server->proxy))
		goto out;
	if (script->tls != SERVER_PLAIN) {
		peer.ssl = must(SSL_new(server->tls), "SSL_new");
		SSL_set_fd(peer.ssl, fd);
		if (SSL_accept(peer.ssl) <= 0)
			goto out;
		peer_keep_sni(server, &peer);
	}
	peer_play(server, &peer, script);
out:
	SSL_free(peer.ssl);
	if (script->end == SERVER_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	server->ended++;
}

static void *server_run(void *arg)
{
	struct server *server = arg;

	while (!server->stopping) {
		struct sockaddr_in from = { 0 };
		socklen_t length = sizeof(from);
		int fd = accept(server->fd, (struct sockaddr *)&from, &length);

		if (fd < 0)
			continue;
		if (from.sin_family == AF_INET)
			inet_ntop(AF_INET, &from.sin_addr, server->peer, sizeof(server->peer));
		server->accepted++;
		peer_serve(server, fd, server->script);
	}
	return NULL;
}

struct config_address server_address(uint8_t family)
{
	struct config_address address = { .family = family };

	if (family == 4)
		memcpy(address.bytes, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	else
		address.bytes[15] = 1;
	return address;
}

static int server_bind(uint8_t family, uint16_t *port)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr *address =
		family == 4 ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
	socklen_t length = family == 4 ? sizeof(ipv4) : sizeof(ipv6);
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check_zero(fd < 0, "socket");
	check_zero(bind(fd, address, length), "bind");
	check_zero(getsockname(fd, address, &length), "getsockname");
	*port = ntohs(family == 4 ? ipv4.sin_port : ipv6.sin6_port);
	return fd;
}

struct server *server_start(const struct server_script *script, uint8_t family)
{
	struct server *server = must(calloc(1, sizeof(*server)), "calloc");

	server->fd = server_bind(family, &server->port);
	check_zero(listen(server->fd, 128), "listen");
	server->script = script;
	if (script->tls != SERVER_PLAIN)
		server->tls = tls_create(script);
	check_zero(pthread_create(&server->thread, NULL, server_run, server), "pthread_create");
	return server;
}

void server_stop(struct server *server)
{
	server->stopping = true;
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	SSL_CTX_free(server->tls);
	free(server);
}

void server_set(struct server *server, const struct server_script *script)
{
	server->script = script;
}

uint16_t server_port(const struct server *server)
{
	return server->port;
}

unsigned int server_accepted(const struct server *server)
{
	return server->accepted;
}

unsigned int server_ended(const struct server *server)
{
	return server->ended;
}

const char *server_request(const struct server *server)
{
	return server->request;
}

const char *server_sni(const struct server *server)
{
	return server->sni;
}

const uint8_t *server_proxy_header(const struct server *server)
{
	return server->proxy;
}

void server_certificate_write(const struct server *server, const char *path)
{
	FILE *file = must(fopen(path, "we"), path);

	check_zero(!PEM_write_X509(file, SSL_CTX_get0_certificate(server->tls)), "PEM_write_X509");
	check_zero(fclose(file), path);
}

const char *server_peer(const struct server *server)
{
	return server->peer;
}

int server_refusing(uint8_t family, uint16_t *port)
{
	return server_bind(family, port);
}

int server_unanswering(uint16_t *port, int fillers[2])
{
	int fd = server_bind(4, port);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(*port),
	};

	check_zero(listen(fd, 0), "listen");
	for (int i = 0; i < 2; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		check_zero(fillers[i] < 0, "socket");
		if (connect(fillers[i], (struct sockaddr *)&address, sizeof(address)))
			check_zero(errno != EINPROGRESS, "connect");
	}
	return fd;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Instances on loopback that misbehave as a test asks; each is a thread on an ephemeral port. */
#ifndef SLUICE_TESTS_HEALTH_SERVER_H
#define SLUICE_TESTS_HEALTH_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

enum server_end {
	SERVER_CLOSE,
	SERVER_RESET,
	SERVER_HANG, /* until the client disconnects */
};

enum server_tls {
	SERVER_PLAIN,
	SERVER_TLS,
	SERVER_TLS_REFUSE,     /* answers each handshake with an alert */
	SERVER_TLS_WANTS_CERT, /* and refuses a client without a certificate */
};

/* What the server does with each connection. */
struct server_script {
	const char *head;   /* sent once, after the request */
	const char *repeat; /* then sent until the client disconnects */
	unsigned int repeat_ms;
	bool unread; /* does not wait for a request */
	enum server_end end;
	enum server_tls tls;
	int tls_version; /* TLS1_2_VERSION or TLS1_3_VERSION only; 0: negotiated */
	bool no_tickets;
	const char *name; /* its certificate is valid, for this name; NULL: expired, nameless */
	bool proxy;	  /* demands a PROXY header first, 16 bytes of version 2 */
};

extern const struct server_script server_ok;
extern const struct server_script server_not_found;
extern const struct server_script server_hang;

struct server;

/* @family: 4 or 6. Aborts the test program if it cannot. */
struct server *server_start(const struct server_script *script, uint8_t family);
void server_stop(struct server *server);

/* Applies to connections accepted from now on. */
void server_set(struct server *server, const struct server_script *script);

uint16_t server_port(const struct server *server);
unsigned int server_accepted(const struct server *server);

/* Connections that the server has closed or reset. */
unsigned int server_ended(const struct server *server);

/* The first bytes of the last request, "" if there was none. Call when no probe is running. */
const char *server_request(const struct server *server);

/* The server name that the last TLS handshake asked for, "" if none. */
const char *server_sni(const struct server *server);

/* The last PROXY header; 16 bytes. */
const uint8_t *server_proxy_header(const struct server *server);

/* Write the server's certificate, which it has signed itself, as PEM. */
void server_certificate_write(const struct server *server, const char *path);

/* IPv4 source address of the last connection. */
const char *server_peer(const struct server *server);

/* A socket that holds a port on which nothing listens; close() frees it. */
int server_refusing(uint8_t family, uint16_t *port);

/*
 * A listener with a full backlog, so that the kernel drops further SYNs.
 * @fillers: two sockets that fill it; close() all three.
 */
int server_unanswering(uint16_t *port, int fillers[2]);

struct config_address server_address(uint8_t family);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections of the HTTP server: libevent accepts and serves them without a limit of their number
 * or of the time that a request takes. At most WEB_CLIENTS_MAX are open. One more waits in the
 * kernel until one ends, or the one that has been without a request the longest is closed for it.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_WEB_CLIENTS_H
#define CONTROLPLANE_WEB_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct evconnlistener;
struct evhttp_request;
struct web_clients;
struct web_stats;

#define WEB_CLIENTS_MAX 64u

struct web_client_limits {
	uint32_t first_ms; /* from the connection to the end of the first request */
	uint32_t idle_ms;  /* from one request to the end of the next */
	uint32_t busy_ms;  /* a request and its answer, unless it is a stream */
};

/** @stats: counted there. Return: NULL: no memory. */
struct web_clients *web_clients_create(struct event_base *base,
				       const struct web_client_limits *limits,
				       struct web_stats *stats);
void web_clients_destroy(struct web_clients *clients); /* after evhttp_free(); NULL is allowed */

/** The listener to pause while all places are taken; NULL: none. */
void web_clients_listen(struct web_clients *clients, struct evconnlistener *listener);

/** For evhttp_set_bevcb(); @arg: the clients. */
struct bufferevent *web_clients_on_accept(struct event_base *base, void *arg);

/**
 * A request has arrived. Its connection is busy until the answer is sent.
 * @stream: the answer has no end.
 */
void web_clients_request(struct web_clients *clients, struct evhttp_request *request, bool stream);

#endif

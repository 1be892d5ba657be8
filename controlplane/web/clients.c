/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/clients.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "config/base/clock.h"
#include "controlplane/web/metrics.h"

#define FULL_MS 20   /* how often a place is looked for while all are taken */
#define LOOK_MS 1000 /* how often slow clients are looked for */

struct web_client {
	struct web_clients *clients;
	struct bufferevent *stream; /* with a reference of ours; NULL: the place is free */
	uint64_t since_ms;	    /* of the connection, or of the last request's begin or end */
	bool had_request;
	bool is_busy;
	bool is_stream;
	bool is_closing;
};

struct web_clients {
	struct web_client_limits limits;
	struct web_stats *stats;
	struct event *timer;
	struct evconnlistener *listener;
	bool is_full;
	struct web_client clients[WEB_CLIENTS_MAX];
};

/* evhttp has freed its connection: it always has an event callback before. */
static bool is_freed(const struct web_client *client)
{
	bufferevent_event_cb event = NULL;

	bufferevent_getcb(client->stream, NULL, NULL, &event, NULL);
	return !event;
}

/* Return: a free place, or NULL. */
static struct web_client *sweep(struct web_clients *clients)
{
	struct web_client *free_one = NULL;
	uint32_t used = 0;

	for (uint32_t i = 0; i < WEB_CLIENTS_MAX; i++) {
		struct web_client *client = &clients->clients[i];

		if (client->stream && is_freed(client)) {
			bufferevent_decref(client->stream);
			client->stream = NULL;
		}
		used += client->stream != NULL;
		if (!client->stream)
			free_one = client;
	}
	clients->stats->clients = used;
	return free_one;
}

/* evhttp sees the end of the connection in the next turn of the loop. */
static void client_close(struct web_client *client)
{
	if (client->is_closing)
		return;
	client->is_closing = true;
	client->clients->stats->closed++;
	shutdown(bufferevent_getfd(client->stream), SHUT_RDWR);
}

static uint32_t limit_of(const struct web_client *client)
{
	const struct web_client_limits *limits = &client->clients->limits;

	if (client->is_busy)
		return client->is_stream ? UINT32_MAX : limits->busy_ms;
	return client->had_request ? limits->idle_ms : limits->first_ms;
}

static bool is_slow(const struct web_client *client, uint64_t now_ms)
{
	return client->stream && now_ms > client->since_ms + limit_of(client);
}

static bool somebody_waits(const struct web_clients *clients)
{
	struct pollfd fd = { .fd = evconnlistener_get_fd(clients->listener), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void evict(struct web_clients *clients)
{
	struct web_client *oldest = NULL;

	for (uint32_t i = 0; i < WEB_CLIENTS_MAX; i++) {
		struct web_client *client = &clients->clients[i];

		if (client->is_closing)
			return;
		if (!client->is_busy && (!oldest || client->since_ms < oldest->since_ms))
			oldest = client;
	}
	if (oldest)
		client_close(oldest);
}

static void timer_arm(struct web_clients *clients)
{
	const uint32_t ms = clients->is_full ? FULL_MS : LOOK_MS;
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	evtimer_add(clients->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct web_clients *clients = arg;
	const uint64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	for (uint32_t i = 0; i < WEB_CLIENTS_MAX; i++)
		if (is_slow(&clients->clients[i], now_ms))
			client_close(&clients->clients[i]);
	if (sweep(clients) && clients->is_full) {
		clients->is_full = false;
		if (clients->listener)
			evconnlistener_enable(clients->listener);
	} else if (clients->is_full && clients->listener && somebody_waits(clients)) {
		evict(clients);
	}
	timer_arm(clients);
}

struct web_clients *web_clients_create(struct event_base *base,
				       const struct web_client_limits *limits,
				       struct web_stats *stats)
{
	struct web_clients *clients = calloc(1, sizeof(*clients));

	if (!clients)
		return NULL;
	clients->limits = *limits;
	clients->stats = stats;
	clients->timer = evtimer_new(base, on_timer, clients);
	if (!clients->timer) {
		free(clients);
		return NULL;
	}
	timer_arm(clients);
	return clients;
}

void web_clients_destroy(struct web_clients *clients)
{
	if (!clients)
		return;
	for (uint32_t i = 0; i < WEB_CLIENTS_MAX; i++)
		if (clients->clients[i].stream)
			bufferevent_decref(clients->clients[i].stream);
	event_free(clients->timer);
	free(clients);
}

void web_clients_listen(struct web_clients *clients, struct evconnlistener *listener)
{
	clients->listener = listener;
	if (listener && clients->is_full)
		evconnlistener_disable(listener);
}

struct bufferevent *web_clients_on_accept(struct event_base *base, void *arg)
{
	struct web_clients *clients = arg;
	struct web_client *client = sweep(clients);
	struct bufferevent *stream =
		client ? bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE) : NULL;

	if (stream) {
		*client = (struct web_client){
			.clients = clients,
			.stream = stream,
			.since_ms = clock_now_ms(),
		};
		bufferevent_incref(stream);
		clients->stats->accepted++;
		clients->stats->clients++;
	}
	/* The listener stops after this connection. */
	if (clients->stats->clients == WEB_CLIENTS_MAX && clients->listener) {
		clients->is_full = true;
		evconnlistener_disable(clients->listener);
		timer_arm(clients);
	}
	return stream;
}

static void on_complete(struct evhttp_request *request, void *arg)
{
	struct web_client *client = arg;

	(void)request;
	client->is_busy = false;
	client->since_ms = clock_now_ms();
}

void web_clients_request(struct web_clients *clients, struct evhttp_request *request, bool stream)
{
	const struct bufferevent *of =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));

	for (uint32_t i = 0; i < WEB_CLIENTS_MAX; i++) {
		struct web_client *client = &clients->clients[i];

		if (client->stream != of)
			continue;
		client->had_request = true;
		client->is_busy = true;
		client->is_stream = stream;
		client->since_ms = clock_now_ms();
		evhttp_request_set_on_complete_cb(request, on_complete, client);
	}
}

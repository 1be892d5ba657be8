/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/api/peer.h"
#include "controlplane/api/socket.h"
#include "controlplane/web/internal.h"

#define BACKLOG 64

struct web_listener {
	struct event_base *base;
	struct evhttp *http;
	struct web_clients *clients;
	struct event *timer; /* every second while there is a place to serve */
	struct evhttp_bound_socket *bound;
	char *place; /* as configured; NULL: none */
	struct config_address address;
	uint16_t port;
	gid_t group;
	struct control_socket_file file; /* of a path */
	int error;			 /* of the last attempt, logged */
};

static bool is_path(const struct web_listener *listener)
{
	return listener->place && listener->place[0] == '/';
}

static socklen_t address_of(const struct web_listener *listener, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (listener->address.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(listener->port);
		memcpy(&v4->sin_addr, listener->address.bytes, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(listener->port);
	memcpy(&v6->sin6_addr, listener->address.bytes, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

/* Return: a listening descriptor, or -errno. */
static int tcp_listen(const struct web_listener *listener)
{
	struct sockaddr_storage address;
	const socklen_t length = address_of(listener, &address);
	const int one = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&address, length) || listen(fd, BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void close_place(struct web_listener *listener)
{
	if (!listener->bound)
		return;
	web_clients_listen(listener->clients, NULL);
	evhttp_del_accept_socket(listener->http, listener->bound);
	listener->bound = NULL;
}

static int open_place(struct web_listener *listener)
{
	const int fd = is_path(listener) ? control_socket_listen(listener->place, listener->group,
								 &listener->file)
					 : tcp_listen(listener);
	struct evconnlistener *events;

	if (fd < 0)
		return fd;
	events = evconnlistener_new(listener->base, NULL, NULL,
				    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!events) {
		close(fd);
		return -ENOMEM;
	}
	listener->bound = evhttp_bind_listener(listener->http, events);
	if (!listener->bound) {
		evconnlistener_free(events);
		return -ENOMEM;
	}
	web_clients_listen(listener->clients, events);
	return 0;
}

static void try_place(struct web_listener *listener)
{
	const int err = open_place(listener);

	if (!err)
		log_info("metrics: served on %s", listener->place);
	else if (err != listener->error)
		log_err("node.metrics: cannot listen on %s: %s; trying again", listener->place,
			strerror(-err));
	listener->error = err;
}

/* If the socket's file is removed or replaced nobody could connect. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct web_listener *listener = arg;

	(void)fd;
	(void)what;
	if (listener->bound && is_path(listener) &&
	    !control_socket_is_there(listener->place, &listener->file))
		close_place(listener);
	if (!listener->bound)
		try_place(listener);
}

struct web_listener *web_listener_create(struct event_base *base, struct evhttp *http,
					 struct web_clients *clients)
{
	struct web_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->base = base;
	listener->http = http;
	listener->clients = clients;
	listener->timer = event_new(base, -1, EV_PERSIST, on_timer, listener);
	if (listener->timer)
		return listener;
	free(listener);
	return NULL;
}

/* Of a path the file goes, too. */
static void leave_place(struct web_listener *listener)
{
	if (listener->bound && is_path(listener) &&
	    control_socket_is_there(listener->place, &listener->file))
		unlink(listener->place);
	close_place(listener);
	event_del(listener->timer);
	free(listener->place);
	listener->place = NULL;
	listener->error = 0;
}

void web_listener_destroy(struct web_listener *listener)
{
	if (!listener)
		return;
	leave_place(listener);
	event_free(listener->timer);
	free(listener);
}

void web_listener_configure(struct web_listener *listener, const struct config_node *node)
{
	const struct timeval second = { .tv_sec = 1 };
	const char *now = listener->place ? listener->place : "";

	if (strcmp(now, node->metrics ? node->metrics : "") == 0)
		return;
	leave_place(listener);
	listener->place = node->metrics ? strdup(node->metrics) : NULL;
	if (!listener->place)
		return;
	listener->address = node->metrics_address;
	listener->port = node->metrics_port;
	listener->group = control_peer_group(node->control_group);
	event_add(listener->timer, &second);
	try_place(listener);
}

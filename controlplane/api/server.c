/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "controlplane/api/server.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/api/peer.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/session.h"
#include "controlplane/api/socket.h"

#define CONTROL_IDLE_MS 60000
#define CONTROL_STALL_MS 30000
/* Pause after a failed accept(2), most likely out of descriptors. */
#define CONTROL_ACCEPT_PAUSE_S 1
#define CONTROL_WATCH_MS 1000

_Static_assert(CONTROL_WAITS_MAX < CONTROL_WRITES_MAX && CONTROL_WRITES_MAX < CONTROL_CLIENTS_MAX,
	       "waiting clients leave room for others");

struct control_client {
	struct control *control;
	struct bufferevent *stream;
	struct control_session *session;
	struct event *idle_timer; /* pending while no command is in progress */
	uint64_t commands;
	TAILQ_ENTRY(control_client) entry; /* in order of their last command */
};

struct control {
	struct control_options options;
	char path[PATH_MAX];
	gid_t group;
	struct evconnlistener *listener;
	struct control_socket_file file;
	struct event *accept_timer;
	struct event *watch_timer;
	int watch_error; /* of the last failed attempt to reopen the socket, logged */
	struct control_load load;
	struct control_stats stats;
	TAILQ_HEAD(, control_client) clients;
};

static struct timeval control_timeval(uint32_t ms)
{
	return (struct timeval){ ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
}

static void control_client_destroy(struct control_client *client)
{
	struct control *control = client->control;

	TAILQ_REMOVE(&control->clients, client, entry);
	control->stats.clients--;
	control_session_destroy(client->session);
	event_free(client->idle_timer);
	bufferevent_free(client->stream);
	free(client);
}

static void control_client_on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct control_client *client = arg;

	(void)fd;
	(void)what;
	client->control->stats.closed++;
	control_client_destroy(client);
}

/* The time limit for a whole request starts at the end of the last command. */
static void control_client_watch(struct control_client *client)
{
	struct control *control = client->control;
	uint64_t commands = control_session_commands(client->session);
	struct timeval idle = control_timeval(control->options.idle_ms);

	if (control_session_busy(client->session)) {
		evtimer_del(client->idle_timer);
	} else if (client->commands != commands || !evtimer_pending(client->idle_timer, NULL)) {
		control->stats.commands += commands - client->commands;
		client->commands = commands;
		evtimer_add(client->idle_timer, &idle);
		TAILQ_REMOVE(&control->clients, client, entry);
		TAILQ_INSERT_TAIL(&control->clients, client, entry);
	}
}

static void control_client_go_on(struct control_client *client)
{
	control_client_watch(client);
	bufferevent_setwatermark(client->stream, EV_READ, 0,
				 control_session_input_max(client->session));
}

static void control_client_on_changed(void *arg)
{
	struct control_client *client = arg;
	size_t waiting = evbuffer_get_length(bufferevent_get_output(client->stream));

	if (control_session_over(client->session)) {
		bufferevent_disable(client->stream, EV_READ);
		if (waiting == 0) {
			control_client_destroy(client);
			return;
		}
	}
	control_client_go_on(client);
}

static void control_client_on_read(struct bufferevent *stream, void *arg)
{
	struct control_client *client = arg;

	(void)stream;
	control_session_run(client->session);
}

static void control_client_on_event(struct bufferevent *stream, short what, void *arg)
{
	struct control_client *client = arg;

	(void)stream;
	/* A client may shut down its sending side and still read. A lost one fails on writing. */
	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0) {
		control_session_end_input(client->session);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0)
		client->control->stats.closed++;
	control_client_destroy(client);
}

static struct control_session *control_client_session(struct control_client *client,
						      const char *who, uid_t uid)
{
	struct control *control = client->control;
	const struct control_session_options options = {
		.base = control->options.base,
		.verbs = control->options.verbs,
		.ops = control->options.ops,
		.ops_arg = control->options.ops_arg,
		.input = bufferevent_get_input(client->stream),
		.output = bufferevent_get_output(client->stream),
		.load = &control->load,
		.who = who,
		.uid = uid,
		.changed = control_client_on_changed,
		.arg = client,
	};

	return control_session_create(&options);
}

/* Takes @fd. Return: 0 or -ENOMEM. */
static int control_client_create(struct control *control, int fd, const char *who, uid_t uid)
{
	struct control_client *client = calloc(1, sizeof(*client));
	struct timeval stall = control_timeval(control->options.stall_ms);
	struct event_base *base = control->options.base;

	if (client == NULL)
		goto fail_fd;
	client->control = control;
	client->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->stream == NULL)
		goto fail_client;
	client->session = control_client_session(client, who, uid);
	if (client->session == NULL)
		goto fail_stream;
	client->idle_timer = evtimer_new(base, control_client_on_idle, client);
	if (client->idle_timer == NULL)
		goto fail_session;

	TAILQ_INSERT_TAIL(&control->clients, client, entry);
	control->stats.clients++;
	bufferevent_setcb(client->stream, control_client_on_read, control_client_on_read,
			  control_client_on_event, client);
	bufferevent_set_timeouts(client->stream, NULL, &stall);
	control_client_go_on(client);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	return 0;

fail_session:
	control_session_destroy(client->session);
fail_stream:
	bufferevent_free(client->stream);
	free(client);
	return -ENOMEM;
fail_client:
	free(client);
fail_fd:
	close(fd);
	return -ENOMEM;
}

/* Make room for one more client. Return: whether there is room. */
static bool control_make_room(struct control *control)
{
	struct control_client *client;

	if (control->stats.clients < CONTROL_CLIENTS_MAX)
		return true;
	TAILQ_FOREACH(client, &control->clients, entry) {
		if (!control_session_busy(client->session)) {
			control->stats.closed++;
			control_client_destroy(client);
			return true;
		}
	}
	return false;
}

/* Send one line, which fits every socket buffer, and close. Takes @fd. */
static void control_turn_away(int fd, const char *code, const char *error)
{
	char line[256];
	int length = snprintf(line, sizeof(line),
			      "{\"ok\":false,\"code\":\"%s\",\"error\":\"%s\"}\n", code, error);

	(void)send(fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void control_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
			      struct sockaddr *address, int length, void *arg)
{
	struct control *control = arg;
	struct control_peer peer;
	char who[64];
	int err;

	(void)listener;
	(void)address;
	(void)length;
	err = control_peer_get(fd, &peer);
	if (err != 0) {
		log_warn("control: cannot get the credentials of a client: %s", strerror(-err));
		close(fd);
		return;
	}
	snprintf(who, sizeof(who), "uid %u, pid %d", peer.uid, peer.pid);
	if (!control_peer_allowed(&peer, geteuid(), control->group)) {
		if (control->stats.denied++ % 100 == 0)
			log_warn("control: %s is refused: neither root nor in group %u (%llu "
				 "refused so far)",
				 who, control->group, (unsigned long long)control->stats.denied);
		control_turn_away(
			fd, CONTROL_CODE_DENIED,
			"permission denied: you are neither root nor in the control group");
	} else if (!control_make_room(control)) {
		control_turn_away(fd, CONTROL_CODE_BUSY, "too many clients, try again");
	} else if (control_client_create(control, fd, who, peer.uid) == 0) {
		control->stats.accepted++;
	}
	control_peer_fini(&peer);
}

static void control_on_accept_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(control->listener);
}

/* The connection stays in the accept queue: without a pause the loop would spin. */
static void control_on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct control *control = arg;
	struct timeval pause = { CONTROL_ACCEPT_PAUSE_S, 0 };

	log_warn("control: cannot accept a client: %s", strerror(errno));
	evconnlistener_disable(listener);
	evtimer_add(control->accept_timer, &pause);
}

static int control_listen(struct control *control)
{
	struct event_base *base = control->options.base;
	int fd = control_socket_listen(control->path, control->group, &control->file);
	struct evconnlistener *listener;

	if (fd < 0)
		return fd;
	listener = evconnlistener_new(base, control_on_accept, control,
				      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL) {
		unlink(control->path);
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(listener, control_on_accept_error);
	if (control->listener != NULL)
		evconnlistener_free(control->listener);
	control->listener = listener;
	return 0;
}

/* If the socket is removed or replaced, operators are locked out until a restart: reopen it. */
static void control_on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	int err;

	(void)fd;
	(void)what;
	if (control_socket_is_there(control->path, &control->file))
		return;
	err = control_listen(control);
	if (err == 0)
		log_warn("control: %s was removed or replaced; opened again", control->path);
	else if (err != control->watch_error)
		log_err("control: %s was removed or replaced, and cannot be opened again: %s",
			control->path,
			err == -EADDRINUSE ? "another program listens on it" : strerror(-err));
	control->watch_error = err;
}

static int control_timers_create(struct control *control)
{
	struct event_base *base = control->options.base;

	control->accept_timer = evtimer_new(base, control_on_accept_timer, control);
	control->watch_timer = event_new(base, -1, EV_PERSIST, control_on_watch, control);
	return control->accept_timer == NULL || control->watch_timer == NULL ? -ENOMEM : 0;
}

static void control_timers_free(struct control *control)
{
	if (control->accept_timer != NULL)
		event_free(control->accept_timer);
	if (control->watch_timer != NULL)
		event_free(control->watch_timer);
}

struct control *control_create(const struct control_options *options)
{
	struct control *control = calloc(1, sizeof(*control));
	struct timeval watch =
		control_timeval(options->watch_ms ? options->watch_ms : CONTROL_WATCH_MS);
	int err;

	if (control == NULL)
		return NULL;
	TAILQ_INIT(&control->clients);
	control->options = *options;
	control->options.idle_ms = options->idle_ms ? options->idle_ms : CONTROL_IDLE_MS;
	control->options.stall_ms = options->stall_ms ? options->stall_ms : CONTROL_STALL_MS;
	control->group = control_peer_group(options->group);
	err = control_timers_create(control);
	if (err == 0 && snprintf(control->path, sizeof(control->path), "%s/%s", options->dir,
				 CONTROL_SOCKET_NAME) >= (int)sizeof(control->path))
		err = -ENAMETOOLONG;
	if (err == 0)
		err = control_listen(control);
	if (err == 0) {
		event_add(control->watch_timer, &watch);
		return control;
	}

	log_err("control: cannot listen on %s/%s: %s", options->dir, CONTROL_SOCKET_NAME,
		err == -EADDRINUSE ? "another daemon listens on it" : strerror(-err));
	control_timers_free(control);
	free(control);
	errno = -err;
	return NULL;
}

void control_destroy(struct control *control)
{
	struct control_client *client, *next;

	if (control == NULL)
		return;
	for (client = TAILQ_FIRST(&control->clients); client != NULL; client = next) {
		next = TAILQ_NEXT(client, entry);
		control_client_destroy(client);
	}
	if (control_socket_is_there(control->path, &control->file))
		unlink(control->path);
	evconnlistener_free(control->listener);
	control_timers_free(control);
	free(control);
}

void control_stats_get(const struct control *control, struct control_stats *stats)
{
	*stats = control->stats;
}

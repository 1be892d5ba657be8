/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/api/protocol.h"

/* The daemon sends something at least this often, also while it waits. */
#define CLIENT_SILENCE_MAX_S 30
#define CLIENT_LINE_MAX (64u << 20)

struct client {
	const struct cli *cli;
	int fd;
	char *buffer;
	size_t size;
	size_t used;			   /* of size */
	size_t taken;			   /* of used: lines already returned */
	const volatile sig_atomic_t *stop; /* NULL: only the daemon ends it */
};

static bool client_is_stopped(const struct client *client)
{
	return client->stop != NULL && *client->stop != 0;
}

static int client_no_daemon(const struct cli *cli, const char *what)
{
	cli_refuse(cli, "%s/%s: %s", cli->dir, CONTROL_SOCKET_NAME, what);
	return CLI_NO_DAEMON;
}

static int client_connect_failed(const struct cli *cli, int error)
{
	if (error == EACCES || error == EPERM)
		return cli_refuse(
			cli,
			"%s/%s: permission denied: you are neither root nor in the control "
			"group",
			cli->dir, CONTROL_SOCKET_NAME);
	if (error == EAGAIN)
		return client_no_daemon(cli, "sluiced is too busy to answer");
	return client_no_daemon(cli, error == ECONNREFUSED || error == ENOENT
					     ? "sluiced is not running"
					     : strerror(error));
}

/* Return: CLI_DONE and client->fd, else an exit code. */
static int client_connect(struct client *client)
{
	const struct cli *cli = client->cli;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { CLIENT_SILENCE_MAX_S, 0 };
	int error;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", cli->dir,
		     CONTROL_SOCKET_NAME) >= (int)sizeof(address.sun_path))
		return cli_usage(cli, "-r %s: the path is too long for a socket", cli->dir);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return cli_refuse(cli, "socket: %s", strerror(errno));
	(void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return CLI_DONE;
	error = errno;
	close(client->fd);
	client->fd = -1;
	return client_connect_failed(cli, error);
}

/* Takes @request. If the daemon closes early, the reason has been sent and is read afterwards. */
static int client_send(struct client *client, json_t *request)
{
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
	size_t size, sent = 0;

	json_decref(request);
	if (text == NULL)
		return cli_refuse(client->cli, "%s", strerror(ENOMEM));
	size = strlen(text);
	text[size++] = '\n'; /* replaces the NUL */
	while (sent < size) {
		ssize_t done = send(client->fd, text + sent, size - sent, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			break;
		sent += (size_t)done;
	}
	free(text);
	return CLI_DONE;
}

static int client_grow(struct client *client)
{
	size_t size = client->size == 0 ? 64 << 10 : client->size * 2;
	char *buffer;

	if (client->taken > 0) {
		client->used -= client->taken;
		memmove(client->buffer, client->buffer + client->taken, client->used);
		client->taken = 0;
	}
	if (client->used < client->size)
		return 0;
	if (size > CLIENT_LINE_MAX)
		return -EMSGSIZE;
	buffer = realloc(client->buffer, size);
	if (buffer == NULL)
		return -ENOMEM;
	client->buffer = buffer;
	client->size = size;
	return 0;
}

/* Return: bytes of the next line, at @line; 0 at the end; -errno. */
static ssize_t client_line(struct client *client, const char **line)
{
	size_t scanned = client->taken;

	for (;;) {
		char *newline = client->used > scanned ? memchr(client->buffer + scanned, '\n',
								client->used - scanned)
						       : NULL;
		ssize_t got;
		int err;

		if (newline != NULL) {
			*line = client->buffer + client->taken;
			client->taken = (size_t)(newline - client->buffer) + 1;
			return newline - *line + 1;
		}
		err = client_grow(client);
		if (err != 0)
			return err;
		scanned = client->used;
		got = recv(client->fd, client->buffer + client->used, client->size - client->used,
			   0);
		if (got < 0 && errno == EINTR && !client_is_stopped(client))
			continue;
		if (got <= 0)
			return got == 0 ? 0 : -errno;
		client->used += (size_t)got;
	}
}

/* Return: a line's object; NULL after an error on stderr if there is none. */
static json_t *client_receive(struct client *client)
{
	const char *line = NULL;
	json_error_t error;
	ssize_t size = client_line(client, &line);
	json_t *value;

	if (size == -EINTR)
		return NULL;
	if (size <= 0) {
		client_no_daemon(client->cli, size == 0 || size == -ECONNRESET
						      ? "sluiced closed the connection"
					      : size == -EAGAIN ? "sluiced does not answer"
								: strerror((int)-size));
		return NULL;
	}
	value = json_loadb(line, (size_t)size, 0, &error);
	if (!json_is_object(value)) {
		client_no_daemon(client->cli, "the answer is not from sluiced");
		json_decref(value);
		return NULL;
	}
	return value;
}

static void client_refused(const struct cli *cli, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *errors = json_object_get(json_object_get(answer, "result"), "errors");
	const json_t *line;
	size_t i;

	json_array_foreach(errors, i, line)
		fprintf(cli->err, "%s\n", json_string_value(line) ? json_string_value(line) : "");
	cli_refuse(cli, "%s", error != NULL ? error : "refused");
}

static int client_answers(struct client *client, void (*progress)(void *arg, const json_t *line),
			  void *arg, json_t **result)
{
	const json_t *ok;
	json_t *answer;
	bool done;

	for (;;) {
		answer = client_receive(client);
		if (answer == NULL)
			return CLI_NO_DAEMON;
		ok = json_object_get(answer, "ok");
		if (progress != NULL)
			progress(arg, ok != NULL ? NULL : answer);
		if (ok != NULL)
			break;
		json_decref(answer);
	}
	done = json_is_true(ok);
	*result = json_incref(json_object_get(answer, "result"));
	if (!done)
		client_refused(client->cli, answer);
	json_decref(answer);
	return done ? CLI_DONE : CLI_REFUSED;
}

/* Return: CLI_DONE if it is connected and has got @request, which is taken. */
static int client_begin(struct client *client, json_t *request)
{
	int code = client_connect(client);

	if (code == CLI_DONE)
		return client_send(client, request);
	json_decref(request);
	return code;
}

static void client_end(struct client *client)
{
	free(client->buffer);
	if (client->fd >= 0)
		close(client->fd);
}

int client_ask(const struct cli *cli, json_t *request,
	       void (*progress)(void *arg, const json_t *line), void *arg, json_t **result)
{
	struct client client = { .cli = cli, .fd = -1 };
	int code = client_begin(&client, request);

	*result = NULL;
	if (code == CLI_DONE)
		code = client_answers(&client, progress, arg, result);
	client_end(&client);
	return code;
}

static int client_lines(struct client *client, const struct client_follow *follow)
{
	bool go_on = true;
	json_t *answer;

	while (go_on && !client_is_stopped(client)) {
		answer = client_receive(client);
		if (answer == NULL)
			return client_is_stopped(client) ? CLI_DONE : CLI_NO_DAEMON;
		if (json_object_get(answer, "ok") != NULL) {
			client_refused(client->cli, answer);
			json_decref(answer);
			return CLI_REFUSED;
		}
		go_on = follow->on_line(follow->arg, answer);
		json_decref(answer);
	}
	return CLI_DONE;
}

int client_follow(const struct cli *cli, json_t *request, const struct client_follow *follow)
{
	struct client client = { .cli = cli, .fd = -1, .stop = follow->stop };
	int code = client_begin(&client, request);

	if (code == CLI_DONE)
		code = client_lines(&client, follow);
	client_end(&client);
	return code;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/api/call.h"
#include "controlplane/api/protocol.h"

/* No command starts while more than this waits for the client to read it. */
#define CONTROL_OUTPUT_MAX (64u << 10)
/* And a command in progress sends no progress lines then. */
#define CONTROL_PROGRESS_MAX 4096
#define CONTROL_DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(9))

struct control_session {
	struct control_session_options options;
	char who[64];
	struct control_call call;
	struct event *timer;
	size_t scanned; /* leading bytes of the input that have no newline */
	uint64_t commands;
	bool large; /* a large line has begun, and is counted in the load */
	bool busy;
	bool holds_wait; /* of options.load */
	bool holds_follow;
	bool holds_write;
	bool running;
	bool input_ended;
	bool over;
};

static void control_session_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control_session *session = arg;

	(void)fd;
	(void)what;
	session->call.on_timer(&session->call);
}

struct control_session *control_session_create(const struct control_session_options *options)
{
	struct control_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->options = *options;
	snprintf(session->who, sizeof(session->who), "%s", options->who);
	session->timer = evtimer_new(options->base, control_session_on_timer, session);
	if (session->timer == NULL) {
		free(session);
		errno = ENOMEM;
		return NULL;
	}
	return session;
}

static void control_session_leave_large(struct control_session *session)
{
	if (session->large)
		session->options.load->large_sessions--;
	session->large = false;
}

static void control_session_release(struct control_session *session)
{
	session->options.load->waits -= session->holds_wait;
	session->options.load->follows -= session->holds_follow;
	session->options.load->writes -= session->holds_write;
	session->holds_wait = false;
	session->holds_follow = false;
	session->holds_write = false;
}

void control_session_destroy(struct control_session *session)
{
	if (session == NULL)
		return;
	if (session->busy)
		control_call_fini(&session->call);
	control_session_release(session);
	control_session_leave_large(session);
	event_free(session->timer);
	free(session);
}

static void control_session_free_text(const void *data, size_t size, void *arg)
{
	(void)data;
	(void)size;
	free(arg);
}

/* Takes @line. A client that misses a line would wait forever: without memory the session ends. */
static void control_session_send(struct control_session *session, json_t *line)
{
	struct evbuffer *output = session->options.output;
	char *text = line == NULL ? NULL : json_dumps(line, CONTROL_DUMP_FLAGS);

	json_decref(line);
	if (text == NULL) {
		session->over = true;
		return;
	}
	if (evbuffer_add_reference(output, text, strlen(text), control_session_free_text, text) !=
	    0) {
		free(text);
		session->over = true;
		return;
	}
	if (evbuffer_add(output, "\n", 1) != 0)
		session->over = true;
}

/* A message that was truncated, or contains a file's name, may not be UTF-8. */
static json_t *control_session_text(const char *text)
{
	json_t *value = json_string(text);
	char ascii[CONTROL_ERROR_MAX];

	if (value != NULL)
		return value;
	snprintf(ascii, sizeof(ascii), "%s", text);
	for (char *c = ascii; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	return json_string(ascii);
}

/* Takes @result, which may be NULL. */
static json_t *control_session_refusal(const char *code, const char *error, json_t *result)
{
	return json_pack("{s:b, s:s, s:o, s:o*}", "ok", 0, "code", code, "error",
			 control_session_text(error), "result", result);
}

static void control_session_refuse(struct control_session *session, const char *code,
				   const char *error)
{
	control_session_send(session, control_session_refusal(code, error, NULL));
}

/* Whether a line may be that long. Return: 0, or -1 and the session is over. */
static int control_session_enter_large(struct control_session *session)
{
	char head[CONTROL_HEAD_MAX];
	ev_ssize_t size = evbuffer_copyout(session->options.input, head, sizeof(head));

	if (size < 0 || !control_request_is_large(session->options.verbs, head, (size_t)size)) {
		control_session_refuse(session, CONTROL_CODE_REQUEST, "the request is too long");
		session->over = true;
		return -1;
	}
	if (session->options.load->large_sessions >= CONTROL_LARGE_SESSIONS_MAX) {
		control_session_refuse(session, CONTROL_CODE_BUSY,
				       "too many configurations at a time, try again");
		session->over = true;
		return -1;
	}
	session->large = true;
	session->options.load->large_sessions++;
	return 0;
}

/* Return: bytes of the first line; -1: it is incomplete, or the session is over. */
static ev_ssize_t control_session_line(struct control_session *session)
{
	struct evbuffer *input = session->options.input;
	size_t length = evbuffer_get_length(input);
	struct evbuffer_ptr from, newline;

	if (length == 0 || evbuffer_ptr_set(input, &from, session->scanned, EVBUFFER_PTR_SET) != 0)
		return -1;
	newline = evbuffer_search(input, "\n", 1, &from);
	if (newline.pos < 0)
		session->scanned = length;
	else
		length = (size_t)newline.pos;
	if (length > CONTROL_LINE_MAX && !session->large &&
	    control_session_enter_large(session) != 0)
		return -1;
	if (length > CONTROL_LINE_LARGE_MAX) {
		control_session_refuse(session, CONTROL_CODE_REQUEST, "the request is too long");
		session->over = true;
		return -1;
	}
	return newline.pos;
}

static bool control_session_is_blank(const unsigned char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

/* Commands that wait have a lower limit and never take all places. Return: 0, or -EBUSY and why. */
static int control_session_hold(struct control_session *session, char error[CONTROL_ERROR_MAX])
{
	const struct control_request *request = &session->call.request;
	struct control_load *load = session->options.load;
	bool waits = request->changes && request->waits;
	bool follows = !request->changes && request->waits;

	if (!request->changes && !request->waits)
		return 0;
	if (load->writes >= CONTROL_WRITES_MAX) {
		snprintf(error, CONTROL_ERROR_MAX, "too many commands in progress, try again");
		return -EBUSY;
	}
	if (follows && load->follows >= CONTROL_FOLLOWS_MAX) {
		snprintf(error, CONTROL_ERROR_MAX,
			 "too many clients follow the %s: try again, or without -f",
			 request->verb->name);
		return -EBUSY;
	}
	if (waits && load->waits >= CONTROL_WAITS_MAX) {
		snprintf(error, CONTROL_ERROR_MAX,
			 "too many clients wait for a %s: try again, or without --wait",
			 request->verb->name);
		return -EBUSY;
	}
	session->holds_write = true;
	session->holds_wait = waits;
	session->holds_follow = follows;
	load->writes++;
	load->waits += waits;
	load->follows += follows;
	return 0;
}

static void control_session_progress(struct control_session *session, json_t *line)
{
	if (evbuffer_get_length(session->options.output) > CONTROL_PROGRESS_MAX)
		json_decref(line);
	else
		control_session_send(session, line);
}

static bool control_session_has_room(const struct control_session *session)
{
	return evbuffer_get_length(session->options.output) <= CONTROL_OUTPUT_MAX;
}

/* Takes @answer. */
static void control_session_finish(struct control_session *session, json_t *answer)
{
	control_session_send(session, answer);
	control_call_fini(&session->call);
	control_session_release(session);
	session->busy = false;
	session->commands++;
	control_session_run(session);
}

static void control_session_done(struct control_session *session, json_t *result)
{
	control_session_finish(session, json_pack("{s:b, s:o}", "ok", 1, "result", result));
}

static void control_session_refused(struct control_session *session, const char *code,
				    const char *error, json_t *result)
{
	control_session_finish(session, control_session_refusal(code, error, result));
}

static const struct control_call_ends control_session_ends = {
	.progress = control_session_progress,
	.line = control_session_send,
	.has_room = control_session_has_room,
	.done = control_session_done,
	.refused = control_session_refused,
};

static void control_session_start(struct control_session *session, uint64_t started_ns)
{
	struct control_call *call = &session->call;
	char error[CONTROL_ERROR_MAX];

	if (control_session_hold(session, error) != 0) {
		control_request_fini(&call->request);
		control_session_refuse(session, CONTROL_CODE_BUSY, error);
		session->commands++;
		return;
	}
	session->busy = true;
	call->session = session;
	call->ops = session->options.ops;
	call->ops_arg = session->options.ops_arg;
	call->who = session->who;
	call->uid = session->options.uid;
	call->started_ns = started_ns;
	call->timer = session->timer;
	call->ends = &control_session_ends;
	call->request.verb->run(call);
}

static void control_session_take(struct control_session *session, size_t size)
{
	struct evbuffer *input = session->options.input;
	uint64_t started_ns = clock_now_ns();
	const unsigned char *line = evbuffer_pullup(input, (ev_ssize_t)size + 1);
	char error[CONTROL_ERROR_MAX];
	bool blank;
	int err;

	session->scanned = 0;
	if (line == NULL) {
		session->over = true;
		return;
	}
	blank = control_session_is_blank(line, size);
	session->call = (struct control_call){ 0 };
	err = blank ? 0
		    : control_request_parse(session->options.verbs, (const char *)line, size,
					    &session->call.request, error);
	evbuffer_drain(input, size + 1);
	control_session_leave_large(session);
	if (blank)
		return;
	if (err == 0) {
		control_session_start(session, started_ns);
		return;
	}
	log_debug("control: %s: bad request: %s", session->who, error);
	control_request_fini(&session->call.request);
	control_session_refuse(session, CONTROL_CODE_REQUEST, error);
	session->commands++;
}

void control_session_run(struct control_session *session)
{
	struct evbuffer *output = session->options.output;

	if (session->running)
		return;
	session->running = true;
	if (session->busy && session->call.on_room != NULL && control_session_has_room(session))
		session->call.on_room(&session->call);
	while (!session->busy && !session->over &&
	       evbuffer_get_length(output) <= CONTROL_OUTPUT_MAX) {
		ev_ssize_t size = control_session_line(session);

		if (size < 0) {
			session->over = session->over || session->input_ended;
			break;
		}
		control_session_take(session, (size_t)size);
	}
	session->running = false;
	session->options.changed(session->options.arg);
}

void control_session_end_input(struct control_session *session)
{
	session->input_ended = true;
	control_session_run(session);
}

bool control_session_busy(const struct control_session *session)
{
	return session->busy;
}

bool control_session_over(const struct control_session *session)
{
	return session->over && !session->busy;
}

size_t control_session_input_max(const struct control_session *session)
{
	/* One byte more, so that a line that is too long is detected. */
	return (session->large ? CONTROL_LINE_LARGE_MAX : CONTROL_LINE_MAX) + 2;
}

uint64_t control_session_commands(const struct control_session *session)
{
	return session->commands;
}

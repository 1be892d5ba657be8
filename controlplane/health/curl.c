/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/curl.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

struct health_multi {
	struct event_base *base;
	const struct health_multi_ops *ops;
	CURLM *handle;
	struct event *timer;
};

static void multi_drain(struct health_multi *multi)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(multi->handle, &left))) {
		/* msg becomes invalid when the callee removes the transfer */
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		multi->ops->done(easy, code);
	}
}

static void multi_on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct health_multi *multi = arg;
	int mask = 0;
	int running;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(multi->handle, fd, mask, &running);
	multi_drain(multi);
}

static void multi_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health_multi *multi = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
	multi_drain(multi);
}

/* Called by libcurl with the event stored with the socket, NULL for a new socket. */
static void multi_watch(struct health_multi *multi, curl_socket_t fd, int what, struct event *ev)
{
	short events = EV_PERSIST;

	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;

	if (!ev) {
		ev = event_new(multi->base, fd, events, multi_on_socket, multi);
		if (!ev)
			return;
		if (curl_multi_assign(multi->handle, fd, ev) != CURLM_OK) {
			event_free(ev);
			return;
		}
	} else {
		event_del(ev);
		event_assign(ev, multi->base, fd, events, multi_on_socket, multi);
	}
	event_add(ev, NULL);
}

/*
 * Always 0: any other value would end every transfer of the multi for good. A socket that could not
 * be watched for want of memory runs into its transfer's timeout instead.
 */
static int multi_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct health_multi *multi = arg;
	struct event *ev = socket_arg;

	(void)easy;
	if (what != CURL_POLL_REMOVE) {
		multi_watch(multi, fd, what, ev);
	} else if (ev) {
		event_free(ev);
		curl_multi_assign(multi->handle, fd, NULL);
	}
	return 0;
}

static int multi_timer(CURLM *handle, long timeout_ms, void *arg)
{
	struct health_multi *multi = arg;
	struct timeval tv = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};

	(void)handle;
	if (timeout_ms < 0)
		event_del(multi->timer);
	else
		event_add(multi->timer, &tv);
	return 0;
}

struct health_multi *health_multi_create(struct event_base *base,
					 const struct health_multi_ops *ops)
{
	struct health_multi *multi = calloc(1, sizeof(*multi));

	if (!multi)
		return NULL;
	multi->base = base;
	multi->ops = ops;
	multi->timer = evtimer_new(base, multi_on_timer, multi);
	if (!multi->timer)
		goto err_multi;
	multi->handle = curl_multi_init();
	if (!multi->handle)
		goto err_timer;

	curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, multi_socket);
	curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, multi_timer);
	curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
	return multi;

err_timer:
	event_free(multi->timer);
err_multi:
	free(multi);
	errno = ENOMEM;
	return NULL;
}

void health_multi_destroy(struct health_multi *multi)
{
	if (!multi)
		return;
	/* libcurl may still call both functions while it closes the remaining connections */
	curl_multi_cleanup(multi->handle);
	event_free(multi->timer);
	free(multi);
}

int health_multi_add(struct health_multi *multi, CURL *easy)
{
	return curl_multi_add_handle(multi->handle, easy) == CURLM_OK ? 0 : -ENOMEM;
}

void health_multi_remove(struct health_multi *multi, CURL *easy)
{
	curl_multi_remove_handle(multi->handle, easy);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers with metrics. One part of one of them is made in a turn of the loop, and the next part of
 * an answer when its last one has left for the client: so neither time nor memory depend on how
 * much is asked for, or on how slowly it is read.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "controlplane/metrics/scrape.h"
#include "controlplane/publish/publish.h"
#include "controlplane/web/internal.h"

static const char *const types[] = {
	[METRIC_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
	[METRIC_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

struct web_answer {
	struct web_scrapes *scrapes;
	struct evhttp_request *request;
	struct metric_scrape scrape;
	bool ready; /* for the next part */
	TAILQ_ENTRY(web_answer) entry;
};

struct web_scrapes {
	struct web *web;
	struct event *turn; /* pending while an answer is ready */
	struct evbuffer *part;
	struct metric_text text;
	TAILQ_HEAD(web_answers, web_answer) answers; /* in the order of their turns */
};

static void answer_free(struct web_answer *answer)
{
	TAILQ_REMOVE(&answer->scrapes->answers, answer, entry);
	free(answer);
}

/* Before the answer has ended. A request whose connection is lost belongs to whoever answers it. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
	struct web_answer *answer = arg;

	(void)connection;
	if (!evhttp_request_get_connection(answer->request))
		evhttp_send_reply_end(answer->request);
	answer_free(answer);
}

/* A timer of no time: libevent looks for other events before. */
static void turn_arm(struct web_scrapes *scrapes)
{
	static const struct timeval now;

	evtimer_add(scrapes->turn, &now);
}

static void on_sent(struct evhttp_connection *connection, void *arg)
{
	struct web_answer *answer = arg;

	(void)connection;
	answer->ready = true;
	turn_arm(answer->scrapes);
}

static void answer_end(struct web_answer *answer)
{
	struct evhttp_request *request = answer->request;

	evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
	answer_free(answer);
	evhttp_send_reply_end(request);
}

static void answer_step(struct web_answer *answer)
{
	struct web_scrapes *scrapes = answer->scrapes;
	const uint64_t epoch = *scrapes->web->daemon->applied;
	const bool more = metric_scrape_next(&answer->scrape, epoch, &scrapes->text);

	answer->ready = false;
	evbuffer_add(scrapes->part, scrapes->text.data, scrapes->text.size);
	if (more && scrapes->text.size == 0)
		answer->ready = true;
	else if (more)
		evhttp_send_reply_chunk_with_cb(answer->request, scrapes->part, on_sent, answer);
	else if (scrapes->text.size)
		evhttp_send_reply_chunk(answer->request, scrapes->part);
	if (!more)
		answer_end(answer);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct web_scrapes *scrapes = arg;
	struct web_answer *answer;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(answer, &scrapes->answers, entry)
		if (answer->ready)
			break;
	if (!answer)
		return;
	TAILQ_REMOVE(&scrapes->answers, answer, entry);
	TAILQ_INSERT_TAIL(&scrapes->answers, answer, entry);
	turn_arm(scrapes);
	answer_step(answer);
}

struct web_scrapes *web_scrapes_create(struct web *web)
{
	struct web_scrapes *scrapes = calloc(1, sizeof(*scrapes));

	if (!scrapes)
		return NULL;
	scrapes->web = web;
	TAILQ_INIT(&scrapes->answers);
	scrapes->turn = evtimer_new(web->base, on_turn, scrapes);
	scrapes->part = evbuffer_new();
	if (scrapes->turn && scrapes->part)
		return scrapes;
	web_scrapes_destroy(scrapes);
	return NULL;
}

void web_scrapes_destroy(struct web_scrapes *scrapes)
{
	struct web_answer *answer, *next;

	if (!scrapes)
		return;
	for (answer = TAILQ_FIRST(&scrapes->answers); answer; answer = next) {
		next = TAILQ_NEXT(answer, entry);
		free(answer);
	}
	if (scrapes->turn)
		event_free(scrapes->turn);
	if (scrapes->part)
		evbuffer_free(scrapes->part);
	free(scrapes);
}

void web_scrape(struct web *web, struct evhttp_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *accept =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");
	struct web_answer *answer;
	struct metric_query query;

	if (metric_query_parse(evhttp_uri_get_query(uri), web->sources, web->source_count,
			       &query)) {
		web_refuse(web, request, HTTP_BADREQUEST,
			   "expected ?scope=TABLE (docs/metrics.md has the tables) or ?no-maint");
		return;
	}
	answer = calloc(1, sizeof(*answer));
	if (!answer) {
		web_refuse(web, request, HTTP_SERVUNAVAIL, "no memory");
		return;
	}
	answer->scrapes = web->scrapes;
	answer->request = request;
	answer->scrape = (struct metric_scrape){
		.sources = web->sources,
		.count = web->source_count,
		.format = metric_query_format(accept),
		.query = query,
	};
	web_headers(request, types[answer->scrape.format]);
	if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
		free(answer);
		evhttp_send_reply(request, HTTP_OK, NULL, NULL);
		return;
	}
	/* The counters of XDP programs are read now, once for the whole answer. */
	publish_refresh(web->daemon->publish);
	answer->ready = true;
	TAILQ_INSERT_TAIL(&web->scrapes->answers, answer, entry);
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, answer);
	evhttp_send_reply_start(request, HTTP_OK, NULL);
	turn_arm(web->scrapes);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The status page's stream of server-sent events. All pages get the same: each second what has
 * changed, and everything when a page joins. Instances are looked at in parts, one in a turn of the
 * loop.
 * Source: WHATWG HTML, section 9.2.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "config/base/clock.h"
#include "controlplane/api/stats.h"
#include "controlplane/events/events.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/publish.h"
#include "controlplane/web/internal.h"
#include "controlplane/web/rows.h"
#include "controlplane/web/traffic.h"

#define PAGES_MAX 16
#define WRITE_S 20
/* What a page may have unread, before its connection is closed: more than 4,096 instances take. */
#define UNREAD_MAX (4u << 20)
#define PART_INSTANCES 256u
/* Of those before a page joins. */
#define EVENTS_SHOWN 50u
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6))

struct page {
	struct live *live;
	struct evhttp_request *request;
	TAILQ_ENTRY(page) entry;
};

/* What a page shows of an instance. */
struct shown {
	uint64_t flows;
	double new_per_s;
	uint32_t slots, weight, slot_count;
	uint8_t health, admin;
	uint32_t reason; /* a hash */
};

struct live {
	struct web *web;
	struct event *timer; /* every second */
	struct event *turn;  /* pending while instances are to be looked at */
	struct evbuffer *message;
	struct traffic traffic;
	TAILQ_HEAD(, page) pages;
	uint32_t page_count;
	bool all; /* the next look sends everything */
	bool resend;
	uint64_t event; /* the last one sent */
	uint64_t epoch;
	uint32_t pool, instance; /* where the look at the instances is */
	json_t *plan;		 /* as sent last */
	struct stat file;	 /* that it is of */
	uint64_t file_epoch;
	struct shown shown[LB_INSTANCES_MAX];
};

static void page_free(struct page *page)
{
	TAILQ_REMOVE(&page->live->pages, page, entry);
	page->live->page_count--;
	free(page);
}

/* A request whose connection is lost belongs to whoever answers it. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
	struct page *page = arg;

	(void)connection;
	if (!evhttp_request_get_connection(page->request))
		evhttp_send_reply_end(page->request);
	page_free(page);
}

static struct bufferevent *stream_of(const struct page *page)
{
	return evhttp_connection_get_bufferevent(evhttp_request_get_connection(page->request));
}

/* Takes @data. */
static void send_all(struct live *live, const char *event, json_t *data)
{
	char *text = data ? json_dumps(data, DUMP_FLAGS) : NULL;
	struct page *page;

	json_decref(data);
	TAILQ_FOREACH(page, &live->pages, entry) {
		struct bufferevent *stream = stream_of(page);

		if (!text)
			break;
		if (evbuffer_get_length(bufferevent_get_output(stream)) > UNREAD_MAX) {
			shutdown(bufferevent_getfd(stream), SHUT_RDWR);
			continue;
		}
		evbuffer_add_printf(live->message, "event: %s\ndata: ", event);
		evbuffer_add(live->message, text, strlen(text));
		evbuffer_add(live->message, "\n\n", 2);
		evhttp_send_reply_chunk(page->request, live->message);
	}
	free(text);
}

/* ---- Instances ---- */

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

static bool is_same(const struct shown *a, const struct shown *b)
{
	/* Rates are computed the same way each time, from the same counters. */
	return a->flows == b->flows && a->new_per_s >= b->new_per_s &&
	       a->new_per_s <= b->new_per_s && a->slots == b->slots &&
	       a->slot_count == b->slot_count && a->weight == b->weight && a->health == b->health &&
	       a->admin == b->admin && a->reason == b->reason;
}

/* Return: whether a page shows something else of it than before. */
static bool is_changed(struct live *live, const struct model_instance *instance,
		       const struct stats_instance *figures)
{
	struct shown *before = &live->shown[instance->index];
	const struct shown now = {
		.flows = figures->flows,
		.new_per_s = figures->new_per_s,
		.slots = instance->slots,
		.slot_count = instance->pool->slot_count,
		.weight = instance->weight,
		.health = (uint8_t)model_health_in_force(instance),
		.admin = (uint8_t)model_admin_in_force(instance),
		.reason = hash_of(model_reason(instance)) ^ hash_of(instance->next_hop.reason),
	};

	if (!live->all && is_same(&now, before))
		return false;
	*before = now;
	return true;
}

/* Up to PART_INSTANCES from where the look is. Return: whether there are more. */
static bool look(struct live *live)
{
	struct control_daemon *daemon = live->web->daemon;
	json_t *rows = json_array();
	uint32_t looked = 0;

	while (looked < PART_INSTANCES && live->pool < model_pool_count(daemon->model)) {
		const struct model_pool *pool = model_pool_at(daemon->model, live->pool);
		const struct model_instance *instance;
		struct stats_instance figures;

		if (live->instance >= pool->instance_count) {
			live->pool++;
			live->instance = 0;
			continue;
		}
		instance = pool->instances[live->instance++];
		looked++;
		stats_instance_get(daemon->stats, instance->index, &figures);
		if (instance->index < LB_INSTANCES_MAX && is_changed(live, instance, &figures))
			json_array_append_new(rows, rows_instance(daemon, instance, &figures));
	}
	if (json_array_size(rows) > 0)
		send_all(live, "rows", rows);
	else
		json_decref(rows);
	return live->pool < model_pool_count(daemon->model);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now;
	struct live *live = arg;

	(void)fd;
	(void)what;
	if (live->epoch != *live->web->daemon->applied)
		return; /* the next second begins anew */
	if (look(live))
		evtimer_add(live->turn, &now);
	else
		live->all = false;
}

/* ---- Each second ---- */

/* The plan is made again only for another file or another configuration: it builds tables. */
static void plan_follow(struct live *live, bool all)
{
	struct control_daemon *daemon = live->web->daemon;
	struct stat file = { .st_size = 0 };
	bool same;

	(void)stat(daemon->config_path, &file);
	same = file.st_ino == live->file.st_ino && file.st_size == live->file.st_size &&
	       file.st_mtim.tv_sec == live->file.st_mtim.tv_sec &&
	       file.st_mtim.tv_nsec == live->file.st_mtim.tv_nsec &&
	       live->file_epoch == *daemon->applied;
	if (!same) {
		live->file = file;
		live->file_epoch = *daemon->applied;
		json_decref(live->plan);
		live->plan = rows_plan(daemon);
	}
	if (!same || all)
		send_all(live, "plan", json_incref(live->plan));
}

static void events_follow(struct live *live, bool all)
{
	const struct events *events = live->web->daemon->events;
	const uint64_t last = events ? events_last(events) : 0;

	if (all)
		live->event = last > EVENTS_SHOWN ? last - EVENTS_SHOWN : 0;
	if (live->event < last)
		send_all(live, "events", rows_events(live->web->daemon, &live->event));
}

static void send_second(struct live *live, bool sampled)
{
	static const struct timeval now;
	struct control_daemon *daemon = live->web->daemon;
	const bool fresh = live->epoch != *daemon->applied;
	const bool all = live->resend || fresh;

	live->resend = false;
	if (fresh)
		send_all(live, "reset", json_null());
	live->epoch = *daemon->applied;
	if (all) {
		send_all(live, "services", rows_services(daemon));
		send_all(live, "history", rows_history(&live->traffic));
	} else if (sampled) {
		send_all(live, "sample", rows_sample(&live->traffic));
	}
	send_all(live, "node", rows_node(daemon));
	send_all(live, "drops", rows_drops(daemon));
	send_all(live, "pools", rows_pools(daemon));
	events_follow(live, all);
	plan_follow(live, all);
	live->all = live->all || all;
	live->pool = 0;
	live->instance = 0;
	evtimer_add(live->turn, &now);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct live *live = arg;
	struct control_daemon *daemon = live->web->daemon;
	struct stats_node figures;
	bool sampled;

	(void)fd;
	(void)what;
	stats_node_get(daemon->stats, &figures);
	sampled = figures.connected && traffic_look(&live->traffic, &figures, clock_now_ns());
	if (live->page_count > 0)
		send_second(live, sampled);
}

/* ---- Pages ---- */

struct live *web_live_create(struct web *web)
{
	const struct timeval second = { .tv_sec = 1 };
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return NULL;
	live->web = web;
	TAILQ_INIT(&live->pages);
	live->message = evbuffer_new();
	live->turn = evtimer_new(web->base, on_turn, live);
	live->timer = event_new(web->base, -1, EV_PERSIST, on_second, live);
	if (live->message && live->turn && live->timer && event_add(live->timer, &second) == 0)
		return live;
	web_live_destroy(live);
	return NULL;
}

void web_live_destroy(struct live *live)
{
	struct page *page, *next;

	if (!live)
		return;
	for (page = TAILQ_FIRST(&live->pages); page; page = next) {
		next = TAILQ_NEXT(page, entry);
		free(page);
	}
	if (live->timer)
		event_free(live->timer);
	if (live->turn)
		event_free(live->turn);
	json_decref(live->plan);
	if (live->message)
		evbuffer_free(live->message);
	free(live);
}

void web_live(struct web *web, struct evhttp_request *request)
{
	const struct timeval stall = { .tv_sec = WRITE_S };
	struct live *live = web->live;
	struct page *page;

	if (live->page_count >= PAGES_MAX) {
		web_refuse(web, request, HTTP_SERVUNAVAIL, "too many status pages are open");
		return;
	}
	web_headers(request, "text/event-stream");
	if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
		evhttp_send_reply(request, HTTP_OK, NULL, NULL);
		return;
	}
	page = calloc(1, sizeof(*page));
	if (!page) {
		web_refuse(web, request, HTTP_SERVUNAVAIL, "no memory");
		return;
	}
	page->live = live;
	page->request = request;
	TAILQ_INSERT_TAIL(&live->pages, page, entry);
	live->page_count++;
	live->resend = true; /* within a second, however many join */
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, page);
	evhttp_send_reply_start(request, HTTP_OK, NULL);
	/* A page says nothing: only what is not read counts. */
	bufferevent_set_timeouts(stream_of(page), NULL, &stall);
}

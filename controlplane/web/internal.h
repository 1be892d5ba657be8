/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the HTTP server; all others include web.h. */
#ifndef CONTROLPLANE_WEB_INTERNAL_H
#define CONTROLPLANE_WEB_INTERNAL_H

#include <event2/http.h>

#include "controlplane/api/daemon.h"
#include "controlplane/metrics/metric.h"
#include "controlplane/metrics/query.h"
#include "controlplane/web/clients.h"
#include "controlplane/web/metrics.h"

struct live;
struct web_scrapes;

struct web {
	struct event_base *base;
	struct control_daemon *daemon;
	struct evhttp *http;
	struct web_clients *clients;
	struct web_listener *listener;
	struct web_scrapes *scrapes;
	struct live *live;
	struct web_stats stats;
	struct metric_source sources[METRIC_SOURCES_MAX];
	uint32_t source_count;
};

/* web/scrape.c: /metrics. */

struct web_scrapes *web_scrapes_create(struct web *web);
void web_scrapes_destroy(struct web_scrapes *scrapes); /* after evhttp_free(); NULL is allowed */

/** Answer a request for metrics. */
void web_scrape(struct web *web, struct evhttp_request *request);

/* web/page.c: the status page. */

void web_page(struct web *web, struct evhttp_request *request);

/* web/live.c: what the page shows. */

struct live *web_live_create(struct web *web);
void web_live_destroy(struct live *live); /* after evhttp_free(); NULL is allowed */
void web_live(struct web *web, struct evhttp_request *request);

/* web/listener.c: where it is served. */

struct web_listener *web_listener_create(struct event_base *base, struct evhttp *http,
					 struct web_clients *clients);
void web_listener_destroy(
	struct web_listener *listener); /* before evhttp_free(); NULL is allowed */
void web_listener_configure(struct web_listener *listener, const struct config_node *node);

/* web/reply.c: short answers. */

/** Set the headers that every answer has. */
void web_headers(struct evhttp_request *request, const char *type);

/** Answer with a line of text. */
void web_refuse(struct web *web, struct evhttp_request *request, int code, const char *why);

#endif

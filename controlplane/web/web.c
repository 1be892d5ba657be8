/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/web/internal.h"
#include "controlplane/web/sources.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define IDLE_S 90 /* without a byte, in either direction */

/* A scrape interval of up to a minute may keep its connection. */
static const struct web_client_limits limits = {
	.first_ms = 10000,
	.idle_ms = 75000,
	.busy_ms = 60000,
};

static const struct route {
	const char *path;
	bool stream; /* the answer has no end */
	void (*answer)(struct web *web, struct evhttp_request *request);
} routes[] = {
	{ "/", false, web_page },
	{ "/live", true, web_live },
	{ "/metrics", false, web_scrape },
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static void on_request(struct evhttp_request *request, void *arg)
{
	struct web *web = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const struct route *route = NULL;

	for (size_t i = 0; i < ROUTES; i++)
		if (path && strcmp(path, routes[i].path) == 0)
			route = &routes[i];
	web->stats.requests++;
	web_clients_request(web->clients, request, route && route->stream);
	if (route)
		route->answer(web, request);
	else
		web_refuse(web, request, HTTP_NOTFOUND, "there is no such page");
}

static int http_start(struct web *web)
{
	web->http = evhttp_new(web->base);
	if (!web->http)
		return -ENOMEM;
	evhttp_set_allowed_methods(web->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(web->http, HEADERS_MAX);
	evhttp_set_max_body_size(web->http, BODY_MAX);
	evhttp_set_timeout(web->http, IDLE_S);
	evhttp_set_gencb(web->http, on_request, web);
	web->clients = web_clients_create(web->base, &limits, &web->stats);
	if (!web->clients)
		return -ENOMEM;
	evhttp_set_bevcb(web->http, web_clients_on_accept, web->clients);
	return 0;
}

struct web *web_create(struct event_base *base, struct control_daemon *daemon)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return NULL;
	web->base = base;
	web->daemon = daemon;
	web->source_count = web_sources(daemon, &web->stats, web->sources);
	web->scrapes = web_scrapes_create(web);
	web->live = web_live_create(web);
	if (web->scrapes && web->live && !http_start(web))
		web->listener = web_listener_create(base, web->http, web->clients);
	if (web->listener)
		return web;
	web_destroy(web);
	errno = ENOMEM;
	return NULL;
}

void web_destroy(struct web *web)
{
	if (!web)
		return;
	web_listener_destroy(web->listener);
	if (web->http)
		evhttp_free(web->http);
	web_scrapes_destroy(web->scrapes);
	web_live_destroy(web->live);
	web_clients_destroy(web->clients);
	free(web);
}

void web_configure(struct web *web, const struct config_node *node)
{
	web_listener_configure(web->listener, node);
}

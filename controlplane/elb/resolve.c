/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/elb/resolve.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* A command waits for it. */
#define RESOLVE_TIMEOUT_S "2"
#define RESOLVE_ATTEMPTS "2"

struct resolve {
	struct event_base *base;
	struct evdns_base *dns;
	char *conf;
	unsigned int queries; /* in progress, also cancelled ones */
	bool ended;
};

struct resolve_query {
	struct resolve *resolve;
	struct evdns_getaddrinfo_request *request;
	void (*done)(void *arg, const struct config_address *address, const char *why);
	void *arg;
	bool starting;
	bool cancelled;
	bool finished;
	bool found;
	struct config_address address;
	const char *why; /* static */
};

static void resolve_free(struct resolve *resolve)
{
	if (!resolve->ended || resolve->queries > 0)
		return;
	evdns_base_free(resolve->dns, 0);
	free(resolve->conf);
	free(resolve);
}

struct resolve *resolve_create(struct event_base *base, const char *conf)
{
	struct resolve *resolve = calloc(1, sizeof(*resolve));

	if (!resolve)
		return NULL;
	/* Must not keep the event loop alive. */
	resolve->base = base;
	resolve->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	resolve->conf = strdup(conf);
	if (resolve->dns && resolve->conf)
		return resolve;
	if (resolve->dns)
		evdns_base_free(resolve->dns, 0);
	free(resolve->conf);
	free(resolve);
	errno = ENOMEM;
	return NULL;
}

void resolve_destroy(struct resolve *resolve)
{
	if (!resolve)
		return;
	resolve->ended = true;
	resolve_free(resolve);
}

static void resolve_take(const struct sockaddr *from, struct config_address *address)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;
	bool is_v4 = from->sa_family == AF_INET;

	*address = (struct config_address){ .family = is_v4 ? 4 : 6 };
	memcpy(address->bytes, is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr,
	       is_v4 ? sizeof(v4->sin_addr) : sizeof(v6->sin6_addr));
}

static bool resolve_choose(const struct evutil_addrinfo *list, struct config_address *address)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (const struct evutil_addrinfo *at = list; at; at = at->ai_next) {
			if (at->ai_family != families[i])
				continue;
			resolve_take(at->ai_addr, address);
			return true;
		}
	}
	return false;
}

static void resolve_end(struct resolve_query *query)
{
	struct resolve *resolve = query->resolve;

	if (!query->cancelled)
		query->done(query->arg, query->found ? &query->address : NULL, query->why);
	free(query);
	resolve->queries--;
	resolve_free(resolve);
}

static void resolve_on_answer(int result, struct evutil_addrinfo *list, void *arg)
{
	struct resolve_query *query = arg;

	query->found = result == 0 && resolve_choose(list, &query->address);
	query->why = query->found ? NULL : result ? evutil_gai_strerror(result) : "no address";
	if (list)
		evutil_freeaddrinfo(list);
	query->finished = true;
	if (!query->starting)
		resolve_end(query);
}

static void resolve_on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resolve_end(arg);
}

/* Servers may have changed; while queries are in progress they must stay. */
static void resolve_refresh(struct resolve *resolve)
{
	if (resolve->queries > 0)
		return;
	evdns_base_clear_nameservers_and_suspend(resolve->dns);
	/* What is read is added to these. */
	evdns_base_clear_host_addresses(resolve->dns);
	/* Names are whole: no search domains. */
	evdns_base_resolv_conf_parse(resolve->dns, DNS_OPTIONS_ALL & ~DNS_OPTION_SEARCH,
				     resolve->conf);
	evdns_base_set_option(resolve->dns, "timeout:", RESOLVE_TIMEOUT_S);
	evdns_base_set_option(resolve->dns, "attempts:", RESOLVE_ATTEMPTS);
	evdns_base_resume(resolve->dns);
}

struct resolve_query *resolve_start(struct resolve *resolve, const char *name,
				    void (*done)(void *arg, const struct config_address *address,
						 const char *why),
				    void *arg)
{
	const struct timeval at_once = { 0, 0 };
	const struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct resolve_query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	*query = (struct resolve_query){ .resolve = resolve, .done = done, .arg = arg };
	resolve_refresh(resolve);
	resolve->queries++;
	query->starting = true;
	query->request =
		evdns_getaddrinfo(resolve->dns, name, NULL, &hints, resolve_on_answer, query);
	query->starting = false;
	if (!query->finished ||
	    event_base_once(resolve->base, -1, EV_TIMEOUT, resolve_on_later, query, &at_once) == 0)
		return query;
	free(query);
	resolve->queries--;
	errno = ENOMEM;
	return NULL;
}

void resolve_cancel(struct resolve_query *query)
{
	query->cancelled = true;
	if (!query->finished)
		evdns_getaddrinfo_cancel(query->request);
}

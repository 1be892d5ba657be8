/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks and agents of a pool. */
#include <string.h>

#include "config/schema/schema.h"
#include "controlplane/cli/haproxy_writer.h"

#define CHECK_INTERVAL_MS 2000 /* HAProxy's defaults */
#define CHECK_RISE 2
#define CHECK_FALL 3
#define CHECK_STATUSES "200-399"
#define CHECK_TIMEOUT_MAX_MS 5000

static bool target_is_good(const char *text, struct config_reason *reason)
{
	struct config_check check = { .type = CONFIG_CHECK_TCP };
	const struct config_item *item = config_schema_find(CONFIG_SECTION_CHECK, "target");
	int rc = config_item_parse(item, text, &check, reason);

	config_check_fini(&check);
	return rc == 0;
}

const struct haproxy_check *haproxy_pool_check(const struct haproxy_proxy *pool)
{
	for (uint32_t i = 0; i < pool->server_count; i++)
		if (pool->servers[i].check.enabled)
			return &pool->servers[i].check;
	return NULL;
}

static bool text_is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool haproxy_check_is_same(const struct haproxy_check *a, const struct haproxy_check *b)
{
	return a->tls == b->tls && a->verify == b->verify && a->interval_ms == b->interval_ms &&
	       a->fast_ms == b->fast_ms && a->down_ms == b->down_ms && a->rise == b->rise &&
	       a->fall == b->fall && a->port == b->port && a->send_proxy == b->send_proxy &&
	       text_is_same(a->sni, b->sni) && text_is_same(a->ca_file, b->ca_file);
}

uint32_t haproxy_clamp(uint32_t value, uint32_t min, uint32_t max)
{
	return value < min ? min : value > max ? max : value;
}

static void write_check_times(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			      const struct haproxy_check *check)
{
	uint32_t interval = haproxy_clamp(
		check->interval_ms ? check->interval_ms : CHECK_INTERVAL_MS, 100, 300000);
	uint32_t timeout = pool->timeout_ms ? pool->timeout_ms : interval / 2;

	if (!pool->timeout_ms && timeout > CHECK_TIMEOUT_MAX_MS)
		timeout = CHECK_TIMEOUT_MAX_MS;
	if (timeout >= interval)
		timeout = interval - 10;
	fprintf(writer->to, ", interval: %ums, timeout: %ums", interval,
		haproxy_clamp(timeout, 50, 60000));
	if (check->fast_ms)
		fprintf(writer->to, ", fast_interval: %ums",
			haproxy_clamp(check->fast_ms, 100, 300000));
	if (check->down_ms)
		fprintf(writer->to, ", down_interval: %ums",
			haproxy_clamp(check->down_ms, 100, 300000));
	fprintf(writer->to, ", unhealthy: %u, healthy: %u",
		haproxy_clamp(check->fall ? check->fall : CHECK_FALL, 2, 10),
		haproxy_clamp(check->rise ? check->rise : CHECK_RISE, 2, 10));
}

static void note_check_limits(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			      const struct haproxy_check *check)
{
	uint32_t interval = check->interval_ms ? check->interval_ms : CHECK_INTERVAL_MS;
	uint32_t rise = check->rise ? check->rise : CHECK_RISE;
	uint32_t fall = check->fall ? check->fall : CHECK_FALL;

	if (rise != haproxy_clamp(rise, 2, 10) || fall != haproxy_clamp(fall, 2, 10))
		haproxy_write_comment(writer, "    ", pool->line, "rise, fall",
				      "taken to the nearest from 2 to 10");
	if (interval != haproxy_clamp(interval, 100, 300000))
		haproxy_write_comment(writer, "    ", pool->line, "inter",
				      "taken to the nearest from 100ms to 5m");
	if (pool->timeout_ms >= interval)
		haproxy_write_comment(writer, "    ", pool->line, "timeout check",
				      "must be less than the interval");
}

static void write_check_key(struct haproxy_writer *writer, const char *key, const char *value)
{
	if (!value)
		return;
	fprintf(writer->to, ", %s: ", key);
	haproxy_write_quoted(writer, value);
}

static void check_target(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			 const struct haproxy_check *check, char *target, size_t size)
{
	uint32_t port = check->port ? check->port : haproxy_pool_port(writer->haproxy, pool, 0);

	if (pool->probe == HAPROXY_PROBE_HTTP)
		snprintf(target, size, "%s:%u%s", check->tls ? "HTTPS" : "HTTP", port,
			 pool->path ? pool->path : "/");
	else
		snprintf(target, size, "%s:%u",
			 check->tls || pool->probe == HAPROXY_PROBE_SSL ? "SSL" : "TCP", port);
}

/* A value as it is, or NULL and a comment. */
static const char *check_value(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			       const char *key, const char *value)
{
	struct config_reason reason;

	if (!value || haproxy_check_takes(key, value, &reason, NULL))
		return value;
	haproxy_write_comment(writer, "    ", pool->line, value, reason.text);
	return NULL;
}

void haproxy_write_check(struct haproxy_writer *writer, const struct haproxy_proxy *pool)
{
	const struct haproxy_check *check = haproxy_pool_check(pool);
	bool http = pool->probe == HAPROXY_PROBE_HTTP;
	const char *host, *sni, *ca_file;
	struct config_reason reason;
	char target[CONFIG_PATH_MAX + 32];

	if (!check)
		return;
	check_target(writer, pool, check, target, sizeof(target));
	if (!target_is_good(target, &reason)) {
		haproxy_write_comment(writer, "    ", pool->line, target, reason.text);
		return;
	}
	note_check_limits(writer, pool, check);
	host = check_value(writer, pool, "host", http ? pool->host : NULL);
	sni = check_value(writer, pool, "sni", check->tls ? check->sni : NULL);
	ca_file = check_value(writer, pool, "ca_file",
			      check->tls && check->verify ? check->ca_file : NULL);
	fprintf(writer->to, "    checks:\n      - { target: ");
	haproxy_write_quoted(writer, target);
	write_check_times(writer, pool, check);
	if (http)
		write_check_key(writer, "expect", pool->expect ? pool->expect : CHECK_STATUSES);
	write_check_key(writer, "host", host);
	write_check_key(writer, "sni", sni);
	if (check->tls && check->verify)
		fprintf(writer->to, ", verify: true");
	write_check_key(writer, "ca_file", ca_file);
	if (check->send_proxy)
		fprintf(writer->to, ", send_proxy: true");
	fprintf(writer->to, " }\n");
}

/* ---- Agents ---- */

uint32_t haproxy_server_agent(const struct haproxy_server *server)
{
	return server->check.agent ? server->check.agent_port : 0;
}

/* The port of the agents of all servers; 0: they have none, or different ones. */
uint32_t haproxy_pool_agent(const struct haproxy_proxy *pool)
{
	for (uint32_t i = 1; i < pool->server_count; i++)
		if (haproxy_server_agent(&pool->servers[i]) !=
		    haproxy_server_agent(&pool->servers[0]))
			return 0;
	return pool->server_count ? haproxy_server_agent(&pool->servers[0]) : 0;
}

static const struct haproxy_server *pool_agent_first(const struct haproxy_proxy *pool)
{
	for (uint32_t i = 0; i < pool->server_count; i++)
		if (haproxy_server_agent(&pool->servers[i]))
			return &pool->servers[i];
	return NULL;
}

/* As in HAProxy, an agent is asked as often as the server is checked, unless agent-inter is given. */
static uint32_t agent_interval(const struct haproxy_check *check)
{
	uint32_t ms = check->agent_ms ? check->agent_ms : check->interval_ms;

	return haproxy_clamp(ms ? ms : CHECK_INTERVAL_MS, 100, 300000);
}

void haproxy_write_agents(struct haproxy_writer *writer, const struct haproxy_proxy *pool)
{
	const struct haproxy_server *first = pool_agent_first(pool);

	if (!first)
		return;
	if (haproxy_pool_agent(pool))
		fprintf(writer->to, "    agent: %u\n", haproxy_pool_agent(pool));
	fprintf(writer->to, "    agent_interval: %ums\n", agent_interval(&first->check));
}

void haproxy_note_agent(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			const struct haproxy_server *server)
{
	const struct haproxy_server *first = pool_agent_first(pool);

	if (server->check.agent && !server->check.agent_port)
		haproxy_write_comment(writer, "      ", server->line, "agent-check",
				      "needs agent-port");
	if (haproxy_server_agent(server) &&
	    agent_interval(&server->check) != agent_interval(&first->check))
		haproxy_write_comment(writer, "      ", server->line, "agent-inter",
				      "a pool's agents are all asked as often as the first one");
}

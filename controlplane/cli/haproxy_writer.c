/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/haproxy_writer.h"

#include <string.h>

void haproxy_write_comment(struct haproxy_writer *writer, const char *indent, uint32_t line,
			   const char *text, const char *reason)
{
	fprintf(writer->to, "%s# %s:%u: ", indent, writer->haproxy->file, line);
	haproxy_put_text(writer->to, text);
	fputs(": ", writer->to);
	haproxy_put_text(writer->to, reason);
	fputc('\n', writer->to);
}

void haproxy_write_quoted(struct haproxy_writer *writer, const char *text)
{
	fputc('"', writer->to);
	for (; *text; text++) {
		if (*text < ' ' || *text > '~') { /* a byte of Latin-1, as its character */
			fprintf(writer->to, "\\x%02x", (uint8_t)*text);
			continue;
		}
		if (*text == '"' || *text == '\\')
			fputc('\\', writer->to);
		fputc(*text, writer->to);
	}
	fputc('"', writer->to);
}

/* ---- Pools ---- */

bool haproxy_is_pool(const struct haproxy_proxy *proxy)
{
	return proxy->kind == HAPROXY_BACKEND ||
	       (proxy->kind == HAPROXY_LISTEN && proxy->server_count > 0);
}

struct haproxy_proxy *haproxy_pool_find(struct haproxy *haproxy, const char *name)
{
	for (uint32_t i = 0; name && i < haproxy->proxy_count; i++) {
		struct haproxy_proxy *proxy = &haproxy->proxies[i];

		if (haproxy_is_pool(proxy) && strcmp(proxy->name, name) == 0)
			return proxy;
	}
	return NULL;
}

struct haproxy_proxy *haproxy_pool_of(struct haproxy *haproxy, struct haproxy_proxy *proxy)
{
	if (proxy->kind != HAPROXY_FRONTEND && proxy->server_count > 0)
		return proxy;
	return haproxy_pool_find(haproxy, proxy->default_backend);
}

/* The first port that clients of a pool connect to; 0: none. */
uint32_t haproxy_pool_bind_port(struct haproxy *haproxy, const struct haproxy_proxy *pool)
{
	for (uint32_t i = 0; i < haproxy->proxy_count; i++) {
		struct haproxy_proxy *proxy = &haproxy->proxies[i];

		if ((proxy->kind == HAPROXY_LISTEN || proxy->kind == HAPROXY_FRONTEND) &&
		    proxy->bind_count > 0 && haproxy_pool_of(haproxy, proxy) == pool)
			return proxy->binds[0].first;
	}
	return 0;
}

uint32_t haproxy_server_port(const struct haproxy_server *server, uint32_t bind_port)
{
	return server->port ? server->port : (uint32_t)((int32_t)bind_port + server->port_add);
}

/* The port of its instances, which is the same for all of them; that of the first one. */
uint32_t haproxy_pool_port(struct haproxy *haproxy, const struct haproxy_proxy *pool,
			   uint32_t bind_port)
{
	if (!bind_port)
		bind_port = haproxy_pool_bind_port(haproxy, pool);
	return pool->server_count ? haproxy_server_port(&pool->servers[0], bind_port) : bind_port;
}

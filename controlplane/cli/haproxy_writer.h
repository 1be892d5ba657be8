/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files that write the converted configuration. */
#ifndef CONTROLPLANE_CLI_HAPROXY_WRITER_H
#define CONTROLPLANE_CLI_HAPROXY_WRITER_H

#include "controlplane/cli/haproxy.h"

struct haproxy_writer {
	struct haproxy *haproxy;
	const struct haproxy_wish *wish;
	FILE *to;
	bool any; /* entries of the mapping being written */
};

void haproxy_write_comment(struct haproxy_writer *writer, const char *indent, uint32_t line,
			   const char *text, const char *reason);
void haproxy_write_quoted(struct haproxy_writer *writer, const char *text);

/** Whether a section becomes a pool, the first one of a name, and the one that a proxy sends to. */
bool haproxy_is_pool(const struct haproxy_proxy *proxy);
struct haproxy_proxy *haproxy_pool_find(struct haproxy *haproxy, const char *name);
struct haproxy_proxy *haproxy_pool_of(struct haproxy *haproxy, struct haproxy_proxy *proxy);

/** The first port that clients of a pool connect to; 0: none. */
uint32_t haproxy_pool_bind_port(struct haproxy *haproxy, const struct haproxy_proxy *pool);
uint32_t haproxy_server_port(const struct haproxy_server *server, uint32_t bind_port);

/** The port of a pool's instances, which is the same for all of them; that of the first one. */
uint32_t haproxy_pool_port(struct haproxy *haproxy, const struct haproxy_proxy *pool,
			   uint32_t bind_port);

/* haproxy_write_check.c */

/** The check of a pool's instances, that of the first server with one; NULL: none has. */
const struct haproxy_check *haproxy_pool_check(const struct haproxy_proxy *pool);
bool haproxy_check_is_same(const struct haproxy_check *a, const struct haproxy_check *b);
uint32_t haproxy_clamp(uint32_t value, uint32_t min, uint32_t max);
void haproxy_write_check(struct haproxy_writer *writer, const struct haproxy_proxy *pool);

/** The port of a server's agent, and of the agents of all servers if it is the same; 0: none. */
uint32_t haproxy_server_agent(const struct haproxy_server *server);
uint32_t haproxy_pool_agent(const struct haproxy_proxy *pool);
void haproxy_write_agents(struct haproxy_writer *writer, const struct haproxy_proxy *pool);
void haproxy_note_agent(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			const struct haproxy_server *server);

#endif

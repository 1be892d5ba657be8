/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an HAProxy configuration to a Sluice one. Every line is either converted or noted, with the
 * reason why it has no equivalent: nothing is dropped in silence.
 * Source: HAProxy 2.6 Configuration Manual, sections 2 to 5.
 */
#ifndef CONTROLPLANE_CLI_HAPROXY_H
#define CONTROLPLANE_CLI_HAPROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "config/error.h"

#define HAPROXY_WORDS_MAX 256 /* HAProxy takes 64 */

/** A line, cut into words: quotes and escapes are resolved, the comment is cut off. */
struct haproxy_line {
	uint32_t number;
	char *text;			    /* without indentation, comment and line feed */
	char *words[HAPROXY_WORDS_MAX + 1]; /* the last is NULL; in one allocation with words[0] */
	uint32_t count;
};

/**
 * Cut a line into words.
 * Return: 0; -EINVAL: @error says why; -ENOMEM. In each case haproxy_line_fini() is to be called.
 */
int haproxy_line_init(struct haproxy_line *line, uint32_t number, const char *text,
		      const char **error);
void haproxy_line_fini(struct haproxy_line *line);

/** A line or a word of it without equivalent. */
struct haproxy_note {
	uint32_t line;
	char *text;
	const char *reason;
};

struct haproxy_notes {
	struct haproxy_note *list;
	uint32_t count;
};

/* What of a server line concerns its check; unset: 0. */
struct haproxy_check {
	bool enabled;
	bool tls;
	bool verify;
	bool send_proxy;
	uint32_t interval_ms;
	uint32_t fast_ms;
	uint32_t down_ms;
	uint32_t rise;
	uint32_t fall;
	uint32_t port;
	bool agent; /* agent-check */
	uint32_t agent_port;
	uint32_t agent_ms;
	char *sni;
	char *ca_file;
};

struct haproxy_server {
	uint32_t line;
	char *name;
	char *address;
	uint32_t port;	  /* 0: that of the bind line */
	int32_t port_add; /* "+10": to that of the bind line */
	uint32_t weight;
	bool backup;
	bool disabled;
	bool proxy_v2;
	uint32_t slow_start_ms;
	uint32_t maxconn;
	struct haproxy_check check;
	struct haproxy_notes notes;
};

struct haproxy_bind {
	uint32_t line;
	char *address; /* "": every address of the machine */
	bool ipv6;
	uint32_t first; /* ports */
	uint32_t last;
};

enum haproxy_kind {
	HAPROXY_DEFAULTS,
	HAPROXY_LISTEN,
	HAPROXY_FRONTEND,
	HAPROXY_BACKEND,
};

/* What option ...chk asks for. */
enum haproxy_probe {
	HAPROXY_PROBE_TCP,
	HAPROXY_PROBE_HTTP,
	HAPROXY_PROBE_SSL,
};

struct haproxy_proxy {
	enum haproxy_kind kind;
	uint32_t line;
	char *name;
	bool http;
	enum haproxy_probe probe;
	char *path;
	char *host;
	char *expect;
	uint32_t timeout_ms; /* timeout check */
	bool all_backups;
	char *default_backend;
	struct haproxy_server servers_default; /* default-server */
	struct haproxy_bind *binds;
	uint32_t bind_count;
	struct haproxy_server *servers;
	uint32_t server_count;
	struct haproxy_notes notes;
};

struct haproxy {
	const char *file;
	struct haproxy_notes notes; /* of global, and of other sections */
	struct haproxy_proxy *proxies;
	uint32_t proxy_count;
	char **strings; /* all that were kept */
	uint32_t string_count;
	char error[256];
};

/**
 * Read a configuration.
 * Return: 0; -EINVAL: the first error is in haproxy->error; -errno. In each case haproxy_fini() is
 * to be called.
 */
int haproxy_read(struct haproxy *haproxy, FILE *from, const char *file);
void haproxy_fini(struct haproxy *haproxy);

/* haproxy_value.c. These three end the program if out of memory. */
char *haproxy_keep(struct haproxy *haproxy, const char *text);
void *haproxy_grow(void *list, uint32_t *count, size_t size);
void haproxy_note(struct haproxy *haproxy, struct haproxy_notes *notes, uint32_t line,
		  const char *reason, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/** "3s" or "300": milliseconds. Return: 0 or -EINVAL. */
int haproxy_duration(const char *text, uint32_t *ms);
int haproxy_number(const char *text, uint32_t max, uint32_t *value);

/** Write text that may not be UTF-8, or holds what YAML doesn't: Latin-1 is taken for what it means. */
void haproxy_put_text(FILE *to, const char *text);

#define HAPROXY_CONCEALED "..."

/** The text of a line for a comment: what follows a word that announces a secret is left out. */
const char *haproxy_line_shown(struct haproxy *haproxy, const struct haproxy_line *line);

/** Whether a word says that a secret follows. */
bool haproxy_is_secret(const char *word);

/** Cut "ADDRESS:PORT" at the port. Return: the port's text, "" without one. */
const char *haproxy_cut_port(char *text);

/** Whether a check takes a value of a text key. @statuses: it is a list of statuses; may be NULL. */
bool haproxy_check_takes(const char *key, const char *value, struct config_reason *reason,
			 bool *statuses);

/** haproxy_server.c: "server NAME ADDRESS OPTIONS", or with @defaults "default-server OPTIONS". */
void haproxy_server_read(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			 const struct haproxy_line *line, bool defaults);

/** haproxy_keyword.c: why a keyword has no equivalent; never NULL. */
const char *haproxy_keyword_reason(const struct haproxy_line *line);
const char *haproxy_option_reason(const char *word);

/** How many words an option of a server line or a bind line takes besides itself. */
uint32_t haproxy_option_arguments(const char *word);

struct haproxy_wish {
	const char *node;    /* text of a node part, or NULL */
	const char *forward; /* NULL: by the ports */
	const char *vip;     /* for wildcard binds, or NULL */
};

/** haproxy_write.c: write the configuration. */
void haproxy_write(struct haproxy *haproxy, const struct haproxy_wish *wish, FILE *to);

#endif

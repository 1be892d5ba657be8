/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines "server" and "default-server". */
#include <string.h>

#include "controlplane/cli/haproxy.h"

#define WEIGHT_MAX 256

/* Of the line being read: what its options are stored in. */
struct server_line {
	struct haproxy *haproxy;
	struct haproxy_server *server;
	struct haproxy_notes *notes;
	const char *what; /* "server web1" */
	uint32_t number;
};

static bool flag_check(struct haproxy_server *server, const char *word)
{
	struct haproxy_check *check = &server->check;

	if (strcmp(word, "check") == 0 || strcmp(word, "no-check") == 0)
		check->enabled = *word == 'c';
	else if (strcmp(word, "check-ssl") == 0 || strcmp(word, "no-check-ssl") == 0)
		check->tls = *word == 'c';
	else if (strcmp(word, "check-send-proxy") == 0)
		check->send_proxy = true;
	else if (strcmp(word, "agent-check") == 0 || strcmp(word, "no-agent-check") == 0)
		check->agent = *word == 'a';
	else
		return false;
	return true;
}

/* An option without a value. Return: whether it is one, and converted. */
static bool flag_read(struct haproxy_server *server, const char *word)
{
	if (flag_check(server, word))
		return true;
	if (strcmp(word, "backup") == 0 || strcmp(word, "no-backup") == 0)
		server->backup = *word == 'b';
	else if (strcmp(word, "disabled") == 0 || strcmp(word, "enabled") == 0)
		server->disabled = *word == 'd';
	else if (strcmp(word, "send-proxy-v2") == 0 || strcmp(word, "no-send-proxy-v2") == 0)
		server->proxy_v2 = *word == 's';
	else
		return false;
	return true;
}

struct duration {
	const char *word;
	size_t offset;
};

static bool value_duration(struct haproxy_server *server, const char *word, const char *value)
{
	static const struct duration list[] = {
		{ "inter", offsetof(struct haproxy_server, check.interval_ms) },
		{ "fastinter", offsetof(struct haproxy_server, check.fast_ms) },
		{ "downinter", offsetof(struct haproxy_server, check.down_ms) },
		{ "agent-inter", offsetof(struct haproxy_server, check.agent_ms) },
		{ "slowstart", offsetof(struct haproxy_server, slow_start_ms) },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (strcmp(word, list[i].word) == 0)
			return !haproxy_duration(value,
						 (uint32_t *)((char *)server + list[i].offset));
	return false;
}

static bool value_number(struct haproxy_server *server, const char *word, const char *value)
{
	static const struct {
		const char *word;
		size_t offset;
		uint32_t max;
	} list[] = {
		{ "rise", offsetof(struct haproxy_server, check.rise), UINT16_MAX },
		{ "fall", offsetof(struct haproxy_server, check.fall), UINT16_MAX },
		{ "port", offsetof(struct haproxy_server, check.port), UINT16_MAX },
		{ "agent-port", offsetof(struct haproxy_server, check.agent_port), UINT16_MAX },
		{ "maxconn", offsetof(struct haproxy_server, maxconn), UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (strcmp(word, list[i].word) == 0)
			return !haproxy_number(value, list[i].max,
					       (uint32_t *)((char *)server + list[i].offset));
	if (strcmp(word, "weight") != 0)
		return false;
	return !haproxy_number(value, WEIGHT_MAX, &server->weight);
}

/* An option with a value. Return: whether it is one, and converted. */
static bool value_read(struct server_line *at, const char *word, const char *value)
{
	struct haproxy_server *server = at->server;

	if (value_duration(server, word, value) || value_number(server, word, value))
		return true;
	if (strcmp(word, "check-sni") == 0)
		server->check.sni = haproxy_keep(at->haproxy, value);
	else if (strcmp(word, "ca-file") == 0 && *value == '/')
		server->check.ca_file = haproxy_keep(at->haproxy, value);
	else if (strcmp(word, "verify") == 0)
		server->check.verify = strcmp(value, "required") == 0;
	else
		return strcmp(word, "on-marked-down") == 0 &&
		       strcmp(value, "shutdown-sessions") == 0;
	return true;
}

/* Also converted, but not in whole. */
static void note_half(struct server_line *at, const char *word, const char *value)
{
	const char *reason = NULL;

	if (strcmp(word, "check-send-proxy") == 0)
		return;
	if (strcmp(word, "ssl") == 0)
		reason = "TLS is neither begun nor ended; of it only the check is converted";
	else if (strcmp(word, "disabled") == 0)
		reason = "converted to weight 0; sluicectl maint is for operators";
	else if (strcmp(word, "check-sni") == 0 || !value)
		return;
	else if (strcmp(word, "ca-file") == 0 || strcmp(word, "verify") == 0)
		reason = "of it only the check is converted";
	if (reason)
		haproxy_note(at->haproxy, at->notes, at->number, reason, "%s: %s%s%s", at->what,
			     word, value ? " " : "", value ? value : "");
}

static void options_read(struct server_line *at, char *const *words, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *word = words[i];
		bool more = haproxy_option_arguments(word) && i + 1 < count;
		const char *value = more ? words[i + 1] : NULL;
		bool done = more ? value_read(at, word, value) : flag_read(at->server, word);

		i += more;
		if (strcmp(word, "ssl") == 0) {
			at->server->check.tls = true;
			done = true;
		}
		if (done)
			note_half(at, word, value);
		else
			haproxy_note(at->haproxy, at->notes, at->number,
				     haproxy_option_reason(word), "%s: %s%s%s", at->what, word,
				     value ? " " : "",
				     !value		       ? ""
				     : haproxy_is_secret(word) ? HAPROXY_CONCEALED
							       : value);
	}
}

static void address_read(struct server_line *at, const char *text)
{
	struct haproxy_server *server = at->server;
	const char *port;

	server->address = haproxy_keep(at->haproxy, text);
	port = haproxy_cut_port(server->address);
	if (*port == '+' && haproxy_number(port + 1, UINT16_MAX, &server->port) == 0) {
		server->port_add = (int32_t)server->port;
		server->port = 0;
	} else if (*port == '-' && haproxy_number(port + 1, UINT16_MAX, &server->port) == 0) {
		server->port_add = -(int32_t)server->port;
		server->port = 0;
	} else if (haproxy_number(port, UINT16_MAX, &server->port)) {
		server->port = 0;
		if (*port)
			haproxy_note(at->haproxy, at->notes, at->number, "its port is not a number",
				     "%s %s", at->what, text);
	}
}

void haproxy_server_read(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			 const struct haproxy_line *line, bool defaults)
{
	struct haproxy_server server = proxy->servers_default;
	uint32_t skip = defaults ? 1 : 3;
	struct server_line at = {
		.haproxy = haproxy,
		.server = &server,
		.notes = defaults ? &proxy->notes : &server.notes,
		.number = line->number,
	};
	char what[128];

	server.notes = (struct haproxy_notes){ NULL, 0 };
	server.line = line->number;
	snprintf(what, sizeof(what), "%s%s%s", line->words[0], defaults ? "" : " ",
		 defaults ? "" : line->words[1]);
	at.what = what;
	if (!defaults) {
		server.name = haproxy_keep(haproxy, line->words[1]);
		address_read(&at, line->words[2]);
	}
	options_read(&at, line->words + skip, line->count - skip);
	if (defaults) {
		proxy->servers_default = server;
		return;
	}
	proxy->servers = haproxy_grow(proxy->servers, &proxy->server_count, sizeof(server));
	proxy->servers[proxy->server_count - 1] = server;
}

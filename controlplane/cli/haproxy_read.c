/* SPDX-License-Identifier: BSD-3-Clause */
/* Sections of an HAProxy configuration, and the lines of proxies. */
#include "controlplane/cli/haproxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/scalar.h"

#define PORTS_MAX 64 /* of a range in a bind line */

/* Where the reader is. */
struct section {
	struct haproxy *haproxy;
	int proxy;     /* index, -1: in none */
	char name[32]; /* of another section */
};

struct keyword {
	const char *word;
	/* Return: whether the line is done; if not, it is noted. */
	bool (*read)(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		     const struct haproxy_line *line);
};

/* ---- bind ---- */

static void bind_add(struct haproxy *haproxy, struct haproxy_proxy *proxy, uint32_t line,
		     const char *address, const char *ports)
{
	struct haproxy_bind bind = { .line = line };
	const char *end;
	bool star = strcmp(address, "*") == 0 || strcmp(address, "0.0.0.0") == 0 ||
		    strcmp(address, "::") == 0 || strcmp(address, ":") == 0;

	bind.ipv6 = strchr(address, ':') != NULL;
	bind.address = haproxy_keep(haproxy, star ? "" : address);
	if (config_scalar_number_prefix(ports, &bind.first, &end) ||
	    (bind.last = bind.first, *end == '-' && haproxy_number(end + 1, 65535, &bind.last)) ||
	    (*end && *end != '-') || bind.first < 1 || bind.last > 65535 ||
	    bind.last < bind.first) {
		haproxy_note(haproxy, &proxy->notes, line,
			     "is no address with a port: sockets and files have no VIP",
			     "bind %s%s%s", address, *ports ? ":" : "", ports);
		return;
	}
	if (bind.last - bind.first >= PORTS_MAX) {
		haproxy_note(haproxy, &proxy->notes, line, "a listener has one port; list them",
			     "bind %s:%s", address, ports);
		return;
	}
	proxy->binds = haproxy_grow(proxy->binds, &proxy->bind_count, sizeof(*proxy->binds));
	proxy->binds[proxy->bind_count - 1] = bind;
}

static void bind_add_list(struct haproxy *haproxy, struct haproxy_proxy *proxy, uint32_t line,
			  const char *list)
{
	char *rest = haproxy_keep(haproxy, list), *one;

	while ((one = strsep(&rest, ","))) {
		char *address = haproxy_keep(haproxy, one);
		const char *ports;

		if (*one == '/' || strstr(one, "unix@") || strstr(one, "abns@") ||
		    strstr(one, "fd@") || strstr(one, "sockpair@") || strstr(one, "quic") ||
		    strstr(one, "udp")) {
			haproxy_note(haproxy, &proxy->notes, line,
				     "listeners are TCP ports of an address", "bind %s", one);
			continue;
		}
		ports = haproxy_cut_port(address);
		bind_add(haproxy, proxy, line, *address ? address : "*", ports);
	}
}

static bool read_bind(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		      const struct haproxy_line *line)
{
	if (line->count < 2)
		return false;
	bind_add_list(haproxy, proxy, line->number, line->words[1]);
	for (uint32_t i = 2; i < line->count; i++) {
		const char *word = line->words[i];
		bool more = haproxy_option_arguments(word) && i + 1 < line->count;

		haproxy_note(haproxy, &proxy->notes, line->number, haproxy_option_reason(word),
			     "bind %s: %s%s%s", line->words[1], word, more ? " " : "",
			     !more		       ? ""
			     : haproxy_is_secret(word) ? HAPROXY_CONCEALED
						       : line->words[i + 1]);
		i += more;
	}
	return true;
}

/* ---- Checks ---- */

static void note_line(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		      const struct haproxy_line *line, const char *reason)
{
	haproxy_note(haproxy, &proxy->notes, line->number, reason, "%s",
		     haproxy_line_shown(haproxy, line));
}

/* "HTTP/1.1\r\nHost: www", in the place of a version. */
static void httpchk_headers(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			    const struct haproxy_line *line, const char *version)
{
	const char *host = strcasestr(version, "\nhost:");
	const char *header = strchr(version, '\n');
	char value[CONFIG_EXPECT_MAX + 1];

	if (host) {
		host += strlen("\nhost:");
		host += strspn(host, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(host, "\r\n "), host);
		proxy->host = haproxy_keep(haproxy, value);
	}
	if (header && (!host || strchr(host, '\n')))
		note_line(haproxy, proxy, line, "of these headers only Host is sent");
}

static bool option_httpchk(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			   const struct haproxy_line *line)
{
	const char *method = line->count > 3 ? line->words[2] : "OPTIONS";
	const char *path = line->count > 3   ? line->words[3]
			   : line->count > 2 ? line->words[2]
					     : "/";

	proxy->probe = HAPROXY_PROBE_HTTP;
	proxy->path = haproxy_keep(haproxy, *path == '/' ? path : "/");
	if (strcmp(method, "GET") != 0)
		note_line(haproxy, proxy, line, "converted, but the request is a GET");
	if (line->count > 4)
		httpchk_headers(haproxy, proxy, line, line->words[4]);
	return true;
}

/* "no option httpchk" and "default option httpchk": what defaults may have set ends. */
static bool read_no(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		    const struct haproxy_line *line)
{
	const char *word = line->count > 2 ? line->words[2] : "";
	struct haproxy_line rest = { .number = line->number, .count = line->count - 1 };
	enum haproxy_probe probe;

	if (line->count < 3 || strcmp(line->words[1], "option") != 0)
		return false;
	memcpy(rest.words, line->words + 1, rest.count * sizeof(rest.words[0]));
	probe = strcmp(word, "httpchk") == 0	     ? HAPROXY_PROBE_HTTP
		: strcmp(word, "ssl-hello-chk") == 0 ? HAPROXY_PROBE_SSL
						     : HAPROXY_PROBE_TCP;
	if (strcmp(word, "allbackups") == 0)
		proxy->all_backups = false;
	else if (probe != HAPROXY_PROBE_TCP)
		proxy->probe = proxy->probe == probe ? HAPROXY_PROBE_TCP : proxy->probe;
	else if (strcmp(word, "tcp-check") != 0)
		note_line(haproxy, proxy, line, haproxy_keyword_reason(&rest));
	return true;
}

static bool read_option(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			const struct haproxy_line *line)
{
	const char *word = line->count > 1 ? line->words[1] : "";

	if (strcmp(word, "httpchk") == 0)
		return option_httpchk(haproxy, proxy, line);
	if (strcmp(word, "allbackups") == 0) {
		proxy->all_backups = true;
		return true;
	}
	if (strcmp(word, "tcp-check") == 0 || strcmp(word, "ssl-hello-chk") == 0) {
		proxy->probe = *word == 's' ? HAPROXY_PROBE_SSL : HAPROXY_PROBE_TCP;
		return true;
	}
	return false;
}

/* The words of "http-check send" from the third on. */
static void http_check_send(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			    const struct haproxy_line *line)
{
	bool whole = true;

	for (uint32_t i = 2; i < line->count; i++) {
		const char *word = line->words[i];
		const char *value = i + 1 < line->count ? line->words[i + 1] : "";

		if (strcmp(word, "uri") == 0 && *value == '/') {
			proxy->path = haproxy_keep(haproxy, value);
			i++;
		} else if (strcmp(word, "hdr") == 0 && strcasecmp(value, "host") == 0 &&
			   i + 2 < line->count) {
			proxy->host = haproxy_keep(haproxy, line->words[i + 2]);
			i += 2;
		} else if ((strcmp(word, "meth") == 0 && strcmp(value, "GET") == 0) ||
			   strcmp(word, "ver") == 0) {
			i++;
		} else {
			whole = false;
		}
	}
	if (!whole)
		note_line(haproxy, proxy, line,
			  "a check is a GET request with a path and a Host header");
}

static bool http_check_expect(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			      const struct haproxy_line *line)
{
	struct config_reason reason;
	bool text = line->count == 4 && strcmp(line->words[2], "string") == 0, statuses;

	if (line->count != 4 || (!text && strcmp(line->words[2], "status") != 0))
		return false;
	if (!haproxy_check_takes("expect", line->words[3], &reason, &statuses))
		note_line(haproxy, proxy, line, reason.text);
	else if (statuses == text)
		note_line(haproxy, proxy, line,
			  text ? "`expect` takes such a text for statuses"
			       : "`expect` takes such statuses for a text");
	else
		proxy->expect = haproxy_keep(haproxy, line->words[3]);
	return true;
}

static bool read_http_check(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			    const struct haproxy_line *line)
{
	const char *word = line->count > 1 ? line->words[1] : "";

	if (strcmp(word, "expect") == 0)
		return http_check_expect(haproxy, proxy, line);
	if (strcmp(word, "send") != 0)
		return false;
	http_check_send(haproxy, proxy, line);
	return true;
}

static bool read_tcp_check(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			   const struct haproxy_line *line)
{
	(void)haproxy;
	(void)proxy;
	return line->count == 2 && strcmp(line->words[1], "connect") == 0;
}

static bool read_timeout(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			 const struct haproxy_line *line)
{
	(void)haproxy;
	return line->count == 3 && strcmp(line->words[1], "check") == 0 &&
	       haproxy_duration(line->words[2], &proxy->timeout_ms) == 0;
}

/* ---- Proxies ---- */

static bool read_mode(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		      const struct haproxy_line *line)
{
	const char *word = line->count > 1 ? line->words[1] : "";

	proxy->http = strcmp(word, "http") == 0;
	if (proxy->http)
		note_line(haproxy, proxy, line,
			  "carried as TCP: nothing in requests and answers is read or changed");
	return proxy->http || strcmp(word, "tcp") == 0;
}

static bool read_default_backend(struct haproxy *haproxy, struct haproxy_proxy *proxy,
				 const struct haproxy_line *line)
{
	if (line->count < 2)
		return false;
	proxy->default_backend = haproxy_keep(haproxy, line->words[1]);
	return line->count == 2;
}

/* Without a condition it is like default_backend. */
static bool read_use_backend(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			     const struct haproxy_line *line)
{
	if (line->count != 2 || strchr(line->words[1], '%'))
		return false;
	return read_default_backend(haproxy, proxy, line);
}

static bool read_server(struct haproxy *haproxy, struct haproxy_proxy *proxy,
			const struct haproxy_line *line)
{
	if (line->count < 3)
		return false;
	haproxy_server_read(haproxy, proxy, line, false);
	return true;
}

static bool read_default_server(struct haproxy *haproxy, struct haproxy_proxy *proxy,
				const struct haproxy_line *line)
{
	haproxy_server_read(haproxy, proxy, line, true);
	return true;
}

static const struct keyword keywords[] = {
	{ "mode", read_mode },
	{ "bind", read_bind },
	{ "server", read_server },
	{ "default-server", read_default_server },
	{ "default_backend", read_default_backend },
	{ "use_backend", read_use_backend },
	{ "option", read_option },
	{ "no", read_no },
	{ "default", read_no },
	{ "http-check", read_http_check },
	{ "tcp-check", read_tcp_check },
	{ "timeout", read_timeout },
};

/* HAProxy refuses them there. */
static bool is_misplaced(const struct haproxy_proxy *proxy, const char *word)
{
	return proxy->kind == HAPROXY_DEFAULTS &&
	       (strcmp(word, "server") == 0 || strcmp(word, "bind") == 0);
}

static void proxy_line(struct haproxy *haproxy, struct haproxy_proxy *proxy,
		       const struct haproxy_line *line)
{
	bool done = false;

	if (is_misplaced(proxy, line->words[0])) {
		note_line(haproxy, proxy, line, "is not allowed in defaults");
		return;
	}
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strcmp(line->words[0], keywords[i].word) == 0)
			done = keywords[i].read(haproxy, proxy, line);
	if (!done)
		note_line(haproxy, proxy, line, haproxy_keyword_reason(line));
}

/* The defaults named after "from", else the last ones. */
static const struct haproxy_proxy *proxy_defaults(const struct haproxy *haproxy,
						  const struct haproxy_line *line)
{
	const struct haproxy_proxy *found = NULL;
	const char *from = NULL;

	for (uint32_t i = 1; i + 1 < line->count; i++)
		if (strcmp(line->words[i], "from") == 0)
			from = line->words[i + 1];
	for (uint32_t i = 0; i < haproxy->proxy_count; i++) {
		const struct haproxy_proxy *proxy = &haproxy->proxies[i];

		if (proxy->kind == HAPROXY_DEFAULTS && (!from || strcmp(proxy->name, from) == 0))
			found = proxy;
	}
	return found;
}

static void proxy_begin(struct haproxy *haproxy, enum haproxy_kind kind,
			const struct haproxy_line *line)
{
	const struct haproxy_proxy *from = proxy_defaults(haproxy, line);
	bool named = line->count > 1 && strcmp(line->words[1], "from") != 0;
	bool inherits = from && (kind != HAPROXY_DEFAULTS || line->count > 2);
	struct haproxy_proxy proxy = { .servers_default.weight = 1 };

	if (inherits)
		proxy = *from;
	proxy.kind = kind;
	proxy.line = line->number;
	proxy.name = haproxy_keep(haproxy, named ? line->words[1] : "");
	proxy.notes = (struct haproxy_notes){ NULL, 0 };
	proxy.binds = NULL;
	proxy.bind_count = 0;
	proxy.servers = NULL;
	proxy.server_count = 0;
	haproxy->proxies = haproxy_grow(haproxy->proxies, &haproxy->proxy_count, sizeof(proxy));
	haproxy->proxies[haproxy->proxy_count - 1] = proxy;
	if (kind == HAPROXY_LISTEN && line->count == 3)
		bind_add_list(haproxy, &haproxy->proxies[haproxy->proxy_count - 1], line->number,
			      line->words[2]);
}

/* Return: whether the line begins a section. */
static bool section_begin(struct section *section, const struct haproxy_line *line)
{
	static const char *const kinds[] = { "defaults", "listen", "frontend", "backend" };
	static const char *const others[] = {
		"global",    "peers",	    "resolvers",   "userlist",	  "cache",    "program",
		"mailers",   "http-errors", "ring",	   "log-forward", "fcgi-app", "ruleset",
		"crt-store", "traces",	    "log-profile", "acme",
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(line->words[0], kinds[i]) != 0)
			continue;
		proxy_begin(section->haproxy, (enum haproxy_kind)i, line);
		section->proxy = (int)section->haproxy->proxy_count - 1;
		return true;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(line->words[0], others[i]) != 0)
			continue;
		section->proxy = -1;
		snprintf(section->name, sizeof(section->name), "%s", others[i]);
		return true;
	}
	return false;
}

static void section_line(struct section *section, const struct haproxy_line *line)
{
	struct haproxy *haproxy = section->haproxy;
	bool global = strcmp(section->name, "global") == 0;
	char reason[96];

	if (section_begin(section, line)) {
		if (section->proxy < 0 && strcmp(section->name, "global") != 0)
			haproxy_note(haproxy, &haproxy->notes, line->number,
				     "this kind of section has no equivalent", "%s",
				     haproxy_line_shown(haproxy, line));
		return;
	}
	if (section->proxy >= 0) {
		proxy_line(haproxy, &haproxy->proxies[section->proxy], line);
		return;
	}
	snprintf(reason, sizeof(reason), "of section %s, which has no equivalent", section->name);
	haproxy_note(haproxy, &haproxy->notes, line->number,
		     global || !section->name[0] ? haproxy_keyword_reason(line) : reason, "%s",
		     haproxy_line_shown(haproxy, line));
}

int haproxy_read(struct haproxy *haproxy, FILE *from, const char *file)
{
	struct section section = { .haproxy = haproxy, .proxy = -1 };
	char *text = NULL;
	uint32_t number = 0;
	size_t size = 0;
	int err = 0;

	*haproxy = (struct haproxy){ .file = file };
	while (!err && getline(&text, &size, from) >= 0) {
		struct haproxy_line line;
		const char *error = NULL;

		text[strcspn(text, "\r\n")] = '\0';
		err = haproxy_line_init(&line, ++number, text, &error);
		if (err)
			snprintf(haproxy->error, sizeof(haproxy->error), "%s:%u: %s", file, number,
				 error ? error : strerror(-err));
		else if (line.count)
			section_line(&section, &line);
		haproxy_line_fini(&line);
	}
	if (!err && ferror(from)) {
		err = -errno;
		snprintf(haproxy->error, sizeof(haproxy->error), "%s: %s", file, strerror(-err));
	}
	free(text);
	return err;
}

void haproxy_fini(struct haproxy *haproxy)
{
	for (uint32_t i = 0; i < haproxy->proxy_count; i++) {
		struct haproxy_proxy *proxy = &haproxy->proxies[i];

		for (uint32_t j = 0; j < proxy->server_count; j++)
			free(proxy->servers[j].notes.list);
		free(proxy->servers);
		free(proxy->binds);
		free(proxy->notes.list);
	}
	free(haproxy->proxies);
	free(haproxy->notes.list);
	for (uint32_t i = 0; i < haproxy->string_count; i++)
		free(haproxy->strings[i]);
	free(haproxy->strings);
}

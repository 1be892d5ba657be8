/* SPDX-License-Identifier: BSD-3-Clause */
/* Why HAProxy's keywords have no equivalent. */
#include "controlplane/cli/haproxy.h"

#include <string.h>

struct reason {
	const char *word; /* of a line: its first words; ends with '*': their beginning */
	const char *reason;
};

static const char http[] = "needs HTTP; Sluice forwards TCP";
static const char tls[] = "TLS ends at the instances; Sluice forwards TCP";
static const char content[] = "chooses by content; Sluice forwards packets before there is any";
static const char logging[] = "there are no logs of connections; sluicectl status counts flows";
static const char process[] =
	"systemd starts the daemons, with the users and limits of their units";
static const char timeouts[] =
	"connections are not Sluice's own; node.idle_timeout is for all flows";
static const char limits[] = "connections are not counted to a limit";
static const char tuning[] = "of HAProxy's process";
static const char retrying[] = "connections are not Sluice's own: a client sends its SYN again";
static const char stats[] = "use sluicectl status and node.metrics";

static const struct reason lines[] = {
	{ "acl", content },
	{ "use_backend", content },
	{ "use-server", content },
	{ "tcp-request*", content },
	{ "tcp-response*", content },
	{ "http-*", http },
	{ "capture", http },
	{ "compression", http },
	{ "cookie", http },
	{ "appsession", http },
	{ "dynamic-cookie-key", http },
	{ "redirect", http },
	{ "req*", http },
	{ "rsp*", http },
	{ "rsprep", http },
	{ "errorfile*", http },
	{ "errorloc*", http },
	{ "monitor-uri", http },
	{ "monitor*", http },
	{ "unique-id*", http },
	{ "filter", http },
	{ "force-persist", http },
	{ "ignore-persist", http },
	{ "persist", http },
	{ "option http*", http },
	{ "option forward*", http },
	{ "option original*", http },
	{ "option persist", http },
	{ "option accept-invalid*", http },
	{ "option abortonclose", http },
	{ "option forceclose", http },
	{ "option prefer-last-server", http },
	{ "option checkcache", http },
	{ "option *log*", logging },
	{ "log*", logging },
	{ "no log", logging },
	{ "stats*", stats },
	{ "option socket-stats", stats },
	{ "option contstats", stats },
	{ "timeout*", timeouts },
	{ "clitimeout", timeouts },
	{ "srvtimeout", timeouts },
	{ "contimeout", timeouts },
	{ "option clitcpka", timeouts },
	{ "option srvtcpka", timeouts },
	{ "option tcpka", timeouts },
	{ "option nolinger", timeouts },
	{ "clitcpka*", timeouts },
	{ "srvtcpka*", timeouts },
	{ "maxconn", limits },
	{ "fullconn", limits },
	{ "minconn", limits },
	{ "backlog", limits },
	{ "rate-limit", limits },
	{ "maxconnrate", limits },
	{ "maxsessrate", limits },
	{ "maxsslconn", limits },
	{ "maxsslrate", limits },
	{ "maxpipes", limits },
	{ "maxcompr*", limits },
	{ "max-keep-alive-queue", limits },
	{ "ssl-*", tls },
	{ "ca-base", tls },
	{ "crt-base", tls },
	{ "issuers-chain-path", tls },
	{ "ssl*", tls },
	{ "daemon", process },
	{ "user", process },
	{ "group", process },
	{ "uid", process },
	{ "gid", process },
	{ "chroot", process },
	{ "pidfile", process },
	{ "ulimit-n", process },
	{ "master-worker", process },
	{ "mworker*", process },
	{ "setcap", process },
	{ "external-check", process },
	{ "insecure-*", process },
	{ "default-path", process },
	{ "hard-stop-after", process },
	{ "nbproc", "node.cpus names the CPUs" },
	{ "nbthread", "node.cpus names the CPUs" },
	{ "cpu-map", "node.cpus names the CPUs" },
	{ "bind-process", "node.cpus names the CPUs" },
	{ "process", "node.cpus names the CPUs" },
	{ "tune.*", tuning },
	{ "no*", tuning },
	{ "busy-polling", tuning },
	{ "spread-checks", "checks are always spread by up to 10 % of their interval" },
	{ "max-spread-checks", "checks are always spread by up to 10 % of their interval" },
	{ "retries", retrying },
	{ "retry-on", retrying },
	{ "option redispatch", retrying },
	{ "redispatch", retrying },
	{ "retry*", retrying },
	{ "balance", "flows are spread by a consistent hash of address and port, with weights" },
	{ "hash-type", "the hash is always consistent" },
	{ "hash-balance-factor", "the hash does not depend on load" },
	{ "source", "clients' addresses are kept, or the node's are used: `forward` decides" },
	{ "option transparent", "clients' addresses are kept unless `forward` is nat" },
	{ "stick*", "a flow stays on its instance; other stickiness needs a table of clients" },
	{ "option tcp-smart*", "there are no connections of Sluice's own" },
	{ "option splice*", "packets are forwarded as they are" },
	{ "option dontlog*", logging },
	{ "option log*", logging },
	{ "option tcplog", logging },
	{ "option idle-close*", timeouts },
	{ "option independent-streams", timeouts },
	{ "option log-health-checks", "changes of health are always logged" },
	{ "option external-check", "checks are TCP, SSL, HTTP and HTTPS" },
	{ "option *-check", "checks are TCP, SSL, HTTP and HTTPS; converted to TCP" },
	{ "option *chk", "checks are TCP, SSL, HTTP and HTTPS; converted to TCP" },
	{ "tcp-check", "a TCP check only connects" },
	{ "http-check*", "a check is one GET request, and what `expect` says of its answer" },
	{ "email-alert", "changes are logged" },
	{ "mailers", "changes are logged" },
	{ "server-template", "servers must be listed by address" },
	{ "server-state*", "sluiced keeps state by itself" },
	{ "load-server-state*", "sluiced keeps state by itself" },
	{ "description", "use a comment" },
	{ "id", "objects are known by name" },
	{ "guid", "objects are known by name" },
	{ "enabled", "configured services are always enabled" },
	{ "disabled", "remove the service, or set its instances to maint" },
	{ "grace", process },
	{ "zero-warning", "sluicectl config check shows what is wrong" },
	{ "strict-limits", process },
	{ "presetenv", "environment variables are not used" },
	{ "setenv", "environment variables are not used" },
	{ "resetenv", "environment variables are not used" },
	{ "unsetenv", "environment variables are not used" },
	{ "lua-*", content },
	{ "fd-hard-limit", process },
	{ "node", "of HAProxy's statistics" },
	{ ".if", "conditions are not evaluated: the lines in all branches are read" },
	{ ".elif", "conditions are not evaluated: the lines in all branches are read" },
	{ ".else", "conditions are not evaluated: the lines in all branches are read" },
	{ ".endif", "conditions are not evaluated: the lines in all branches are read" },
	{ ".*", "messages of HAProxy's parser" },
	{ NULL, NULL },
};

static const struct reason options[] = {
	{ "cookie", http },
	{ "redir", http },
	{ "proto", http },
	{ "check-proto", http },
	{ "maxconn", limits },
	{ "minconn", limits },
	{ "maxqueue", limits },
	{ "pool-*", "there are no connections of Sluice's own" },
	{ "max-reuse", "there are no connections of Sluice's own" },
	{ "ssl", tls },
	{ "crt*", tls },
	{ "alpn", tls },
	{ "npn", tls },
	{ "ca-*", tls },
	{ "crl-file", tls },
	{ "ciphers*", tls },
	{ "curves", tls },
	{ "ecdhe", tls },
	{ "verify*", tls },
	{ "sni", tls },
	{ "no-*", tls },
	{ "force-*", tls },
	{ "ssl-*", tls },
	{ "strict-sni", tls },
	{ "allow-0rtt", tls },
	{ "tls-*", tls },
	{ "prefer-client-ciphers", tls },
	{ "generate-certificates", tls },
	{ "accept-proxy", "flows are told apart by their packets, not by a header in them" },
	{ "send-proxy", "only with `forward: nat`, and version 2" },
	{ "send-proxy-*", "only with `forward: nat`" },
	{ "observe", "only checks decide on health" },
	{ "error-limit", "only checks decide on health" },
	{ "on-error", "only checks decide on health" },
	{ "on-marked-up", "flows of backups stay where they are" },
	{ "track", "each pool has checks of its own" },
	{ "addr", "an instance is checked at its own address" },
	{ "agent-addr", "an agent is asked at the instance's address" },
	{ "agent-send", "nothing is sent to an agent" },
	{ "source", "`forward` decides" },
	{ "resolvers", "names are not followed" },
	{ "resolve-*", "names are not followed" },
	{ "init-addr", "names are not followed" },
	{ "id", "objects are known by name" },
	{ "name", "listeners are known by their port" },
	{ "namespace", "instances are reached from the node's network namespace" },
	{ "socks4", "packets are not sent through a proxy" },
	{ "check-via-socks4", "packets are not sent through a proxy" },
	{ "tcp-ut", timeouts },
	{ "tfo", "packets are forwarded as they are" },
	{ "mss", "packets are forwarded as they are" },
	{ "transparent", "packets are forwarded as they are" },
	{ "defer-accept", "packets are forwarded as they are" },
	{ "backlog", limits },
	{ "interface", "node.port is the only one" },
	{ "process", "node.cpus names the CPUs" },
	{ "thread", "node.cpus names the CPUs" },
	{ "shards", "node.cpus names the CPUs" },
	{ "user", process },
	{ "group", process },
	{ "uid", process },
	{ "gid", process },
	{ "mode", process },
	{ "level", stats },
	{ "severity-output", stats },
	{ "expose-fd", process },
	{ "v4v6", "an address has one family" },
	{ "v6only", "an address has one family" },
	{ "log-proto", logging },
	{ "ws", http },
	{ "enabled", "is the default" },
	{ "set-proxy-v2-tlv-fmt*", "only the addresses are sent" },
	{ "proxy-v2-options", "only the addresses are sent" },
	{ NULL, NULL },
};

/* Options that take a word; "source" and "usesrc" take one each. */
static const char *const with_argument[] = {
	"addr",
	"agent-addr",
	"agent-inter",
	"agent-port",
	"agent-send",
	"alpn",
	"backlog",
	"ca-file",
	"ca-ignore-err",
	"ca-sign-file",
	"ca-sign-pass",
	"ca-verify-file",
	"check-alpn",
	"check-proto",
	"check-sni",
	"ciphers",
	"ciphersuites",
	"cookie",
	"crl-file",
	"crt",
	"crt-ignore-err",
	"crt-list",
	"curves",
	"downinter",
	"ecdhe",
	"error-limit",
	"expose-fd",
	"fall",
	"fastinter",
	"gid",
	"group",
	"id",
	"init-addr",
	"inter",
	"interface",
	"level",
	"log-bufsize",
	"log-proto",
	"max-reuse",
	"maxconn",
	"maxqueue",
	"minconn",
	"mode",
	"mss",
	"name",
	"namespace",
	"nice",
	"npn",
	"observe",
	"on-error",
	"on-marked-down",
	"on-marked-up",
	"pool-low-conn",
	"pool-max-conn",
	"pool-purge-delay",
	"port",
	"process",
	"proto",
	"proxy-v2-options",
	"redir",
	"resolve-net",
	"resolve-opts",
	"resolve-prefer",
	"resolvers",
	"rise",
	"severity-output",
	"shard",
	"shards",
	"slowstart",
	"sni",
	"socks4",
	"source",
	"ssl-max-ver",
	"ssl-min-ver",
	"tcp-md5sig",
	"tcp-ut",
	"thread",
	"tls-ticket-keys",
	"track",
	"uid",
	"user",
	"usesrc",
	"verify",
	"verifyhost",
	"weight",
	"ws",
};

static bool reason_matches(const char *pattern, const char *text)
{
	const char *star = strchr(pattern, '*');
	size_t head = star ? (size_t)(star - pattern) : strlen(pattern);
	const char *tail = star ? star + 1 : "";
	size_t length = strlen(text), rest = strlen(tail);

	if (!star)
		return strcmp(pattern, text) == 0;
	if (strncmp(pattern, text, head) != 0)
		return false;
	if (rest == 0)
		return true;
	if (tail[rest - 1] == '*')
		return memmem(text + head, length - head, tail, rest - 1) != NULL;
	return length >= head + rest && strcmp(text + length - rest, tail) == 0;
}

static const char *reason_find(const struct reason *list, const char *text)
{
	for (; list->word; list++)
		if (reason_matches(list->word, text))
			return list->reason;
	return NULL;
}

const char *haproxy_keyword_reason(const struct haproxy_line *line)
{
	const char *reason = NULL;
	char two[160];

	if (line->count > 1) {
		snprintf(two, sizeof(two), "%s %s", line->words[0], line->words[1]);
		reason = reason_find(lines, two);
	}
	if (!reason)
		reason = reason_find(lines, line->words[0]);
	return reason ? reason : "is not known to sluicectl";
}

const char *haproxy_option_reason(const char *word)
{
	const char *reason = reason_find(options, word);

	return reason ? reason : "is not known to sluicectl";
}

uint32_t haproxy_option_arguments(const char *word)
{
	for (size_t i = 0; i < sizeof(with_argument) / sizeof(with_argument[0]); i++)
		if (strcmp(word, with_argument[i]) == 0)
			return 1;
	return 0;
}

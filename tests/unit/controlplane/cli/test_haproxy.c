/* SPDX-License-Identifier: BSD-3-Clause */
/* From HAProxy's configuration: words, what is converted, and that nothing is dropped in silence. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/load/load.h"
#include "controlplane/cli/haproxy.h"

#define NODE                                                                                       \
	"node:\n  port: eth1\n  cpus: \"2\"\n  address: [\"10.0.0.5/24\"]\n"                       \
	"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"

static const struct {
	const char *line;
	const char *words; /* each followed by a '|'; NULL: an error */
	const char *error;
} lines[] = {
	{ "", "", NULL },
	{ " \t # comment", "", NULL },
	{ "\tserver\tweb1  10.0.0.1:80\tcheck # why", "server|web1|10.0.0.1:80|check|", NULL },
	{ "option httpchk GET / HTTP/1.1\\r\\nHost:\\ www",
	  "option|httpchk|GET|/|HTTP/1.1\r\nHost: www|", NULL },
	{ "a \"b c\" 'd e'", "a|b c|d e|", NULL },
	{ "a b\"c d\"'e f'\\ g", "a|bc de f g|", NULL },
	{ "a \"\" ''", "a|||", NULL },
	{ "a 'b # c' \"d # e\" \\#f g#h", "a|b # c|d # e|#f|g|", NULL },
	{ "a \"it's\" 'say \"x\"'", "a|it's|say \"x\"|", NULL },
	{ "a \\x41\\x2f \"\\x42\" '\\x43'", "a|A/|B|\\x43|", NULL },
	{ "a \\\\ \"\\\\\" '\\' \\'", "a|\\|\\|\\|'|", NULL },
	{ "a \"\\$b\" \\d+", "a|$b|\\d+|", NULL },
	{ "a 'b", NULL, "a single quote that is not closed" },
	{ "a \"b", NULL, "a double quote that is not closed" },
	{ "a \"b\\\"", NULL, "a double quote that is not closed" },
	{ "a b\\", NULL, "a backslash at the end of the line" },
	{ "a \\x4", NULL, "expected two hex digits, not both 0, after \\x" },
	{ "a \\x00", NULL, "expected two hex digits, not both 0, after \\x" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct haproxy_line line;
		const char *error = NULL;
		char words[256] = "";
		int err = haproxy_line_init(&line, 1, lines[i].line, &error);

		for (uint32_t j = 0; j < line.count; j++) {
			strcat(words, line.words[j]);
			strcat(words, "|");
		}
		haproxy_line_fini(&line);
		if (lines[i].words) {
			assert_int_equal(err, 0);
			assert_string_equal(words, lines[i].words);
		} else {
			assert_int_equal(err, -EINVAL);
			assert_string_equal(error, lines[i].error);
		}
	}
}

/* The converted text, to be freed. It loads, once it has a node part. */
static char *convert(const char *text, const struct haproxy_wish *wish)
{
	FILE *from = fmemopen((void *)text, strlen(text), "r"), *to;
	struct config_errors errors = { 0 };
	struct haproxy haproxy;
	struct config *config;
	char *result = NULL, line[512] = "";
	size_t size;

	assert_non_null(from);
	assert_int_equal(haproxy_read(&haproxy, from, "h"), 0);
	to = open_memstream(&result, &size);
	haproxy_write(&haproxy, wish, to);
	fclose(to);
	fclose(from);
	haproxy_fini(&haproxy);
	config = config_load_buffer(result, size, "result", &errors);
	if (!config) {
		config_error_format(&errors, 0, line, sizeof(line));
		fail_msg("%s\n%s", line, result);
	}
	config_free(config);
	return result;
}

static void expect(const char *result, const char *part)
{
	if (!strstr(result, part))
		fail_msg("no\n%s\nin\n%s", part, result);
}

static const struct haproxy_wish plain = { .node = NODE };

/* The story's file, as it was: staggered primaries and backups. */
static void test_whole(void **state)
{
	static const char text[] =
		"defaults\n"
		"  mode tcp\n"
		"  retries 3\n"
		"  timeout connect 4s\n"
		"\n"
		"frontend www\n"
		"  bind 203.0.113.10:80\n"
		"  bind 203.0.113.11:80,203.0.113.12:8080 name x\n"
		"  default_backend web\n"
		"\n"
		"backend web\n"
		"  option httpchk GET /up.html HTTP/1.1\\r\\nHost:\\ www.pancake.man\n"
		"  default-server inter 10s fastinter 1s rise 2 fall 3 weight 10\n"
		"  server web-1 10.0.1.1 check\n"
		"  server web-2 10.0.1.2 check weight 20 minconn 5\n"
		"  server web-9 10.0.1.9 check backup\n";
	char *result = convert(text, &plain);

	(void)state;
	expect(result,
	       "  web:\n    checks:\n"
	       "      - { target: \"HTTP:80/up.html\", interval: 10000ms, timeout: 5000ms, "
	       "fast_interval: 1000ms, unhealthy: 3, healthy: 2, expect: \"200-399\", "
	       "host: \"www.pancake.man\" }\n"
	       "    instances:\n"
	       "      web-1: { address: \"10.0.1.1\", weight: 10 }\n"
	       "      # h:15: server web-2: minconn 5: connections are not counted to a limit\n"
	       "      web-2: { address: \"10.0.1.2\", weight: 20 }\n"
	       "      web-9: { address: \"10.0.1.9\", weight: 10, backup: true }\n");
	expect(result, "  www:\n    vip: [\"203.0.113.10\", \"203.0.113.11\"]\n");
	expect(result, "    listeners:\n      - { port: 80, pool: web }\n");
	expect(result, "  www-2:\n    vip: [\"203.0.113.12\"]\n");
	expect(result, "      - { port: 8080, pool: web }\n");
	expect(result, "# h:3: retries 3: ");
	expect(result, "# h:4: timeout connect 4s: ");
	expect(result, "# h:8: bind 203.0.113.11:80,203.0.113.12:8080: name x: ");
	free(result);
}

/* Only nat puts something in front of a connection. */
static void test_proxy_header(void **state)
{
	static const char text[] = "listen a\n"
				   "  bind 203.0.113.10:443\n"
				   "  server s1 10.0.1.1:8443 check send-proxy-v2\n";
	static const char same[] = "listen a\n"
				   "  bind 203.0.113.10:443\n"
				   "  server s1 10.0.1.1:443 check send-proxy-v2\n";
	const struct haproxy_wish nat = { .node = NODE, .forward = "nat" };
	const struct haproxy_wish tunnel = { .node = NODE, .forward = "ipip" };
	char *result = convert(text, &nat);

	(void)state;
	expect(result, "    proxy_protocol: v2\n");
	free(result);
	result = convert(same, &tunnel);
	expect(result, "# h:3: send-proxy-v2: needs `forward: nat`");
	assert_null(strstr(result, "proxy_protocol"));
	free(result);
}

static void test_listen(void **state)
{
	static const char text[] = "listen a\n"
				   "  bind :443 ssl crt /a.pem\n"
				   "  mode http\n"
				   "  server s1 10.0.1.1:443 ssl verify none check\n"
				   "  server s2 web.example:443\n"
				   "  server s3 10.0.1.1:443\n"
				   "  server s4 10.0.1.4:8443\n"
				   "  server s5 127.0.0.1:443 disabled\n"
				   "listen b 203.0.113.9:25\n"
				   "  server m1 10.0.1.1 check-ssl check inter 1d rise 1\n"
				   "listen stats\n"
				   "  bind *:8181\n"
				   "  stats enable\n";
	const struct haproxy_wish wish = { .node = NODE, .vip = "203.0.113.7", .forward = "ipip" };
	char *result = convert(text, &wish);

	(void)state;
	expect(result, "vip: [\"203.0.113.7\"]\n    forward: ipip\n");
	expect(result, "# h:2: bind :443: ssl: TLS ends at the instances");
	expect(result, "# h:2: bind :443: crt /a.pem: TLS ends");
	expect(result, "# h:3: mode http: carried as TCP");
	expect(result, "{ target: \"SSL:443\", interval: 2000ms, timeout: 1000ms");
	expect(result, "# h:5: server s2 web.example: expected an IPv4 or IPv6 address");
	expect(result, "# h:6: server s3 10.0.1.1: is also the address");
	expect(result, "# h:7: server s4 10.0.1.4: all instances of a pool have the same port");
	expect(result, "# h:8: server s5: disabled: converted to weight 0");
	expect(result,
	       "interval: 300000ms, timeout: 5000ms, unhealthy: 3, healthy: 2 }"); /* HAProxy's own */
	expect(result, "# h:11: stats: has no server and no default_backend");
	expect(result, "# h:13: stats enable: use sluicectl status");
	free(result);
}

/* Each line of a file is in its conversion: as an object, or as a comment with its number. */
static void test_nothing_is_dropped(void **state)
{
	static const char *const strange[] = {
		"global\n  maxconn 100\n",
		"global\n  no-such-word x\n",
		"peers p\n  peer a 10.0.0.1:1024\n",
		"defaults\n  errorfile 400 /e\n",
		"frontend f\n  acl a path /\n",
		"frontend f\n  use_backend b if a\n",
		"backend b\n  stick-table type ip size 1m\n",
		"backend b\n  option mysql-check user x\n",
		"backend b\n  balance leastconn\n",
		"backend b\n  http-check expect ! string x\n",
		"backend b\n  server-template s 3 a:80\n",
		"frontend f\n  bind /run/x.sock\n",
		"defaults\n  server a 10.0.0.1:80\nbackend b\n  server c 10.0.0.2\n",
		"defaults\n  bind 10.0.0.1:80\nfrontend b\n",
		"backend b\n  server a 10.0.0.1:${PORT}\n",
		"frontend f\n  bind 10.0.0.1\n",
		"backend b\n  timeout check soon\n",
		".if defined(X)\n  x\n",
		"  stray word\n",
		"backend b\n  tcp-check expect string x\n",
		"backend b\n  server s1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		char *result = convert(strange[i], &plain);
		const char *last = strchr(strange[i], '\n');
		char part[128], *text = strdup(last[1] ? last + 1 : strange[i]);

		text[strcspn(text, "\n")] = '\0';
		snprintf(part, sizeof(part), "# h:%u: %s", last[1] ? 2 : 1,
			 text + strspn(text, " "));
		expect(result, part);
		free(text);
		free(result);
	}
}

static void test_refused(void **state)
{
	static const char text[] = "global\n  log \"x\n";
	FILE *from = fmemopen((void *)text, strlen(text), "r");
	struct haproxy haproxy;

	(void)state;
	assert_int_equal(haproxy_read(&haproxy, from, "h.cfg"), -EINVAL);
	assert_string_equal(haproxy.error, "h.cfg:2: a double quote that is not closed");
	haproxy_fini(&haproxy);
	fclose(from);
}

/* An agent of all servers is the pool's, others are their servers' own. */
static void test_agents(void **state)
{
	char *result = convert("frontend f\n"
			       "  bind 203.0.113.10:80\n"
			       "  default_backend same\n"
			       "backend same\n"
			       "  default-server check agent-check agent-port 9707 agent-inter 5s\n"
			       "  server a 10.0.1.1:80\n"
			       "  server b 10.0.1.2:80\n"
			       "backend mixed\n"
			       "  default-server check inter 3s\n"
			       "  server a 10.0.1.1:80 agent-check agent-port 9707\n"
			       "  server b 10.0.1.2:80 agent-port 9707\n"
			       "  server c 10.0.1.3:80 agent-check agent-port 9708 agent-inter 1s\n"
			       "  server d 10.0.1.4:80 agent-check\n",
			       &plain);

	(void)state;
	expect(result, "  same:\n    agent: 9707\n    agent_interval: 5000ms\n    checks:\n");
	expect(result, "      a: { address: \"10.0.1.1\" }\n");
	expect(result, "  mixed:\n    agent_interval: 3000ms\n    checks:\n");
	expect(result, "      a: { address: \"10.0.1.1\", agent: 9707 }\n"
		       "      b: { address: \"10.0.1.2\" }\n");
	expect(result,
	       "      # h:12: agent-inter: a pool's agents are all asked as often as the first one\n"
	       "      c: { address: \"10.0.1.3\", agent: 9708 }\n");
	expect(result, "      # h:13: agent-check: needs agent-port\n");
	assert_null(strstr(result, "this version has no \"agent\""));
	free(result);
}

/* What defaults have set ends with "no". */
static void test_no_option(void **state)
{
	char *result = convert("defaults\n"
			       "  option httpchk GET /up\n"
			       "  option allbackups\n"
			       "  no option httplog\n"
			       "backend a\n"
			       "  no option httpchk\n"
			       "  no option allbackups\n"
			       "  server a 10.0.1.1:80 check\n"
			       "  server b 10.0.1.2:80 backup check\n"
			       "  server c 10.0.1.3:80 backup check\n"
			       "backend b\n"
			       "  no option ssl-hello-chk\n"
			       "  no option tcp-check\n"
			       "  server a 10.0.1.1:80 check\n"
			       "backend c\n"
			       "  default option httpchk\n"
			       "  server a 10.0.1.1:80 check\n"
			       "backend d\n"
			       "  no log\n"
			       "  server a 10.0.1.1:80 check\n",
			       &plain);

	(void)state;
	expect(result, "  a:\n    # h:5: several backup servers: all of them take flows, as with "
		       "\"option allbackups\"\n    checks:\n      - { target: \"TCP:80\"");
	expect(result, "  b:\n    checks:\n      - { target: \"HTTP:80/up\"");
	expect(result, "  c:\n    checks:\n      - { target: \"TCP:80\"");
	expect(result, "  d:\n    # h:19: no log: there are no logs of connections");
	expect(result, "# h:4: no option httplog: needs HTTP; Sluice forwards TCP\n");
	free(result);
}

/* `expect` tells statuses from a text by their characters, so not each of either can be converted. */
static void test_expect(void **state)
{
	static const struct {
		const char *line;
		const char *part;
	} rows[] = {
		{ "expect status 200", "expect: \"200\"" },
		{ "expect status 200-299,301", "expect: \"200-299,301\"" },
		{ "expect string ok", "expect: \"ok\"" },
		{ "expect string \"200 OK\"", "expect: \"200 OK\"" },
		{ "expect string 200",
		  "# h:4: http-check expect string 200: `expect` takes such a text for statuses\n" },
		{ "expect string \"200, 201\"", "`expect` takes such a text for statuses\n" },
		{ "expect string 2024", "# h:4: http-check expect string 2024: " },
		{ "expect status ok",
		  "# h:4: http-check expect status ok: `expect` takes such statuses for a text\n" },
		{ "expect ! status 500", "# h:4: http-check expect ! status 500: " },
		{ "expect rstatus ^2", "# h:4: http-check expect rstatus ^2: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		char *result;

		snprintf(text, sizeof(text),
			 "\n\nbackend b\n  http-check %s\n  option httpchk GET /\n"
			 "  server a 10.0.1.1:80 check\n",
			 rows[i].line);
		result = convert(text, &plain);
		expect(result, rows[i].part);
		if (strchr(rows[i].part, '#') || strchr(rows[i].part, '`'))
			expect(result, "expect: \"200-399\"");
		free(result);
	}
}

/* Comments name what was left out, but no secret of it. */
static void test_secrets(void **state)
{
	char *result = convert("global\n"
			       "  setenv PASS hunter2\n"
			       "userlist l\n"
			       "  user bob insecure-password hunter2\n"
			       "  user eve password $6$hunter2 groups g\n"
			       "frontend f\n"
			       "  bind 203.0.113.10:80 ssl crt /etc/a.pem ca-sign-pass hunter2\n"
			       "  stats auth admin:hunter2\n"
			       "  http-request set-header Authorization \"Basic hunter2\"\n"
			       "  http-request set-header X-Api-Key hunter2\n"
			       "  redirect location http://bob:hunter2@example.com/\n"
			       "  default_backend b\n"
			       "backend b\n"
			       "  dynamic-cookie-key hunter2\n"
			       "  option httpchk PUT / HTTP/1.1\\r\\nAuthorization:\\ hunter2\n"
			       "  tcp-check send AUTH\\ hunter2\\r\\n\n"
			       "  http-check send hdr X-Token hunter2\n"
			       "  server a 10.0.1.1:80 check tcp-md5sig hunter2\n",
			       &plain);

	(void)state;
	if (strstr(result, "hunter2"))
		fail_msg("%s", result);
	expect(result, "# h:4: user bob insecure-password ...: ");
	expect(result, "# h:8: stats auth ...: use sluicectl status and node.metrics\n");
	expect(result, "# h:9: http-request set-header Authorization ...: ");
	expect(result, "bind 203.0.113.10:80: ca-sign-pass ...: ");
	expect(result, "# h:11: redirect location ...: ");
	expect(result, "# h:16: tcp-check send ...: a TCP check only connects\n");
	expect(result, "server a: tcp-md5sig ...: ");
	free(result);
}

/* Text of other encodings doesn't spoil the file. */
static void test_encodings(void **state)
{
	char *result = convert("global\n"
			       "  description caf\xe9\n"
			       "  description caf\xc3\xa9\n"
			       "  description a\x01\x7f\x85z\n"
			       "  description \xe2\x80\xa8x: y\n"
			       "backend caf\xe9\n"
			       "  option httpchk GET /\n"
			       "  http-check send hdr Host w\xe9.example\n"
			       "  server \xe9 10.0.1.1:80 check check-sni \xe9\n",
			       &plain);

	(void)state;
	expect(result, "# h:2: description caf\xc3\xa9: use a comment\n");
	expect(result, "# h:3: description caf\xc3\xa9: use a comment\n");
	expect(result, "# h:4: description a???z: use a comment\n");
	expect(result, "# h:5: description ?x: y: use a comment\n");
	expect(result, "  caf_:\n");
	assert_null(strstr(result, "host: "));
	free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agents),	  cmocka_unit_test(test_no_option),
		cmocka_unit_test(test_expect),	  cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_encodings), cmocka_unit_test(test_words),
		cmocka_unit_test(test_whole),	  cmocka_unit_test(test_proxy_header),
		cmocka_unit_test(test_listen),	  cmocka_unit_test(test_nothing_is_dropped),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

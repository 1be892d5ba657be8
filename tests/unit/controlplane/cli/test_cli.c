/* SPDX-License-Identifier: BSD-3-Clause */
/* Command lines: what is asked of the daemon, what becomes of its answer, exit codes. */
#define _GNU_SOURCE
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/load/load.h"
#include "tests/unit/controlplane/cli/harness.h"

#define OK(result) "{\"ok\":true,\"result\":{" result "}}\n"
#define REFUSED(error) "{\"ok\":false,\"code\":\"refused\",\"error\":\"" error "\"}\n"
#define W1 "\"instance\":\"web/web-1\""
#define EVENT                                                                                      \
	"{\"seq\":7,\"unix_ms\":123,\"object\":\"web/web-1\",\"what\":\"health\",\"from\":\"up\"," \
	"\"to\":\"down\",\"cause\":\"TCP:80: refused\",\"flows\":132}\n"
#define EVENT_BY                                                                                     \
	"{\"seq\":8,\"unix_ms\":123,\"object\":\"web/web-1\",\"what\":\"admin\",\"from\":\"ready\"," \
	"\"to\":\"drain\",\"cause\":\"drain\",\"who\":\"root\",\"flows\":null}\n"
#define ACK "\"dataplane\":true,\"took_us\":84.2,\"workers\":4,\"generation\":17"

static int setup(void **test_state)
{
	struct harness *h = calloc(1, sizeof(*h));

	*test_state = h;
	return harness_init(h);
}

static int teardown(void **test_state)
{
	harness_fini(*test_state);
	free(*test_state);
	return 0;
}

static const struct harness_row runs[] = {
	/* Usage. */
	{ "", NULL, 2, NULL, "", "a verb is missing\nusage: sluicectl [-r DIR]" },
	{ "drian web/web-1", NULL, 2, NULL, "",
	  "there is no verb \"drian\"; did you mean \"drain\"?" },
	{ "zzzzzz", NULL, 2, NULL, "", "there is no verb \"zzzzzz\"\n" },
	{ "config", NULL, 2, NULL, "",
	  "config: expected check, diff, apply, confirm, rollback, show, init or from-haproxy" },
	{ "config chekc x", NULL, 2, NULL, "",
	  "config: expected check, diff, apply, confirm, rollback, show, init or from-haproxy" },
	{ "-x status", NULL, 2, NULL, "", "unknown option -x" },
	{ "--nope status", NULL, 2, NULL, "", "unknown option --nope" },
	{ "-r", NULL, 2, NULL, "", "-r: a value is missing" },
	{ "-o yaml status", NULL, 2, NULL, "", "-o yaml: expected table or json" },
	{ "status a b", NULL, 2, NULL, "",
	  "status: \"b\" is one argument too many\nusage: sluicectl "
	  "status [POOL]\n" },
	{ "status --wait", NULL, 2, NULL, "", "unknown option --wait" },
	{ "capture --count 0", NULL, 2, NULL, "", "--count 0: expected a number of packets" },
	{ "drops -a", NULL, 2, NULL, "", "unknown option -a" },
	{ "drain", NULL, 2, NULL, "",
	  "drain: an argument is missing\nusage: sluicectl drain POOL/" },
	{ "drain web", NULL, 2, NULL, "", "\"web\": expected POOL/INSTANCE" },
	{ "drain /a", NULL, 2, NULL, "", "expected POOL/INSTANCE" },
	{ "drain a/", NULL, 2, NULL, "", "expected POOL/INSTANCE" },
	{ "drain a/b/c", NULL, 2, NULL, "", "expected POOL/INSTANCE" },
	{ "drain a/b --wait=5", NULL, 2, NULL, "", "--wait 5: expected a time" },
	{ "drain a/b --wait 5", NULL, 2, NULL, "", "--wait 5: expected a time" },
	{ "drain a/b --wait 5x", NULL, 2, NULL, "", "--wait 5x: expected a time" },
	{ "drain --wait 5x a/b", NULL, 2, NULL, "", "--wait 5x: expected a time" },
	{ "drain a/b --wait=0s", NULL, 2, NULL, "", "--wait 0s: expected a time" },
	{ "drain a/b --wait=25h", NULL, 2, NULL, "", "--wait 25h: expected a time" },
	{ "maint a/b c/d", NULL, 2, NULL, "", "too many" },
	{ "maint a/b --wait", NULL, 2, NULL, "", "unknown option --wait" },
	{ "weight a/b x", NULL, 2, NULL, "",
	  "\"x\": expected a number from 0 to 1000, or default" },
	{ "weight a/b 1001", NULL, 2, NULL, "", "expected a number" },
	{ "weight a/b -1", NULL, 2, NULL, "", "unknown option -1" },
	{ "weight a/b 010", NULL, 2, NULL, "", "expected a number" },
	{ "weight ab 1", NULL, 2, NULL, "", "expected POOL/INSTANCE" },
	{ "doctor -c /nonexistent", NULL, 1, NULL, "",
	  "/nonexistent: cannot be opened: No such file" },
	{ "status -c x", NULL, 2, NULL, "", "unknown option --config" },
	{ "config check", NULL, 2, NULL, "",
	  "an argument is missing\nusage: sluicectl config check FILE" },
	{ "config from-haproxy", NULL, 2, NULL, "",
	  "an argument is missing\nusage: sluicectl config from-haproxy FILE" },
	{ "config from-haproxy --forward l3 x", NULL, 2, NULL, "",
	  "--forward l3: expected l2, ipip, gue or nat" },
	{ "config from-haproxy /nonexistent", NULL, 1, NULL, "",
	  "/nonexistent: No such file or directory" },
	{ "config from-haproxy --node /dev/null /dev/null", NULL, 1, NULL, "",
	  "/dev/null: has no \"node:\" at the beginning of a line" },
	{ "config init --force", NULL, 2, NULL, "", "--force: only with --write" },
	{ "config check --vip 192.0.2.1 x", NULL, 2, NULL, "", "unknown option --vip" },

	/* No daemon. */
	{ "status", NULL, 3, NULL, "", "control.sock: sluiced is not running" },
	{ "drain web/web-1", NULL, 3, NULL, "", "sluiced is not running" },
	{ "-r /nonexistent drops", NULL, 3, NULL, "", "/nonexistent/control.sock: sluiced is not" },
	{ "status", "", 3, "{\"verb\":\"status\"}", "", "sluiced closed the connection" },
	{ "status", "{\"ok\":tr", 3, "{\"verb\":\"status\"}", "", "sluiced closed the connection" },
	{ "status", "hello\n", 3, "{\"verb\":\"status\"}", "", "the answer is not from sluiced" },
	{ "status", "[]\n", 3, "{\"verb\":\"status\"}", "", "the answer is not from sluiced" },

	/* Drain, maint, resume. */
	{ "drain web/web-1",
	  OK(W1 ",\"admin\":\"drain\",\"before\":\"ready\"," ACK ",\"flows\":1132"), 0,
	  "{\"verb\":\"drain\"," W1 "}",
	  "web/web-1: draining; no new flows after 84 \xc2\xb5s; 1,132 flows left\n", "" },
	{ "drain web/web-1", OK(W1 ",\"admin\":\"drain\",\"before\":\"drain\"," ACK ",\"flows\":1"),
	  0, "{\"verb\":\"drain\"," W1 "}", "web/web-1: already draining; 1 flow left\n", "" },
	{ "drain web/web-1",
	  OK(W1 ",\"admin\":\"drain\",\"before\":\"ready\",\"dataplane\":false,\"flows\":null"), 0,
	  "{\"verb\":\"drain\"," W1 "}",
	  "web/web-1: draining; the dataplane is not running: in force when it starts\n", "" },
	{ "maint web/web-1", OK(W1 ",\"admin\":\"maint\",\"before\":\"drain\"," ACK ",\"flows\":0"),
	  0, "{\"verb\":\"maint\"," W1 "}",
	  "web/web-1: in maintenance; out of service after 84 \xc2\xb5s; no flows left\n", "" },
	{ "resume web/web-1",
	  OK(W1 ",\"admin\":\"ready\",\"before\":\"drain\",\"dataplane\":true,\"took_us\":12345.6,"
		"\"flows\":7"),
	  0, "{\"verb\":\"resume\"," W1 "}", "web/web-1: ready; in service after 12.3 ms\n", "" },
	{ "maint web/web-1", OK(W1 ",\"admin\":\"maint\",\"before\":\"maint\"," ACK ",\"flows\":0"),
	  0, "{\"verb\":\"maint\"," W1 "}", "web/web-1: already in maintenance; no flows left\n",
	  "" },
	{ "resume web/web-1",
	  OK(W1 ",\"admin\":\"ready\",\"before\":\"ready\"," ACK ",\"flows\":7"), 0,
	  "{\"verb\":\"resume\"," W1 "}", "web/web-1: already ready; 7 flows left\n", "" },
	{ "drain web/web-1",
	  REFUSED("cannot write /x: No space left on device; nothing has changed"), 1,
	  "{\"verb\":\"drain\"," W1 "}", "",
	  "sluicectl: cannot write /x: No space left on device" },
	{ "drain web/web-1", "{\"ok\":false,\"code\":\"denied\",\"error\":\"permission denied\"}\n",
	  1, "{\"verb\":\"drain\"," W1 "}", "", "sluicectl: permission denied\n" },
	{ "drain web/web-1 -o json", OK(W1), 0, "{\"verb\":\"drain\"," W1 "}",
	  "{\n  \"instance\": \"web/web-1\"\n}\n", "" },

	/* Waits. */
	{ "drain web/web-1 --wait 5m",
	  "{" W1 ",\"admin\":\"drain\",\"before\":\"ready\"," ACK ",\"flows\":132}\n"
	  "{\"flows\":132,\"elapsed_ms\":1}\n"
	  "{\"flows\":132,\"elapsed_ms\":501}\n"
	  "{\"flows\":17,\"elapsed_ms\":1001}\n"
	  "{\"flows\":17,\"elapsed_ms\":9501}\n"
	  "{\"flows\":17,\"elapsed_ms\":11001}\n" OK(
		  W1 ",\"flows\":0,\"elapsed_ms\":12345,\"safe\":true"),
	  0, "{\"verb\":\"drain\"," W1 ",\"wait_ms\":300000}",
	  "web/web-1: draining; no new flows after 84 \xc2\xb5s; 132 flows left\n"
	  "web/web-1: 17 flows left, 1.0 s\n"
	  "web/web-1: 17 flows left, 11 s\n"
	  "web/web-1: safe to stop; no flows left after 12 s\n",
	  "" },
	{ "drain --wait web/web-1", OK(W1 ",\"flows\":0,\"elapsed_ms\":3,\"safe\":true"), 0,
	  "{\"verb\":\"drain\"," W1 ",\"wait_ms\":0}",
	  "web/web-1: safe to stop; no flows left after 3 ms\n", "" },
	{ "drain --wait=90s web/web-1",
	  "{\"ok\":false,\"code\":\"refused\",\"error\":\"web/web-1: still 17 flows after "
	  "90s\",\"result\":{\"flows\":17}}\n",
	  1, "{\"verb\":\"drain\"," W1 ",\"wait_ms\":90000}", "",
	  "sluicectl: web/web-1: still 17 flows after 90s\n" },
	{ "-o json drain web/web-1 --wait 1s",
	  "{" W1 ",\"flows\":132}\n{\"flows\":7,\"elapsed_ms\":1}\n"
	  "{\"ok\":false,\"code\":\"refused\",\"error\":\"still\",\"result\":{\"flows\":7}}\n",
	  1, "{\"verb\":\"drain\"," W1 ",\"wait_ms\":1000}",
	  "{" W1 ",\"flows\":132}\n{\"flows\":7,\"elapsed_ms\":1}\n{\"flows\":7}\n", "still" },
	{ "drain web/web-1 --wait 1m", "{" W1 "," ACK ",\"flows\":2}\n", 3,
	  "{\"verb\":\"drain\"," W1 ",\"wait_ms\":60000}", NULL, "sluiced closed the connection" },

	/* Weight. */
	{ "weight web/web-1", OK(W1 ",\"weight\":100,\"config_weight\":100,\"by_operator\":false"),
	  0, "{\"verb\":\"weight\"," W1 "}", "web/web-1: weight 100\n", "" },
	{ "weight web/web-1", OK(W1 ",\"weight\":7,\"config_weight\":100,\"by_operator\":true"), 0,
	  "{\"verb\":\"weight\"," W1 "}", "web/web-1: weight 7 (configured: 100)\n", "" },
	{ "weight web/web-1 7",
	  OK(W1 ",\"weight\":7,\"config_weight\":100,\"by_operator\":true,\"before\":100," ACK), 0,
	  "{\"verb\":\"weight\"," W1 ",\"weight\":7}",
	  "web/web-1: weight 7 (configured: 100), was 100; in force after 84 \xc2\xb5s\n", "" },
	{ "weight web/web-1 default",
	  OK(W1 ",\"weight\":100,\"config_weight\":100,\"by_operator\":false,\"before\":100," ACK),
	  0, "{\"verb\":\"weight\"," W1 ",\"weight\":\"default\"}",
	  "web/web-1: weight 100; unchanged\n", "" },
	{ "weight web/web-1 0",
	  OK(W1 ",\"weight\":0,\"config_weight\":100,\"by_operator\":true,\"before\":100,"
		"\"dataplane\":false"),
	  0, "{\"verb\":\"weight\"," W1 ",\"weight\":0}",
	  "web/web-1: weight 0 (configured: 100); the dataplane is not running: in force when "
	  "it starts\n",
	  "" },

	/* Configurations of the daemon. */
	{ "config diff", OK("\"file\":\"/f\",\"changes\":[],\"plan\":{}"), 0,
	  "{\"verb\":\"config-diff\"}", "no changes\n", "" },
	{ "config diff",
	  OK("\"file\":\"/f\",\"changes\":["
	     "{\"kind\":\"changed\",\"key\":\"pools.web.instances.web-1.weight\",\"before\":\"100\","
	     "\"after\":\"50\",\"reloadable\":true},"
	     "{\"kind\":\"added\",\"key\":\"pools.web.instances.web-4\",\"before\":null,\"after\":null,"
	     "\"reloadable\":true},"
	     "{\"kind\":\"removed\",\"key\":\"services.x\",\"before\":\"a\",\"after\":null,"
	     "\"reloadable\":true},"
	     "{\"kind\":\"changed\",\"key\":\"node.flows\",\"before\":\"1\",\"after\":\"2\","
	     "\"reloadable\":false}],\"changes_more\":3,\"plan\":{\"changes\":7,\"restarts\":1,"
	     "\"instances_added\":1,\"instances_removed\":0,\"slots\":1000,\"slots_changed\":125,"
	     "\"flows\":1000,\"flows_moved\":12}"),
	  0, "{\"verb\":\"config-diff\"}",
	  "~ pools.web.instances.web-1.weight: 100 -> 50\n"
	  "+ pools.web.instances.web-4\n"
	  "- services.x: a\n"
	  "~ node.flows: 1 -> 2  (needs a restart of the daemons)\n"
	  "and 3 more\n"
	  "7 changes: 1 instance added, 0 removed; 12.5 % of the slots change\n"
	  "12 of 1,000 flows move to another instance\n"
	  "config apply will refuse this: it needs a restart of the daemons\n",
	  "" },
	{ "config apply",
	  "{\"ok\":false,\"code\":\"refused\",\"error\":\"/f is refused: 2 errors\","
	  "\"result\":{\"errors\":[\"/f:1:2: a\",\"/f:3:4: b\"]}}\n",
	  1, "{\"verb\":\"config-apply\"}", "",
	  "/f:1:2: a\n/f:3:4: b\nsluicectl: /f is refused: 2 errors\n" },
	{ "config apply",
	  "{\"ok\":false,\"code\":\"refused\",\"error\":\"needs a restart\","
	  "\"result\":{\"restart\":[\"node.port\"]}}\n",
	  1, "{\"verb\":\"config-apply\"}", "", "sluicectl: needs a restart\n  node.port\n" },
	{ "config apply", OK("\"file\":\"/f\",\"own_file\":false,\"changes\":[],\"plan\":{}," ACK),
	  0, "{\"verb\":\"config-apply\"}", "no changes\napplied; in force after 0.1 ms\n",
	  "note: /f is not the daemon's own file" },
	{ "config apply",
	  OK("\"file\":\"/f\",\"own_file\":true,\"changes\":[],\"plan\":{},\"dataplane\":false"), 0,
	  "{\"verb\":\"config-apply\"}",
	  "no changes\napplied; the dataplane is not running: in force when it starts\n", "" },
	{ "config apply --force",
	  OK("\"file\":\"/f\",\"own_file\":true,\"changes\":[],\"plan\":{}," ACK), 0,
	  "{\"verb\":\"config-apply\",\"force\":true}",
	  "no changes\napplied; in force after 0.1 ms\n", "" },
	{ "config apply --confirm 90s",
	  OK("\"file\":\"/f\",\"own_file\":true,\"changes\":[],\"plan\":{}," ACK), 0,
	  "{\"verb\":\"config-apply\",\"confirm_ms\":90000}",
	  "no changes\napplied; in force after 0.1 ms\n"
	  "undone in 1 m 30 s, unless confirmed: sluicectl config confirm\n",
	  "" },
	{ "config apply --confirm=0s", NULL, 2, NULL, "",
	  "--confirm 0s: expected a time from 1s to 24h, such as 5m" },
	{ "config diff --confirm", NULL, 2, NULL, "", "unknown option --confirm" },
	{ "config confirm", OK("\"generation\":12"), 0, "{\"verb\":\"config-confirm\"}",
	  "configuration 12 confirmed\n", "" },
	{ "config confirm",
	  "{\"ok\":false,\"code\":\"refused\",\"error\":\"no configuration waits\"}\n", 1,
	  "{\"verb\":\"config-confirm\"}", "", "sluicectl: no configuration waits\n" },
	{ "config rollback",
	  OK("\"file\":\"/f\",\"own_file\":false,\"changes\":[],\"plan\":{}," ACK), 0,
	  "{\"verb\":\"config-rollback\",\"back\":1}",
	  "no changes\napplied; in force after 0.1 ms\n", "" },
	{ "config rollback 7 --force",
	  OK("\"file\":\"/f\",\"own_file\":true,\"changes\":[],\"plan\":{}," ACK), 0,
	  "{\"verb\":\"config-rollback\",\"back\":7,\"force\":true}",
	  "no changes\napplied; in force after 0.1 ms\n", "" },
	{ "config rollback 0", NULL, 2, NULL, "",
	  "\"0\": expected how many configurations back, from 1" },
	{ "history",
	  OK("\"generation\":2,\"unconfirmed_ms\":61000,\"configurations\":[{\"back\":0,"
	     "\"generation\":2,\"time\":0,\"how\":\"apply\",\"who\":\"root\",\"file\":\"/f\","
	     "\"bytes\":1234}]"),
	  0, "{\"verb\":\"history\"}", NULL, "" },
	{ "history -o json", OK("\"generation\":2"), 0, "{\"verb\":\"history\"}",
	  "{\n  \"generation\": 2\n}\n", "" },
	{ "events", OK("\"count\":0,\"lost\":0"), 0, "{\"verb\":\"events\"}", "no events\n", "" },
	{ "events", EVENT OK("\"count\":1,\"lost\":0"), 0, "{\"verb\":\"events\"}", NULL, "" },
	{ "events -o json", EVENT OK("\"count\":1,\"lost\":0"), 0, "{\"verb\":\"events\"}",
	  "{\n  \"events\": [\n    {\n      \"seq\": 7,\n      \"unix_ms\": 123,\n      "
	  "\"object\": \"web/web-1\",\n      \"what\": \"health\",\n      \"from\": \"up\",\n      "
	  "\"to\": \"down\",\n      \"cause\": \"TCP:80: refused\",\n      \"flows\": 132\n    }\n  "
	  "],\n  \"lost\": 0\n}\n",
	  "" },
	{ "events -f --object web -o json", "{\"lost\":9}\n" EVENT "{\"alive\":true}\n" EVENT_BY, 3,
	  "{\"verb\":\"events\",\"follow\":true,\"last\":10,\"object\":\"web\"}",
	  "{\"lost\":9}\n" EVENT EVENT_BY, "sluiced closed the connection" },
	{ "events --follow --since 1h", "{\"lost\":9}\n", 3,
	  "{\"verb\":\"events\",\"follow\":true,\"since_ms\":3600000}", "",
	  "9 events lost: read too slowly" },
	{ "events --since yesterday", NULL, 2, NULL, "",
	  "--since yesterday: expected a time, such as 10m or 24h" },
	{ "status -f", NULL, 2, NULL, "", "unknown option -f" },
	{ "config show",
	  OK("\"files\":[\"/f\",\"/g\"],\"lines\":[{\"text\":\"a:\",\"file\":0,\"line\":1},"
	     "{\"text\":\"  b: 7\",\"file\":1,\"line\":12}]"),
	  0, "{\"verb\":\"config-show\"}", "a:\n  b: 7\n", "" },
	{ "config show --origin",
	  OK("\"files\":[\"/f\",\"/g\"],\"lines\":[{\"text\":\"a:\",\"file\":0,\"line\":1},"
	     "{\"text\":\"  b: 7\",\"file\":1,\"line\":12}]"),
	  0, "{\"verb\":\"config-show\"}", "/f:1  a:\n/g:12    b: 7\n", "" },
	{ "config diff --origin", NULL, 2, NULL, "", "unknown option --origin" },

	/* About flows; test_flows.c has the rest. */
	{ "explain 192.0.2.1", NULL, 2, NULL, "", "explain: an argument is missing" },
	{ "flows x", NULL, 2, NULL, "", "\"x\" is one argument too many" },
	{ "top --once x", NULL, 2, NULL, "", "\"x\" is one argument too many" },

	/* Of the commands of ELB classic; test_elb.c has the rest. */
	{ "elb-create-lb", NULL, 2, NULL, "", "--listener is missing" },
	{ "elb-delete-lb --force", NULL, 2, NULL, "", "the name of a load balancer is missing" },
	{ "elb-describe-lbs", OK("\"lbs\":[]"), 0, "{\"verb\":\"elb-describe-lbs\"}",
	  "No LoadBalancers found\n", "" },
	{ "elb-configure-healthcheck x", NULL, 2, NULL, "", "--target is missing" },
	{ "elb-register-instances-with-lb x", NULL, 2, NULL, "", "--instances is missing" },
	{ "elb-deregister-instances-from-lb x", NULL, 2, NULL, "", "--instances is missing" },
	{ "elb-describe-instance-health", NULL, 2, NULL, "",
	  "the name of a load balancer is missing" },
	{ "config diff --force", NULL, 2, NULL, "", "unknown option --force" },
	{ "config diff /nonexistent", NULL, 1, NULL, "",
	  "/nonexistent: No such file or directory" },
	{ "config diff /", NULL, 1, NULL, "", "/: Is a directory" },
};

static void test_runs(void **test_state)
{
	harness_rows(*test_state, runs, sizeof(runs) / sizeof(runs[0]));
}

/* The columns of time depend on the zone. */
static void test_lines_of_history(void **test_state)
{
	struct harness *h = *test_state;

	setenv("TZ", "UTC", 1);
	assert_int_equal(harness_run(h, "events", EVENT EVENT_BY OK("\"count\":2,\"lost\":0")), 0);
	assert_string_equal(
		h->out,
		"1970-01-01 00:00:00.123  web/web-1  health up -> down: TCP:80: refused (132 flows)\n"
		"1970-01-01 00:00:00.123  web/web-1  admin ready -> drain: drain, by root\n");
	assert_int_equal(
		harness_run(h, "history",
			    OK("\"generation\":2,\"unconfirmed_ms\":61000,\"configurations\":["
			       "{\"back\":0,\"generation\":2,\"time\":0,\"how\":\"apply\","
			       "\"who\":\"root\",\"file\":\"/f\",\"bytes\":1234}]")),
		0);
	assert_non_null(strstr(h->out, "1970-01-01 00:00:00  root  apply  /f"));
	assert_non_null(strstr(h->out, "\n2 is undone in 1 m 1 s, unless confirmed: "));
}

static void test_every_verb_is_run(void **test_state)
{
	(void)test_state;
	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
		bool is_run = false;

		for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
			is_run |= strncmp(runs[i].arguments, verb->name, strlen(verb->name)) == 0;
		if (!is_run)
			fail_msg("no row of runs is about \"%s\"", verb->name);
	}
}

static void test_help(void **test_state)
{
	struct harness *h = *test_state;
	char arguments[128];

	assert_int_equal(harness_run(h, "-h", NULL), 0);
	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++)
		assert_non_null(strstr(h->out, verb->name));
	assert_string_equal(h->err, "");
	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
		snprintf(arguments, sizeof(arguments), "%s --help", verb->name);
		assert_int_equal(harness_run(h, arguments, NULL), 0);
		assert_non_null(strstr(h->out, verb->synopsis));
		/* Each has an example, which is of this verb. */
		snprintf(arguments, sizeof(arguments), "\nExamples:\n  %s%s",
			 verb->own_options ? "" : "sluicectl ",
			 verb->own_options ? verb->name : "");
		assert_non_null(strstr(h->out, arguments));
		assert_non_null(strstr(strstr(h->out, "\nExamples:\n"), verb->name));
	}
	assert_int_equal(harness_run(h, "-V", NULL), 0);
	assert_non_null(strstr(h->out, "sluicectl "));
	assert_int_equal(harness_run(h, "status -V", NULL), 0);
}

static void test_socket_path_too_long(void **test_state)
{
	struct harness *h = *test_state;
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "-r /%0200d status", 0);
	assert_int_equal(harness_run(h, arguments, NULL), 2);
	assert_non_null(strstr(h->err, "too long"));
}

static void test_socket_without_a_daemon(void **test_state)
{
	struct harness *h = *test_state;
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	harness_address(h, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(harness_run(h, "status", NULL), 3);
	assert_non_null(strstr(h->err, "sluiced is not running"));
	unlink(address.sun_path);
}

static const char *file_with(struct harness *h, const char *text, size_t size)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sluice.yaml", h->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
	return path;
}

static const char good_config[] =
	"node:\n  port: eth1\n  cpus: \"2\"\n  address: [\"10.0.0.5/24\"]\n"
	"  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
	"pools:\n  web:\n    instances:\n      web-1: { address: 10.0.1.1 }\n"
	"services:\n  a:\n    vip: [\"203.0.113.10\"]\n    forward: l2\n"
	"    listeners:\n      - { port: 80, pool: web }\n";

static void test_check(void **test_state)
{
	struct harness *h = *test_state;
	const char *path = file_with(h, good_config, strlen(good_config));
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "config check %s", path);
	assert_int_equal(harness_run(h, arguments, NULL), 0);
	assert_non_null(strstr(h->out, ": ok: 1 service, 1 pool, 1 instance\n"));

	snprintf(arguments, sizeof(arguments), "-o json config check %s", path);
	assert_int_equal(harness_run(h, arguments, NULL), 0);
	assert_non_null(strstr(h->out, "\"ok\": true"));

	file_with(h, "node: { flows: x, bad: 1 }\n", 27);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->out, "\"ok\": false"));
	assert_non_null(strstr(h->out, "sluice.yaml:1:16: "));
	assert_non_null(strstr(h->err, "sluice.yaml:1:16: node.flows"));
	snprintf(arguments, sizeof(arguments), "config check %s", path);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->err, "sluice.yaml:1:16: node.flows"));
	assert_non_null(strstr(h->err, "bad"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->err, "sluice.yaml"));
}

/* With nobody at the other end it is empty. */
static void test_fifo(void **test_state)
{
	static const char *const verbs[] = { "check", "diff", "apply" };
	struct harness *h = *test_state;
	char dir[] = "/tmp/test_cli_XXXXXX", path[64], arguments[256];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		snprintf(arguments, sizeof(arguments), "config %s %s", verbs[i], path);
		assert_int_equal(harness_run(h, arguments, i == 0 ? NULL : REFUSED("empty")), 1);
		assert_non_null(strstr(h->err, "empty"));
	}
	unlink(path);
	rmdir(dir);
}

/* The daemon gets the text of the file, and the verb first. */
static void test_apply_sends_the_file(void **test_state)
{
	struct harness *h = *test_state;
	const char *path = file_with(h, "a: \"\xc3\xa4\"\n", 8);
	char arguments[256], expected[512];

	snprintf(arguments, sizeof(arguments), "config apply %s", path);
	snprintf(expected, sizeof(expected),
		 "{\"verb\":\"config-apply\",\"name\":\"%s\",\"text\":\"a: \\\"\xc3\xa4\\\"\\n\"}",
		 path);
	assert_int_equal(harness_run(h, arguments, REFUSED("no")), 1);
	assert_string_equal(h->request, expected);
	unlink(path);
}

static void test_apply_of_what_is_no_text(void **test_state)
{
	struct harness *h = *test_state;
	const char *path = file_with(h, "a: \xff\n", 5);
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "config apply %s", path);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->err, "sluice.yaml:1:4: "));
	file_with(h, "a: \0\n", 5);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->err, "sluice.yaml:1:4: "));
	unlink(path);
}

static void test_apply_of_a_huge_file(void **test_state)
{
	struct harness *h = *test_state;
	char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
	const char *path;
	char arguments[256];

	memset(text, '#', CONFIG_FILE_BYTES_MAX + 1);
	path = file_with(h, text, CONFIG_FILE_BYTES_MAX + 1);
	snprintf(arguments, sizeof(arguments), "config apply %s", path);
	assert_int_equal(harness_run(h, arguments, NULL), 1);
	assert_non_null(strstr(h->err, "File too large"));
	file_with(h, text, CONFIG_FILE_BYTES_MAX);
	assert_int_equal(harness_run(h, arguments, REFUSED("no")), 1);
	assert_true(h->request_bytes > CONFIG_FILE_BYTES_MAX);
	free(text);
	unlink(path);
}

static void test_large_answer(void **test_state)
{
	struct harness *h = *test_state;
	size_t padding = 3 << 20;
	char *answer = malloc(padding + 256);
	int head = sprintf(answer, "{\"ok\":true,\"result\":{\"node\":{\"padding\":\"");

	memset(answer + head, 'x', padding);
	strcpy(answer + head + padding, "\"}}}\n");
	assert_int_equal(harness_run(h, "-o json status", answer), 0);
	assert_true(strlen(h->out) > padding);
	free(answer);
}

/* Every answer, cut anywhere: no crash, and never success. */
static void test_cut_answers(void **test_state)
{
	struct harness *h = *test_state;
	static const char answer[] =
		"{" W1 "," ACK
		",\"flows\":132}\n{\"flows\":17,\"elapsed_ms\":5}\n" OK(W1 ",\"flows\":0");

	for (size_t size = 0; size < sizeof(answer) - 1; size++) {
		char *cut = strndup(answer, size);

		assert_int_equal(harness_run(h, "drain web/web-1 --wait", cut), 3);
		free(cut);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_runs),
		cmocka_unit_test_setup_teardown(test_lines_of_history, setup, teardown),
		cmocka_unit_test(test_every_verb_is_run),
		TEST(test_help),
		TEST(test_socket_path_too_long),
		TEST(test_socket_without_a_daemon),
		TEST(test_check),
		TEST(test_fifo),
		TEST(test_apply_sends_the_file),
		TEST(test_apply_of_what_is_no_text),
		TEST(test_apply_of_a_huge_file),
		TEST(test_large_answer),
		TEST(test_cut_answers),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}

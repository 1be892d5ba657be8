/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of ELB classic: their options, what is asked of the daemon, and what is printed. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controlplane/cli/harness.h"

#define OK(result) "{\"ok\":true,\"result\":{" result "}}\n"
#define LISTENER "--listener lb-port=443,instance-port=8443,protocol=TCP"
#define CREATE "elb-create-lb shop --forward l2 "
#define CREATED "\"name\":\"shop\",\"vip\":[\"203.0.113.10\"],\"changed\":true"
#define ASKED(listeners)                                                                           \
	"{\"verb\":\"elb-create-lb\",\"name\":\"shop\",\"listeners\":\"" listeners                 \
	"\",\"forward\":\"l2\"}"
#define CHECK "elb-configure-healthcheck shop "
#define TIMES "--interval 30 --timeout 20 --unhealthy-threshold 2 --healthy-threshold 3"
#define CHECKED                                                                                    \
	"\"name\":\"shop\",\"checks\":[{\"target\":\"TCP:8443\",\"interval\":\"30s\",\"timeout\":" \
	"\"500ms\",\"unhealthy\":2,\"healthy\":3}],\"changed\":true"
#define HEALTH                                                                                     \
	"\"instances\":[{\"id\":\"i-1\",\"state\":\"InService\",\"description\":\"N/A\","          \
	"\"reason_code\":\"N/A\"},{\"id\":\"i-12ab\",\"state\":\"OutOfService\","                  \
	"\"description\":\"why\",\"reason_code\":\"Instance\"}]"

static const struct {
	const char *arguments;
	const char *answer;
	int code;
	const char *request; /* NULL: the daemon is not asked */
	const char *out;
	const char *err; /* a part of it */
} runs[] = {
	/* Options: wrong, missing, given twice, contradictory. */
	{ CREATE, NULL, 2, NULL, "", "--listener is missing\nusage: sluicectl elb-create-lb NAME" },
	{ "elb-create-lb --forward l2 " LISTENER, NULL, 2, NULL, "",
	  "the name of a load balancer is missing" },
	{ "elb-create-lb a b --forward l2 " LISTENER, NULL, 2, NULL, "",
	  "\"b\" is one argument too many" },
	{ "elb-create-lb a --lb b --forward l2 " LISTENER, NULL, 2, NULL, "",
	  "\"a\" and --lb b: expected one of the two" },
	{ CREATE LISTENER " --forward ipip", NULL, 2, NULL, "", "--forward is given twice" },
	{ CREATE LISTENER " --target TCP:80", NULL, 2, NULL, "", "unknown option --target" },
	{ CREATE LISTENER " --nope", NULL, 2, NULL, "", "unknown option --nope" },
	{ CREATE LISTENER " --vip", NULL, 2, NULL, "", "--vip: a value is missing" },
	{ CREATE "--listener lb-port=443", NULL, 2, NULL, "", "instance-port is missing" },
	{ CREATE "--listener lb-port=443,instance-port=443", NULL, 2, NULL, "",
	  "protocol is missing" },
	{ CREATE "--listener instance-port=443,protocol=TCP", NULL, 2, NULL, "",
	  "lb-port is missing" },
	{ CREATE "--listener lb-port=1,lb-port=2,instance-port=1,protocol=TCP", NULL, 2, NULL, "",
	  "lb-port is given twice" },
	{ CREATE "--listener lb-port=1,instance-port=1,protocol=TCP,protocol=TCP", NULL, 2, NULL,
	  "", "protocol is given twice" },
	{ CREATE "--listener lb-port=0,instance-port=1,protocol=TCP", NULL, 2, NULL, "",
	  "lb-port=0: expected a port from 1 to 65535" },
	{ CREATE "--listener lb-port=1,instance-port=65536,protocol=TCP", NULL, 2, NULL, "",
	  "instance-port=65536: expected a port" },
	{ CREATE "--listener lb-port=1,instance-port=1x,protocol=TCP", NULL, 2, NULL, "",
	  "instance-port=1x: expected a port" },
	{ CREATE "--listener lb-port=1,instance-port=1,protocol=SSL", NULL, 2, NULL, "",
	  "protocol=SSL: expected TCP or HTTP: certificates belong to the instances" },
	{ CREATE "--listener lb-port=1,cert-id=x", NULL, 2, NULL, "",
	  "\"cert-id=x\": expected lb-port=PORT, instance-port=PORT and protocol" },
	{ CREATE "--listener ,", NULL, 2, NULL, "", "\"\": expected lb-port=PORT" },
	{ CHECK TIMES, NULL, 2, NULL, "", "--target is missing" },
	{ CHECK "--target TCP:80 --interval 30 --timeout 5 --unhealthy-threshold 2", NULL, 2, NULL,
	  "", "--healthy-threshold is missing" },
	{ CHECK "--target TCP:80 --interval x --timeout 5 --unhealthy-threshold 2 "
		"--healthy-threshold 2",
	  NULL, 2, NULL, "", "--interval x: expected seconds, such as 30, or a duration" },
	{ CHECK "--target TCP:80 --interval 30 --timeout 5 --unhealthy-threshold 2x "
		"--healthy-threshold 2",
	  NULL, 2, NULL, "", "--unhealthy-threshold 2x: expected a number of checks" },
	{ CHECK "--target TCP:80 --interval 5 " TIMES, NULL, 2, NULL, "",
	  "--interval is given twice" },
	{ "elb-register-instances-with-lb shop --instances i-1,i-2,i-1", NULL, 2, NULL, "",
	  "--instances: i-1 is given twice" },
	{ "elb-register-instances-with-lb shop --instances i-1,,i-2", NULL, 2, NULL, "",
	  "expected ids with a comma between them" },
	{ "elb-deregister-instances-from-lb shop --instances i-1,", NULL, 2, NULL, "",
	  "expected ids with a comma between them" },
	{ "elb-delete-lb shop --only", NULL, 2, NULL, "", "unknown option --only" },

	/* Create. */
	{ CREATE LISTENER, OK(CREATED), 0, ASKED("443/8443"), "DNS_NAME  203.0.113.10\n", "" },
	{ CREATE LISTENER " --headers", OK(CREATED), 0, ASKED("443/8443"),
	  "DNS_NAME  DNS_NAME\nDNS_NAME  203.0.113.10\n", "" },
	{ CREATE LISTENER " -H --delimiter |", OK(CREATED), 0, ASKED("443/8443"),
	  "DNS_NAME|DNS_NAME\nDNS_NAME|203.0.113.10\n", "" },
	{ CREATE LISTENER " -region us-east-1 -availability-zones us-east-1c -K k -C c",
	  OK(CREATED), 0, ASKED("443/8443"), "DNS_NAME  203.0.113.10\n", "" },
	{ CREATE LISTENER " -l PROTOCOL=http,instance-port=80,lb-port=80", OK(CREATED), 0,
	  ASKED("443/8443,80/80"), "DNS_NAME  203.0.113.10\n",
	  "elb-create-lb: note: --listener \"PROTOCOL=http,instance-port=80,lb-port=80\": HTTP is "
	  "carried as TCP\n" },
	{ CREATE LISTENER " --quiet", OK(CREATED), 0, ASKED("443/8443"), "", "" },
	{ CREATE LISTENER " --vip 203.0.113.10", OK("\"vip\":[\"203.0.113.10\"],\"changed\":false"),
	  0,
	  "{\"verb\":\"elb-create-lb\",\"name\":\"shop\",\"listeners\":\"443/8443\",\"forward\":"
	  "\"l2\",\"vip\":\"203.0.113.10\"}",
	  "DNS_NAME  203.0.113.10\n", "elb-create-lb: nothing has changed\n" },
	{ CREATE LISTENER, "{\"ok\":false,\"code\":\"refused\",\"error\":\"no\"}\n", 1,
	  ASKED("443/8443"), "", "sluicectl: no\n" },
	{ CREATE LISTENER, NULL, 3, NULL, "", "sluiced is not running" },
	{ CREATE LISTENER " -o json", OK("\"name\":\"shop\""), 0, ASKED("443/8443"),
	  "{\n  \"name\": \"shop\"\n}\n", "" },

	/* The others. */
	{ "elb-delete-lb shop --force", OK("\"name\":\"shop\",\"changed\":true"), 0,
	  "{\"verb\":\"elb-delete-lb\",\"name\":\"shop\"}", "OK-Deleting LoadBalancer\n", "" },
	{ "elb-describe-lbs a shop --headers",
	  OK("\"lbs\":[{\"name\":\"a\",\"vip\":[\"203.0.113.9\",\"2001:db8::1\"]},"
	     "{\"name\":\"shop\",\"vip\":[\"203.0.113.10\"]}]"),
	  0, "{\"verb\":\"elb-describe-lbs\",\"names\":\"a,shop\"}",
	  "LOAD_BALANCER  NAME  DNS_NAME\nLOAD_BALANCER  a     203.0.113.9,2001:db8::1\n"
	  "LOAD_BALANCER  shop  203.0.113.10\n",
	  "" },
	{ "elb-describe-lbs --show-long --delimiter ;",
	  OK("\"lbs\":[{\"name\":\"a\",\"vip\":[\"203.0.113.9\"],\"forward\":\"l2\",\"listeners\":"
	     "[{\"port\":443,\"instance_port\":8443},{\"port\":80,\"instance_port\":80}],"
	     "\"checks\":[{\"target\":\"TCP:80\"}],\"instances\":[\"i-1\",\"i-2\"]}]"),
	  0, "{\"verb\":\"elb-describe-lbs\"}",
	  "LOAD_BALANCER;a;203.0.113.9;l2;443/8443,80/80;TCP:80;i-1,i-2\n", "" },
	{ CHECK "--headers --target tcp:8443 --interval 30 --timeout 500ms --unhealthy-threshold 2 "
		"--healthy-threshold 3 --only",
	  OK(CHECKED), 0,
	  "{\"verb\":\"elb-configure-healthcheck\",\"name\":\"shop\",\"target\":\"TCP:8443\","
	  "\"interval\":\"30s\",\"timeout\":\"500ms\",\"unhealthy\":2,\"healthy\":3,\"only\":true}",
	  "HEALTH_CHECK  TARGET    INTERVAL  TIMEOUT  HEALTHY_THRESHOLD  UNHEALTHY_THRESHOLD\n"
	  "HEALTH_CHECK  TCP:8443  30        500ms    3                  2\n",
	  "" },
	{ "elb-register-instances-with-lb --lb shop --instances i-1,i-2 --headers",
	  OK("\"instances\":[\"i-1\",\"i-2\"],\"changed\":true"), 0,
	  "{\"verb\":\"elb-register-instances-with-lb\",\"name\":\"shop\",\"instances\":\"i-1,i-2\"}",
	  "INSTANCE_ID  INSTANCE_ID\nINSTANCE_ID  i-1\nINSTANCE_ID  i-2\n", "" },
	{ "elb-deregister-instances-from-lb shop --instances i-1",
	  OK("\"instances\":[],\"changed\":true"), 0,
	  "{\"verb\":\"elb-deregister-instances-from-lb\",\"name\":\"shop\",\"instances\":\"i-1\"}",
	  "No instances currently registered to LoadBalancer\n", "" },
	{ "elb-describe-instance-health shop", OK(HEALTH), 0,
	  "{\"verb\":\"elb-describe-instance-health\",\"name\":\"shop\"}",
	  "INSTANCE_ID  i-1     InService     N/A  N/A\n"
	  "INSTANCE_ID  i-12ab  OutOfService  why  Instance\n",
	  "" },
	{ "elb-describe-instance-health shop --instances i-1 --headers", OK(HEALTH), 0,
	  "{\"verb\":\"elb-describe-instance-health\",\"name\":\"shop\",\"instances\":\"i-1\"}",
	  "INSTANCE_ID  INSTANCE_ID  STATE         DESCRIPTION  REASON_CODE\n"
	  "INSTANCE_ID  i-1          InService     N/A          N/A\n"
	  "INSTANCE_ID  i-12ab       OutOfService  why          Instance\n",
	  "" },
};

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

static void test_runs(void **test_state)
{
	struct harness *h = *test_state;

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		int code = harness_run(h, runs[i].arguments, runs[i].answer);
		const char *request =
			h->request != NULL && h->request[0] != '\0' ? h->request : NULL;

		if (code != runs[i].code)
			fail_msg("%s: exit code %d, %s%s", runs[i].arguments, code, h->out, h->err);
		if ((request == NULL) != (runs[i].request == NULL) ||
		    (request != NULL && strcmp(request, runs[i].request) != 0))
			fail_msg("%s: asked %s", runs[i].arguments, request);
		if (strcmp(h->out, runs[i].out) != 0)
			fail_msg("%s: printed\n%s", runs[i].arguments, h->out);
		if (strstr(h->err, runs[i].err) == NULL ||
		    (runs[i].err[0] == '\0' && h->err[0] != '\0'))
			fail_msg("%s: complained\n%s", runs[i].arguments, h->err);
	}
}

/* The program's name is the verb. */
static void test_links(void **test_state)
{
	static const struct {
		const char *program;
		const char *argument;
		int code;
		const char *err;
	} rows[] = {
		{ "/usr/bin/elb-describe-lbs", "--nope", 2,
		  "elb-describe-lbs: unknown option --nope\nusage: elb-describe-lbs [NAME...]\n" },
		{ "elb-delete-lb", NULL, 2,
		  "elb-delete-lb: the name of a load balancer is missing" },
		{ "drain", "status", 3, "sluiced is not running" },
	};
	struct harness *h = *test_state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *words[] = { (char *)(uintptr_t)rows[i].program, (char *)(uintptr_t) "-r",
				  h->dir, (char *)(uintptr_t)rows[i].argument, NULL };
		char *said = NULL;
		size_t size;
		FILE *err = open_memstream(&said, &size);
		int code = cli_run(rows[i].argument != NULL ? 4 : 3, words, stdout, err);

		fclose(err);
		assert_int_equal(code, rows[i].code);
		assert_non_null(strstr(said, rows[i].err));
		free(said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

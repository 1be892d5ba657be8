/* SPDX-License-Identifier: BSD-3-Clause */
/* What people see: figures, tables, status and drops. */
#define _GNU_SOURCE
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/cli/status.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"
#include "tests/unit/controlplane/cli/harness.h"

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

static void test_counts(void **test_state)
{
	static const struct {
		int64_t count;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 123456, "123,456" },
		{ 1234567, "1,234,567" },
		{ -1234, "-1,234" },
		{ -100, "-100" },
		{ INT64_MAX, "9,223,372,036,854,775,807" },
		{ INT64_MIN, "-9,223,372,036,854,775,808" },
	};
	char text[TEXT_MAX];

	(void)test_state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_count(text, cases[i].count), cases[i].text);
}

static void test_durations(void **test_state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ -5, "0 ms" },		  { 0, "0 ms" },	   { 999, "999 ms" },
		{ 1000, "1.0 s" },	  { 9999, "9.9 s" },	   { 10000, "10 s" },
		{ 59999, "59 s" },	  { 60000, "1 m 0 s" },	   { 312000, "5 m 12 s" },
		{ 3600000, "1 h 0 m" },	  { 11040000, "3 h 4 m" }, { 86400000, "1 d 0 h" },
		{ 190800000, "2 d 5 h" },
	};
	char text[TEXT_MAX];

	(void)test_state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_duration(text, cases[i].ms), cases[i].text);
}

static void test_rates(void **test_state)
{
	char text[TEXT_MAX];

	(void)test_state;
	assert_string_equal(text_rate(text, 0), "0");
	assert_string_equal(text_rate(text, -1), "0");
	assert_string_equal(text_rate(text, NAN), "0");
	assert_string_equal(text_rate(text, 0.32), "0.3");
	assert_string_equal(text_rate(text, 99.94), "99.9");
	assert_string_equal(text_rate(text, 99.95), "100");
	assert_string_equal(text_rate(text, 1234.6), "1,235");
	assert_string_equal(text_rate(text, 1e300), "1,000,000,000,000,000,000");
	assert_string_equal(text_bits(text, 0), "0 bit/s");
	assert_string_equal(text_bits(text, 999), "999 bit/s");
	assert_string_equal(text_bits(text, 999.6), "1 kbit/s");
	assert_string_equal(text_bits(text, 1.25e9), "1.25 Gbit/s");
	assert_string_equal(text_bits(text, INFINITY), "0 bit/s");
	assert_string_equal(text_percent(text, 0.33333), "33.3 %");
	assert_string_equal(text_percent(text, NAN), "0.0 %");
}

static char *print_table(bool colour)
{
	static const struct table_column columns[] = {
		{ "NAME", false, false }, { "NUMBER", true, false }, { "EMPTY", false, true },
		{ "NOTE", false, true },  { NULL, false, false },
	};
	struct table *table = table_create(columns);
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	table_add(table, TABLE_GOOD, "a");
	table_add(table, TABLE_PLAIN, "%d", 7);
	table_add(table, TABLE_PLAIN, "%s", "");
	table_add(table, TABLE_PLAIN, "%s", "");
	table_add(table, TABLE_PLAIN, "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac");
	table_add(table, TABLE_BAD, "%d", 12345678);
	table_add(table, TABLE_PLAIN, "%s", "");
	table_add(table, TABLE_PLAIN, "%s", "x\033[31m\n\xc2\x9by");
	table_print(table, to, colour);
	table_destroy(table);
	fclose(to);
	return text;
}

static void test_table(void **test_state)
{
	char *text = print_table(false);

	(void)test_state;
	assert_string_equal(text, "NAME    NUMBER  NOTE\n"
				  "a            7\n"
				  "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac  12345678  x?[31m???y\n");
	free(text);
	text = print_table(true);
	assert_non_null(strstr(text, "\033[1mNAME\033[0m    \033[1mNUMBER\033[0m"));
	assert_non_null(strstr(text, "\033[32ma\033[0m            7\n"));
	assert_non_null(strstr(text, "  \033[1;31m12345678\033[0m  x?[31m???y\n"));
	free(text);
}

#define INSTANCE(name, more) "{\"name\":\"" name "\",\"address\":\"10.0.1.1\"," more "}"

static const char
	status_answer
		[] = "{\"ok\":true,\"result\":{\"node\":{\"version\":\"0.1.0\",\"pid\":1,\"uptime_s\":190800.5,"
		     "\"config\":\"/etc/sluice/sluice.yaml\",\"dataplane\":{\"kind\":\"dpdk\",\"running\":true,"
		     "\"generation\":17,\"pid\":7,\"port\":\"net_af_xdp0\",\"driver\":\"net_af_xdp\",\"workers\":5,"
		     "\"cpus\":[2,3,4,7,9],\"uptime_s\":312.0,\"problem\":\"\",\"note\":\"no RSS\"},"
		     "\"received\":12345678,\"transmitted\":12000000,\"kernel\":345000,\"dropped\":678,"
		     "\"flows\":12345,\"flows_capacity\":4000000,\"new_per_s\":12.34,\"rx_pkts_per_s\":1000.0,"
		     "\"rx_bits_per_s\":512000.0,\"mbufs\":{\"total\":16384,\"free\":16000,\"baseline\":16000}},"
		     "\"services\":[{\"name\":\"superawesome\",\"vip\":[\"203.0.113.10\",\"2001:db8::10\"],"
		     "\"forward\":\"l2\",\"listeners\":[{\"port\":443,\"instance_port\":443,\"pool\":\"web\"}]},"
		     "{\"name\":\"api\",\"vip\":[\"203.0.113.11\"],\"forward\":\"nat\",\"allow_from\":[\"192.0.2.0/24\",\"10.0.0.1\"],\"listeners\":["
		     "{\"port\":443,\"instance_port\":8443,\"pool\":\"api\"},"
		     "{\"port\":80,\"instance_port\":80,\"pool\":\"api\"}]}],"
		     "\"pools\":[{\"name\":\"web\",\"open\":false,\"on_backup\":false,\"instances\":[" INSTANCE(
			     "web-1",
			     "\"weight\":100,\"admin\":\"ready\",\"health\":\"up\",\"reason\":\"\","
			     "\"flows\":1132,\"new_per_s\":3.25,\"share\":0.666,\"last_check_ms\":412,"
			     "\"next_hop\":{\"resolved\":true},\"mtu\":{\"bytes\":1400,\"from\":\"path\"}") "," INSTANCE("web-2", "\"weight\":50,\"config_weight\":100,\"weight_by_operator\":true,"
																  "\"admin\":\"drain\",\"health\":\"lame\","
																  "\"reason\":\"HTTP:80/up.html: status 404\",\"flows\":7,\"new_per_s\":0.0,"
																  "\"share\":0.0,\"last_check_ms\":61000,\"next_hop\":{\"resolved\":true}") "," INSTANCE("web-9", "\"weight\":100,\"backup\":true,\"admin\":\"ready\","
																												  "\"health\":\"unknown\",\"reason\":\"\",\"flows\":0,\"new_per_s\":0.0,"
																												  "\"share\":0.333,\"last_check_ms\":null,"
																												  "\"next_hop\":{\"resolved\":false,\"reason\":\"no route\"}") "]},{\"name\":\"api\",\"open\":true,\"on_backup\":false,\"instances\":[" INSTANCE("a",
																																														 "\"weight\":100,\"admin\":\"maint\",\"health\":\"down\",\"reason\":\"refused\","
																																														 "\"flows\":0,\"new_per_s\":0.0,\"share\":1.0,\"last_check_ms\":1,"
																																														 "\"next_hop\":{\"resolved\":true}") "]},{\"name\":\"empty\",\"open\":false,\"on_backup\":false,\"instances\":[]}]}}\n";

static const char status_table[] =
	"sluiced     0.1.0, up 2 d 5 h, configuration /etc/sluice/sluice.yaml\n"
	"dataplane   dpdk on net_af_xdp0 (net_af_xdp), 5 workers on CPUs 2-4,7,9, generation 17, up 5 m "
	"12 s\n"
	"            no RSS\n"
	"packets     12,345,678 received = 12,000,000 transmitted + 345,000 to the kernel + 678 "
	"dropped\n"
	"            1,000 packets/s, 512 kbit/s\n"
	"flows       12,345 of 4,000,000 (0.3 %), 12.3 new/s\n"
	"buffers     16,000 free of 16,384\n"
	"\n"
	"SERVICE       VIP           FORWARD  PORT  POOL\n"
	"superawesome  203.0.113.10  l2        443  web\n"
	"              2001:db8::10\n"
	"api           203.0.113.11  nat       443  api port 8443\n"
	"                                       80  api\n"
	"service api: prefixes in allow_from: 2, deny_from: 0\n"
	"\n"
	"POOL  INSTANCE        ADDRESS     WEIGHT  ADMIN  HEALTH   FLOWS  NEW/S    SHARE      CHECKED  "
	"REASON\n"
	"web   web-1           10.0.1.1       100  ready  up       1,132    3.2   66.6 %   412 ms ago  path MTU 1400\n"
	"web   web-2           10.0.1.1  (100) 50  drain  lame         7      0    0.0 %  1 m 1 s ago  "
	"HTTP:80/up.html: status 404\n"
	"web   web-9 (backup)  10.0.1.1       100  ready  unknown      0      0   33.3 %        never  "
	"no next hop: no route\n"
	"api   a               10.0.1.1       100  maint  down         0      0  100.0 %     1 ms ago  "
	"refused\n"
	"pool api: no instance is eligible, so all get new flows (all_down: open)\n"
	"pool empty: no instances\n";

static void assert_text(const char *text, const char *expected)
{
	if (strcmp(text, expected) != 0)
		fail_msg("printed:\n%s\nexpected:\n%s", text, expected);
}

static void test_status(void **test_state)
{
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status", status_answer), 0);
	assert_text(h->out, status_table);
	assert_string_equal(h->err, "");
}

static void test_status_of_a_pool(void **test_state)
{
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status api", status_answer), 0);
	assert_non_null(strstr(h->out, "203.0.113.11"));
	assert_null(strstr(h->out, "superawesome"));
	assert_null(strstr(h->out, "web-1"));
	assert_non_null(strstr(h->out, "maint"));

	assert_int_equal(harness_run(h, "status wbe", status_answer), 1);
	assert_string_equal(h->out, "");
	assert_string_equal(h->err, "sluicectl: there is no pool \"wbe\"; did you mean \"web\"?\n");
}

static void test_status_of_a_pool_that_is_out(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"pools\":["
		"{\"name\":\"out\",\"instances\":[{\"accepts\":false},{\"accepts\":false}]},"
		"{\"name\":\"in\",\"instances\":[{\"accepts\":false},{\"accepts\":true}]}]}}\n";
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status", answer), 0);
	assert_non_null(
		strstr(h->out, "\npool out: no instance is eligible: new flows are dropped\n"));
	assert_null(strstr(h->out, "pool in:"));
}

/* VIPs that are not announced, and why. */
static void test_status_of_a_minimum(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"pools\":["
		"{\"name\":\"a\",\"minimum\":{\"minimum_up\":\"50%\",\"need\":2,\"up\":1,"
		"\"vips\":\"withdrawn\",\"announced_in_ms\":0},\"instances\":[{\"accepts\":true}]},"
		"{\"name\":\"b\",\"minimum\":{\"minimum_up\":\"3\",\"need\":3,\"up\":4,"
		"\"vips\":\"held\",\"announced_in_ms\":4001},\"instances\":[{\"accepts\":true}]},"
		"{\"name\":\"c\",\"minimum\":{\"minimum_up\":\"3\",\"need\":3,\"up\":3,"
		"\"vips\":\"announced\",\"announced_in_ms\":0},\"instances\":[{\"accepts\":true}]},"
		"{\"name\":\"d\",\"minimum\":null,\"instances\":[{\"accepts\":true}]}]}}\n";
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status", answer), 0);
	assert_non_null(strstr(h->out,
			       "\npool a: 1 of at least 2 instances up (minimum_up 50%), so "
			       "its VIPs are not announced\n"
			       "pool b: 4 of at least 3 instances up (minimum_up 3), so its "
			       "VIPs are not announced for 5 s more\n"));
	assert_null(strstr(h->out, "pool c:"));
	assert_null(strstr(h->out, "pool d:"));
}

/* A share of the weight that an instance's agent asks for. */
static void test_status_of_an_agent(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"pools\":[{\"name\":\"web\",\"instances\":["
		"{\"name\":\"a\",\"weight\":80,\"accepts\":true,\"agent\":{\"percent\":30}},"
		"{\"name\":\"b\",\"weight\":70,\"accepts\":true,\"agent\":{\"percent\":100}},"
		"{\"name\":\"c\",\"weight\":60,\"accepts\":true,\"agent\":null}]}]}}\n";
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status", answer), 0);
	assert_non_null(strstr(h->out, " 80 at 30% "));
	assert_null(strstr(h->out, "70 at"));
	assert_null(strstr(h->out, "60 at"));
}

static void test_status_of_nat(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"node\":{\"dataplane\":{\"running\":true},\"nat\":{"
		"\"addresses\":[{\"address\":\"10.0.0.5\",\"own\":true,\"accepts\":true},"
		"{\"address\":\"10.0.2.1\",\"own\":false,\"accepts\":%s}],\"ports\":\"1024-32767\","
		"\"flows\":12345,\"exhausted\":%u,\"note\":\"%s\"}},"
		"\"services\":[{\"name\":\"a\",\"vip\":[\"203.0.113.10\"],\"forward\":\"nat\","
		"\"source\":\"client\",\"listeners\":[{\"port\":443,\"instance_port\":8443,"
		"\"pool\":\"web\"}]},{\"name\":\"b\",\"vip\":[\"203.0.113.11\"],\"forward\":\"nat\","
		"\"source\":\"node\",\"listeners\":[{\"port\":80,\"instance_port\":80,"
		"\"pool\":\"web\"}]}],\"pools\":[{\"name\":\"web\",\"instances\":[" INSTANCE(
			"web-1", "\"next_hop\":{\"resolved\":true},\"replies\":\"no replies: its "
				 "route to clients must lead through this node\"") "]}]}}\n";
	struct harness *h = *test_state;
	char text[2048];

	snprintf(text, sizeof(text), answer, "true", 0, "");
	assert_int_equal(harness_run(h, "status", text), 0);
	assert_non_null(strstr(
		h->out, "\nnat         12,345 of ports 1024-32767 in use, 2 addresses\n\nSERVICE"));
	assert_non_null(strstr(h->out,
			       "\na        203.0.113.10  nat (client)   443  web port 8443\n"
			       "b        203.0.113.11  nat             80  web\n"));
	assert_non_null(
		strstr(h->out, "  no replies: its route to clients must lead through this node\n"));
	snprintf(text, sizeof(text), answer, "false", 1234, "a note");
	assert_int_equal(harness_run(h, "status", text), 0);
	assert_non_null(strstr(
		h->out,
		"\nnat         12,345 of ports 1024-32767 in use, 1 address, 1 without new flows\n"
		"            1,234 packets dropped for want of a port: add to node.nat_addresses\n"
		"            a note\n"));
}

/* Why an instance gets few flows, or none, although its checks pass. */
static void test_status_of_reasons(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"node\":{\"dataplane\":{\"running\":true}},\"services\":[],"
		"\"pools\":[{\"name\":\"web\",\"instances\":[" INSTANCE(
			"web-1",
			"\"next_hop\":{\"resolved\":true},\"reason\":\"\","
			"\"slow_start\":{\"percent\":35,\"step\":7,\"steps\":20}") "," INSTANCE("web-2",
												"\"next_hop\":{\"resolved\":true},\"reason\":\"flapping: out, retried in 10m\"") "]}]}}\n";
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "status", answer), 0);
	assert_non_null(strstr(h->out, "  slow start: 35 %\n"));
	assert_non_null(strstr(h->out, "  flapping: out, retried in 10m\n"));
}

static void test_status_of_late_checks(void **test_state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{\"node\":{\"dataplane\":{\"running\":true},\"checks\":{"
		"\"checks\":1010,\"in_flight\":128,\"silent\":64,\"waiting\":940,\"late\":%u,"
		"\"wait_max_ms\":21987}}}}\n";
	struct harness *h = *test_state;
	char text[512];

	snprintf(text, sizeof(text), answer, 936);
	assert_int_equal(harness_run(h, "status", text), 0);
	assert_non_null(strstr(h->out,
			       "\nchecks      936 of 1,010 start late, by up to 21 s: raise "
			       "node.checks_in_flight\n"));
	snprintf(text, sizeof(text), answer, 0);
	assert_int_equal(harness_run(h, "status", text), 0);
	assert_null(strstr(h->out, "late"));
}

static void test_status_for_programs(void **test_state)
{
	struct harness *h = *test_state;
	json_t *sent = json_loads(status_answer, 0, NULL);
	json_t *got;

	assert_int_equal(harness_run(h, "-o json status", status_answer), 0);
	got = json_loads(h->out, 0, NULL);
	assert_true(json_equal(got, json_object_get(sent, "result")));
	json_decref(got);
	assert_int_equal(harness_run(h, "status -o json api", status_answer), 0);
	got = json_loads(h->out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(got, "pools")), 1);
	assert_int_equal(json_array_size(json_object_get(got, "services")), 1);
	json_decref(got);
	json_decref(sent);
}

static void test_status_without_a_dataplane(void **test_state)
{
	struct harness *h = *test_state;

	assert_int_equal(
		harness_run(h, "status",
			    "{\"ok\":true,\"result\":{\"node\":{\"version\":\"0.1.0\","
			    "\"uptime_s\":1.0,\"config\":\"/c\",\"dataplane\":{\"running\":"
			    "false,\"problem\":\"no /run/dp.sock\"}},\"services\":[],"
			    "\"pools\":[]}}\n"),
		0);
	assert_text(h->out, "sluiced     0.1.0, up 1.0 s, configuration /c\n"
			    "dataplane   no /run/dp.sock\n"
			    "\n"
			    "SERVICE  VIP  FORWARD  PORT  POOL\n"
			    "\n"
			    "POOL  INSTANCE  ADDRESS  WEIGHT  ADMIN  HEALTH  FLOWS  NEW/S  SHARE  "
			    "CHECKED\n");
}

/* Whatever is missing or of another type: something is printed, nothing crashes. */
static void test_status_of_malformed_answers(void **test_state)
{
	static const char *const results[] = {
		"{}",
		"{\"node\":7,\"services\":{},\"pools\":\"x\"}",
		"{\"node\":{\"dataplane\":{\"running\":true,\"cpus\":[\"a\",{}]}},\"services\":[7,{}],"
		"\"pools\":[null,{\"instances\":[1,{},[]]}]}",
		"{\"services\":[{\"vip\":[7],\"listeners\":[{},\"x\"]}]}",
	};
	struct harness *h = *test_state;
	char answer[512];

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"result\":%s}\n", results[i]);
		assert_int_equal(harness_run(h, "status", answer), 0);
		assert_int_equal(harness_run(h, "drops", answer), 0);
		assert_int_equal(harness_run(h, "config diff", answer), 0);
		assert_int_equal(harness_run(h, "drain a/b", answer), 0);
		assert_int_equal(harness_run(h, "weight a/b", answer), 0);
	}
}

static void test_colours(void **test_state)
{
	json_t *answer = json_loads(status_answer, 0, NULL);
	char *text = NULL;
	size_t size;
	struct cli cli = { .colour = true, .out = open_memstream(&text, &size) };

	(void)test_state;
	status_print(&cli, json_object_get(answer, "result"));
	fclose(cli.out);
	assert_non_null(strstr(text, "\033[32mup\033[0m"));
	assert_non_null(strstr(text, "\033[33mlame\033[0m"));
	assert_non_null(strstr(text, "\033[1;31mdown\033[0m"));
	assert_non_null(strstr(text, "\033[33mdrain\033[0m"));
	assert_non_null(strstr(text, "\033[1;31mpool api: no instance is eligible"));
	free(text);
	json_decref(answer);
}

#define DROPS(running, balance)                                                                    \
	"{\"ok\":true,\"result\":{\"running\":" running ",\"received\":1234567,"                   \
	"\"transmitted\":1200000,\"kernel\":30000,\"dropped\":4567,\"drops\":["                    \
	"{\"reason\":\"ip_ttl\",\"packets\":4500,\"text\":\"TTL or hop limit is 0\"},"             \
	"{\"reason\":\"too_big\",\"packets\":0,\"text\":\"too big\"},"                             \
	"{\"reason\":\"tx_full\",\"packets\":67,\"text\":\"full\"}],\"balance\":" balance ","      \
	"\"from_kernel\":{\"transmitted\":42,\"dropped\":1},"                                      \
	"\"nic\":{\"missed\":5,\"rx_errors\":0,\"no_mbuf\":0,\"tx_errors\":0}}}\n"

static void test_drops(void **test_state)
{
	static const char head[] =
		"1,234,567 received = 1,200,000 transmitted + 30,000 to the kernel + 4,567 dropped";
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "drops", DROPS("true", "0")), 0);
	assert_memory_equal(h->out, head, strlen(head));
	assert_text(h->out + strlen(head), "\n"
					   "42 from the kernel transmitted, 1 dropped\n"
					   "port: 5 missed (receive queue full)\n"
					   "port: 0 receive errors\n"
					   "port: 0 missed (no buffer)\n"
					   "port: 0 transmit errors\n"
					   "\n"
					   "REASON   PACKETS  MEANING\n"
					   "ip_ttl     4,500  TTL or hop limit is 0\n"
					   "too_big        0  too big\n"
					   "tx_full       67  full\n");
	assert_int_equal(harness_run(h, "drops", DROPS("true", "32")), 0);
	assert_non_null(strstr(h->out, "4,567 dropped (32 in flight)\n"));
	assert_int_equal(harness_run(h, "drops", DROPS("false", "0")), 1);
	assert_non_null(strstr(h->err, "the dataplane is not running"));
	assert_int_equal(harness_run(h, "-o json drops", DROPS("true", "0")), 0);
	assert_non_null(strstr(h->out, "\"balance\": 0"));
	assert_int_equal(harness_run(h, "-o json drops", DROPS("false", "0")), 1);
	assert_non_null(strstr(h->out, "\"running\": false"));
	assert_non_null(strstr(h->err, "the dataplane is not running"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_table),
		TEST(test_status),
		TEST(test_status_of_a_pool),
		TEST(test_status_of_a_pool_that_is_out),
		TEST(test_status_of_a_minimum),
		TEST(test_status_of_an_agent),
		TEST(test_status_of_nat),
		TEST(test_status_of_reasons),
		TEST(test_status_of_late_checks),
		TEST(test_status_for_programs),
		TEST(test_status_without_a_dataplane),
		TEST(test_status_of_malformed_answers),
		cmocka_unit_test(test_colours),
		TEST(test_drops),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}

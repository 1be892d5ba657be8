/* SPDX-License-Identifier: BSD-3-Clause */
/* Command lines about flows: explain, flows, top, and the receipt of a drain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controlplane/cli/harness.h"

#define OK(result) "{\"ok\":true,\"result\":{" result "}}\n"
#define REFUSED(error) "{\"ok\":false,\"code\":\"refused\",\"error\":\"" error "\"}\n"
#define W1 "\"instance\":\"web/web-1\""
#define ACK "\"dataplane\":true,\"took_us\":84.2,\"workers\":4,\"generation\":17"

static const struct harness_row runs[] = {
	{ "drain web/web-1 --wait",
	  "{" W1 ",\"admin\":\"drain\",\"before\":\"ready\"," ACK ",\"flows\":1132}\n" OK(
		  W1 ",\"flows\":0,\"elapsed_ms\":62000,\"safe\":true,\"receipt\":{\"flows\":1132,"
		     "\"left\":0,\"ended\":1130,\"moved\":3,\"added\":1,\"half_ms\":3500,"
		     "\"ninety_ms\":12000,\"last_ms\":62000,\"workers\":[{\"worker\":0,\"cpu\":2,"
		     "\"new_flows\":0,\"last_new_ms\":null},{\"worker\":1,\"cpu\":3,"
		     "\"new_flows\":2,\"last_new_ms\":500}]}"),
	  0, "{\"verb\":\"drain\"," W1 ",\"wait_ms\":0}",
	  "web/web-1: draining; no new flows after 84 us; 1,132 flows left\n"
	  "web/web-1: safe to stop; no flows left after 1 m 2 s\n"
	  "1,132 flows when it began, 1 found again: 1,130 ended, 3 moved (half within 3.5 s, nine "
	  "tenths within 12 s, the last after 1 m 2 s)\n"
	  "CPU 3: 2 new flows since, the last after 500 ms\n",
	  "" },
	{ "top --interval 5ms", NULL, 2, NULL, "",
	  "--interval 5ms: expected a time from 200ms, such as 5s" },
	{ "top --once", REFUSED("no"), 1, "{\"verb\":\"status\"}", "", "sluicectl: no\n" },
	{ "drops --once", NULL, 2, NULL, "", "unknown option --once" },
	{ "flows --older 3h", NULL, 2, NULL, "", "--older 3h: expected a time up to 108m" },
	{ "flows --limit 1001", NULL, 2, NULL, "",
	  "--limit 1001: expected a number from 0 to 1000" },
	{ "drops --client 192.0.2.1", NULL, 2, NULL, "", "unknown option --client" },
	{ "flows --instance web/web-1 --client 192.0.2.1 --service www --older 10m --limit 3",
	  OK("\"flows\":1234,\"all\":20000,\"by_state\":{\"established\":1200,\"fin\":34,\"closed\":0},"
	     "\"ipv6\":0,\"ipv6_of_pools\":7,\"list\":[]"),
	  0,
	  "{\"verb\":\"flows\",\"instance\":\"web/web-1\",\"client\":\"192.0.2.1\",\"service\":"
	  "\"www\",\"older_ms\":600000,\"limit\":3}",
	  "1,234 flows of 20,000, 1,200 established, 34 fin\n"
	  "not counted: 7 of IPv6 in its pools, which may be of this service\n",
	  "" },
	{ "flows",
	  OK("\"flows\":2,\"all\":2,\"by_state\":{\"established\":2},\"ipv6\":1,\"ipv6_of_pools\":0,"
	     "\"list\":[{\"client\":\"192.0.2.1\",\"client_port\":7,\"service\":{\"name\":\"www\","
	     "\"vip\":\"192.0.2.9\",\"port\":80},\"instance\":\"web/web-1\",\"state\":\"established\","
	     "\"idle_ms\":61000,\"worker\":0,\"cpu\":2},{\"client\":null,\"client_port\":null,"
	     "\"service\":null,\"instance\":\"web/web-2\",\"state\":\"established\",\"idle_ms\":100,"
	     "\"worker\":1,\"cpu\":null}]"),
	  0, "{\"verb\":\"flows\"}",
	  "2 flows of 2, 2 established\n"
	  "1 of IPv6, recorded by a fingerprint: their clients are not known\n\n"
	  "   IDLE  STATE        CLIENT       SERVICE            INSTANCE   WORKER  CPU\n"
	  "1 m 1 s  established  192.0.2.1:7  www, 192.0.2.9:80  web/web-1  0         2\n"
	  " 100 ms  established  IPv6                            web/web-2  1\n",
	  "" },
	{ "explain 192.0.2.1 192.0.2.9", NULL, 2, NULL, "", "\"192.0.2.9\": expected VIP:PORT" },
	{ "explain 192.0.2.1 192.0.2.9:80 --at x", NULL, 2, NULL, "",
	  "--at x: expected how many configurations back" },
	{ "explain 192.0.2.1 192.0.2.9:80 -c /none/x.yaml", NULL, 1, NULL, "",
	  "/none/x.yaml: cannot be opened: No such file" },
	{ "explain --reverse web/web-1 192.0.2.1", NULL, 2, NULL, "",
	  "--reverse: no other arguments" },
	{ "explain --reverse 10.0.0.32:1024",
	  OK("\"count\":1,\"connections\":[{\"client\":\"192.0.2.1\",\"client_port\":7,\"service\":{"
	     "\"name\":\"www\"},\"instance\":\"web/web-1\",\"source\":\"10.0.0.32\","
	     "\"source_port\":1024,\"state\":\"established\",\"idle_ms\":100}]"),
	  0, "{\"verb\":\"explain\",\"reverse\":\"10.0.0.32:1024\"}",
	  "1 connection\n\n"
	  "CLIENT            SERVICE  INSTANCE   SEES                 STATE          IDLE\n"
	  "192.0.2.1 port 7  www      web/web-1  10.0.0.32 port 1024  established  100 ms\n",
	  "" },
	{ "drops -c x", NULL, 2, NULL, "", "unknown option" },
	{ "explain 192.0.2.1:7 192.0.2.9:80",
	  OK("\"client\":\"192.0.2.1\",\"client_port\":7,\"vip\":\"192.0.2.9\",\"vip_port\":80,"
	     "\"live\":true,\"service\":null,\"is_vip\":true"),
	  0, "{\"verb\":\"explain\",\"client\":\"192.0.2.1:7\",\"vip\":\"192.0.2.9:80\"}",
	  "192.0.2.1:7 to 192.0.2.9:80: no service has this port of the VIP: the kernel gets the "
	  "packet\n",
	  "" },
	{ "explain 192.0.2.1:7 192.0.2.9:80",
	  OK("\"client\":\"192.0.2.1\",\"client_port\":7,\"vip\":\"192.0.2.9\",\"vip_port\":80,"
	     "\"live\":true,\"pending\":false,\"service\":{\"name\":\"www\",\"pool\":\"web\","
	     "\"forward\":\"l2\"},\"access\":{\"denied\":true,\"list\":\"deny_from\",\"prefix\":"
	     "\"192.0.2.0/24\"},\"hash\":\"0x1\",\"flow\":{\"table\":\"not found\"},\"current\":{"
	     "\"slot\":7,\"slots\":1021,\"instance\":\"web/web-2\"},\"previous\":null,\"choice\":{"
	     "\"instance\":null,\"why\":\"denied\"},\"old\":{\"instance\":null,\"why\":\"denied\"},"
	     "\"instance\":null,\"headers\":null"),
	  0, "{\"verb\":\"explain\",\"client\":\"192.0.2.1:7\",\"vip\":\"192.0.2.9:80\"}",
	  "192.0.2.1:7 to 192.0.2.9:80: no instance: its client is refused\n\n"
	  "service       www, pool web, l2\n"
	  "client        refused by 192.0.2.0/24 in deny_from\n"
	  "hash          0x1\n"
	  "flow table    not found\n"
	  "current slot  7 of 1021: web/web-2\n"
	  "begun         no instance: its client is refused\n",
	  "" },
	{ "explain 192.0.2.1 192.0.2.9:80",
	  OK("\"client\":\"192.0.2.1\",\"client_port\":null,\"vip\":\"192.0.2.9\",\"vip_port\":80,"
	     "\"live\":true,\"pending\":false,\"service\":{\"name\":\"www\",\"pool\":\"web\","
	     "\"forward\":\"l2\"},\"access\":{\"denied\":true,\"list\":null,\"prefix\":null},"
	     "\"ports\":512,\"share\":[]"),
	  0, "{\"verb\":\"explain\",\"client\":\"192.0.2.1\",\"vip\":\"192.0.2.9:80\"}",
	  "192.0.2.1 to 192.0.2.9:80: refused: it is in no prefix of allow_from\n", "" },
	{ "explain 2001:db8::7 [2001:db8::9]:80 --at 3 -o json", OK("\"live\":false"), 0,
	  "{\"verb\":\"explain\",\"client\":\"2001:db8::7\",\"vip\":\"[2001:db8::9]:80\","
	  "\"at\":3}",
	  "{\n  \"live\": false\n}\n", "" },
	{ "explain 192.0.2.1:7 192.0.2.9:80",
	  OK("\"client\":\"192.0.2.1\",\"client_port\":7,\"vip\":\"192.0.2.9\",\"vip_port\":80,"
	     "\"live\":true,\"pending\":true,\"service\":{\"name\":\"www\",\"pool\":\"web\","
	     "\"forward\":\"ipip\"},\"hash\":\"0x1\",\"flow\":{\"table\":\"found\",\"worker\":1,"
	     "\"cpu\":3,\"state\":\"established\",\"instance\":\"web/web-1\",\"idle_ms\":1200,"
	     "\"expires_ms\":59000},\"current\":{\"slot\":7,\"slots\":1021,\"instance\":"
	     "\"web/web-2\"},\"previous\":null,\"choice\":{\"instance\":\"web/web-1\",\"why\":"
	     "\"record\"},\"new\":{\"instance\":\"web/web-2\",\"why\":\"current\"},\"instance\":{"
	     "\"address\":\"10.0.0.1\",\"admin\":\"drain\",\"health\":\"up\",\"reason\":\"\","
	     "\"configured\":true,\"accepts\":false,\"serves\":true,\"next_hop\":{\"resolved\":"
	     "true,\"mac\":\"02:00:00:00:00:01\",\"on_link\":true}},\"headers\":{\"mode\":\"ipip\","
	     "\"reached\":true,\"dst_mac\":\"02:00:00:00:00:01\",\"src_mac\":"
	     "\"02:00:00:00:00:02\",\"src\":\"10.0.0.5\",\"dst\":\"10.0.0.1\",\"mtu\":1500}"),
	  0, "{\"verb\":\"explain\",\"client\":\"192.0.2.1:7\",\"vip\":\"192.0.2.9:80\"}",
	  "192.0.2.1:7 to 192.0.2.9:80: web/web-1: the flow table has it\n\n"
	  "service       www, pool web, ipip\n"
	  "hash          0x1\n"
	  "flow table    established, to web/web-1; last packet 1.2 s ago, expires in 59 s; "
	  "worker 1, CPU 3\n"
	  "current slot  7 of 1021: web/web-2\n"
	  "new           web/web-2: its slot in the current table\n"
	  "instance      10.0.0.1, drain, up; keeps its flows, takes no new ones\n"
	  "headers       ipip, 10.0.0.5 -> 10.0.0.1; to 02:00:00:00:00:01, from 02:00:00:00:00:02; "
	  "up to 1500 bytes\n"
	  "next hop      02:00:00:00:00:01, the instance itself\n"
	  "\na change has not reached the dataplane yet\n",
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
	harness_rows(*test_state, runs, sizeof(runs) / sizeof(runs[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

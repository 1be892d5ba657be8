/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/status.h"

#include <inttypes.h>
#include <string.h>

#include "config/error.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

static const struct table_column status_service_columns[] = {
	{ "SERVICE", false, false }, { "VIP", false, false },  { "FORWARD", false, false },
	{ "PORT", true, false },     { "POOL", false, false }, { NULL, false, false },
};

static const struct table_column status_instance_columns[] = {
	{ "POOL", false, false },   { "INSTANCE", false, false }, { "ADDRESS", false, false },
	{ "WEIGHT", true, false },  { "ADMIN", false, false },	  { "HEALTH", false, false },
	{ "FLOWS", true, false },   { "NEW/S", true, false },	  { "SHARE", true, false },
	{ "CHECKED", true, false }, { "REASON", false, true },	  { NULL, false, false },
};

static const char *status_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static int64_t status_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static double status_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* ---- Node ---- */

static void status_label(const struct cli *cli, const char *label)
{
	fprintf(cli->out, "%-10s  ", label);
}

static void status_cpus(const struct cli *cli, const json_t *cpus)
{
	size_t count = json_array_size(cpus);

	for (size_t i = 0; i < count; i++) {
		int64_t first = json_integer_value(json_array_get(cpus, i)), last = first;

		while (i + 1 < count &&
		       json_integer_value(json_array_get(cpus, i + 1)) == last + 1) {
			last++;
			i++;
		}
		fprintf(cli->out, "%" PRId64, first);
		if (last != first)
			fprintf(cli->out, "-%" PRId64, last);
		if (i + 1 < count)
			fputc(',', cli->out);
	}
}

/* A remark on the dataplane, below its first line. */
static void status_remark(const struct cli *cli, enum table_style style, const char *text)
{
	if (text[0] == '\0')
		return;
	status_label(cli, "");
	table_text(cli->out, cli->colour, style, text);
	fputc('\n', cli->out);
}

/* With `auto`: which of the two carries traffic now. */
static void status_handover(const struct cli *cli, const json_t *dataplane)
{
	const json_t *handover = json_object_get(dataplane, "carrier");
	bool is_dpdk = !strcmp(status_text(handover, "now"), "dpdk");
	int64_t takeovers = status_integer(handover, "takeovers");
	char line[256], since[TEXT_MAX];

	if (!handover || strcmp(status_text(dataplane, "kind"), "auto") != 0)
		return;
	if (!json_is_true(json_object_get(handover, "takeover"))) {
		snprintf(line, sizeof(line), "DPDK alone: %s", status_text(handover, "why"));
		status_remark(cli, TABLE_WARN, line);
		return;
	}
	snprintf(line, sizeof(line),
		 "carried by %s for %s: %s; XDP has taken over %" PRId64 " time%s",
		 is_dpdk ? "DPDK" : "XDP",
		 text_duration(since, (int64_t)(status_number(handover, "since_s") * 1000)),
		 status_text(handover, "why"), takeovers, text_plural(takeovers));
	status_remark(cli, is_dpdk ? TABLE_PLAIN : TABLE_WARN, line);
}

/* Another program keeps changing the kernel interface's MAC address. */
static void status_kernel_mac(const struct cli *cli, const json_t *dataplane)
{
	int64_t times = status_integer(dataplane, "kernel_mac_reset");
	char line[256];

	if (times == 0)
		return;
	snprintf(line, sizeof(line),
		 "%s: MAC address changed by another program and restored %" PRId64
		 " time%s; if that is udev, install 70-sluice0.link",
		 status_text(dataplane, "kernel_iface"), times, text_plural(times));
	status_remark(cli, TABLE_WARN, line);
}

static void status_start_failed(const struct cli *cli, const json_t *dataplane)
{
	const char *why = status_text(dataplane, "start_failed");
	char line[1024];

	if (why[0] == '\0')
		return;
	snprintf(line, sizeof(line), "sluice-dataplane does not start: %s", why);
	status_remark(cli, TABLE_BAD, line);
}

/* Why no packets arrive, or nothing is known of instances. */
static void status_ailment(const struct cli *cli, const json_t *dataplane)
{
	const char *ailment = status_text(dataplane, "ailment");
	char line[128];

	if (ailment[0] == '\0' && strcmp(status_text(dataplane, "link"), "down") == 0)
		ailment = "the port has no link";
	if (ailment[0] == '\0')
		return;
	snprintf(line, sizeof(line), "%.90s: checks suspended", ailment);
	status_remark(cli, TABLE_BAD, line);
}

static void status_dataplane(const struct cli *cli, const json_t *dataplane)
{
	const char *problem = status_text(dataplane, "problem");
	int64_t workers = status_integer(dataplane, "workers");
	char uptime[TEXT_MAX];

	status_label(cli, "dataplane");
	if (!json_is_true(json_object_get(dataplane, "running"))) {
		table_text(cli->out, cli->colour, TABLE_BAD,
			   problem[0] != '\0' ? problem : "not running");
		fputc('\n', cli->out);
		status_start_failed(cli, dataplane);
		return;
	}
	fprintf(cli->out, "%s on ", status_text(dataplane, "kind"));
	table_text(cli->out, false, TABLE_PLAIN, status_text(dataplane, "port"));
	fprintf(cli->out, " (%s), %" PRId64 " worker%s on CPU%s ", status_text(dataplane, "driver"),
		workers, text_plural(workers), text_plural(workers));
	status_cpus(cli, json_object_get(dataplane, "cpus"));
	fprintf(cli->out, ", generation %" PRId64 ", up %s\n",
		status_integer(dataplane, "generation"),
		text_duration(uptime, (int64_t)(status_number(dataplane, "uptime_s") * 1000)));
	status_remark(cli, TABLE_BAD, problem);
	status_ailment(cli, dataplane);
	status_handover(cli, dataplane);
	status_start_failed(cli, dataplane);
	status_kernel_mac(cli, dataplane);
	status_remark(cli, TABLE_WARN, status_text(dataplane, "spread"));
	status_remark(cli, TABLE_WARN, status_text(dataplane, "mtu_note"));
	status_remark(cli, TABLE_WARN, status_text(dataplane, "note"));
}

static void status_packets(const struct cli *cli, const json_t *node)
{
	char received[TEXT_MAX], transmitted[TEXT_MAX], kernel[TEXT_MAX], dropped[TEXT_MAX];
	char rate[TEXT_MAX], bits[TEXT_MAX];

	status_label(cli, "packets");
	fprintf(cli->out, "%s received = %s transmitted + %s to the kernel + %s dropped\n",
		text_count(received, status_integer(node, "received")),
		text_count(transmitted, status_integer(node, "transmitted")),
		text_count(kernel, status_integer(node, "kernel")),
		text_count(dropped, status_integer(node, "dropped")));
	status_label(cli, "");
	fprintf(cli->out, "%s packets/s, %s\n",
		text_rate(rate, status_number(node, "rx_pkts_per_s")),
		text_bits(bits, status_number(node, "rx_bits_per_s")));
}

static void status_flows(const struct cli *cli, const json_t *node)
{
	int64_t flows = status_integer(node, "flows");
	int64_t capacity = status_integer(node, "flows_capacity");
	const json_t *mbufs = json_object_get(node, "mbufs");
	char count[TEXT_MAX], room[TEXT_MAX], percent[TEXT_MAX], rate[TEXT_MAX];

	status_label(cli, "flows");
	fprintf(cli->out, "%s of %s (%s), %s new/s\n", text_count(count, flows),
		text_count(room, capacity),
		text_percent(percent, capacity > 0 ? (double)flows / (double)capacity : 0),
		text_rate(rate, status_number(node, "new_per_s")));
	if (status_integer(mbufs, "total") == 0)
		return; /* they are the kernel's */
	status_label(cli, "buffers");
	fprintf(cli->out, "%s free of %s\n", text_count(count, status_integer(mbufs, "free")),
		text_count(room, status_integer(mbufs, "total")));
}

/* @accepts: those that get new flows, or those that do not. */
static int64_t status_nat_count(const json_t *nat, bool accepts)
{
	const json_t *address;
	int64_t count = 0;
	size_t i;

	json_array_foreach(json_object_get(nat, "addresses"), i, address)
		count += json_is_true(json_object_get(address, "accepts")) == accepts;
	return count;
}

static void status_nat(const struct cli *cli, const json_t *nat)
{
	int64_t addresses = status_nat_count(nat, true), old = status_nat_count(nat, false);
	int64_t exhausted = status_integer(nat, "exhausted");
	char count[TEXT_MAX], line[128];

	if (!json_is_object(nat))
		return;
	status_label(cli, "nat");
	fprintf(cli->out, "%s of ports %s in use, %" PRId64 " address%s",
		text_count(count, status_integer(nat, "flows")), status_text(nat, "ports"),
		addresses, addresses == 1 ? "" : "es");
	if (old > 0)
		fprintf(cli->out, ", %" PRId64 " without new flows", old);
	fputc('\n', cli->out);
	if (exhausted > 0) {
		snprintf(line, sizeof(line),
			 "%s packets dropped for want of a port: add to node.nat_addresses",
			 text_count(count, exhausted));
		status_remark(cli, TABLE_BAD, line);
	}
	status_remark(cli, TABLE_WARN, status_text(nat, "note"));
}

/* A check that starts late detects a change late. */
static void status_checks(const struct cli *cli, const json_t *checks)
{
	int64_t late = status_integer(checks, "late");
	char line[256], count[TEXT_MAX], all[TEXT_MAX], wait[TEXT_MAX];

	if (late == 0)
		return;
	snprintf(line, sizeof(line),
		 "%s of %s start late, by up to %s: raise node.checks_in_flight",
		 text_count(count, late), text_count(all, status_integer(checks, "checks")),
		 text_duration(wait, status_integer(checks, "wait_max_ms")));
	status_label(cli, "checks");
	table_text(cli->out, cli->colour, TABLE_WARN, line);
	fputc('\n', cli->out);
}

static void status_problem(const struct cli *cli, const char *problem)
{
	if (problem == NULL)
		return;
	status_label(cli, "");
	table_text(cli->out, cli->colour, TABLE_BAD,
		   "the file is refused, the last good one is in force: ");
	table_text(cli->out, cli->colour, TABLE_BAD, problem);
	fputc('\n', cli->out);
}

static void status_node(const struct cli *cli, const json_t *node)
{
	const json_t *dataplane = json_object_get(node, "dataplane");
	char uptime[TEXT_MAX];

	status_label(cli, "sluiced");
	fprintf(cli->out, "%s, up %s, configuration ", status_text(node, "version"),
		text_duration(uptime, (int64_t)(status_number(node, "uptime_s") * 1000)));
	table_text(cli->out, false, TABLE_PLAIN, status_text(node, "config"));
	fputc('\n', cli->out);
	status_problem(cli, json_string_value(json_object_get(node, "config_problem")));
	status_dataplane(cli, dataplane);
	if (!json_is_true(json_object_get(dataplane, "running")))
		return;
	status_packets(cli, node);
	status_flows(cli, node);
	status_nat(cli, json_object_get(node, "nat"));
	status_checks(cli, json_object_get(node, "checks"));
}

/* ---- Services ---- */

/* One row per VIP or listener, whichever there are more of. */
static void status_service(struct table *table, const json_t *service)
{
	const json_t *vips = json_object_get(service, "vip");
	const json_t *listeners = json_object_get(service, "listeners");
	bool is_client = strcmp(status_text(service, "source"), "client") == 0;
	size_t rows = json_array_size(vips), listener_count = json_array_size(listeners);

	rows = listener_count > rows ? listener_count : rows;
	for (size_t i = 0; i < rows; i++) {
		const json_t *listener = json_array_get(listeners, i);
		const char *vip = json_string_value(json_array_get(vips, i));
		int64_t port = status_integer(listener, "port");
		int64_t instance_port = status_integer(listener, "instance_port");

		table_add(table, TABLE_PLAIN, "%s", i == 0 ? status_text(service, "name") : "");
		table_add(table, TABLE_PLAIN, "%s", vip != NULL ? vip : "");
		table_add(table, TABLE_PLAIN, "%s%s", i == 0 ? status_text(service, "forward") : "",
			  i == 0 && is_client ? " (client)" : "");
		if (listener == NULL) {
			table_add(table, TABLE_PLAIN, "%s", "");
			table_add(table, TABLE_PLAIN, "%s", "");
			continue;
		}
		table_add(table, TABLE_PLAIN, "%" PRId64, port);
		if (instance_port != port)
			table_add(table, TABLE_PLAIN, "%s port %" PRId64,
				  status_text(listener, "pool"), instance_port);
		else
			table_add(table, TABLE_PLAIN, "%s", status_text(listener, "pool"));
	}
}

/* Which services take new flows of some clients only. */
static void status_clients(const struct cli *cli, const json_t *services)
{
	const json_t *service;
	size_t i;

	json_array_foreach(services, i, service) {
		size_t allow = json_array_size(json_object_get(service, "allow_from"));
		size_t deny = json_array_size(json_object_get(service, "deny_from"));

		if (allow || deny)
			fprintf(cli->out,
				"service %s: prefixes in allow_from: %zu, deny_from: %zu\n",
				status_text(service, "name"), allow, deny);
	}
}

static void status_services(const struct cli *cli, const json_t *services)
{
	struct table *table = table_create(status_service_columns);
	const json_t *service;
	size_t i;

	json_array_foreach(services, i, service)
		status_service(table, service);
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
	status_clients(cli, services);
}

/* ---- Pools ---- */

static enum table_style status_style(const char *word)
{
	static const struct {
		const char *word;
		enum table_style style;
	} styles[] = {
		{ "up", TABLE_GOOD },	  { "lame", TABLE_WARN },  { "down", TABLE_BAD },
		{ "unknown", TABLE_DIM }, { "drain", TABLE_WARN }, { "maint", TABLE_BAD },
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (strcmp(word, styles[i].word) == 0)
			return styles[i].style;
	}
	return TABLE_PLAIN;
}

static void status_word(struct table *table, const json_t *instance, const char *key)
{
	const char *word = status_text(instance, key);

	table_add(table, status_style(word), "%s", word);
}

static void status_reason(struct table *table, const json_t *instance)
{
	const json_t *next_hop = json_object_get(instance, "next_hop");
	const json_t *mtu = json_object_get(instance, "mtu");
	const json_t *slow_start = json_object_get(instance, "slow_start");
	const char *reason = status_text(instance, "reason");
	const char *replies = status_text(instance, "replies");
	bool flaps = strncmp(reason, "flapping: ", strlen("flapping: ")) == 0 ||
		     json_is_integer(json_object_get(instance, "removed_in_ms"));

	if (reason[0] != '\0')
		table_add(table, flaps ? TABLE_WARN : TABLE_PLAIN, "%s", reason);
	else if (json_is_false(json_object_get(next_hop, "resolved")))
		table_add(table, TABLE_WARN, "no next hop: %s", status_text(next_hop, "reason"));
	else if (replies[0] != '\0')
		table_add(table, TABLE_WARN, "%s", replies);
	else if (json_is_object(slow_start))
		table_add(table, TABLE_PLAIN, "slow start: %" PRId64 " %%",
			  status_integer(slow_start, "percent"));
	else if (strcmp(status_text(mtu, "from"), "path") == 0)
		table_add(table, TABLE_PLAIN, "path MTU %" PRId64, status_integer(mtu, "bytes"));
	else
		table_add(table, TABLE_PLAIN, "%s", "");
}

/* The share of its weight that its agent leaves it, in percent. */
static int64_t status_share_of_agent(const json_t *instance)
{
	const json_t *agent = json_object_get(instance, "agent");

	return json_is_object(agent) ? status_integer(agent, "percent") : 100;
}

static void status_instance(struct table *table, const char *pool, const json_t *instance)
{
	bool backup = json_is_true(json_object_get(instance, "backup"));
	const json_t *checked = json_object_get(instance, "last_check_ms");
	char text[TEXT_MAX];

	table_add(table, TABLE_PLAIN, "%s", pool);
	table_add(table, TABLE_PLAIN, "%s%s", status_text(instance, "name"),
		  backup ? " (backup)" : "");
	table_add(table, TABLE_PLAIN, "%s", status_text(instance, "address"));
	if (status_share_of_agent(instance) != 100)
		table_add(table, TABLE_WARN, "%" PRId64 " at %" PRId64 "%%",
			  status_integer(instance, "weight"), status_share_of_agent(instance));
	else if (json_is_true(json_object_get(instance, "weight_by_operator")))
		table_add(table, TABLE_WARN, "(%" PRId64 ") %" PRId64,
			  status_integer(instance, "config_weight"),
			  status_integer(instance, "weight"));
	else
		table_add(table, TABLE_PLAIN, "%" PRId64, status_integer(instance, "weight"));
	status_word(table, instance, "admin");
	status_word(table, instance, "health");
	table_add(table, TABLE_PLAIN, "%s", text_count(text, status_integer(instance, "flows")));
	table_add(table, TABLE_PLAIN, "%s", text_rate(text, status_number(instance, "new_per_s")));
	table_add(table, TABLE_PLAIN, "%s", text_percent(text, status_number(instance, "share")));
	if (json_is_integer(checked))
		table_add(table, TABLE_PLAIN, "%s ago",
			  text_duration(text, json_integer_value(checked)));
	else
		table_add(table, TABLE_DIM, "never");
	status_reason(table, instance);
}

static void status_pools(const struct cli *cli, const json_t *pools)
{
	struct table *table = table_create(status_instance_columns);
	const json_t *pool, *instance;
	size_t i, j;

	json_array_foreach(pools, i, pool) {
		json_array_foreach(json_object_get(pool, "instances"), j, instance)
			status_instance(table, status_text(pool, "name"), instance);
	}
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

static bool status_none_accepts(const json_t *pool)
{
	const json_t *instance;
	size_t i;

	json_array_foreach(json_object_get(pool, "instances"), i, instance) {
		if (!json_is_false(json_object_get(instance, "accepts")))
			return false;
	}
	return true;
}

/* A pool below its minimum_up has a line of its own. */
static void status_minimum(const struct cli *cli, const json_t *pool)
{
	const json_t *minimum = json_object_get(pool, "minimum");
	json_int_t left_ms = json_integer_value(json_object_get(minimum, "announced_in_ms"));
	const char *vips = json_is_object(minimum) ? status_text(minimum, "vips") : "";
	char text[256], when[32] = "";

	if (strcmp(vips, "withdrawn") != 0 && strcmp(vips, "held") != 0)
		return;
	if (strcmp(vips, "held") == 0)
		snprintf(when, sizeof(when), " for %lld s more", (long long)(left_ms + 999) / 1000);
	snprintf(text, sizeof(text),
		 "pool %s: %lld of at least %lld instances up (minimum_up %s), so its VIPs are not "
		 "announced%s",
		 status_text(pool, "name"),
		 (long long)json_integer_value(json_object_get(minimum, "up")),
		 (long long)json_integer_value(json_object_get(minimum, "need")),
		 status_text(minimum, "minimum_up"), when);
	table_text(cli->out, cli->colour, TABLE_BAD, text);
	fputc('\n', cli->out);
}

/* Pools that do not work as intended. */
static void status_warnings(const struct cli *cli, const json_t *pools)
{
	const json_t *pool;
	char text[256];
	size_t i;

	json_array_foreach(pools, i, pool) {
		const char *name = status_text(pool, "name");

		status_minimum(cli, pool);
		if (json_array_size(json_object_get(pool, "instances")) == 0)
			snprintf(text, sizeof(text), "pool %s: no instances", name);
		else if (json_is_true(json_object_get(pool, "panic")))
			snprintf(text, sizeof(text),
				 "pool %s: too few instances are up, so all get new flows "
				 "(panic_threshold)",
				 name);
		else if (json_is_true(json_object_get(pool, "open")))
			snprintf(text, sizeof(text),
				 "pool %s: no instance is eligible, so all get new flows "
				 "(all_down: open)",
				 name);
		else if (json_is_true(json_object_get(pool, "on_backup")))
			snprintf(text, sizeof(text), "pool %s: backup instances get the new flows",
				 name);
		else if (status_none_accepts(pool))
			snprintf(text, sizeof(text),
				 "pool %s: no instance is eligible: new flows are dropped", name);
		else
			continue;
		table_text(cli->out, cli->colour, TABLE_BAD, text);
		fputc('\n', cli->out);
	}
}

void status_print(const struct cli *cli, const json_t *status)
{
	const json_t *pools = json_object_get(status, "pools");

	status_node(cli, json_object_get(status, "node"));
	status_services(cli, json_object_get(status, "services"));
	status_pools(cli, pools);
	status_warnings(cli, pools);
}

static bool status_uses(const json_t *service, const char *pool)
{
	const json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(service, "listeners"), i, listener) {
		if (strcmp(status_text(listener, "pool"), pool) == 0)
			return true;
	}
	return false;
}

bool status_filter(json_t *status, const char *pool)
{
	json_t *pools = json_object_get(status, "pools");
	json_t *services = json_object_get(status, "services");
	bool found = false;

	for (size_t i = 0; i < json_array_size(pools); i++)
		found |= strcmp(status_text(json_array_get(pools, i), "name"), pool) == 0;
	if (!found)
		return false;
	for (size_t i = json_array_size(pools); i-- > 0;) {
		if (strcmp(status_text(json_array_get(pools, i), "name"), pool) != 0)
			json_array_remove(pools, i);
	}
	for (size_t i = json_array_size(services); i-- > 0;) {
		if (!status_uses(json_array_get(services, i), pool))
			json_array_remove(services, i);
	}
	return true;
}

static int status_no_pool(const struct cli *cli, const json_t *status, const char *name)
{
	struct config_guess guess = { .word = name };
	const json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(status, "pools"), i, pool)
		config_guess_offer(&guess, status_text(pool, "name"));
	return cli_refuse(cli, "there is no pool \"%s\"%s%s%s", name,
			  guess.best ? "; did you mean \"" : "", guess.best ? guess.best : "",
			  guess.best ? "\"?" : "");
}

int status_run(struct cli *cli, int argc, char **argv)
{
	json_t *result;
	int code;

	code = client_ask(cli, json_pack("{s:s}", "verb", "status"), NULL, NULL, &result);
	if (code == CLI_DONE && argc > 0 && !status_filter(result, argv[0]))
		code = status_no_pool(cli, result, argv[0]);
	if (code == CLI_DONE && cli->json)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		status_print(cli, result);
	json_decref(result);
	return code;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rte_ether.h>

#include "config/base/version.h"
#include "perf/pktgen/options_text.h"

#define EXIT_USAGE 2
#define FLOWS_MOST 100000000u

enum {
	OPT_FIRST = 256,
#define OPTIONS_ENUM(symbol, name, argument, help) OPT_##symbol,
	OPTIONS_LIST(OPTIONS_ENUM)
#undef OPTIONS_ENUM
};

static const struct option long_options[] = {
#define OPTIONS_ROW(symbol, name, argument, help)                                                  \
	{ name, sizeof(argument) > 1 ? required_argument : no_argument, NULL, OPT_##symbol },
	OPTIONS_LIST(OPTIONS_ROW)
#undef OPTIONS_ROW
		{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	const char *name, *argument, *help;
} help_rows[] = {
#define OPTIONS_HELP(symbol, name, argument, help) { name, argument, help },
	OPTIONS_LIST(OPTIONS_HELP)
#undef OPTIONS_HELP
};

static void help_print(void)
{
	puts(OPTIONS_HEAD);
	for (size_t i = 0; i < sizeof(help_rows) / sizeof(help_rows[0]); i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", help_rows[i].name, help_rows[i].argument);
		printf("  %-28s %s\n", left, help_rows[i].help);
	}
	puts(OPTIONS_TAIL);
}

static int refuse(const char *option, const char *expected, const char *value)
{
	fprintf(stderr, "pktgen: --%s: expected %s, not \"%s\"\n", option, expected, value);
	return EXIT_USAGE;
}

/* A number with a suffix: 2.5M, 100k, 1G. */
static bool number_read(const char *text, double min, double max, double *value)
{
	static const char suffixes[] = "kMG";
	char *end;
	const char *suffix;

	*value = strtod(text, &end);
	suffix = *end ? strchr(suffixes, *end == 'K' ? 'k' : *end) : NULL;
	if (suffix) {
		*value *= pow(1000, (double)(suffix - suffixes) + 1);
		end++;
	}
	return end != text && !*end && isfinite(*value) && *value >= min && *value <= max;
}

static bool count_read(const char *text, double min, double max, uint32_t *value)
{
	double number;

	if (!number_read(text, min, max, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

static bool mac_read(const char *text, uint8_t *mac)
{
	struct rte_ether_addr address;

	if (rte_ether_unformat_addr(text, &address))
		return false;
	memcpy(mac, address.addr_bytes, LB_ETH_ALEN);
	return true;
}

/* "203.0.113.10:443" or "[2001:db8::10]:443" */
static bool target_read(const char *text, struct wire_target *target)
{
	const char *colon = strrchr(text, ':');
	char addr[INET6_ADDRSTRLEN + 2];
	uint32_t port;
	size_t length;

	if (!colon || (size_t)(colon - text) >= sizeof(addr) ||
	    !count_read(colon + 1, 1, 65535, &port))
		return false;
	length = (size_t)(colon - text);
	memcpy(addr, text, length);
	addr[length] = '\0';
	target->port = (uint16_t)port;
	target->family = addr[0] == '[' ? 6 : 4;
	if (target->family == 4)
		return inet_pton(AF_INET, addr, target->addr) == 1;
	if (length < 3 || addr[length - 1] != ']')
		return false;
	addr[length - 1] = '\0';
	return inet_pton(AF_INET6, addr + 1, target->addr) == 1;
}

/* "64", "64,512,1518", "64:7,594:4,1518:1", "imix" */
static bool sizes_read(const char *text, struct options *o)
{
	if (strcasecmp(text, "imix") == 0)
		text = "64:7,594:4,1518:1";
	for (o->n_sizes = 0; *text; o->n_sizes++) {
		char *end;
		unsigned long size = strtoul(text, &end, 10), weight = 1;

		if (*end == ':')
			weight = strtoul(end + 1, &end, 10);
		if (end == text || (*end && *end != ',') || size < 64 || size > WIRE_FRAME_MAX ||
		    weight < 1 || weight > 32 || o->n_sizes == WIRE_SIZES_MAX)
			return false;
		o->size[o->n_sizes] = (uint16_t)size;
		o->weight[o->n_sizes] = (uint8_t)weight;
		text = *end ? end + 1 : end;
	}
	return o->n_sizes > 0;
}

static bool tolerated_read(const char *text, struct options *o)
{
	while (*text) {
		size_t length = strcspn(text, ",");
		uint32_t i;

		for (i = 0; i < FAULT_COUNT; i++)
			if (strlen(faults_name((enum fault)i)) == length &&
			    strncmp(faults_name((enum fault)i), text, length) == 0)
				break;
		if (i == FAULT_COUNT)
			return false;
		o->tolerated |= 1u << i;
		text += length + (text[length] == ',');
	}
	return true;
}

static bool mode_read(const char *text, enum receiver_mode *mode)
{
	static const char *const names[] = { "l2", "ipip", "macswap" };

	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*mode = (enum receiver_mode)i;
			return true;
		}
	}
	return false;
}

static bool cps_read(const char *text, uint32_t *cps)
{
	if (strcmp(text, "max") == 0) {
		*cps = FLOWS_CPS_MAX;
		return true;
	}
	return count_read(text, 0, 1e9, cps);
}

static bool percent_read(const char *text, double *share)
{
	if (!number_read(text, 0, 100, share))
		return false;
	*share /= 100;
	return true;
}

static bool seed_read(const char *text, uint64_t *seed)
{
	char *end;

	*seed = strtoull(text, &end, 0) | 1;
	return end != text && !*end;
}

static bool cpu_is_there(uint32_t cpu)
{
	cpu_set_t all;

	return sched_getaffinity(0, sizeof(all), &all) || CPU_ISSET(cpu, &all);
}

static bool process_read(const char *text, int *pid)
{
	double number;

	if (!number_read(text, 1, INT_MAX, &number))
		return false;
	*pid = (int)number;
	return kill(*pid, 0) == 0 || errno != ESRCH;
}

/* What an option expects; NULL if its value is valid. */
static const char *device_option(int option, const char *value, struct options *o)
{
	uint32_t cpu;

	switch (option) {
	case OPT_PORT:
		o->port = value;
		return NULL;
	case OPT_EAL:
		o->eal = value;
		return NULL;
	case OPT_CPU:
		if (!count_read(value, 0, CPU_SETSIZE - 1, &cpu) || !cpu_is_there(cpu))
			return "a CPU that this process may use";
		o->cpu = (int)cpu;
		return NULL;
	case OPT_MEMORY:
		return count_read(value, 16, 1e6, &o->memory_mb) ? NULL : "megabytes, 16 or more";
	case OPT_DESCRIPTORS:
		return count_read(value, 64, 16384, &o->n_desc) ? NULL
								: "a number from 64 to 16384";
	case OPT_NO_HUGE:
		o->no_huge = true;
		return NULL;
	case OPT_NODE_MAC:
		return mac_read(value, o->node_mac) ? NULL : "a MAC address";
	case OPT_NEXT_HOP:
		o->has_next_hop = true;
		return mac_read(value, o->next_hop) ? NULL : "a MAC address";
	case OPT_INSTANCES:
		return instances_add(&o->instances, value) ? "ADDR or ADDR-ADDR" : NULL;
	case OPT_INSTANCE_MAC:
		if (!mac_read(value, o->instances.mac_base))
			return "a MAC address";
		return o->instances.mac_base[4] || o->instances.mac_base[5]
			       ? "a MAC address that ends with :00:00"
			       : NULL;
	case OPT_MAY_LEAVE:
		return instances_may_leave(&o->instances, value) ? "numbers, such as 0,2-4" : NULL;
	default:
		return "an option";
	}
}

static const char *traffic_option(int option, const char *value, struct options *o)
{
	switch (option) {
	case OPT_MODE:
		return mode_read(value, &o->mode) ? NULL : "l2, ipip or macswap";
	case OPT_VIP:
		if (o->n_targets == WIRE_TARGETS_MAX)
			return "at most 16 of them";
		return target_read(value, &o->target[o->n_targets++]) ? NULL
								      : "ADDR:PORT or [ADDR]:PORT";
	case OPT_CLIENTS:
		return inet_pton(AF_INET, value, &o->client4) == 1 ? NULL : "an IPv4 address";
	case OPT_CLIENTS6:
		return inet_pton(AF_INET6, value, o->client6) == 1 ? NULL : "an IPv6 address";
	case OPT_FLOWS:
		return count_read(value, 1, FLOWS_MOST, &o->flows) ? NULL : "1 to 100M";
	case OPT_ZIPF:
		return number_read(value, 0, 4, &o->zipf) ? NULL : "an exponent from 0 to 4";
	case OPT_SIZE:
		return sizes_read(value, o) ? NULL : "sizes from 64, such as 64,512:3, or imix";
	case OPT_CPS:
		return cps_read(value, &o->cps) ? NULL : "connections a second, or max";
	case OPT_DATA:
		return count_read(value, 0, 1000, &o->data) ? NULL : "a number to 1000";
	case OPT_FLOOD:
		return percent_read(value, &o->flood) ? NULL : "percent of all packets";
	case OPT_SEED:
		return seed_read(value, &o->seed) ? NULL : "a number";
	default:
		return device_option(option, value, o);
	}
}

static const char *run_option(int option, const char *value, struct options *o)
{
	double number;

	switch (option) {
	case OPT_RATE:
		return number_read(value, 1, 1e9, &o->rate_pps) ? NULL : "packets a second";
	case OPT_OPEN_RATE:
		return number_read(value, 1, 1e9, &o->open_pps) ? NULL : "packets a second";
	case OPT_TIME:
		return number_read(value, 0.01, 1e6, &o->duration_s) ? NULL : "seconds";
	case OPT_PACKETS:
		if (!number_read(value, 1, 1e15, &number))
			return "packets";
		o->packets = (uint64_t)number;
		return NULL;
	case OPT_BURST:
		return count_read(value, 1, WIRE_BURST, &o->burst) ? NULL : "1 to 64";
	case OPT_DRAIN:
		return count_read(value, 1, 100000, &o->drain_ms) ? NULL : "milliseconds";
	case OPT_WATCH:
		return process_read(value, &o->watch) ? NULL : "a process that runs";
	case OPT_SEARCH:
		o->search = true;
		return NULL;
	case OPT_SEARCH_MIN:
		return number_read(value, 1, 1e9, &o->search_min_pps) ? NULL : "packets a second";
	case OPT_SEARCH_MAX:
		return number_read(value, 1, 1e9, &o->search_max_pps) ? NULL : "packets a second";
	case OPT_TRIAL:
		return number_read(value, 0.01, 3600, &o->trial_s) ? NULL : "seconds";
	case OPT_SEARCH_TIME:
		return number_read(value, 0.01, 1e6, &o->search_s) ? NULL : "seconds";
	case OPT_PRECISION:
		return percent_read(value, &o->precision) && o->precision > 0 ? NULL : "percent";
	case OPT_DROP:
		return percent_read(value, &o->drop) ? NULL : "percent";
	case OPT_TRIES:
		return count_read(value, 1, 100, &o->tries) ? NULL : "1 to 100";
	case OPT_CONFIG:
		o->config = value;
		return NULL;
	case OPT_JSON:
		o->json = value;
		return NULL;
	case OPT_NO_LOSS:
		o->no_loss = true;
		return NULL;
	case OPT_TOLERATE:
		return tolerated_read(value, o) ? NULL : "names of faults";
	case OPT_OPENED:
		o->opened = true;
		return NULL;
	case OPT_SERVE:
		o->serve = true;
		return NULL;
	case OPT_YIELD:
		o->yield = true;
		return NULL;
	case OPT_QUIET:
		o->quiet = true;
		return NULL;
	default:
		return traffic_option(option, value, o);
	}
}

static int missing(const struct options *o)
{
	const char *what = NULL;

	if (!o->port)
		what = "--port: the device to send with";
	else if (o->serve && !o->n_targets) /* each line has its own */
		return OPTIONS_GO_ON;
	else if (!o->n_targets)
		what = "--vip: what to send to";
	else if (!o->instances.count && o->mode != RECEIVER_MACSWAP)
		what = "--instances: where packets may go";
	else if (!o->node_mac[0] && !lb_load32(o->node_mac + 2))
		what = "--node-mac: the MAC address of the device under test";
	if (!what)
		return OPTIONS_GO_ON;
	fprintf(stderr, "pktgen: missing %s (see --help)\n", what);
	return EXIT_USAGE;
}

static int option_apply(int option, struct options *o)
{
	const char *expected;

	if (option == 'h') {
		help_print();
		return EXIT_SUCCESS;
	}
	if (option == 'V') {
		puts("pktgen of sluice " SLUICE_VERSION);
		return EXIT_SUCCESS;
	}
	if (option == 'j')
		option = OPT_JSON;
	if (option == '?') {
		fputs("pktgen: see --help\n", stderr);
		return EXIT_USAGE;
	}
	expected = run_option(option, optarg, o);
	return expected ? refuse(help_rows[option - OPT_FIRST - 1].name, expected, optarg)
			: OPTIONS_GO_ON;
}

int options_parse(int argc, char **argv, struct options *o)
{
	int option, verdict = OPTIONS_GO_ON;

	*o = (struct options){
		.cpu = -1,
		.n_desc = 1024,
		.mode = RECEIVER_L2,
		.instances.mac_base = { 0x02, 0x5a, 0, 1 },
		.flows = 100000,
		.size = { 64 },
		.weight = { 1 },
		.n_sizes = 1,
		.data = 1,
		.duration_s = 10,
		.open_pps = 2e6,
		.burst = 64,
		.drain_ms = 200,
		.search_min_pps = 1e4,
		.search_max_pps = 100e6,
		.trial_s = 1,
		.precision = 0.01,
		.drop = 0.001,
		.tries = 3,
		.seed = 88172645463325252ULL,
	};
	inet_pton(AF_INET, "100.64.0.0", &o->client4);
	inet_pton(AF_INET6, "2001:db8:c::", o->client6);
	while (verdict == OPTIONS_GO_ON &&
	       (option = getopt_long(argc, argv, "j:hV", long_options, NULL)) != -1)
		verdict = option_apply(option, o);
	if (verdict == OPTIONS_GO_ON && optind < argc) {
		fprintf(stderr, "pktgen: unexpected argument %s\n", argv[optind]);
		return EXIT_USAGE;
	}
	return verdict == OPTIONS_GO_ON ? missing(o) : verdict;
}

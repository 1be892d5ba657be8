/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/options.h"
#include "controlplane/instance/replies.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/rtnl.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

enum {
	OPT_VIP = 256,
	OPT_FROM,
	OPT_GUE_PORT,
	OPT_MODE,
	OPT_NO_ADDR,
	OPT_NO_SYSCTL,
	OPT_MAP,
	OPT_MSS
};

/* RFC 791: what every host takes. */
#define MSS_MIN 536

static int vip_add(struct options *o, const char *text)
{
	struct lb_unwrap_addr addr;
	const char *unfit;

	if (address_parse(text, &addr)) {
		report_error("--vip: '%s' is not an IPv4 or IPv6 address", text);
		return EXIT_USAGE;
	}
	unfit = address_unfit_vip(&addr);
	if (unfit) {
		report_error("--vip: %s %s", text, unfit);
		return EXIT_USAGE;
	}
	for (__u32 i = 0; i < o->vip_count; i++)
		if (address_equal(&o->vips[i], &addr))
			return 0;
	if (o->vip_count == LB_UNWRAP_VIPS_MAX) {
		report_error("--vip: at most %d VIPs fit on one interface", LB_UNWRAP_VIPS_MAX);
		return EXIT_USAGE;
	}
	o->vips[o->vip_count++] = addr;
	return 0;
}

static int from_add(struct options *o, const char *text)
{
	struct lb_unwrap_prefix prefix;

	memset(&prefix, 0, sizeof(prefix));
	if (address_parse_prefix(text, &prefix)) {
		report_error("--from: '%s' is neither an address nor ADDR/LEN with zero host bits",
			     text);
		return EXIT_USAGE;
	}
	for (__u32 i = 0; i < o->from_count; i++)
		if (!memcmp(&o->from[i], &prefix, sizeof(prefix)))
			return 0;
	if (o->from_count == LB_UNWRAP_FROM_MAX) {
		report_error("--from: at most %d sources fit; give a prefix, ADDR/LEN",
			     LB_UNWRAP_FROM_MAX);
		return EXIT_USAGE;
	}
	o->from[o->from_count++] = prefix;
	return 0;
}

/* Pass each item of A,B,C to @add. Writes into @list, which is part of argv and so ours. */
static int list_each(struct options *o, char *list, int (*add)(struct options *, const char *))
{
	char *item;
	int ret;

	while ((item = strsep(&list, ",")) != NULL) {
		ret = add(o, item);
		if (ret)
			return ret;
	}
	return 0;
}

static int map_add(struct options *o, const char *text)
{
	char other[PORTS_TEXT_SIZE];
	struct port_map map;

	if (ports_parse(text, &map)) {
		report_error("--map: '%s' is neither PORT:INSTANCE_PORT nor "
			     "PORT:INSTANCE_PORT@VIP, with ports from 1 to 65535",
			     text);
		return EXIT_USAGE;
	}
	if (map.port == map.instance_port) {
		report_error("--map: %s maps a port to itself", text);
		return EXIT_USAGE;
	}
	if (ports_have(&o->ports, &map))
		return 0;
	for (__u32 i = 0; i < o->ports.count; i++) {
		if (!ports_conflict(&o->ports.map[i], &map))
			continue;
		report_error("--map: %s and %s can't both be: %s",
			     ports_format(&o->ports.map[i], other), text,
			     o->ports.map[i].port == map.port
				     ? "one port would go to two"
				     : "a reply's port could come from two");
		return EXIT_USAGE;
	}
	if (o->ports.count == LB_UNWRAP_PORTS_MAX) {
		report_error("--map: at most %d fit on one interface", LB_UNWRAP_PORTS_MAX);
		return EXIT_USAGE;
	}
	o->ports.map[o->ports.count++] = map;
	return 0;
}

static int mss_set(struct options *o, const char *text)
{
	char *end;
	unsigned long mss = strtoul(text, &end, 10);

	o->mss_auto = !strcmp(text, "auto");
	if (o->mss_auto)
		return 0;
	if (text[0] < '0' || text[0] > '9' || *end || mss < MSS_MIN || mss > 65535) {
		report_error("--mss: '%s' is neither auto nor a number of bytes from %d to 65535",
			     text, MSS_MIN);
		return EXIT_USAGE;
	}
	o->ports.mss4 = o->ports.mss6 = (__u16)mss;
	return 0;
}

static int gue_port_set(struct options *o, const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || port < 1 || port > 65535) {
		report_error("--gue-port: '%s' is not a port from 1 to 65535", text);
		return EXIT_USAGE;
	}
	o->gue_port = (__u16)port;
	return 0;
}

static int mode_set(struct options *o, const char *text)
{
	if (!strcmp(text, "auto"))
		o->mode = PROGRAM_AUTO;
	else if (!strcmp(text, "native"))
		o->mode = PROGRAM_NATIVE;
	else if (!strcmp(text, "generic"))
		o->mode = PROGRAM_GENERIC;
	else {
		report_error("--mode: '%s' is none of auto, native, generic", text);
		return EXIT_USAGE;
	}
	return 0;
}

static int output_set(struct options *o, const char *text)
{
	if (strcmp(text, "json") != 0 && strcmp(text, "table") != 0) {
		report_error("-o: '%s' is neither table nor json", text);
		return EXIT_USAGE;
	}
	o->json = !strcmp(text, "json");
	return 0;
}

static int option_apply(struct options *o, int opt)
{
	switch (opt) {
	case OPT_VIP:
		return list_each(o, optarg, vip_add);
	case OPT_FROM:
		return list_each(o, optarg, from_add);
	case OPT_GUE_PORT:
		return gue_port_set(o, optarg);
	case OPT_MODE:
		return mode_set(o, optarg);
	case OPT_MAP:
		return list_each(o, optarg, map_add);
	case OPT_MSS:
		return mss_set(o, optarg);
	case OPT_NO_ADDR:
		o->no_addr = true;
		return 0;
	case OPT_NO_SYSCTL:
		o->no_sysctl = true;
		return 0;
	case 'o':
		return output_set(o, optarg);
	default:
		return EXIT_USAGE;
	}
}

static int options_parse(struct options *o, int argc, char **argv, const struct option *longs,
			 const char *shorts)
{
	int opt, ret;

	memset(o, 0, sizeof(*o));
	o->gue_port = LB_UNWRAP_GUE_PORT;
	/* 0, not 1: makes glibc start over after main's own pass. */
	optind = 0;
	while ((opt = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		ret = option_apply(o, opt);
		if (ret)
			return ret;
	}
	if (argc - optind > 1) {
		report_error("%s takes one interface, not also '%s'", argv[0], argv[optind + 1]);
		return EXIT_USAGE;
	}
	if (optind == argc)
		return 0;
	o->iface = argv[optind];
	o->ifindex = if_nametoindex(o->iface);
	if (o->ifindex)
		return 0;
	report_error("there is no interface '%s' in this network namespace; 'ip link' lists them",
		     o->iface);
	return EXIT_REFUSED;
}

static int iface_required(const struct options *o, const char *verb)
{
	if (o->iface)
		return 0;
	report_error("%s needs the interface on which tunnel packets arrive", verb);
	return EXIT_USAGE;
}

static int attach_check(struct options *o)
{
	char text[PORTS_TEXT_SIZE];
	struct link_state link;
	int ret;

	if (!o->vip_count) {
		report_error("attach needs at least one --vip ADDR");
		return EXIT_USAGE;
	}
	for (__u32 i = 0; i < o->ports.count; i++) {
		const struct port_map *map = &o->ports.map[i];
		bool found = !map->vip.family;

		for (__u32 j = 0; j < o->vip_count && !found; j++)
			found = address_equal(&map->vip, &o->vips[j]);
		if (found)
			continue;
		report_error("--map: %s is of none of the VIPs", ports_format(map, text));
		return EXIT_USAGE;
	}
	if (!o->mss_auto)
		return 0;
	ret = rtnl_link_get(o->ifindex, &link);
	if (ret) {
		report_error("can't read the MTU of %s: %s", o->iface, strerror(-ret));
		return EXIT_REFUSED;
	}
	o->ports.mss4 = replies_mss((int)link.mtu, 4);
	o->ports.mss6 = replies_mss((int)link.mtu, 6);
	if (o->ports.mss6 >= MSS_MIN)
		return 0;
	report_error("--mss auto: the MTU %u of %s leaves no room for a tunnel", link.mtu,
		     o->iface);
	return EXIT_REFUSED;
}

int options_parse_attach(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "vip", required_argument, NULL, OPT_VIP },
		{ "from", required_argument, NULL, OPT_FROM },
		{ "gue-port", required_argument, NULL, OPT_GUE_PORT },
		{ "map", required_argument, NULL, OPT_MAP },
		{ "mss", required_argument, NULL, OPT_MSS },
		{ "mode", required_argument, NULL, OPT_MODE },
		{ "no-addr", no_argument, NULL, OPT_NO_ADDR },
		{ "no-sysctl", no_argument, NULL, OPT_NO_SYSCTL },
		{},
	};
	int ret = options_parse(o, argc, argv, longs, "");

	if (!ret)
		ret = iface_required(o, "attach");
	return ret ? ret : attach_check(o);
}

int options_parse_detach(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { {} };
	int ret = options_parse(o, argc, argv, longs, "");

	return ret ? ret : iface_required(o, "detach");
}

int options_parse_status(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{},
	};

	return options_parse(o, argc, argv, longs, "o:");
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <net/if.h>
#include <stdio.h>
#include <time.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/host.h"
#include "controlplane/instance/status.h"

#define TIME_TEXT_SIZE 40

static const char *time_format(__u64 seconds, const char *format, char *text)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(text, TIME_TEXT_SIZE, format, &tm))
		text[0] = '\0';
	return text;
}

static const char *vip_place(const struct status *s, __u32 i, char *name)
{
	if (s->vip_ifindex[i] <= 0)
		return "on no interface";
	return if_indextoname(s->vip_ifindex[i], name) ? name : "?";
}

static void print_vips(const struct status *s)
{
	char text[ADDRESS_TEXT_SIZE], name[IF_NAMESIZE];

	printf("  %-40s %-16s %14s %14s\n", "VIP", "ON", "TUNNEL", "DIRECT");
	for (__u32 i = 0; i < s->state.vip_count; i++)
		printf("  %-40s %-16s %14llu %14llu\n",
		       address_format(&s->state.vips[i].addr, text), vip_place(s, i, name),
		       s->vips[i].tunnel.pkts, s->vips[i].direct.pkts);
}

static void print_sources(const struct status *s)
{
	char text[ADDRESS_TEXT_SIZE];

	printf("  tunnels from:");
	if (!s->state.filter_sources)
		printf(" any source");
	for (__u32 i = 0; s->state.filter_sources && i < s->state.from_count; i++)
		printf(" %s", address_format_prefix(&s->state.from[i], text));
	if (s->state.gue_port)
		printf("; GUE on UDP port %u", s->state.gue_port);
	putchar('\n');
}

static void print_ports(const struct status *s)
{
	char text[PORTS_TEXT_SIZE];

	if (s->ports.count)
		printf("\n  %-57s %14s %14s\n", "PORT", "IN", "OUT");
	for (__u32 i = 0; i < s->ports.count; i++)
		printf("  %-57s %14llu %14llu\n", ports_format(&s->ports.map[i], text),
		       s->mapped[i][LB_UNWRAP_IN].pkts, s->mapped[i][LB_UNWRAP_OUT].pkts);
	if (s->ports.mss4)
		printf("  MSS of replies: %u over IPv4, %u over IPv6\n", s->ports.mss4,
		       s->ports.mss6);
}

static void print_counts(const struct status *s)
{
	printf("\n  %-58s %14s %14s\n", "PACKETS SEEN", "PACKETS", "BYTES");
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++)
		printf("  %-58s %14llu %14llu\n", status_reason_texts[i], s->counts[i].pkts,
		       s->counts[i].bytes);
}

static void print_findings(const char *what, const struct status_findings *f)
{
	for (unsigned int i = 0; i < f->count; i++)
		printf("  %s: %s\n", what, f->text[i]);
}

void status_print(const struct status *s)
{
	char when[TIME_TEXT_SIZE];

	printf("%s: attached since %s, %s mode%s, program %u\n", s->iface,
	       time_format(s->state.attached_s, "%Y-%m-%d %H:%M:%S", when),
	       program_mode_name(s->mode), s->state.frags ? " with fragments" : "", s->program_id);
	print_sources(s);
	print_vips(s);
	print_ports(s);
	print_counts(s);
	if (s->warnings.count || s->hints.count)
		putchar('\n');
	print_findings("warning", &s->warnings);
	print_findings("hint", &s->hints);
}

static json_t *json_count(const struct lb_unwrap_count *c)
{
	return json_pack("{s:I, s:I}", "pkts", (json_int_t)c->pkts, "bytes", (json_int_t)c->bytes);
}

static json_t *json_vips(const struct status *s)
{
	char text[ADDRESS_TEXT_SIZE], name[IF_NAMESIZE];
	json_t *array = json_array();

	for (__u32 i = 0; i < s->state.vip_count; i++) {
		bool there = s->vip_ifindex[i] > 0 && if_indextoname(s->vip_ifindex[i], name);

		json_array_append_new(array,
				      json_pack("{s:s, s:s?, s:b, s:o, s:o}", "address",
						address_format(&s->state.vips[i].addr, text), "on",
						there ? name : NULL, "added",
						s->state.vips[i].flags & LB_UNWRAP_ADDED ? 1 : 0,
						"tunnel", json_count(&s->vips[i].tunnel), "direct",
						json_count(&s->vips[i].direct)));
	}
	return array;
}

static json_t *json_sources(const struct status *s)
{
	char text[ADDRESS_TEXT_SIZE];
	json_t *array = json_array();

	for (__u32 i = 0; i < s->state.from_count; i++)
		json_array_append_new(array,
				      json_string(address_format_prefix(&s->state.from[i], text)));
	return array;
}

static json_t *json_ports(const struct status *s)
{
	char text[ADDRESS_TEXT_SIZE];
	json_t *array = json_array();

	for (__u32 i = 0; i < s->ports.count; i++) {
		const struct port_map *map = &s->ports.map[i];

		json_array_append_new(
			array, json_pack("{s:s?, s:i, s:i, s:o, s:o}", "vip",
					 map->vip.family ? address_format(&map->vip, text) : NULL,
					 "port", map->port, "instance_port", map->instance_port,
					 "in", json_count(&s->mapped[i][LB_UNWRAP_IN]), "out",
					 json_count(&s->mapped[i][LB_UNWRAP_OUT])));
	}
	return array;
}

/* null: replies keep theirs. */
static json_t *json_mss(const struct status *s)
{
	if (!s->ports.mss4)
		return json_null();
	return json_pack("{s:i, s:i}", "ipv4", s->ports.mss4, "ipv6", s->ports.mss6);
}

/* Only those that attach changed. */
static json_t *json_sysctls(const struct status *s)
{
	json_t *object = json_object();

	for (int id = 0; id < LB_UNWRAP_SYSCTL_COUNT; id++) {
		const struct lb_unwrap_sysctl *sysctl = &s->state.sysctl[id];

		if (sysctl->before != sysctl->after)
			json_object_set_new(object, host_sysctl_name(id),
					    json_pack("{s:i, s:i}", "before", sysctl->before,
						      "after", sysctl->after));
	}
	return object;
}

static json_t *json_counts(const struct status *s)
{
	json_t *object = json_object();

	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++)
		json_object_set_new(object, status_reason_names[i], json_count(&s->counts[i]));
	return object;
}

static json_t *json_findings(const struct status_findings *f)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < f->count; i++)
		json_array_append_new(array, json_string(f->text[i]));
	return array;
}

json_t *status_to_json(const struct status *s)
{
	char when[TIME_TEXT_SIZE], changed[TIME_TEXT_SIZE];

	return json_pack(
		"{s:s, s:s, s:b, s:i, s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}",
		"interface", s->iface, "mode", program_mode_name(s->mode), "frags",
		s->state.frags ? 1 : 0, "program_id", (int)s->program_id, "attached_at",
		time_format(s->state.attached_s, "%Y-%m-%dT%H:%M:%S%z", when), "changed_at",
		time_format(s->state.changed_s, "%Y-%m-%dT%H:%M:%S%z", changed), "vips",
		json_vips(s), "from", json_sources(s), "gue_port", (int)s->state.gue_port, "maps",
		json_ports(s), "mss", json_mss(s), "sysctls", json_sysctls(s), "counters",
		json_counts(s), "warnings", json_findings(&s->warnings), "hints",
		json_findings(&s->hints));
}

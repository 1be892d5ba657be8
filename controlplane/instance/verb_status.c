/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/instance/host.h"
#include "controlplane/instance/options.h"
#include "controlplane/instance/replies.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/rtnl.h"
#include "controlplane/instance/state.h"
#include "controlplane/instance/status.h"
#include "controlplane/instance/verb.h"

/* Collects the objects of all interfaces; @json NULL: print tables. */
struct sink {
	json_t *json;
	int shown;
};

static int status_gather(struct status *s, const struct program *program)
{
	int ret;

	s->program_id = program->id;
	s->mode = program->mode;
	ret = state_load(program, &s->state);
	for (int i = 0; !ret && i < LB_UNWRAP_REASON_COUNT; i++)
		ret = state_read_count(program, i, &s->counts[i]);
	for (int i = LB_UNWRAP_DECAP_4IN4; !ret && i <= LB_UNWRAP_DECAP_6IN4; i++)
		ret = state_add_by_cpu(program, i, s->unwrapped4, STATUS_CPUS_MAX);
	for (int i = LB_UNWRAP_GUE_4IN4; !ret && i <= LB_UNWRAP_GUE_6IN6; i++)
		ret = state_add_by_cpu(program, i, s->unwrapped_gue, STATUS_CPUS_MAX);
	if (!ret)
		ret = ports_load(program, &s->ports);
	for (__u32 i = 0; !ret && i < s->ports.count; i++) {
		ret = ports_read(program, &s->ports.map[i], LB_UNWRAP_IN,
				 &s->mapped[i][LB_UNWRAP_IN]);
		if (!ret)
			ret = ports_read(program, &s->ports.map[i], LB_UNWRAP_OUT,
					 &s->mapped[i][LB_UNWRAP_OUT]);
	}
	s->filter_is_there = replies_is_there(s->ifindex);
	s->online_cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	for (__u32 i = 0; !ret && i < s->state.vip_count; i++) {
		const struct lb_unwrap_addr *addr = &s->state.vips[i].addr;

		ret = state_read_vip(program, addr, &s->vips[i]);
		if (ret == -ENOENT) /* a change in progress has listed it, but not entered it yet */
			ret = 0;
		s->vip_ifindex[i] = rtnl_addr_find(addr);
		if (s->vip_ifindex[i] < 0)
			ret = s->vip_ifindex[i];
	}
	if (ret) {
		report_error("can't read the state of %s: %s", s->iface, strerror(-ret));
		return VERB_REFUSED;
	}
	status_check(s);
	return VERB_DONE;
}

static int status_show(const char *iface, int ifindex, const struct program *program,
		       struct sink *sink)
{
	struct status *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		report_error("out of memory");
		return VERB_REFUSED;
	}
	snprintf(s->iface, sizeof(s->iface), "%s", iface);
	s->ifindex = ifindex;
	ret = status_gather(s, program);
	if (!ret && sink->json)
		json_array_append_new(sink->json, status_to_json(s));
	else if (!ret)
		status_print(s);
	sink->shown++;
	status_fini(s);
	free(s);
	return ret;
}

static int status_one(const struct options *o, struct sink *sink)
{
	struct program_holder holder;
	struct program program;
	int ret = program_find(o->ifindex, &program, &holder);

	/* Another program is on the hook: nothing of ours is attached. */
	if (ret)
		return host_report_find(o->iface, ret == -EBUSY ? -ENOENT : ret);
	ret = status_show(o->iface, o->ifindex, &program, sink);
	program_close(&program);
	return ret;
}

static int status_all(struct sink *sink)
{
	struct if_nameindex *list = if_nameindex();
	struct program_holder holder;
	struct program program;
	int found, ret = VERB_DONE;

	if (!list) {
		report_error("can't list the interfaces: %s", strerror(errno));
		return VERB_REFUSED;
	}
	for (const struct if_nameindex *i = list; i->if_index; i++) {
		found = program_find(i->if_index, &program, &holder);
		if (found == -EPROTO)
			ret = host_report_find(i->if_name, found);
		if (found)
			continue;
		if (status_show(i->if_name, i->if_index, &program, sink))
			ret = VERB_REFUSED;
		program_close(&program);
	}
	if_freenameindex(list);
	return ret;
}

static void sink_flush(const struct sink *sink)
{
	json_t *root;

	if (!sink->json) {
		if (!sink->shown)
			puts("nothing attached in this network namespace");
		return;
	}
	root = json_pack("{s:O}", "interfaces", sink->json);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

int verb_status(int argc, char **argv)
{
	static struct options o;
	struct sink sink = {};
	int ret;

	ret = options_parse_status(&o, argc, argv);
	if (ret)
		return ret;
	if (host_require_root())
		return VERB_REFUSED;
	if (o.json)
		sink.json = json_array();
	ret = o.iface ? status_one(&o, &sink) : status_all(&sink);
	if (!ret)
		sink_flush(&sink);
	json_decref(sink.json);
	return ret;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/host.h"
#include "controlplane/instance/options.h"
#include "controlplane/instance/replies.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/state.h"
#include "controlplane/instance/verb.h"

/*
 * Ways to attach, best first. Single buffers before fragments: a veth then splits its peer's
 * super-packets before they reach us; unsplit, their offload metadata about the tunnel would be
 * wrong. Fragments are for drivers that refuse anything else at their MTU.
 */
static const struct way {
	enum program_mode mode;
	bool frags;
} ways[] = {
	{ PROGRAM_NATIVE, false },
	{ PROGRAM_NATIVE, true },
	{ PROGRAM_GENERIC, false },
};

#define WAY_COUNT (sizeof(ways) / sizeof(ways[0]))

static void report_busy(const struct options *o, const struct program_holder *holder)
{
	report_error("the XDP hook of %s is held by program '%s' (id %u); stop what put it there, "
		     "or free the hook with 'ip link set dev %s xdp off', then attach again",
		     o->iface, holder->name, holder->id, o->iface);
}

static void report_load(int err)
{
	if (err == -EPERM) {
		report_error("loading a BPF program is not permitted; run as root, outside an "
			     "unprivileged container");
		return;
	}
	if (report_capture_save()) {
		report_error("the kernel refuses the program: %s; Linux 5.10 or later is needed",
			     strerror(-err));
		return;
	}
	report_error("the kernel refuses the program: %s; verifier log: %s; Linux 5.10 or "
		     "later is needed",
		     strerror(-err), REPORT_LOG_PATH);
}

static void report_hook(const struct options *o, int err)
{
	const char *reason = report_kernel_reason();

	if (err == -EBUSY || err == -EEXIST) {
		report_error(
			"another XDP program was attached to %s meanwhile; if it may be replaced, attach again",
			o->iface);
		return;
	}
	report_error("%s takes no %sXDP program: %s%s%s%s", o->iface,
		     o->mode == PROGRAM_NATIVE ? "native " : "", strerror(-err),
		     *reason ? " (" : "", reason, *reason ? ")" : "");
}

/*
 * Load with @now as the state and attach. Return: 0 or -errno; @loaded tells which of the two
 * failed.
 */
static int way_try(const struct options *o, const struct way *way, struct lb_unwrap_state *now,
		   struct program *program, bool *loaded)
{
	int ret;

	report_capture_reset();
	ret = program_load(program, NULL, way->frags);
	*loaded = !ret;
	if (ret)
		return ret;
	now->frags = way->frags;
	ret = state_store(program, now);
	if (!ret)
		ret = program_attach(program, o->ifindex, way->mode);
	if (ret)
		program_close(program);
	return ret;
}

static bool way_is_wanted(const struct way *way, enum program_mode mode)
{
	return mode == PROGRAM_AUTO || mode == way->mode;
}

static int hook(const struct options *o, struct lb_unwrap_state *now, struct program *program)
{
	char why[160] = "";
	bool loaded = true;
	int ret = -EOPNOTSUPP;

	for (size_t i = 0; i < WAY_COUNT; i++) {
		if (!way_is_wanted(&ways[i], o->mode))
			continue;
		ret = way_try(o, &ways[i], now, program, &loaded);
		if (!ret && ways[i].mode == PROGRAM_GENERIC && o->mode == PROGRAM_AUTO)
			report_note(
				"the driver of %s does not support native XDP (%s); using generic mode, "
				"which costs more CPU per packet",
				o->iface, why);
		if (!ret)
			return VERB_DONE;
		if (ret == -EBUSY || ret == -EEXIST || (!loaded && !ways[i].frags))
			break;
		if (loaded)
			snprintf(why, sizeof(why), "%s",
				 *report_kernel_reason() ? report_kernel_reason() : strerror(-ret));
	}
	if (loaded)
		report_hook(o, ret);
	else
		report_load(ret);
	return VERB_REFUSED;
}

static void print_vips(const struct options *o)
{
	char text[ADDRESS_TEXT_SIZE];

	for (__u32 i = 0; i < o->vip_count; i++)
		printf("%s%s", i ? ", " : "", address_format(&o->vips[i], text));
}

static void print_sources(const struct lb_unwrap_state *state)
{
	char text[ADDRESS_TEXT_SIZE];

	if (!state->filter_sources)
		printf("any source");
	for (__u32 i = 0; state->filter_sources && i < state->from_count; i++)
		printf("%s%s", i ? ", " : "", address_format_prefix(&state->from[i], text));
}

static void print_gue_port(const struct lb_unwrap_state *state)
{
	if (state->gue_port)
		printf("GUE on UDP port %u", state->gue_port);
	else
		printf("no GUE");
}

static void print_mss(const struct ports *ports)
{
	if (ports->mss4 == ports->mss6)
		printf("MSS of replies %u", ports->mss4);
	else
		printf("MSS of replies %u, over IPv6 %u", ports->mss4, ports->mss6);
}

static void print_ports(const struct ports *ports)
{
	char text[PORTS_TEXT_SIZE];

	for (__u32 i = 0; i < ports->count; i++)
		printf(", port %s", ports_format(&ports->map[i], text));
	if (ports->mss4) {
		printf(", ");
		print_mss(ports);
	}
}

static int attach_new(const struct options *o)
{
	static struct lb_unwrap_state now, next;
	struct program program;
	int ret;

	state_init(&now);
	now.attached_s = time(NULL);
	/* The filter is closed before it has sources: it is never open when it should be closed. */
	now.filter_sources = o->from_count > 0;
	if (host_plan(o, &now, &next) || hook(o, &now, &program))
		return VERB_REFUSED;
	next.frags = now.frags;
	ret = host_change(o, &program, &now, &next);
	if (ret) {
		program_detach(&program, o->ifindex);
	} else if (replies_change(o->iface, o->ifindex, &program, &o->ports)) {
		detach_undo(o, &program);
		ret = VERB_REFUSED;
	} else {
		printf("%s: attached in %s mode, VIPs ", o->iface, program_mode_name(program.mode));
		print_vips(o);
		printf(", tunnels from ");
		print_sources(&next);
		printf(", ");
		print_gue_port(&next);
		print_ports(&o->ports);
		putchar('\n');
	}
	program_close(&program);
	return ret;
}

/*
 * Replace the program by this build's over the same maps; counters and VIPs are kept. Then change
 * what replies need: an older program can't map ports.
 */
static int upgrade(const struct options *o, const struct program *old, bool frags)
{
	struct program fresh;
	int ret;

	report_capture_reset();
	ret = program_load(&fresh, old, frags);
	if (ret) {
		report_load(ret);
		return VERB_REFUSED;
	}
	if (!program_same_code(old, &fresh)) {
		/* What arrives between the two steps is not counted. */
		if (old->n_counts != fresh.n_counts)
			ret = state_copy_counts(old, &fresh);
		if (!ret)
			ret = program_replace(&fresh, o->ifindex, old);
		if (ret)
			report_hook(o, ret);
		else
			printf("%s: program replaced by this version's\n", o->iface);
	}
	if (!ret)
		ret = replies_change(o->iface, o->ifindex, &fresh, &o->ports);
	program_close(&fresh);
	return ret ? VERB_REFUSED : VERB_DONE;
}

/* One line per difference. Return: their number. */
static int print_vip_changes(const struct options *o, struct lb_unwrap_state *now,
			     struct lb_unwrap_state *next)
{
	char text[ADDRESS_TEXT_SIZE];
	int changes = 0;

	for (__u32 i = 0; i < next->vip_count; i++) {
		if (state_find_vip(now, &next->vips[i].addr))
			continue;
		printf("%s: + VIP %s\n", o->iface, address_format(&next->vips[i].addr, text));
		changes++;
	}
	for (__u32 i = 0; i < now->vip_count; i++) {
		if (state_find_vip(next, &now->vips[i].addr))
			continue;
		printf("%s: - VIP %s\n", o->iface, address_format(&now->vips[i].addr, text));
		changes++;
	}
	return changes;
}

static bool same_sources(const struct lb_unwrap_state *now, const struct lb_unwrap_state *next)
{
	if (now->from_count != next->from_count)
		return false;
	for (__u32 i = 0; i < next->from_count; i++)
		if (!state_has_source(now, &next->from[i]))
			return false;
	return true;
}

/* One line per difference. Return: their number. */
static int print_port_changes(const struct options *o, const struct ports *now)
{
	const struct ports *next = &o->ports;
	char text[PORTS_TEXT_SIZE];
	int changes = 0;

	for (__u32 i = 0; i < next->count; i++) {
		if (ports_have(now, &next->map[i]))
			continue;
		printf("%s: + port %s\n", o->iface, ports_format(&next->map[i], text));
		changes++;
	}
	for (__u32 i = 0; i < now->count; i++) {
		if (ports_have(next, &now->map[i]))
			continue;
		printf("%s: - port %s\n", o->iface, ports_format(&now->map[i], text));
		changes++;
	}
	if (now->mss4 != next->mss4 || now->mss6 != next->mss6) {
		printf("%s: ", o->iface);
		if (next->mss4)
			print_mss(next);
		else
			printf("MSS of replies as the kernel has it");
		putchar('\n');
		changes++;
	}
	return changes;
}

/* One line per difference, but for ports. Return: their number. */
static int print_changes(const struct options *o, struct lb_unwrap_state *now,
			 struct lb_unwrap_state *next)
{
	int changes = print_vip_changes(o, now, next);

	if (!same_sources(now, next)) {
		printf("%s: tunnels from ", o->iface);
		print_sources(next);
		printf(", was ");
		print_sources(now);
		putchar('\n');
		changes++;
	}
	if (now->gue_port != next->gue_port) {
		printf("%s: ", o->iface);
		print_gue_port(next);
		printf(", was ");
		print_gue_port(now);
		putchar('\n');
		changes++;
	}
	return changes;
}

static int attach_change(const struct options *o, const struct program *program)
{
	static struct lb_unwrap_state now, next;
	static struct ports ports;
	int changes, ret;

	if (o->mode != PROGRAM_AUTO && o->mode != program->mode) {
		report_error("%s is attached in %s mode; to change it, detach and attach again",
			     o->iface, program_mode_name(program->mode));
		return VERB_REFUSED;
	}
	ret = state_load(program, &now);
	if (!ret)
		ret = ports_load(program, &ports);
	if (ret) {
		report_error("can't read the state of %s: %s", o->iface, strerror(-ret));
		return VERB_REFUSED;
	}
	if (host_plan(o, &now, &next) || host_change(o, program, &now, &next))
		return VERB_REFUSED;
	changes = print_changes(o, &now, &next);
	ret = upgrade(o, program, now.frags);
	if (ret)
		return ret;
	changes += print_port_changes(o, &ports);
	if (!changes)
		printf("%s: already attached, nothing to change\n", o->iface);
	return VERB_DONE;
}

int verb_attach(int argc, char **argv)
{
	static struct options o;
	struct program_holder holder;
	struct program program;
	int ret;

	ret = options_parse_attach(&o, argc, argv);
	if (ret)
		return ret;
	if (host_require_root() || host_lock())
		return VERB_REFUSED;
	ret = program_find(o.ifindex, &program, &holder);
	if (ret == -ENOENT)
		return attach_new(&o);
	if (ret == -EBUSY)
		report_busy(&o, &holder);
	if (ret)
		return ret == -EBUSY ? VERB_REFUSED : host_report_find(o.iface, ret);
	ret = attach_change(&o, &program);
	program_close(&program);
	return ret;
}

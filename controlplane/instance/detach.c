/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/instance/host.h"
#include "controlplane/instance/options.h"
#include "controlplane/instance/replies.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/state.h"
#include "controlplane/instance/verb.h"

/*
 * The program is detached last: its state is the only record of what else must be undone, so a
 * detach that was killed can be run again. Addresses are removed before the ARP sysctls that keep
 * them quiet.
 */
int detach_undo(const struct options *o, const struct program *program)
{
	static const struct ports no_ports;
	static struct lb_unwrap_state now, none;
	int ret;

	ret = state_load(program, &now);
	if (ret) {
		report_error("can't read the state of %s: %s", o->iface, strerror(-ret));
		return VERB_REFUSED;
	}
	if (replies_change(o->iface, o->ifindex, program, &no_ports))
		return VERB_REFUSED;
	none = now;
	none.vip_count = 0;
	none.from_count = 0;
	if (host_change(o, program, &now, &none))
		return VERB_REFUSED;
	host_restore_sysctls(o->iface, &now);
	ret = program_detach(program, o->ifindex);
	if (ret) {
		report_error("can't detach the program from %s: %s; try "
			     "'ip link set dev %s xdp off'",
			     o->iface, strerror(-ret), o->iface);
		return VERB_REFUSED;
	}
	return VERB_DONE;
}

int verb_detach(int argc, char **argv)
{
	static struct options o;
	struct program_holder holder;
	struct program program;
	int ret;

	ret = options_parse_detach(&o, argc, argv);
	if (ret)
		return ret;
	if (host_require_root() || host_lock())
		return VERB_REFUSED;
	ret = program_find(o.ifindex, &program, &holder);
	/* Whoever took the program off left the filter, which would go on to change replies. */
	if ((ret == -ENOENT || ret == -EBUSY) && !replies_take_off(o.ifindex)) {
		printf("%s: the filter of a program that is gone was taken off\n", o.iface);
		return VERB_DONE;
	}
	if (ret == -EBUSY)
		report_error("the XDP program on %s, '%s' (id %u), isn't Sluice's; not detached",
			     o.iface, holder.name, holder.id);
	if (ret)
		return ret == -EBUSY ? VERB_REFUSED : host_report_find(o.iface, ret);
	ret = detach_undo(&o, &program);
	if (!ret)
		printf("%s: detached\n", o.iface);
	program_close(&program);
	return ret;
}

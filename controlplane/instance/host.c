/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/host.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/rtnl.h"
#include "controlplane/instance/state.h"
#include "controlplane/instance/sysctl.h"

#define LOCK_PATH "/run/sluice-instance.lock"
#define LO_IFINDEX 1 /* in every network namespace */

/*
 * arp_ignore 1: answer ARP only for addresses of the interface that received the request, so that
 * only the balancer answers for the VIP. arp_announce 2: never send a request with the VIP as the
 * sender.
 */
static const struct {
	const char *name;
	int value;
} sysctls[LB_UNWRAP_SYSCTL_COUNT] = {
	[LB_UNWRAP_ARP_IGNORE] = { "arp_ignore", 1 },
	[LB_UNWRAP_ARP_ANNOUNCE] = { "arp_announce", 2 },
};

const char *host_sysctl_name(enum lb_unwrap_sysctl_id id)
{
	return sysctls[id].name;
}

int host_require_root(void)
{
	if (geteuid() == 0)
		return 0;
	report_error("root is required; use sudo");
	return 1;
}

int host_report_find(const char *iface, int err)
{
	switch (err) {
	case -ENOENT:
		report_error("nothing of Sluice is attached to %s; 'sluice-instance status' lists "
			     "what is",
			     iface);
		break;
	case -EPROTO:
		report_error(
			"%s was attached by another version of sluice-instance; detach it with "
			"that one",
			iface);
		break;
	default:
		report_error("can't query the XDP program of %s: %s", iface, strerror(-err));
	}
	return 1;
}

int host_lock(void)
{
	int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && !flock(fd, LOCK_EX))
		return 0;
	report_error("can't lock %s: %s; is /run writable?", LOCK_PATH, strerror(errno));
	return 1;
}

static int plan_vip(const struct options *o, const struct lb_unwrap_addr *addr,
		    struct lb_unwrap_owned_addr *vip)
{
	char text[ADDRESS_TEXT_SIZE];
	int ifindex = rtnl_addr_find(addr);

	if (ifindex < 0) {
		report_error("can't list this host's addresses: %s", strerror(-ifindex));
		return 1;
	}
	if (ifindex == o->ifindex)
		report_note(
			"VIP %s is an address of %s itself, so this host answers ARP and ND for "
			"it; move it to lo unless that is intended",
			address_format(addr, text), o->iface);
	vip->addr = *addr;
	vip->flags = ifindex || o->no_addr ? 0 : LB_UNWRAP_ADDED;
	return 0;
}

static bool wants_sysctls(const struct options *o)
{
	if (o->no_sysctl)
		return false;
	for (__u32 i = 0; i < o->vip_count; i++)
		if (o->vips[i].family == 4)
			return true;
	return false;
}

static int plan_sysctl(const struct options *o, enum lb_unwrap_sysctl_id id,
		       struct lb_unwrap_sysctl *plan)
{
	int ret = sysctl_get(o->iface, sysctls[id].name, &plan->before);

	if (ret) {
		report_error("can't read net.ipv4.conf.%s.%s: %s; is /proc mounted?", o->iface,
			     sysctls[id].name, strerror(-ret));
		return 1;
	}
	plan->after = plan->before;
	/* A value made stricter by "all" or by the operator is left alone. */
	if (sysctl_effective(o->iface, sysctls[id].name) < sysctls[id].value)
		plan->after = sysctls[id].value;
	return 0;
}

static bool sysctl_untouched(const struct lb_unwrap_sysctl *s)
{
	return s->before == s->after;
}

int host_plan(const struct options *o, const struct lb_unwrap_state *now,
	      struct lb_unwrap_state *next)
{
	static struct lb_unwrap_state scratch;
	const struct lb_unwrap_owned_addr *known;
	struct lb_unwrap_owned_addr vip;

	scratch = *now;
	*next = *now;
	next->vip_count = 0;
	next->from_count = 0;
	next->filter_sources = o->from_count > 0;
	next->gue_port = o->gue_port;
	next->changed_s = time(NULL);
	for (__u32 i = 0; i < o->vip_count; i++) {
		known = state_find_vip(&scratch, &o->vips[i]);
		if (plan_vip(o, &o->vips[i], &vip))
			return 1;
		if (known)
			vip.flags |= known->flags;
		state_add_vip(next, &vip);
	}
	for (__u32 i = 0; i < o->from_count; i++)
		state_add_source(next, &o->from[i]);
	for (int id = 0; wants_sysctls(o) && id < LB_UNWRAP_SYSCTL_COUNT; id++)
		if (sysctl_untouched(&now->sysctl[id]) && plan_sysctl(o, id, &next->sysctl[id]))
			return 1;
	return 0;
}

/* A value that is neither the old one nor ours by now is the operator's: it is left alone. */
static int apply_sysctls(const char *iface, const struct lb_unwrap_state *next)
{
	const struct lb_unwrap_sysctl *s;
	int value, ret;

	for (int id = 0; id < LB_UNWRAP_SYSCTL_COUNT; id++) {
		s = &next->sysctl[id];
		if (sysctl_untouched(s))
			continue;
		ret = sysctl_get(iface, sysctls[id].name, &value);
		if (!ret && value == s->before)
			ret = sysctl_set(iface, sysctls[id].name, s->after);
		if (!ret)
			continue;
		report_error("can't set net.ipv4.conf.%s.%s to %d: %s; set it yourself and use "
			     "--no-sysctl",
			     iface, sysctls[id].name, s->after, strerror(-ret));
		return 1;
	}
	return 0;
}

void host_restore_sysctls(const char *iface, const struct lb_unwrap_state *state)
{
	const struct lb_unwrap_sysctl *s;
	int value, ret;

	for (int id = 0; id < LB_UNWRAP_SYSCTL_COUNT; id++) {
		s = &state->sysctl[id];
		if (sysctl_untouched(s))
			continue;
		ret = sysctl_get(iface, sysctls[id].name, &value);
		if (!ret && value != s->after) {
			report_note(
				"net.ipv4.conf.%s.%s is %d, not the %d that attach set; left as it is",
				iface, sysctls[id].name, value, s->after);
			continue;
		}
		if (!ret)
			ret = sysctl_set(iface, sysctls[id].name, s->before);
		if (ret)
			report_note("can't set net.ipv4.conf.%s.%s back to %d: %s", iface,
				    sysctls[id].name, s->before, strerror(-ret));
	}
}

/* Restore those that only @next changes. */
static void restore_new_sysctls(const char *iface, const struct lb_unwrap_state *now,
				const struct lb_unwrap_state *next)
{
	static struct lb_unwrap_state only_new;

	only_new = *next;
	for (int id = 0; id < LB_UNWRAP_SYSCTL_COUNT; id++)
		if (!sysctl_untouched(&now->sysctl[id]))
			only_new.sysctl[id] = (struct lb_unwrap_sysctl){};
	host_restore_sysctls(iface, &only_new);
}

static int vip_bring(const struct program *program, const struct lb_unwrap_owned_addr *vip)
{
	char text[ADDRESS_TEXT_SIZE];
	int ret;

	if (vip->flags & LB_UNWRAP_ADDED) {
		ret = rtnl_addr_add(LO_IFINDEX, &vip->addr);
		if (ret && ret != -EEXIST) {
			report_error(
				"can't add VIP %s to lo: %s%s; add it yourself and use --no-addr",
				address_format(&vip->addr, text), strerror(-ret),
				vip->addr.family == 6 && (ret == -EACCES || ret == -EPERM)
					? " (net.ipv6.conf.lo.disable_ipv6?)"
					: "");
			return 1;
		}
	}
	ret = state_map_vip(program, &vip->addr);
	if (ret)
		report_error("can't store VIP %s: %s", address_format(&vip->addr, text),
			     strerror(-ret));
	return ret ? 1 : 0;
}

/*
 * If another interface of this namespace serves @addr too, it becomes responsible for removing the
 * address from lo.
 */
static bool vip_hand_over(int ifindex, const struct lb_unwrap_addr *addr)
{
	static struct lb_unwrap_state state;
	struct if_nameindex *list = if_nameindex();
	struct lb_unwrap_owned_addr *vip;
	struct program_holder holder;
	struct program other;
	bool done = false;

	for (const struct if_nameindex *i = list; i && i->if_index && !done; i++) {
		if ((int)i->if_index == ifindex || program_find(i->if_index, &other, &holder))
			continue;
		if (!state_load(&other, &state) && (vip = state_find_vip(&state, addr))) {
			vip->flags |= LB_UNWRAP_ADDED;
			done = !state_store(&other, &state);
		}
		program_close(&other);
	}
	if (list)
		if_freenameindex(list);
	return done;
}

static void vip_remove(const struct options *o, const struct program *program,
		       const struct lb_unwrap_owned_addr *vip)
{
	char text[ADDRESS_TEXT_SIZE];
	int ret = state_unmap_vip(program, &vip->addr);

	if (!ret && (vip->flags & LB_UNWRAP_ADDED) && !vip_hand_over(o->ifindex, &vip->addr)) {
		ret = rtnl_addr_del(LO_IFINDEX, &vip->addr);
		if (ret == -EADDRNOTAVAIL)
			ret = 0;
	}
	if (ret)
		report_note("can't remove VIP %s: %s", address_format(&vip->addr, text),
			    strerror(-ret));
}

/* Includes what was there before: an interrupted change, or the operator, may have removed it. */
static int bring_all(const struct options *o, const struct program *program,
		     const struct lb_unwrap_state *next)
{
	int ret;

	if (next->vip_count && apply_sysctls(o->iface, next))
		return 1;
	for (__u32 i = 0; i < next->from_count; i++) {
		ret = state_map_source(program, &next->from[i]);
		if (ret) {
			report_error("can't store a --from source: %s", strerror(-ret));
			return 1;
		}
	}
	for (__u32 i = 0; i < next->vip_count; i++)
		if (vip_bring(program, &next->vips[i]))
			return 1;
	return 0;
}

/* Remove everything that is in @from but not in @to. */
static void remove_rest(const struct options *o, const struct program *program,
			const struct lb_unwrap_state *from, struct lb_unwrap_state *to)
{
	for (__u32 i = 0; i < from->vip_count; i++)
		if (!state_find_vip(to, &from->vips[i].addr))
			vip_remove(o, program, &from->vips[i]);
	for (__u32 i = 0; i < from->from_count; i++)
		if (!state_has_source(to, &from->from[i]))
			state_unmap_source(program, &from->from[i]);
}

/* Both sets, as an interrupted change may leave them. */
static void state_union(const struct lb_unwrap_state *now, const struct lb_unwrap_state *next,
			struct lb_unwrap_state *both)
{
	*both = *next;
	/*
	 * Until the new sources are entered, an open filter stays open and a closed one stays
	 * closed.
	 */
	both->filter_sources = now->filter_sources;
	for (__u32 i = 0; i < now->vip_count && both->vip_count < LB_UNWRAP_VIP_SLOTS; i++)
		if (!state_find_vip(both, &now->vips[i].addr))
			state_add_vip(both, &now->vips[i]);
	for (__u32 i = 0; i < now->from_count && both->from_count < LB_UNWRAP_FROM_SLOTS; i++)
		if (!state_has_source(both, &now->from[i]))
			state_add_source(both, &now->from[i]);
}

static int store(const struct program *program, const struct lb_unwrap_state *state)
{
	int ret = state_store(program, state);

	if (ret)
		report_error("can't write the program's state: %s", strerror(-ret));
	return ret ? 1 : 0;
}

int host_change(const struct options *o, const struct program *program,
		const struct lb_unwrap_state *now, const struct lb_unwrap_state *next)
{
	static struct lb_unwrap_state both, before, after;

	before = *now;
	after = *next;
	state_union(now, next, &both);
	if (store(program, &both))
		return 1;
	if (bring_all(o, program, next)) {
		remove_rest(o, program, &both, &before);
		restore_new_sysctls(o->iface, now, next);
		store(program, now);
		return 1;
	}
	/*
	 * The filter is opened or closed between adding the new sources and removing the old ones.
	 */
	both.filter_sources = next->filter_sources;
	if (store(program, &both))
		return 1;
	remove_rest(o, program, &both, &after);
	return store(program, &after);
}

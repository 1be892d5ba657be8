/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether packets as large as those that Sluice sends reach each instance. What is lost without a
 * word on the way is lost with a tunnel, too: its outer packets go to the same address.
 */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/doctor/echo.h"
#include "controlplane/doctor/internal.h"
#include "controlplane/net/route.h"

#define SMALL_BYTES 84u
#define LEAST_BYTES 1280u /* below it is not searched further */

struct ping {
	struct doctor *doctor;
	struct echo echo;
	struct echo_target *targets;
	char (*paths)[DOCTOR_OBJECT_MAX];
	uint32_t count;
};

/* ---- The targets ---- */

/* What the kernel, and so Sluice, takes as the MTU of the path. 0: there is none by the port. */
static uint32_t mtu_to(struct doctor *doctor, const struct config_address *to)
{
	uint32_t mtu = doctor->iface->mtu;
	struct route route = { .iface = 0 };

	if (route_get(&doctor->netlink, to, config_node_address_for(&doctor->config->node, to),
		      &route) ||
	    route.type != RTN_UNICAST || route.iface != doctor->iface->index)
		return 0;
	return route.mtu_bytes && route.mtu_bytes < mtu ? route.mtu_bytes : mtu;
}

static bool is_listed(const struct ping *ping, const struct config_address *address)
{
	for (uint32_t i = 0; i < ping->count; i++)
		if (config_address_equal(&ping->targets[i].address, address))
			return true;
	return false;
}

static void targets_of_pool(struct ping *ping, const struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct config_instance *instance = &pool->instances[i];

		if (is_listed(ping, &instance->address) ||
		    !mtu_to(ping->doctor, &instance->address))
			continue;
		ping->targets[ping->count] =
			(struct echo_target){ .address = instance->address, .bytes = SMALL_BYTES };
		snprintf(ping->paths[ping->count++], DOCTOR_OBJECT_MAX, "%.46s/%.46s", pool->name,
			 instance->name);
	}
}

/* Return: whether there was memory. */
static bool targets_take(struct ping *ping)
{
	const struct config *config = ping->doctor->config;
	uint32_t n = 1;

	for (uint32_t p = 0; p < config->pool_count; p++)
		n += config->pools[p].instance_count;
	ping->targets = calloc(n, sizeof(*ping->targets));
	ping->paths = calloc(n, sizeof(*ping->paths));
	if (!ping->targets || !ping->paths)
		return false;
	for (uint32_t p = 0; p < config->pool_count; p++)
		targets_of_pool(ping, &config->pools[p]);
	return true;
}

/* Those that do not answer at all tell nothing about sizes. */
static void targets_keep_answered(struct ping *ping)
{
	uint32_t kept = 0, silent = 0;
	char first[DOCTOR_OBJECT_MAX] = "";

	for (uint32_t i = 0; i < ping->count; i++) {
		if (ping->targets[i].is_answered) {
			ping->targets[kept] = ping->targets[i];
			memmove(ping->paths[kept++], ping->paths[i], DOCTOR_OBJECT_MAX);
		} else if (silent++ == 0) {
			memcpy(first, ping->paths[i], sizeof(first));
		}
	}
	ping->count = kept;
	if (silent == 1)
		doctor_say(ping->doctor, DOCTOR_SKIPPED, first, "does not answer to ping");
	else if (silent > 1)
		doctor_say(ping->doctor, DOCTOR_SKIPPED, first,
			   "does not answer to ping, nor do %u others", silent - 1);
}

/* ---- Sizes ---- */

static bool passes(struct ping *ping, const struct config_address *address, uint32_t bytes)
{
	struct echo_target target = { .address = *address, .bytes = bytes };

	echo_ask(&ping->echo, &target, 1);
	return target.is_answered;
}

/* The largest that passes; @low does, @high does not. */
static uint32_t search(struct ping *ping, const struct config_address *address, uint32_t low,
		       uint32_t high)
{
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (passes(ping, address, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void lost_report(struct ping *ping, uint32_t i, uint32_t mtu)
{
	const struct config_address *to = &ping->targets[i].address;
	uint32_t low = passes(ping, to, LEAST_BYTES) ? LEAST_BYTES : SMALL_BYTES;
	uint32_t most = low == LEAST_BYTES ? search(ping, to, low, mtu) : low;
	struct doctor_finding *finding = doctor_find(ping->doctor, DOCTOR_WRONG, ping->paths[i]);
	char address[CONFIG_ADDRESS_STRLEN];

	config_address_format(to, address);
	doctor_text(finding->found, "packets over %u bytes get lost on the way to %s, unreported",
		    most, address);
	doctor_text(finding->expected, "%u bytes, the MTU of the way as the kernel knows it", mtu);
	doctor_text(
		finding->mend,
		"let ICMP \"packet too big\" pass on the way, or: ip route add %s via ROUTER mtu "
		"%u",
		address, most);
}

static void sizes_test(struct ping *ping)
{
	for (uint32_t i = 0; i < ping->count; i++)
		ping->targets[i].bytes = mtu_to(ping->doctor, &ping->targets[i].address);
	echo_ask(&ping->echo, ping->targets, ping->count);
	for (uint32_t i = 0; i < ping->count; i++) {
		const struct config_address *to = &ping->targets[i].address;
		uint32_t mtu;

		if (ping->targets[i].is_answered)
			continue;
		/* A router may have said so meanwhile. */
		mtu = mtu_to(ping->doctor, to);
		if (mtu > SMALL_BYTES && !passes(ping, to, mtu) && passes(ping, to, SMALL_BYTES))
			lost_report(ping, i, mtu);
	}
}

static void path_mtu_look(struct doctor *doctor)
{
	struct ping ping = { .doctor = doctor };
	int err = echo_open(&ping.echo);

	if (err)
		doctor_say(doctor, DOCTOR_SKIPPED, "", "cannot ask: %s", strerror(-err));
	else if (targets_take(&ping)) {
		echo_ask(&ping.echo, ping.targets, ping.count);
		targets_keep_answered(&ping);
		sizes_test(&ping);
	}
	echo_close(&ping.echo);
	free(ping.targets);
	free(ping.paths);
}

static bool has_iface(const struct doctor *doctor)
{
	return doctor->iface != NULL && doctor->iface->is_up;
}

const struct doctor_check doctor_checks_ping[] = {
	{ .name = "path_mtu",
	  .title = "full packets reach the instances",
	  .how = DOCTOR_TESTED,
	  .applies = has_iface,
	  .run = path_mtu_look },
	{ 0 },
};

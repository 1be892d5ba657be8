/* SPDX-License-Identifier: BSD-3-Clause */
/* The port's queues, and how its NIC spreads flows over them. */
#include <errno.h>
#include <linux/ethtool.h>
#include <string.h>

#include "config/base/ethtool.h"
#include "controlplane/doctor/internal.h"

static bool has_queues(const struct doctor *doctor)
{
	return doctor->port && doctor->port->queues > 0;
}

static void queues_mend(const struct doctor *doctor, struct doctor_finding *finding)
{
	const struct nic *port = doctor->port;
	uint32_t cpus = doctor->config->node.cpu_count;

	if (strcmp(port->driver, "veth") == 0)
		doctor_text(finding->mend, "ethtool -L %s rx %u tx %u", port->name, cpus, cpus);
	else if (port->queues_max < cpus)
		doctor_text(finding->mend, "node.cpus: at most %u CPUs", port->queues_max);
	else
		doctor_text(finding->mend, "ethtool -L %s combined %u", port->name, cpus);
}

static void queues_of_dpdk(struct doctor *doctor)
{
	const struct nic *port = doctor->port;
	uint32_t cpus = doctor->config->node.cpu_count;
	struct doctor_finding *finding;

	if (port->queues == cpus ||
	    (port->queues > cpus && config_node_has_handover(&doctor->config->node)))
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, port->name);
	doctor_text(finding->found, "queues in use: %u", port->queues);
	doctor_text(finding->expected, "%u, one for each CPU of node.cpus", cpus);
	queues_mend(doctor, finding);
}

/* A CPU without a part of the flow table forwards, but records nothing. A veth has no interrupts. */
static void queues_of_xdp(struct doctor *doctor)
{
	const struct nic *port = doctor->port;
	uint32_t cpus = doctor->config->node.cpu_count;
	struct doctor_finding *finding;

	if (port->queues <= cpus || strcmp(port->driver, "veth") == 0)
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, port->name);
	doctor_text(finding->found, "queues in use: %u, for %u CPUs of node.cpus", port->queues,
		    cpus);
	doctor_text(finding->expected,
		    "interrupts only of CPUs of node.cpus, as others do not record their flows");
	queues_mend(doctor, finding);
}

static void queues_look(struct doctor *doctor)
{
	if (doctor_has_dpdk(doctor))
		queues_of_dpdk(doctor);
	else
		queues_of_xdp(doctor);
}

/* ---- RSS ---- */

static bool spreads(const struct doctor *doctor)
{
	return has_queues(doctor) && doctor->port->queues > 1;
}

static void rss_of(struct doctor *doctor, uint32_t type, const char *name)
{
	const uint32_t wanted = RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
	struct ethtool_rxnfc rule = { .cmd = ETHTOOL_GRXFH, .flow_type = type };
	struct doctor_finding *finding;

	if (ethtool_request(doctor->port->name, &rule) || (rule.data & wanted) == wanted)
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, doctor->port->name);
	doctor_text(finding->found, "%s: the NIC's hash leaves out %s", name,
		    rule.data & RXH_L4_B_0_1 ? "an address" : "the ports");
	doctor_text(finding->expected,
		    "addresses and ports, so that flows of one client use all queues");
	doctor_text(finding->mend, "ethtool -N %s rx-flow-hash %s sdfn", doctor->port->name, name);
}

static void rss_look(struct doctor *doctor)
{
	struct ethtool_rxnfc rule = { .cmd = ETHTOOL_GRXFH, .flow_type = TCP_V4_FLOW };
	int err = ethtool_request(doctor->port->name, &rule);

	if (err) {
		doctor_say(doctor, DOCTOR_SKIPPED, doctor->port->name,
			   "the driver does not say what it hashes");
		return;
	}
	rss_of(doctor, TCP_V4_FLOW, "tcp4");
	rss_of(doctor, TCP_V6_FLOW, "tcp6");
}

const struct doctor_check doctor_checks_queues[] = {
	{ .name = "queues",
	  .title = "there is a queue for each CPU",
	  .applies = has_queues,
	  .run = queues_look },
	{ .name = "rss",
	  .title = "flows are spread by address and port",
	  .applies = spreads,
	  .run = rss_look },
	{ 0 },
};

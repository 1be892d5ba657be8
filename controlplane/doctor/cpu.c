/* SPDX-License-Identifier: BSD-3-Clause */
/* The CPUs of node.cpus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/cpus.h"
#include "config/base/pci.h"
#include "controlplane/doctor/internal.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* Return: whether the file is there; a blank one is an empty set. */
static bool set_read(const struct doctor *doctor, const char *name, cpu_set_t *set)
{
	char text[CPUS_TEXT_MAX];
	uint32_t twice;

	CPU_ZERO(set);
	if (doctor_line(doctor, text, sizeof(text), "%s", name))
		return false;
	if (*text && cpus_parse(text, set, &twice))
		CPU_ZERO(set);
	return true;
}

static void wanted_set(const struct doctor *doctor, cpu_set_t *set)
{
	const struct config_node *node = &doctor->config->node;

	CPU_ZERO(set);
	for (uint32_t i = 0; i < node->cpu_count; i++)
		CPU_SET(node->cpus[i], set);
}

/* @set: less those of @of. Return: whether any are left; @text lists them. */
static bool set_without(const cpu_set_t *set, const cpu_set_t *of, char *text)
{
	cpu_set_t left;

	CPU_AND(&left, set, of);
	CPU_XOR(&left, &left, set);
	cpus_format(&left, text, CPUS_TEXT_MAX);
	return CPU_COUNT(&left) > 0;
}

static void online_look(struct doctor *doctor)
{
	char missing[CPUS_TEXT_MAX], there[CPUS_TEXT_MAX];
	struct doctor_finding *finding;
	cpu_set_t online, wanted;

	wanted_set(doctor, &wanted);
	if (!set_read(doctor, CPU_DIR "/online", &online)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "", "cannot be read");
		return;
	}
	if (!set_without(&wanted, &online, missing))
		return;
	cpus_format(&online, there, sizeof(there));
	finding = doctor_find(doctor, DOCTOR_WRONG, "node.cpus");
	doctor_text(finding->found, "not online: CPU %.100s", missing);
	doctor_text(finding->expected, "CPUs of this machine: %.200s", there);
	doctor_text(finding->mend, "change node.cpus, or: chcpu -e %.100s", missing);
}

static void isolation_look(struct doctor *doctor)
{
	char shared[CPUS_TEXT_MAX], all[CPUS_TEXT_MAX];
	struct doctor_finding *finding;
	cpu_set_t isolated, wanted;

	wanted_set(doctor, &wanted);
	if (!set_read(doctor, CPU_DIR "/isolated", &isolated) ||
	    !set_without(&wanted, &isolated, shared))
		return;
	cpus_format(&wanted, all, sizeof(all));
	finding = doctor_find(doctor, DOCTOR_ADVICE, "node.cpus");
	doctor_text(finding->found, "other programs may run on CPU %.100s, and delay its packets",
		    shared);
	doctor_text(finding->expected, "isolated from the scheduler");
	doctor_text(finding->mend,
		    "isolcpus=managed_irq,domain,%.100s nohz_full=%.100s on the kernel's command "
		    "line, and restart the machine",
		    all, all);
}

static void siblings_look(struct doctor *doctor)
{
	const struct config_node *node = &doctor->config->node;
	char path[128], text[CPUS_TEXT_MAX];
	cpu_set_t siblings, wanted, both;

	wanted_set(doctor, &wanted);
	for (uint32_t i = 0; i < node->cpu_count; i++) {
		struct doctor_finding *finding;

		snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/thread_siblings_list",
			 node->cpus[i]);
		if (!set_read(doctor, path, &siblings))
			continue;
		CPU_AND(&both, &siblings, &wanted);
		if (CPU_COUNT(&both) < 2)
			continue;
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) /* each core once */
			if (CPU_ISSET(cpu, &both))
				CPU_CLR(cpu, &wanted);
		cpus_format(&both, text, sizeof(text));
		finding = doctor_find(doctor, DOCTOR_ADVICE, "node.cpus");
		doctor_text(finding->found, "CPUs %.100s are threads of one core", text);
		doctor_text(finding->expected, "one worker on a core");
		doctor_text(finding->mend, "name one of them in node.cpus; lscpu -e lists cores");
	}
}

static void governor_look(struct doctor *doctor)
{
	const struct config_node *node = &doctor->config->node;
	char governor[64];

	for (uint32_t i = 0; i < node->cpu_count; i++) {
		struct doctor_finding *finding;
		char object[DOCTOR_OBJECT_MAX];

		if (doctor_line(doctor, governor, sizeof(governor),
				CPU_DIR "/cpu%u/cpufreq/scaling_governor", node->cpus[i]) ||
		    strcmp(governor, "performance") == 0)
			continue;
		snprintf(object, sizeof(object), "CPU %u", node->cpus[i]);
		finding = doctor_find(doctor, DOCTOR_ADVICE, object);
		doctor_text(finding->found, "the governor %s changes its frequency", governor);
		doctor_text(finding->expected, "performance");
		doctor_text(finding->mend, "cpupower -c %u frequency-set -g performance",
			    node->cpus[i]);
		return; /* of all that would say the same */
	}
}

/* ---- NUMA ---- */

static const char *pci_address(const struct doctor *doctor)
{
	const struct config_node *node = &doctor->config->node;

	return node->port_kind == CONFIG_PORT_PCI ? node->port
	       : doctor->port			  ? doctor->port->pci
						  : "";
}

static bool has_device(const struct doctor *doctor)
{
	return *pci_address(doctor) != '\0';
}

static void numa_look(struct doctor *doctor)
{
	char path[128], far[CPUS_TEXT_MAX], near[CPUS_TEXT_MAX];
	struct doctor_finding *finding;
	struct pci_device device;
	cpu_set_t local, wanted;

	if (pci_read(doctor->root, pci_address(doctor), &device) || device.numa < 0)
		return;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", device.numa);
	wanted_set(doctor, &wanted);
	if (!set_read(doctor, path, &local) || !set_without(&wanted, &local, far))
		return;
	cpus_format(&local, near, sizeof(near));
	finding = doctor_find(doctor, DOCTOR_ADVICE, "node.cpus");
	doctor_text(finding->found, "CPU %.100s is on another NUMA node than the port, node %d",
		    far, device.numa);
	doctor_text(finding->expected, "CPUs of the port's node: %.200s", near);
	doctor_text(finding->mend,
		    "choose node.cpus among these, or put the NIC into another slot");
}

const struct doctor_check doctor_checks_cpu[] = {
	{ .name = "cpus", .title = "the CPUs are online", .run = online_look },
	{ .name = "cpu_isolation",
	  .title = "the workers' CPUs are isolated",
	  .applies = doctor_has_dpdk,
	  .run = isolation_look },
	{ .name = "cpu_siblings",
	  .title = "each worker has a core",
	  .applies = doctor_has_dpdk,
	  .run = siblings_look },
	{ .name = "cpu_frequency", .title = "the CPUs keep their frequency", .run = governor_look },
	{ .name = "numa",
	  .title = "CPUs and NIC are on one NUMA node",
	  .applies = has_device,
	  .run = numa_look },
	{ 0 },
};

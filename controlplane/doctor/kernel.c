/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel: its version and features, its clock, and its settings of the network. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "controlplane/doctor/internal.h"
#include "controlplane/net/local_ports.h"

/* The oldest that has what the XDP dataplane needs. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 15
#define RP_FILTER_STRICT 1

static void version_look(struct doctor *doctor)
{
	int major = 0, minor = 0;
	struct doctor_finding *finding;
	char release[65];

	if (doctor_line(doctor, release, sizeof(release), "/proc/sys/kernel/osrelease") ||
	    sscanf(release, "%d.%d", &major, &minor) != 2) { /* NOLINT(cert-err34-c) */
		doctor_say(doctor, DOCTOR_SKIPPED, "", "cannot be read");
		return;
	}
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "");
	doctor_text(finding->found, "Linux %s", release);
	doctor_text(finding->expected, "%d.%d or later, for XDP", KERNEL_MAJOR, KERNEL_MINOR);
	doctor_text(finding->mend, "install a later kernel, or use dataplane: dpdk");
}

static bool exists(const struct doctor *doctor, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", doctor->root, name);
	return access(path, F_OK) == 0;
}

static void btf_look(struct doctor *doctor)
{
	struct doctor_finding *finding;

	if (exists(doctor, "/sys/kernel/btf/vmlinux"))
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, "");
	doctor_text(finding->found,
		    "no /sys/kernel/btf/vmlinux: its verifier may refuse functions");
	doctor_text(finding->expected, "a kernel with BTF (CONFIG_DEBUG_INFO_BTF), for XDP");
	doctor_text(finding->mend, "install the distribution's kernel, or use dataplane: dpdk");
}

static void jit_look(struct doctor *doctor)
{
	struct doctor_finding *finding;
	char line[16];

	if (doctor_line(doctor, line, sizeof(line), "/proc/sys/net/core/bpf_jit_enable") ||
	    strcmp(line, "0") != 0)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "net.core.bpf_jit_enable");
	doctor_text(finding->found, "0: the XDP program is interpreted, many times slower");
	doctor_text(finding->expected, "1");
	doctor_text(finding->mend, "sysctl -w net.core.bpf_jit_enable=1");
}

/* While sluiced runs, its own mounts count. */
static void bpffs_look(struct doctor *doctor)
{
	char path[PATH_MAX], line[1024];
	struct doctor_finding *finding;
	bool is_mounted = false;
	FILE *file;

	if (doctor->status)
		return;
	snprintf(path, sizeof(path), "%s/proc/self/mounts", doctor->root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		is_mounted |= strstr(line, " /sys/fs/bpf bpf ") != NULL;
	if (file)
		fclose(file);
	if (is_mounted)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "/sys/fs/bpf");
	doctor_text(finding->found, "no BPF file system is mounted");
	doctor_text(finding->expected, "one, which keeps program and flows while sluiced restarts");
	doctor_text(finding->mend, "mount -t bpf bpf /sys/fs/bpf");
}

/* ---- Clock ---- */

static void clocksource_look(struct doctor *doctor)
{
	static const char *const slow[] = { "hpet", "acpi_pm", "refined-jiffies", "jiffies",
					    "pit" };
	struct doctor_finding *finding;
	char source[64];

	if (doctor_line(doctor, source, sizeof(source),
			"/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		return;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		if (strcmp(source, slow[i]) != 0)
			continue;
		finding = doctor_find(doctor, DOCTOR_WRONG, "clock");
		doctor_text(finding->found, "the clock source is %s: each reading is slow", source);
		doctor_text(finding->expected, "tsc, or that of the hypervisor");
		doctor_text(finding->mend, "see why the kernel gave it up: dmesg | grep -i tsc");
	}
}

static void synchronised_look(struct doctor *doctor)
{
	struct timex clock = { .modes = 0 };
	struct doctor_finding *finding;

	if (*doctor->root)
		return;
	if (adjtimex(&clock) < 0) { /* a unit may forbid it */
		doctor_say(doctor, DOCTOR_SKIPPED, "clock",
			   "cannot be asked whether it is synchronised");
		return;
	}
	if (!(clock.status & STA_UNSYNC))
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, "clock");
	doctor_text(finding->found, "not synchronised");
	doctor_text(finding->expected,
		    "synchronised, so that events of several nodes can be compared");
	doctor_text(finding->mend, "timedatectl set-ntp true, or install chrony");
}

static void clock_look(struct doctor *doctor)
{
	clocksource_look(doctor);
	synchronised_look(doctor);
}

/* ---- Network ---- */

static int setting(const struct doctor *doctor, const char *iface, const char *family,
		   const char *name)
{
	char line[16];

	if (doctor_line(doctor, line, sizeof(line), "/proc/sys/net/%s/conf/%s/%s", family, iface,
			name))
		return -1;
	return (int)strtol(line, NULL, 10);
}

static bool has_iface(const struct doctor *doctor)
{
	return doctor->iface != NULL;
}

/* The kernel takes the larger of both. */
static void rp_filter_look(struct doctor *doctor)
{
	const char *iface = doctor->iface->name;
	int own = setting(doctor, iface, "ipv4", "rp_filter");
	int all = setting(doctor, "all", "ipv4", "rp_filter");
	struct doctor_finding *finding;

	if ((own > all ? own : all) != RP_FILTER_STRICT)
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, iface);
	doctor_text(finding->found, "rp_filter is strict: answers and ICMP errors that arrive by "
				    "another way than they would leave by are dropped");
	doctor_text(finding->expected, "0 or 2");
	doctor_text(finding->mend, "sysctl -w net.ipv4.conf.%s.rp_filter=2", iface);
}

static void forward_look(struct doctor *doctor)
{
	static const struct {
		const char *family, *name;
	} settings[] = { { "ipv4", "forwarding" }, { "ipv6", "forwarding" } };
	const char *iface = doctor->iface->name;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct doctor_finding *finding;

		if (setting(doctor, iface, settings[i].family, settings[i].name) != 1)
			continue;
		finding = doctor_find(doctor, DOCTOR_ADVICE, iface);
		doctor_text(finding->found,
			    "the kernel routes %s packets of others, past Sluice and its counters",
			    i ? "IPv6" : "IPv4");
		doctor_text(finding->expected, "0, unless this machine is a router, too");
		doctor_text(finding->mend, "sysctl -w net.%s.conf.%s.%s=0", settings[i].family,
			    iface, settings[i].name);
	}
}

static bool has_nat(const struct doctor *doctor)
{
	return config_has_nat(doctor->config);
}

static void local_ports_look(struct doctor *doctor)
{
	const struct config_node *node = &doctor->config->node;
	char dir[PATH_MAX], note[LOCAL_PORTS_NOTE_MAX];
	struct doctor_finding *finding;

	snprintf(dir, sizeof(dir), "%s" LOCAL_PORTS_DIR, doctor->root);
	local_ports_note(doctor->config, dir, note);
	if (!*note)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "node.nat_ports");
	doctor_text(finding->found, "%s", note);
	doctor_text(finding->expected, "no port of both");
	doctor_text(finding->mend, "sysctl -w net.ipv4.ip_local_port_range=\"%u %u\"",
		    node->nat_port_last < 60000 ? node->nat_port_last + 1u : 1024u,
		    node->nat_port_last < 60000 ? 65535u : node->nat_port_first - 1u);
}

const struct doctor_check doctor_checks_kernel[] = {
	{ .name = "kernel",
	  .title = "the kernel is recent enough",
	  .applies = doctor_has_xdp,
	  .run = version_look },
	{ .name = "btf",
	  .title = "the kernel has BTF",
	  .applies = doctor_has_xdp,
	  .run = btf_look },
	{ .name = "bpf_jit",
	  .title = "XDP programs are compiled",
	  .applies = doctor_has_xdp,
	  .run = jit_look },
	{ .name = "bpffs",
	  .title = "a BPF file system is mounted",
	  .applies = doctor_has_xdp,
	  .run = bpffs_look },
	{ .name = "clock", .title = "the clock is fast and synchronised", .run = clock_look },
	{ .name = "rp_filter",
	  .title = "rp_filter is not strict",
	  .applies = has_iface,
	  .run = rp_filter_look },
	{ .name = "ip_forward",
	  .title = "the kernel routes nothing",
	  .applies = has_iface,
	  .run = forward_look },
	{ .name = "nat_ports",
	  .title = "node.nat_ports are not the kernel's",
	  .applies = has_nat,
	  .run = local_ports_look },
	{ 0 },
};

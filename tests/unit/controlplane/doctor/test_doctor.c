/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A healthy machine, of which nothing is said, and one fault after the other, each of which is named
 * and nothing else. Machines are network namespaces, with instances in a second one, and a folder of files
 * in place of /proc and /sys.
 * test-timeout: 300 s
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/version.h"
#include "config/load/load.h"
#include "controlplane/doctor/doctor.h"
#include "controlplane/doctor/watch.h"

#define PCI "/sys/bus/pci/devices/0000:3b:00.0"
#define PID "4711"
#define LIMITS(locked, files)                                                                      \
	"Limit                     Soft Limit           Hard Limit           Units\n"              \
	"Max locked memory         " locked "              unlimited            bytes\n"           \
	"Max open files            " files "               1048576              files\n"

struct machine {
	char root[64];
	pid_t far; /* holds the namespace of the instances */
};

enum base {
	XDP,	  /* before the start */
	XDP_RUNS, /* with daemon */
	XDP_SOCKETS,
	DPDK, /* on a PCI device */
	DPDK_RUNS,
};

static const char *const nodes[] = {
	[XDP] = "dataplane: xdp\n  port: eth1\n  cpus: \"1-2\"\n",
	[XDP_RUNS] = "dataplane: xdp\n  port: eth1\n  cpus: \"1-2\"\n",
	[XDP_SOCKETS] = "port: eth1\n  cpus: \"1-2\"\n",
	[DPDK] = "port: \"0000:3b:00.0\"\n  cpus: \"1-2\"\n",
	[DPDK_RUNS] = "port: \"0000:3b:00.0\"\n  cpus: \"1-2\"\n",
};

#define STATUS(version, more)                                                                      \
	"{\"node\":{\"version\":\"" version "\",\"pid\":" PID ",\"config_problem\":null,"          \
	"\"dataplane\":{\"running\":true,\"pid\":" PID                                             \
	",\"kernel_iface\":\"eth1\",\"start_failed\":\"\",\"problem\":\"\"" more "}}}"

static const struct {
	const char *path, *text;
} files[] = {
	{ "/proc/sys/kernel/osrelease", "6.1.0-30-amd64\n" },
	{ "/proc/sys/net/core/bpf_jit_enable", "1\n" },
	{ "/proc/sys/net/ipv4/conf/all/rp_filter", "0\n" },
	{ "/proc/sys/net/ipv4/conf/eth1/rp_filter", "2\n" },
	{ "/proc/sys/net/ipv4/conf/eth1/forwarding", "0\n" },
	{ "/proc/sys/net/ipv6/conf/eth1/forwarding", "0\n" },
	{ "/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n" },
	{ "/proc/sys/net/ipv4/ip_local_reserved_ports", "\n" },
	{ "/proc/self/mounts", "proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n" },
	{ "/proc/self/limits", LIMITS("unlimited", "1024") },
	{ "/proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n" },
	{ "/proc/" PID "/limits", LIMITS("8388608", "4096") },
	{ "/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n" },
	{ "/sys/kernel/btf/vmlinux", "x" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n" },
	{ "/sys/devices/system/cpu/online", "0-3\n" },
	{ "/sys/devices/system/cpu/isolated", "1-3\n" },
	{ "/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1\n" },
	{ "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n" },
	{ "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n" },
	{ "/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n" },
	{ "/sys/devices/system/node/node0/cpulist", "0-3\n" },
	{ "/sys/devices/system/node/node1/cpulist", "4-7\n" },
	{ PCI "/class", "0x020000\n" },
	{ PCI "/numa_node", "0\n" },
	{ "/sys/kernel/iommu_groups/7/devices/0000:3b:00.0", "" },
};

static const struct {
	const char *path, *target;
} links[] = {
	{ PCI "/driver", "../../../bus/pci/drivers/vfio-pci" },
	{ PCI "/iommu_group", "../../../../kernel/iommu_groups/7" },
	{ "/proc/" PID "/exe", "/usr/bin/sluiced" },
};

/* ---- A machine ---- */

static void __attribute__((format(printf, 1, 2))) sh(const char *format, ...)
{
	char command[512];
	va_list values;

	va_start(values, format);
	vsnprintf(command, sizeof(command), format, values);
	va_end(values);
	if (system(command)) /* NOLINT(cert-env33-c): of this file */
		fail_msg("%s", command);
}

static void path_of(const struct machine *m, const char *name, char *path)
{
	snprintf(path, PATH_MAX, "%s%s", m->root, name);
}

static void folders_make(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			fail_msg("%s: %s", path, strerror(errno));
	}
}

static void file_put(const struct machine *m, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	path_of(m, name, path);
	folders_make(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void link_put(const struct machine *m, const char *name, const char *target)
{
	char path[PATH_MAX];

	path_of(m, name, path);
	folders_make(path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void config_put(const struct machine *m, enum base base, const char *node,
		       const char *service, const char *instance)
{
	char text[1024], path[PATH_MAX];

	snprintf(text, sizeof(text),
		 "node:\n  %s  address: [10.0.0.5/24, \"2001:db8::5/64\"]\n"
		 "  secret: \"8c1d2e3f405162738495a6b7c8d9eafb\"\n%s"
		 "pools:\n  web:\n    instances:\n      web-1: { address: 10.0.0.11 }\n"
		 "      web-2: { address: 10.0.0.12 }\n      web-3: { address: \"2001:db8::11\" }\n"
		 "%s"
		 "services:\n  s:\n    vip: [203.0.113.10]\n    forward: %s\n"
		 "    listeners: [ { port: 80, pool: web } ]\n",
		 nodes[base], node, instance, service);
	file_put(m, "/sluice.yaml", text);
	path_of(m, "/sluice.yaml", path);
	assert_int_equal(chmod(path, 0640), 0);
}

static void network_make(struct machine *m)
{
	int ready[2];
	char byte = 0;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	m->far = fork();
	if (m->far == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || unshare(CLONE_NEWNET) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	sh("ip link add eth1 numrxqueues 2 numtxqueues 2 type veth peer name far1 netns %d"
	   " && ip addr add 10.0.0.5/24 dev eth1 && ip addr add 203.0.113.10/32 dev eth1"
	   " && ip addr add 2001:db8::5/64 dev eth1 nodad && ip link set eth1 up",
	   m->far);
	sh("nsenter --net=/proc/%d/ns/net sh -c 'ip addr add 10.0.0.11/24 dev far1 &&"
	   " ip addr add 10.0.0.12/24 dev far1 && ip addr add 2001:db8::11/64 dev far1 nodad &&"
	   " ip link set far1 up'",
	   m->far);
}

static void files_make(const struct machine *m)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file_put(m, files[i].path, files[i].text);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		link_put(m, links[i].path, links[i].target);
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	*state = m;
	strcpy(m->root, "/tmp/test_doctor.XXXXXX");
	if (!mkdtemp(m->root))
		return -1;
	network_make(m);
	files_make(m);
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	kill(m->far, SIGKILL);
	waitpid(m->far, NULL, 0);
	sh("rm -rf %s", m->root);
	free(m);
	return 0;
}

/* ---- The doctor ---- */

struct visit {
	struct doctor doctor;
	struct config *config;
	json_t *status;
	char path[PATH_MAX];
};

static void visit_begin(struct visit *v, const struct machine *m, const char *status, bool probes)
{
	static struct config_errors errors;

	path_of(m, "/sluice.yaml", v->path);
	v->config = config_load_file(v->path, &errors);
	if (!v->config)
		config_errors_print(&errors, stderr);
	assert_non_null(v->config);
	v->status = status ? json_loads(status, 0, NULL) : NULL;
	assert_true(!status || v->status);
	v->doctor = (struct doctor){ .config = v->config,
				     .root = m->root,
				     .path = v->path,
				     .status = v->status,
				     .probes = probes };
	assert_int_equal(doctor_open(&v->doctor), 0);
	for (uint32_t i = 0; doctor_check_at(i)->name; i++)
		doctor_run(&v->doctor, doctor_check_at(i));
}

static void visit_end(struct visit *v)
{
	doctor_close(&v->doctor);
	config_free(v->config);
	json_decref(v->status);
}

static void finding_print(const struct doctor_finding *finding)
{
	print_message("# %s %s: %s: %s; expected %s; %s\n", doctor_result_word(finding->result),
		      finding->check->name, finding->object, finding->found, finding->expected,
		      finding->mend);
}

/* ---- Health ---- */

static void healthy(struct machine *m, enum base base, const char *status, bool probes)
{
	struct visit v;
	uint32_t tested = 0;

	config_put(m, base, "", base == XDP || base == XDP_RUNS ? "l2" : "nat", "");
	visit_begin(&v, m, status, probes);
	for (uint32_t i = 0; i < v.doctor.count; i++) {
		const struct doctor_finding *finding = &v.doctor.findings[i];

		if (finding->result > DOCTOR_SKIPPED) {
			finding_print(finding);
			fail();
		}
		tested += finding->check->how == DOCTOR_TESTED && finding->result == DOCTOR_OK;
	}
	if (probes)
		assert_int_equal(tested, 3);
	visit_end(&v);
}

/* A VIP that sluiced has withdrawn is on no interface, and another machine may have it. */
static void test_withdrawn(void **state)
{
	static const char withdrawn[] =
		"{\"node\":{\"version\":\"" SLUICE_VERSION "\",\"pid\":" PID
		",\"config_problem\":null,\"dataplane\":{\"running\":true,\"pid\":" PID
		",\"kernel_iface\":\"eth1\",\"start_failed\":\"\",\"problem\":\"\"}},"
		"\"services\":[{\"name\":\"s\",\"withdrawn_by\":\"web\"}]}";
	struct machine *m = *state;

	sh("ip addr del 203.0.113.10/32 dev eth1");
	sh("nsenter --net=/proc/%d/ns/net sh -c '%s'", m->far,
	   "ip addr add 203.0.113.10/32 dev lo && ip link set lo up");
	healthy(m, XDP_RUNS, withdrawn, true);
}

static void test_healthy(void **state)
{
	healthy(*state, XDP, NULL, true);
	healthy(*state, XDP_RUNS, STATUS(SLUICE_VERSION, ""), true);
	healthy(*state, XDP_SOCKETS, NULL, false);
	healthy(*state, DPDK, NULL, false);
	healthy(*state, DPDK_RUNS, STATUS(SLUICE_VERSION, ""), false);
}

/* ---- Faults ---- */

struct fault {
	enum base base;
	const char *check;  /* that names it */
	const char *object; /* a part */
	const char *found;  /* a part */
	const char *mend;   /* a part */
	enum doctor_result result;

	/* What is broken. */
	const char *file, *text; /* NULL: it is removed */
	const char *link, *target;
	const char *here, *there; /* shell */
	const char *node;	  /* lines of node */
	const char *service;	  /* forward, and more */
	const char *instance;	  /* lines of instances */
	const char *status;
};

static const struct fault faults[] = {
	/* The file. */
	{ XDP, "config_mode", "sluice.yaml", "mode 0644", "chmod g-w,o=", DOCTOR_WRONG,
	  .here = "chmod 644 $ROOT/sluice.yaml" },
	{ XDP, "config_mode", "sluice.yaml", "others than its owner can change",
	  "chmod g-w,o=", DOCTOR_WRONG, .here = "chmod 660 $ROOT/sluice.yaml" },
	{ XDP, "secret", "node.secret", "an example", "openssl rand", DOCTOR_ADVICE,
	  .here = "sed -i 's/secret: .*/secret: \"000102030405060708090a0b0c0d0e0f\"/' "
		  "$ROOT/sluice.yaml" },

	/* The port. */
	{ XDP, "port", "eth1", "no such interface", "ip -br link", DOCTOR_WRONG,
	  .here = "ip link set eth1 down && ip link set eth1 name eth7" },
	{ XDP, "link", "eth1", "down", "ip link set eth1 up", DOCTOR_WRONG,
	  .here = "ip link set eth1 down" },
	{ XDP, "link", "eth1", "no link", "ethtool eth1", DOCTOR_WRONG,
	  .there = "ip link set far1 down" },
	{ XDP, "mtu", "s:80", "MTU 1290", "mtu 1320", DOCTOR_WRONG,
	  .here = "ip link set eth1 mtu 1290; sed -i 's/\\[203.0.113.10\\]/[\"2001:db8:f::10\"]/' $ROOT/sluice.yaml",
	  .service = "ipip" },
	{ XDP, "mtu", "s", "do not fit into the tunnel", "mtu 1580", DOCTOR_ADVICE,
	  .service = "ipip" },
	{ XDP, "mtu", "eth1", "MTU 1500, below node.mtu", "ip link set eth1 mtu 1600", DOCTOR_WRONG,
	  .node = "  mtu: 1600\n" },
	{ DPDK, "driver", "0000:3b:00.0", "kernel's driver ixgbe", "driverctl set-override",
	  DOCTOR_WRONG, .link = PCI "/driver", .target = "../ixgbe", .file = PCI "/net/ens1f0/x",
	  .text = "" },
	{ DPDK, "driver", "0000:3b:00.0", "no IOMMU is in use", "intel_iommu=on", DOCTOR_WRONG,
	  .here = "rm $ROOT" PCI "/iommu_group" },
	{ DPDK, "iommu", "0000:3b:00.0", "can write to all memory", "vfio-pci", DOCTOR_ADVICE,
	  .link = PCI "/driver", .target = "../uio_pci_generic" },
	{ DPDK, "driver", "0000:3b:00.0", "no PCI device", "lspci", DOCTOR_WRONG,
	  .here = "rm -r $ROOT" PCI },

	/* Queues and CPUs. */
	{ XDP_SOCKETS, "queues", "eth1", "queues in use: 1", "ethtool -L eth1 rx 2 tx 2",
	  DOCTOR_WRONG, .here = "ethtool -L eth1 rx 1 tx 1" },
	{ XDP, "cpus", "node.cpus", "not online: CPU 2", "chcpu -e 2", DOCTOR_WRONG,
	  .file = "/sys/devices/system/cpu/online", .text = "0-1,3\n" },
	{ DPDK, "cpu_isolation", "node.cpus", "CPU 1,", "isolcpus=managed_irq,domain,1-2",
	  DOCTOR_ADVICE, .file = "/sys/devices/system/cpu/isolated", .text = "2-3\n" },
	{ DPDK, "cpu_isolation", "node.cpus", "CPU 1-2,", "isolcpus=", DOCTOR_ADVICE,
	  .file = "/sys/devices/system/cpu/isolated", .text = "\n" },
	{ DPDK, "cpu_siblings", "node.cpus", "CPUs 1-2 are threads of one core", "lscpu -e",
	  DOCTOR_ADVICE, .file = "/sys/devices/system/cpu/cpu1/topology/thread_siblings_list",
	  .text = "1-2\n" },
	{ XDP, "cpu_frequency", "CPU 1", "governor powersave", "cpupower -c 1", DOCTOR_ADVICE,
	  .file = "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", .text = "powersave\n" },
	{ DPDK, "numa", "node.cpus", "CPU 1-2 is on another NUMA node", "node.cpus", DOCTOR_ADVICE,
	  .file = PCI "/numa_node", .text = "1\n" },

	/* Memory. */
	{ DPDK, "hugepages", "", "0 MB of free hugepages, and 0 MB", "hugepages=", DOCTOR_WRONG,
	  .file = "/proc/meminfo", .text = "MemTotal: 8000000 kB\nMemAvailable: 300000 kB\n" },
	{ DPDK, "memlock", "", "8192 kB", "LimitMEMLOCK=infinity", DOCTOR_ADVICE,
	  .file = "/proc/self/limits", .text = LIMITS("8388608", "1024") },
	{ XDP_RUNS, "nofile", "sluiced", "RLIMIT_NOFILE is 256", "LimitNOFILE=768", DOCTOR_WRONG,
	  .file = "/proc/" PID "/limits", .text = LIMITS("unlimited", "256") },

	/* The kernel. */
	{ XDP, "kernel", "", "Linux 5.10.0", "later kernel", DOCTOR_WRONG,
	  .file = "/proc/sys/kernel/osrelease", .text = "5.10.0\n" },
	{ XDP, "btf", "", "no /sys/kernel/btf/vmlinux", "kernel", DOCTOR_ADVICE,
	  .file = "/sys/kernel/btf/vmlinux" },
	{ XDP, "bpf_jit", "net.core.bpf_jit_enable", "interpreted",
	  "sysctl -w net.core.bpf_jit_enable=1", DOCTOR_WRONG,
	  .file = "/proc/sys/net/core/bpf_jit_enable", .text = "0\n" },
	{ XDP, "bpffs", "/sys/fs/bpf", "no BPF file system", "mount -t bpf", DOCTOR_WRONG,
	  .file = "/proc/self/mounts", .text = "proc /proc proc rw 0 0\n" },
	{ XDP, "clock", "clock", "hpet", "dmesg", DOCTOR_WRONG,
	  .file = "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	  .text = "hpet\n" },
	{ XDP, "rp_filter", "eth1", "strict", "sysctl -w net.ipv4.conf.eth1.rp_filter=2",
	  DOCTOR_ADVICE, .file = "/proc/sys/net/ipv4/conf/eth1/rp_filter", .text = "1\n" },
	{ XDP, "ip_forward", "eth1", "routes IPv4", "sysctl -w net.ipv4.conf.eth1.forwarding=0",
	  DOCTOR_ADVICE, .file = "/proc/sys/net/ipv4/conf/eth1/forwarding", .text = "1\n" },
	{ XDP, "ip_forward", "eth1", "routes IPv6", "sysctl -w net.ipv6.conf.eth1.forwarding=0",
	  DOCTOR_ADVICE, .file = "/proc/sys/net/ipv6/conf/eth1/forwarding", .text = "1\n" },
	{ DPDK, "nat_ports", "node.nat_ports", "ip_local_port_range, 20000-40000",
	  "ip_local_port_range=\"32768 65535\"", DOCTOR_WRONG, .service = "nat",
	  .file = "/proc/sys/net/ipv4/ip_local_port_range", .text = "20000 40000\n" },

	/* The daemons. */
	{ XDP_RUNS, "versions", "sluiced", "version 0.0.9", "systemctl restart sluiced",
	  DOCTOR_WRONG, .status = STATUS("0.0.9", "") },
	{ XDP_RUNS, "versions", "sluiced", "was replaced", "systemctl restart sluiced",
	  DOCTOR_WRONG, .link = "/proc/" PID "/exe", .target = "/usr/bin/sluiced (deleted)" },
	{ DPDK_RUNS, "dataplane", "sluice-dataplane", "does not run",
	  "systemctl start sluice-dataplane", DOCTOR_WRONG,
	  .status = "{\"node\":{\"version\":\"" SLUICE_VERSION "\",\"pid\":" PID
		    ",\"dataplane\":{\"running\":false}}}" },
	{ XDP_RUNS, "sluiced", "checks", "the port has no link", "checks are suspended",
	  DOCTOR_WRONG, .status = STATUS(SLUICE_VERSION, ",\"ailment\":\"the port has no link\"") },
	{ XDP_RUNS, "addresses", "203.0.113.10", "no interface of this machine has it",
	  "ip monitor", DOCTOR_WRONG, .here = "ip addr del 203.0.113.10/32 dev eth1" },

	/* With packets. */
	{ XDP, "address_duplicates", "10.0.0.5", "answers for it on eth1", "another address",
	  DOCTOR_WRONG, .there = "ip addr add 10.0.0.5/24 dev far1" },
	{ XDP, "address_duplicates", "2001:db8::5", "answers for it on eth1", "another address",
	  DOCTOR_WRONG, .there = "ip addr add 2001:db8::5/64 dev far1 nodad" },
	{ XDP, "address_duplicates", "203.0.113.10", "answers for it on eth1", "arp_ignore=1",
	  DOCTOR_ADVICE, .there = "ip addr add 203.0.113.10/32 dev lo && ip link set lo up" },
	{ XDP, "next_hops", "10.0.0.12", "does not answer to ARP on eth1: no way to web/web-2",
	  "ping -I eth1", DOCTOR_WRONG, .there = "ip addr del 10.0.0.12/24 dev far1" },
	{ XDP, "next_hops", "2001:db8::11", "does not answer to ND", "ping -I eth1", DOCTOR_WRONG,
	  .there = "ip addr del 2001:db8::11/64 dev far1" },
	{ XDP, "next_hops", "web/web-9", "10.9.0.1: no route", "node.gateway", DOCTOR_WRONG,
	  .node = "  gateway: [10.0.0.1]\n", .service = "ipip",
	  .instance = "      web-9: { address: 10.9.0.1 }\n" },
	{ XDP, "next_hops", "web/web-2", "its route leaves by eth2", "ip route add", DOCTOR_WRONG,
	  .here = "ip link add eth2 type veth peer name far2 && ip link set eth2 up && "
		  "ip route add 10.0.0.12/32 dev eth2" },
	{ XDP, "path_mtu", "web/web-1", "packets over 1404 bytes get lost", "mtu 1404",
	  DOCTOR_WRONG, .there = "ip link set far1 mtu 1400" },
};

static void break_it(struct machine *m, const struct fault *fault)
{
	char path[PATH_MAX];

	config_put(m, fault->base, fault->node ? fault->node : "",
		   fault->service ? fault->service : "l2", fault->instance ? fault->instance : "");
	if (fault->file && fault->text)
		file_put(m, fault->file, fault->text);
	if (fault->file && !fault->text) {
		path_of(m, fault->file, path);
		assert_int_equal(unlink(path), 0);
	}
	if (fault->link)
		link_put(m, fault->link, fault->target);
	if (fault->here)
		sh("export ROOT=%s; %s", m->root, fault->here);
	if (fault->there)
		sh("nsenter --net=/proc/%d/ns/net sh -c '%s'", m->far, fault->there);
}

static bool is_named(const struct doctor_finding *finding, const struct fault *fault)
{
	return finding->result == fault->result && strstr(finding->object, fault->object) &&
	       strstr(finding->found, fault->found) && strstr(finding->mend, fault->mend) &&
	       finding->expected[0];
}

static bool is_tested(const char *check)
{
	for (uint32_t i = 0; doctor_check_at(i)->name; i++)
		if (strcmp(doctor_check_at(i)->name, check) == 0)
			return doctor_check_at(i)->how == DOCTOR_TESTED;
	fail_msg("no check %s", check);
	return false;
}

/* Return: whether the fault is named, and nothing is said that is not about it. */
static bool diagnosed(struct machine *m, const struct fault *fault)
{
	bool runs = fault->base == XDP_RUNS || fault->base == DPDK_RUNS, named = false;
	const char *status = fault->status ? fault->status
			     : runs	   ? STATUS(SLUICE_VERSION, "")
					   : NULL;
	bool good = true;
	struct visit v;

	break_it(m, fault);
	visit_begin(&v, m, status, is_tested(fault->check));
	for (uint32_t i = 0; i < v.doctor.count; i++) {
		const struct doctor_finding *finding = &v.doctor.findings[i];
		bool same = strcmp(finding->check->name, fault->check) == 0;

		if (same && is_named(finding, fault))
			named = true;
		else if (finding->result > DOCTOR_SKIPPED && !(same && fault->there) &&
			 !(fault->service && strcmp(finding->check->name, "mtu") == 0))
			good = false;
	}
	for (uint32_t i = 0; i < v.doctor.count && !(named && good); i++)
		if (v.doctor.findings[i].result != DOCTOR_OK)
			finding_print(&v.doctor.findings[i]);
	visit_end(&v);
	return named && good;
}

static uint32_t failed(struct machine *m, const struct fault *fault)
{
	if (diagnosed(m, fault))
		return 0;
	print_message("# fault %zu: %s: %s\n", (size_t)(fault - faults), fault->check,
		      fault->found);
	return 1;
}

/* Those in files and in status share a network: it takes far longer to make than the files. */
static void test_file_faults(void **state)
{
	struct machine *m = *state;
	uint32_t bad = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i].here || faults[i].there)
			continue;
		sh("rm -r %s/*", m->root);
		files_make(m);
		bad += failed(m, &faults[i]);
	}
	assert_int_equal(bad, 0);
}

static void test_faults(void **state)
{
	uint32_t bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		void *machine = NULL;

		if (!faults[i].here && !faults[i].there)
			continue;
		assert_int_equal(setup(&machine), 0);
		bad += failed(machine, &faults[i]);
		teardown(&machine);
	}
	assert_int_equal(bad, 0);
}

/* Each check has a fault that it names. */
static void test_every_check(void **state)
{
	(void)state;
	for (uint32_t c = 0; doctor_check_at(c)->name; c++) {
		const char *name = doctor_check_at(c)->name;
		/* RSS is the NIC's, and no veth has an XDP program in this test. */
		bool is_broken = strcmp(name, "rss") == 0 || strcmp(name, "xdp_others") == 0;

		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			is_broken |= strcmp(faults[i].check, name) == 0;
		if (!is_broken)
			fail_msg("no fault is about %s", name);
	}
}

/* ---- Every minute ---- */

static json_t *watch_status(void *arg)
{
	++*(uint32_t *)arg;
	return json_loads(STATUS(SLUICE_VERSION, ""), 0, NULL);
}

static uint32_t known(const struct doctor_watch *watch)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DOCTOR_CHECKS_MAX; i++)
		n += watch->is_known[i];
	return n;
}

static enum doctor_result result_of(const struct doctor_watch *watch, const char *name)
{
	for (uint32_t i = 0; doctor_check_at(i)->name; i++)
		if (strcmp(doctor_check_at(i)->name, name) == 0 && watch->is_known[i])
			return watch->results[i];
	fail_msg("%s is not known", name);
	return DOCTOR_OK;
}

/* One check a turn, none of which sends; what is mended is fine in the next round. */
static void test_watch(void **state)
{
	struct machine *m = *state;
	struct doctor_watch watch = { .next_ms = 0 };
	struct metric_cursor cursor = { 0 };
	struct metric_entity entity = { .source = &watch };
	uint32_t asked = 0, samples = 0;
	const struct doctor_watch_ops ops = { watch_status, &asked };
	static struct config_errors errors;
	struct config *config;
	char path[PATH_MAX];
	uint64_t now_ms = 1000;

	config_put(m, XDP_RUNS, "", "l2", "");
	path_of(m, "/sluice.yaml", path);
	assert_int_equal(chmod(path, 0644), 0);
	config = config_load_file(path, &errors);
	assert_non_null(config);
	for (; now_ms < 59000; now_ms += 100) {
		uint32_t before = known(&watch);

		doctor_watch_run(&watch, config, path, &ops, now_ms);
		assert_in_range(known(&watch) - before, 0, 1);
	}
	assert_int_equal(asked, 1);
	assert_int_equal(result_of(&watch, "config_mode"), DOCTOR_WRONG);
	assert_int_equal(result_of(&watch, "link"), DOCTOR_OK);
	for (uint32_t i = 0; doctor_check_at(i)->name; i++)
		if (doctor_check_at(i)->how == DOCTOR_TESTED)
			assert_false(watch.is_known[i]);
	while (doctor_metrics.next(&watch, &cursor, &entity))
		samples++;
	assert_int_equal(samples, known(&watch));
	assert_int_equal(chmod(path, 0640), 0);
	for (; now_ms < 130000; now_ms += 100)
		doctor_watch_run(&watch, config, path, &ops, now_ms);
	assert_int_equal(asked, 2);
	assert_int_equal(result_of(&watch, "config_mode"), DOCTOR_OK);
	doctor_watch_fini(&watch);
	config_free(config);
}

/* No check is left out for lack of a place. */
static void test_places(void **state)
{
	(void)state;
	assert_in_range(doctor_check_count(), 1, DOCTOR_CHECKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_healthy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_withdrawn, setup, teardown),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_every_check),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* From a configuration to CPUs, buffers and memory; and the command line. */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <rte_mbuf.h>

#include "config/base/log.h"
#include "dataplane/engine/flow_table.h"
#include "dataplane/io/options.h"
#include "dataplane/io/plan.h"

static uint16_t cpus[CONFIG_CPUS_MAX + 1];
static bool is_unshared; /* interfaces are this process's own */

/* A configuration with one worker on this machine's first CPU. */
static struct config config_make(char *port, enum config_port_kind kind)
{
	cpu_set_t allowed;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (uint16_t i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &allowed)) {
			cpus[0] = i;
			break;
		}
	}
	return (struct config){ .node = { .port = port,
					  .port_kind = kind,
					  .cpus = cpus,
					  .cpu_count = 1,
					  .flows = 100000,
					  .table_slots = 65537 } };
}

static void worker_gets_its_share(void **state)
{
	struct config config = config_make("net_null0", CONFIG_PORT_VDEV);
	struct plan plan;

	(void)state;
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_int_equal(plan.n_workers, 1);
	assert_int_equal(plan.flows_per_worker, 100000);
	assert_int_equal(plan.flow_buckets, flow_table_buckets(100000));
	assert_int_equal(plan.flow_mb, 4);
	assert_int_equal(plan.eal_mb + plan.flow_mb, plan.memory_mb);
	assert_int_equal(plan.mtu, 0); /* the port's own */
	assert_true(plan.data_room >= RTE_PKTMBUF_HEADROOM + 2048);
	assert_true(plan.memory_mb > 20 && plan.memory_mb < 100);

	config.node.hugepages_mb = 4000;
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_int_equal(plan.memory_mb, 4000);
	assert_int_equal(plan.eal_mb, 4000 - plan.flow_mb);
}

/* Where commands may create services of nat, its memory is there from the start. */
static void records_of_nat(void **state)
{
	struct config config = config_make("net_null0", CONFIG_PORT_VDEV);
	struct config_prefix pool = { .length = 28 };
	uint32_t flow_mb;
	struct plan plan;

	(void)state;
	config.node.nat_port_first = 1024;
	config.node.nat_port_last = 32767;
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_int_equal(plan.nat_records, 0);
	flow_mb = plan.flow_mb;

	config.node.vip_pool = &pool;
	config.node.vip_pool_count = 1;
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_in_range(plan.nat_records, 125000, 1000000);
	assert_true(plan.flow_mb - flow_mb >= plan.nat_records / (1 << 15)); /* 32 bytes each */
}

static void main_lcore_avoids_workers(void **state)
{
	struct config config = config_make("net_null0", CONFIG_PORT_VDEV);
	struct plan plan;
	char worker[8];
	cpu_set_t allowed;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(plan_make(&plan, &config), 0);
	snprintf(worker, sizeof(worker), "%u", cpus[0]);
	assert_int_equal(plan.main_shares, CPU_COUNT(&allowed) == 1);
	if (!plan.main_shares)
		assert_string_not_equal(plan.main_cpus, worker);

	/* With no CPU left it shares. */
	config.node.cpu_count = 0;
	for (uint16_t i = 0; i < CPU_SETSIZE && config.node.cpu_count < CONFIG_CPUS_MAX; i++)
		if (CPU_ISSET(i, &allowed))
			cpus[config.node.cpu_count++] = i;
	if (config.node.cpu_count == (uint32_t)CPU_COUNT(&allowed)) {
		assert_int_equal(plan_make(&plan, &config), 0);
		assert_true(plan.main_shares);
		assert_int_equal(plan.flows_per_worker,
				 (100000 + plan.n_workers - 1) / plan.n_workers);
	}
}

/* isolcpus=, or whoever started it, took all CPUs but one out of the mask; the kernel allows them all the same. */
static void mask_does_not_limit_the_workers(void **state)
{
	struct config config = config_make("net_null0", CONFIG_PORT_VDEV);
	cpu_set_t before, one, after;
	struct plan plan;
	char first[8];

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	if (CPU_COUNT(&before) < 2)
		skip();
	CPU_ZERO(&one);
	CPU_SET(cpus[0], &one);
	snprintf(first, sizeof(first), "%u", cpus[0]);
	while (!CPU_ISSET(++cpus[0], &before))
		;
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_string_equal(plan.main_cpus, first);
	assert_false(plan.main_shares);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&one, &after));
	cpus[0] = 1023;
	assert_int_equal(plan_make(&plan, &config), -EINVAL);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* The loopback interface has an MTU of 65536, which is no number of 16 bits. */
static void mtu_of_an_interface_may_be_too_large(void **state)
{
	struct config config = config_make("lo", CONFIG_PORT_INTERFACE);
	struct plan plan;

	(void)state;
	if (!is_unshared) /* someone may have changed it */
		skip();
	assert_int_equal(plan_make(&plan, &config), -EINVAL);
	config.node.mtu_bytes = 1500;
	assert_int_equal(plan_make(&plan, &config), 0);
	assert_int_equal(plan.mtu, 1500);
}

static void buffers_hold_the_mtu(void **state)
{
	static const struct {
		char *port;
		enum config_port_kind kind;
		uint32_t mtu;
		int result;
	} cases[] = {
		{ "net_null0", CONFIG_PORT_VDEV, 1500, 0 },
		{ "net_null0", CONFIG_PORT_VDEV, 9000, 0 },
		{ "0000:01:00.0", CONFIG_PORT_PCI, 9000, 0 },
		{ "net_af_xdp0,iface=lo,start_queue=0", CONFIG_PORT_VDEV, 1500, 0 },
		{ "net_af_xdp0,iface=lo,start_queue=0", CONFIG_PORT_VDEV, 3434, 0 },
		{ "net_af_xdp0,iface=lo,start_queue=0", CONFIG_PORT_VDEV, 3435, -EINVAL },
		{ "net_af_xdp0,iface=lo,start_queue=0", CONFIG_PORT_VDEV, 9000, -EINVAL },
	};
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config config = config_make(cases[i].port, cases[i].kind);

		config.node.mtu_bytes = cases[i].mtu;
		assert_int_equal(plan_make(&plan, &config), cases[i].result);
		if (cases[i].result)
			continue;
		assert_string_equal(plan.iface, cases[i].port[4] == 'a' ? "lo" : "");
		assert_true(plan.data_room >= RTE_PKTMBUF_HEADROOM + cases[i].mtu + 18);
		/* With its two headers, a buffer of an XDP socket stays within a page. */
		if (strncmp(cases[i].port, "net_af_xdp", 10) == 0)
			assert_true(plan.data_room + sizeof(struct rte_mbuf) + 64 < 4096);
	}
}

static void xdp_program_put(const char *iface)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(iface), fd, 0, NULL), 0);
	close(fd);
}

/*
 * Queues without a worker are the XDP program's, if it is there. Workers without a queue are refused, and the
 * sentence names what works also where the driver takes no other number of queues under an XDP program.
 */
static void queues_of_an_interface(void **state)
{
	static const struct {
		char *port;
		uint16_t workers;
		enum config_dataplane dataplane;
		int result;
	} cases[] = {
		{ "two0", 2, CONFIG_DATAPLANE_DPDK, 0 },
		{ "two0", 1, CONFIG_DATAPLANE_DPDK, -EINVAL },
		{ "two0", 1, CONFIG_DATAPLANE_AUTO, 0 },
		{ "two0", 2, CONFIG_DATAPLANE_AUTO, 0 },
		{ "one0", 2, CONFIG_DATAPLANE_DPDK, -EINVAL },
		{ "one0", 2, CONFIG_DATAPLANE_AUTO, -EINVAL },
	};
	cpu_set_t allowed;
	struct plan plan;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	if (CPU_COUNT(&allowed) < 2 || !is_unshared ||
	    system("ip link add two0 numrxqueues 2 numtxqueues 2 type veth peer name two1 &&"
		   "ip link add one0 type veth peer name one1"))
		skip();
	log_set_level(LOG_ERR - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config config = config_make(cases[i].port, CONFIG_PORT_INTERFACE);

		config.node.cpu_count = cases[i].workers;
		config.node.dataplane = cases[i].dataplane;
		for (cpus[1] = cpus[0] + 1; !CPU_ISSET(cpus[1], &allowed); cpus[1]++)
			;
		if (plan_make(&plan, &config) != cases[i].result)
			fail_msg("%s, %u workers", cases[i].port, cases[i].workers);
	}
	assert_non_null(strstr(log_last_error(), "'ethtool -L one0 combined 2'"));
	assert_null(strstr(log_last_error(), "--detach"));
	xdp_program_put("one0");
	for (uint32_t has_handover = 0; has_handover < 2; has_handover++) {
		struct config config = config_make("one0", CONFIG_PORT_INTERFACE);

		config.node.cpu_count = 2;
		config.node.dataplane =
			has_handover ? CONFIG_DATAPLANE_AUTO : CONFIG_DATAPLANE_DPDK;
		assert_int_equal(plan_make(&plan, &config), -EINVAL);
		assert_non_null(strstr(log_last_error(), "'sluiced --detach' first"));
	}
	log_set_level(LOG_INFO);
}

static void impossible_requests_are_refused(void **state)
{
	struct config config = config_make("net_null0", CONFIG_PORT_VDEV);
	struct plan plan;

	(void)state;
	log_set_level(LOG_ERR - 1);
	cpus[0] = CPU_SETSIZE - 1;
	assert_int_equal(plan_make(&plan, &config), -EINVAL);
	config = config_make("nosuchif0", CONFIG_PORT_INTERFACE);
	assert_int_equal(plan_make(&plan, &config), -ENODEV);
	config = config_make("net_af_xdp0,iface=nosuchif0", CONFIG_PORT_VDEV);
	assert_int_equal(plan_make(&plan, &config), -ENODEV);
	config = config_make("lo", CONFIG_PORT_INTERFACE);
	config.node.cpu_count = LB_WORKERS_MAX + 1;
	assert_int_equal(plan_make(&plan, &config), -EINVAL);
	log_set_level(LOG_INFO);
}

/* One argument string, split at blanks. */
static int parse(const char *line, struct options *options)
{
	static char text[256];
	char *argv[16] = { "sluice-dataplane" };
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word && argc < 15; word = strtok(NULL, " "))
		argv[argc++] = word;
	optind = 0;
	return options_parse(argc, argv, options);
}

static void command_line_is_read(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "", OPTIONS_GO_ON },
		{ "-c x -r y", OPTIONS_GO_ON },
		{ "--idle-sleep-us 50", OPTIONS_GO_ON },
		{ "--idle-sleep-us 10001", 2 },
		{ "--idle-sleep-us -1", 2 },
		{ "--idle-sleep-us 5x", 2 },
		{ "--log-level debug", OPTIONS_GO_ON },
		{ "--log-level loud", 2 },
		{ "--unknown", 2 },
		{ "-c", 2 },
		{ "stray", 2 },
	};
	struct options options;

	(void)state;
	/* What they say on stderr is not of interest here. */
	assert_non_null(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse(cases[i].line, &options) != cases[i].result)
			fail_msg("'%s'", cases[i].line);
	parse("-c /a/b -r /c --log-level warning --idle-sleep-us 7", &options);
	assert_string_equal(options.config_path, "/a/b");
	assert_string_equal(options.run_dir, "/c");
	assert_int_equal(options.log_level, LOG_WARNING);
	assert_int_equal(options.idle_sleep_us, 7);
	parse("", &options);
	assert_string_equal(options.config_path, CONFIG_DEFAULT_PATH);
	assert_string_equal(options.run_dir, "/run/sluice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worker_gets_its_share),
		cmocka_unit_test(records_of_nat),
		cmocka_unit_test(main_lcore_avoids_workers),
		cmocka_unit_test(mask_does_not_limit_the_workers),
		cmocka_unit_test(buffers_hold_the_mtu),
		cmocka_unit_test(mtu_of_an_interface_may_be_too_large),
		cmocka_unit_test(queues_of_an_interface),
		cmocka_unit_test(impossible_requests_are_refused),
		cmocka_unit_test(command_line_is_read),
	};

	/* Before the first question: sockets for them stay open. */
	is_unshared = unshare(CLONE_NEWNET) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/eal.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "config/base/log.h"

#define ARGS_MAX (32 + 2 * LB_WORKERS_MAX)

/*
 * DPDK's command line. It keeps pointers into some of the strings (the first one is its name in the
 * system log) and reorders others in the array that it is given, so the strings are owned here,
 * until eal_stop().
 */
static struct args {
	char *owned[ARGS_MAX];
	int argc;
	bool failed;
} args;

/*
 * DPDK's output. It is shown at level debug only, since what matters of it is logged in other
 * words. The last complaint is kept for those messages, or the one that names the cause: after it a
 * driver tries alternatives that can't work.
 */
static char complaint[256];
static FILE *chatter;

static ssize_t chatter_write(void *cookie, const char *text, size_t size)
{
	size_t length = strcspn(text, "\n");

	(void)cookie;
	length = length < size ? length : size;
	log_debug("dpdk: %.*s", (int)length, text);
	if (length && rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR &&
	    !strstr(complaint, EAL_COMPLAINT_IOMMU))
		snprintf(complaint, sizeof(complaint), "%.*s", (int)length, text);
	return (ssize_t)size;
}

static void chatter_catch(void)
{
	const cookie_io_functions_t functions = { .write = chatter_write };

	chatter = fopencookie(NULL, "w", functions);
	if (!chatter)
		return;
	setvbuf(chatter, NULL, _IOLBF, 512);
	rte_openlog_stream(chatter);
}

/* libbpf and libxdp print their attempts and fallbacks. */
static int xdp_chatter(int level, const char *format, va_list values)
{
	char text[256];

	if (!log_wants(LOG_DEBUG))
		return 0;
	vsnprintf(text, sizeof(text), format, values);
	text[strcspn(text, "\n")] = 0;
	log_debug("xdp (%d): %s", level, text);
	return 0;
}

/*
 * libxdp is loaded by DPDK's driver, if at all; this program is not linked with it. It is loaded
 * with the driver, before the first socket is made.
 */
static void xdp_chatter_catch(void)
{
	void *(*set_print)(int (*print)(int level, const char *format, va_list values));
	const char *const library[][2] = { { "libxdp.so.1", "libxdp_set_print" },
					   { "libbpf.so.1", "libbpf_set_print" } };

	for (size_t i = 0; i < sizeof(library) / sizeof(library[0]); i++) {
		void *handle = dlopen(library[i][0], RTLD_NOW | RTLD_NOLOAD);

		if (!handle)
			continue;
		*(void **)&set_print = dlsym(handle, library[i][1]);
		if (set_print)
			set_print(xdp_chatter);
		dlclose(handle);
	}
}

const char *eal_complaint(void)
{
	static char taken[sizeof(complaint)];

	if (chatter)
		fflush(chatter);
	memcpy(taken, complaint, sizeof(taken));
	complaint[0] = 0;
	return taken;
}

static void __attribute__((format(printf, 1, 2))) arg_add(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	if (args.argc >= ARGS_MAX - 1 || vasprintf(&args.owned[args.argc], format, values) < 0)
		args.failed = true;
	else
		args.argc++;
	va_end(values);
}

static void args_free(void)
{
	for (int i = 0; i < args.argc; i++)
		free(args.owned[i]);
	args = (struct args){ .argc = 0 };
}

static void lcores_add(const struct plan *plan)
{
	char map[16 * LB_WORKERS_MAX + sizeof(plan->main_cpus)];
	int length = snprintf(map, sizeof(map), "0@(%s)", plan->main_cpus);

	for (uint32_t i = 0; i < plan->n_workers; i++)
		length += snprintf(map + length, sizeof(map) - (size_t)length, ",%u@%u",
				   eal_lcore(i), plan->node->cpus[i]);
	arg_add("--lcores=%s", map);
	arg_add("--main-lcore=0");
}

/*
 * An interface becomes one device with one queue for each worker: the driver knows only "combined"
 * channels, and a veth has none. busy_budget=0, since otherwise every empty poll is a system call.
 */
static void devices_add(const struct plan *plan)
{
	const struct config_node *node = plan->node;

	if (node->port_kind == CONFIG_PORT_PCI) {
		arg_add("--allow=%s", node->port);
		return;
	}
	arg_add("--no-pci");
	arg_add("--iova-mode=va");
	if (node->port_kind == CONFIG_PORT_VDEV) {
		arg_add("--vdev=%s", node->port);
		return;
	}
	for (uint32_t i = 0; i < plan->n_workers; i++)
		arg_add("--vdev=" EAL_XDP_DEVICE ",iface=%s,start_queue=%u,busy_budget=0", i,
			plan->iface, i);
}

/*
 * In memory: no files, so any number of dataplanes fit on a machine, and none leaves files behind.
 */
static void args_fill(const struct plan *plan, const char *program)
{
	arg_add("%s", program);
	arg_add("--in-memory");
	arg_add("--no-telemetry");
	arg_add("-m");
	arg_add("%u", plan->eal_mb);
	arg_add("--log-level=*:%s", log_wants(LOG_DEBUG) ? "info" : "warning");
	lcores_add(plan);
	devices_add(plan);
}

int eal_start(const struct plan *plan, const char *program)
{
	char *argv[ARGS_MAX] = { NULL };
	int err = 0;

	args_fill(plan, program);
	if (args.failed) {
		log_err("no memory for the arguments of DPDK");
		args_free();
		return -ENOMEM;
	}
	memcpy(argv, args.owned, (size_t)args.argc * sizeof(argv[0]));
	chatter_catch();
	if (rte_eal_init(args.argc, argv) < 0) {
		err = rte_errno ? -rte_errno : -EINVAL;
		log_err("DPDK does not start: %s (%s)", rte_strerror(-err), eal_complaint());
	}
	xdp_chatter_catch();
	return err;
}

void eal_stop(void)
{
	rte_eal_cleanup();
	args_free();
	if (!chatter)
		return;
	rte_openlog_stream(NULL);
	fclose(chatter);
	chatter = NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of PCI devices, in a made-up sysfs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/port_sysfs.h"

static char root[] = "/tmp/sluice-sysfs-XXXXXX";
static int open_err;
static char opened[256];

static int fake_open(const char *path)
{
	snprintf(opened, sizeof(opened), "%s", path + strlen(root));
	return open_err;
}

static const struct port_sysfs at = { .sys = root, .dev = root, .try_open = fake_open };

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[1024];
	va_list values;

	va_start(values, format);
	vsnprintf(command, sizeof(command), format, values);
	va_end(values);
	assert_int_equal(system(command), 0);
}

/* A device as the kernel shows it. @group, @iface: NULL for none. */
static void device(const char *address, const char *class, const char *driver, const char *group,
		   const char *iface)
{
	shell("d=%s/bus/pci/devices/%s; mkdir -p $d; echo %s >$d/class", root, address, class);
	if (driver)
		shell("ln -s ../../drivers/%s %s/bus/pci/devices/%s/driver", driver, root, address);
	if (group)
		shell("g=%s/kernel/iommu_groups/%s; mkdir -p $g/devices; touch $g/devices/%s; "
		      "ln -s ../../../../kernel/iommu_groups/%s %s/bus/pci/devices/%s/iommu_group",
		      root, group, address, group, root, address);
	if (iface)
		shell("mkdir -p %s/bus/pci/devices/%s/net/%s", root, address, iface);
}

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	device("0000:00:01.0", "0x010802", "nvme", NULL, NULL);
	device("0000:01:00.0", "0x020000", "e1000e", "1", "enp1s0");
	device("0000:02:00.0", "0x020000", NULL, "2", NULL);
	device("0000:03:00.0", "0x020000", "vfio-pci", NULL, NULL);
	device("0000:04:00.0", "0x020000", "vfio-pci", "4", NULL);
	device("0000:05:00.0", "0x020000", "vfio-pci", "5", NULL);
	device("0000:05:00.1", "0x020000", "igb", "5", "enp5s0f1");
	device("0000:06:00.0", "0x020000", "vfio-pci", "6", NULL);
	device("0000:06:00.1", "0x020000", "vfio-pci", "6", NULL);
	device("0000:07:00.0", "0x020000", "uio_pci_generic", "7", NULL);
	device("0000:08:00.0", "0x020000", "vfio-pci", "8", NULL);
	device("0000:09:00.0", "0x020000", "mlx5_core", NULL, "enp9s0");
	device("0000:0a:00.0", "0x020000", "xen-pciback", NULL, NULL);
	shell("echo vfio-noiommu >%s/kernel/iommu_groups/8/name", root);
	shell("mkdir -p %s/bus/pci/devices/0000:07:00.0/uio/uio3", root);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	shell("rm -r %s", root);
	return 0;
}

static void each_fault_has_its_message(void **state)
{
	static const struct {
		const char *address;
		int open_err;
		int result;
		const char *opened;
		const char *said[4]; /* parts of it */
	} cases[] = {
		{ "0000:3b:00.0",
		  0,
		  -ENODEV,
		  "",
		  { "no PCI device 0000:3b:00.0",
		    "PCI NICs: 0000:01:00.0 (e1000e), 0000:02:00.0 (no driver), 0000:03:00.0",
		    "(uio_pci_generic), and 3 more ('lspci" } },
		{ "0000:00:01.0",
		  0,
		  -ENODEV,
		  "",
		  { "0000:00:01.0 is not a NIC", "0000:01:00.0 (e1000e)" } },
		{ "0000:01:00.0",
		  0,
		  -EINVAL,
		  "",
		  { "the kernel's driver e1000e, as interface enp1s0", "ip link set enp1s0 down",
		    "driverctl set-override 0000:01:00.0 vfio-pci", "port: enp1s0" } },
		{ "0000:02:00.0",
		  0,
		  -EINVAL,
		  "",
		  { "not bound to a driver", "driverctl set-override 0000:02:00.0 vfio-pci" } },
		{ "0000:0a:00.0",
		  0,
		  -EINVAL,
		  "",
		  { "the driver xen-pciback, which DPDK cannot use",
		    "driverctl set-override 0000:0a:00.0 vfio-pci" } },
		{ "0000:03:00.0",
		  0,
		  -EINVAL,
		  "",
		  { "no IOMMU is in use", "intel_iommu=on",
		    "driverctl set-override 0000:03:00.0 uio_pci_generic" } },
		{ "0000:04:00.0", 0, 0, "/vfio/4", { "" } },
		{ "0000:04:00.0",
		  -EBUSY,
		  -EBUSY,
		  "/vfio/4",
		  { "in use by another program", "fuser -v", "/vfio/4" } },
		{ "0000:04:00.0",
		  -EACCES,
		  -EPERM,
		  "/vfio/4",
		  { "permission denied for", "70-sluice.rules" } },
		{ "0000:04:00.0",
		  -ENOENT,
		  -EPERM,
		  "/vfio/4",
		  { "cannot be opened: No such file" } },
		{ "0000:05:00.0",
		  0,
		  -EINVAL,
		  "",
		  { "IOMMU group with 0000:05:00.1, which is bound to igb",
		    "driverctl set-override 0000:05:00.1 vfio-pci" } },
		{ "0000:06:00.0", 0, 0, "/vfio/6", { "" } },
		{ "0000:07:00.0", 0, 0, "/uio3", { "" } },
		{ "0000:07:00.0", -EACCES, -EPERM, "/uio3", { "permission denied for", "/uio3" } },
		{ "0000:08:00.0", 0, 0, "/vfio/noiommu-8", { "" } },
		{ "0000:09:00.0", 0, 0, "", { "" } },
	};
	char why[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why[0] = '\0';
		opened[0] = '\0';
		open_err = cases[i].open_err;
		assert_int_equal(port_sysfs_diagnose(&at, cases[i].address, why, sizeof(why)),
				 cases[i].result);
		assert_string_equal(opened, cases[i].opened);
		for (size_t j = 0; j < 4 && cases[i].said[j]; j++)
			if (!strstr(why, cases[i].said[j]))
				fail_msg("%s: '%s' is not in '%s'", cases[i].address,
					 cases[i].said[j], why);
	}
}

/* Also where there is an IOMMU, uio does without it. */
static void uio_guard_is_detected(void **state)
{
	static const struct {
		const char *address;
		bool unguarded;
	} cases[] = {
		{ "0000:01:00.0", false }, { "0000:03:00.0", true },  { "0000:04:00.0", false },
		{ "0000:07:00.0", true },  { "0000:08:00.0", true },  { "0000:09:00.0", false },
		{ "0000:0a:00.0", false }, { "0000:3b:00.0", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(port_sysfs_is_unguarded(root, cases[i].address),
				 cases[i].unguarded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_message),
		cmocka_unit_test(uio_guard_is_detected),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

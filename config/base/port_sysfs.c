/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/port_sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/file.h"

#define WORD_MAX 64
#define NO_IOMMU "vfio-noiommu" /* the kernel's name for a group without an IOMMU */

static int really_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

const struct port_sysfs port_sysfs_of_kernel = {
	.sys = PORT_SYSFS_ROOT,
	.dev = "/dev",
	.try_open = really_open,
};

/* ---- Reading ---- */

static void __attribute__((format(printf, 2, 3))) path_make(char *path, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(path, PATH_MAX, format, values);
	va_end(values);
}

static void device_path(const char *sys, const char *address, const char *what, char *path)
{
	path_make(path, "%s/bus/pci/devices/%s%s%s", sys, address, *what ? "/" : "", what);
}

/* The last component of a symbolic link's target; empty if there is none. */
static void link_read(const char *sys, const char *address, const char *what, char *word)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t length;

	device_path(sys, address, what, path);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	last = strrchr(target, '/');
	snprintf(word, WORD_MAX, "%.*s", WORD_MAX - 1, last ? last + 1 : target);
}

/* The first line of a file; empty if there is none. */
static void line_read(const char *sys, const char *address, const char *what, char *word)
{
	char path[PATH_MAX];

	device_path(sys, address, what, path);
	(void)file_line(path, word, WORD_MAX);
}

/* The first name in a directory of the device; empty if there is none. */
static void entry_read(const char *sys, const char *address, const char *what, char *word)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	device_path(sys, address, what, path);
	word[0] = '\0';
	dir = opendir(path);
	while (dir && !word[0] && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(word, WORD_MAX, "%.*s", WORD_MAX - 1, entry->d_name);
	if (dir)
		closedir(dir);
}

static bool is_there(const char *sys, const char *address)
{
	char path[PATH_MAX];

	device_path(sys, address, "", path);
	return access(path, F_OK) == 0;
}

/* PCI class 2: network controllers. */
static bool is_nic(const char *sys, const char *address)
{
	char class[WORD_MAX];

	line_read(sys, address, "class", class);
	return strncmp(class, "0x02", 4) == 0;
}

static bool has_iommu(const char *sys, const char *address)
{
	char group[WORD_MAX], name[WORD_MAX];

	link_read(sys, address, "iommu_group", group);
	line_read(sys, address, "iommu_group/name", name);
	return group[0] && strcmp(name, NO_IOMMU) != 0;
}

static bool is_uio(const char *driver)
{
	return strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0;
}

bool port_sysfs_is_unguarded(const char *sys, const char *address)
{
	char driver[WORD_MAX];

	link_read(sys, address, "driver", driver);
	return is_uio(driver) || (strcmp(driver, "vfio-pci") == 0 && !has_iommu(sys, address));
}

/* ---- Diagnosis ---- */

struct finding {
	const struct port_sysfs *at;
	const char *address;
	char *why;
	size_t size;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct finding *f, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(f->why, f->size, format, values);
	va_end(values);
}

/* "0000:00:03.0 (e1000e), 0000:00:04.0 (vfio-pci), and 3 more", in this order. */
static void nics_list(const char *sys, char *list, size_t size)
{
	char path[PATH_MAX], driver[WORD_MAX], nic[80];
	size_t length = 0, room = size - sizeof(", and 1000000000 more");
	struct dirent **entries;
	int count, left = 0;

	path_make(path, "%s/bus/pci/devices", sys);
	count = scandir(path, &entries, NULL, alphasort);
	list[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (is_nic(sys, entries[i]->d_name)) {
			link_read(sys, entries[i]->d_name, "driver", driver);
			snprintf(nic, sizeof(nic), "%s%.32s (%.32s)", length ? ", " : "",
				 entries[i]->d_name, driver[0] ? driver : "no driver");
			if (length + strlen(nic) > room)
				left++;
			else
				length += (size_t)snprintf(list + length, size - length, "%s", nic);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (left)
		snprintf(list + length, size - length, ", and %d more", left);
}

static int missing(const struct finding *f)
{
	char list[256];

	nics_list(f->at->sys, list, sizeof(list));
	say(f, "no PCI device %s; %s%s ('lspci -Dd ::0200' lists them)", f->address,
	    list[0] ? "PCI NICs: " : "this machine has no PCI NIC", list);
	return -ENODEV;
}

static int kernel_has_it(const struct finding *f, const char *driver)
{
	char iface[WORD_MAX];

	entry_read(f->at->sys, f->address, "net", iface);
	if (!driver[0])
		say(f,
		    "%s is not bound to a driver; run 'modprobe vfio-pci && driverctl set-override %s vfio-pci'",
		    f->address, f->address);
	else if (iface[0])
		say(f,
		    "%s is bound to the kernel's driver %s, as interface %s; run 'ip link set %s down && modprobe"
		    " vfio-pci && driverctl set-override %s vfio-pci', or share it with the kernel by 'port: %s'",
		    f->address, driver, iface, iface, f->address, iface);
	else
		say(f,
		    "%s is bound to the driver %s, which DPDK cannot use; run 'modprobe vfio-pci && driverctl"
		    " set-override %s vfio-pci'",
		    f->address, driver, f->address);
	return -EINVAL;
}

static int without_iommu(const struct finding *f)
{
	say(f,
	    "%s is bound to vfio-pci, but no IOMMU is in use; enable it (intel_iommu=on on the kernel's"
	    " command line, VT-d or AMD-Vi in the firmware), or run 'modprobe uio_pci_generic && driverctl set-override"
	    " %s uio_pci_generic'",
	    f->address, f->address);
	return -EINVAL;
}

/*
 * Drivers that don't touch memory: the kernel lets other devices of the group be used beside them.
 */
static bool is_harmless(const char *driver)
{
	return !driver[0] || strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "pcieport") == 0 ||
	       strcmp(driver, "pci-stub") == 0;
}

/* Return: whether another device of the group is the kernel's; @other and @driver name it. */
static bool group_is_shared(const struct finding *f, char *other, char *driver)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	bool shared = false;
	DIR *dir;

	device_path(f->at->sys, f->address, "iommu_group/devices", path);
	dir = opendir(path);
	while (dir && !shared && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, f->address) == 0)
			continue;
		link_read(f->at->sys, entry->d_name, "driver", driver);
		shared = !is_harmless(driver);
		snprintf(other, WORD_MAX, "%.*s", WORD_MAX - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return shared;
}

static int cannot_open(const struct finding *f, const char *path, int err)
{
	if (err == -EBUSY)
		say(f, "%s is in use by another program (see 'fuser -v %s'); stop that first",
		    f->address, path);
	else if (err == -EACCES || err == -EPERM)
		say(f,
		    "%s: permission denied for %s (%s); run as root, or install 70-sluice.rules and run 'udevadm"
		    " trigger'",
		    f->address, path, strerror(-err));
	else
		say(f, "%s: %s cannot be opened: %s", f->address, path, strerror(-err));
	return err == -EBUSY ? -EBUSY : -EPERM;
}

static int vfio_check(const struct finding *f)
{
	char group[WORD_MAX], other[WORD_MAX], driver[WORD_MAX], path[PATH_MAX];
	const char *kind = has_iommu(f->at->sys, f->address) ? "" : "noiommu-";
	int err;

	link_read(f->at->sys, f->address, "iommu_group", group);
	if (!group[0])
		return without_iommu(f);
	if (group_is_shared(f, other, driver)) {
		say(f,
		    "%s shares its IOMMU group with %s, which is bound to %s; run 'driverctl set-override %s vfio-pci',"
		    " or put the NIC into another slot",
		    f->address, other, driver, other);
		return -EINVAL;
	}
	path_make(path, "%s/vfio/%s%s", f->at->dev, kind, group);
	err = f->at->try_open(path);
	return err ? cannot_open(f, path, err) : 0;
}

static int uio_check(const struct finding *f)
{
	char uio[WORD_MAX], path[PATH_MAX];
	int err;

	entry_read(f->at->sys, f->address, "uio", uio);
	path_make(path, "%s/%s", f->at->dev, uio[0] ? uio : "uio0");
	err = f->at->try_open(path);
	return err ? cannot_open(f, path, err) : 0;
}

/* Drivers of NICs that the kernel and DPDK use at the same time. */
static bool is_bifurcated(const char *driver)
{
	return strcmp(driver, "mlx4_core") == 0 || strcmp(driver, "mlx5_core") == 0;
}

int port_sysfs_diagnose(const struct port_sysfs *at, const char *address, char *why, size_t size)
{
	const struct finding f = { .at = at, .address = address, .why = why, .size = size };
	char driver[WORD_MAX];

	if (!is_there(at->sys, address))
		return missing(&f);
	if (!is_nic(at->sys, address)) {
		char list[256];

		nics_list(at->sys, list, sizeof(list));
		say(&f, "%s is not a NIC; %s%s", address,
		    list[0] ? "PCI NICs: " : "this machine has no PCI NIC", list);
		return -ENODEV;
	}
	link_read(at->sys, address, "driver", driver);
	if (strcmp(driver, "vfio-pci") == 0)
		return vfio_check(&f);
	if (is_uio(driver))
		return uio_check(&f);
	return is_bifurcated(driver) ? 0 : kernel_has_it(&f, driver);
}

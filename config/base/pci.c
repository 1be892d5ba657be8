/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/pci.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/file.h"

#define CLASS_ETHERNET 0x0200u

bool pci_driver_is_user(const char *driver)
{
	return strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "uio_pci_generic") == 0 ||
	       strcmp(driver, "igb_uio") == 0;
}

static void driver_read(const char *dir, char *driver)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t length;

	driver[0] = '\0';
	snprintf(path, sizeof(path), "%s/driver", dir);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	slash = strrchr(target, '/');
	snprintf(driver, PCI_TEXT_MAX, "%.*s", PCI_TEXT_MAX - 1, slash ? slash + 1 : target);
}

int pci_read(const char *root, const char *address, struct pci_device *device)
{
	char dir[PATH_MAX / 2], path[PATH_MAX], line[32];

	snprintf(dir, sizeof(dir), "%s/sys/bus/pci/devices/%s", root, address);
	if (strchr(address, '/') || access(dir, F_OK))
		return -ENODEV;
	*device = (struct pci_device){ .numa = -1 };
	snprintf(device->address, sizeof(device->address), "%s", address);
	driver_read(dir, device->driver);
	snprintf(path, sizeof(path), "%s/class", dir);
	if (file_line(path, line, sizeof(line)) == 0)
		device->class = (uint32_t)strtoul(line, NULL, 16);
	snprintf(path, sizeof(path), "%s/numa_node", dir);
	if (file_line(path, line, sizeof(line)) == 0)
		device->numa = (int)strtol(line, NULL, 10);
	return 0;
}

static int address_compare(const void *a, const void *b)
{
	const struct pci_device *x = a, *y = b;

	return strcmp(x->address, y->address);
}

int pci_nics(const char *root, struct pci_device **list)
{
	struct pci_device device, *larger;
	const struct dirent *entry;
	char path[PATH_MAX];
	int n = 0;
	DIR *dir;

	*list = NULL;
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", root);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || pci_read(root, entry->d_name, &device) ||
		    device.class >> 8 != CLASS_ETHERNET)
			continue;
		larger = realloc(*list, (size_t)(n + 1) * sizeof(device));
		if (!larger)
			break;
		*list = larger;
		larger[n++] = device;
	}
	closedir(dir);
	if (n > 1)
		qsort(*list, (size_t)n, sizeof(device), address_compare);
	return n;
}

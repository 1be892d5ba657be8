/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controlplane/instance/sysctl.h"

static int sysctl_open(const char *iface, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", iface, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_get(const char *iface, const char *name, int *value)
{
	char text[16];
	ssize_t len;
	int fd = sysctl_open(iface, name, O_RDONLY);

	if (fd < 0)
		return fd;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	*value = (int)strtol(text, NULL, 10);
	return 0;
}

int sysctl_set(const char *iface, const char *name, int value)
{
	int fd = sysctl_open(iface, name, O_WRONLY);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (dprintf(fd, "%d\n", value) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int sysctl_effective(const char *iface, const char *name)
{
	int all = 0, own = 0;

	if (sysctl_get("all", name, &all))
		all = 0;
	if (sysctl_get(iface, name, &own))
		own = 0;
	return all > own ? all : own;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/base/file.h"
#include "controlplane/instance/sysctl.h"

static void sysctl_path(const char *iface, const char *name, char *path)
{
	snprintf(path, PATH_MAX, "/proc/sys/net/ipv4/conf/%s/%s", iface, name);
}

int sysctl_get(const char *iface, const char *name, int *value)
{
	char path[PATH_MAX], text[16];
	int ret;

	sysctl_path(iface, name, path);
	ret = file_line(path, text, sizeof(text));
	if (ret)
		return ret;
	if (!text[0])
		return -EIO;
	*value = (int)strtol(text, NULL, 10);
	return 0;
}

int sysctl_set(const char *iface, const char *name, int value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	sysctl_path(iface, name, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
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

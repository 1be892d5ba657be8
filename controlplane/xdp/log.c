/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/log.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

bool xdp_log_save(const char *path, const char *log)
{
	int fd = -1;
	bool kept;

	if (path && path[0] && log[0])
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	kept = write(fd, log, strlen(log)) > 0;
	close(fd);
	if (!kept)
		unlink(path);
	return kept;
}

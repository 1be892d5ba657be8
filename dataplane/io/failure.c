/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/file.h"
#include "config/base/log.h"
#include "dataplane/abi/lb_abi.h"

#define FIRST_DELAY_S 1
#define REPEATS_MAX 1000000

static void path_make(const char *run_dir, char *path)
{
	snprintf(path, PATH_MAX, "%s/" LB_FAILURE_FILE, run_dir);
}

/*
 * Read "3 no memory for ...": number of earlier failures, and their reason. Return: failures for
 * @why before this one; 0 if the reason was another.
 */
static uint32_t repeats_read(const char *path, const char *why)
{
	char line[LB_FAILURE_MAX], *end;
	unsigned long repeats;

	(void)file_line(path, line, sizeof(line));
	repeats = strtoul(line, &end, 10);
	if (*end != ' ' || strcmp(end + 1, why) != 0 || repeats > REPEATS_MAX)
		return 0;
	return (uint32_t)repeats + 1;
}

uint32_t failure_record(const char *run_dir, const char *why)
{
	char path[PATH_MAX], kept[LB_FAILURE_MAX - 16], line[LB_FAILURE_MAX];
	uint32_t repeats;
	int fd, length;

	snprintf(kept, sizeof(kept), "%s", why);
	path_make(run_dir, path);
	repeats = repeats_read(path, kept);
	length = snprintf(line, sizeof(line), "%u %s\n", repeats, kept);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) || write(fd, line, (size_t)length) != length)
		log_debug("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return repeats;
}

void failure_clear(const char *run_dir)
{
	char path[PATH_MAX];

	path_make(run_dir, path);
	unlink(path);
}

uint32_t failure_delay_s(uint32_t repeats, uint32_t most_s)
{
	uint32_t delay_s = FIRST_DELAY_S;

	if (repeats == 0)
		return 0;
	while (--repeats && delay_s < most_s)
		delay_s *= 2;
	return delay_s < most_s ? delay_s : most_s;
}

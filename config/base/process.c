/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/process.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/base/file.h"

double process_resident_bytes(void)
{
	unsigned long resident;
	char line[128];

	if (file_line("/proc/self/statm", line, sizeof(line)) ||
	    sscanf(line, "%*u %lu", &resident) != 1)
		return NAN;
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

double process_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double count = -1; /* that of the directory */

	if (!dir)
		return NAN;
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

double process_max_files(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) ? NAN : (double)limit.rlim_cur;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes docs/metrics.md to standard output (`make docs`). */
#include <stdio.h>

#include "controlplane/api/daemon.h"
#include "controlplane/metrics/reference.h"
#include "controlplane/web/sources.h"

int main(void)
{
	static const struct control_daemon none;
	struct metric_source sources[METRIC_SOURCES_MAX];
	uint32_t count = web_sources(&none, NULL, sources);

	metric_reference_print(sources, count, stdout);
	return fflush(stdout) || ferror(stdout);
}

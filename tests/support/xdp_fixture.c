/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/xdp_fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

void xdp_fixture_command(const char *line)
{
	if (system(line)) /* NOLINT(cert-env33-c): of the test */
		fail_msg("%s", line);
}

void xdp_fixture_namespaces(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		fail_msg("namespaces: %s", strerror(errno));
}

void xdp_fixture_veth(const char *port, const char *peer)
{
	char line[256];

	xdp_fixture_namespaces();
	snprintf(line, sizeof(line),
		 "ip link add %s type veth peer name %s && ip link set %s up && "
		 "ip link set %s up && ip link set lo up",
		 port, peer, port, peer);
	xdp_fixture_command(line);
}

struct xdp_object_options xdp_fixture_options(const char *log_path)
{
	static const uint16_t cpus[] = { 0, 1 };

	return (struct xdp_object_options){ .pin_dir = XDP_FIXTURE_PINS,
					    .log_path = log_path,
					    .flows = 10000,
					    .pool_slots = 1021,
					    .pools = 4,
					    .cpus = cpus,
					    .cpu_count = 2,
					    .mtu = 1500 };
}

void xdp_fixture_open(struct xdp_object *object, const struct xdp_object_options *options)
{
	if (xdp_object_open(object, options))
		fail_msg("%s", object->why);
}

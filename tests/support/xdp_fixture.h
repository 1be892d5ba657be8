/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of the XDP dataplane stand on: namespaces of the process's own, so that all of it goes with it. */
#ifndef TESTS_XDP_FIXTURE_H
#define TESTS_XDP_FIXTURE_H

#include "controlplane/xdp/loader.h"

#define XDP_FIXTURE_PORT "lbx0"
#define XDP_FIXTURE_PEER "lbx1"
#define XDP_FIXTURE_PINS "/sys/fs/bpf/sluice-" XDP_FIXTURE_PORT

/** Run a line in a shell; the test fails if that does. */
void xdp_fixture_command(const char *line);

/** A network and a mount namespace, with bpffs at its place; the test fails if that does. */
void xdp_fixture_namespaces(void);

/** The same, with a veth pair of two names, both up, and lo up. */
void xdp_fixture_veth(const char *port, const char *peer);

/** For a small flow table on the first two CPUs. */
struct xdp_object_options xdp_fixture_options(const char *log_path);

/** The test fails if it does. */
void xdp_fixture_open(struct xdp_object *object, const struct xdp_object_options *options);

#endif

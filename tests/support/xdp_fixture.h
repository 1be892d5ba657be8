/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixture for tests of the XDP dataplane: namespaces of this process, which are removed with it. */
#ifndef TESTS_XDP_FIXTURE_H
#define TESTS_XDP_FIXTURE_H

#include "controlplane/xdp/loader.h"

#define XDP_FIXTURE_PORT "lbx0"
#define XDP_FIXTURE_PEER "lbx1"
#define XDP_FIXTURE_PINS "/sys/fs/bpf/sluice-" XDP_FIXTURE_PORT

/** Run a shell command; fails the test if the command fails. */
void xdp_fixture_command(const char *line);

/** Enter a network and a mount namespace, with bpffs at its place; fails the test on errors. */
void xdp_fixture_namespaces(void);

/** The same, with a veth pair of these two names, both up, and lo up. */
void xdp_fixture_veth(const char *port, const char *peer);

/** Options for a small flow table on the first two CPUs. */
struct xdp_object_options xdp_fixture_options(const char *log_path);

/** Fails the test on errors. */
void xdp_fixture_open(struct xdp_object *object, const struct xdp_object_options *options);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program on an interface: in a network and a mount namespace of this process's own, so that
 * all of it goes with the process.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>

#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/loader.h"
#include "tests/support/patience.h"
#include "tests/support/xdp_fixture.h"

static int namespaces(void **state)
{
	(void)state;
	xdp_fixture_veth("lbx0", "lbx1");
	return 0;
}

static struct xdp_object_options options(void)
{
	return xdp_fixture_options(NULL);
}

static int ifindex(const char *name)
{
	return (int)if_nametoindex(name);
}

static uint32_t hook(const char *name)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	assert_int_equal(bpf_xdp_query(ifindex(name), 0, &query), 0);
	return query.prog_id;
}

static void object_attach(struct xdp_object *o, const char *name)
{
	if (xdp_hook_attach(o, ifindex(name)))
		fail_msg("%s", o->why);
}

static void outlives_its_loader(void **state)
{
	const struct xdp_object_options opt = options();
	struct xdp_object o;
	uint32_t first;

	(void)state;
	xdp_fixture_open(&o, &opt);
	assert_false(o.adopted);
	object_attach(&o, "lbx0");
	assert_int_equal(o.mode, XDP_OBJECT_NATIVE);
	first = hook("lbx0");
	assert_true(first != 0);
	o.control->generation[0].generation = 77;
	xdp_object_close(&o);
	assert_int_equal(hook("lbx0"), first);

	xdp_fixture_open(&o, &opt);
	assert_true(o.adopted);
	assert_int_equal(o.control->generation[0].generation, 77);
	assert_int_equal(hook("lbx0"), first); /* until attach says otherwise */
	object_attach(&o, "lbx0");
	assert_int_not_equal(hook("lbx0"), first);
	assert_int_equal(o.mode, XDP_OBJECT_NATIVE);
	xdp_hook_detach(&o, ifindex("lbx0"));
	assert_int_equal(hook("lbx0"), 0);
	xdp_object_close(&o);
}

static void other_sizes_begin_empty_and_are_reported(void **state)
{
	struct xdp_object_options opt = options();
	struct xdp_object o;

	(void)state;
	xdp_fixture_open(&o, &opt);
	o.control->generation[0].generation = 77;
	xdp_object_close(&o);
	opt.flows = 20000;
	xdp_fixture_open(&o, &opt);
	assert_false(o.adopted);
	assert_non_null(strstr(o.why, "flow table"));
	assert_int_equal(o.control->generation[0].generation, 0);
	xdp_hook_detach(&o, ifindex("lbx0"));
	xdp_object_close(&o);
}

static void loopback_uses_generic_mode(void **state)
{
	const struct xdp_object_options opt = options();
	struct xdp_object o;

	(void)state;
	xdp_fixture_open(&o, &opt);
	object_attach(&o, "lo");
	assert_int_equal(o.mode, XDP_OBJECT_GENERIC);
	assert_non_null(strstr(o.why, "generic mode"));
	xdp_hook_detach(&o, ifindex("lbx0"));
	xdp_object_close(&o);
}

static uint64_t received_bytes(const struct xdp_object *o)
{
	uint64_t bytes = 0;

	for (uint32_t cpu = 0; cpu < o->n_cpus; cpu++)
		bytes += o->cpus[cpu].stats.rx_bytes;
	return bytes;
}

/* A frame of 8,014 bytes arrives at lbx0, and the program counts all of it. */
static void jumbo_frame_counts(const struct xdp_object *o)
{
	static const uint8_t frame[8014] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };
	const struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex("lbx1") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to)),
			 sizeof(frame));
	close(fd);
	assert_true(COMES_TRUE(received_bytes(o) >= sizeof(frame)));
}

static void jumbo_frames(const char *name, uint32_t mtu, enum xdp_object_mode mode)
{
	struct xdp_object_options opt = options();
	struct xdp_object o;

	opt.mtu = mtu;
	xdp_fixture_open(&o, &opt);
	assert_int_equal(o.frags, mtu > 4000);
	object_attach(&o, name);
	assert_int_equal(o.mode, mode);
	if (mode == XDP_OBJECT_GENERIC)
		assert_non_null(strstr(o.why, "generic mode"));
	else
		assert_string_equal(o.why, "");
	if (mode == XDP_OBJECT_NATIVE && o.frags)
		jumbo_frame_counts(&o);
	xdp_hook_detach(&o, ifindex("lbx0"));
	xdp_object_close(&o);
}

/* The driver refuses a program for one buffer here; it's what an MTU of 9000 would get without. */
static void jumbo_frames_in_native_mode(void **state)
{
	(void)state;
	xdp_fixture_command("ip link set lbx0 mtu 9000 && ip link set lbx1 mtu 9000");
	jumbo_frames("lbx0", 1500, XDP_OBJECT_GENERIC);
	jumbo_frames("lbx0", 9000, XDP_OBJECT_NATIVE);
	jumbo_frames("lo", 65535, XDP_OBJECT_GENERIC);
	xdp_fixture_command("ip link set lbx0 mtu 1500 && ip link set lbx1 mtu 1500");
	jumbo_frames("lbx0", 1500, XDP_OBJECT_NATIVE);
}

static int foreign_program(const char *name)
{
	const struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
					 { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", code, 2, NULL);
}

static void held_hook_is_named(void **state)
{
	const struct xdp_object_options opt = options();
	int fd = foreign_program("somebody");
	struct xdp_object o;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach(ifindex("lbx0"), fd, 0, NULL), 0);
	xdp_fixture_open(&o, &opt);
	assert_int_equal(xdp_hook_attach(&o, ifindex("lbx0")), -EBUSY);
	if (!strstr(o.why, "'somebody'"))
		fail_msg("%s", o.why);
	xdp_hook_detach(&o, ifindex("lbx0"));
	assert_int_equal(bpf_xdp_detach(ifindex("lbx0"), 0, NULL), 0);
	xdp_object_close(&o);
	close(fd);
}

static void recreated_interface_is_attached_again(void **state)
{
	const struct xdp_object_options opt = options();
	struct xdp_object o;

	(void)state;
	xdp_fixture_open(&o, &opt);
	object_attach(&o, "lbx0");
	xdp_fixture_command("ip link del lbx0 && ip link add lbx0 type veth peer name lbx1 && "
			    "ip link set lbx0 up && ip link set lbx1 up");
	assert_int_equal(hook("lbx0"), 0);
	object_attach(&o, "lbx0");
	assert_true(hook("lbx0") != 0);
	xdp_hook_detach(&o, ifindex("lbx0"));
	xdp_object_close(&o);
}

static void replaced_a_hundred_times_it_never_leaves(void **state)
{
	const struct xdp_object_options opt = options();
	struct xdp_object o;

	(void)state;
	xdp_fixture_open(&o, &opt);
	object_attach(&o, "lbx0");
	for (int i = 0; i < 100; i++) {
		uint32_t before = hook("lbx0");

		if (i % 34 == 33) {
			xdp_object_close(&o);
			xdp_fixture_open(&o, &opt);
			assert_true(o.adopted);
		}
		object_attach(&o, "lbx0");
		assert_true(hook("lbx0") != 0);
		assert_int_equal(hook("lbx0") == before, i % 34 != 33);
	}
	xdp_hook_detach(&o, ifindex("lbx0"));
	xdp_object_close(&o);
}

/* 100,000,000 flows on a machine of 3 GB: the kernel would end other programs for them. */
static void reserve_of_other_programs_is_kept(void **state)
{
	char meminfo[] = "/tmp/sluice-meminfo-XXXXXX";
	struct xdp_object_options opt = options();
	FILE *file = fdopen(mkstemp(meminfo), "w");
	struct xdp_object o;

	(void)state;
	assert_non_null(file);
	fprintf(file, "MemTotal: 3145728 kB\nMemAvailable: 2048000 kB\n");
	fclose(file);
	opt.meminfo = meminfo;
	opt.anew = true;
	opt.flows = 100000000;
	assert_int_equal(xdp_object_open(&o, &opt), -ENOMEM);
	assert_non_null(strstr(o.why, "node.flows needs"));
	assert_non_null(strstr(o.why, "2000 MB of memory are available"));
	assert_non_null(strstr(o.why, "192 MB are reserved"));
	opt.flows = 10000;
	assert_int_equal(xdp_object_open(&o, &opt), 0);
	xdp_object_close(&o);
	unlink(meminfo);
}

static void missing_bpf_file_system_is_reported(void **state)
{
	struct xdp_object_options opt = options();
	struct xdp_object o;

	(void)state;
	opt.pin_dir = "/nonexistent/sluice";
	assert_int_equal(xdp_object_open(&o, &opt), -ENOENT);
	assert_non_null(strstr(o.why, "BPF file system"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlives_its_loader),
		cmocka_unit_test(other_sizes_begin_empty_and_are_reported),
		cmocka_unit_test(loopback_uses_generic_mode),
		cmocka_unit_test(jumbo_frames_in_native_mode),
		cmocka_unit_test(held_hook_is_named),
		cmocka_unit_test(recreated_interface_is_attached_again),
		cmocka_unit_test(replaced_a_hundred_times_it_never_leaves),
		cmocka_unit_test(reserve_of_other_programs_is_kept),
		cmocka_unit_test(missing_bpf_file_system_is_reported),
	};

	return cmocka_run_group_tests(tests, namespaces, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP hook of lo in a network namespace of its own: found again, replaced, left alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/program.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/state.h"

#define LO_IFINDEX 1

static struct lb_unwrap_state state_buffer;

static int setup(void **state)
{
	(void)state;
	report_capture_libbpf();
	return unshare(CLONE_NEWNET);
}

static void attach_ours(struct program *program)
{
	assert_int_equal(program_load(program, NULL, false), 0);
	state_init(&state_buffer);
	assert_int_equal(state_store(program, &state_buffer), 0);
	assert_int_equal(program_attach(program, LO_IFINDEX, PROGRAM_GENERIC), 0);
}

/* `return XDP_PASS` under a name of our choice. Return: its descriptor. */
static int attach_foreign(const char *name)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach(LO_IFINDEX, fd, XDP_FLAGS_SKB_MODE, NULL), 0);
	return fd;
}

static void test_found_again(void **state)
{
	struct program_holder holder;
	struct program mine, found;

	(void)state;
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), -ENOENT);
	attach_ours(&mine);
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), 0);
	assert_int_equal(found.id, mine.id);
	assert_int_equal(found.mode, PROGRAM_GENERIC);
	state_buffer.attached_s = 4711;
	assert_int_equal(state_store(&mine, &state_buffer), 0);
	state_init(&state_buffer);
	assert_int_equal(state_load(&found, &state_buffer), 0);
	assert_int_equal(state_buffer.attached_s, 4711);
	assert_int_equal(program_detach(&found, LO_IFINDEX), 0);
	program_close(&found);
	program_close(&mine);
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), -ENOENT);
}

static void test_replaced_with_its_maps(void **state)
{
	struct program old, fresh, found;
	struct program_holder holder;
	struct lb_unwrap_addr vip;
	struct lb_unwrap_vip counts;

	(void)state;
	attach_ours(&old);
	assert_int_equal(address_parse("203.0.113.10", &vip), 0);
	assert_int_equal(state_map_vip(&old, &vip), 0);
	assert_int_equal(program_load(&fresh, &old, false), 0);
	assert_true(program_same_code(&old, &fresh));
	assert_int_equal(program_replace(&fresh, LO_IFINDEX, &old), 0);
	/* Whoever still thinks the old one is there must not take the new one off. */
	assert_int_not_equal(program_detach(&old, LO_IFINDEX), 0);
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), 0);
	assert_int_equal(found.id, fresh.id);
	assert_int_not_equal(found.id, old.id);
	assert_int_equal(state_read_vip(&found, &vip, &counts), 0);
	assert_int_equal(program_detach(&found, LO_IFINDEX), 0);
	program_close(&found);
	program_close(&fresh);
	program_close(&old);
}

static void test_foreign_program(void **state)
{
	struct program_holder holder;
	struct program program;
	int fd = attach_foreign("someone");

	(void)state;
	assert_int_equal(program_find(LO_IFINDEX, &program, &holder), -EBUSY);
	assert_string_equal(holder.name, "someone");
	assert_int_equal(program_load(&program, NULL, false), 0);
	assert_int_not_equal(program_attach(&program, LO_IFINDEX, PROGRAM_GENERIC), 0);
	program_close(&program);
	assert_int_equal(bpf_xdp_detach(LO_IFINDEX, XDP_FLAGS_SKB_MODE, NULL), 0);
	close(fd);
}

static void test_same_name_other_maps(void **state)
{
	struct program_holder holder;
	struct program program;
	int fd = attach_foreign(LB_UNWRAP_PROG_NAME);

	(void)state;
	assert_int_equal(program_find(LO_IFINDEX, &program, &holder), -EPROTO);
	assert_int_equal(bpf_xdp_detach(LO_IFINDEX, XDP_FLAGS_SKB_MODE, NULL), 0);
	close(fd);
}

static void test_other_version(void **state)
{
	struct program_holder holder;
	struct program mine, found;

	(void)state;
	attach_ours(&mine);
	state_buffer.abi = LB_UNWRAP_ABI + 1;
	assert_int_equal(state_store(&mine, &state_buffer), 0);
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), -EPROTO);
	state_buffer.abi = LB_UNWRAP_ABI;
	state_buffer.vip_count = LB_UNWRAP_VIP_SLOTS + 1;
	assert_int_equal(state_store(&mine, &state_buffer), 0);
	assert_int_equal(state_load(&mine, &state_buffer), -EPROTO);
	assert_int_equal(program_detach(&mine, LO_IFINDEX), 0);
	program_close(&mine);
}

/* A map of counters as the first version had it, with something in each. Return: its descriptor. */
static int old_counts_make(void)
{
	int cpus = libbpf_num_possible_cpus();
	struct lb_unwrap_count *values;
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, LB_UNWRAP_COUNTS_MAP, sizeof(__u32),
				sizeof(*values), LB_UNWRAP_REASONS_FIRST, NULL);

	assert_true(fd >= 0 && cpus > 0);
	values = calloc((size_t)cpus, sizeof(*values));
	assert_non_null(values);
	for (__u32 key = 0; key < LB_UNWRAP_REASONS_FIRST; key++) {
		values[cpus - 1].pkts = key + 1;
		values[0].bytes = 100 + key;
		assert_int_equal(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
	}
	free(values);
	return fd;
}

/* Ours by its name and maps, of which @counts_fd replaces one. Return: its descriptor. */
static int attach_old(const struct program *maps, int counts_fd)
{
	const int fds[] = { maps->state_fd, maps->vips_fd, maps->from_fd, counts_fd };
	struct bpf_insn insns[2 * 4 + 2] = {};
	int fd;

	for (int i = 0; i < 4; i++)
		insns[2 * i] = (struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM,
						  .dst_reg = BPF_REG_1,
						  .src_reg = BPF_PSEUDO_MAP_FD,
						  .imm = fds[i] };
	insns[8] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
				      .dst_reg = BPF_REG_0,
				      .imm = XDP_PASS };
	insns[9] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, LB_UNWRAP_PROG_NAME, "GPL", insns, 10, NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach(LO_IFINDEX, fd, XDP_FLAGS_SKB_MODE, NULL), 0);
	return fd;
}

/* A version with fewer reasons is found, read and replaced; what it has counted stays. */
static void test_fewer_reasons(void **state)
{
	int counts_fd = old_counts_make(), old_fd;
	struct program maps, found, fresh;
	struct program_holder holder;
	struct lb_unwrap_count count;

	(void)state;
	assert_int_equal(program_load(&maps, NULL, false), 0);
	state_init(&state_buffer);
	state_buffer.gue_port = 0; /* the field was not there */
	assert_int_equal(state_store(&maps, &state_buffer), 0);
	old_fd = attach_old(&maps, counts_fd);
	assert_int_equal(program_find(LO_IFINDEX, &found, &holder), 0);
	assert_int_equal(found.n_counts, LB_UNWRAP_REASONS_FIRST);
	assert_int_equal(state_read_count(&found, LB_UNWRAP_GUE_HEADER, &count), 0);
	assert_int_equal(count.pkts, 0);

	assert_int_equal(program_load(&fresh, &found, false), 0);
	assert_int_equal(state_copy_counts(&found, &fresh), 0);
	assert_int_equal(program_replace(&fresh, LO_IFINDEX, &found), 0);
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++) {
		bool was = i < LB_UNWRAP_REASONS_FIRST;

		assert_int_equal(state_read_count(&fresh, i, &count), 0);
		assert_int_equal(count.pkts, was ? i + 1 : 0);
		assert_int_equal(count.bytes, was ? 100 + i : 0);
	}
	assert_int_equal(program_detach(&fresh, LO_IFINDEX), 0);
	program_close(&fresh);
	program_close(&found);
	program_close(&maps);
	close(old_fd);
	close(counts_fd);
}

static void test_no_such_interface(void **state)
{
	struct program_holder holder;
	struct program program;

	(void)state;
	assert_int_not_equal(program_find(4711, &program, &holder), 0);
	assert_int_equal(program_load(&program, NULL, false), 0);
	assert_int_not_equal(program_attach(&program, 4711, PROGRAM_GENERIC), 0);
	program_close(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_replaced_with_its_maps),
		cmocka_unit_test(test_foreign_program),
		cmocka_unit_test(test_same_name_other_maps),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_fewer_reasons),
		cmocka_unit_test(test_no_such_interface),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP loading BPF needs root");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, NULL);
}

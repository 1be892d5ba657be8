/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel that refuses the XDP program: one sentence for the operator, the verifier's log in a
 * file, nothing of it on the terminal. The program is spoilt on its way to the kernel.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/loader.h"
#include "tests/support/xdp_fixture.h"

static char dir[] = "/tmp/sluice-refused.XXXXXX";
static char log_path[sizeof(dir) + 16];

static bool is_spoilt = true;

/* Reads far behind the context. */
static int spoil(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct bpf_insn code[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .src_reg = 1, .off = 4096 },
		{ .code = BPF_JMP | BPF_EXIT }
	};

	(void)cookie;
	if (!is_spoilt)
		return 0;
	opts->func_info_cnt = 0;
	opts->line_info_cnt = 0;
	return bpf_program__set_insns(prog, code, sizeof(code) / sizeof(code[0]));
}

static int setup(void **state)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = spoil);

	(void)state;
	xdp_fixture_namespaces();
	if (!mkdtemp(dir))
		return -1;
	snprintf(log_path, sizeof(log_path), "%s/verifier.log", dir);
	return libbpf_register_prog_handler("xdp", BPF_PROG_TYPE_XDP, BPF_XDP, &opts) < 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(log_path);
	return rmdir(dir);
}

/* Open an object that will be refused. Return: bytes that came on stderr meanwhile. */
static long open_refused(struct xdp_object *o, const char *log)
{
	const struct xdp_object_options opt = xdp_fixture_options(log);
	int terminal = dup(STDERR_FILENO);
	FILE *said = tmpfile();
	long bytes;
	int err;

	assert_non_null(said);
	assert_true(terminal >= 0 && dup2(fileno(said), STDERR_FILENO) >= 0);
	err = xdp_object_open(o, &opt);
	assert_true(dup2(terminal, STDERR_FILENO) >= 0);
	bytes = lseek(fileno(said), 0, SEEK_END);
	close(terminal);
	fclose(said);
	assert_true(err < 0);
	return bytes;
}

static void refusal_is_one_line_and_a_log_file(void **state)
{
	struct xdp_object o;
	char log[4096] = "";
	FILE *f;

	(void)state;
	assert_int_equal(open_refused(&o, log_path), 0);
	assert_non_null(strstr(o.why, "the kernel refuses the XDP program: Permission denied"));
	assert_non_null(strstr(o.why, log_path));
	assert_null(strchr(o.why, '\n'));
	f = fopen(log_path, "r");
	assert_non_null(f);
	assert_true(fread(log, 1, sizeof(log) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(log, "invalid bpf_context access off=4096"));
}

static void no_file_that_is_not_there_is_promised(void **state)
{
	struct xdp_object o;

	(void)state;
	assert_int_equal(open_refused(&o, "/nonexistent/verifier.log"), 0);
	assert_string_equal(o.why, "the kernel refuses the XDP program: Permission denied");
}

/* Flows of before are lost only to a program that runs. */
static void pinned_tables_stay(void **state)
{
	struct xdp_object_options opt = xdp_fixture_options(log_path);
	struct xdp_object o;

	(void)state;
	is_spoilt = false;
	assert_int_equal(xdp_object_open(&o, &opt), 0);
	o.control->generation[0].generation = 77;
	xdp_object_close(&o);
	for (int i = 0; i < 2; i++) {
		opt = xdp_fixture_options(log_path);
		opt.flows *= i ? 1 : 2;
		opt.anew = i;
		is_spoilt = true;
		assert_true(xdp_object_open(&o, &opt) < 0);
		is_spoilt = false;
		opt = xdp_fixture_options(log_path);
		assert_int_equal(xdp_object_open(&o, &opt), 0);
		assert_true(o.adopted);
		assert_int_equal(o.control->generation[0].generation, 77);
		xdp_object_close(&o);
	}
	opt.anew = true;
	assert_int_equal(xdp_object_open(&o, &opt), 0);
	assert_false(o.adopted);
	assert_int_equal(o.control->generation[0].generation, 0);
	xdp_hook_detach(&o, 0);
	xdp_object_close(&o);
	is_spoilt = true;
}

/* What was never loaded leaves nothing that a later start would take for a table. */
static void nothing_is_pinned(void **state)
{
	struct xdp_object_options opt = xdp_fixture_options(log_path);
	struct xdp_object o;

	(void)state;
	assert_true(xdp_object_open(&o, &opt) < 0);
	assert_int_equal(rmdir(opt.pin_dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusal_is_one_line_and_a_log_file),
		cmocka_unit_test(no_file_that_is_not_there_is_promised),
		cmocka_unit_test(pinned_tables_stay),
		cmocka_unit_test(nothing_is_pinned),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

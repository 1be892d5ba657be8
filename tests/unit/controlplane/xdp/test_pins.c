/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of pins and its lock, in a mount namespace of this process's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/xdp/pins.h"
#include "tests/support/xdp_fixture.h"

#define PORT "lbx0"
#define FOLDER LB_PIN_ROOT "/sluice-" PORT

static int removals; /* to come, each between an open and its lock */

/* In the place of libc's: another process's detach ends at the worst moment. */
int flock(int fd, int operation)
{
	if (removals > 0) {
		removals--;
		assert_int_equal(rmdir(FOLDER), 0);
	}
	return (int)syscall(SYS_flock, fd, operation);
}

static int bpffs(void **state)
{
	(void)state;
	xdp_fixture_namespaces();
	return 0;
}

static bool is_claimed(void)
{
	int fd = xdp_pins_claim(PORT);

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

static void claim_is_exclusive(void **state)
{
	int fd = xdp_pins_claim(PORT);

	(void)state;
	assert_true(fd >= 0);
	assert_true(is_claimed());
	close(fd);
	assert_false(is_claimed());
}

static void claimed_directory_exists(void **state)
{
	int fd;

	(void)state;
	for (int n = 1; n <= 3; n++) {
		removals = n;
		fd = xdp_pins_claim(PORT);
		assert_true(fd >= 0);
		assert_int_equal(removals, 0);
		assert_int_equal(access(FOLDER, F_OK), 0);
		assert_true(is_claimed());
		close(fd);
	}
}

/* bpffs does not allow dots; no two ports share a directory. */
static void names_with_dots_have_a_directory(void **state)
{
	static const char *const ports[] = { "eth0.100", "bond0.908", "eth0_100", "eth0%2e100",
					     "a.very.long.alternative.name.of.an.interface" };
	char path[LB_PIN_DIR_MAX];
	int fd[5];

	(void)state;
	lb_pin_dir("eth0", path);
	assert_string_equal(path, "/sys/fs/bpf/sluice-eth0");
	lb_pin_dir("eth0.100", path);
	assert_string_equal(path, "/sys/fs/bpf/sluice-eth0%2e100");
	for (size_t i = 0; i < 5; i++) {
		fd[i] = xdp_pins_claim(ports[i]);
		assert_true(fd[i] >= 0);
	}
	for (size_t i = 0; i < 5; i++)
		close(fd[i]);
}

/* A failed query must not be taken for "no program". */
static void no_descriptors_means_no_answer(void **state)
{
	struct rlimit before, none;
	uint32_t index = 0;

	(void)state;
	assert_int_equal(xdp_pins_ifindex(PORT, &index), -ENODEV);
	assert_int_equal(xdp_pins_carry(PORT, 1), 0);
	xdp_fixture_command("mkdir -p " FOLDER " && bpftool map create " FOLDER "/" LB_PIN_LINK
			    " type array key 4 value 4 entries 1 name x");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(xdp_pins_ifindex(PORT, &index), -EMFILE);
	assert_int_equal(xdp_pins_carry(PORT, 1), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim_is_exclusive),
		cmocka_unit_test(claimed_directory_exists),
		cmocka_unit_test(names_with_dots_have_a_directory),
		cmocka_unit_test(no_descriptors_means_no_answer),
	};

	return cmocka_run_group_tests(tests, bpffs, NULL);
}

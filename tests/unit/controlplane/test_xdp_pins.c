/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of pins and its lock, in a mount namespace of this process's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/xdp_pins.h"
#include "tests/unit/controlplane/xdp_fixture.h"

#define PORT "lbx0"
#define FOLDER XDP_PINS_ROOT "/sluice-" PORT

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

static void one_has_it(void **state)
{
	int fd = xdp_pins_claim(PORT);

	(void)state;
	assert_true(fd >= 0);
	assert_true(is_claimed());
	close(fd);
	assert_false(is_claimed());
}

static void what_is_locked_is_there(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_has_it),
		cmocka_unit_test(what_is_locked_is_there),
	};

	return cmocka_run_group_tests(tests, bpffs, NULL);
}

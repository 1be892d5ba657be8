/* SPDX-License-Identifier: BSD-3-Clause */
/* What nobody can have meant is refused before anything is touched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/detach.h"
#include "controlplane/sluiced.h"

static void only_names_of_interfaces(void **state)
{
	static char too_long[129]; /* an alternative name has 127 characters at most */
	static const char *const names[] = { "", ".", "..", "../x", "eth0/x", too_long, "eth 0" };

	(void)state;
	memset(too_long, 'e', sizeof(too_long) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct sluiced sluiced = { .detach_port = names[i] };

		assert_int_equal(detach_run(&sluiced), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_names_of_interfaces),
	};

	log_set_level(LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

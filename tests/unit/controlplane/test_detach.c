/* SPDX-License-Identifier: BSD-3-Clause */
/* What nobody can have meant is refused before anything is touched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include <cmocka.h>

#include "controlplane/detach.h"
#include "controlplane/log.h"
#include "controlplane/sluiced.h"

/* The kernel cuts a name at 15 characters; the port with the rest of it is another one. */
static void only_names_of_interfaces(void **state)
{
	static const char *const names[] = { "",     ".",      "..",
					     "../x", "eth0/x", "eth0123456789abc",
					     "eth 0" };

	(void)state;
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

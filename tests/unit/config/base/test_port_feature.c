/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked of a port by ethtool: on a veth pair in a network namespace of this process's own. */
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/port_feature.h"

static int namespace_make(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET) ||
	       system("ip link add two0 numrxqueues 2 numtxqueues 2 type veth peer name two1 &&"
		      "ip link add one0 type veth peer name one1");
}

static bool is_stripping(void)
{
	return system("ethtool -k two0 | grep -q '^rx-vlan-offload: on'") == 0;
}

static void queues_are_counted(void **state)
{
	(void)state;
	assert_int_equal(port_feature_queues("two0"), 2);
	assert_int_equal(port_feature_queues("one0"), 1);
	assert_int_equal(port_feature_queues("lo"), 1); /* its driver does not say */
	assert_int_equal(port_feature_queues("nosuchif0"), 1);
}

/* Who was killed could not undo it; the successor knows that it is to. */
static void tags_are_kept_and_given_back(void **state)
{
	char run_dir[] = "/tmp/port_feature.XXXXXX";
	uint32_t index = if_nametoindex("two0");

	(void)state;
	assert_non_null(mkdtemp(run_dir));
	assert_true(is_stripping());
	assert_false(port_feature_tags_noted(run_dir, index));
	assert_int_equal(port_feature_tags_keep("two0"), 1);
	port_feature_tags_note(run_dir, index);
	assert_false(is_stripping());
	assert_int_equal(port_feature_tags_keep("two0"), 0);
	assert_true(port_feature_tags_noted(run_dir, index));
	assert_false(port_feature_tags_noted(run_dir, index + 1));
	assert_int_equal(port_feature_tags_restore("two0"), 0);
	assert_true(is_stripping());
	port_feature_tags_note(run_dir, 0);
	assert_false(port_feature_tags_noted(run_dir, index));
	assert_int_equal(rmdir(run_dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_are_counted),
		cmocka_unit_test(tags_are_kept_and_given_back),
	};

	return cmocka_run_group_tests(tests, namespace_make, NULL);
}

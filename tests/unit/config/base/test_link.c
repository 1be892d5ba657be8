/* SPDX-License-Identifier: BSD-3-Clause */
/* Which interface it is: by whatever name, and when no descriptors are left. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/link.h"
#include "tests/support/patience.h"

#define LONG_NAME "a-name-of-more-than-fifteen-characters"

static struct netlink netlink;

static int interfaces(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET) ||
	       system("ip link add eth0.100 type veth peer name peer &&"
		      "ip link set eth0.100 up && ip link set peer up && ip link set lo up &&"
		      "ip link property add dev eth0.100 altname uplink0 altname " LONG_NAME) ||
	       netlink_open(&netlink);
}

static int end(void **state)
{
	(void)state;
	netlink_close(&netlink);
	return 0;
}

static void interface_is_found_by_any_name(void **state)
{
	static const char *const names[] = { "eth0.100", "uplink0", LONG_NAME };
	struct link_state link;
	char name[200] = "";

	(void)state;
	assert_true(COMES_TRUE(link_find(&netlink, "eth0.100", &link) == 0 && link.is_running));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&link, 0, sizeof(link));
		assert_int_equal(link_find(&netlink, names[i], &link), 0);
		assert_string_equal(link.name, "eth0.100");
		assert_int_equal(link.index, if_nametoindex("eth0.100"));
		assert_int_equal(link.mtu, 1500);
		assert_true(link.is_up && link.is_running && link.has_carrier);
		assert_false(link.has_xdp);
	}
	assert_int_equal(link_find(&netlink, "lo", &link), 0);
	assert_int_equal(link.mtu, UINT16_MAX); /* 65536 in the kernel */
	memset(name, 'a', sizeof(name) - 1);
	assert_int_equal(link_find(&netlink, name, &link), -ENODEV);
	assert_int_equal(link_find(&netlink, "eth0", &link), -ENODEV);
	assert_int_equal(link_read(&netlink, 0, &link), -ENODEV);
	assert_int_equal(link_read(&netlink, 12345, &link), -ENODEV);
}

static void changes_are_read_again(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x77 };
	struct link_state link;
	uint32_t index = if_nametoindex("eth0.100");

	(void)state;
	assert_int_equal(system("ip link set eth0.100 address 02:00:00:00:00:77 mtu 1400 && "
				"ip link set peer down && ip link set eth0.100 name wan"),
			 0);
	assert_int_equal(link_read(&netlink, index, &link), 0);
	assert_string_equal(link.name, "wan");
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_int_equal(link.mtu, 1400);
	assert_true(link.is_up);
	assert_false(link.has_carrier);
	assert_int_equal(system("ip link set wan name eth0.100 && ip link set peer up"), 0);
}

/* Without descriptors the state is unknown: neither "gone" nor anything else is reported. */
static void no_descriptors_means_no_answer(void **state)
{
	struct rlimit before, none;
	struct link_state link = { .index = 0 };
	uint32_t index = if_nametoindex("eth0.100");

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(0), -1);
	assert_int_equal(link_find(&netlink, "uplink0", &link), 0);
	assert_int_equal(link_read(&netlink, index, &link), 0);
	assert_int_equal(link.index, index);
	assert_int_equal(link_read(&netlink, 12345, &link), -ENODEV);
	assert_int_equal(link.index, index); /* left as it was */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_is_found_by_any_name),
		cmocka_unit_test(changes_are_read_again),
		cmocka_unit_test(no_descriptors_means_no_answer),
	};

	return cmocka_run_group_tests(tests, interfaces, end);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What announces an address, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/net/announce.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x99 };

static void test_arp(void **state)
{
	static const uint8_t expect[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	 0, 0,	 0,  0, 0x99, 0x08, 0x06, /* to all */
		0,    1,    0x08, 0,	6,    4,    0,	 1, /* a request, from and for the same address */
		2,    0,    0,	  0,	0,    0x99, 203, 0, 113, 10, 0, 0,    0,    0,	  0,
		0,    203,  0,	  113,	10,
	};
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	struct config_address address;

	(void)state;
	assert_int_equal(config_address_parse("203.0.113.10", &address), 0);
	assert_int_equal(announce_frame(frame, mac, &address), sizeof(expect));
	assert_memory_equal(frame, expect, sizeof(expect));
}

static void test_advertisement(void **state)
{
	static const uint8_t expect[] = {
		0x33, 0x33, 0,	  0,	0, 1,	 2,  0,	  0,	0,    0,    0x99, 0x86, 0xdd, /* to all nodes */
		0x60, 0,    0,	  0,	0, 32,	 58, 255, 0x20, 0x01, 0x0d, 0xb8, 0,	0x0f, 0,
		0,    0,    0,	  0,	0, 0,	 0,  0,	  0x10, 0xff, 0x02, 0,	  0,	0,    0,
		0,    0,    0,	  0,	0, 0,	 0,  0,	  0,	1,    136,  0,	  0,	0,    0x20,
		0,    0,    0, /* override, not solicited; the sum is checked below */
		0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, 0,  0,	  0,	0,    0,    0,	  0,	0,    0,
		0x10, 2,    1,	  2,	0, 0,	 0,  0,	  0x99,
	};
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	struct config_address address;
	uint32_t sum = 32 + 58;

	(void)state;
	assert_int_equal(config_address_parse("2001:db8:f::10", &address), 0);
	assert_int_equal(announce_frame(frame, mac, &address), sizeof(expect));
	/* RFC 4443, section 2.3: with the pseudo header all adds up to ones. */
	for (size_t i = 22; i < sizeof(expect); i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	frame[56] = 0;
	frame[57] = 0;
	assert_memory_equal(frame, expect, sizeof(expect));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_advertisement),
	};

	return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}

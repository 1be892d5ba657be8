/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C against its definition, bit by bit, for lengths with and without lanes, aligned or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/abi/lb_crc.h"

#define BYTES (9 * LB_CRC_LANE + 64)

static uint32_t bit_by_bit(const uint8_t *data, size_t bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < bytes; i++) {
		crc ^= data[i];
		for (uint32_t bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void test_known(void **state)
{
	(void)state;
	assert_int_equal(lb_crc32c("123456789", 9), 0xe3069283); /* RFC 3720's polynomial */
	assert_int_equal(lb_crc32c("", 0), 0);
}

static void test_lengths(void **state)
{
	static uint8_t data[BYTES];

	(void)state;
	for (uint32_t i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t bytes = 0; bytes < BYTES - 8; bytes += bytes < 64 ? 1 : 61)
		assert_int_equal(lb_crc32c(data + bytes % 8, bytes),
				 bit_by_bit(data + bytes % 8, bytes));
	for (size_t lanes = 1; lanes <= 9; lanes++)
		for (size_t bytes = lanes * LB_CRC_LANE - 9; bytes < lanes * LB_CRC_LANE + 9;
		     bytes++)
			assert_int_equal(lb_crc32c(data, bytes), bit_by_bit(data, bytes));
}

/* Each bit of a block of lanes counts. */
static void test_single_bits(void **state)
{
	static uint8_t data[3 * LB_CRC_LANE + 5];
	uint32_t whole = lb_crc32c(data, sizeof(data));

	(void)state;
	for (uint32_t bit = 0; bit < 8 * sizeof(data); bit += 7) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(lb_crc32c(data, sizeof(data)), whole);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_single_bits),
	};

	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}

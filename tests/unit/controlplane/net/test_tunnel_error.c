/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about tunnels: what is read of them, and what the client is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/net/tunnel_error.h"

#define MESSAGE_MAX 1280
#define OUTER_LEN 1500
#define PAYLOAD 700 /* bytes of the client's that a generous router quotes */

struct message {
	uint8_t bytes[MESSAGE_MAX];
	uint32_t len;
};

static const uint8_t node6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 5 };
static const uint8_t far6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 2, [15] = 0x11 };
static const uint8_t client6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0x0c, [15] = 7 };
static const uint8_t vip6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0x0f, [15] = 0x20 };
static const uint8_t node4[4] = { 10, 0, 0, 5 }, far4[4] = { 10, 2, 0, 11 };
static const uint8_t client4[4] = { 198, 51, 100, 7 }, vip4[4] = { 203, 0, 113, 20 };

/* RFC 1071 in its plainest form, apart from the core's. */
static uint16_t sum_of(const uint8_t *p, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint32_t put_ip4(uint8_t *p, const uint8_t *from, const uint8_t *to, uint8_t proto,
			uint32_t len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, len);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, from, 4);
	memcpy(p + 16, to, 4);
	return 20;
}

static uint32_t put_ip6(uint8_t *p, const uint8_t *from, const uint8_t *to, uint8_t next,
			uint32_t len)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, len - 40);
	p[6] = next;
	p[7] = 64;
	memcpy(p + 8, from, 16);
	memcpy(p + 24, to, 16);
	return 40;
}

static void message_sum(struct message *m)
{
	put16(m->bytes + 2, 0);
	put16(m->bytes + 2, (uint16_t)~sum_of(m->bytes, m->len, 0));
}

/* From a router, about a tunnel packet of OUTER_LEN bytes with a client's TCP packet in it. */
static void message_make(struct message *m, uint8_t outer, uint8_t inner, uint8_t type,
			 uint8_t code, uint32_t mtu)
{
	uint32_t at = 8, inner_len;

	memset(m, 0, sizeof(*m));
	m->bytes[0] = type;
	m->bytes[1] = code;
	put16(m->bytes + 4, mtu >> 16);
	put16(m->bytes + 6, mtu);
	if (outer == 4)
		at += put_ip4(m->bytes + at, node4, far4, inner == 4 ? 4 : 41, OUTER_LEN);
	else
		at += put_ip6(m->bytes + at, node6, far6, inner == 4 ? 4 : 41, OUTER_LEN);
	inner_len = OUTER_LEN - (at - 8);
	if (inner == 4)
		at += put_ip4(m->bytes + at, client4, vip4, 6, inner_len);
	else
		at += put_ip6(m->bytes + at, client6, vip6, 6, inner_len);
	put16(m->bytes + at, 40000);
	put16(m->bytes + at + 2, 443);
	for (uint32_t i = 4; i < PAYLOAD; i++)
		m->bytes[at + i] = (uint8_t)i;
	m->len = at + PAYLOAD;
	message_sum(m);
}

/* The same in UDP and GUE. */
static void message_make_gue(struct message *m, uint8_t outer, uint8_t inner, uint8_t type,
			     uint8_t code, uint32_t mtu)
{
	uint8_t *ip = m->bytes + 8, *udp = ip + (outer == 4 ? 20 : 40);

	message_make(m, outer, inner, type, code, mtu);
	ip[outer == 4 ? 9 : 6] = 17;
	memmove(udp + 12, udp, m->len - (uint32_t)(udp - m->bytes));
	put16(udp, 0xc123);
	put16(udp + 2, 6080);
	put16(udp + 4, OUTER_LEN - (outer == 4 ? 20 : 40));
	put16(udp + 6, 0);
	put16(udp + 8, inner == 4 ? 4 : 41);
	put16(udp + 10, 0);
	put16(udp + 12 + (inner == 4 ? 2 : 4),
	      OUTER_LEN - (outer == 4 ? 20 : 40) - 12 - (inner == 4 ? 0 : 40));
	m->len += 12;
	message_sum(m);
}

static void entry_make(struct lb_instance *entry, uint8_t family)
{
	uint8_t *ip = entry->header + sizeof(struct lb_eth);

	*entry = (struct lb_instance){ .mtu = 1500 };
	if (family == 6)
		entry->flags = LB_INSTANCE_OUTER6;
	if (family == 4)
		put_ip4(ip, node4, far4, 4, 0);
	else
		put_ip6(ip, node6, far6, 4, 40);
}

static void test_too_big(void **state)
{
	static const uint8_t families[][2] = { { 4, 4 }, { 4, 6 }, { 6, 4 }, { 6, 6 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t outer = families[i][0], inner = families[i][1];
		struct lb_instance entry, other;
		struct tunnel_error error;
		struct lb_meta meta;
		struct message m;

		message_make(&m, outer, inner, outer == 4 ? 3 : 2, outer == 4 ? 4 : 0, 1400);
		assert_true(tunnel_error_read(outer, m.bytes, m.len, &error));
		assert_true(error.is_too_big);
		assert_int_equal(error.mtu_bytes, 1400);
		assert_int_equal(error.inner_family, inner);
		assert_int_equal(error.port, 0);
		assert_int_equal(error.tunnel_len, outer == 4 ? 20 : 40);
		entry_make(&entry, outer);
		entry_make(&other, outer == 4 ? 6 : 4);
		assert_true(tunnel_error_is_of(&error, &entry));
		assert_false(tunnel_error_is_of(&error, &other));
		entry.header[(outer == 4 ? 34 : 54) - 1] ^= 1; /* another instance */
		assert_false(tunnel_error_is_of(&error, &entry));
		entry_make(&entry, outer);
		entry.header[sizeof(struct lb_eth) + (outer == 4 ? 15 : 23)] ^=
			1; /* another node */
		assert_false(tunnel_error_is_of(&error, &entry));

		assert_int_equal(tunnel_error_inner(&error, &meta),
				 OUTER_LEN - (outer == 4 ? 20 : 40));
		assert_int_equal(meta.family, inner);
		assert_int_equal(meta.proto, 6);
		assert_int_equal(lb_be16_to_cpu(meta.client_port), 40000);
		assert_int_equal(lb_be16_to_cpu(meta.vip_port), 443);
		assert_memory_equal(&meta.client4, inner == 4 ? client4 : client6,
				    inner == 4 ? 4 : 16);
		assert_memory_equal(inner == 4 ? (const void *)&meta.vip4 : meta.vip6,
				    inner == 4 ? vip4 : vip6, inner == 4 ? 4 : 16);
	}
}

/* Sources of tunnels may be a prefix: 10.0.0.0/16 there, 10.0.0.5 in the quote. */
static void test_sources(void **state)
{
	struct tunnel_error error;
	struct lb_instance entry;
	struct message m;

	(void)state;
	entry_make(&entry, 4);
	entry.header[sizeof(struct lb_eth) + 15] = 0;
	entry.source_mask = lb_cpu_to_be32(0xffff);
	message_make(&m, 4, 4, 3, 4, 1400);
	assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
	assert_true(tunnel_error_is_of(&error, &entry));
	entry.header[sizeof(struct lb_eth) + 13] = 1; /* 10.1.0.0/16 */
	assert_false(tunnel_error_is_of(&error, &entry));
}

/* Each row: is it an error that says something of the way, and is that "too big"? */
static void test_kinds(void **state)
{
	static const struct {
		uint8_t family, type, code;
		bool counts, is_too_big;
	} rows[] = {
		{ 4, 3, 0, true, false },  { 4, 3, 1, true, false },  { 4, 3, 2, true, false },
		{ 4, 3, 3, false, false }, { 4, 3, 4, true, true },   { 4, 3, 5, false, false },
		{ 4, 3, 13, true, false }, { 4, 11, 0, true, false }, { 4, 11, 1, false, false },
		{ 4, 4, 0, false, false }, { 4, 5, 1, false, false }, { 4, 12, 0, false, false },
		{ 4, 0, 0, false, false }, { 6, 1, 0, true, false },  { 6, 1, 3, true, false },
		{ 6, 1, 4, false, false }, { 6, 2, 0, true, true },   { 6, 3, 0, true, false },
		{ 6, 3, 1, false, false }, { 6, 4, 0, false, false }, { 6, 129, 0, false, false },
	};
	struct tunnel_error error;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message_make(&m, rows[i].family, 4, rows[i].type, rows[i].code, 1400);
		assert_int_equal(tunnel_error_read(rows[i].family, m.bytes, m.len, &error),
				 rows[i].counts);
		if (rows[i].counts)
			assert_int_equal(error.is_too_big, rows[i].is_too_big);
	}
}

/* A packet that fits is not too big; a router that names no MTU means the next plateau. */
static void test_mtu(void **state)
{
	static const struct {
		uint32_t said, is; /* 0: not believed */
	} rows[] = { { 1499, 1499 }, { 1500, 0 }, { 9000, 0 }, { 0, 1492 }, { 68, 68 } };
	struct tunnel_error error;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message_make(&m, 4, 4, 3, 4, rows[i].said);
		assert_int_equal(tunnel_error_read(4, m.bytes, m.len, &error), rows[i].is != 0);
		if (rows[i].is)
			assert_int_equal(error.mtu_bytes, rows[i].is);
	}
	message_make(&m, 6, 6, 2, 0, 0x10000);
	assert_false(tunnel_error_read(6, m.bytes, m.len, &error));
}

/* RFC 792 promises 8 bytes of the inner packet: the MTU is learned, the client isn't known. */
static void test_short_quotes(void **state)
{
	struct tunnel_error error;
	struct lb_meta meta;
	struct message m;

	(void)state;
	message_make(&m, 4, 4, 3, 4, 1400);
	m.len = 8 + 20 + 8;
	message_sum(&m);
	assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
	assert_int_equal(error.mtu_bytes, 1400);
	assert_int_equal(tunnel_error_inner(&error, &meta), 0);
	m.len = 8 + 20 + 20 + 7;
	message_sum(&m);
	assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
	assert_int_equal(tunnel_error_inner(&error, &meta), 0);
	m.len = 8 + 20 + 20 + 8;
	message_sum(&m);
	assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
	assert_int_equal(tunnel_error_inner(&error, &meta), OUTER_LEN - 20);
	for (uint32_t outer = 4; outer <= 6; outer += 2)
		for (uint32_t len = 0; len < 8 + (outer == 4 ? 20u : 40u); len++) {
			uint8_t whole[64]; /* so that a sanitizer sees reads beyond */

			message_make(&m, (uint8_t)outer, 4, outer == 4 ? 3 : 2, outer == 4 ? 4 : 0,
				     1400);
			m.len = len;
			if (len >= 4)
				message_sum(&m);
			memcpy(whole, m.bytes, len);
			assert_false(tunnel_error_read((uint8_t)outer, whole, len, &error));
		}
}

static void test_not_ours(void **state)
{
	static const struct {
		uint32_t at; /* of the message */
		uint8_t value;
	} spoils[] = {
		{ 8, 0x55 },  /* outer: no IPv4 */
		{ 8, 0x46 },  /* outer: options, which nobody here writes */
		{ 8 + 9, 6 }, /* outer: no tunnel */
		{ 8 + 7, 1 }, /* outer: a later fragment */
	};
	static const struct {
		uint32_t at;
		uint8_t value;
	} inner_spoils[] = {
		{ 28, 0x65 },	  /* no IPv4 */
		{ 28, 0x44 },	  /* header too short */
		{ 28 + 9, 1 },	  /* ICMP: no error about it */
		{ 28 + 7, 1 },	  /* a later fragment */
		{ 28 + 12, 127 }, /* from loopback */
	};
	struct tunnel_error error;
	struct lb_meta meta;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		message_make(&m, 4, 4, 3, 4, 1400);
		m.bytes[spoils[i].at] = spoils[i].value;
		message_sum(&m);
		assert_false(tunnel_error_read(4, m.bytes, m.len, &error));
	}
	for (size_t i = 0; i < sizeof(inner_spoils) / sizeof(inner_spoils[0]); i++) {
		message_make(&m, 4, 4, 3, 4, 1400);
		m.bytes[inner_spoils[i].at] = inner_spoils[i].value;
		message_sum(&m);
		assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
		assert_int_equal(tunnel_error_inner(&error, &meta), 0);
	}
	message_make(&m, 4, 4, 3, 4, 1400);
	m.bytes[100] ^= 1; /* the checksum is wrong */
	assert_false(tunnel_error_read(4, m.bytes, m.len, &error));
}

static void answer_check(uint8_t family, const uint8_t *answer, uint32_t len, const uint8_t *want8)
{
	uint32_t header = family == 4 ? 20 : 40, icmp_len = len - header;
	uint32_t pseudo = family == 4 ? 0 : 58u + icmp_len;

	if (family == 4) {
		assert_int_equal(answer[0], 0x45);
		assert_int_equal(answer[2] << 8 | answer[3], len);
		assert_int_equal(answer[9], 1);
		assert_memory_equal(answer + 12, vip4, 4);
		assert_memory_equal(answer + 16, client4, 4);
		assert_int_equal(sum_of(answer, 20, 0), 0xffff);
	} else {
		assert_int_equal(answer[0], 0x60);
		assert_int_equal(answer[4] << 8 | answer[5], icmp_len);
		assert_int_equal(answer[6], 58);
		assert_memory_equal(answer + 8, vip6, 16);
		assert_memory_equal(answer + 24, client6, 16);
		pseudo += sum_of(answer + 8, 32, 0);
	}
	assert_int_equal(sum_of(answer + header, icmp_len, pseudo), 0xffff);
	assert_memory_equal(answer + header, want8, 2);
	assert_memory_equal(answer + header + 4, want8 + 4, 4);
}

static void test_answers(void **state)
{
	static const struct {
		uint8_t outer, inner, type, code;
		uint8_t want[8]; /* of the ICMP header, but for the checksum */
	} rows[] = {
		{ 4, 4, 3, 4, { 3, 4, 0, 0, 0, 0, 0x05, 0x64 } },
		{ 4, 6, 3, 4, { 2, 0, 0, 0, 0, 0, 0x05, 0x64 } },
		{ 6, 4, 2, 0, { 3, 4, 0, 0, 0, 0, 0x05, 0x64 } },
		{ 6, 6, 2, 0, { 2, 0, 0, 0, 0, 0, 0x05, 0x64 } },
		{ 4, 4, 3, 2, { 3, 1, 0, 0, 0, 0, 0, 0 } },
		{ 4, 6, 11, 0, { 1, 3, 0, 0, 0, 0, 0, 0 } },
		{ 6, 4, 3, 0, { 3, 1, 0, 0, 0, 0, 0, 0 } },
		{ 6, 6, 1, 0, { 1, 3, 0, 0, 0, 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t answer[TUNNEL_ERROR_ANSWER_MAX];
		uint32_t header = rows[i].inner == 4 ? 20 : 40, quoted, len;
		struct tunnel_error error;
		struct lb_meta meta;
		struct message m;

		message_make(&m, rows[i].outer, rows[i].inner, rows[i].type, rows[i].code, 1400);
		assert_true(tunnel_error_read(rows[i].outer, m.bytes, m.len, &error));
		assert_true(tunnel_error_inner(&error, &meta) > 0);
		len = tunnel_error_answer(&error, &meta, 1380, answer);
		answer_check(rows[i].inner, answer, len, rows[i].want);
		quoted = len - header - 8;
		/* RFC 1812: 576 bytes in all; else all that the router has quoted */
		assert_int_equal(quoted, rows[i].inner == 4 ? 548 : PAYLOAD + 40);
		assert_memory_equal(answer + header + 8, error.inner, quoted);
	}
}

static void test_gue(void **state)
{
	static const uint8_t families[][2] = { { 4, 4 }, { 4, 6 }, { 6, 4 }, { 6, 6 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t outer = families[i][0], inner = families[i][1];
		uint8_t answer[TUNNEL_ERROR_ANSWER_MAX];
		uint8_t want4[8] = { 3, 4, 0, 0, 0, 0, 0x05, 0x64 };
		uint8_t want6[8] = { 2, 0, 0, 0, 0, 0, 0x05, 0x64 };
		uint32_t tunnel_len = (outer == 4 ? 20 : 40) + 12, len;
		struct tunnel_error error;
		struct lb_instance entry;
		struct lb_meta meta;
		struct message m;

		message_make_gue(&m, outer, inner, outer == 4 ? 3 : 2, outer == 4 ? 4 : 0, 1400);
		assert_true(tunnel_error_read(outer, m.bytes, m.len, &error));
		assert_int_equal(lb_be16_to_cpu(error.port), 6080);
		assert_int_equal(error.tunnel_len, tunnel_len);
		assert_int_equal(error.mtu_bytes, 1400);
		assert_int_equal(error.inner_family, inner);
		entry_make(&entry, outer);
		assert_true(tunnel_error_is_of(&error, &entry));
		assert_int_equal(tunnel_error_inner(&error, &meta), OUTER_LEN - tunnel_len);
		assert_int_equal(lb_be16_to_cpu(meta.client_port), 40000);
		assert_int_equal(lb_be16_to_cpu(meta.vip_port), 443);
		len = tunnel_error_answer(&error, &meta, 1380, answer);
		answer_check(inner, answer, len, inner == 4 ? want4 : want6);

		/* nobody unwraps it: the instance has no such port */
		message_make_gue(&m, outer, inner, outer == 4 ? 3 : 1, outer == 4 ? 3 : 4, 0);
		assert_true(tunnel_error_read(outer, m.bytes, m.len, &error));
		assert_false(error.is_too_big);
	}
}

/* 8 bytes are the UDP header: the path is known, neither family nor client are. */
static void test_gue_short_quotes(void **state)
{
	struct tunnel_error error;
	struct lb_meta meta;
	struct message m;

	(void)state;
	for (uint32_t behind = 0; behind < 12 + 20 + 8; behind++) {
		message_make_gue(&m, 4, 4, 3, 4, 1400);
		m.len = 8 + 20 + behind;
		message_sum(&m);
		assert_int_equal(tunnel_error_read(4, m.bytes, m.len, &error), behind >= 8);
		if (behind < 8)
			continue;
		assert_int_equal(lb_be16_to_cpu(error.port), 6080);
		assert_int_equal(error.mtu_bytes, 1400);
		assert_int_equal(tunnel_error_inner(&error, &meta), 0);
	}
	message_make_gue(&m, 4, 4, 3, 4, 1400);
	m.len = 8 + 20 + 12 + 20 + 8;
	message_sum(&m);
	assert_true(tunnel_error_read(4, m.bytes, m.len, &error));
	assert_int_equal(tunnel_error_inner(&error, &meta), OUTER_LEN - 32);
}

/* What the dataplane does not write is somebody else's. */
static void test_gue_not_ours(void **state)
{
	static const struct {
		uint32_t at; /* of UDP */
		uint8_t value;
	} spoils[] = {
		{ 8, 0x40 },  /* variant 1 */
		{ 8, 0x20 },  /* a control message */
		{ 8, 0x01 },  /* options */
		{ 9, 6 },     /* neither IPv4 nor IPv6 */
		{ 10, 0x80 }, /* flags */
		{ 11, 0x01 },
	};
	struct tunnel_error error;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		message_make_gue(&m, 4, 4, 3, 4, 1400);
		m.bytes[28 + spoils[i].at] = spoils[i].value;
		message_sum(&m);
		assert_false(tunnel_error_read(4, m.bytes, m.len, &error));
	}
	message_make_gue(&m, 4, 4, 3, 4, 1400);
	put16(m.bytes + 28 + 2, 0);
	message_sum(&m);
	assert_false(tunnel_error_read(4, m.bytes, m.len, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_short_quotes),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_gue),
		cmocka_unit_test(test_gue_short_quotes),
		cmocka_unit_test(test_gue_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

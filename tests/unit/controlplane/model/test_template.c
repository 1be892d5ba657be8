/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/template.h"

static const struct template_source source = {
	.mac = { 0x02, 0, 0, 0, 0, 0x01 },
	.addr4 = { .family = 4, .bytes = { 10, 0, 0, 5 } },
	.addr6 = { .family = 6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 5 } },
};

static const uint8_t hop[LB_ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0xfe };

static void test_ipv4(void **state)
{
	static const uint8_t want[34] = {
		0x02, 0, 0, 0, 0,  0xfe, 0x02, 0, 0,  0, 0,    0x01, 0x08, 0x00, /* Ethernet */
		0x45, 0, 0, 0, 0,  0,	 0x40, 0, 64, 4, 0x25, 0xf5, /* IPv4, DF, IPIP */
		10,   0, 0, 5, 10, 0,	 1,    1,
	};
	const struct config_address to = { .family = 4, .bytes = { 10, 0, 1, 1 } };
	struct lb_instance instance = { .flags = LB_INSTANCE_SERVES, .pool = 3 };

	(void)state;
	template_write(&instance, &source, &to, hop);
	assert_memory_equal(instance.header, want, sizeof(want));
	assert_int_equal(instance.flags, LB_INSTANCE_SERVES);
	assert_int_equal(instance.pool, 3);
	/* a receiver's check of the header, RFC 1071 */
	assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum((const struct lb_ipv4 *)(want + 14))),
			 0xffff);
}

static void test_ipv6(void **state)
{
	static const uint8_t want[54] = {
		0x02, 0,    0,	  0,	0, 0xfe, 0x02, 0,  0, 0, 0, 0x01, 0x86, 0xdd, /* Ethernet */
		0x60, 0,    0,	  0,	0, 0,	 4,    64, /* IPv6, IPIP */
		0x20, 0x01, 0x0d, 0xb8, 0, 0,	 0,    0,  0, 0, 0, 0,	  0,	0,    0, 5,
		0xfd, 0,    0,	  0,	0, 0,	 0,    0,  0, 0, 0, 0,	  0,	0,    0, 9,
	};
	const struct config_address to = { .family = 6, .bytes = { 0xfd, [15] = 9 } };
	struct lb_instance instance;

	(void)state;
	memset(&instance, 0xaa, sizeof(instance));
	template_write(&instance, &source, &to, hop);
	assert_int_equal(instance.flags, (0xaa & ~LB_INSTANCE_TAGGED) | LB_INSTANCE_OUTER6);
	assert_memory_equal(instance.header, want, sizeof(want));
}

/* A network of sources: the template has its address, and the dataplane fills in the rest. */
static void test_sources(void **state)
{
	static const struct template_source wide = {
		.addr4 = { .family = 4, .bytes = { 10, 0, 0, 5 } },
		.addr6 = { .family = 6, .bytes = { 0x20, 0x01, [15] = 5 } },
		.tunnel4 = { .address = { .family = 4, .bytes = { 10, 255, 0, 0 } }, .length = 16 },
	};
	const struct config_address to4 = { .family = 4, .bytes = { 10, 0, 1, 1 } };
	const struct config_address to6 = { .family = 6, .bytes = { 0xfd, [15] = 9 } };
	struct lb_instance instance = { .flags = 0 };
	const struct lb_ipv4 *ip =
		(const struct lb_ipv4 *)(instance.header + sizeof(struct lb_eth));

	(void)state;
	template_write(&instance, &wide, &to4, hop);
	assert_memory_equal(&ip->src, wide.tunnel4.address.bytes, 4);
	assert_memory_equal(&instance.source_mask, ((uint8_t[]){ 0, 0, 255, 255 }), 4);
	assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum(ip)), 0xffff);
	template_write(&instance, &wide, &to6, hop);
	assert_int_equal(instance.source_mask, 0);
	template_write(&instance, &source, &to4, hop);
	assert_int_equal(instance.source_mask, 0);
}

/* On a trunk: the tag, and the source, of the network that the next hop is on. */
static void test_networks(void **state)
{
	static struct config_prefix there[] = {
		{ .address = { .family = 4, .bytes = { 10, 0, 20, 5 } }, .length = 24 },
	};
	static const struct config_network networks[] = {
		{ .vlan = 20, .addresses = there, .address_count = 1 },
		{ .vlan = 0, .addresses = there, .address_count = 1 },
	};
	const struct config_address to4 = { .family = 4, .bytes = { 10, 0, 20, 1 } };
	const struct config_address to6 = { .family = 6, .bytes = { 0xfd, [15] = 9 } };
	struct lb_instance instance = { .flags = LB_INSTANCE_SERVES };
	const struct lb_ipv4 *ip =
		(const struct lb_ipv4 *)(instance.header + sizeof(struct lb_eth));
	struct template_source with = source;

	(void)state;
	template_write(&instance, &source, &to4, hop);
	assert_int_equal(instance.vlan, LB_VLAN_KEEP);
	with.network = &networks[0];
	template_write(&instance, &with, &to4, hop);
	assert_int_equal(instance.vlan, LB_BE16(20));
	assert_int_equal(instance.flags, LB_INSTANCE_SERVES | LB_INSTANCE_TAGGED);
	assert_int_equal(template_vlan(&instance), 20);
	assert_memory_equal(&ip->src, there[0].address.bytes, 4);
	assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum(ip)), 0xffff);
	/* it has no address of that family there */
	template_write(&instance, &with, &to6, hop);
	assert_memory_equal(instance.header + 22, source.addr6.bytes, 16);
	with.network = &networks[1];
	template_write(&instance, &with, &to4, hop);
	assert_int_equal(instance.vlan, LB_VLAN_NONE);
	assert_int_equal(instance.flags, LB_INSTANCE_SERVES);
	assert_int_equal(template_vlan(&instance), 0);
}

static void test_read_back(void **state)
{
	static const struct config_address to[] = {
		{ .family = 4, .bytes = { 192, 0, 2, 7 } },
		{ .family = 6, .bytes = { 0x20, 0x01, [15] = 0x42 } },
	};
	struct lb_instance instance = { .flags = 0 };
	struct config_address back;
	uint8_t mac[LB_ETH_ALEN];

	(void)state;
	assert_int_equal(template_read(&instance, &back, mac), -EINVAL);
	for (uint32_t i = 0; i < 2; i++) {
		template_write(&instance, &source, &to[i], hop);
		assert_int_equal(template_read(&instance, &back, mac), 0);
		assert_true(config_address_equal(&back, &to[i]));
		assert_memory_equal(mac, hop, sizeof(mac));
	}
	memset(instance.header, 0, sizeof(instance.header));
	assert_int_equal(template_read(&instance, &back, mac), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),	  cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_sources),	  cmocka_unit_test(test_networks),
		cmocka_unit_test(test_read_back),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* From a translated connection back to its client: records made by the packet core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/flows/reverse.h"

#define NOW 500
#define ROOM 100 /* records of a space in a worker's memory */
#define SPACES 1 /* which all pairs of address and instance share */
#define PORT_FIRST 1024

struct fixture {
	struct lb_instance instances[3];
	struct flows_view view;
	struct reverse reverse;
};

static void address_put(uint8_t *to, const char *text)
{
	struct config_address address;

	assert_int_equal(config_address_parse(text, &address), 0);
	lb_store64(to, 0);
	lb_store64(to + 8, 0xffff0000u | (uint64_t)lb_load32(address.bytes) << 32);
}

static void instance_make(struct lb_instance *instance, const char *address)
{
	struct lb_eth *eth = (void *)instance->header;
	struct lb_ipv4 *ip = (void *)(instance->header + sizeof(*eth));
	struct config_address to;

	assert_int_equal(config_address_parse(address, &to), 0);
	eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
	lb_store32(&ip->dst, lb_load32(to.bytes));
}

static int setup(void **state)
{
	struct fixture *f = aligned_alloc(64, sizeof(*f));

	memset(f, 0, sizeof(*f));
	instance_make(&f->instances[0], "10.0.1.1");
	instance_make(&f->instances[1], "10.0.1.2");
	f->view.instances = (struct lb_instances){ f->instances, 3 };
	f->view.now = NOW;
	f->view.n_regions = 2;
	f->view.nat_params = (struct lb_nat_params){ .port_first = PORT_FIRST,
						     .port_last = PORT_FIRST + 2 * ROOM - 1 };
	for (uint32_t i = 0; i < 8; i++)
		f->view.nat_params.timeouts.ticks[i] = 100;
	address_put(f->view.nat_params.address[0], "10.0.0.32");
	address_put(f->view.nat_params.address[1], "10.0.0.33");
	f->view.nat_params.flags[0] = f->view.nat_params.flags[1] =
		LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t bytes = lb_nat_bytes(SPACES * ROOM);

		f->view.nat_memory[i] = lb_nat_memory_at(aligned_alloc(64, bytes));
		memset(f->view.nat_memory[i].area, 0, bytes);
	}
	flows_view_nat(&f->view, SPACES, ROOM);
	assert_non_null(f->view.nat.params);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->view.nat_memory[0].area);
	free(f->view.nat_memory[1].area);
	free(f);
	return 0;
}

/* As a worker gives a connection its port. Return: host order, and the NAT address. */
static uint16_t claim(struct fixture *f, uint32_t worker, const char *client, uint16_t port,
		      uint16_t instance, struct config_address *source)
{
	struct lb_nat nat = f->view.nat;
	struct lb_nat_flow flow = { .client_port = lb_cpu_to_be16(port),
				    .service = 7,
				    .instance = instance,
				    .hash = port * 0x9e3779b1u };
	const struct lb_addr to = lb_addr_instance(&f->instances[instance]);
	struct lb_nat_ref ref = { .record = NULL };
	enum lb_nat_was was;
	uint8_t bytes[16];

	address_put(bytes, client);
	flow.client = lb_addr_load(bytes);
	nat.worker = worker;
	for (uint32_t i = 0; i < lb_nat_addresses(&nat, to) && !ref.record; i++)
		ref = lb_nat_claim(&nat, &flow, to, i, NOW, &was);
	if (!ref.record) {
		fail_msg("no record");
		return 0;
	}
	ref.record->seen = NOW - 10;
	ref.record->state = LB_NAT_ESTABLISHED;
	*source = reverse_source(&f->view, ref.record->address);
	return lb_be16_to_cpu(lb_nat_port(&nat, ref.worker, ref.at));
}

static void expect_client(const struct reverse_found *found, const char *client, uint16_t port)
{
	struct config_address address = reverse_client(&found->record), expected;

	assert_int_equal(config_address_parse(client, &expected), 0);
	assert_true(config_address_equal(&address, &expected));
	assert_int_equal(lb_be16_to_cpu(found->record.client_port), port);
}

static void test_by_port(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < 60; i++) {
		uint32_t worker = i % 2;
		struct config_address source;
		uint16_t port = claim(f, worker, "192.0.2.1", (uint16_t)(4000 + i), i % 2, &source);
		struct reverse_query query = { .instance = i % 2, .port = port, .source = source };

		reverse_find(&f->view, &query, &f->reverse);
		assert_int_equal(f->reverse.n, 1);
		assert_int_equal(f->reverse.list[0].port, port);
		assert_int_equal(f->reverse.list[0].worker, worker);
		expect_client(&f->reverse.list[0], "192.0.2.1", (uint16_t)(4000 + i));
		/* the address and the port alone */
		query.instance = LB_INSTANCE_NONE;
		reverse_find(&f->view, &query, &f->reverse);
		assert_true(f->reverse.n >= 1);
		/* an instance that is not there */
		query.instance = 2;
		reverse_find(&f->view, &query, &f->reverse);
		assert_int_equal(f->reverse.n, 0);
	}
}

static void test_of_an_instance(void **state)
{
	struct reverse_query query = { .instance = 0 };
	struct fixture *f = *state;
	struct config_address source;

	for (uint16_t i = 0; i < 30; i++)
		claim(f, i % 2, "192.0.2.1", (uint16_t)(4000 + i), i % 3 ? 0 : 1, &source);
	reverse_find(&f->view, &query, &f->reverse);
	assert_int_equal(f->reverse.n, 20);
	assert_int_equal(f->reverse.listed, 20);
	query.instance = 1;
	reverse_find(&f->view, &query, &f->reverse);
	assert_int_equal(f->reverse.n, 10);
	/* seen after the clock was read */
	f->view.now = NOW - 20;
	reverse_find(&f->view, &query, &f->reverse);
	assert_int_equal(f->reverse.n, 10);
	/* all have expired */
	f->view.now = NOW + 91;
	reverse_find(&f->view, &query, &f->reverse);
	assert_int_equal(f->reverse.n, 0);
}

static void test_outside_the_ports(void **state)
{
	static const uint16_t ports[] = { 1, PORT_FIRST - 1, PORT_FIRST + 2 * ROOM, 65535 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct reverse_query query = { .instance = 0, .port = ports[i] };

		reverse_find(&f->view, &query, &f->reverse);
		assert_int_equal(f->reverse.n, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_by_port), TEST(test_of_an_instance),
					    TEST(test_outside_the_ports) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Where records are: ports and their workers, NAT addresses, services by id, routers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_nat_find.h"
#include "tests/support/random_frame.h"

#define WORKERS 7

static struct lb_nat_params params;
static struct lb_nat_index index_of_params;
static struct lb_nat_memory memory[WORKERS];
static struct lb_nat nat;

static void nat_make(uint32_t n_workers, uint16_t first, uint16_t last, uint32_t n_spaces)
{
	params.port_first = first;
	params.port_last = last;
	nat = (struct lb_nat){
		.params = &params,
		.index = &index_of_params,
		.memory = memory,
		.n_workers = n_workers,
		.n_spaces = n_spaces,
		.room = ((uint32_t)last - first + 1) / n_workers,
	};
	for (uint32_t i = 0; i < n_workers; i++) {
		uint64_t bytes = lb_nat_bytes((uint64_t)n_spaces * nat.room);
		void *start = aligned_alloc(64, bytes);

		assert_non_null(start);
		memset(start, 0, bytes);
		memory[i] = lb_nat_memory_at(start);
	}
	assert_true(lb_nat_set_ports(&nat));
}

static void nat_free(void)
{
	for (uint32_t i = 0; i < nat.n_workers; i++)
		free(memory[i].area);
}

/* Every port of the range has one record, of one worker, and every record a port. */
static void ports_and_records_name_each_other(void **state)
{
	static const uint16_t ranges[][2] = {
		{ 1024, 32767 }, { 2000, 2000 }, { 1, 65535 }, { 65000, 65535 }, { 1024, 1033 }
	};

	(void)state;
	for (uint32_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
		for (uint32_t n = 1; n <= WORKERS; n++) {
			const uint16_t first = ranges[r][0], last = ranges[r][1];

			if ((uint32_t)last - first + 1 < n)
				continue;
			nat_make(n, first, last, 1);
			for (uint32_t port = 0; port <= 0xffff; port++) {
				lb_be16 wire = lb_cpu_to_be16((uint16_t)port);
				struct lb_nat_ref ref = lb_nat_at(&nat, 0, wire);
				bool is_in = port >= first && port < first + n * nat.share;

				assert_int_equal(ref.record != NULL, is_in);
				if (!is_in)
					continue;
				assert_true(ref.at < nat.share);
				assert_true(ref.record == &memory[ref.worker].record[ref.at]);
				assert_int_equal(lb_nat_port(&nat, ref.worker, ref.at), wire);
			}
			nat_free();
		}
}

static void what_does_not_fit_is_no_translation(void **state)
{
	(void)state;
	nat_make(2, 1000, 1999, 1);
	nat.room--;
	assert_false(lb_nat_set_ports(&nat));
	nat.room++;
	nat.n_spaces = 0;
	assert_false(lb_nat_set_ports(&nat));
	nat.n_spaces = 1;
	params.port_last = 1000;
	assert_false(lb_nat_set_ports(&nat)); /* fewer ports than workers */
	params.port_first = params.port_last = 0;
	assert_false(lb_nat_set_ports(&nat));
	nat_free();
}

static void addresses_are_found(void **state)
{
	(void)state;
	memset(&params, 0, sizeof(params));
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		struct lb_addr addr = lb_addr_map(lb_cpu_to_be32(0x0a000020 + i));

		lb_store64(params.address[i], i % 2 ? 0 : (uint64_t)random_u32() << 32 | 1);
		lb_store64(params.address[i] + 8, addr.word[1]);
		params.flags[i] = i % 8 == 7 ? 0 : LB_NAT_ADDRESS_USED;
	}
	lb_nat_index_make(&index_of_params, &params);
	assert_int_equal(index_of_params.n[0], LB_NAT_ADDRESSES_MAX * 3 / 8);
	assert_int_equal(index_of_params.n[1], LB_NAT_ADDRESSES_MAX / 2);
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		struct lb_addr addr = lb_addr_load(params.address[i]);

		assert_int_equal(lb_nat_address(&index_of_params, &params, addr),
				 params.flags[i] ? i : LB_NAT_ADDRESS_NONE);
		addr.word[1] ^= 1ULL << 40;
		assert_int_equal(lb_nat_address(&index_of_params, &params, addr),
				 LB_NAT_ADDRESS_NONE);
	}
}

static void services_are_found_by_id(void **state)
{
	enum { SLOTS = 256, N = 64 };
	struct lb_service_table *table =
		calloc(1, sizeof(*table) + SLOTS * sizeof(struct lb_service));
	uint16_t by_id[SLOTS];

	(void)state;
	assert_non_null(table);
	table->mask = SLOTS - 1;
	for (uint16_t i = 0; i < N; i++) {
		table->slot[i * 4].family = 4;
		table->slot[i * 4].id = i % 3 == 0 ? 0 : (uint16_t)(65535 - 97 * i);
	}
	lb_service_ids_make(table, by_id);
	for (uint32_t i = 0; i < N; i++) {
		const struct lb_service *s = &table->slot[i * 4];

		if (s->id)
			assert_true(lb_service_by_id(table, by_id, s->id) == s);
	}
	assert_null(lb_service_by_id(table, by_id, 1));
	free(table);
}

/* Where a record is does not depend on the order in which the others came and went. */
static void connections_are_found_among_others(void **state)
{
	enum { N = 900 };
	static struct lb_nat_flow flow[N];
	static lb_be16 port[N];
	const struct lb_addr instance = lb_addr_map(0x0a000101);
	enum lb_nat_was was;

	(void)state;
	memset(&params, 0, sizeof(params));
	for (uint32_t i = 0; i < 4; i++) {
		struct lb_addr addr = lb_addr_map(lb_cpu_to_be32(0x0a000020 + i));

		lb_store64(params.address[i] + 8, addr.word[1]);
		params.flags[i] = LB_NAT_ADDRESS_USED | LB_NAT_ADDRESS_ACCEPTS;
	}
	for (uint32_t s = 1; s < 8; s++)
		params.timeouts.ticks[s] = 100;
	lb_nat_index_make(&index_of_params, &params);
	nat_make(1, 1000, 1299, 4);
	for (uint32_t i = 0; i < N; i++) {
		struct lb_nat_ref ref;

		flow[i] = (struct lb_nat_flow){ .client = lb_addr_map(random_u32()),
						.client_port = (lb_be16)random_u32(),
						.service = (uint16_t)(1 + i % 3),
						.instance = 5,
						.hash = random_u32() };
		assert_null(lb_nat_find(&nat, 0, &flow[i], instance).record);
		ref = lb_nat_claim(&nat, &flow[i], instance, 0, 50, &was);
		if (!ref.record) { /* the spaces that these addresses share are nearly full */
			flow[i].service = 0;
			continue;
		}
		ref.record->seen = 50;
		ref.record->state = LB_NAT_ESTABLISHED;
		port[i] = lb_nat_port(&nat, 0, ref.at);
		if (i % 5 == 4 && flow[i - 2].service) {
			ref = lb_nat_find(&nat, 0, &flow[i - 2], instance);
			ref.record->state = LB_NAT_FREE;
			flow[i - 2].service = 0;
		}
	}
	for (uint32_t i = 0; i < N; i++) {
		struct lb_nat_ref ref = lb_nat_find(&nat, 0, &flow[i], instance);

		assert_int_equal(ref.record != NULL, flow[i].service != 0);
		if (ref.record)
			assert_int_equal(lb_nat_port(&nat, 0, ref.at), port[i]);
	}
	nat_free();
}

static void routers_have_a_place_each(void **state)
{
	(void)state;
	nat_make(1, 1000, 1000, 1);
	for (uint64_t mac = 1; mac <= 100; mac++) {
		uint8_t hop = lb_nat_hop(memory[0].area, mac * 0x10001, 0);

		assert_true(memory[0].area->hop[hop] == mac * 0x10001);
		assert_int_equal(lb_nat_hop(memory[0].area, mac * 0x10001, 255), hop);
	}
	for (uint64_t mac = 1000; mac <= 2000; mac++)
		assert_true(memory[0].area->hop[lb_nat_hop(memory[0].area, mac, 0)] == mac);
	nat_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_and_records_name_each_other),
		cmocka_unit_test(what_does_not_fit_is_no_translation),
		cmocka_unit_test(addresses_are_found),
		cmocka_unit_test(services_are_found_by_id),
		cmocka_unit_test(connections_are_found_among_others),
		cmocka_unit_test(routers_have_a_place_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Which clients begin flows, and clients that keep one instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_access.h"
#include "tests/support/access_words.h"
#include "tests/support/harness.h"

#define INSTANCES 16
#define SLOTS 1021
#define FLAGS                                                                                      \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)
#define VIP 0xcb00710au /* 203.0.113.10 */
#define CLIENT 0xc6336407u

static struct harness *h;
static uint64_t words[ACCESS_WORDS_MAX];

/* Ports 443 and 80 of one pool, and 8080 of another one. */
static void services_put(bool affinity, bool access)
{
	static const uint16_t ports[] = { 443, 80, 8080 };
	struct harness_service services[3];

	for (uint16_t i = 0; i < 3; i++)
		services[i] = (struct harness_service){
			.family = 4,
			.addr = { 203, 0, 113, 10 },
			.port = ports[i],
			.id = (uint16_t)(10 * (i + 1)),
			.pool = i / 2,
			.forward = LB_FORWARD_L2,
			.affinity = affinity && i < 2,
			.access = access && i < 2,
		};
	harness_services(h, services, 3);
}

/* All clients but one. */
static void deny(uint32_t client)
{
	const struct access_range4 ipv4[] = {
		{ 0, 0 },
		{ client, LB_ACCESS_DENIED | LB_ACCESS_LISTED | 32 },
		{ client + 1, 0 },
	};
	static const struct access_range6 ipv6[] = { { 0, 0, 0 } };
	const struct access_lists lists = { ipv4, 3, ipv6, 1 };
	static const uint16_t ids[] = { 10, 20 };

	h->access_words = access_words_make(words, ids, 2, &lists);
	h->access = words;
	services_put(false, true);
}

static int setup(void **state)
{
	struct lb_instance instances[INSTANCES];
	uint16_t slots[SLOTS];

	(void)state;
	h = harness_create(4096);
	for (uint16_t i = 0; i < INSTANCES; i++)
		harness_instance(&instances[i], i, 4, FLAGS);
	harness_put(h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances), INSTANCES);
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = (uint16_t)(i % INSTANCES);
	harness_put(h, LB_BLOCK_POOL, 0, slots, sizeof(slots), SLOTS);
	harness_put(h, LB_BLOCK_POOL, 1, slots, sizeof(slots), SLOTS);
	services_put(false, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	harness_check_accounting(h);
	harness_destroy(h);
	return 0;
}

static int send_from(uint32_t client, uint16_t sport, uint16_t dport, uint8_t flags)
{
	const struct harness_tcp tcp = { .src = client,
					 .dst = VIP,
					 .sport = sport,
					 .dport = dport,
					 .flags = flags,
					 .seq = sport };

	return harness_send(h, harness_tcp4(h, &tcp));
}

static void expect_denied(uint32_t client, uint16_t sport, uint16_t dport, uint8_t flags)
{
	uint64_t before = h->stats.drop[LB_DROP_CLIENT_DENIED];

	assert_int_equal(send_from(client, sport, dport, flags), -2);
	assert_int_equal(h->stats.drop[LB_DROP_CLIENT_DENIED], before + 1);
}

static void a_flow_outlives_the_right_to_begin_it(void **state)
{
	int instance = send_from(CLIENT, 4000, 443, LB_TCP_SYN);

	(void)state;
	assert_true(instance >= 0);
	assert_int_equal(send_from(CLIENT, 4000, 443, LB_TCP_ACK), instance);
	deny(CLIENT);
	assert_int_equal(send_from(CLIENT, 4000, 443, LB_TCP_ACK), instance);
	/* a new connection, on the ports of the old one too */
	expect_denied(CLIENT, 4000, 443, LB_TCP_SYN);
	expect_denied(CLIENT, 4001, 443, LB_TCP_SYN);
	expect_denied(CLIENT, 4001, 443, LB_TCP_ACK);
	assert_int_equal(send_from(CLIENT, 4000, 443, LB_TCP_ACK), instance);
	assert_int_equal(send_from(CLIENT, 4000, 443, LB_TCP_ACK | LB_TCP_FIN), instance);
	expect_denied(CLIENT, 4000, 443, LB_TCP_SYN);
	assert_int_equal(h->stats.flows, 1);
}

static void lists_are_of_a_service(void **state)
{
	(void)state;
	deny(CLIENT);
	expect_denied(CLIENT, 4000, 80, LB_TCP_SYN);
	assert_true(send_from(CLIENT, 4000, 8080, LB_TCP_SYN) >= 0);
	assert_true(send_from(CLIENT + 1, 4000, 80, LB_TCP_SYN) >= 0);
	assert_true(send_from(CLIENT - 1, 4000, 80, LB_TCP_SYN) >= 0);
}

/* A table that names lists which are not there refuses. */
static void a_service_without_its_lists_takes_nobody(void **state)
{
	(void)state;
	services_put(false, true);
	expect_denied(CLIENT, 4000, 443, LB_TCP_SYN);
}

static void a_client_keeps_its_instance(void **state)
{
	uint32_t met = 0, others = 0;

	(void)state;
	services_put(true, false);
	for (uint32_t client = CLIENT; client < CLIENT + 256; client++) {
		int instance = send_from(client, 1024, 443, LB_TCP_SYN);

		assert_true(instance >= 0);
		met |= 1u << instance;
		for (uint16_t sport = 1025; sport < 1032; sport++) {
			assert_int_equal(send_from(client, sport, 443, LB_TCP_SYN), instance);
			assert_int_equal(send_from(client, sport, 80, LB_TCP_SYN), instance);
			assert_int_equal(send_from(client, (uint16_t)(sport + 100), 80, LB_TCP_ACK),
					 instance);
			others += send_from(client, sport, 8080, LB_TCP_SYN) != instance;
		}
	}
	/* (15/16)^256 of missing one is 7e-8; the seed is fixed */
	assert_int_equal(met, (1u << INSTANCES) - 1);
	assert_true(others > 256);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flow_outlives_the_right_to_begin_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lists_are_of_a_service, setup, teardown),
		cmocka_unit_test_setup_teardown(a_service_without_its_lists_takes_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_client_keeps_its_instance, setup, teardown),
	};

	(void)argc;
	harness_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* allow_from and deny_from: what a dataplane finds is what the prefixes say, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/abi/lb_check.h"
#include "tests/support/model_fixture.h"

#define CLIENTS 3000

static uint64_t state = 88172645463325252ULL;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return lb_hash_range((uint32_t)(state >> 32), n);
}

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

/* Two VIPs, each with two ports, and a service without lists. */
static struct config *config_make(void)
{
	return fixture_config(
		"  web:\n    instances: { web-1: { address: 10.0.1.1 } }\n",
		"  www:\n    vip: [198.51.100.10, \"2001:db8:f::10\"]\n"
		"    forward: l2\n"
		"    listeners: [ { port: 80, pool: web }, { port: 443, pool: web } ]\n"
		"  all:\n    vip: [198.51.100.11]\n    forward: l2\n"
		"    listeners: [ { port: 80, pool: web } ]\n");
}

/* ---- Lists ---- */

static uint32_t bits_of(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

/* Of a few bytes, so that prefixes lie in each other. */
static struct config_prefix prefix_draw(uint32_t values)
{
	struct config_prefix p = { .address.family = random_below(2) ? 4 : 6 };

	p.address.bytes[0] = p.address.family == 4 ? 10 : 0x20;
	for (uint32_t i = 1; i < bits_of(p.address.family) / 8; i++)
		p.address.bytes[i] = (uint8_t)(random_below(4) ? random_below(values) * 37
							       : random_below(2) * 255);
	p.length = (uint8_t)(1 + random_below(bits_of(p.address.family)));
	config_prefix_clear(&p);
	return p;
}

static bool prefix_is(const struct config_prefix *a, const struct config_prefix *b)
{
	return a->length == b->length && config_address_equal(&a->address, &b->address);
}

static bool list_has(const struct config_prefix *list, uint32_t n, const struct config_prefix *p)
{
	for (uint32_t i = 0; i < n; i++)
		if (prefix_is(&list[i], p))
			return true;
	return false;
}

/* @apart: prefixes that are all different by themselves. */
static void lists_draw(struct config_service *service, uint32_t allow, uint32_t deny, bool apart)
{
	service->allow_from = calloc(allow + 1, sizeof(struct config_prefix));
	service->deny_from = calloc(deny + 1, sizeof(struct config_prefix));
	while (service->allow_count + service->deny_count < allow + deny) {
		uint32_t i = service->allow_count + service->deny_count;
		struct config_prefix p = prefix_draw(256);

		if (apart)
			p = (struct config_prefix){
				.address = { 4, { 10, (uint8_t)(i >> 8), (uint8_t)i } },
				.length = 24
			};
		else if (list_has(service->allow_from, service->allow_count, &p) ||
			 list_has(service->deny_from, service->deny_count, &p))
			continue;
		if (service->allow_count < allow)
			service->allow_from[service->allow_count++] = p;
		else
			service->deny_from[service->deny_count++] = p;
	}
}

/* ---- What they say ---- */

static void longest(const struct config_prefix *list, uint32_t n,
		    const struct config_address *client, uint32_t flags, uint32_t *rule)
{
	for (uint32_t i = 0; i < n; i++)
		if (config_prefix_has(&list[i], client) &&
		    (!(*rule & LB_ACCESS_LISTED) || list[i].length > (*rule & LB_ACCESS_LENGTH)))
			*rule = flags | LB_ACCESS_LISTED | list[i].length;
}

static uint32_t rule_expected(const struct config_service *service,
			      const struct config_address *client)
{
	uint32_t rule = service->allow_count ? LB_ACCESS_DENIED : 0;

	longest(service->allow_from, service->allow_count, client, 0, &rule);
	longest(service->deny_from, service->deny_count, client, LB_ACCESS_DENIED, &rule);
	return rule;
}

static uint32_t rule_found(const struct lb_service_table *table, const struct lb_service *entry,
			   const struct config_address *client)
{
	const struct lb_env env = { .services = table };
	struct lb_meta meta = { .family = client->family };
	const struct lb_where where = { .env = &env };
	struct lb_access access;

	assert_true(lb_access_open(&access, &where));
	if (client->family == 4)
		meta.client4 = lb_load32(client->bytes);
	else
		memcpy(meta.client6, client->bytes, 16);
	return lb_access_rule(&access, entry->id, &meta);
}

/* First and last address of a prefix, those before and behind it, or any. */
static struct config_address client_draw(const struct config_service *service)
{
	uint32_t n = service->allow_count + service->deny_count, i = random_below(n);
	struct config_prefix p = i < service->allow_count
					 ? service->allow_from[i]
					 : service->deny_from[i - service->allow_count];
	uint32_t bits = bits_of(p.address.family), kind = random_below(5);
	int step = kind == 0 ? -1 : kind == 1 ? 1 : 0;

	if (kind == 4)
		return prefix_draw(256).address;
	for (uint32_t bit = p.length; kind % 2 && bit < bits; bit++)
		p.address.bytes[bit / 8] |= (uint8_t)(1u << (7 - bit % 8));
	for (uint32_t byte = bits / 8; step && byte-- > 0;) {
		int value = p.address.bytes[byte] + step;

		p.address.bytes[byte] = (uint8_t)value;
		if (value >= 0 && value < 256)
			break;
	}
	return p.address;
}

static const struct lb_service *entry_at(const struct lb_service_table *table, uint8_t family,
					 uint16_t port)
{
	static const uint8_t vip6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = 0x10 };
	static const uint8_t vip4[4] = { 198, 51, 100, 10 };

	if (family == 4)
		return lb_service_find4(table, lb_load32(vip4), lb_cpu_to_be16(port),
					LB_IPPROTO_TCP);
	return lb_service_find6(table, vip6, lb_cpu_to_be16(port), LB_IPPROTO_TCP);
}

static void lists_compare(uint32_t allow, uint32_t deny, bool apart)
{
	struct model *model = model_create(&ops, NULL);
	struct config *config = config_make();
	const struct config_service *service = &config->services[0];
	const struct lb_service_table *table;
	uint32_t bytes, denied = 0, listed = 0;

	lists_draw(&config->services[0], allow, deny, apart);
	assert_int_equal(model_apply(model, config, 0), 0);
	table = model_services(model, &bytes);
	assert_int_equal(lb_check_services(table, (uint32_t)((bytes - sizeof(*table)) /
							     sizeof(*table->slot))),
			 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct config_address client = client_draw(service);
		uint32_t expected = rule_expected(service, &client);
		const struct lb_service *entry =
			entry_at(table, client.family, random_below(2) ? 80 : 443);

		assert_true(entry && entry->access);
		assert_int_equal(rule_found(table, entry, &client), expected);
		denied += (expected & LB_ACCESS_DENIED) != 0;
		listed += (expected & LB_ACCESS_LISTED) != 0;
	}
	assert_true(denied && listed);
	model_destroy(model);
}

static void random_lists_are_as_their_prefixes(void **unused)
{
	static const uint32_t sizes[] = { 0, 1, 2, 5, 20, 100 };

	(void)unused;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 1; j < sizeof(sizes) / sizeof(sizes[0]); j++)
			lists_compare(sizes[i], sizes[j], false);
}

static void the_longest_lists_are_searched_to_the_end(void **unused)
{
	(void)unused;
	lists_compare(LB_ACCESS_PREFIXES_MAX / 2, LB_ACCESS_PREFIXES_MAX / 2, true);
	lists_compare(0, LB_ACCESS_PREFIXES_MAX, true);
}

static void services_without_lists_have_none(void **unused)
{
	struct model *model = model_create(&ops, NULL);
	const struct lb_service_table *table;
	uint32_t bytes;

	(void)unused;
	assert_int_equal(model_apply(model, config_make(), 0), 0);
	table = model_services(model, &bytes);
	assert_int_equal(table->access_words, 0);
	for (uint32_t i = 0; i <= table->mask; i++)
		assert_false(table->slot[i].access);
	model_destroy(model);
}

/* ---- Blocks that are not whole ---- */

static void damaged_lists_are_refused(void **unused)
{
	struct model *model = model_create(&ops, NULL);
	struct config *config = config_make();
	struct lb_service_table *copy;
	const void *table;
	uint32_t bytes, count, refused = 0;
	uint64_t *word;

	(void)unused;
	lists_draw(&config->services[0], 3, 3, false);
	assert_int_equal(model_apply(model, config, 0), 0);
	table = model_services(model, &bytes);
	count = (uint32_t)((bytes - sizeof(*copy)) / sizeof(*copy->slot));
	copy = aligned_alloc(64, (bytes + 63) / 64 * 64);
	memcpy(copy, table, bytes);
	assert_int_equal(lb_check_services(copy, count), 0);
	assert_int_equal(lb_check_services(copy, count - 1), LB_REFUSED_CONTENT);
	assert_int_equal(lb_check_services(copy, count + 1), LB_REFUSED_CONTENT);
	word = (uint64_t *)(void *)&copy->slot[copy->mask + 1ULL];
	/* number of listeners; the listeners; their lists */
	for (uint32_t i = 0; i < 1 + word[0] + 2; i++) {
		uint64_t before = word[i];

		word[i] = UINT64_MAX;
		refused += lb_check_services(copy, count) == LB_REFUSED_CONTENT;
		word[i] = before;
	}
	assert_int_equal(refused, 1 + word[0] + 2);
	free(copy);
	model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lists_are_as_their_prefixes),
		cmocka_unit_test(the_longest_lists_are_searched_to_the_end),
		cmocka_unit_test(services_without_lists_have_none),
		cmocka_unit_test(damaged_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

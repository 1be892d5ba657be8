/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/refuse.h"

#define ALLOW_(list) "forward: l2\n    allow_from: " list
#define DENY_(list) "forward: l2\n    deny_from: " list
#define EXPECTED "expected an address or a network, such as \"198.51.100.0/24\"\n"

/* clang-format off */
static const struct refuse_row rows[] = {
	{ "forward: l2", ALLOW_("[ 198.51.100.1/24 ]"),
	  "t:18:19: services.site.allow_from[0]: \"198.51.100.1/24\": has host bits that are not 0; the network is "
	  "198.51.100.0/24\n" },
	{ "forward: l2", DENY_("[ 10.0.0.0/8, \"2001:db8::1/64\" ]"),
	  "t:18:30: services.site.deny_from[1]: \"2001:db8::1/64\": has host bits that are not 0; the network is "
	  "2001:db8::/64\n" },
	{ "forward: l2", DENY_("[ 0.0.0.0/0 ]"),
	  "t:18:18: services.site.deny_from[0]: \"0.0.0.0/0\": expected a prefix length from 1 to 32\n" },
	{ "forward: l2", ALLOW_("[ \"::/0\" ]"),
	  "t:18:19: services.site.allow_from[0]: \"::/0\": expected a prefix length from 1 to 128\n" },
	{ "forward: l2", ALLOW_("[ 10.0.0.0/33 ]"),
	  "t:18:19: services.site.allow_from[0]: \"10.0.0.0/33\": expected a prefix length from 1 to 32\n" },
	{ "forward: l2", ALLOW_("[ 10.0.0.0/ ]"),
	  "t:18:19: services.site.allow_from[0]: \"10.0.0.0/\": expected a prefix length from 1 to 32\n" },
	{ "forward: l2", ALLOW_("[ \"::ffff:198.51.100.7\" ]"),
	  "t:18:19: services.site.allow_from[0]: \"::ffff:198.51.100.7\": expected an IPv4 address in its own form, "
	  "not an IPv4-mapped one\n" },
	{ "forward: l2", ALLOW_("[ \"::ffff:198.51.100.0/120\" ]"),
	  "t:18:19: services.site.allow_from[0]: \"::ffff:198.51.100.0/120\": expected an IPv4 address in its own form, "
	  "not an IPv4-mapped one\n" },
	{ "forward: l2", ALLOW_("[ example.com ]"),
	  "t:18:19: services.site.allow_from[0]: \"example.com\": " EXPECTED },
	{ "forward: l2", ALLOW_("[ 10.0/16 ]"),
	  "t:18:19: services.site.allow_from[0]: \"10.0/16\": " EXPECTED },
	{ "forward: l2", ALLOW_("[ 10.0.0.0-10.0.0.9 ]"),
	  "t:18:19: services.site.allow_from[0]: \"10.0.0.0-10.0.0.9\": " EXPECTED },
	{ "forward: l2", ALLOW_("[]"), "t:18:17: services.site.allow_from: expected at least one entry\n" },
	{ "forward: l2", ALLOW_("[ 10.0.0.0/8, 11.0.0.0/8, 10.0.0.0/8 ]"),
	  "t:18:43: services.site.allow_from[2]: \"10.0.0.0/8\": listed twice, line 18\n" },
	{ "forward: l2", ALLOW_("[ 10.0.0.7, 10.0.0.7/32 ]"),
	  "t:18:29: services.site.allow_from[1]: \"10.0.0.7\": listed twice, line 18\n" },
	{ "forward: l2", DENY_("[ \"2001:db8::/32\" ]\n    allow_from: [ \"2001:DB8:0::/32\" ]"),
	  "t:18:18: services.site.deny_from[0]: \"2001:db8::/32\": is also in allow_from, line 19\n" },
};
/* clang-format on */

/* Prefixes of one list, all different; @from: of the first one. */
static char *list_write(char *at, const char *key, uint32_t from, uint32_t n)
{
	at += sprintf(at, "    %s:\n", key);
	for (uint32_t i = from; i < from + n; i++)
		at += sprintf(at, "      - 10.%u.%u.0/24\n", i >> 8, i & 0xff);
	return at;
}

/* A service with lists for each of @n. */
static char *text_make(const uint32_t (*counts)[2], uint32_t n)
{
	char *text = calloc(1, 8u << 20), *at = text;

	assert_non_null(text);
	at += sprintf(at, "%.*s", (int)(strstr(refuse_base, "services:") - refuse_base),
		      refuse_base);
	at += sprintf(at, "services:\n");
	for (uint32_t i = 0; i < n; i++) {
		at += sprintf(at,
			      "  s%u:\n    vip: [ 203.0.113.%u ]\n    forward: l2\n"
			      "    listeners: [ { port: 80, pool: web } ]\n",
			      i, i + 10);
		if (counts[i][0])
			at = list_write(at, "allow_from", 0, counts[i][0]);
		if (counts[i][1])
			at = list_write(at, "deny_from", counts[i][0], counts[i][1]);
	}
	return text;
}

static void limits_are_exact(void **state)
{
	static const uint32_t fits[][2] = { { 10000, 0 }, { 0, 10000 }, { 5000, 5000 } };
	static const uint32_t exceeds[][2] = { { 4000, 6001 } };
	static const uint32_t one_list[][2] = { { 10001, 0 } };
	static const uint32_t all[][2] = { { 10000, 0 }, { 10000, 0 }, { 10000, 0 }, { 10000, 0 },
					   { 10000, 0 }, { 10000, 0 }, { 10000, 0 }, { 10000, 0 },
					   { 10000, 0 }, { 10000, 0 }, { 1, 0 } };
	char *text = text_make(fits, 3);

	(void)state;
	config_free(refuse_load(text));
	free(text);
	text = text_make(exceeds, 1);
	refuse_expect(
		text, strlen(text),
		"t:10021:9: services.s0.deny_from: expected at most 10000 prefixes with those of "
		"allow_from, not 10001\n");
	free(text);
	text = text_make(one_list, 1);
	refuse_expect(text, strlen(text),
		      "t:10020:9: services.s0.allow_from[10000]: expected at most 10000 entries\n");
	free(text);
	text = text_make(all, 10);
	config_free(refuse_load(text));
	free(text);
	text = text_make(all, 11);
	refuse_expect(text, strlen(text),
		      "t:100065:3: services: expected at most 100000 prefixes in allow_from and "
		      "deny_from of all services\n");
	free(text);
}

/* Prefixes in each other are no mistake: the longest one decides. */
static void prefixes_may_overlap(void **state)
{
	char *text = refuse_edit("forward: l2",
				 ALLOW_("[ 10.0.0.0/8, 10.1.1.0/24, 10.1.1.1 ]\n"
					"    deny_from: [ 10.1.0.0/16, \"2001:db8::/32\" ]"));
	struct config *config = refuse_load(text);
	const struct config_service *service = &config->services[0];

	(void)state;
	assert_int_equal(service->allow_count, 3);
	assert_int_equal(service->deny_count, 2);
	assert_int_equal(service->allow_from[2].length, 32);
	assert_int_equal(service->deny_from[1].address.family, 6);
	config_free(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(limits_are_exact),
					    cmocka_unit_test(prefixes_may_overlap) };

	return refuse_run(rows, sizeof(rows) / sizeof(rows[0])) +
	       cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator asks, and what is said of a configuration alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/flows/answer.h"
#include "controlplane/flows/endpoint.h"
#include "controlplane/flows/query.h"
#include "dataplane/core/lb_hash.h"
#include "tests/support/model_fixture.h"

static const struct {
	const char *text;
	int err;
	uint8_t family;
	uint16_t port;
	const char *again; /* as it is written; NULL: the same */
} endpoints[] = {
	{ "192.0.2.1", 0, 4, 0, NULL },
	{ "192.0.2.1:80", 0, 4, 80, NULL },
	{ "2001:db8::1", 0, 6, 0, NULL },
	{ "[2001:db8::1]", 0, 6, 0, "2001:db8::1" },
	{ "[2001:db8::1]:443", 0, 6, 443, NULL },
	{ "192.0.2.1:65535", 0, 4, 65535, NULL },
	{ "192.0.2.1:0", -EINVAL, 0, 0, NULL },
	{ "192.0.2.1:65536", -EINVAL, 0, 0, NULL },
	{ "192.0.2.1:", -EINVAL, 0, 0, NULL },
	{ "192.0.2.1:80x", -EINVAL, 0, 0, NULL },
	{ "[192.0.2.1]:80", -EINVAL, 0, 0, NULL },
	{ "2001:db8::1]:80", -EINVAL, 0, 0, NULL },
	{ "[2001:db8::1:80", -EINVAL, 0, 0, NULL },
	{ "[2001:db8::1]80", -EINVAL, 0, 0, NULL },
	{ "web", -EINVAL, 0, 0, NULL },
	{ "", -EINVAL, 0, 0, NULL },
	{ "[", -EINVAL, 0, 0, NULL },
};

static void test_endpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		struct config_address address;
		char text[ENDPOINT_STRLEN];
		uint16_t port;

		assert_int_equal(endpoint_parse(endpoints[i].text, &address, &port),
				 endpoints[i].err);
		if (endpoints[i].err)
			continue;
		assert_int_equal(address.family, endpoints[i].family);
		assert_int_equal(port, endpoints[i].port);
		assert_string_equal(endpoint_format(&address, port, text),
				    endpoints[i].again ? endpoints[i].again : endpoints[i].text);
	}
}

static const struct {
	const char *client, *vip;
	const char *why; /* a part of it; NULL: it is understood */
} queries[] = {
	{ "192.0.2.1", "198.51.100.10:80", NULL },
	{ "192.0.2.1:7", "198.51.100.10:80", NULL },
	{ "2001:db8::7", "[2001:db8::10]:80", NULL },
	{ "web/web-1", "198.51.100.10:80", "\"web/web-1\": expected an address" },
	{ "192.0.2.1", "198.51.100.10", "expected VIP:PORT" },
	{ "192.0.2.1", "2001:db8::10", "expected VIP:PORT" },
	{ "192.0.2.1", "[2001:db8::10]:80", "not of the same family" },
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct explain_query query;
		char why[QUERY_WHY_MAX] = "";
		int err = query_parse(queries[i].client, queries[i].vip, &query, why);

		assert_int_equal(err, queries[i].why ? -EINVAL : 0);
		if (err)
			assert_non_null(strstr(why, queries[i].why));
	}
}

/* ---- A configuration alone ---- */

static json_t *ask(const char *client, const char *vip)
{
	struct explain_query query;
	char why[QUERY_WHY_MAX];
	json_t *result = NULL;

	assert_int_equal(query_parse(client, vip, &query, why), 0);
	assert_int_equal(answer_offline(fixture_web(5), &query, &result), 0);
	return result;
}

static const char *text(const json_t *object, const char *first, const char *second)
{
	const json_t *value = json_object_get(object, first);

	if (second)
		value = json_object_get(value, second);
	return json_is_string(value) ? json_string_value(value) : "";
}

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

/* The instance in the flow's slot of a model whose instances were all found up. */
static void expect_slot(const json_t *result, const char *client, uint16_t port)
{
	struct model *model = model_create(&ops, NULL);
	struct config_address address, vip;
	struct lb_secret secret;
	struct lb_params params;
	const uint16_t *slots;
	uint32_t count, salt;
	uint64_t hash;

	assert_int_equal(model_apply(model, fixture_web(5), 0), 0);
	fixture_up(model);
	model_params(model, &params);
	lb_secret_expand(params.secret, &secret);
	assert_int_equal(config_address_parse(client, &address), 0);
	assert_int_equal(config_address_parse("198.51.100.10", &vip), 0);
	salt = lb_service_salt(&secret, vip.bytes, LB_BE16(80), LB_IPPROTO_TCP);
	hash = lb_flow_hash4(&secret, lb_load32(address.bytes), lb_cpu_to_be16(port), salt);
	slots = model_pool_slots(model, 0, &count);
	assert_string_equal(model_instance_at(model, slots[lb_flow_slot(hash, count)])->path,
			    text(result, "choice", "instance"));
	model_destroy(model);
}

static void test_a_file_says_what_would_run(void **state)
{
	static const char *const clients[] = { "192.0.2.1", "192.0.2.2", "203.0.113.77",
					       "8.8.8.8" };

	(void)state;
	for (uint16_t i = 0; i < 64; i++) {
		const char *client = clients[i % 4];
		char from[ENDPOINT_STRLEN];
		json_t *result;

		snprintf(from, sizeof(from), "%s:%u", client, 1024 + i * 997);
		result = ask(from, "198.51.100.10:80");
		assert_true(json_is_false(json_object_get(result, "live")));
		assert_string_equal(text(result, "service", "name"), "www");
		assert_string_equal(text(result, "choice", "why"), "current");
		assert_string_equal(text(result, "headers", "mode"), "l2");
		assert_string_equal(text(result, "flow", "table"), "none");
		/* MAC addresses are not known */
		assert_true(json_is_null(
			json_object_get(json_object_get(result, "headers"), "dst_mac")));
		expect_slot(result, client, (uint16_t)(1024 + i * 997));
		json_decref(result);
	}
}

static void test_a_client_without_a_port(void **state)
{
	json_t *result = ask("192.0.2.1", "198.51.100.10:80"), *list;
	double sum = 0;
	size_t i;
	json_t *one;

	(void)state;
	list = json_object_get(result, "share");
	assert_int_equal(json_array_size(list), 5);
	json_array_foreach(list, i, one) {
		double share = json_number_value(json_object_get(one, "share"));

		assert_true(share > 0.1 && share < 0.3);
		sum += share;
	}
	assert_true(sum > 0.999 && sum < 1.001);
	json_decref(result);
}

static void test_of_no_service(void **state)
{
	json_t *port = ask("192.0.2.1:5", "198.51.100.10:81"),
	       *vip = ask("192.0.2.1:5", "198.51.100.11:80");

	(void)state;
	assert_true(json_is_null(json_object_get(port, "service")));
	assert_true(json_is_true(json_object_get(port, "is_vip")));
	assert_true(json_is_false(json_object_get(vip, "is_vip")));
	json_decref(port);
	json_decref(vip);
}

/* ---- Clients ---- */

static json_t *ask_of(const char *pool, const char *service, const char *client, const char *vip)
{
	struct explain_query query;
	char pools[512], services[1024], why[QUERY_WHY_MAX];
	json_t *result = NULL;

	snprintf(pools, sizeof(pools),
		 "  web:\n    %s\n    instances: { a: { address: 10.0.1.1 }, b: { address: "
		 "10.0.1.2 }, c: { address: 10.0.1.3 }, d: { address: 10.0.1.4 } }\n",
		 pool);
	snprintf(services, sizeof(services),
		 "  www:\n    vip: [198.51.100.10, \"2001:db8:f::10\"]\n    forward: l2\n    %s\n"
		 "    listeners: [ { port: 80, pool: web }, { port: 443, pool: web } ]\n",
		 service);
	assert_int_equal(query_parse(client, vip, &query, why), 0);
	assert_int_equal(answer_offline(fixture_config(pools, services), &query, &result), 0);
	return result;
}

static void test_a_client_with_affinity_has_one_instance(void **state)
{
	static const char *const clients[][2] = {
		{ "192.0.2.1", "198.51.100.10" },
		{ "192.0.2.2", "198.51.100.10" },
		{ "2001:db8:c::7", "[2001:db8:f::10]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		char vip[64];
		json_t *one, *other, *list;

		snprintf(vip, sizeof(vip), "%s:80", clients[i][1]);
		one = ask_of("affinity: client", "protocol: tcp", clients[i][0], vip);
		snprintf(vip, sizeof(vip), "%s:443", clients[i][1]);
		other = ask_of("affinity: client", "protocol: tcp", clients[i][0], vip);
		list = json_object_get(one, "share");
		assert_int_equal(json_array_size(list), 1);
		assert_string_equal(text(json_array_get(list, 0), "instance", NULL),
				    text(json_array_get(json_object_get(other, "share"), 0),
					 "instance", NULL));
		json_decref(one);
		json_decref(other);
		one = ask_of("affinity: flow", "protocol: tcp", clients[i][0], vip);
		assert_int_equal(json_array_size(json_object_get(one, "share")), 4);
		json_decref(one);
	}
}

static const struct {
	const char *lists, *client;
	bool denied;
	const char *list, *prefix; /* "": none */
} accesses[] = {
	{ "allow_from: [ 192.0.2.0/24 ]", "192.0.2.1", false, "allow_from", "192.0.2.0/24" },
	{ "allow_from: [ 192.0.2.0/24 ]", "192.0.3.1", true, "", "" },
	{ "deny_from: [ 192.0.2.0/24 ]", "192.0.3.1", false, "", "" },
	{ "deny_from: [ 192.0.2.1 ]", "192.0.2.1", true, "deny_from", "192.0.2.1" },
	{ "allow_from: [ 192.0.2.0/24, 192.0.2.8 ]\n    deny_from: [ 192.0.2.8/29 ]", "192.0.2.8",
	  false, "allow_from", "192.0.2.8" },
	{ "allow_from: [ 192.0.2.0/24, 192.0.2.8 ]\n    deny_from: [ 192.0.2.8/29 ]", "192.0.2.9",
	  true, "deny_from", "192.0.2.8/29" },
	{ "allow_from: [ 192.0.2.0/24, 192.0.2.8 ]\n    deny_from: [ 192.0.2.8/29 ]", "192.0.2.16",
	  false, "allow_from", "192.0.2.0/24" },
	{ "allow_from: [ 192.0.2.0/24 ]", "2001:db8::1", true, "", "" },
	{ "deny_from: [ \"2001:db8::/33\" ]", "2001:db8:7fff::1", true, "deny_from",
	  "2001:db8::/33" },
	{ "deny_from: [ \"2001:db8::/33\" ]", "2001:db8:8000::1", false, "", "" },
};

static void test_a_client_is_refused_by_a_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		bool is_six = strchr(accesses[i].client, ':') != NULL;
		char client[ENDPOINT_STRLEN];
		const json_t *access;
		json_t *result;

		snprintf(client, sizeof(client), is_six ? "[%s]:1024" : "%s:1024",
			 accesses[i].client);
		result = ask_of("affinity: flow", accesses[i].lists, client,
				is_six ? "[2001:db8:f::10]:80" : "198.51.100.10:80");
		access = json_object_get(result, "access");
		assert_int_equal(json_is_true(json_object_get(access, "denied")),
				 accesses[i].denied);
		assert_string_equal(text(access, "list", NULL), accesses[i].list);
		assert_string_equal(text(access, "prefix", NULL), accesses[i].prefix);
		assert_string_equal(text(result, "choice", "why"),
				    accesses[i].denied ? "denied" : "current");
		json_decref(result);
	}
}

static void test_a_service_without_lists_says_so(void **state)
{
	json_t *result = ask("192.0.2.1:5", "198.51.100.10:80");

	(void)state;
	assert_true(json_is_null(json_object_get(result, "access")));
	json_decref(result);
}

/* ---- Records that are being written ---- */

static void test_records_are_read_while_they_are_written(void **state)
{
	struct flows_view view = { .now = 100, .timeouts.ticks[LB_FLOW_FIN] = 50 };
	struct lb_bucket bucket = { .meta = 0 };
	struct flows_record record;

	(void)state;
	assert_int_equal(flows_read_slot(&view, &bucket, 2, &record), FLOWS_NOT_FOUND);
	lb_bucket_put(&bucket, 2, 77, 5 | LB_FLOW_MOVED, 100, LB_FLOW_FIN);
	assert_int_equal(flows_read_slot(&view, &bucket, 2, &record), FLOWS_FOUND);
	assert_int_equal(record.key, 77);
	assert_int_equal(record.home & LB_FLOW_INSTANCE, 5);
	assert_true(flows_record_is_moved(&record));
	assert_string_equal(flows_state_name(record.state), "fin");
	/* seen after the clock was read, and long ago */
	bucket.seen[2] = 101;
	assert_int_equal(flows_read_slot(&view, &bucket, 2, &record), FLOWS_FOUND);
	assert_int_equal(flows_record_idle(&view, &record), 0);
	assert_false(flows_record_is_expired(&view, &record));
	bucket.seen[2] = (uint16_t)(100 - 60000);
	assert_int_equal(flows_read_slot(&view, &bucket, 2, &record), FLOWS_FOUND);
	assert_int_equal(flows_record_idle(&view, &record), 60000);
	assert_true(flows_record_is_expired(&view, &record));
	/* killed in the middle: a key without a state */
	bucket.meta = 0;
	assert_int_equal(flows_read_slot(&view, &bucket, 2, &record), FLOWS_UNSTABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_a_file_says_what_would_run),
		cmocka_unit_test(test_a_client_without_a_port),
		cmocka_unit_test(test_a_client_with_affinity_has_one_instance),
		cmocka_unit_test(test_a_client_is_refused_by_a_prefix),
		cmocka_unit_test(test_a_service_without_lists_says_so),
		cmocka_unit_test(test_of_no_service),
		cmocka_unit_test(test_records_are_read_while_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

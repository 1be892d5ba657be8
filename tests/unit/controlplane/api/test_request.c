/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/api/protocol.h"
#include "controlplane/api/request.h"
#include "controlplane/api/verbs.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define E "\"instance\":\"web/web-1\""

static const struct {
	const char *line;
	const char *error; /* a part of it; NULL: it is accepted */
} lines[] = {
	{ "{\"verb\":\"ping\"}", NULL },
	{ " { \"verb\" : \"status\" } \r", NULL },
	{ "{\"verb\":\"drops\"}", NULL },
	{ "{\"verb\":\"drain\"," E "}", NULL },
	{ "{" E ",\"verb\":\"drain\"}", NULL },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":0}", NULL },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":86400000}", NULL },
	{ "{\"verb\":\"maint\"," E "}", NULL },
	{ "{\"verb\":\"resume\"," E "}", NULL },
	{ "{\"verb\":\"weight\"," E "}", NULL },
	{ "{\"verb\":\"weight\"," E ",\"weight\":0}", NULL },
	{ "{\"verb\":\"weight\"," E ",\"weight\":1000}", NULL },
	{ "{\"verb\":\"weight\"," E ",\"weight\":\"default\"}", NULL },
	{ "{\"verb\":\"config-diff\"}", NULL },
	{ "{\"verb\":\"config-diff\",\"name\":\"[{\\\",,,,,,,,,,,,\",\"text\":\"{}[]\\\\\"}",
	  NULL },
	{ "{\"verb\":\"config-apply\",\"name\":\"f\",\"text\":\"\"}", NULL },
	{ "{\"verb\":\"maint\",\"instance\":\"" X63 "/" X63 "\"}", NULL },

	{ "", "not JSON" },
	{ "x", "not JSON" },
	{ "null", "not JSON" },
	{ "7", "not JSON" },
	{ "[]", "flat object" },
	{ "{}", "\"verb\" is missing" },
	{ "{\"verb\":\"ping\"", "not JSON" },
	{ "{\"verb\":\"ping\"} x", "not JSON" },
	{ "{\"verb\":\"ping\"}{}", "flat object" },
	{ "{\"verb\":\"ping\",\"verb\":\"ping\"}", "not JSON" },
	{ "{\"verb\":7}", "\"verb\" is missing" },
	{ "{\"verb\":\"\"}", "no verb \"\"" },
	{ "{\"verb\":\"DRAIN\"}", "no verb \"DRAIN\"" },
	{ "{\"verb\":\"p\\u001b[31m\\u00e4\"}", "no verb \"p?[31m??\"" },
	{ "{\"verb\":\"p\\u0000\"}", "not JSON" },
	{ "{\"verb\":\"\xff\"}", "not JSON" },
	{ "{\"verb\":\"\xc3\"}", "not JSON" },
	{ "{\"verb\":\"\xed\xa0\x80\"}", "not JSON" },
	{ "{\"verb\":\"ping\",\"x\":1}", "ping has no argument \"x\"" },
	{ "{\"verb\":\"ping\"," E "}", "ping has no argument \"instance\"" },
	{ "{\"verb\":\"maint\"," E ",\"wait_ms\":1}", "maint has no argument" },
	{ "{\"verb\":\"ping\",\"x\":{}}", "flat object" },
	{ "{\"verb\":\"ping\",\"x\":[[[[[[[[", "flat object" },
	{ "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}",
	  "at most 8" },
	{ "{\"verb\":\"drain\"}", "drain: \"instance\" is missing" },
	{ "{\"verb\":\"drain\",\"instance\":\"\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":\"web\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":\"/web\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":\"web/\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":\"a/b/c\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":7}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\",\"instance\":\"" X63 "x/" X63 "\"}", "expected \"POOL/INSTANCE\"" },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":-1}", "from 0 to 86400000" },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":86400001}", "from 0 to 86400000" },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":1.0}", "from 0 to 86400000" },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":\"5m\"}", "from 0 to 86400000" },
	{ "{\"verb\":\"drain\"," E ",\"wait_ms\":99999999999999999999}", "not JSON" },
	{ "{\"verb\":\"weight\"," E ",\"weight\":-1}", "from 0 to 1000" },
	{ "{\"verb\":\"weight\"," E ",\"weight\":1001}", "from 0 to 1000" },
	{ "{\"verb\":\"weight\"," E ",\"weight\":1e2}", "from 0 to 1000" },
	{ "{\"verb\":\"weight\"," E ",\"weight\":\"100\"}", "from 0 to 1000" },
	{ "{\"verb\":\"weight\"," E ",\"weight\":null}", "from 0 to 1000" },
	{ "{\"verb\":\"config-diff\",\"name\":\"f\"}", "must be given together" },
	{ "{\"verb\":\"config-diff\",\"text\":\"f\"}", "must be given together" },
	{ "{\"verb\":\"config-apply\",\"name\":1,\"text\":\"f\"}", "expected a string" },
	{ "{\"verb\":\"config-apply\",\"name\":\"f\",\"text\":true}", "expected a string" },
	{ "{\"verb\":\"config-apply\",\"force\":1}", "expected true or false" },
	{ "{\"verb\":\"config-diff\",\"force\":true}", "has no argument" },
};

static void test_lines(void **test_state)
{
	(void)test_state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char error[CONTROL_ERROR_MAX] = "";
		struct control_request request;
		int err = control_request_parse(control_verbs, lines[i].line, strlen(lines[i].line),
						&request, error);

		if ((err == 0) != (lines[i].error == NULL))
			fail_msg("%s: %s", lines[i].line, err == 0 ? "accepted" : error);
		if (lines[i].error != NULL && strstr(error, lines[i].error) == NULL)
			fail_msg("%s: \"%s\" instead of \"%s\"", lines[i].line, error,
				 lines[i].error);
		control_request_fini(&request);
	}
}

static struct control_request parse(const char *line)
{
	char error[CONTROL_ERROR_MAX];
	struct control_request request;

	assert_int_equal(control_request_parse(control_verbs, line, strlen(line), &request, error),
			 0);
	return request;
}

static uint32_t number(const struct control_request *request, const char *name)
{
	assert_true(control_request_value(request, name)->is_given ||
		    control_request_value(request, name)->number == 0);
	return control_request_value(request, name)->number;
}

static void test_values(void **test_state)
{
	struct control_request request;

	(void)test_state;
	request = parse("{\"verb\":\"drain\"," E ",\"wait_ms\":300000}");
	assert_string_equal(request.verb->name, "drain");
	assert_string_equal(request.instance, "web/web-1");
	assert_true(request.waits);
	assert_int_equal(number(&request, "wait_ms"), 300000);
	assert_true(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"drain\"," E "}");
	assert_false(request.waits);
	assert_true(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"weight\"," E "}");
	assert_false(control_request_value(&request, "weight")->is_given);
	assert_false(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"weight\"," E ",\"weight\":42}");
	assert_false(control_request_value(&request, "weight")->is_word);
	assert_int_equal(number(&request, "weight"), 42);
	assert_true(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"weight\"," E ",\"weight\":\"default\"}");
	assert_true(control_request_value(&request, "weight")->is_word);
	assert_true(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"config-apply\",\"force\":true}");
	assert_int_equal(number(&request, "force"), 1);
	control_request_fini(&request);
	request = parse("{\"verb\":\"config-apply\"}");
	assert_int_equal(number(&request, "force"), 0);
	assert_true(request.changes);
	control_request_fini(&request);

	request = parse("{\"verb\":\"config-apply\",\"name\":\"a\",\"text\":\"b\\nc\"}");
	assert_string_equal(control_request_value(&request, "name")->text, "a");
	assert_string_equal(control_request_value(&request, "text")->text, "b\nc");
	assert_int_equal(control_request_value(&request, "text")->bytes, 3);
	control_request_fini(&request);
}

/* What the parser and the sessions rely on. */
static void test_rows(void **test_state)
{
	(void)test_state;
	for (const struct control_verb *verb = control_verbs; verb->name != NULL; verb++) {
		const struct control_argument *argument = verb->arguments;
		int instances = 0;

		assert_non_null(verb->run);
		assert_true(strlen("{\"verb\":\"\"") + strlen(verb->name) <= CONTROL_HEAD_MAX);
		assert_null(argument[CONTROL_ARGUMENTS_MAX].name);
		for (int i = 0; argument[i].name != NULL; i++) {
			bool found = argument[i].with == NULL;

			instances += argument[i].kind == CONTROL_INSTANCE;
			for (int j = 0; !found && argument[j].name != NULL; j++)
				found = strcmp(argument[i].with, argument[j].name) == 0;
			assert_true(found);
		}
		assert_true(instances <= 1);
	}
}

static void test_each_prefix(void **test_state)
{
	static const char line[] = "{\"verb\":\"drain\"," E ",\"wait_ms\":300}";
	char error[CONTROL_ERROR_MAX];
	struct control_request request;

	(void)test_state;
	for (size_t size = 0; size < sizeof(line) - 1; size++) {
		assert_int_not_equal(
			control_request_parse(control_verbs, line, size, &request, error), 0);
		control_request_fini(&request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_each_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

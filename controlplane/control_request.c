/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/control_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/control_protocol.h"

struct control_argument {
	const char *name;
	int (*read)(const json_t *value, struct control_request *request,
		    char error[CONTROL_ERROR_MAX]);
};

static int __attribute__((format(printf, 2, 3)))
control_request_error(char error[CONTROL_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, CONTROL_ERROR_MAX, format, arguments);
	va_end(arguments);
	/* Text of the request may be in it. */
	for (char *c = error; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
	return -EINVAL;
}

static bool control_request_is_path(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash != NULL && slash != text && slash[1] != '\0' &&
	       strchr(slash + 1, '/') == NULL && strlen(text) < MODEL_PATH_MAX;
}

static int control_read_instance(const json_t *value, struct control_request *request,
				 char error[CONTROL_ERROR_MAX])
{
	const char *text = json_string_value(value);

	if (text == NULL || !control_request_is_path(text))
		return control_request_error(error, "\"instance\": expected \"POOL/INSTANCE\"");
	memcpy(request->instance, text, strlen(text) + 1);
	return 0;
}

static int control_read_wait(const json_t *value, struct control_request *request,
			     char error[CONTROL_ERROR_MAX])
{
	json_int_t ms = json_integer_value(value);

	if (!json_is_integer(value) || ms < 0 || ms > CONTROL_WAIT_MAX_MS)
		return control_request_error(error, "\"wait_ms\": expected a number from 0 to %u",
					     CONTROL_WAIT_MAX_MS);
	request->wait = true;
	request->wait_ms = (uint32_t)ms;
	return 0;
}

static int control_read_weight(const json_t *value, struct control_request *request,
			       char error[CONTROL_ERROR_MAX])
{
	json_int_t weight = json_integer_value(value);

	if (json_is_string(value) && strcmp(json_string_value(value), "default") == 0) {
		request->weight_action = CONTROL_WEIGHT_DEFAULT;
		return 0;
	}
	if (!json_is_integer(value) || weight < 0 || weight > CONFIG_WEIGHT_MAX)
		return control_request_error(
			error, "\"weight\": expected a number from 0 to %u, or \"default\"",
			CONFIG_WEIGHT_MAX);
	request->weight_action = CONTROL_WEIGHT_SET;
	request->weight = (uint32_t)weight;
	return 0;
}

static int control_read_name(const json_t *value, struct control_request *request,
			     char error[CONTROL_ERROR_MAX])
{
	if (!json_is_string(value))
		return control_request_error(error, "\"name\": expected a text");
	request->name = json_string_value(value);
	return 0;
}

static int control_read_text(const json_t *value, struct control_request *request,
			     char error[CONTROL_ERROR_MAX])
{
	if (!json_is_string(value) || json_string_length(value) > CONFIG_FILE_BYTES_MAX)
		return control_request_error(error, "\"text\": expected a text of at most %u bytes",
					     CONFIG_FILE_BYTES_MAX);
	request->text = json_string_value(value);
	request->text_bytes = json_string_length(value);
	return 0;
}

static int control_read_force(const json_t *value, struct control_request *request,
			      char error[CONTROL_ERROR_MAX])
{
	if (!json_is_boolean(value))
		return control_request_error(error, "\"force\": expected true or false");
	request->force = json_is_true(value);
	return 0;
}

static const struct control_argument control_instance_arguments[] = {
	{ "instance", control_read_instance },
	{ NULL, NULL },
};

static const struct control_argument control_drain_arguments[] = {
	{ "instance", control_read_instance },
	{ "wait_ms", control_read_wait },
	{ NULL, NULL },
};

static const struct control_argument control_weight_arguments[] = {
	{ "instance", control_read_instance },
	{ "weight", control_read_weight },
	{ NULL, NULL },
};

static const struct control_argument control_config_arguments[] = {
	{ "name", control_read_name },
	{ "text", control_read_text },
	{ NULL, NULL },
};

static const struct control_argument control_apply_arguments[] = {
	{ "name", control_read_name },
	{ "text", control_read_text },
	{ "force", control_read_force },
	{ NULL, NULL },
};

static const struct control_argument control_no_arguments[] = { { NULL, NULL } };

static const struct {
	const char *name;
	const struct control_argument *arguments;
} control_verbs[CONTROL_VERBS] = {
	[CONTROL_PING] = { "ping", control_no_arguments },
	[CONTROL_STATUS] = { "status", control_no_arguments },
	[CONTROL_DROPS] = { "drops", control_no_arguments },
	[CONTROL_DRAIN] = { "drain", control_drain_arguments },
	[CONTROL_MAINT] = { "maint", control_instance_arguments },
	[CONTROL_RESUME] = { "resume", control_instance_arguments },
	[CONTROL_WEIGHT] = { "weight", control_weight_arguments },
	[CONTROL_CONFIG_DIFF] = { "config-diff", control_config_arguments },
	[CONTROL_CONFIG_APPLY] = { "config-apply", control_apply_arguments },
};

/*
 * Looks at a line before the JSON parser does: neither a deep nor a long value may be built of it. What
 * is wrong otherwise is left to the parser.
 */
static int control_request_bound(const char *line, size_t size, char error[CONTROL_ERROR_MAX])
{
	unsigned int opened = 0, members = 0;
	bool quoted = false;

	for (size_t i = 0; i < size; i++) {
		char c = line[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		quoted = c == '"';
		opened += c == '{' || c == '[';
		members += c == ',';
		if (opened > 1)
			return control_request_error(error, "a request is one flat object");
		if (members >= CONTROL_MEMBERS_MAX)
			return control_request_error(error, "a request has at most %d members",
						     CONTROL_MEMBERS_MAX);
	}
	return 0;
}

static int control_request_verb(struct control_request *request, char error[CONTROL_ERROR_MAX])
{
	const char *name = json_string_value(json_object_get(request->root, "verb"));

	if (name == NULL)
		return control_request_error(error, "\"verb\" is missing");
	for (int verb = 0; verb < CONTROL_VERBS; verb++) {
		if (strcmp(name, control_verbs[verb].name) == 0) {
			request->verb = (enum control_verb)verb;
			return 0;
		}
	}
	return control_request_error(error, "there is no verb \"%.40s\"", name);
}

static int control_request_argument(struct control_request *request, const char *key,
				    const json_t *value, char error[CONTROL_ERROR_MAX])
{
	const struct control_argument *argument = control_verbs[request->verb].arguments;

	for (; argument->name != NULL; argument++) {
		if (strcmp(argument->name, key) == 0)
			return argument->read(value, request, error);
	}
	return control_request_error(error, "%s has no argument \"%.40s\"",
				     control_verbs[request->verb].name, key);
}

static int control_request_complete(const struct control_request *request,
				    char error[CONTROL_ERROR_MAX])
{
	const struct control_argument *arguments = control_verbs[request->verb].arguments;

	if (arguments[0].read == control_read_instance && request->instance[0] == '\0')
		return control_request_error(error, "%s: \"instance\" is missing",
					     control_verbs[request->verb].name);
	if ((request->name == NULL) != (request->text == NULL))
		return control_request_error(error, "%s: \"name\" and \"text\" go together",
					     control_verbs[request->verb].name);
	return 0;
}

int control_request_parse(const char *line, size_t size, struct control_request *request,
			  char error[CONTROL_ERROR_MAX])
{
	json_error_t fault;
	const char *key;
	json_t *value;
	int err;

	*request = (struct control_request){ 0 };
	err = control_request_bound(line, size, error);
	if (err != 0)
		return err;
	request->root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &fault);
	if (request->root == NULL)
		return control_request_error(error, "not JSON: column %d: %s", fault.column,
					     fault.text);
	if (!json_is_object(request->root))
		return control_request_error(error, "a request is one flat object");
	err = control_request_verb(request, error);
	if (err != 0)
		return err;
	json_object_foreach(request->root, key, value) {
		if (strcmp(key, "verb") == 0)
			continue;
		err = control_request_argument(request, key, value, error);
		if (err != 0)
			return err;
	}
	return control_request_complete(request, error);
}

void control_request_fini(struct control_request *request)
{
	json_decref(request->root);
	*request = (struct control_request){ 0 };
}

const char *control_request_verb_name(enum control_verb verb)
{
	return control_verbs[verb].name;
}

bool control_request_writes(const struct control_request *request)
{
	switch (request->verb) {
	case CONTROL_DRAIN:
	case CONTROL_MAINT:
	case CONTROL_RESUME:
	case CONTROL_CONFIG_APPLY:
		return true;
	case CONTROL_WEIGHT:
		return request->weight_action != CONTROL_WEIGHT_GET;
	default:
		return false;
	}
}

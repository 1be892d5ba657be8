/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/request.h"
#include "config/load/load.h"
#include "config/schema/field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/api/protocol.h"
#include "controlplane/model/model.h"

static int __attribute__((format(printf, 2, 3)))
control_request_error(char error[CONTROL_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, CONTROL_ERROR_MAX, format, arguments);
	va_end(arguments);
	/* The message may quote text of the request. */
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

static int control_read_instance(const struct control_argument *argument, const json_t *value,
				 struct control_value *to, char error[CONTROL_ERROR_MAX])
{
	to->text = json_string_value(value);
	if (to->text == NULL || !control_request_is_path(to->text))
		return control_request_error(error, "\"%s\": expected \"POOL/INSTANCE\"",
					     argument->name);
	return 0;
}

static int control_read_name(const struct control_argument *argument, const json_t *value,
			     struct control_value *to, char error[CONTROL_ERROR_MAX])
{
	struct config_reason reason = { "" };

	to->text = json_string_value(value);
	if (to->text == NULL || config_field_check_name(to->text, &reason) != 0)
		return control_request_error(error, "\"%s\": \"%.64s\": %s", argument->name,
					     to->text != NULL ? to->text : "",
					     to->text != NULL ? reason.text : "expected a string");
	return 0;
}

static int control_read_number(const struct control_argument *argument, const json_t *value,
			       struct control_value *to, char error[CONTROL_ERROR_MAX])
{
	const char *word = json_string_value(value);
	json_int_t number = json_integer_value(value);

	to->is_word = argument->word != NULL && word != NULL && strcmp(word, argument->word) == 0;
	if (to->is_word)
		return 0;
	if (!json_is_integer(value) || number < 0 || number > argument->max)
		return control_request_error(error, "\"%s\": expected a number from 0 to %u%s%s%s",
					     argument->name, argument->max,
					     argument->word ? ", or \"" : "",
					     argument->word ? argument->word : "",
					     argument->word ? "\"" : "");
	to->number = (uint32_t)number;
	return 0;
}

static int control_read_text(const struct control_argument *argument, const json_t *value,
			     struct control_value *to, char error[CONTROL_ERROR_MAX])
{
	to->text = json_string_value(value);
	to->bytes = json_string_length(value);
	if (to->text == NULL && argument->max == 0)
		return control_request_error(error, "\"%s\": expected a string", argument->name);
	if (to->text == NULL || (argument->max != 0 && to->bytes > argument->max))
		return control_request_error(error, "\"%s\": expected a string of at most %u bytes",
					     argument->name, argument->max);
	return 0;
}

static int control_read_flag(const struct control_argument *argument, const json_t *value,
			     struct control_value *to, char error[CONTROL_ERROR_MAX])
{
	if (!json_is_boolean(value))
		return control_request_error(error, "\"%s\": expected true or false",
					     argument->name);
	to->number = json_is_true(value);
	return 0;
}

static int (*const control_readers[])(const struct control_argument *argument, const json_t *value,
				      struct control_value *to, char error[CONTROL_ERROR_MAX]) = {
	[CONTROL_INSTANCE] = control_read_instance, [CONTROL_NAME] = control_read_name,
	[CONTROL_NUMBER] = control_read_number,	    [CONTROL_TEXT] = control_read_text,
	[CONTROL_FLAG] = control_read_flag,
};

/*
 * Check a line before the JSON parser sees it: it must not build a deep or a long value. All other
 * errors are left to the parser.
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
			return control_request_error(error, "expected a request: one flat object");
		if (members >= CONTROL_MEMBERS_MAX)
			return control_request_error(error, "a request has at most %d members",
						     CONTROL_MEMBERS_MAX);
	}
	return 0;
}

static int control_request_verb(const struct control_verb *verbs, struct control_request *request,
				char error[CONTROL_ERROR_MAX])
{
	const char *name = json_string_value(json_object_get(request->root, "verb"));

	if (name == NULL)
		return control_request_error(error, "\"verb\" is missing");
	for (const struct control_verb *verb = verbs; verb->name != NULL; verb++) {
		if (strcmp(name, verb->name) == 0) {
			request->verb = verb;
			request->changes = verb->changes;
			return 0;
		}
	}
	return control_request_error(error, "there is no verb \"%.40s\"", name);
}

/* The index of a verb's argument, or -1. */
static int control_request_find(const struct control_verb *verb, const char *name)
{
	for (int i = 0; verb->arguments[i].name != NULL; i++) {
		if (strcmp(verb->arguments[i].name, name) == 0)
			return i;
	}
	return -1;
}

static int control_request_argument(struct control_request *request, const char *key,
				    const json_t *value, char error[CONTROL_ERROR_MAX])
{
	int i = control_request_find(request->verb, key);
	const struct control_argument *argument = &request->verb->arguments[i < 0 ? 0 : i];
	int err;

	if (i < 0)
		return control_request_error(error, "%s has no argument \"%.40s\"",
					     request->verb->name, key);
	err = control_readers[argument->kind](argument, value, &request->values[i], error);
	if (err != 0)
		return err;
	request->values[i].is_given = true;
	request->changes |= argument->changes;
	request->waits |= argument->waits;
	if (argument->kind == CONTROL_INSTANCE || argument->kind == CONTROL_NAME)
		request->instance = request->values[i].text;
	return 0;
}

static int control_request_complete(const struct control_request *request,
				    char error[CONTROL_ERROR_MAX])
{
	const struct control_verb *verb = request->verb;
	const struct control_argument *argument = verb->arguments;

	for (int i = 0; argument[i].name != NULL; i++) {
		const char *with = argument[i].with;
		bool given = request->values[i].is_given;

		if ((argument[i].kind == CONTROL_INSTANCE || argument[i].kind == CONTROL_NAME) &&
		    !given)
			return control_request_error(error, "%s: \"%s\" is missing", verb->name,
						     argument[i].name);
		if (with != NULL && given != control_request_value(request, with)->is_given)
			return control_request_error(error,
						     "%s: \"%s\" and \"%s\" must be given together",
						     verb->name, argument[i].name, with);
	}
	return 0;
}

int control_request_parse(const struct control_verb *verbs, const char *line, size_t size,
			  struct control_request *request, char error[CONTROL_ERROR_MAX])
{
	json_error_t fault;
	const char *key;
	json_t *value;
	int err;

	*request = (struct control_request){ .instance = "" };
	err = control_request_bound(line, size, error);
	if (err != 0)
		return err;
	request->root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &fault);
	if (request->root == NULL)
		return control_request_error(error, "not JSON: column %d: %s", fault.column,
					     fault.text);
	if (!json_is_object(request->root))
		return control_request_error(error, "expected a request: one flat object");
	err = control_request_verb(verbs, request, error);
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

const struct control_value *control_request_value(const struct control_request *request,
						  const char *name)
{
	static const struct control_value none = { .is_given = false };
	int i = control_request_find(request->verb, name);

	return i < 0 ? &none : &request->values[i];
}

bool control_request_is_large(const struct control_verb *verbs, const char *line, size_t size)
{
	static const char start[] = "{\"verb\":\"";
	const size_t begin = sizeof(start) - 1;

	if (size < begin || memcmp(line, start, begin) != 0)
		return false;
	for (const struct control_verb *verb = verbs; verb->name != NULL; verb++) {
		size_t length = strlen(verb->name);

		if (verb->is_large && size > begin + length &&
		    memcmp(line + begin, verb->name, length) == 0 && line[begin + length] == '"')
			return true;
	}
	return false;
}

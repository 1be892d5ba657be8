/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary bytes as the client's side of the control protocol, in pieces: no crash, no leak, no
 * more answers than requests, each answer one line of JSON, bounded memory.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/session.h"
#include "tests/support/control_fake.c"

/* A drain that waits reports what it did, and then how many flows are left. */
#define LINES_PER_REQUEST 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_changed(void *arg)
{
	(void)arg;
}

/* Return: number of lines that end an answer. */
static size_t fuzz_check_output(struct evbuffer *output, size_t requests)
{
	size_t lines = 0, ends = 0, length;
	char *line;

	while ((line = evbuffer_readln(output, &length, EVBUFFER_EOL_LF)) != NULL) {
		json_t *value = json_loadb(line, length, 0, NULL);
		const json_t *ok = json_object_get(value, "ok");

		if (!json_is_object(value))
			abort();
		if (ok != NULL && !json_is_boolean(ok))
			abort();
		if (json_is_false(ok) && !json_is_string(json_object_get(value, "error")))
			abort();
		lines++;
		ends += ok != NULL;
		json_decref(value);
		free(line);
	}
	if (evbuffer_get_length(output) != 0 || lines > LINES_PER_REQUEST * requests)
		abort();
	return ends;
}

static size_t fuzz_count(const uint8_t *data, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += data[i] == '\n';
	return count;
}

/* The first byte selects the daemon's state, the second the length of the pieces. */
static void fuzz_prepare(struct fake *fake, uint8_t how)
{
	static const int results[] = { 0, -ENOTCONN, -EBADMSG, -ECANCELED };

	fake_init(fake);
	fake->hold = (how & 1) != 0;
	fake->set_error = (how & 2) != 0 ? -ENOSPC : 0;
	fake->publish_status = results[how >> 2 & 3];
	fake->config_refused = (how & 16) != 0;
	fake->flows_step = (how & 32) != 0 ? 1000 : 0;
}

static void fuzz_feed(struct control_session *session, struct fake *fake, struct evbuffer *input,
		      struct evbuffer *output, const uint8_t *data, size_t size)
{
	size_t piece = 1 + (size_t)data[1] * 7, requests = 1 + fuzz_count(data, size), ends = 0;

	for (size_t at = 2; at < size && !control_session_over(session); at += piece) {
		size_t left = size - at;

		/* The owner stops reading at the limit. */
		if (evbuffer_get_length(input) < control_session_input_max(session))
			evbuffer_add(input, data + at, left < piece ? left : piece);
		control_session_run(session);
		if (fake_publish(fake) > FAKE_WAITS_MAX)
			abort();
		ends += fuzz_check_output(output, requests);
		control_session_run(session);
	}
	control_session_end_input(session);
	ends += fuzz_check_output(output, requests);
	if (ends > requests)
		abort();
	if (!control_session_busy(session) && !control_session_over(session))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	struct evbuffer *input, *output;
	struct control_session *session;
	struct control_load load = { 0 };
	struct fake fake;

	if (size < 2)
		return 0;
	if (base == NULL) {
		log_set_level(LOG_EMERG);
		base = event_base_new();
	}
	fuzz_prepare(&fake, data[0]);
	input = evbuffer_new();
	output = evbuffer_new();
	session = control_session_create(&(struct control_session_options){
		.base = base,
		.verbs = fake_verbs(),
		.ops = &fake_ops,
		.ops_arg = &fake,
		.input = input,
		.output = output,
		.load = &load,
		.who = "fuzz",
		.changed = fuzz_changed,
	});
	fuzz_feed(session, &fake, input, output, data, size);
	control_session_destroy(session);
	if (load.large_sessions || load.waits || load.writes)
		abort();
	for (unsigned int i = 0; i < FAKE_WAITS_MAX; i++) {
		if (fake.waits[i] != NULL)
			abort();
	}
	evbuffer_free(input);
	evbuffer_free(output);
	return 0;
}

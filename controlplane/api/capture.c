/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture: a line for each copied packet: "unix_ns", "len", "data" (hexadecimal, its first bytes as
 * received), "verdict" (forward, reply, kernel, drop), "generation", with a drop "reason", with a
 * forwarded one "instance". Each second also {"alive":true} with "lost" (read too slowly) and
 * "skipped" (above the rate). It does not end by itself; one at a time.
 *
 * Nobody waits for the client: while it does not read, records are lost in the dataplane.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/verb.h"

#define CONTROL_CAPTURE_LOOK_MS 20
#define CONTROL_CAPTURE_AT_ONCE 400 /* lines in a turn of the loop */
#define CONTROL_CAPTURE_ALIVE_MS 1000
/* Without sluiced the dataplane goes on for so long. */
#define CONTROL_CAPTURE_LEASE_MS 500
#define CONTROL_CAPTURE_PER_S 10000 /* packets, all workers together */

struct control_capture {
	struct control_daemon *daemon;
	struct lb_capture_select select;
	struct publish_capture_missed before; /* when it began */
	int64_t unix_ahead_ns;		      /* of CLOCK_MONOTONIC */
	uint64_t said_ns;
};

static void control_capture_go_on(struct control_call *call);

/* ---- What is wanted ---- */

static int control_capture_read_reason(struct control_call *call, struct lb_capture_select *select)
{
	const struct control_value *value = control_call_value(call, "reason");
	uint32_t reason = 0;

	if (!value->is_given)
		return 0;
	while (stats_drop_name(reason) && strcmp(stats_drop_name(reason), value->text) != 0)
		reason++;
	select->verdicts = 1u << LB_VERDICT_DROP;
	select->reasons = 1u << (reason & 31);
	if (!stats_drop_name(reason))
		control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL,
				    "there is no drop reason %s: see drops", value->text);
	else if (reason == LB_DROP_KILLED || reason == LB_DROP_KERNEL_TX)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "%s: these are counted where the packet is not at hand",
				    value->text);
	else
		return 0;
	return -EINVAL;
}

static int control_capture_read_instance(struct control_call *call,
					 struct lb_capture_select *select)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct control_value *value = control_call_value(call, "instance");
	const struct model_instance *instance;

	if (!value->is_given)
		return 0;
	instance = model_instance_find(daemon->model, value->text);
	if (instance == NULL) {
		control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL, "there is no %s",
				    value->text);
		return -ENOENT;
	}
	select->instance = (uint16_t)instance->index;
	select->verdicts = 1u << LB_VERDICT_FORWARD | 1u << LB_VERDICT_REPLY;
	return 0;
}

static int control_capture_read_client(struct control_call *call, struct lb_capture_select *select)
{
	const struct control_value *value = control_call_value(call, "client");
	struct config_address client;

	if (!value->is_given)
		return 0;
	if (config_address_parse(value->text, &client) != 0) {
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL, "\"%s\": expected an address",
				    value->text);
		return -EINVAL;
	}
	select->family = client.family;
	memcpy(select->client, client.bytes, sizeof(select->client));
	return 0;
}

static int control_capture_read(struct control_call *call, struct lb_capture_select *select)
{
	*select = (struct lb_capture_select){
		.verdicts = UINT32_MAX,
		.reasons = UINT32_MAX,
		.instance = LB_INSTANCE_NONE,
	};
	if (control_call_value(call, "instance")->is_given &&
	    (control_call_value(call, "reason")->is_given ||
	     control_call_value(call, "drops")->number != 0)) {
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL,
				    "a dropped packet has no instance");
		return -EINVAL;
	}
	if (control_call_value(call, "drops")->number != 0)
		select->verdicts = 1u << LB_VERDICT_DROP;
	if (control_capture_read_reason(call, select) != 0 ||
	    control_capture_read_instance(call, select) != 0)
		return -EINVAL;
	return control_capture_read_client(call, select);
}

/* ---- What is told ---- */

static const char *control_capture_verdict(lb_result result)
{
	static const char *const names[] = {
		[LB_VERDICT_FORWARD] = "forward",
		[LB_VERDICT_REPLY] = "reply",
		[LB_VERDICT_KERNEL] = "kernel",
		[LB_VERDICT_DROP] = "drop",
	};
	uint32_t verdict = lb_result_verdict(result);

	return verdict < sizeof(names) / sizeof(names[0]) ? names[verdict] : NULL;
}

/* What a record says comes from another process. Return: NULL if it makes no sense, or no memory. */
static json_t *control_capture_line(const struct control_capture *capture,
				    const struct lb_capture_record *record)
{
	static const char digits[] = "0123456789abcdef";
	const struct model_instance *instance =
		model_instance_at(capture->daemon->model, record->instance);
	const char *verdict = control_capture_verdict(record->result), *reason = NULL;
	char data[2 * LB_CAPTURE_BYTES + 1];
	json_t *line;

	if (verdict == NULL || record->captured > LB_CAPTURE_BYTES)
		return NULL;
	if (lb_result_verdict(record->result) == LB_VERDICT_DROP)
		reason = stats_drop_name(lb_result_reason(record->result));
	for (uint32_t i = 0; i < record->captured; i++) {
		data[2 * i] = digits[record->data[i] >> 4];
		data[2 * i + 1] = digits[record->data[i] & 15];
	}
	data[2 * record->captured] = '\0';
	line = json_pack("{s:I, s:I, s:s, s:s, s:I}", "unix_ns",
			 (json_int_t)record->ns + capture->unix_ahead_ns, "len",
			 (json_int_t)record->len, "data", data, "verdict", verdict, "generation",
			 (json_int_t)record->generation);
	if (reason != NULL)
		json_object_set_new(line, "reason", json_string(reason));
	if (record->instance != LB_INSTANCE_NONE && instance != NULL)
		json_object_set_new(line, "instance", json_string(instance->path));
	return line;
}

static int64_t control_capture_since(uint64_t now, uint64_t before)
{
	return (int64_t)(now >= before ? now - before : now);
}

static void control_capture_say_alive(struct control_call *call, struct control_capture *capture)
{
	uint64_t now_ns = clock_now_ns();
	struct publish_capture_missed missed;

	if (now_ns - capture->said_ns < CONTROL_CAPTURE_ALIVE_MS * (uint64_t)CLOCK_NS_PER_MS)
		return;
	capture->said_ns = now_ns;
	publish_capture_missed(capture->daemon->publish, &missed);
	control_call_progress(
		call,
		json_pack("{s:b, s:I, s:I}", "alive", 1, "lost",
			  (json_int_t)control_capture_since(missed.lost, capture->before.lost),
			  "skipped",
			  (json_int_t)control_capture_since(missed.skipped,
							    capture->before.skipped)));
}

static void control_capture_go_on(struct control_call *call)
{
	struct control_capture *capture = call->own;
	struct publish *publish = capture->daemon->publish;
	struct lb_capture_record record;
	json_t *line;

	capture->select.until_ns =
		clock_now_ns() + CONTROL_CAPTURE_LEASE_MS * (uint64_t)CLOCK_NS_PER_MS;
	publish_capture(publish, &capture->select);
	for (uint32_t i = 0; i < CONTROL_CAPTURE_AT_ONCE && control_call_has_room(call) &&
			     publish_capture_next(publish, &record);
	     i++) {
		line = control_capture_line(capture, &record);
		if (line != NULL)
			control_call_line(call, line);
	}
	control_capture_say_alive(call, capture);
	call->on_timer = control_capture_go_on;
	control_call_timer(call, CONTROL_CAPTURE_LOOK_MS);
}

/* Also when the client has left. */
static void control_capture_end(void *own)
{
	struct control_capture *capture = own;

	publish_capture(capture->daemon->publish, NULL);
	capture->daemon->has_capture = false;
	free(capture);
}

static uint32_t control_capture_share(const struct publish *publish)
{
	const struct lb_segment *segment = publish_segment(publish);
	uint32_t n = segment != NULL && segment->n_workers > 0 ? segment->n_workers : 1;
	uint32_t share = CONTROL_CAPTURE_PER_S * LB_CAPTURE_WINDOW_MS / 1000 / n;

	return share > 0 ? share : 1;
}

void control_capture_run(struct control_call *call)
{
	struct control_daemon *daemon = call->ops_arg;
	struct lb_capture_record stale;
	struct control_capture *capture;

	if (daemon->has_capture) {
		control_call_refuse(call, CONTROL_CODE_BUSY, NULL,
				    "another capture is running; there is one at a time");
		return;
	}
	capture = calloc(1, sizeof(*capture));
	if (capture == NULL) {
		control_call_done(call, NULL);
		return;
	}
	capture->daemon = daemon;
	if (control_capture_read(call, &capture->select) != 0) {
		free(capture);
		return;
	}
	call->own = capture;
	call->end = control_capture_end;
	daemon->has_capture = true;
	capture->select.per_window = control_capture_share(daemon->publish);
	capture->unix_ahead_ns =
		(int64_t)(clock_read_ns(CLOCK_REALTIME) - clock_read_ns(CLOCK_MONOTONIC));
	publish_capture(daemon->publish, NULL);
	while (publish_capture_next(daemon->publish, &stale))
		continue;
	publish_capture_missed(daemon->publish, &capture->before);
	control_capture_go_on(call);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events: a line for each record, then the result: "count", and "lost", the records that were
 * dropped from memory before this client had read them. With "follow" it does not end: new records
 * follow, {"lost":N} stands in the place of lost ones, and {"alive":true} shows every few seconds
 * that the daemon is there. A client that reads slowly holds nothing but its position.
 */
#include <inttypes.h>

#include "config/base/clock.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/verb.h"
#include "controlplane/events/events.h"

#define CONTROL_EVENTS_LOOK_MS 100
#define CONTROL_EVENTS_ALIVE_MS 10000

static void control_events_go_on(struct control_call *call);

static const struct events *control_events_of(const struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;

	return daemon->events;
}

static bool control_events_wants(const struct control_call *call,
				 const struct events_record *record)
{
	const struct control_value *since = control_call_value(call, "since_ms");

	if (since->is_given && record->unix_ms < call->stream.since_unix_ms)
		return false;
	return events_is_about(record, control_call_value(call, "object")->text);
}

/* Go back so far that the last N matching records follow. */
static void control_events_rewind(struct control_call *call, uint32_t n)
{
	const struct events *events = control_events_of(call);
	const struct events_record *record;
	uint64_t after = 0, lost = 0, matching = 0;

	while ((record = events_next(events, &after, &lost)) != NULL)
		matching += control_events_wants(call, record);
	call->stream.skip = matching > n ? matching - n : 0;
}

static void control_events_say_lost(struct control_call *call, uint64_t lost)
{
	if (lost == 0)
		return;
	call->stream.lost += lost;
	control_call_line(call, json_pack("{s:I}", "lost", (json_int_t)lost));
}

/* Send what there is, as far as the client reads it. Return: whether that was all. */
static bool control_events_send(struct control_call *call)
{
	const struct events *events = control_events_of(call);
	const struct events_record *record;
	uint64_t lost = 0;

	while (control_call_has_room(call)) {
		record = events_next(events, &call->stream.after, &lost);
		control_events_say_lost(call, lost);
		lost = 0;
		if (record == NULL)
			return true;
		if (!control_events_wants(call, record))
			continue;
		if (call->stream.skip > 0) {
			call->stream.skip--;
			continue;
		}
		call->stream.count++;
		call->stream.said_ns = clock_now_ns();
		control_call_line(call, json_loads(record->text, 0, NULL));
	}
	return false;
}

static void control_events_follow(struct control_call *call)
{
	uint64_t now_ns = clock_now_ns();

	if (now_ns - call->stream.said_ns >= CONTROL_EVENTS_ALIVE_MS * (uint64_t)CLOCK_NS_PER_MS) {
		call->stream.said_ns = now_ns;
		control_call_line(call, json_pack("{s:b}", "alive", 1));
	}
	call->on_timer = control_events_go_on;
	control_call_timer(call, CONTROL_EVENTS_LOOK_MS);
}

/* Without room it goes on when the client has read. */
static void control_events_go_on(struct control_call *call)
{
	if (!control_events_send(call))
		return;
	if (control_call_value(call, "follow")->number != 0)
		control_events_follow(call);
	else
		control_call_done(call,
				  json_pack("{s:I, s:I}", "count", (json_int_t)call->stream.count,
					    "lost", (json_int_t)call->stream.lost));
}

void control_events_run(struct control_call *call)
{
	const struct control_value *last = control_call_value(call, "last");
	uint64_t now_unix_ms = clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS;

	call->on_room = control_events_go_on;
	call->stream.said_ns = clock_now_ns();
	call->stream.since_unix_ms =
		(int64_t)now_unix_ms - (int64_t)control_call_value(call, "since_ms")->number;
	if (last->is_given)
		control_events_rewind(call, last->number);
	control_events_go_on(call);
}

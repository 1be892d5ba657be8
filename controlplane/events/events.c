/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/events/events.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/events/file.h"
#include "controlplane/events/journal.h"
#include "controlplane/events/record.h"

/* Lines are written in pieces of at most this. */
#define EVENTS_PIECE_BYTES (64u << 10)
/* How long after a failed write the next one is tried. */
#define EVENTS_RETRY_S 1

struct events {
	struct events_options options;
	struct events_file *file;
	struct event *writer;
	struct events_record *ring[EVENTS_MAX]; /* by number, modulo its size */
	uint64_t first;				/* the oldest record kept */
	uint64_t last;				/* the newest; first - 1: none */
	uint64_t written;			/* the newest in the file */
	int error;				/* of the last write, logged */
	int64_t (*flows)(void *arg, const char *object);
	void *flows_arg;
	bool uses_journal;
};

static struct events_record **events_place(struct events *events, uint64_t seq)
{
	return &events->ring[seq % EVENTS_MAX];
}

static void events_forget(struct events *events)
{
	while (events->first <= events->last) {
		free(*events_place(events, events->first));
		*events_place(events, events->first++) = NULL;
	}
}

/* Takes @record, whose number is the next one. */
static void events_keep(struct events *events, struct events_record *record)
{
	if (events->last + 1 - events->first == EVENTS_MAX)
		free(*events_place(events, events->first++));
	*events_place(events, record->seq) = record;
	events->last = record->seq;
}

/* ---- Start ---- */

/* Numbers rise. Where they jump, records were lost, and those before are not kept. */
static bool events_on_line(void *arg, char *line)
{
	struct events *events = arg;
	struct events_record *record = events_record_parse(line);

	if (record == NULL || record->seq <= events->last) {
		free(record);
		return false;
	}
	if (record->seq != events->last + 1) {
		events_forget(events);
		events->first = record->seq;
	}
	events_keep(events, record);
	return true;
}

static void events_load(struct events *events)
{
	const char *dir = events->options.dir;
	uint32_t damaged;
	int err = events_file_read(events->file, events_on_line, events, &damaged);

	if (err != 0)
		log_warn("events: cannot read %s/%s: %s", dir, EVENTS_FILE_NAME, strerror(-err));
	if (damaged > 0)
		log_warn("events: %s/%s: %u damaged record%s skipped", dir, EVENTS_FILE_NAME,
			 damaged, damaged == 1 ? "" : "s");
	events->written = events->last;
}

static void events_on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)events_flush(arg);
}

static int64_t events_realtime_ms(void *arg)
{
	(void)arg;
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

struct events *events_open(const struct events_options *options)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->options = *options;
	events->first = 1;
	events->uses_journal = events_journal_is_used();
	if (options->now_unix_ms == NULL)
		events->options.now_unix_ms = events_realtime_ms;
	events->file =
		events_file_create(options->dir, options->file_bytes_max ? options->file_bytes_max
									 : EVENTS_FILE_BYTES_MAX);
	if (options->base != NULL)
		events->writer = evtimer_new(options->base, events_on_write, events);
	if (events->file == NULL || (options->base != NULL && events->writer == NULL)) {
		events_close(events);
		errno = ENOMEM;
		return NULL;
	}
	events_load(events);
	return events;
}

void events_close(struct events *events)
{
	if (events == NULL)
		return;
	if (events->file != NULL)
		(void)events_flush(events);
	if (events->writer != NULL)
		event_free(events->writer);
	events_forget(events);
	events_file_destroy(events->file);
	free(events);
}

void events_set_flows(struct events *events, int64_t (*flows)(void *arg, const char *object),
		      void *arg)
{
	events->flows = flows;
	events->flows_arg = arg;
}

/* ---- Writing ---- */

/* Return: bytes of the records from @from on that fit into a piece; @to: the last of them. */
static size_t events_piece(struct events *events, uint64_t from, uint64_t *to, char *piece)
{
	size_t used = 0;

	for (uint64_t seq = from; seq <= events->last; seq++) {
		const char *text = (*events_place(events, seq))->text;
		size_t length = strlen(text);

		if (used + length + 1 > EVENTS_PIECE_BYTES)
			break;
		memcpy(piece + used, text, length + 1);
		used += length;
		piece[used++] = '\n';
		*to = seq;
	}
	return used;
}

static void events_written(struct events *events, int err)
{
	const struct timeval later = { .tv_sec = EVENTS_RETRY_S };

	if (err != 0 && err != events->error)
		log_warn("events: cannot write %s/%s: %s; the last %d are kept in memory",
			 events->options.dir, EVENTS_FILE_NAME, strerror(-err), EVENTS_MAX);
	else if (err == 0 && events->error != 0)
		log_info("events: %s/%s is written again", events->options.dir, EVENTS_FILE_NAME);
	events->error = err;
	if (err != 0 && events->writer != NULL)
		evtimer_add(events->writer, &later);
}

int events_flush(struct events *events)
{
	static char piece[EVENTS_PIECE_BYTES];
	uint64_t from, to = 0;
	size_t bytes;
	int err = 0;

	if (events->written == events->last)
		return 0;
	while (err == 0 && events->written < events->last) {
		from = events->written + 1 > events->first ? events->written + 1 : events->first;
		bytes = events_piece(events, from, &to, piece);
		err = events_file_append(events->file, piece, bytes);
		if (err == 0)
			events->written = to;
	}
	events_written(events, err);
	return err;
}

/* ---- Adding ---- */

static struct events_change events_complete(const struct events *events,
					    const struct events_change *change)
{
	struct events_change whole = *change;
	const char **texts[] = { &whole.object, &whole.what,  &whole.from,
				 &whole.to,	&whole.cause, &whole.who };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i] == NULL)
			*texts[i] = "";
	if (whole.flows == EVENTS_FLOWS_ASK)
		whole.flows = events->flows != NULL ? events->flows(events->flows_arg, whole.object)
						    : EVENTS_FLOWS_UNKNOWN;
	return whole;
}

void events_add(struct events *events, const struct events_change *change)
{
	const struct timeval now = { 0, 0 };
	struct events_change whole;
	struct events_record *record;

	if (events == NULL)
		return;
	whole = events_complete(events, change);
	record = events_record_create(&whole, events->last + 1,
				      events->options.now_unix_ms(events->options.arg));
	if (record == NULL) {
		log_err("events: no memory for one about %s", whole.object);
		return;
	}
	events_keep(events, record);
	if (events->uses_journal)
		events_journal_send(&whole, record->seq);
	if (events->writer != NULL && events->error == 0)
		evtimer_add(events->writer, &now);
}

/* ---- Reading ---- */

uint64_t events_last(const struct events *events)
{
	return events->last;
}

const struct events_record *events_next(const struct events *events, uint64_t *after,
					uint64_t *lost)
{
	uint64_t next = *after + 1;

	if (next < events->first) {
		*lost += *after == 0 ? 0 : events->first - next;
		next = events->first;
	}
	if (next > events->last)
		return NULL;
	*after = next;
	return events->ring[next % EVENTS_MAX];
}

bool events_is_about(const struct events_record *record, const char *filter)
{
	size_t length = filter != NULL ? strlen(filter) : 0;

	return length == 0 || (strncmp(record->object, filter, length) == 0 &&
			       (record->object[length] == '\0' || record->object[length] == '/'));
}

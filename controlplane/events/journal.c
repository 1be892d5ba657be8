/* SPDX-License-Identifier: BSD-3-Clause */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "controlplane/events/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#define JOURNAL_FIELDS_MAX 12
#define JOURNAL_FIELD_BYTES 640

struct journal_entry {
	struct iovec fields[JOURNAL_FIELDS_MAX];
	char texts[JOURNAL_FIELDS_MAX][JOURNAL_FIELD_BYTES];
	int count;
};

static void __attribute__((format(printf, 2, 3)))
journal_add(struct journal_entry *entry, const char *format, ...)
{
	char *text = entry->texts[entry->count];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, JOURNAL_FIELD_BYTES, format, arguments);
	va_end(arguments);
	if (length >= JOURNAL_FIELD_BYTES)
		length = JOURNAL_FIELD_BYTES - 1;
	entry->fields[entry->count++] = (struct iovec){ text, (size_t)length };
}

bool events_journal_is_used(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

void events_journal_send(const struct events_change *change, uint64_t seq)
{
	struct journal_entry entry = { .count = 0 };

	journal_add(&entry, "MESSAGE=%s: %s %s%s%s%s%s%s%s", change->object, change->what,
		    change->from, change->from[0] ? " -> " : "", change->to,
		    change->cause[0] ? ", " : "", change->cause, change->who[0] ? ", by " : "",
		    change->who);
	journal_add(&entry, "MESSAGE_ID=" EVENTS_JOURNAL_ID);
	journal_add(&entry, "PRIORITY=%d", LOG_NOTICE);
	journal_add(&entry, "SLUICE_EVENT=%" PRIu64, seq);
	journal_add(&entry, "SLUICE_OBJECT=%s", change->object);
	journal_add(&entry, "SLUICE_WHAT=%s", change->what);
	journal_add(&entry, "SLUICE_FROM=%s", change->from);
	journal_add(&entry, "SLUICE_TO=%s", change->to);
	journal_add(&entry, "SLUICE_CAUSE=%s", change->cause);
	journal_add(&entry, "SLUICE_WHO=%s", change->who);
	if (change->generation > 0)
		journal_add(&entry, "SLUICE_GENERATION=%" PRIu64, change->generation);
	if (change->flows >= 0)
		journal_add(&entry, "SLUICE_FLOWS=%" PRId64, change->flows);
	(void)sd_journal_sendv(entry.fields, entry.count);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An event as an entry of the journal, with a field for each of its parts:
 * journalctl SLUICE_OBJECT=web/web-1
 */
#ifndef CONTROLPLANE_EVENTS_JOURNAL_H
#define CONTROLPLANE_EVENTS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/events/change.h"

/* MESSAGE_ID of all events. */
#define EVENTS_JOURNAL_ID "5f0c2a8e4b7d4e0f9a61c3d2b8e7f415"

/** Whether this process logs to the journal. */
bool events_journal_is_used(void);

/** Send a change, whose texts are not NULL. Errors are ignored, as of a log line. */
void events_journal_send(const struct events_change *change, uint64_t seq);

#endif

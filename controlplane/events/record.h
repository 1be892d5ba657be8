/* SPDX-License-Identifier: BSD-3-Clause */
/* A record of events as one line of JSON, and back. Pure. */
#ifndef CONTROLPLANE_EVENTS_RECORD_H
#define CONTROLPLANE_EVENTS_RECORD_H

#include <stdint.h>

#include "controlplane/events/change.h"

/**
 * {"seq":7,"time":"2026-11-30T19:51:48.123Z","unix_ms":...,"object":"web/web-1","what":"health",
 * "from":"up","to":"down","cause":"TCP:80: refused","who":null,"generation":null,"flows":132}
 * Bytes that are not UTF-8 become '?'.
 * @change: without NULL.
 * Return: to be freed with free(); NULL and errno ENOMEM.
 */
struct events_record *events_record_create(const struct events_change *change, uint64_t seq,
					   int64_t unix_ms);

/** Return: to be freed with free(); NULL and errno: EINVAL if it is no record, or ENOMEM. */
struct events_record *events_record_parse(const char *line);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* One change, as it is told, and as it is kept. */
#ifndef CONTROLPLANE_EVENTS_CHANGE_H
#define CONTROLPLANE_EVENTS_CHANGE_H

#include <stdint.h>

#define EVENTS_FLOWS_ASK (-2) /* flows of the object, by the function of events_set_flows() */
#define EVENTS_FLOWS_UNKNOWN (-1)

/* A change. Texts may be NULL, which counts as "", and are copied. */
struct events_change {
	const char
		*object;  /* "web/web-1"; a pool "web"; "config", "node", "dataplane", "sluiced" */
	const char *what; /* "health", "admin", "weight", ...: which state of it */
	const char *from;
	const char *to;
	const char *cause;   /* the check's own words, the configuration's line */
	const char *who;     /* an operator; "": nobody */
	uint64_t generation; /* of the configuration; 0: not about one */
	int64_t flows;	     /* at that moment; EVENTS_FLOWS_ASK or _UNKNOWN */
};

struct events_record {
	uint64_t seq; /* from 1; goes on over restarts */
	int64_t unix_ms;
	const char *object;
	const char *text; /* a JSON object in one line, without a newline */
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* A verb of the control protocol: one row says all that the server has to know of it. */
#ifndef CONTROLPLANE_API_VERB_H
#define CONTROLPLANE_API_VERB_H

#include <stdbool.h>
#include <stdint.h>

struct control_call;

#define CONTROL_ARGUMENTS_MAX 4

enum control_kind {
	CONTROL_INSTANCE, /* "POOL/INSTANCE", of which there may be one; required */
	CONTROL_NUMBER,	  /* 0 to max */
	CONTROL_TEXT,
	CONTROL_FLAG, /* true or false */
};

struct control_argument {
	const char *name;
	enum control_kind kind;
	uint32_t max;	  /* of a number; of a text in bytes, 0: as long as a request may be */
	const char *word; /* may stand in the place of the number; NULL: none */
	const char *with; /* another argument: both are given, or neither */
	bool changes;	  /* given, the command changes something; it is logged */
	bool waits;	  /* given, the command may take hours */
};

struct control_verb {
	const char *name;
	struct control_argument arguments[CONTROL_ARGUMENTS_MAX + 1]; /* the last has no name */
	bool changes;  /* something, whatever its arguments are; one that does is logged */
	bool is_large; /* its requests have a file in them: up to CONTROL_LINE_LARGE_MAX */

	/** Do it. Ends with control_call_done() or control_call_refuse(), now or later. */
	void (*run)(struct control_call *call);
};

/* Those with a source of their own. */
void control_drain_run(struct control_call *call);
void control_maint_run(struct control_call *call);
void control_resume_run(struct control_call *call);
void control_weight_run(struct control_call *call);
void control_config_diff_run(struct control_call *call);
void control_config_apply_run(struct control_call *call);

#endif

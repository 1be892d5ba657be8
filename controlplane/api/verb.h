/* SPDX-License-Identifier: BSD-3-Clause */
/* A verb of the control protocol: one row holds everything the server needs to know about it. */
#ifndef CONTROLPLANE_API_VERB_H
#define CONTROLPLANE_API_VERB_H

#include <stdbool.h>
#include <stdint.h>

struct control_call;

#define CONTROL_ARGUMENTS_MAX 7

enum control_kind {
	CONTROL_INSTANCE, /* "POOL/INSTANCE", at most one; required */
	CONTROL_NAME,	  /* of a load balancer, at most one; required */
	CONTROL_NUMBER,	  /* 0 to max */
	CONTROL_TEXT,
	CONTROL_FLAG, /* true or false */
};

struct control_argument {
	const char *name;
	enum control_kind kind;
	uint32_t max;	  /* of a number; of a text in bytes, 0: limited by the request only */
	const char *word; /* may replace the number; NULL: none */
	const char *with; /* another argument: both must be given, or neither */
	bool changes;	  /* if given, the command changes something; it is logged */
	bool waits;	  /* if given, the command may take hours */
};

struct control_verb {
	const char *name;
	struct control_argument arguments[CONTROL_ARGUMENTS_MAX + 1]; /* the last has no name */
	bool changes;  /* changes something whatever its arguments; such commands are logged */
	bool is_large; /* its requests carry a file: up to CONTROL_LINE_LARGE_MAX */

	/** Run the command. Ends, now or later, with control_call_done() or _refuse(). */
	void (*run)(struct control_call *call);
};

/* Verbs with a source file of their own. */
void control_drain_run(struct control_call *call);
void control_maint_run(struct control_call *call);
void control_resume_run(struct control_call *call);
void control_weight_run(struct control_call *call);
void control_events_run(struct control_call *call);
void control_config_diff_run(struct control_call *call);
void control_config_apply_run(struct control_call *call);
void control_config_show_run(struct control_call *call);
void control_elb_create_run(struct control_call *call);
void control_elb_delete_run(struct control_call *call);
void control_elb_describe_run(struct control_call *call);
void control_elb_configure_run(struct control_call *call);
void control_elb_register_run(struct control_call *call);
void control_elb_deregister_run(struct control_call *call);
void control_elb_health_run(struct control_call *call);
void control_config_rollback_run(struct control_call *call);
void control_config_confirm_run(struct control_call *call);
void control_history_run(struct control_call *call);
void control_explain_run(struct control_call *call);
void control_flows_run(struct control_call *call);
void control_clients_run(struct control_call *call);
void control_capture_run(struct control_call *call);

#endif

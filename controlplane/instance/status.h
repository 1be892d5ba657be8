/* SPDX-License-Identifier: BSD-3-Clause */
/* What status shows of one interface: gathered once, printed as table or JSON. */
#ifndef INSTANCE_STATUS_H
#define INSTANCE_STATUS_H

#include <jansson.h>

#include "bpf/sluice_instance.h"
#include "controlplane/instance/ports.h"
#include "controlplane/instance/program.h"

#define STATUS_FINDINGS_MAX 16
#define STATUS_CPUS_MAX 1024 /* further ones are ignored */

/* Sentences about suspected problems; owned. */
struct status_findings {
	unsigned int count;
	char *text[STATUS_FINDINGS_MAX];
};

struct status {
	char iface[16];
	int ifindex;
	__u32 program_id;
	enum program_mode mode;
	struct lb_unwrap_state state;
	struct lb_unwrap_count counts[LB_UNWRAP_REASON_COUNT];
	struct lb_unwrap_vip vips[LB_UNWRAP_VIP_SLOTS]; /* of state.vips, same order */
	int vip_ifindex[LB_UNWRAP_VIP_SLOTS];		/* interface that has it, or 0 */
	__u64 unwrapped4[STATUS_CPUS_MAX];		/* IPIP over IPv4, by possible CPU */
	__u64 unwrapped_gue[STATUS_CPUS_MAX];
	unsigned int online_cpus;
	struct ports ports;
	struct lb_unwrap_count mapped[LB_UNWRAP_PORTS_MAX][2]; /* by enum lb_unwrap_way */
	bool filter_is_there;
	struct status_findings warnings; /* traffic is lost or at risk */
	struct status_findings hints;	 /* works, could be better */
};

/** Name and text of each reason, as JSON and the table show them. */
extern const char *const status_reason_names[LB_UNWRAP_REASON_COUNT];
extern const char *const status_reason_texts[LB_UNWRAP_REASON_COUNT];

/** Inspect the host for @status, which is otherwise filled, and add warnings and hints. */
void status_check(struct status *status);

/** Free the findings. */
void status_fini(struct status *status);

/** Print for people. */
void status_print(const struct status *status);

/** The JSON object of one interface, a new reference; NULL if out of memory. */
json_t *status_to_json(const struct status *status);

#endif

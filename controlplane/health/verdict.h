/* SPDX-License-Identifier: BSD-3-Clause */
/* What a probe has observed, and what follows for the instance. Pure. */
#ifndef SLUICE_CONTROLPLANE_HEALTH_VERDICT_H
#define SLUICE_CONTROLPLANE_HEALTH_VERDICT_H

#include <curl/curl.h>

#include "config/config.h"
#include "controlplane/model/health.h"

enum {
	HEALTH_HEADERS_MAX_BYTES = 16 << 10,
	HEALTH_BODY_MAX_BYTES = 64 << 10,
	HEALTH_TEXT_MAX_BYTES = 4 << 10, /* of the body, in which a check's text may be */
};

struct health_facts {
	enum config_check_type type;
	uint32_t timeout_ms;
	CURLcode code;
	char error[CURL_ERROR_SIZE]; /* libcurl's message, may quote the instance */
	long os_errno;		     /* of a failed connect, 0 if unknown */
	int local_errno;	     /* this node could not make a socket */
	bool connected;		     /* still connected when the probe ended */
	bool handshaken;	     /* TLS, as this side sees it */
	const char *alert;	     /* fatal alert by which the instance ended TLS; NULL: none */
	uint64_t received_bytes;     /* TCP payload, may be one short */
	uint32_t header_bytes;
	uint32_t body_bytes;
	bool headers_done; /* final ones, not those of a 1xx answer */
	long status;	   /* HTTP, 0 without an answer */
	bool wants_text;   /* the check has a text to be found in the body */
	bool text_found;
	bool text_decided; /* no more of the body was read */
	struct config_status_range statuses[CONFIG_STATUS_RANGES_MAX]; /* of the check */
	uint32_t status_count;
};

struct health_verdict {
	enum health_state state; /* HEALTH_UNKNOWN: no statement about the instance */
	uint32_t latency_us;
	char reason[HEALTH_REASON_MAX]; /* printable ASCII, "" if the check passed */
};

/* Fill in state and reason, not latency_us. */
void health_verdict_judge(struct health_verdict *verdict, const struct health_facts *facts);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* A probe's state, for health/probe.c and health/request.c only. */
#ifndef SLUICE_CONTROLPLANE_HEALTH_PROBE_INTERNAL_H
#define SLUICE_CONTROLPLANE_HEALTH_PROBE_INTERNAL_H

#include "controlplane/health/curl.h"
#include "controlplane/health/probe.h"
#include "controlplane/health/tls.h"

struct health_probes {
	struct event_base *base;
	struct health_multi *multi;
	struct health_stall *stall;
	struct curl_slist *headers;
	char user_agent[64];
};

struct health_probe {
	struct health_probes *probes;
	CURL *easy;
	struct health_tls *tls;
	struct config_address source; /* family 0: any */
	bool source_demanded;	      /* by the check: without that address nothing is checked */
	bool sends_proxy;
	int fd;
	char *text; /* to be found in the body; NULL: none */
	char *body; /* of HEALTH_TEXT_MAX_BYTES; NULL without a text */
	uint32_t body_kept;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	struct event *answer; /* for an SSL check whose handshake the instance may still refuse */
	struct event *timeout;
	bool has_grace;
	struct health_facts facts;
	uint64_t start_us;
	uint64_t stall_us; /* the stall sum at the start */
	void (*done)(void *arg, const struct health_verdict *verdict);
	void *arg;
};

/* health/request.c: what libcurl is to do. */

/* Set up probe->easy, which is new. Return: 0 or -1. */
int health_request_set(struct health_probe *probe, const struct health_probe_request *request);

/* The connection is made: send what comes before TLS and requests. @arg: the probe. */
void health_request_on_connected(void *arg);

/* Free probe->easy and all that health_request_set() has allocated. */
void health_request_free(struct health_probe *probe);

#endif

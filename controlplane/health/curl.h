/* SPDX-License-Identifier: BSD-3-Clause */
/* libcurl's multi interface on a libevent loop. One thread: that of the loop. */
#ifndef SLUICE_CONTROLPLANE_HEALTH_MULTI_H
#define SLUICE_CONTROLPLANE_HEALTH_MULTI_H

#include <curl/curl.h>

struct event_base;
struct health_multi;

/* A transfer has ended. It is still in the multi, with its connection; the callee removes it. */
struct health_multi_ops {
	void (*done)(CURL *easy, CURLcode code);
};

/* Return: the multi, or NULL with errno. curl_global_init() must have been called. */
struct health_multi *health_multi_create(struct event_base *base,
					 const struct health_multi_ops *ops);

/* Every transfer must have ended or been removed. NULL is allowed. */
void health_multi_destroy(struct health_multi *multi);

/* Start a transfer. Nothing is sent or reported before the loop's next turn. 0 or -errno. */
int health_multi_add(struct health_multi *multi, CURL *easy);

/* Stop a transfer without calling ops.done, or remove one that has ended. */
void health_multi_remove(struct health_multi *multi, CURL *easy);

#endif

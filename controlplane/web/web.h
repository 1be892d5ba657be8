/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP server of node.metrics: read-only, for Prometheus and for people. It answers GET and
 * HEAD. Nothing it does takes the event loop for longer than a fraction of a millisecond, so that
 * checks and changes are never late for it. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_WEB_WEB_H
#define CONTROLPLANE_WEB_WEB_H

#include "config/config.h"

struct control_daemon;
struct event_base;
struct web;

/** @daemon: must outlive the server. Return: NULL and errno. */
struct web *web_create(struct event_base *base, struct control_daemon *daemon);
void web_destroy(struct web *web); /* NULL is allowed */

/**
 * Serve at another place, or nowhere. A place that cannot be used is logged, and tried again every
 * second.
 */
void web_configure(struct web *web, const struct config_node *node);

#endif

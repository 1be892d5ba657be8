/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS details of a probe that libcurl does not report: alerts, and whether a server has accepted
 * the client's last flight. In TLS 1.3 the handshake ends for the client before the server has
 * processed that flight (RFC 8446, section 2), so a refusal comes later, as an alert in the middle
 * of the data.
 * Context: the event loop's thread.
 */
#ifndef SLUICE_CONTROLPLANE_HEALTH_TLS_H
#define SLUICE_CONTROLPLANE_HEALTH_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

struct health_tls;

/**
 * Observe the TLS of a transfer that has not begun.
 * @connected: called when the connection is made, before the first byte of TLS.
 * Return: to be released with health_tls_release(), even before @easy is cleaned up; NULL and
 * ENOMEM.
 */
struct health_tls *health_tls_attach(CURL *easy, void (*connected)(void *arg), void *arg);
void health_tls_release(struct health_tls *tls);

/** The fatal alert that the server sent, as OpenSSL names it; NULL if there was none. */
const char *health_tls_alert(const struct health_tls *tls);

/** The handshake has ended on this side, but with TLS 1.3 the server may still refuse it. */
bool health_tls_is_open(const struct health_tls *tls);

/** The server has accepted the handshake, shown by a ticket: later alerts are unrelated. */
bool health_tls_is_taken(const struct health_tls *tls);

/** This side sends no more, not even a close_notify: a server's alert about that is no refusal. */
void health_tls_end_output(struct health_tls *tls);

#endif

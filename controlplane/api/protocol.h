/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The protocol between sluicectl and sluiced over DIR/control.sock, a UNIX stream socket: one JSON
 * object per line, UTF-8, in both directions.
 *
 * A request is flat: {"verb":"drain","instance":"web/web-1","wait_ms":300000}. Requests of one
 * connection are answered in order, one at a time. The last line of an answer has "ok":
 *
 *   {"ok":true,"result":{...}}
 *   {"ok":false,"code":"unknown","error":"there is no pool \"wbe\"","result":{...}}
 *
 * "result" of a refusal is optional and has details. Lines before the last one, sent for a drain
 * that waits, have no "ok": {"flows":132,"elapsed_ms":500,...}.
 *
 * The verbs are in api/verbs.c.
 */
#ifndef CONTROLPLANE_API_PROTOCOL_H
#define CONTROLPLANE_API_PROTOCOL_H

#define CONTROL_SOCKET_NAME "control.sock"

/* Bytes of a request without its newline. */
#define CONTROL_LINE_MAX (64u << 10)
/*
 * Maximum for a request with a configuration: a text of CONFIG_FILE_BYTES_MAX, most of it not
 * escaped. It must begin with the verb, without a blank: {"verb":"config-diff"
 */
#define CONTROL_LINE_LARGE_MAX (8u << 20)
/* Members of a request. */
#define CONTROL_MEMBERS_MAX 8

#define CONTROL_WAIT_MAX_MS (24u * 3600 * 1000)

/* Time to confirm a configuration. */
#define CONTROL_CONFIRM_MIN_MS 1000u
#define CONTROL_CONFIRM_MAX_MS (24u * 3600 * 1000)

/* "code" of a refusal. */
#define CONTROL_CODE_REQUEST "request" /* not understood: no such verb, bad argument */
#define CONTROL_CODE_DENIED "denied"   /* the peer has no permission */
#define CONTROL_CODE_BUSY "busy"       /* too many clients */
#define CONTROL_CODE_UNKNOWN "unknown" /* no such pool or instance */
#define CONTROL_CODE_REFUSED "refused" /* understood, but not done */

#endif

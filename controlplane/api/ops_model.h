/* SPDX-License-Identifier: BSD-3-Clause */
/* The control server's verbs on the daemon's model. Context: the event loop's thread. */
#ifndef CONTROLPLANE_API_OPS_MODEL_H
#define CONTROLPLANE_API_OPS_MODEL_H

struct control_daemon;
struct model;
struct model_instance;
struct state;

/**
 * Open DIR/control.sock of daemon->run_dir and serve it; sets daemon->control. Everything else in
 * @daemon must be set and outlive the server, and the model must have its configuration. The
 * process ignores SIGPIPE and SIGXFSZ.
 * Return: 0 or -errno, logged.
 */
int control_model_start(struct control_daemon *daemon);

/* Close the socket and all clients; daemon->control is NULL afterwards. Allowed without a start. */
void control_model_stop(struct control_daemon *daemon);

/**
 * Restore what operators set for an instance before a restart: from the state into the model. To be
 * called for each instance that a configuration adds.
 */
void control_model_restore(const struct state *state, struct model *model,
			   struct model_instance *instance);

#endif

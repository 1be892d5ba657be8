/* SPDX-License-Identifier: BSD-3-Clause */
/* The control server's verbs on the daemon's model. Context: the event loop's thread. */
#ifndef CONTROLPLANE_CONTROL_MODEL_H
#define CONTROLPLANE_CONTROL_MODEL_H

struct model_instance;
struct sluiced;

/**
 * Open DIR/control.sock of sluiced->run_dir and serve it; sets sluiced->control. All else in
 * @sluiced must be there, and the model have its configuration. The process ignores SIGPIPE and
 * SIGXFSZ.
 * Return: 0 or -errno, logged.
 */
int control_model_start(struct sluiced *sluiced);

/* Closes the socket and all clients; sluiced->control is NULL then. Allowed without a start. */
void control_model_stop(struct sluiced *sluiced);

/**
 * Give an instance what operators said of it in an earlier life: sluiced->state into the model. To be
 * called for each one that comes with a configuration.
 */
void control_model_restore(struct sluiced *sluiced, struct model_instance *instance);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of what commands have created (CONFIG_COMMANDS_NAME). Context: the event loop's thread. */
#ifndef CONTROLPLANE_COMMANDS_H
#define CONTROLPLANE_COMMANDS_H

#include "controlplane/sluiced.h"

/**
 * Change the file, and apply what then follows from it and the operator's file in force: both or
 * neither. Nothing is written or applied if the edit changes nothing. What must reach the dataplane is
 * marked.
 * @changed: set to whether anything has changed.
 * Return: 0; -errno and a refusal: the file is damaged, the edit refuses, its result is not valid or
 * cannot be applied, or the file cannot be written.
 */
int commands_edit(struct sluiced *sluiced, const struct control_edit *edit, bool *changed,
		  struct control_refusal *refusal);

#endif

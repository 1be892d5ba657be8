/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config-diff and config-apply on the daemon's model. The result of both: "file", "own_file"
 * (whether it is the daemon's own, which it reads at start), "changes" (kind, key, before, after,
 * reloadable), "changes_more" (not listed), "plan" (of struct model_plan). The details of a
 * refusal: "errors" (lines), "errors_more", or "restart" (keys).
 */
#ifndef CONTROLPLANE_API_PLAN_H
#define CONTROLPLANE_API_PLAN_H

#include "controlplane/api/ops.h"

struct control_daemon;

struct config_errors;

/** Why a configuration is refused: its errors. */
void control_plan_errors(const struct config_errors *errors, struct control_refusal *refusal);

/** Return: the result; NULL and a refusal. */
json_t *control_plan_diff(struct control_daemon *daemon, const struct control_config *from,
			  struct control_refusal *refusal);

/** Return: 0 and the result; -errno and a refusal. */
int control_plan_apply(struct control_daemon *daemon, const struct control_config *from,
		       json_t **result, struct control_refusal *refusal);

#endif

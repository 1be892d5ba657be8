/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs of sluiced. They run with api/ops_model.c's ops, whose argument is a struct control_daemon. */
#ifndef CONTROLPLANE_API_VERBS_H
#define CONTROLPLANE_API_VERBS_H

#include "controlplane/api/verb.h"

/** All of them; the last has no name. */
extern const struct control_verb control_verbs[];

#endif

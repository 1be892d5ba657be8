/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/instance/status.h"

#include <stdlib.h>

#define REASON_NAME(id, name, text) [LB_UNWRAP_##id] = (name),
#define REASON_TEXT(id, name, text) [LB_UNWRAP_##id] = (text),

const char *const status_reason_names[] = { LB_UNWRAP_REASONS(REASON_NAME) };
const char *const status_reason_texts[] = { LB_UNWRAP_REASONS(REASON_TEXT) };

void status_fini(struct status *s)
{
	for (unsigned int i = 0; i < s->warnings.count; i++)
		free(s->warnings.text[i]);
	for (unsigned int i = 0; i < s->hints.count; i++)
		free(s->hints.text[i]);
	s->warnings.count = 0;
	s->hints.count = 0;
}

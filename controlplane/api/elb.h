/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of ELB classic that change something; elb_describe.h has their results. */
#ifndef CONTROLPLANE_API_ELB_H
#define CONTROLPLANE_API_ELB_H

struct control_call;
struct control_edit;

/** Change what commands have created, and end the call, now or later. */
void control_elb_edit(struct control_call *call, const struct control_edit *edit);

#endif

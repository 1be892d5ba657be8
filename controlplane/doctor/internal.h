/* SPDX-License-Identifier: BSD-3-Clause */
/* What the checks share. */
#ifndef CONTROLPLANE_DOCTOR_INTERNAL_H
#define CONTROLPLANE_DOCTOR_INTERNAL_H

#include <stddef.h>

#include "controlplane/doctor/doctor.h"

/* Tables of checks; each ends with a row without a name. */
extern const struct doctor_check doctor_checks_file[];
extern const struct doctor_check doctor_checks_daemon[];
extern const struct doctor_check doctor_checks_port[];
extern const struct doctor_check doctor_checks_queues[];
extern const struct doctor_check doctor_checks_cpu[];
extern const struct doctor_check doctor_checks_memory[];
extern const struct doctor_check doctor_checks_kernel[];
extern const struct doctor_check doctor_checks_address[];
extern const struct doctor_check doctor_checks_next_hop[];
extern const struct doctor_check doctor_checks_ping[];

/**
 * Add a finding of the running check.
 * @object: what it is about, or "".
 * Return: it, with empty texts; never NULL; valid until the next one.
 */
struct doctor_finding *doctor_find(struct doctor *doctor, enum doctor_result result,
				   const char *object);

/** Write one of a finding's texts. */
void doctor_text(char text[DOCTOR_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Add a finding that says what is fine, or why something could not be seen. */
void doctor_say(struct doctor *doctor, enum doctor_result result, const char *object,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/** The first line of a file below the root. Return: 0 or -errno; @line is "" then. */
int doctor_line(const struct doctor *doctor, char *line, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Process ids of the daemons that run; 0: it does not. */
int doctor_sluiced_pid(const struct doctor *doctor);
int doctor_dataplane_pid(const struct doctor *doctor);

/** A text of status: node.OUTER.KEY, or node.KEY if @outer is NULL; "" if it has none. */
const char *doctor_status_text(const struct doctor *doctor, const char *outer, const char *key);

/** A limit of a process, soft: "Max open files". Return: 0 or -errno; UINT64_MAX: none. */
int doctor_limit(const struct doctor *doctor, int pid, const char *name, uint64_t *limit);

/** About how much memory sluice-dataplane needs in hugepages. */
uint32_t doctor_hugepages_mb(const struct config *config);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is wrong with this machine, as far as Sluice depends on it: each check is a row of a table,
 * beside the code that looks. Used by sluicectl, which also sends probes, and by sluiced, which
 * only reads.
 * Context: one thread, as with netlink.h.
 */
#ifndef CONTROLPLANE_DOCTOR_DOCTOR_H
#define CONTROLPLANE_DOCTOR_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/base/nic.h"
#include "config/config.h"

#define DOCTOR_OBJECT_MAX 96
#define DOCTOR_TEXT_MAX 384

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_SKIPPED, /* could not be seen; found says why */
	DOCTOR_ADVICE,	/* works, but slower or less safely than it could */
	DOCTOR_WRONG,
};

/* How a finding was made. */
enum doctor_how {
	DOCTOR_READ,   /* from settings, which may not do what they say */
	DOCTOR_TESTED, /* with packets */
};

struct doctor_check;

struct doctor_finding {
	const struct doctor_check *check;
	enum doctor_result result;
	char object[DOCTOR_OBJECT_MAX]; /* "eth1", "web/web-1"; "": the machine */
	char found[DOCTOR_TEXT_MAX];
	char expected[DOCTOR_TEXT_MAX]; /* "" if it is fine */
	char mend[DOCTOR_TEXT_MAX];	/* a command, or what else to do; "" if it is fine */
};

struct doctor {
	const struct config *config;
	const char *root; /* the folder that has /proc and /sys; "": the machine's own */
	const char *path; /* of the configuration's file; NULL: only a text is known */
	/* What the verb "status" of sluiced answers; NULL: it does not run. */
	const json_t *status;
	bool probes; /* whether packets may be sent */

	struct netlink netlink;
	struct nic *nics;
	int nic_count;
	const struct nic *port;	 /* node.port; NULL: it is no interface of the kernel */
	const struct nic *iface; /* that has the node's addresses; NULL: there is none now */

	struct doctor_finding *findings;
	uint32_t count;
	uint32_t room;
	struct doctor_finding spare; /* written when there is no memory for one more */
	const struct doctor_check *running;
};

struct doctor_check {
	const char *name;  /* as in JSON and metrics */
	const char *title; /* what is fine, in a few words */
	enum doctor_how how;
	/** Whether the configuration needs it. NULL: always. */
	bool (*applies)(const struct doctor *doctor);
	/** Report findings; none: it is fine. */
	void (*run)(struct doctor *doctor);
};

/** All checks, in their order; the last has no name. */
const struct doctor_check *doctor_check_at(uint32_t i);
uint32_t doctor_check_count(void);

/**
 * Begin; the fields of what the caller knows are set before.
 * Return: 0 or -errno; doctor_close() in both cases.
 */
int doctor_open(struct doctor *doctor);
void doctor_close(struct doctor *doctor);

/** Read the interfaces anew. Return: 0 or -errno. */
int doctor_look(struct doctor *doctor);

/** Run one check; its findings are added. At least one is, unless it does not apply. */
void doctor_run(struct doctor *doctor, const struct doctor_check *check);

/** The words of results and ways, as in JSON. */
const char *doctor_result_word(enum doctor_result result);
const char *doctor_how_word(enum doctor_how how);

/** For checks: whether any part of the configuration is for sluice-dataplane, or for XDP. */
bool doctor_has_dpdk(const struct doctor *doctor);
bool doctor_has_xdp(const struct doctor *doctor);

#endif

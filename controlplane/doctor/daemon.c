/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemons that run: their versions, and what sluiced says itself. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/version.h"
#include "controlplane/doctor/internal.h"

#define DELETED " (deleted)"

static bool runs(const struct doctor *doctor)
{
	return doctor->status != NULL;
}

static void version_compare(struct doctor *doctor)
{
	const char *version = doctor_status_text(doctor, NULL, "version");
	struct doctor_finding *finding;

	if (strcmp(version, SLUICE_VERSION) == 0)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "sluiced");
	doctor_text(finding->found, "version %s runs", *version ? version : "?");
	doctor_text(finding->expected, "version %s, that of sluicectl", SLUICE_VERSION);
	doctor_text(finding->mend, "systemctl restart sluiced");
}

/* A package was upgraded, and the daemon was not restarted. */
static void program_look(struct doctor *doctor, const char *name, int pid)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct doctor_finding *finding;
	ssize_t length;

	if (pid <= 0)
		return;
	snprintf(path, sizeof(path), "%s/proc/%d/exe", doctor->root, pid);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0 && errno == EACCES)
		doctor_say(doctor, DOCTOR_SKIPPED, name, "only root can see which program runs");
	if (length < (ssize_t)strlen(DELETED))
		return;
	target[length] = '\0';
	if (strcmp(target + length - strlen(DELETED), DELETED) != 0)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, name);
	doctor_text(finding->found, "the program that runs was replaced since it was started");
	doctor_text(finding->expected, "the installed version runs");
	doctor_text(finding->mend, "systemctl restart %s", name);
}

static void versions_look(struct doctor *doctor)
{
	version_compare(doctor);
	program_look(doctor, "sluiced", doctor_sluiced_pid(doctor));
	program_look(doctor, "sluice-dataplane", doctor_dataplane_pid(doctor));
}

/* Diagnoses that sluiced makes while it works. */
static void notes_look(struct doctor *doctor)
{
	static const struct {
		const char *object, *outer, *key, *mend;
		enum doctor_result result;
	} notes[] = {
		{ "configuration", NULL, "config_problem",
		  "mend the file, then: sluicectl config apply", DOCTOR_WRONG },
		{ "sluice-dataplane", "dataplane", "start_failed", "journalctl -u sluice-dataplane",
		  DOCTOR_WRONG },
		{ "sluice-dataplane", "dataplane", "problem", "journalctl -u sluiced",
		  DOCTOR_WRONG },
		{ "checks", "dataplane", "ailment", "checks are suspended until that is mended",
		  DOCTOR_WRONG },
		{ "port", "dataplane", "mtu_note", "ip link set dev PORT mtu BYTES", DOCTOR_WRONG },
		{ "workers", "dataplane", "spread", "see the queues of the NIC: ethtool -x PORT",
		  DOCTOR_ADVICE },
		{ "dataplane", "dataplane", "note", "sluicectl status", DOCTOR_ADVICE },
		{ "nat", "nat", "note", "as it says", DOCTOR_WRONG },
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		const char *text = doctor_status_text(doctor, notes[i].outer, notes[i].key);
		struct doctor_finding *finding;

		if (!*text)
			continue;
		finding = doctor_find(doctor, notes[i].result, notes[i].object);
		doctor_text(finding->found, "%s", text);
		doctor_text(finding->expected, "nothing reported by sluiced");
		doctor_text(finding->mend, "%s", notes[i].mend);
	}
}

static void dataplane_look(struct doctor *doctor)
{
	struct doctor_finding *finding;

	if (doctor_dataplane_pid(doctor) > 0)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "sluice-dataplane");
	doctor_text(finding->found, "does not run");
	doctor_text(finding->expected, "runs, since node.dataplane is %s",
		    config_dataplane_name(doctor->config->node.dataplane));
	doctor_text(finding->mend, "systemctl start sluice-dataplane");
}

static bool runs_with_dpdk(const struct doctor *doctor)
{
	return runs(doctor) && doctor_has_dpdk(doctor);
}

const struct doctor_check doctor_checks_daemon[] = {
	{ .name = "versions",
	  .title = "the daemons are of the installed version",
	  .applies = runs,
	  .run = versions_look },
	{ .name = "dataplane",
	  .title = "sluice-dataplane runs",
	  .applies = runs_with_dpdk,
	  .run = dataplane_look },
	{ .name = "sluiced",
	  .title = "sluiced reports nothing",
	  .applies = runs,
	  .run = notes_look },
	{ 0 },
};

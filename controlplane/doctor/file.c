/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's file, and its secret. */
#include <string.h>
#include <sys/stat.h>

#include "controlplane/doctor/internal.h"

static bool has_path(const struct doctor *doctor)
{
	return doctor->path != NULL;
}

/* Who knows the secret can aim at one instance. */
static void mode_look(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct stat status;

	if (stat(doctor->path, &status)) {
		doctor_say(doctor, DOCTOR_SKIPPED, doctor->path, "cannot be read");
		return;
	}
	if (!(status.st_mode & (S_IRWXO | S_IWGRP)))
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, doctor->path);
	doctor_text(finding->found, "mode %04o: %s", (unsigned int)(status.st_mode & 07777),
		    status.st_mode & (S_IWGRP | S_IWOTH) ? "others than its owner can change it"
							 : "everybody can read node.secret");
	doctor_text(finding->expected, "mode 0640 or less");
	doctor_text(finding->mend, "chmod g-w,o= %s", doctor->path);
}

/* That of the documentation, or one byte for all. */
static bool is_known(const uint8_t *secret)
{
	bool counts = true, repeats = true;

	for (uint32_t i = 1; i < CONFIG_SECRET_BYTES; i++) {
		counts &= secret[i] == secret[0] + i;
		repeats &= secret[i] == secret[0];
	}
	return counts || repeats;
}

static void secret_look(struct doctor *doctor)
{
	struct doctor_finding *finding;

	if (!is_known(doctor->config->node.secret))
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, "node.secret");
	doctor_text(finding->found, "an example, which everybody knows");
	doctor_text(finding->expected,
		    "32 random hex digits, so that clients cannot choose their instance");
	doctor_text(finding->mend, "openssl rand -hex 16; the same on all nodes, all of them "
				   "restarted");
}

const struct doctor_check doctor_checks_file[] = {
	{ .name = "config_mode",
	  .title = "the file with the secret is protected",
	  .applies = has_path,
	  .run = mode_look },
	{ .name = "secret", .title = "node.secret is no example", .run = secret_look },
	{ 0 },
};

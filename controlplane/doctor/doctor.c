/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/doctor/doctor.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/file.h"
#include "config/base/link.h"
#include "controlplane/doctor/internal.h"

static const struct doctor_check *const doctor_tables[] = {
	doctor_checks_file,	doctor_checks_daemon, doctor_checks_port,   doctor_checks_queues,
	doctor_checks_cpu,	doctor_checks_memory, doctor_checks_kernel, doctor_checks_address,
	doctor_checks_next_hop, doctor_checks_ping,
};

#define TABLES (sizeof(doctor_tables) / sizeof(doctor_tables[0]))

const struct doctor_check *doctor_check_at(uint32_t i)
{
	static const struct doctor_check end;

	for (size_t t = 0; t < TABLES; t++)
		for (const struct doctor_check *check = doctor_tables[t]; check->name; check++)
			if (i-- == 0)
				return check;
	return &end;
}

uint32_t doctor_check_count(void)
{
	uint32_t n = 0;

	while (doctor_check_at(n)->name)
		n++;
	return n;
}

/* ---- Findings ---- */

struct doctor_finding *doctor_find(struct doctor *doctor, enum doctor_result result,
				   const char *object)
{
	struct doctor_finding *finding;

	if (doctor->count == doctor->room) {
		uint32_t room = doctor->room ? doctor->room * 2 : 64;

		finding = realloc(doctor->findings, room * sizeof(*finding));
		if (finding) {
			doctor->findings = finding;
			doctor->room = room;
		}
	}
	finding =
		doctor->count < doctor->room ? &doctor->findings[doctor->count++] : &doctor->spare;
	*finding = (struct doctor_finding){ .check = doctor->running, .result = result };
	snprintf(finding->object, sizeof(finding->object), "%s", object);
	return finding;
}

void doctor_text(char text[DOCTOR_TEXT_MAX], const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(text, DOCTOR_TEXT_MAX, format, values);
	va_end(values);
}

void doctor_say(struct doctor *doctor, enum doctor_result result, const char *object,
		const char *format, ...)
{
	struct doctor_finding *finding = doctor_find(doctor, result, object);
	va_list values;

	va_start(values, format);
	vsnprintf(finding->found, sizeof(finding->found), format, values);
	va_end(values);
}

const char *doctor_result_word(enum doctor_result result)
{
	static const char *const words[] = { "ok", "skipped", "advice", "wrong" };

	return words[result];
}

const char *doctor_how_word(enum doctor_how how)
{
	return how == DOCTOR_TESTED ? "tested" : "read";
}

/* ---- What checks read ---- */

bool doctor_has_dpdk(const struct doctor *doctor)
{
	return doctor->config->node.dataplane != CONFIG_DATAPLANE_XDP;
}

bool doctor_has_xdp(const struct doctor *doctor)
{
	return config_node_has_xdp(&doctor->config->node);
}

int doctor_line(const struct doctor *doctor, char *line, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	int used = snprintf(path, sizeof(path), "%s", doctor->root);
	va_list values;

	va_start(values, format);
	vsnprintf(path + used, sizeof(path) - (size_t)used, format, values);
	va_end(values);
	return file_line(path, line, size);
}

const char *doctor_status_text(const struct doctor *doctor, const char *outer, const char *key)
{
	const json_t *object = json_object_get(doctor->status, "node");
	const char *text;

	if (outer)
		object = json_object_get(object, outer);
	text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int doctor_sluiced_pid(const struct doctor *doctor)
{
	return (int)json_integer_value(
		json_object_get(json_object_get(doctor->status, "node"), "pid"));
}

int doctor_dataplane_pid(const struct doctor *doctor)
{
	const json_t *dataplane =
		json_object_get(json_object_get(doctor->status, "node"), "dataplane");

	if (!doctor_has_dpdk(doctor) || !json_is_true(json_object_get(dataplane, "running")))
		return 0;
	return (int)json_integer_value(json_object_get(dataplane, "pid"));
}

int doctor_limit(const struct doctor *doctor, int pid, const char *name, uint64_t *limit)
{
	char path[PATH_MAX], line[128];
	int err = -ENODATA;
	FILE *file;

	if (pid > 0)
		snprintf(path, sizeof(path), "%s/proc/%d/limits", doctor->root, pid);
	else
		snprintf(path, sizeof(path), "%s/proc/self/limits", doctor->root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (err && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		err = 0;
		*limit = strncmp(line + strlen(name) + strspn(line + strlen(name), " "),
				 "unlimited", 9) == 0
				 ? UINT64_MAX
				 : strtoull(line + strlen(name), NULL, 10);
	}
	fclose(file);
	return err;
}

/* ---- Running ---- */

static const struct nic *nic_named(struct doctor *doctor, const char *name)
{
	struct link_state link;
	struct nic *nic = NULL;

	/* It may be an alternative name. */
	if (!*name || link_find(&doctor->netlink, name, &link))
		return NULL;
	for (int i = 0; i < doctor->nic_count; i++)
		if (doctor->nics[i].index == link.index)
			nic = &doctor->nics[i];
	if (nic)
		nic_ask(nic);
	return nic;
}

int doctor_look(struct doctor *doctor)
{
	const struct config_node *node = &doctor->config->node;
	const char *kernel = doctor_status_text(doctor, "dataplane", "kernel_iface");

	free(doctor->nics);
	doctor->nic_count = nic_list(&doctor->netlink, &doctor->nics);
	doctor->port = doctor->iface = NULL;
	if (doctor->nic_count < 0)
		return doctor->nic_count;
	if (node->port_kind == CONFIG_PORT_INTERFACE)
		doctor->port = nic_named(doctor, node->port);
	/* Of a trunk each VLAN has one of its own. */
	if (!node->networks)
		doctor->iface = doctor_has_xdp(doctor) ? doctor->port : nic_named(doctor, kernel);
	return 0;
}

int doctor_open(struct doctor *doctor)
{
	int err;

	doctor->nics = NULL;
	doctor->findings = NULL;
	doctor->count = doctor->room = 0;
	err = netlink_open(&doctor->netlink);
	return err ? err : doctor_look(doctor);
}

void doctor_close(struct doctor *doctor)
{
	netlink_close(&doctor->netlink);
	free(doctor->nics);
	free(doctor->findings);
	doctor->nics = NULL;
	doctor->findings = NULL;
	doctor->count = doctor->room = 0;
}

void doctor_run(struct doctor *doctor, const struct doctor_check *check)
{
	uint32_t before = doctor->count;

	if (check->applies && !check->applies(doctor))
		return;
	doctor->running = check;
	if (check->how == DOCTOR_TESTED && !doctor->probes)
		doctor_say(doctor, DOCTOR_SKIPPED, "", "not tested: it takes packets, and root");
	else
		check->run(doctor);
	if (doctor->count == before)
		doctor_say(doctor, DOCTOR_OK, "", "%s", check->title);
	doctor->running = NULL;
}

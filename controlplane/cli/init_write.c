/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "config/base/version.h"
#include "controlplane/cli/init_machine.h"

/* A free-standing example, from RFC 5737. */
#define EXAMPLE_ADDRESS "192.0.2.5/24"

/* ---- Comments about the machine ---- */

static void speed_write(const struct nic *nic, FILE *to)
{
	if (nic->speed_mbps >= 1000)
		fprintf(to, ", %g Gbit/s", nic->speed_mbps / 1000.0);
	else if (nic->speed_mbps > 0)
		fprintf(to, ", %u Mbit/s", nic->speed_mbps);
}

static void prefix_write(const struct config_prefix *prefix, FILE *to)
{
	char text[CONFIG_ADDRESS_STRLEN];

	fprintf(to, "%s/%u", config_address_format(&prefix->address, text), prefix->length);
}

static void nic_write(const struct init *init, const struct nic *nic, FILE *to)
{
	fprintf(to, "#   %s: %s", nic->name, nic->driver[0] ? nic->driver : nic->kind);
	if (nic->pci[0])
		fprintf(to, ", %s", nic->pci);
	fprintf(to, ", %s", !nic->is_up ? "down" : nic->has_carrier ? "up" : "no link");
	speed_write(nic, to);
	if (nic->queues)
		fprintf(to, ", queues in use %u of %u", nic->queues, nic->queues_max);
	fprintf(to, ", MTU %u", nic->mtu);
	for (int i = 0; i < init->address_count; i++) {
		if (init->addresses[i].index != nic->index || !init->addresses[i].is_global)
			continue;
		fputs(", ", to);
		prefix_write(&init->addresses[i].prefix, to);
	}
	fputc('\n', to);
}

/* Devices that the kernel has no interface for. */
static void device_write(const struct init *init, const struct pci_device *device, FILE *to)
{
	for (int i = 0; i < init->nic_count; i++)
		if (strcmp(init->nics[i].pci, device->address) == 0)
			return;
	fprintf(to, "#   %s: %s, no interface of the kernel\n", device->address,
		device->driver[0] ? device->driver : "no driver");
}

static void head_write(const struct init *init, FILE *to)
{
	struct utsname system = { .nodename = "" };

	(void)uname(&system);
	fprintf(to,
		"# Sluice %s on %s. Written by \"sluicectl config init\"; all keys: sluice.yaml(5).\n"
		"# Check changes with \"sluicectl config check FILE\".\n"
		"#\n"
		"# Possible ports of this machine:\n",
		SLUICE_VERSION, system.nodename);
	for (int i = 0; i < init->nic_count; i++)
		if (init_nic_fits(&init->nics[i]))
			nic_write(init, &init->nics[i], to);
	for (int i = 0; i < init->device_count; i++)
		device_write(init, &init->devices[i], to);
	fputc('\n', to);
}

/* ---- The node ---- */

/* The kernel allows quotes in the name of an interface. */
static void quoted_write(const char *text, FILE *to)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputs("\"\n", to);
}

static void port_write(const struct init *init, FILE *to)
{
	fputs("node:\n", to);
	if (strcmp(init->dataplane, "xdp") == 0)
		fputs("  # A BPF program on an interface that the kernel keeps; sluiced loads it.\n",
		      to);
	else if (strcmp(init->dataplane, "auto") == 0)
		fputs("  # sluice-dataplane, and a BPF program on the interface while it is down.\n",
		      to);
	else
		fputs("  # sluice-dataplane; its CPUs poll all the time.\n", to);
	fprintf(to, "  dataplane: %s\n  port: ", init->dataplane);
	quoted_write(init->port, to);
}

static void cpus_write(const struct init *init, FILE *to)
{
	char isolated[CPUS_TEXT_MAX];

	if (strcmp(init->dataplane, "xdp") == 0)
		fputs("  # Those that serve the port's interrupts: /proc/interrupts.\n", to);
	else if (init->cpus_are_isolated)
		fprintf(to, "  # One worker on each. Isolated (isolcpus=): %s.\n",
			(cpus_format(&init->isolated, isolated, sizeof(isolated)), isolated));
	else
		fputs("  # One worker on each, which shares it with nothing else: isolcpus= on the\n"
		      "  # kernel's command line keeps other programs away.\n",
		      to);
	fprintf(to, "  cpus: \"%s\"\n", init->cpus);
}

static void address_write(const struct init *init, FILE *to)
{
	uint32_t n = 0;

	fputs("  # This machine's own addresses on the port.\n", to);
	if (init->is_unaddressed) {
		fputs("  # EDIT: this one is an example; the port has none.\n"
		      "  address: [\"" EXAMPLE_ADDRESS "\"]\n",
		      to);
		return;
	}
	fputs("  address: [", to);
	for (int i = 0; i < init->address_count && n < CONFIG_ADDRESSES_MAX; i++) {
		const struct nic_address *address = &init->addresses[i];

		if (address->index != init->nic->index || !address->is_global)
			continue;
		fputs(n++ ? ", \"" : "\"", to);
		prefix_write(&address->prefix, to);
		fputc('"', to);
	}
	fputs("]\n", to);
}

/* One of the node's networks, without which a gateway would be refused. */
static bool is_near(const struct init *init, const struct nic_gateway *gateway)
{
	for (int i = 0; i < init->address_count; i++)
		if (init->addresses[i].index == gateway->index && init->addresses[i].is_global &&
		    config_prefix_has(&init->addresses[i].prefix, &gateway->address))
			return true;
	return false;
}

/* The best one of a family, or NULL. */
static const struct nic_gateway *gateway_find(const struct init *init, uint8_t family)
{
	for (int i = 0; i < init->gateway_count && init->nic && !init->is_unaddressed; i++)
		if (init->gateways[i].index == init->nic->index &&
		    init->gateways[i].address.family == family && is_near(init, &init->gateways[i]))
			return &init->gateways[i];
	return NULL;
}

static void gateway_write(const struct init *init, FILE *to)
{
	const struct nic_gateway *found[] = { gateway_find(init, 4), gateway_find(init, 6) };
	char text[CONFIG_ADDRESS_STRLEN];
	uint32_t n = 0;

	if (!found[0] && !found[1]) {
		fputs("  # No gateway: instances must be on the networks above.\n"
		      "  # gateway: [\"192.0.2.1\"]\n",
		      to);
		return;
	}
	fputs("  gateway: [", to);
	for (int i = 0; i < 2; i++)
		if (found[i])
			fprintf(to, "%s\"%s\"", n++ ? ", " : "",
				config_address_format(&found[i]->address, text));
	fputs("]\n", to);
}

static int secret_write(FILE *to)
{
	uint8_t secret[CONFIG_SECRET_BYTES];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return -EIO;
	fputs("  # Of this cluster: the same on all its nodes, and nowhere else.\n  secret: \"",
	      to);
	for (size_t i = 0; i < sizeof(secret); i++)
		fprintf(to, "%02x", secret[i]);
	fputs("\"\n", to);
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static void services_write(const struct init *init, FILE *to)
{
	bool has_nat = strcmp(init->dataplane, "dpdk") == 0;

	fprintf(to,
		"\n"
		"pools: {}\n"
		"services: {}\n"
		"\n"
		"# In place of the two lines above, for example:\n"
		"#\n"
		"# pools:\n"
		"#   web:\n"
		"#     checks:\n"
		"#       - { target: \"HTTP:80/up.html\", interval: 10s, healthy: 2 }\n"
		"#     instances:\n"
		"#       web-1: { address: 192.0.2.11 }\n"
		"#       web-2: { address: 192.0.2.12 }\n"
		"# services:\n"
		"#   site:\n"
		"#     vip: [\"203.0.113.10\"]\n"
		"#     forward: l2              # %sipip, gue (through routers)%s\n"
		"#     listeners:\n"
		"#       - { port: 80, pool: web }\n",
		"by MAC address; or ", has_nat ? ", nat" : "");
}

int init_write(const struct init *init, FILE *to)
{
	int err;

	head_write(init, to);
	port_write(init, to);
	cpus_write(init, to);
	address_write(init, to);
	gateway_write(init, to);
	fputs("  # Connections at a time, all CPUs together.\n  flows: 1000000\n", to);
	err = secret_write(to);
	fputs("  # Metrics for Prometheus.\n  metrics: \"127.0.0.1:9627\"\n", to);
	services_write(init, to);
	return err;
}

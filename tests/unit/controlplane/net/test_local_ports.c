/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/load/load.h"
#include "controlplane/net/local_ports.h"

static char dir[] = "/tmp/local_ports.XXXXXX";

static void sysctl_write(const char *name, const char *text)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	if (!text)
		return;
	to = fopen(path, "w");
	assert_non_null(to);
	fprintf(to, "%s\n", text);
	fclose(to);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	sysctl_write("ip_local_port_range", NULL);
	sysctl_write("ip_local_reserved_ports", NULL);
	return rmdir(dir);
}

static struct config *load(const char *node, const char *forward)
{
	static char text[4096];
	static struct config_errors errors;
	struct config *config;
	int length =
		snprintf(text, sizeof(text),
			 "node:\n"
			 "  port: eth1\n"
			 "  cpus: \"1\"\n"
			 "  address: [10.0.0.5/16]\n"
			 "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			 "%s"
			 "pools:\n"
			 "  web: { instances: { a: { address: 10.0.1.1 } } }\n"
			 "services:\n"
			 "  s: { vip: [198.51.100.10], %s, listeners: [{ port: 80, pool: web }] "
			 "}\n",
			 node, forward);

	config = config_load_buffer(text, (size_t)length, "test", &errors);
	config_errors_print(&errors, stderr);
	assert_non_null(config);
	return config;
}

#define NOTE                                                                                       \
	"node.nat_ports, 1024-40000, has ports of net.ipv4.ip_local_port_range, 32768-60999: "     \
	"connections of this machine, health checks too, may fail; change one of them, or give "   \
	"nat_addresses that are not the node's own"
#define WIDE "  nat_ports: 1024-40000\n"
#define LINUX "32768\t60999"

static void test_rows(void **state)
{
	static const struct {
		const char *node, *forward, *range, *reserved, *note;
	} rows[] = {
		{ "", "forward: nat", LINUX, NULL, "" },
		{ WIDE, "forward: nat", LINUX, NULL, NOTE },
		{ WIDE, "forward: nat", LINUX, "", NOTE },
		{ WIDE, "forward: l2", LINUX, NULL, "" },
		{ WIDE, "forward: nat", NULL, NULL, "" },
		{ WIDE "  nat_addresses: [10.0.2.1]\n", "forward: nat", LINUX, NULL, "" },
		{ WIDE "  nat_addresses: [10.0.2.1, 10.0.0.5]\n", "forward: nat", LINUX, NULL,
		  NOTE },
		{ WIDE, "forward: nat", LINUX, "32768-40000", "" },
		{ WIDE, "forward: nat", LINUX, "80,30000-35000,35001,35002-60999", "" },
		{ WIDE, "forward: nat", LINUX, "32768-39999", NOTE },
		{ WIDE, "forward: nat", LINUX, "32769-40000", NOTE },
		{ WIDE, "forward: nat", "40001 60999", NULL, "" },
		{ "  nat_ports: 61000-65535\n", "forward: nat", LINUX, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config = load(rows[i].node, rows[i].forward);
		char note[LOCAL_PORTS_NOTE_MAX] = "x";

		sysctl_write("ip_local_port_range", rows[i].range);
		sysctl_write("ip_local_reserved_ports", rows[i].reserved);
		local_ports_note(config, dir, note);
		assert_string_equal(note, rows[i].note);
		config_free(config);
	}
}

/* The kernel's own files. */
static void test_kernel(void **state)
{
	struct config *config = load("  nat_ports: 1-65535\n", "forward: nat");
	char note[LOCAL_PORTS_NOTE_MAX];

	(void)state;
	local_ports_note(config, LOCAL_PORTS_DIR, note);
	assert_non_null(strstr(note, "node.nat_ports, 1-65535, has ports of "));
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests_name("local_ports", tests, begin, end);
}

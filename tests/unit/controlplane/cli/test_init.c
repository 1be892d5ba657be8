/* SPDX-License-Identifier: BSD-3-Clause */
/* config init, on machines that are network namespaces. */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/load/load.h"
#include "tests/unit/controlplane/cli/harness.h"

#define FILE_NAME "/tmp/test_init.yaml"

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): of this file */
}

static int setup(void **test_state)
{
	struct harness *h = calloc(1, sizeof(*h));

	*test_state = h;
	unlink(FILE_NAME);
	return unshare(CLONE_NEWNET) || harness_init(h);
}

static int teardown(void **test_state)
{
	unlink(FILE_NAME);
	harness_fini(*test_state);
	free(*test_state);
	return 0;
}

/* What "config check" does. */
static struct config *accepted(const char *text)
{
	static struct config_errors errors;
	struct config *config = config_load_buffer(text, strlen(text), "test", &errors);

	if (!config)
		config_errors_print(&errors, stderr);
	assert_non_null(config);
	return config;
}

static struct config *run(struct harness *h, const char *arguments)
{
	assert_int_equal(harness_run(h, arguments, NULL), 0);
	return accepted(h->out);
}

static void expect_address(const struct config_address *address, const char *expected)
{
	char text[CONFIG_ADDRESS_STRLEN];

	assert_string_equal(config_address_format(address, text), expected);
}

static void pair(const char *name, const char *rest)
{
	char command[128];

	snprintf(command, sizeof(command), "link add '%s' type veth peer name far-%c", name,
		 name[strlen(name) - 1]);
	ip(command);
	snprintf(command, sizeof(command), "link set far-%c up", name[strlen(name) - 1]);
	ip(command);
	snprintf(command, sizeof(command), "link set '%s' up", name);
	ip(command);
	snprintf(command, sizeof(command), "addr add %s dev '%s'", rest, name);
	ip(command);
}

/* Of several the one with a gateway, with what it has and the others have not. */
static void test_machine(void **test_state)
{
	struct config *config;

	ip("link add eth9 type bridge");
	ip("link set eth9 up");
	ip("addr add 10.9.0.5/24 dev eth9");
	pair("eth1", "10.1.0.5/24");
	pair("eth2", "10.2.0.5/24");
	pair("eth3", "10.3.0.5/24");
	ip("addr add 2001:db8:2::5/64 dev eth2 nodad");
	ip("addr add 192.0.2.5/24 dev eth2 scope link");
	ip("route add default via 10.2.0.1");
	ip("route add ::/0 via 2001:db8:2::1");
	config = run(*test_state, "config init");
	assert_string_equal(config->node.port, "eth2");
	assert_int_equal(config->node.dataplane, CONFIG_DATAPLANE_XDP);
	assert_int_equal(config->node.cpu_count,
			 sysconf(_SC_NPROCESSORS_ONLN) > 64 ? 64 : sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(config->node.plain.address_count, 2);
	expect_address(&config->node.plain.addresses[0].address, "10.2.0.5");
	assert_int_equal(config->node.plain.addresses[0].length, 24);
	expect_address(&config->node.plain.addresses[1].address, "2001:db8:2::5");
	assert_int_equal(config->node.plain.gateway_count, 2);
	expect_address(&config->node.plain.gateways[0].address, "10.2.0.1");
	expect_address(&config->node.plain.gateways[1].address, "2001:db8:2::1");
	assert_int_equal(config->service_count, 0);
	config_free(config);
}

static void test_wishes(void **test_state)
{
	struct harness *h = *test_state;
	struct config *config;

	pair("eth1", "10.1.0.5/24");
	pair("eth2", "10.2.0.5/24");
	ip("route add default via 10.2.0.1");
	config = run(h, "config init --port eth1 --dataplane auto --cpus 3,5");
	assert_string_equal(config->node.port, "eth1");
	assert_int_equal(config->node.dataplane, CONFIG_DATAPLANE_AUTO);
	assert_int_equal(config->node.cpus[1], 5);
	expect_address(&config->node.plain.addresses[0].address, "10.1.0.5");
	assert_int_equal(config->node.plain.gateway_count, 0);
	config_free(config);

	/* AF_XDP: as many CPUs as queues, of which a veth has one. */
	config = run(h, "config init --port eth1 --dataplane dpdk");
	assert_int_equal(config->node.cpu_count, 1);
	config_free(config);

	config = run(h, "config init --port 0000:3b:00.0");
	assert_int_equal(config->node.dataplane, CONFIG_DATAPLANE_DPDK);
	assert_int_equal(config->node.port_kind, CONFIG_PORT_PCI);
	assert_non_null(strstr(h->err, "0000:3b:00.0 has no address"));
	config_free(config);

	assert_int_equal(harness_run(h, "config init --dataplane foo", NULL), 1);
	assert_string_equal(h->out, "");
	assert_non_null(strstr(h->err, "expected dpdk, xdp or auto"));
	assert_int_equal(harness_run(h, "config init --cpus x", NULL), 1);
	assert_non_null(strstr(h->err, "node.cpus"));
	assert_int_equal(harness_run(h, "config init --force", NULL), 2);
	assert_int_equal(harness_run(h, "config init x", NULL), 2);
	assert_int_equal(harness_run(h, "status --port x", NULL), 2);
}

static void test_no_port(void **test_state)
{
	struct harness *h = *test_state;

	assert_int_equal(harness_run(h, "config init", NULL), 1);
	assert_non_null(strstr(h->err, "no Ethernet interface; give a --port"));
}

/* A port without an address still gives a file that is valid, and says what is to be edited. */
static void test_no_address(void **test_state)
{
	struct harness *h = *test_state;
	struct config *config;

	ip("link add eth1 type veth peer name far1");
	config = run(h, "config init");
	config_free(config);
	assert_non_null(strstr(h->out, "# EDIT: "));
	assert_non_null(strstr(h->err, "has no address"));
}

/* The kernel allows this in a name, and YAML has a meaning for it. */
static void test_odd_name(void **test_state)
{
	struct config *config;

	pair("e\"#\\1", "10.1.0.5/24");
	config = run(*test_state, "config init");
	assert_string_equal(config->node.port, "e\"#\\1");
	config_free(config);
}

static void test_secret(void **test_state)
{
	struct config *one, *two;

	pair("eth1", "10.1.0.5/24");
	one = run(*test_state, "config init");
	two = run(*test_state, "config init");
	assert_memory_not_equal(one->node.secret, two->node.secret, CONFIG_SECRET_BYTES);
	config_free(one);
	config_free(two);
}

static void expect_file(const char *text)
{
	char found[64] = "";
	FILE *file = fopen(FILE_NAME, "re");

	assert_non_null(file);
	assert_true(fread(found, 1, sizeof(found) - 1, file) > 0);
	fclose(file);
	assert_memory_equal(found, text, strlen(text));
}

/* An existing file stays, unless it is to be replaced; nobody else can read the secret. */
static void test_file(void **test_state)
{
	struct harness *h = *test_state;
	struct stat status;
	FILE *file;

	pair("eth1", "10.1.0.5/24");
	file = fopen(FILE_NAME, "we");
	assert_non_null(file);
	fputs("mine\n", file);
	fclose(file);
	assert_int_equal(harness_run(h, "config init -w " FILE_NAME, NULL), 1);
	assert_non_null(strstr(h->err, FILE_NAME " exists; --force replaces it"));
	expect_file("mine\n");
	assert_int_equal(harness_run(h, "config init -w " FILE_NAME " --force --cpus x", NULL), 1);
	expect_file("mine\n");
	assert_int_equal(harness_run(h, "config init -w " FILE_NAME " --force", NULL), 0);
	expect_file("# Sluice");
	assert_int_equal(stat(FILE_NAME, &status), 0);
	assert_int_equal(status.st_mode & 07, 0);
	assert_int_equal(harness_run(h, "config check " FILE_NAME, NULL), 0);
	unlink(FILE_NAME);
	assert_int_equal(harness_run(h, "config init --write " FILE_NAME, NULL), 0);
	assert_int_equal(stat(FILE_NAME, &status), 0);
	assert_int_equal(status.st_mode & 07, 0);
	assert_int_equal(harness_run(h, "config init -w /nonexistent/x", NULL), 1);
	assert_non_null(strstr(h->err, "/nonexistent/x: No such file"));
}

/* Anyone may ask what the machine has. */
static void test_user(void **test_state)
{
	struct harness *h = *test_state;
	int status = -1;
	pid_t child;

	pair("eth1", "10.1.0.5/24");
	child = fork();
	if (child == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(9);
		_exit(harness_run(h, "config init", NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_machine),  TEST(test_wishes), TEST(test_no_port), TEST(test_no_address),
		TEST(test_odd_name), TEST(test_secret), TEST(test_file),    TEST(test_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

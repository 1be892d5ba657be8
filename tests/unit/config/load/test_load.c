/* SPDX-License-Identifier: BSD-3-Clause */
/* What a good file gives, what the example files are worth, and the limits. */
#include "config/load/load.h"
#include "tests/support/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"

static void assert_address(const struct config_address *address, const char *expected)
{
	char text[CONFIG_ADDRESS_STRLEN];

	assert_string_equal(config_address_format(address, text), expected);
}

static void assert_place(struct config_place place, uint32_t line, uint32_t column)
{
	assert_int_equal(place.line, line);
	assert_int_equal(place.column, column);
}

static void test_defaults(void **state)
{
	struct config *config = refuse_load("node:\n"
					    "  port: eth1\n"
					    "  cpus: 3\n"
					    "  address:\n"
					    "  - 10.0.0.5/24\n"
					    "  secret: FF0102030405060708090a0b0c0d0e0f\n"
					    "services: {}\n");
	const struct config_node *node = &config->node;

	(void)state;
	assert_int_equal(node->dataplane, CONFIG_DATAPLANE_DPDK);
	assert_int_equal(node->secret[0], 0xff);
	assert_int_equal(node->secret[15], 0x0f);
	assert_int_equal(node->flows, 1000000);
	assert_int_equal(node->idle_timeout_ms, 900000);
	assert_int_equal(node->syn_timeout_ms, 10000);
	assert_int_equal(node->fin_timeout_ms, 60000);
	assert_int_equal(node->mtu_bytes, 0);
	assert_int_equal(node->table_slots, 65537);
	assert_int_equal(node->kernel_rate_pps, 20000);
	assert_int_equal(node->icmp_rate_pps, 1000);
	assert_int_equal(node->hugepages_mb, 0);
	assert_int_equal(node->checks_in_flight, 64);
	assert_null(node->control_group);
	assert_null(node->metrics);
	assert_int_equal(node->cpu_count, 1);
	assert_int_equal(node->cpus[0], 3);
	assert_int_equal(node->plain.gateway_count, 0);
	assert_int_equal(config->pool_count, 0);
	assert_int_equal(config->service_count, 0);
	config_free(config);
}

static const char full[] =
	"# comment\r\n"
	"services:\r\n"
	"  s2: { vip: [\"2001:DB8::0:1\", 203.0.113.10], forward: ipip, protocol: tcp,\r\n"
	"        listeners: [{ port: 443, instance_port: 443, pool: p-2 }] }\r\n"
	"  s1: { vip: [203.0.113.10], forward: l2, listeners: [{ port: 80, pool: p-2 }] }\r\n"
	"  s3: { vip: [203.0.113.11], forward: gue, listeners: [{ port: 80, pool: p-2 }] }\r\n"
	"  s4: { vip: [203.0.113.12], forward: gue, gue_port: 65535,\r\n"
	"        listeners: [{ port: 80, pool: p-2 }] }\r\n"
	"pools:\r\n"
	"  p-2:\r\n"
	"    on_down: keep\r\n"
	"    all_down: drop\r\n"
	"    checks:\r\n"
	"      - target: HTTPS:8443/x?y=%20&z=1\r\n"
	"        interval: 100ms\r\n"
	"        timeout: 50ms\r\n"
	"        unhealthy: 3\r\n"
	"        healthy: 4\r\n"
	"      - { target: \"SSL:443\", interval: 300s, timeout: 1m }\r\n"
	"    instances:\r\n"
	"      b: { address: \"2001:db8:1::2\", weight: 0, backup: true }\r\n"
	"      a_1.x: { address: 10.1.0.1, weight: 1000 }\r\n"
	"  empty:\r\n"
	"    instances: {}\r\n"
	"node:\r\n"
	"  dataplane: dpdk\r\n"
	"  port: 3B:00.1\r\n"
	"  cpus: \"7,2-4\"\r\n"
	"  address: [\"10.0.0.5/31\", \"2001:db8::5/64\"]\r\n"
	"  gateway: [10.0.0.4, \"fe80::1\"]\r\n"
	"  secret: \"000102030405060708090a0b0c0d0e0f\"\r\n"
	"  flows: 100000000\r\n"
	"  idle_timeout: 1h\r\n"
	"  mtu: 9000\r\n"
	"  table_slots: 251\r\n"
	"  icmp_rate: 0\r\n"
	"  hugepages_mb: 2048\r\n"
	"  control_group: wheel\r\n"
	"  metrics: \"[2001:db8::5]:65535\"\r\n";

static void assert_full_node(const struct config_node *node)
{
	const uint16_t cpus[] = { 2, 3, 4, 7 };

	assert_place(node->place, 25, 1);
	assert_string_equal(node->port, "0000:3B:00.1");
	assert_int_equal(node->port_kind, CONFIG_PORT_PCI);
	assert_place(node->port_place, 27, 9);
	assert_int_equal(node->cpu_count, 4);
	assert_memory_equal(node->cpus, cpus, sizeof(cpus));
	assert_int_equal(node->plain.address_count, 2);
	assert_address(&node->plain.addresses[0].address, "10.0.0.5");
	assert_int_equal(node->plain.addresses[0].length, 31);
	assert_address(&node->plain.addresses[1].address, "2001:db8::5");
	assert_place(node->plain.addresses[1].place, 29, 28);
	assert_int_equal(node->plain.gateway_count, 2);
	assert_address(&node->plain.gateways[1].address, "fe80::1");
	assert_int_equal(node->flows, 100000000);
	assert_int_equal(node->idle_timeout_ms, 3600000);
	assert_int_equal(node->mtu_bytes, 9000);
	assert_int_equal(node->table_slots, 251);
	assert_int_equal(node->icmp_rate_pps, 0);
	assert_int_equal(node->hugepages_mb, 2048);
	assert_string_equal(node->control_group, "wheel");
	assert_string_equal(node->metrics, "[2001:db8::5]:65535");
	assert_address(&node->metrics_address, "2001:db8::5");
	assert_int_equal(node->metrics_port, 65535);
}

static void assert_full_pool(const struct config_pool *pool)
{
	const struct config_check *check = &pool->checks[0];

	assert_string_equal(pool->name, "p-2");
	assert_place(pool->place, 10, 3);
	assert_int_equal(pool->on_down, CONFIG_ON_DOWN_KEEP);
	assert_int_equal(pool->all_down, CONFIG_ALL_DOWN_DROP);
	assert_int_equal(pool->check_count, 2);
	assert_string_equal(check->target, "HTTPS:8443/x?y=%20&z=1");
	assert_int_equal(check->type, CONFIG_CHECK_HTTPS);
	assert_int_equal(check->port, 8443);
	assert_string_equal(check->path, "/x?y=%20&z=1");
	assert_int_equal(check->interval_ms, 100);
	assert_int_equal(check->timeout_ms, 50);
	assert_int_equal(check->unhealthy, 3);
	assert_int_equal(check->healthy, 4);
	assert_int_equal(pool->checks[1].type, CONFIG_CHECK_SSL);
	assert_null(pool->checks[1].path);
	assert_int_equal(pool->checks[1].unhealthy, 2);
	assert_int_equal(pool->checks[1].healthy, 10);
	assert_int_equal(pool->instance_count, 2);
	assert_string_equal(pool->instances[0].name, "b");
	assert_address(&pool->instances[0].address, "2001:db8:1::2");
	assert_int_equal(pool->instances[0].weight, 0);
	assert_true(pool->instances[0].backup);
	assert_string_equal(pool->instances[1].name, "a_1.x");
	assert_int_equal(pool->instances[1].weight, 1000);
	assert_false(pool->instances[1].backup);
	assert_place(pool->instances[1].place, 22, 7);
}

static void test_full(void **state)
{
	struct config *config = refuse_load(full);
	const struct config_service *service = &config->services[0];

	(void)state;
	assert_string_equal(config->file, "t");
	assert_full_node(&config->node);
	assert_int_equal(config->pool_count, 2);
	assert_full_pool(&config->pools[0]);
	assert_int_equal(config->pools[1].instance_count, 0);
	assert_int_equal(config->pools[1].on_down, CONFIG_ON_DOWN_MOVE);
	assert_int_equal(config->service_count, 4);
	assert_string_equal(service->name, "s2");
	assert_int_equal(service->vip_count, 2);
	assert_address(&service->vips[0].address, "2001:db8::1");
	assert_int_equal(service->forward, LB_FORWARD_IPIP);
	assert_int_equal(service->listeners[0].pool, 0);
	assert_int_equal(service->listeners[0].instance_port, 443);
	assert_int_equal(config->services[1].listeners[0].instance_port, 80);
	assert_int_equal(config->services[2].forward, LB_FORWARD_GUE);
	assert_int_equal(config->services[2].gue_port, 6080);
	assert_int_equal(config->services[3].gue_port, 65535);
	assert_ptr_equal(config_pool_find(config, "empty"), &config->pools[1]);
	assert_null(config_pool_find(config, "p"));
	assert_ptr_equal(config_instance_find(&config->pools[0], "a_1.x"),
			 &config->pools[0].instances[1]);
	assert_null(config_instance_find(&config->pools[1], "b"));
	config_free(config);
}

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		const char *port;
		enum config_port_kind kind;
	} rows[] = {
		{ "\"0000:3b:00.0\"", "0000:3b:00.0", CONFIG_PORT_PCI },
		{ "abcd:ff:1f.7", "abcd:ff:1f.7", CONFIG_PORT_PCI },
		{ "eth1", "eth1", CONFIG_PORT_INTERFACE },
		{ "enp59s0f1np1", "enp59s0f1np1", CONFIG_PORT_INTERFACE },
		{ "abcdefghijklmno", "abcdefghijklmno", CONFIG_PORT_INTERFACE },
		{ "br-lan.100", "br-lan.100", CONFIG_PORT_INTERFACE },
		{ "uplink-of-site7.908", "uplink-of-site7.908", CONFIG_PORT_INTERFACE },
		{ "eth_wan", "eth_wan", CONFIG_PORT_INTERFACE },
		{ "\"net_af_xdp0,iface=eth1\"", "net_af_xdp0,iface=eth1", CONFIG_PORT_VDEV },
		{ "net_null0", "net_null0", CONFIG_PORT_VDEV },
		{ "virtio_user0,path=/dev/vhost-net", "virtio_user0,path=/dev/vhost-net",
		  CONFIG_PORT_VDEV },
		{ "eth_pcap0,iface=a", "eth_pcap0,iface=a", CONFIG_PORT_VDEV },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = refuse_edit("eth1", rows[i].text);
		struct config *config = refuse_load(text);

		assert_string_equal(config->node.port, rows[i].port);
		assert_int_equal(config->node.port_kind, rows[i].kind);
		config_free(config);
		free(text);
	}
}

/* Forms of one thing that YAML and the schema allow. */
static void test_accepted_forms(void **state)
{
	static const struct {
		const char *from;
		const char *to;
	} rows[] = {
		{ "node:\n", "%YAML 1.2\n---\nnode:\n" },
		{ "node:\n", "---\nnode:\n" },
		{ "      - { port: 80, pool: web }\n", "      - { port: 80, pool: web }\n...\n" },
		{ "      - { port: 80, pool: web }\n", "      - { port: 80, pool: web }" },
		{ "flows: 2048", "flows: 2048 # a comment\t" },
		{ "flows: 2048", "flows:\t2048" },
		{ "flows: 2048", "\"flows\": 2048 \t# tabs where they don't matter" },
		{ "\"1\"", "0-63" },
		{ "port: eth1", "port: 'eth1'" },
		{ "eth1", "\"e\\x74h1\"" },
		{ "HTTP:80/up.html", "HTTP:80/" },
		{ "interval: 10s, timeout: 5s", "interval: 5001ms" },
		{ "10.0.0.5/24", "10.0.0.5/32" },
		{ "10.0.1.2 }", "10.0.1.2, backup: true, weight: 0 }" },
		{ "    checks:\n      - { target: \"HTTP:80/up.html\", interval: 10s, timeout: 5s }\n",
		  "    checks:\n" },
		{ "site:\n", "site: # \xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = refuse_edit(rows[i].from, rows[i].to);

		config_free(refuse_load(text));
		free(text);
	}
}

static void test_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *errors;
	} rows[] = {
		{ "node:\n  port: \0", 15, "t:2:9: control character U+0000; expected text\n" },
		{ "a: \xff\n", 5, "t:1:4: byte 0xff is not valid UTF-8\n" },
		{ "a: \xc0\x80\n", 6, "t:1:4: byte 0xc0 is not valid UTF-8\n" },
		{ "a: \xed\xa0\x80\n", 7, "t:1:4: byte 0xed is not valid UTF-8\n" },
		{ "a: \xf4\x90\x80\x80\n", 8, "t:1:4: byte 0xf4 is not valid UTF-8\n" },
		{ "a: \xe2\x82", 5, "t:1:4: byte 0xe2 is not valid UTF-8\n" },
		{ "\xc3\xbc\xc3\xbc\x80", 5, "t:1:3: byte 0x80 is not valid UTF-8\n" },
		{ "\r\n\r\n\x1b", 5, "t:3:1: control character U+001B; expected text\n" },
		{ "\xff\xfe"
		  "a\0",
		  4, "t:1:1: the file is UTF-16; expected UTF-8\n" },
		{ "\xfe\xff\0a", 4, "t:1:1: the file is UTF-16; expected UTF-8\n" },
		{ "a\xef\xbb\xbf", 4, "t:1:2: control character U+FEFF; expected text\n" },
		{ "", 0, "t:1:1: the file is empty; expected node, pools and services\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuse_expect(rows[i].bytes, rows[i].size, rows[i].errors);
	refuse_expect(NULL, 0, rows[11].errors);
}

/* A file cut anywhere is refused or good, and never worse. */
static void test_cut(void **state)
{
	static struct config_errors errors;

	(void)state;
	for (size_t size = 0; size < sizeof(full); size++) {
		struct config *config = config_load_buffer(full, size, "t", &errors);

		assert_true(config || errors.count > 0);
		config_free(config);
	}
}

/* A file whose writer has got no further is never one with less in it. */
static void test_cut_is_refused(void **state)
{
	static struct config_errors errors;
	size_t whole = strlen(refuse_base) - strlen("pool: web }\n");

	(void)state;
	for (size_t size = 0; size <= whole; size++) {
		struct config *config = config_load_buffer(refuse_base, size, "t", &errors);

		if (config)
			fail_msg("accepted after %zu of %zu bytes", size, strlen(refuse_base));
		assert_true(errors.count > 0);
		/* of an empty file too: line and column */
		assert_int_not_equal(errors.list[0].place.line, 0);
		assert_int_not_equal(errors.list[0].place.column, 0);
	}
}

static const char services_first[] = "node:\n"
				     "  port: eth1\n"
				     "  cpus: \"1\"\n"
				     "  address: [\"10.0.0.5/24\"]\n"
				     "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
				     "services: { site: { vip: [\"203.0.113.10\"], forward: l2, "
				     "listeners: [ { port: 80, pool: web } ] } }\n"
				     "pools:\n"
				     "  web:\n"
				     "    instances:\n"
				     "      web-1: { address: 10.0.1.1 }\n"
				     "      web-2: { address: 10.0.1.2 }\n";

static void test_error_count(void **state)
{
	static struct config_errors errors;
	char text[8192] = "node:\n";
	size_t used = strlen(text);

	(void)state;
	for (int i = 0; i < 30; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "  key%02d: 1\n", i);
	assert_null(config_load_buffer(text, used, "t", &errors));
	assert_int_equal(errors.count, CONFIG_ERRORS_MAX);
	/* Thirty keys and five that are missing. */
	assert_int_equal(errors.more, 35 - CONFIG_ERRORS_MAX);
}

/* A child that writes a file in place, in two parts, of which the first alone is valid. */
static pid_t write_slowly(const char *path, size_t first, int go, int64_t *pause_us)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	uint64_t before_us;
	pid_t pid = fork();
	int file;

	if (pid != 0)
		return pid;
	file = open(path, O_WRONLY | O_TRUNC);
	/* The reader goes by the file's own time, which begins with this part. */
	before_us = clock_now_us();
	if (write(file, services_first, first) < 0)
		_exit(1);
	if (write(go, "x", 1) < 0)
		_exit(1);
	nanosleep(&pause, NULL);
	if (write(file, services_first + first, strlen(services_first) - first) < 0)
		_exit(1);
	*pause_us = (int64_t)(clock_now_us() - before_us);
	_exit(0);
}

/* What is being written is read again, until it stays the same. */
static void test_written_meanwhile(void **state)
{
	static struct config_errors errors;
	const size_t first = (size_t)(strstr(services_first, "      web-2") - services_first);
	int64_t *pause_us = mmap(NULL, sizeof(*pause_us), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[] = "/tmp/test_load.XXXXXX", byte;
	struct config *half = config_load_buffer(services_first, first, "t", &errors);
	int ends[2];

	(void)state;
	assert_non_null(half);
	assert_int_equal(half->pools[0].instance_count, 1);
	config_free(half);
	close(mkstemp(path));
	assert_int_equal(pipe(ends), 0);
	for (uint32_t tries = 0; tries < 20; tries++) {
		pid_t pid = write_slowly(path, first, ends[1], pause_us);
		struct config *config;

		assert_int_equal(read(ends[0], &byte, 1), 1);
		config = config_load_file(path, &errors);
		waitpid(pid, NULL, 0);
		/* A writer that was kept waiting for longer than a file has to stay the same tells nothing. */
		if (*pause_us < 15000) {
			assert_non_null(config);
			assert_int_equal(config->pools[0].instance_count, 2);
		}
		config_free(config);
	}
	unlink(path);
	close(ends[0]);
	close(ends[1]);
	munmap(pause_us, sizeof(*pause_us));
}

static void test_files(void **state)
{
	static struct config_errors errors;
	char line[256], path[] = "/tmp/test_load_XXXXXX";
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, refuse_base, strlen(refuse_base)), strlen(refuse_base));
	config_free(config_load_file(path, &errors));
	assert_int_equal(errors.count, 0);
	assert_int_equal(ftruncate(file, CONFIG_FILE_BYTES_MAX + 1), 0);
	assert_null(config_load_file(path, &errors));
	assert_int_equal(errno, EINVAL);
	config_error_format(&errors, 0, line, sizeof(line));
	assert_non_null(strstr(line, ": expected at most 4194304 bytes"));
	close(file);
	unlink(path);
	assert_null(config_load_file(path, &errors));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(errors.list[0].message, "cannot be opened: No such file or directory");
	assert_null(config_load_file("/", &errors));
	assert_int_equal(errno, EISDIR);
	config_free(NULL);
}

/* A daemon must not block on the other end of a FIFO. */
static void test_not_a_file(void **state)
{
	static struct config_errors errors;
	char dir[] = "/tmp/test_load_XXXXXX", path[64];
	int ends[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(config_load_file(path, &errors));
	assert_int_equal(errno, EINVAL);
	assert_string_equal(errors.list[0].message, "expected a regular file");
	unlink(path);
	rmdir(dir);
	assert_null(config_load_file("/dev/zero", &errors));
	assert_string_equal(errors.list[0].message, "expected a regular file");
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], refuse_base, strlen(refuse_base)), strlen(refuse_base));
	close(ends[1]);
	config_free(config_load_fd(ends[0], "pipe", &errors));
	assert_int_equal(errors.count, 0);
	close(ends[0]);
}

static void test_examples(void **state)
{
	static const char *const examples[] = { "minimal", "elb-classic", "trunk", "ipv6-ipip",
						"gue",	   "lab",	  "xdp" };
	static struct config_errors errors;
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct config *config;

		snprintf(path, sizeof(path), "config/examples/%s.yaml", examples[i]);
		config = config_load_file(path, &errors);
		config_errors_print(&errors, stderr);
		assert_non_null(config);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),       cmocka_unit_test(test_full),
		cmocka_unit_test(test_ports),	       cmocka_unit_test(test_accepted_forms),
		cmocka_unit_test(test_bytes),	       cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_is_refused), cmocka_unit_test(test_written_meanwhile),
		cmocka_unit_test(test_error_count),    cmocka_unit_test(test_files),
		cmocka_unit_test(test_error_count),    cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}

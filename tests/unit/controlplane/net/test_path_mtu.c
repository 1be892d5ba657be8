/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Routers' ICMP errors about tunnels, from the kernel: in a network namespace of the test's own, whose
 * kernel delivers what the test sends to it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config/base/log.h"
#include "controlplane/net/path_mtu.h"
#include "dataplane/core/lb_rate.h"
#include "dataplane/core/lb_reply.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"

#define OUTER_LEN 1500
#define FLOOD 200

struct fixture {
	struct event_base *base;
	struct model *model;
	struct path_mtu *path_mtu;
	int send4, send6, captured;
};

static const char services[] =
	"  www: { vip: [198.51.100.10, \"2001:db8:1::10\"], forward: ipip, listeners: [ { port: 80, "
	"pool: web } ] }\n"
	"  gue: { vip: [198.51.100.10], forward: gue, gue_port: 7000, listeners: [ { port: 81, "
	"pool: web } ] }\n";
static const char pools[] = "  web:\n    instances:\n"
			    "      a: { address: 10.0.1.1 }\n"
			    "      b: { address: \"2001:db8::b\" }\n";

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops ops = { .changed = on_changed };

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct config *config = fixture_config(pools, services);

	*state = f;
	/* One a second: how long the test takes is not to matter. */
	config->node.icmp_rate_pps = 1;
	log_set_level(LOG_EMERG);
	if (!f || unshare(CLONE_NEWNET))
		return -1;
	ip("link set lo up");
	/* Clients are this machine too, so that a raw socket hears what they are sent. */
	ip("addr add 10.0.0.5/32 dev lo");
	ip("addr add 203.0.113.7/32 dev lo");
	ip("addr add 2001:db8::5/128 dev lo nodad");
	ip("addr add 2001:db8:c::7/128 dev lo nodad");
	f->base = event_base_new();
	f->model = model_create(&ops, f);
	f->send4 = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	f->send6 = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	if (f->send4 < 0 || f->send6 < 0 || model_apply(f->model, config, 0))
		return -1;
	setsockopt(f->send4, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(f->send6, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	fixture_up(f->model);
	f->path_mtu = path_mtu_create(f->base, f->model);
	return f->path_mtu ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	path_mtu_destroy(f->path_mtu);
	model_destroy(f->model);
	event_base_free(f->base);
	close(f->send4);
	close(f->send6);
	free(f);
	return 0;
}

static uint16_t checksum(const uint8_t *p, uint32_t bytes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < bytes; i += 2)
		sum += lb_load16(p + i);
	return (uint16_t)~lb_csum_fold(sum);
}

/* From a router, about a packet to instance "a" from client 203.0.113.7. */
static void error4_send(struct fixture *f, const char *instance, uint16_t mtu)
{
	uint8_t message[8 + 20 + 20 + 20] = { LB_ICMP4_UNREACH, LB_ICMP4_UNREACH_FRAG_NEEDED };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct lb_ipv4 *outer = (struct lb_ipv4 *)(message + 8), *inner = outer + 1;
	struct lb_ports *ports = (struct lb_ports *)(inner + 1);

	lb_store16(message + 6, lb_cpu_to_be16(mtu));
	*outer = (struct lb_ipv4){ .version_ihl = 0x45,
				   .total_len = LB_BE16(OUTER_LEN),
				   .ttl = 60,
				   .proto = LB_IPPROTO_IPIP,
				   .src = inet_addr("10.0.0.5"),
				   .dst = inet_addr(instance) };
	*inner = (struct lb_ipv4){ .version_ihl = 0x45,
				   .total_len = LB_BE16(OUTER_LEN - 20),
				   .ttl = 60,
				   .proto = LB_IPPROTO_TCP,
				   .src = inet_addr("203.0.113.7"),
				   .dst = inet_addr("198.51.100.10") };
	*ports = (struct lb_ports){ LB_BE16(40000), LB_BE16(80) };
	lb_store16(message + 2, checksum(message, sizeof(message)));
	to.sin_addr.s_addr = inet_addr("10.0.0.5");
	assert_int_equal(sendto(f->send4, message, sizeof(message), 0, (void *)&to, sizeof(to)),
			 sizeof(message));
}

/* From a router, about a packet in UDP to @port of instance "a". @vip_port: what the client sent to. */
static void error_gue_send(struct fixture *f, uint16_t port, uint16_t vip_port, uint16_t mtu)
{
	uint8_t message[8 + 20 + 12 + 20 + 20] = { LB_ICMP4_UNREACH, LB_ICMP4_UNREACH_FRAG_NEEDED };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct lb_ipv4 *outer = (struct lb_ipv4 *)(message + 8), *inner;
	struct lb_udp *udp = (struct lb_udp *)(outer + 1);
	struct lb_gue *gue = (struct lb_gue *)(udp + 1);

	inner = (struct lb_ipv4 *)(gue + 1);
	lb_store16(message + 6, lb_cpu_to_be16(mtu));
	*outer = (struct lb_ipv4){ .version_ihl = 0x45,
				   .total_len = LB_BE16(OUTER_LEN),
				   .ttl = 60,
				   .proto = LB_IPPROTO_UDP,
				   .src = inet_addr("10.0.0.5"),
				   .dst = inet_addr("10.0.1.1") };
	*udp = (struct lb_udp){ .ports = { LB_BE16(50000), lb_cpu_to_be16(port) },
				.len = LB_BE16(OUTER_LEN - 20) };
	gue->proto = LB_IPPROTO_IPIP;
	*inner = (struct lb_ipv4){ .version_ihl = 0x45,
				   .total_len = LB_BE16(OUTER_LEN - 32),
				   .ttl = 60,
				   .proto = LB_IPPROTO_TCP,
				   .src = inet_addr("203.0.113.7"),
				   .dst = inet_addr("198.51.100.10") };
	*(struct lb_ports *)(inner + 1) =
		(struct lb_ports){ LB_BE16(40000), lb_cpu_to_be16(vip_port) };
	lb_store16(message + 2, checksum(message, sizeof(message)));
	to.sin_addr.s_addr = inet_addr("10.0.0.5");
	assert_int_equal(sendto(f->send4, message, sizeof(message), 0, (void *)&to, sizeof(to)),
			 sizeof(message));
}

static void error6_send(struct fixture *f, uint32_t mtu)
{
	uint8_t message[8 + 40 + 40 + 20] = { LB_ICMP6_PACKET_TOO_BIG };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct lb_ipv6 *outer = (struct lb_ipv6 *)(message + 8), *inner = outer + 1;
	struct lb_ports *ports = (struct lb_ports *)(inner + 1);

	lb_store32(message + 4, lb_cpu_to_be32(mtu));
	*outer = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(6u << 28),
				   .payload_len = LB_BE16(OUTER_LEN - 40),
				   .next = LB_IPPROTO_IPV6 };
	inet_pton(AF_INET6, "2001:db8::5", outer->src);
	inet_pton(AF_INET6, "2001:db8::b", outer->dst);
	*inner = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(6u << 28),
				   .payload_len = LB_BE16(OUTER_LEN - 80),
				   .next = LB_IPPROTO_TCP };
	inet_pton(AF_INET6, "2001:db8:c::7", inner->src);
	inet_pton(AF_INET6, "2001:db8:1::10", inner->dst);
	*ports = (struct lb_ports){ LB_BE16(40000), LB_BE16(80) };
	inet_pton(AF_INET6, "2001:db8::5", &to.sin6_addr);
	assert_int_equal(sendto(f->send6, message, sizeof(message), 0, (void *)&to, sizeof(to)),
			 sizeof(message));
}

/* Until so many errors about tunnels have been heard. */
static void run_until(struct fixture *f, uint64_t errors)
{
	const struct timeval turn = { .tv_usec = 10000 };

	const uint64_t end = clock_now_ms() + PATIENCE_MS;

	while (path_mtu_stats(f->path_mtu)->errors < errors) {
		assert_true(clock_now_ms() < end);
		event_base_loopexit(f->base, &turn);
		event_base_dispatch(f->base);
	}
}

static uint16_t mtu_of(struct fixture *f, const char *path)
{
	return model_instance_mtu(f->model, model_instance_find(f->model, path), NULL);
}

/* What the client is sent, from the VIP: skip what the test sent itself. */
static void relayed_expect(struct fixture *f, uint8_t family, uint32_t mtu)
{
	uint8_t bytes[2048];
	const struct lb_icmp *icmp;
	struct sockaddr_in6 from;
	char vip[INET6_ADDRSTRLEN] = "";
	uint32_t header = family == 4 ? 20 : 0;

	do {
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(family == 4 ? f->send4 : f->send6, bytes, sizeof(bytes), 0,
				       (void *)&from, &size);

		assert_true(len > (ssize_t)(header + sizeof(*icmp)));
		if (family == 4)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, vip,
				  sizeof(vip));
		else
			inet_ntop(AF_INET6, &from.sin6_addr, vip, sizeof(vip));
	} while (strcmp(vip, family == 4 ? "198.51.100.10" : "2001:db8:1::10") != 0);
	icmp = (const struct lb_icmp *)(bytes + header);
	assert_int_equal(icmp->type, family == 4 ? LB_ICMP4_UNREACH : LB_ICMP6_PACKET_TOO_BIG);
	assert_int_equal(lb_be32_to_cpu(icmp->rest), mtu);
}

static void test_learned_and_relayed(void **state)
{
	struct fixture *f = *state;

	error4_send(f, "10.0.1.1", 1400);
	run_until(f, 1);
	assert_int_equal(mtu_of(f, "web/a"), 1400);
	assert_int_equal(mtu_of(f, "web/b"), 1500);
	relayed_expect(f, 4, 1380);
	error6_send(f, 1350);
	run_until(f, 2);
	assert_int_equal(mtu_of(f, "web/b"), 1350);
	relayed_expect(f, 6, 1310);
	error6_send(f, 1000); /* less than IPv6 has anywhere: the client need not know */
	run_until(f, 3);
	assert_int_equal(mtu_of(f, "web/b"), 1000);
	relayed_expect(f, 6, LB_IPV6_MTU_MIN);
	error4_send(f, "10.0.1.1", 68);
	run_until(f, 4);
	assert_int_equal(mtu_of(f, "web/a"), 596);
	relayed_expect(f, 4, 576);
	assert_int_equal(path_mtu_stats(f->path_mtu)->learned, 4);
	assert_int_equal(path_mtu_stats(f->path_mtu)->relayed, 4);
}

static void test_gue(void **state)
{
	struct fixture *f = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(f->path_mtu);

	error_gue_send(f, 7001, 81, 1300); /* no service's port: other UDP of the node's */
	error_gue_send(f, 7000, 81, 1400);
	run_until(f, 1);
	assert_int_equal(mtu_of(f, "web/a"), 1400);
	relayed_expect(f, 4, 1368);
	/* The path is the same for all, but that client's packet was not sent through GUE. */
	error_gue_send(f, 7000, 80, 1350);
	run_until(f, 2);
	assert_int_equal(mtu_of(f, "web/a"), 1350);
	assert_int_equal(stats->learned, 2);
	assert_int_equal(stats->relayed, 1);
	error_gue_send(f, 7000, 81, 68);
	run_until(f, 3);
	assert_int_equal(mtu_of(f, "web/a"), 576 + 32);
	relayed_expect(f, 4, 576);
}

/* Errors about foreign tunnels are ignored; the next valid one counts. */
static void test_errors_about_foreign_tunnels(void **state)
{
	struct fixture *f = *state;

	error4_send(f, "10.0.1.2", 1400);
	error4_send(f, "10.0.1.1", 1450);
	run_until(f, 1);
	assert_int_equal(mtu_of(f, "web/a"), 1450);
	assert_int_equal(path_mtu_stats(f->path_mtu)->errors, 1);
	assert_int_equal(path_mtu_stats(f->path_mtu)->limited, 0);
}

static void test_flood(void **state)
{
	struct fixture *f = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(f->path_mtu);

	for (uint32_t i = 0; i < FLOOD; i++)
		error4_send(f, "10.0.1.1", (uint16_t)(1499 - i));
	run_until(f, FLOOD);
	/* the burst, and what has come back since */
	assert_in_range(stats->learned, LB_RATE_BURST_MIN, LB_RATE_BURST_MIN + PATIENCE_S);
	assert_int_equal(stats->limited, FLOOD - stats->learned);
	/* which one a token that has come back was spent on is left open */
	assert_in_range(mtu_of(f, "web/a"), 1500 - FLOOD, 1500 - LB_RATE_BURST_MIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_learned_and_relayed),
		TEST(test_gue),
		TEST(test_errors_about_foreign_tunnels),
		TEST(test_flood),
	};

	return cmocka_run_group_tests_name("path_mtu", tests, NULL, NULL);
}

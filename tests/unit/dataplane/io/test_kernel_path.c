/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel path with a real TAP interface, in a network namespace of this program's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/io/kernel_path.h"
#include "dataplane/io/netdev.h"
#include "dataplane/io/tap.h"
#include "tests/support/patience.h"
#include "tests/support/rig.h"

#define ETHERTYPE_TEST 0x88b5 /* for experiments; no kernel answers it */

struct fixture {
	struct kernel_path path;
	struct rte_mempool *pool;
	struct lb_worker_stats stats;
	int wire; /* a packet socket on the interface */
};

static int wire_open(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETHERTYPE_TEST),
				       .sll_ifindex = (int)if_nametoindex(KERNEL_PATH_IFACE) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETHERTYPE_TEST));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int fixture_start(void **state)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);
	struct port port = { .n_queues = 2, .mtu = 1400 };

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	memcpy(port.mac, rig_mac, sizeof(rig_mac));
	f->pool = rte_pktmbuf_pool_create("pool", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(f->pool);
	assert_int_equal(kernel_path_check(), 0);
	assert_int_equal(kernel_path_open(&f->path, &port, f->pool, &f->stats), 0);
	f->wire = wire_open();
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	close(f->wire);
	kernel_path_close(&f->path);
	assert_int_equal(if_nametoindex(KERNEL_PATH_IFACE), 0);
	assert_int_equal(rte_mempool_avail_count(f->pool), 2047);
	rte_mempool_free(f->pool);
	free(f);
	return 0;
}

static struct rte_mbuf *frame(struct fixture *f, uint8_t tag)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);
	uint8_t bytes[60] = { 0 };

	assert_non_null(m);
	memcpy(bytes, rig_mac, sizeof(rig_mac));
	bytes[6] = 0x02;
	bytes[12] = ETHERTYPE_TEST >> 8;
	bytes[13] = ETHERTYPE_TEST & 0xff;
	bytes[14] = tag;
	memcpy(rte_pktmbuf_mtod(m, void *), bytes, sizeof(bytes));
	m->data_len = sizeof(bytes);
	m->pkt_len = sizeof(bytes);
	return m;
}

static void interface_has_the_ports_mac_and_mtu(void **state)
{
	struct netdev dev;
	struct ifreq ifr = { .ifr_name = KERNEL_PATH_IFACE };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(netdev_query(KERNEL_PATH_IFACE, &dev), 0);
	assert_int_equal(dev.link.mtu, 1400);
	assert_int_equal(dev.n_queues, 1);
	assert_true(dev.link.is_up);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	assert_memory_equal(ifr.ifr_hwaddr.sa_data, rig_mac, sizeof(rig_mac));
	close(fd);
	assert_int_equal(netdev_query("nosuchif0", &dev), -ENODEV);
	assert_int_equal(netdev_query("a-name-that-is-too-long", &dev), -ENODEV);
	assert_int_equal(netdev_read(12345, &dev), -ENODEV);
}

static void second_dataplane_is_refused(void **state)
{
	struct kernel_path other;
	struct port port = { .n_queues = 0, .mtu = 1400 };

	(void)state;
	assert_int_equal(kernel_path_check(), -EEXIST);
	assert_true(tap_open(KERNEL_PATH_IFACE, rig_mac, 1400) < 0);
	assert_true(kernel_path_open(&other, &port, NULL, NULL) < 0);
	assert_true(if_nametoindex(KERNEL_PATH_IFACE) > 0);
}

static void packets_of_all_workers_reach_the_kernel(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[128];

	assert_false(kernel_path_has_work(&f->path));
	assert_int_equal(rte_ring_enqueue(f->path.to_kernel[0], frame(f, 1)), 0);
	assert_int_equal(rte_ring_enqueue(f->path.to_kernel[1], frame(f, 2)), 0);
	assert_true(kernel_path_has_work(&f->path));
	assert_int_equal(kernel_path_deliver(&f->path), 2);
	for (uint8_t tag = 1; tag <= 2; tag++) {
		assert_int_equal(recv(f->wire, bytes, sizeof(bytes), 0), 60);
		assert_int_equal(bytes[14], tag);
	}
	assert_int_equal(f->stats.drop[LB_DROP_KERNEL_TX], 0);
}

/* A packet of several segments, as a NIC with small buffers would bring it. */
static void segments_become_one_packet(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *head = frame(f, 7), *tail = frame(f, 8);
	uint8_t bytes[256];

	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	assert_int_equal(rte_ring_enqueue(f->path.to_kernel[0], head), 0);
	assert_int_equal(kernel_path_deliver(&f->path), 1);
	assert_int_equal(recv(f->wire, bytes, sizeof(bytes), 0), 120);
	assert_int_equal(bytes[14], 7);
	assert_int_equal(bytes[60 + 14], 8);
}

static void packets_refused_by_the_kernel_are_counted(void **state)
{
	struct fixture *f = *state;
	struct ifreq ifr = { .ifr_name = KERNEL_PATH_IFACE };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0); /* down */
	close(fd);
	for (uint8_t i = 0; i < 40; i++)
		assert_int_equal(rte_ring_enqueue(f->path.to_kernel[0], frame(f, i)), 0);
	assert_int_equal(kernel_path_deliver(&f->path), 32);
	assert_int_equal(f->stats.drop[LB_DROP_KERNEL_TX], 32);
	assert_int_equal(netdev_up(KERNEL_PATH_IFACE), 0);
	assert_int_equal(kernel_path_deliver(&f->path), 8);
	assert_int_equal(f->stats.drop[LB_DROP_KERNEL_TX], 32);
}

static void kernel_sends(struct fixture *f, uint8_t tag)
{
	uint8_t bytes[60] = {
		[12] = ETHERTYPE_TEST >> 8, [13] = ETHERTYPE_TEST & 0xff, [14] = tag
	};

	assert_int_equal(send(f->wire, bytes, sizeof(bytes), 0), sizeof(bytes));
}

/* Also takes what the kernel says by itself on a new interface, like router solicitations. */
static uint32_t ours_in_ring(struct fixture *f, uint8_t *last_tag)
{
	uint32_t n = 0;
	void *m;

	while (rte_ring_dequeue(f->path.from_kernel, &m) == 0) {
		const uint8_t *bytes = rte_pktmbuf_mtod((struct rte_mbuf *)m, const uint8_t *);

		if (bytes[12] == ETHERTYPE_TEST >> 8 && bytes[13] == (ETHERTYPE_TEST & 0xff)) {
			*last_tag = bytes[14];
			n++;
		}
		rte_pktmbuf_free(m);
	}
	return n;
}

static void packets_of_the_kernel_go_to_worker_0(void **state)
{
	struct fixture *f = *state;
	struct pollfd readable = { .fd = f->path.fd, .events = POLLIN };
	uint8_t tag = 0;
	uint32_t n = 0;

	kernel_sends(f, 9);
	while (n == 0) {
		assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
		kernel_path_collect(&f->path);
		n = ours_in_ring(f, &tag);
	}
	assert_int_equal(n, 1);
	assert_int_equal(tag, 9);
	while (kernel_path_collect(&f->path))
		;
	assert_int_equal(ours_in_ring(f, &tag), 0);
}

static void lack_of_buffers_or_room_loses_and_counts(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *held[2047];
	uint64_t before;
	unsigned int n;

	/* No buffer: the packet is gone, the next one comes through. */
	n = rte_mempool_avail_count(f->pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(f->pool, held, n), 0);
	before = f->stats.from_kernel_drops;
	kernel_sends(f, 1);
	while (kernel_path_collect(&f->path))
		;
	assert_true(f->stats.from_kernel_drops > before);
	rte_pktmbuf_free_bulk(held, n);

	/* No room: the ring holds one less than its size. */
	before = f->stats.from_kernel_drops;
	for (uint32_t i = 0; i < PLAN_KERNEL_RING + 9; i++) {
		kernel_sends(f, 2);
		kernel_path_collect(&f->path);
	}
	assert_true(f->stats.from_kernel_drops - before >= 10);
	assert_int_equal(rte_ring_count(f->path.from_kernel), PLAN_KERNEL_RING - 1);
}

static void packets_left_at_exit_are_counted(void **state)
{
	struct fixture *f = *state;
	struct port port = { .n_queues = 1, .mtu = 1400 };

	memcpy(port.mac, rig_mac, sizeof(rig_mac));
	kernel_path_close(&f->path);
	assert_int_equal(kernel_path_open(&f->path, &port, f->pool, &f->stats), 0);
	for (uint8_t i = 0; i < 5; i++)
		assert_int_equal(rte_ring_enqueue(f->path.to_kernel[0], frame(f, i)), 0);
	assert_int_equal(rte_ring_enqueue(f->path.from_kernel, frame(f, 0)), 0);
	kernel_path_close(&f->path);
	assert_int_equal(f->stats.drop[LB_DROP_KERNEL_TX], 5);
	assert_int_equal(f->stats.from_kernel_drops, 1);
}

static void interface_remove(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_DELLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link.ifi_index = (int)if_nametoindex(KERNEL_PATH_IFACE),
	};
	char answer[256];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	close(fd);
	assert_int_equal(if_nametoindex(KERNEL_PATH_IFACE), 0);
}

/* As udev does it (MACAddressPolicy=persistent), soon after the interface was made. */
static void address_of_another_program_is_replaced(void **state)
{
	static const uint8_t foreign[LB_ETH_ALEN] = { 0x06, 1, 2, 3, 4, 5 };
	struct fixture *f = *state;
	struct pollfd readable = { .fd = netlink_fd(&f->path.watch), .events = POLLIN };
	uint8_t mac[LB_ETH_ALEN];

	kernel_path_follow(&f->path);
	assert_int_equal(f->path.n_mac_reset, 0);
	for (uint64_t round = 1; round <= 3; round++) {
		assert_int_equal(netdev_mac_set(KERNEL_PATH_IFACE, foreign), 0);
		assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
		kernel_path_follow(&f->path);
		assert_int_equal(netdev_mac_get(KERNEL_PATH_IFACE, mac), 0);
		assert_memory_equal(mac, rig_mac, sizeof(mac));
		assert_int_equal(f->path.n_mac_reset, round);
		kernel_path_follow(&f->path); /* its own change */
		assert_int_equal(f->path.n_mac_reset, round);
	}
	interface_remove();
	kernel_path_follow(&f->path);
	assert_int_equal(f->path.n_mac_reset, 3);
}

/* What notices it first may be a packet to the kernel, the descriptor, or a lack of buffers. */
static void deleted_interface_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *held[2047];
	uint8_t bytes[128];

	for (int round = 0; round < 3; round++) {
		uint64_t lost = f->stats.drop[LB_DROP_KERNEL_TX];
		unsigned int n = rte_mempool_avail_count(f->pool);

		assert_false(kernel_path_restore(&f->path));
		interface_remove();
		if (round == 0) {
			for (uint8_t i = 0; i < 3; i++)
				assert_int_equal(
					rte_ring_enqueue(f->path.to_kernel[0], frame(f, i)), 0);
			assert_int_equal(kernel_path_deliver(&f->path), 3);
			assert_int_equal(f->stats.drop[LB_DROP_KERNEL_TX], lost + 3);
		} else if (round == 1) {
			assert_int_equal(kernel_path_collect(&f->path), 0);
		} else {
			assert_int_equal(rte_pktmbuf_alloc_bulk(f->pool, held, n), 0);
			assert_int_equal(kernel_path_collect(&f->path), 0);
			rte_pktmbuf_free_bulk(held, n);
		}
		assert_int_equal(f->path.fd, -1);
		assert_int_equal(kernel_path_collect(&f->path), 0);
		kernel_path_carrier_set(&f->path, false);
		assert_true(kernel_path_restore(&f->path));
		assert_true(f->path.has_carrier);
		close(f->wire);
		f->wire = wire_open();
		assert_int_equal(rte_ring_enqueue(f->path.to_kernel[1], frame(f, 9)), 0);
		assert_int_equal(kernel_path_deliver(&f->path), 1);
		assert_int_equal(recv(f->wire, bytes, sizeof(bytes), 0), 60);
	}
}

/* Somebody else may have taken the name: it is tried again until it is free. */
static void name_that_is_taken_is_tried_again(void **state)
{
	struct fixture *f = *state;
	int other;

	interface_remove();
	other = tap_open(KERNEL_PATH_IFACE, rig_mac, 1400);
	assert_true(other >= 0);
	assert_int_equal(kernel_path_collect(&f->path), 0);
	assert_false(kernel_path_restore(&f->path));
	assert_false(kernel_path_restore(&f->path));
	close(other);
	assert_true(kernel_path_restore(&f->path));
}

static bool has_carrier(void)
{
	struct netdev dev;

	assert_int_equal(netdev_query(KERNEL_PATH_IFACE, &dev), 0);
	return dev.link.has_carrier;
}

static void carrier_follows_the_port(void **state)
{
	struct fixture *f = *state;

	assert_true(has_carrier());
	kernel_path_carrier_set(&f->path, false);
	assert_false(has_carrier());
	kernel_path_carrier_set(&f->path, true);
	assert_true(has_carrier());
}

/* The port has another MAC address and MTU: so has the interface, at once or when it is made again. */
static void port_changes(void **state)
{
	static const struct port port = { .mac = { 2, 0, 0, 0, 0, 0x77 }, .mtu = 1300 };
	struct fixture *f = *state;
	struct netdev dev;

	kernel_path_port_set(&f->path, &port);
	assert_int_equal(netdev_query(KERNEL_PATH_IFACE, &dev), 0);
	assert_memory_equal(dev.link.mac, port.mac, sizeof(port.mac));
	assert_int_equal(dev.link.mtu, 1300);
	assert_true(dev.link.is_up);
	assert_memory_equal(f->path.mac, port.mac, sizeof(port.mac));
	assert_int_equal(f->path.mtu, 1300);
}

/* Without descriptors the state is unknown: neither "gone" nor "no carrier" is reported. */
static void no_descriptors_means_no_answer(void **state)
{
	struct rlimit before, none;
	struct netdev dev = { .n_queues = 0 };

	(void)state;
	assert_int_equal(netdev_query(KERNEL_PATH_IFACE, &dev), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(0), -1);
	assert_int_equal(netdev_read(dev.link.index, &dev), 0);
	assert_true(dev.link.has_carrier);
	assert_int_equal(dev.n_queues, 1);
	assert_int_equal(netdev_read(12345, &dev), -ENODEV);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(interface_has_the_ports_mac_and_mtu),
		TEST(second_dataplane_is_refused),
		TEST(packets_of_all_workers_reach_the_kernel),
		TEST(segments_become_one_packet),
		TEST(packets_refused_by_the_kernel_are_counted),
		TEST(packets_of_the_kernel_go_to_worker_0),
		TEST(lack_of_buffers_or_room_loses_and_counts),
		TEST(packets_left_at_exit_are_counted),
		TEST(carrier_follows_the_port),
		TEST(address_of_another_program_is_replaced),
		TEST(port_changes),
		TEST(no_descriptors_means_no_answer),
		TEST(deleted_interface_is_made_again),
		TEST(name_that_is_taken_is_tried_again),
	};

	(void)argc;
	if (unshare(CLONE_NEWNET)) {
		printf("1..0 # skip needs root for a network namespace\n");
		return 0;
	}
	rig_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

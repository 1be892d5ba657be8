/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/rig.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "dataplane/abi/lb_crc.h"

const uint8_t rig_mac[LB_ETH_ALEN] = { 0x02, 0xed, 0x9e, 0, 0, 1 };

static const uint8_t vip[16] = { 203, 0, 113, 10 };

#define FLOWS 4096
#define SLOTS 7
#define FRAME_BYTES 60

void rig_eal_start(const char *program)
{
	int first = -1, last = 0;
	cpu_set_t cpus;
	char lcores[64];
	char *argv[] = { (char *)(uintptr_t)program,
			 "--no-huge",
			 "-m",
			 "128",
			 "--no-pci",
			 "--no-telemetry",
			 "--no-shconf",
			 "--log-level=3",
			 "--iova-mode=va",
			 lcores,
			 NULL };

	/* Measure this program, not what runs beside it. */
	setpriority(PRIO_PROCESS, 0, -10);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus)) {
			first = first < 0 ? i : first;
			last = i;
		}
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d,1@%d", first, last);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		print_error("EAL: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}

static struct rte_ring *ring_make(const char *name, unsigned int serial, uint32_t slots)
{
	char full[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(full, sizeof(full), "%s%u", name, serial);
	ring = rte_ring_create(full, slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(ring);
	return ring;
}

static void device_make(struct rig *rig, enum rig_device device, unsigned int serial,
			uint32_t tx_slots)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t dev = 0;

	if (device == RIG_NULL) {
		snprintf(name, sizeof(name), "net_null%u", serial);
		assert_int_equal(rte_eal_hotplug_add("vdev", name, "size=64"), 0);
		assert_int_equal(rte_eth_dev_get_port_by_name(name, &dev), 0);
	} else {
		rig->rx = ring_make("rig_rx", serial, RIG_RING);
		rig->tx = ring_make("rig_tx", serial, tx_slots);
		snprintf(name, sizeof(name), "rig%u", serial);
		dev = (uint16_t)rte_eth_from_rings(name, &rig->rx, 1, &rig->tx, 1, 0);
	}
	assert_int_equal(rte_eth_dev_configure(dev, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(dev, 0, 256, 0, NULL, rig->pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(dev, 0, 256, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(dev), 0);
	rig->port = (struct port){ .n_devs = 1, .n_queues = 1, .dev[0] = dev, .queue[0].dev = dev };
	rig->port.is_started = true;
	rig->port.mtu = RTE_ETHER_MTU;
	memcpy(rig->port.mac, rig_mac, sizeof(rig_mac));
	rig->port.mac_word = lb_mac_load(rig_mac);
}

static void worker_make(struct rig *rig, const struct handover_port *port)
{
	const struct worker_common common = {
		.plan = &rig->plan,
		.port = &rig->port,
		.segment = &rig->segment,
		.consumer = &rig->consumer,
		.qsbr = rig->qsbr,
		.to_kernel = &rig->to_kernel,
		.from_kernel = rig->from_kernel,
		.bell = &rig->bell,
		.stop = &rig->stop,
		.handover = port,
		.flows = &rig->flows,
		.regions = rig->regions,
		.n_regions = rig->n_regions,
	};

	rig->worker = aligned_alloc(64, sizeof(*rig->worker));
	assert_non_null(rig->worker);
	rig->regions[0] = &rig->worker->flows.table;
	assert_int_equal(worker_init(rig->worker, 0, &common), 0);
	assert_int_equal(worker_prepare(rig->worker), 0);
}

struct rig *rig_create(enum rig_device device, uint32_t tx_slots, uint32_t kernel_slots)
{
	static unsigned int serial;
	struct rig *rig = aligned_alloc(64, sizeof(*rig));
	char name[RTE_MEMPOOL_NAMESIZE];

	assert_non_null(rig);
	memset(rig, 0, sizeof(*rig));
	serial++;
	rig->node = (struct config_node){ .kernel_rate_pps = 1000000, .icmp_rate_pps = 1000 };
	rig->plan = (struct plan){ .node = &rig->node,
				   .n_workers = 1,
				   .n_mbufs = RIG_MBUFS,
				   .flows_per_worker = FLOWS,
				   .flow_buckets = flow_table_buckets(FLOWS) };
	snprintf(name, sizeof(name), "rig_pool%u", serial);
	rig->pool = rte_pktmbuf_pool_create(name, RIG_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(rig->pool);
	device_make(rig, device, serial, tx_slots);
	assert_int_equal(segment_create(&rig->segment, 1), 0);
	assert_int_equal(flow_memory_create(&rig->flows, 1, rig->plan.flow_buckets,
					    rig->plan.nat_records),
			 0);
	rig->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), 64);
	assert_int_equal(rte_rcu_qsbr_init(rig->qsbr, 1), 0);
	assert_int_equal(consumer_init(&rig->consumer, &rig->segment, rig->qsbr), 0);
	rig->to_kernel = ring_make("rig_to", serial, kernel_slots);
	rig->from_kernel = ring_make("rig_from", serial, 64);
	rig->bell.fd = eventfd(0, EFD_NONBLOCK);
	rig->n_regions = 1;
	worker_make(rig, NULL);
	return rig;
}

void rig_restart(struct rig *rig, const struct handover_port *port)
{
	free(rig->worker);
	worker_make(rig, port);
}

void rig_destroy(struct rig *rig)
{
	free(rig->worker);
	rig_empty(rig->to_kernel);
	rig_empty(rig->from_kernel);
	port_close(&rig->port);
	rte_ring_free(rig->to_kernel);
	rte_ring_free(rig->from_kernel);
	if (rig->rx) {
		rig_empty(rig->rx);
		rig_empty(rig->tx);
		rte_ring_free(rig->rx);
		rte_ring_free(rig->tx);
	}
	consumer_fini(&rig->consumer);
	rte_free(rig->qsbr);
	segment_destroy(&rig->segment);
	flow_memory_destroy(&rig->flows);
	assert_int_equal(rte_mempool_avail_count(rig->pool), RIG_MBUFS);
	rte_mempool_free(rig->pool);
	close(rig->bell.fd);
	free(rig);
}

struct rte_mbuf *rig_frame(struct rig *rig)
{
	const struct lb_eth eth = { .type = LB_BE16(0x0806) };
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);

	assert_non_null(m);
	m->data_len = FRAME_BYTES;
	m->pkt_len = FRAME_BYTES;
	memset(rte_pktmbuf_mtod(m, void *), 0, FRAME_BYTES);
	memcpy(rte_pktmbuf_mtod(m, void *), &eth, sizeof(eth));
	memcpy(rte_pktmbuf_mtod(m, void *), rig_mac, sizeof(rig_mac));
	return m;
}

void rig_receive_arps(struct rig *rig, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(rte_ring_enqueue(rig->rx, rig_frame(rig)), 0);
}

void rig_receive_syns(struct rig *rig, uint16_t first_port, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = rig_frame(rig);
		struct lb_eth *eth = rte_pktmbuf_mtod(m, struct lb_eth *);
		struct lb_ipv4 *ip = (struct lb_ipv4 *)(eth + 1);
		struct lb_tcp *tcp = (struct lb_tcp *)(ip + 1);

		eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
		*ip = (struct lb_ipv4){ .version_ihl = 0x45,
					.total_len = LB_BE16(40),
					.ttl = 64,
					.proto = LB_IPPROTO_TCP,
					.src = lb_cpu_to_be32(0xc6336401) };
		lb_copy(&ip->dst, vip, 4);
		ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
		*tcp = (struct lb_tcp){ .sport = lb_cpu_to_be16((uint16_t)(first_port + i)),
					.dport = LB_BE16(443),
					.doff = 0x50,
					.flags = LB_TCP_SYN };
		assert_int_equal(rte_ring_enqueue(rig->rx, m), 0);
	}
}

/* Seal a command for a block that is already in its buffer, and put it into the ring. */
static void block_send(struct rig *rig, struct lb_cmd cmd)
{
	cmd.type = LB_CMD_BLOCK;
	cmd.buffer = (uint16_t)(rig->generation & 1);
	cmd.generation = rig->generation;
	cmd.crc = lb_crc32c(segment_block(&rig->segment, &cmd), cmd.bytes);
	lb_cmd_seal(&cmd);
	assert_int_equal(rte_ring_sp_enqueue_elem(rig->segment.cmd_ring, &cmd, sizeof(cmd)), 0);
}

/* The buffer for a block of the next command. */
static void *block_buffer(struct rig *rig, enum lb_block block)
{
	const struct lb_cmd cmd = { .block = (uint16_t)block,
				    .buffer = (uint16_t)(rig->generation & 1) };

	return (void *)(uintptr_t)segment_block(&rig->segment, &cmd);
}

void rig_send_slots(struct rig *rig, uint16_t instance)
{
	uint16_t *slots;

	rig->generation++;
	slots = block_buffer(rig, LB_BLOCK_POOL);
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = instance;
	block_send(rig, (struct lb_cmd){ .block = LB_BLOCK_POOL,
					 .count = SLOTS,
					 .bytes = SLOTS * sizeof(*slots) });
}

static void service_put(struct lb_service_table *table, uint16_t port)
{
	struct lb_service s = { .family = 4,
				.port = lb_cpu_to_be16(port),
				.proto = port ? LB_IPPROTO_TCP : 0,
				.id = port ? 1 : 0,
				.forward = port ? LB_FORWARD_L2 : 0 };
	uint32_t i;

	memcpy(s.addr, vip, 16);
	for (i = lb_service_hash4(lb_load32(s.addr), s.port, s.proto, table->seed);
	     table->slot[i & table->mask].family; i++)
		;
	table->slot[i & table->mask] = s;
}

static void instance_put(struct lb_instance *instance)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(eth + 1);

	*instance = (struct lb_instance){ .mtu = 1500 };
	instance->flags = LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED |
			  LB_INSTANCE_ON_LINK;
	eth->dst[0] = 2;
	eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->proto = LB_IPPROTO_IPIP;
}

void rig_publish(struct rig *rig)
{
	const struct lb_params params = { .timeouts.ticks = { 0, 100, 36000, 600, 50 },
					  .mtu = 1500,
					  .kernel_rate_pps = 900000,
					  .icmp_rate_pps = 100 };
	struct lb_service_table *table;

	rig->generation++;
	memcpy(block_buffer(rig, LB_BLOCK_PARAMS), &params, sizeof(params));
	block_send(rig, (struct lb_cmd){ .block = LB_BLOCK_PARAMS,
					 .count = 1,
					 .bytes = sizeof(params),
					 .flags = LB_CMD_MORE });
	table = block_buffer(rig, LB_BLOCK_SERVICES);
	memset(table, 0, sizeof(*table) + 8 * sizeof(table->slot[0]));
	table->mask = 7;
	service_put(table, 443);
	service_put(table, 0);
	block_send(rig, (struct lb_cmd){ .block = LB_BLOCK_SERVICES,
					 .count = 8,
					 .bytes = sizeof(*table) + 8 * sizeof(table->slot[0]),
					 .flags = LB_CMD_MORE });
	for (uint32_t i = 0; i < 2; i++)
		instance_put((struct lb_instance *)block_buffer(rig, LB_BLOCK_INSTANCES) + i);
	block_send(rig, (struct lb_cmd){ .block = LB_BLOCK_INSTANCES,
					 .count = 2,
					 .bytes = 2 * sizeof(struct lb_instance),
					 .flags = LB_CMD_MORE });
	rig->generation--;
	rig_send_slots(rig, 0);
	while (consumer_poll(&rig->consumer))
		;
	assert_int_equal(rig->consumer.generation, rig->generation);
}

uint32_t rig_empty(struct rte_ring *ring)
{
	uint32_t n = 0;
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0) {
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

void rig_check_accounting(const struct rig *rig)
{
	const struct lb_worker_stats *stats = rig->worker->stats;
	uint64_t sum = stats->tx_pkts + stats->kernel_pkts;

	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		sum += stats->drop[i];
	assert_int_equal(stats->rx_pkts, sum);
}

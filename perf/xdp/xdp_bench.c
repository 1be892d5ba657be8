/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the XDP dataplane costs per packet, above a bare XDP_TX that is timed the same
 * way: BPF_PROG_TEST_RUN runs a program that restores the packet, writes source address
 * and port of the next of F flows, and tail-calls the target. The best of several rounds
 * counts, bare and target in turn, so that what else the machine does cancels out.
 *
 *   hit      the flows are in the table, established
 *   insert   as many flows are there, and each packet begins another one
 *
 * Another program can stand beside ours: --pinned PATH. It has been given its VIPs
 * already; the packets go to 203.0.113.10:443 and [2001:db8:f::10]:443.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "bpf/sluice_xdp_bench.h"
#include "bpf/sluice_xdp_bench.skel.h"

#define FLOWS_MAX 1000000u /* rated capacity of the table */
#define BUCKETS (FLOWS_MAX / 5 * 2)
#define INSTANCES 100u
#define SLOTS 65537u
#define LINES ((SLOTS + LB_XDP_LINE_SLOTS - 1) / LB_XDP_LINE_SLOTS)
#define INSERTS 100000u /* new flows in one round */
#define INSERT_FIRST 0x800000u
#define ROUNDS 5
#define RUNS_MIN 400000u
#define TICKS_NEVER 65000

struct options {
	const char *pinned;
	uint32_t instances;
	int forward; /* enum lb_forward */
};

static struct sluice_xdp_bench *bench;
static struct lb_bench *control;
static int bare_fd, target_fd;

static void die(const char *what)
{
	fprintf(stderr, "xdp_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *map_view(const struct bpf_map *map)
{
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *view = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (view == MAP_FAILED)
		die("mmap");
	return view;
}

static uint32_t cpu_bind(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0)
		die("sched_getcpu");
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	return (uint32_t)cpu;
}

static void service_put(struct lb_service_table *table, struct lb_service *slots,
			struct lb_service *s, const struct lb_secret *secret)
{
	uint32_t i;

	if (s->port)
		s->salt = lb_service_salt(secret, s->addr, s->port, s->proto);
	i = s->family == 4 ? lb_service_hash4(lb_load32(s->addr), s->port, s->proto, table->seed)
			   : lb_service_hash6(s->addr, s->port, s->proto, table->seed);
	while (slots[i & table->mask].family)
		i++;
	slots[i & table->mask] = *s;
}

static void services_fill(struct lb_xdp_generation *gen, struct lb_service *slots, uint8_t forward)
{
	struct lb_service s4 = { .addr = { 203, 0, 113, 10 },
				 .family = 4,
				 .id = 1,
				 .port = LB_BE16(443),
				 .proto = LB_IPPROTO_TCP,
				 .forward = forward };
	struct lb_service s6 = { .addr = { 0x20, 1, 0x0d, 0xb8, 0, 0xf, [15] = 0x10 },
				 .family = 6,
				 .id = 2,
				 .port = LB_BE16(443),
				 .proto = LB_IPPROTO_TCP,
				 .forward = forward };

	gen->services.mask = 63;
	service_put(&gen->services, slots, &s4, &gen->secret);
	service_put(&gen->services, slots, &s6, &gen->secret);
	s4.port = s6.port = 0;
	s4.proto = s6.proto = 0;
	service_put(&gen->services, slots, &s4, &gen->secret);
	service_put(&gen->services, slots, &s6, &gen->secret);
}

static void instance_fill(struct lb_instance *instance, uint32_t index)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(eth + 1);

	eth->dst[0] = 2;
	eth->dst[5] = (uint8_t)index;
	eth->type = LB_BE16(LB_ETHERTYPE_IPV4);
	*ip = (struct lb_ipv4){ .version_ihl = 0x45,
				.ttl = 64,
				.proto = LB_IPPROTO_IPIP,
				.src = lb_cpu_to_be32(0x0a000005),
				.dst = lb_cpu_to_be32(0x0a000100 + index) };
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	instance->header_len = sizeof(*eth) + LB_TUNNEL4_LEN;
	instance->flags = LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED |
			  LB_INSTANCE_ON_LINK;
}

static void generation_fill(struct lb_xdp_generation *gen, const struct options *opt,
			    struct sluice_xdp *skel)
{
	struct lb_instance *instances = map_view(skel->maps.xdp_instances);
	struct lb_xdp_line *lines = map_view(skel->maps.xdp_slots);

	lb_secret_expand((const uint8_t *)"0123456789abcdef", &gen->secret);
	for (uint32_t i = LB_FLOW_UNCONFIRMED; i < LB_FLOW_STATES; i++)
		gen->timeouts.ticks[i] = TICKS_NEVER;
	gen->mtu = 1500;
	gen->port_mac = lb_mac_load((const uint8_t *)"\x02\xed\x9e\0\0\1");
	gen->n_instances = opt->instances;
	for (uint32_t i = 0; i < opt->instances; i++)
		instance_fill(&instances[i], i);
	for (uint32_t i = 0; i < SLOTS; i++)
		lines[i / LB_XDP_LINE_SLOTS].slot[i % LB_XDP_LINE_SLOTS] =
			(uint16_t)(lb_hash_mix(i + 1) % opt->instances);
	gen->pool[0].n_current = SLOTS;
	services_fill(gen, map_view(skel->maps.xdp_services), (uint8_t)opt->forward);
}

/* Our own program, with a table for a million flows. */
static int sluice_load(const struct options *opt, uint32_t cpu)
{
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();
	struct sluice_xdp *skel = sluice_xdp__open();
	struct lb_xdp_cpu *cpus;

	if (!skel)
		die("open");
	skel->rodata->lb_xdp_buckets = BUCKETS;
	bpf_map__set_max_entries(skel->maps.xdp_flows, BUCKETS);
	bpf_map__set_max_entries(skel->maps.xdp_cpus, n_cpus);
	bpf_map__set_max_entries(skel->maps.xdp_counts, n_cpus * LB_XDP_INSTANCES_MAX);
	bpf_map__set_max_entries(skel->maps.xdp_slots, LINES);
	if (sluice_xdp__load(skel))
		die("load");
	generation_fill(&skel->data_control->lb_xdp_control.generation[0], opt, skel);
	cpus = map_view(skel->maps.xdp_cpus);
	for (uint32_t i = 0; i < n_cpus; i++)
		cpus[i].region = i == cpu ? 0 : LB_XDP_REGION_NONE;
	return bpf_program__fd(skel->progs.sluice_xdp);
}

static void bench_load(void)
{
	bench = sluice_xdp_bench__open_and_load();
	if (!bench)
		die("load");
	control = &bench->data_bench->lb_bench;
	bare_fd = bpf_program__fd(bench->progs.lb_bench_tx);
}

static void target_set(int fd)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(bench->maps.bench_target), &zero, &fd, BPF_ANY))
		die("tail call");
}

static void frame_set(uint32_t family, uint8_t flags)
{
	struct lb_eth *eth = (struct lb_eth *)control->frame;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);
	struct lb_tcp *tcp = family == 4 ? (struct lb_tcp *)(ip4 + 1) : (struct lb_tcp *)(ip6 + 1);

	memset(control->frame, 0, LB_BENCH_FRAME6);
	memcpy(eth->dst, "\x02\xed\x9e\0\0\1", LB_ETH_ALEN);
	memcpy(eth->src, "\x02\xc1\x1e\0\0\1", LB_ETH_ALEN);
	eth->type = family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6);
	if (family == 4)
		*ip4 = (struct lb_ipv4){ .version_ihl = 0x45,
					 .total_len = LB_BE16(40),
					 .ttl = 64,
					 .frag = LB_BE16(LB_IPV4_DF),
					 .proto = LB_IPPROTO_TCP,
					 .dst = lb_cpu_to_be32(0xcb00710a) };
	else
		*ip6 = (struct lb_ipv6){ .ver_tc_flow = lb_cpu_to_be32(0x60000000),
					 .payload_len = LB_BE16(20),
					 .next = LB_IPPROTO_TCP,
					 .hop_limit = 64,
					 .src = { 0x20, 1, 0x0d, 0xb8, 0, 0xc },
					 .dst = { 0x20, 1, 0x0d, 0xb8, 0, 0xf, [15] = 0x10 } };
	*tcp = (struct lb_tcp){ .dport = LB_BE16(443), .doff = 0x50, .flags = flags };
	control->family = family;
	control->len = family == 4 ? LB_BENCH_FRAME4 : LB_BENCH_FRAME6;
}

/* Send @runs packets of @flows flows, from @first on. Return: ns each. */
static double run(int fd, uint32_t first, uint32_t flows, uint32_t runs)
{
	uint8_t out[512];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = control->frame, .data_out = out,
		    .data_size_in = control->len, .data_size_out = sizeof(out),
		    .repeat = (int)runs);

	target_set(fd);
	control->first = first;
	control->flows = flows;
	control->next = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(bench->progs.lb_bench_run), &opts))
		die("TEST_RUN");
	if (opts.retval != XDP_TX) {
		fprintf(stderr, "xdp_bench: the program under test says %u, not XDP_TX\n",
			opts.retval);
		exit(1);
	}
	return opts.duration;
}

struct figure {
	double bare, target;
};

static void figure_take(struct figure *f, double bare, double target)
{
	f->bare = bare < f->bare ? bare : f->bare;
	f->target = target < f->target ? target : f->target;
}

static struct figure measure_hit(uint32_t family, uint32_t flows)
{
	uint32_t runs = flows > RUNS_MIN ? flows : RUNS_MIN;
	struct figure f = { 1e9, 1e9 };

	frame_set(family, LB_TCP_SYN);
	run(target_fd, 0, flows, flows);
	frame_set(family, LB_TCP_ACK);
	run(target_fd, 0, flows, flows);
	for (int round = 0; round < ROUNDS; round++)
		figure_take(&f, run(bare_fd, 0, flows, runs), run(target_fd, 0, flows, runs));
	return f;
}

/* After measure_hit(): its flows fill the table. */
static struct figure measure_insert(uint32_t family)
{
	static uint32_t next = INSERT_FIRST;
	struct figure f = { 1e9, 1e9 };

	frame_set(family, LB_TCP_SYN);
	for (int round = 0; round < ROUNDS; round++, next += INSERTS)
		figure_take(&f, run(bare_fd, next, INSERTS, INSERTS),
			    run(target_fd, next, INSERTS, INSERTS));
	return f;
}

static void options_read(struct options *opt, int argc, char **argv)
{
	static const struct option longs[] = { { "pinned", required_argument, NULL, 'p' },
					       { "l2", no_argument, NULL, 'l' },
					       { NULL, 0, NULL, 0 } };
	int c;

	*opt = (struct options){ .instances = INSTANCES, .forward = LB_FORWARD_IPIP };
	while ((c = getopt_long(argc, argv, "p:l", longs, NULL)) != -1) {
		if (c == 'p') {
			opt->pinned = optarg;
		} else if (c == 'l') {
			opt->forward = LB_FORWARD_L2;
		} else {
			fprintf(stderr, "usage: %s [--pinned PATH] [--l2]\n", argv[0]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1, 1000, 100000, FLOWS_MAX };
	uint32_t cpu = cpu_bind();
	struct options opt;

	options_read(&opt, argc, argv);
	bench_load();
	target_fd = opt.pinned ? bpf_obj_get(opt.pinned) : sluice_load(&opt, cpu);
	if (target_fd < 0)
		die(opt.pinned);
	printf("ns per packet above a bare XDP_TX (in brackets: that one); %s, %u instances\n",
	       opt.pinned		      ? opt.pinned
	       : opt.forward == LB_FORWARD_L2 ? "l2"
					      : "ipip",
	       opt.instances);
	printf("%-6s %9s %18s %18s\n", "", "flows", "hit", "insert");
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct figure hit = measure_hit(family, sizes[i]);
			struct figure insert = measure_insert(family);

			printf("IPv%u   %9u %10.0f (%4.0f) %10.0f (%4.0f)\n", family, sizes[i],
			       hit.target - hit.bare, hit.bare, insert.target - insert.bare,
			       insert.bare);
		}
	}
	sluice_xdp_bench__destroy(bench);
	return 0;
}

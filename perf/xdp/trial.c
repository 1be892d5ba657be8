/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp_bench.h"
#include "bpf/sluice_xdp_bench.skel.h"
#include "perf/xdp/bench.h"

#define INSERT_FIRST 0x800000u
#define FILL_FIRST 0x400000u
#define RUNS_MIN 400000u
#define PORTIONS_PER_SECOND 10u

static struct sluice_xdp_bench *bench;
static struct lb_bench *control;
static int bare_fd;

void trial_init(void)
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

/* What a target made of the last packet; "as it came" for a bare XDP_TX. */
static void sent_describe(struct target *t, const uint8_t *out, uint32_t len)
{
	uint32_t added = len - control->len;
	const uint8_t *ip = out + sizeof(struct lb_eth);

	t->len_out = len;
	if (added == 0)
		snprintf(t->sent, sizeof(t->sent), "to %02x:%02x:..:%02x", out[0], out[1], out[5]);
	else if (ip[0] >> 4 == 4)
		snprintf(t->sent, sizeof(t->sent), "IPv%u in IPv4 (protocol %u) to %u.%u.%u.%u",
			 control->family, ip[9], ip[16], ip[17], ip[18], ip[19]);
	else
		snprintf(t->sent, sizeof(t->sent), "IPv%u in IPv6 (protocol %u) to ..:%02x%02x",
			 control->family, ip[6], ip[38], ip[39]);
}

/* Return: ns per packet, over @runs packets. */
static double send(struct target *t, uint32_t runs)
{
	static uint8_t out[4096];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = control->frame, .data_out = out,
		    .data_size_in = control->len, .data_size_out = sizeof(out),
		    .repeat = (int)runs);

	target_set(t ? t->fd : bare_fd);
	if (bpf_prog_test_run_opts(bpf_program__fd(bench->progs.lb_bench_run), &opts))
		die("TEST_RUN");
	if (opts.retval != XDP_TX) {
		fprintf(stderr, "xdp_bench: %s says %u, not XDP_TX\n", t ? t->name : "the bare one",
			opts.retval);
		exit(1);
	}
	if (t)
		sent_describe(t, out, opts.data_size_out);
	return opts.duration;
}

/* Send @runs packets of @flows flows in order, starting at flow @first. Return: ns per packet. */
static double run(struct target *t, uint32_t first, uint32_t flows, uint32_t runs)
{
	control->first = first;
	control->flows = flows;
	control->next = 0;
	control->shuffle = 0;
	return send(t, runs);
}

/* The same with the flows in no order, as they come from clients. */
static double run_shuffled(struct target *t, uint32_t flows, uint32_t runs)
{
	control->first = 0;
	control->flows = flows;
	control->shuffle = 1;
	return send(t, runs);
}

static void rest_ms(uint32_t ms)
{
	const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* One packet of each flow; new flows no faster than the target accepts them. */
static void flows_send(struct target *t, uint32_t start, uint32_t flows)
{
	uint32_t portion = t->per_second ? t->per_second / PORTIONS_PER_SECOND : flows;

	for (uint32_t first = 0; first < flows; first += portion) {
		uint32_t n = flows - first < portion ? flows - first : portion;

		run(t, start + first, n, n);
		if (t->per_second)
			rest_ms(1000 / PORTIONS_PER_SECOND);
	}
}

void trial_fill(struct target *t, uint32_t family, uint32_t flows)
{
	if (flows == 0)
		return;
	frame_set(family, LB_TCP_SYN);
	flows_send(t, FILL_FIRST, flows);
	frame_set(family, LB_TCP_ACK);
	flows_send(t, FILL_FIRST, flows);
}

void trial_hit(struct target *targets, uint32_t n, uint32_t family, uint32_t flows,
	       struct figures *f)
{
	uint32_t runs = flows > RUNS_MIN ? flows : RUNS_MIN;

	frame_set(family, LB_TCP_SYN);
	for (uint32_t i = 0; i < n; i++)
		flows_send(&targets[i], 0, flows);
	frame_set(family, LB_TCP_ACK);
	for (uint32_t i = 0; i < n; i++)
		run(&targets[i], 0, flows, runs);
	for (uint32_t round = 0; round < f->rounds; round++) {
		f->bare[round] = run_shuffled(NULL, flows, runs);
		for (uint32_t i = 0; i < n; i++)
			f->target[i][round] = run_shuffled(&targets[i], flows, runs);
	}
}

void trial_insert(struct target *targets, uint32_t n, uint32_t family, struct figures *f)
{
	static uint32_t next = INSERT_FIRST;
	bool limited = false;

	for (uint32_t i = 0; i < n; i++)
		limited |= targets[i].per_second != 0;
	frame_set(family, LB_TCP_SYN);
	for (uint32_t round = 0; round < f->rounds; round++, next += BENCH_INSERTS) {
		if (limited)
			rest_ms(1100);
		f->bare[round] = run(NULL, next, BENCH_INSERTS, BENCH_INSERTS);
		for (uint32_t i = 0; i < n; i++)
			f->target[i][round] = run(&targets[i], next, BENCH_INSERTS, BENCH_INSERTS);
	}
}

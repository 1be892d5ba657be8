/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The XDP dataplane: one packet from the driver to its instance, to the kernel, or to a named drop.
 * The packet core runs each packet (core/lb_packet.h); here is what the program gets and returns.
 */
#include "bpf/sluice_xdp_send.h"

uint32_t lb_xdp_sweep_bucket(const struct lb_packet *p, uint32_t index);
uint32_t lb_xdp_sweep_handover(const struct lb_packet *p, uint32_t index);
uint32_t lb_xdp_sweep_records(const struct lb_packet *p, uint32_t first);

/*
 * Hand a service's packet over to the DPDK process on the port, if there is one, or set what it has
 * from its service. Return: whether it is handed over.
 */
static __always_inline bool lb_xdp_for_service(const struct lb_env *env, struct lb_packet *p,
					       const struct lb_service *service,
					       struct lb_handover *queue)
{
	if (queue && lb_xdp_hand_over(queue, p->where.cpu_id, env->cpu->now_ns))
		return true;
	lb_packet_set_key(p, &env->gen->secret, service);
	lb_packet_set_service(p, service);
	return false;
}

static __always_inline uint32_t lb_xdp_frame_len(struct xdp_md *ctx)
{
	if (lb_xdp_frags)
		return (uint32_t)bpf_xdp_get_buff_len(ctx);
	return lb_buffer_first_len((struct lb_buffer){ ctx });
}

static __always_inline int lb_xdp_finish(struct xdp_md *ctx, struct lb_worker_stats *stats,
					 lb_result result)
{
	uint32_t reason;

	switch (lb_result_verdict(result)) {
	case LB_VERDICT_FORWARD:
	case LB_VERDICT_REPLY:
		stats->tx_pkts++;
		stats->tx_bytes += lb_xdp_frame_len(ctx);
		return XDP_TX;
	case LB_VERDICT_KERNEL:
		stats->kernel_pkts++;
		return XDP_PASS;
	default:
		reason = lb_result_reason(result);
		LB_OPAQUE(reason);
		stats->drop[reason % LB_DROP_SLOTS]++;
		return XDP_DROP;
	}
}

/* @has_handover: a constant; whether a DPDK process may be on the same port. */
static __always_inline int lb_xdp_packet(struct xdp_md *ctx, bool has_handover)
{
	struct lb_gate gate = { .lock = LB_XDP_LOCK_NONE };
	const struct lb_service *service;
	struct lb_packet p = {};
	struct lb_env env;
	struct lb_frame frame;
	lb_result result;

	p.where.cpu_id = bpf_get_smp_processor_id();
	if (has_handover) {
		gate.queue = lb_xdp_at(&xdp_queues, ctx->rx_queue_index);
		/* A queue that was added later has no region; its packets are counted by CPU. */
		p.where.cpu_id = gate.queue ? ctx->rx_queue_index : lb_xdp_regions + p.where.cpu_id;
	}
	p.where.generation = *(volatile uint32_t *)&lb_xdp_control.active;
	p.frame_len = lb_xdp_frame_len(ctx);
	if (!lb_env_open(&env, &p.where))
		return XDP_PASS;
	p.now = lb_xdp_now(env.cpu, p.where.cpu_id, p.where.generation);

	frame = (struct lb_frame){ (void *)(long)ctx->data, (void *)(long)ctx->data_end,
				   p.frame_len };
	lb_parse(&frame, env.gen->port_mac, &p.meta);
	service = lb_packet_service(&env.gen->services, &p.meta);
	if (lb_likely(service) && lb_xdp_for_service(&env, &p, service, gate.queue))
		return XDP_REDIRECT;
	result = lb_packet_run((struct lb_buffer){ ctx }, &env, &p, service, &gate,
			       (struct lb_send_rare){ lb_xdp_send_too_big, lb_xdp_syn_of,
						      lb_xdp_send_nat, lb_xdp_reply,
						      lb_xdp_chosen });
	if (lb_xdp_capture_is_on())
		lb_xdp_capture_end(ctx, result);
	env.cpu->stats.rx_pkts++;
	env.cpu->stats.rx_bytes += p.frame_len;
	return lb_xdp_finish(ctx, &env.cpu->stats, result);
}

SEC("xdp")
int sluice_xdp(struct xdp_md *ctx)
{
	return lb_xdp_packet(ctx, false);
}

/*
 * The same beside a DPDK process. libxdp takes a program of this name and version for its own: it
 * puts the sockets of that process into xsks_map, and attaches nothing. (libxdp 1.2 to 1.4; v1.3.1
 * lib/libxdp/xsk.c, __xsk_setup_xdp_prog().)
 */
SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	return lb_xdp_packet(ctx, true);
}

__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* Remove the expired flows of one bucket of a CPU's region. Return: index of the next bucket. */
LB_RARE uint32_t lb_xdp_sweep_bucket(const struct lb_packet *p, uint32_t index)
{
	struct lb_bucket *bucket;
	struct lb_sweep sweep;
	struct lb_env env;

	if (!p || !lb_env_open(&env, &p->where))
		return 0;
	sweep = (struct lb_sweep){
		.secret = &env.gen->secret,
		.timeouts = &env.gen->timeouts,
		.instances = &env.instances,
		.now = p->now,
	};
	bucket = lb_table_bucket(&env.table, index);
	if (bucket)
		lb_table_sweep(&env.table, bucket, index, &sweep);
	return index + 1 < lb_xdp_buckets ? index + 1 : 0;
}

/*
 * The same in the region of the CPU that this runs on. Before Linux 6.3 BPF_PROG_TEST_RUN does not
 * disable softirqs: a packet may interrupt this.
 */
static __always_inline uint32_t lb_xdp_sweep_own(struct lb_xdp_cpu *cpu, const struct lb_packet *p,
						 uint32_t index)
{
	lb_store_release(&cpu->sweeping, 1);
	index = lb_xdp_sweep_bucket(p, index);
	lb_store_release(&cpu->sweeping, 0);
	return index;
}

/*
 * The same in a region with other writers: if one of them holds the lock, the bucket waits for the
 * next round.
 */
LB_RARE uint32_t lb_xdp_sweep_handover(const struct lb_packet *p, uint32_t index)
{
	struct lb_handover *queue;
	uint32_t free;

	queue = p ? lb_xdp_at(&xdp_queues, p->where.cpu_id) : NULL;
	if (!queue)
		return 0;
	free = lb_xdp_lock_is(queue) & ~LB_HANDOVER_HOLDER;
	if (!lb_xdp_lock_try(queue, free, LB_HELD_BY_SWEEP))
		return index;
	index = lb_xdp_sweep_bucket(p, index);
	lb_xdp_unlock(queue, free);
	return index;
}

/*
 * Take the lock that a dead worker has left held, if no packet has taken it since. Done only when
 * seen in two rounds: a worker that was stopped for a moment keeps it.
 */
static __always_inline void lb_xdp_lock_left(struct lb_handover *queue, uint32_t queue_id,
					     uint64_t now_ns)
{
	uint32_t seen = lb_xdp_lock_is(queue), free;

	if ((seen & LB_HANDOVER_HOLDER) != LB_HELD_BY_WORKER ||
	    lb_handover_is_beating(queue, queue->process, now_ns)) {
		queue->left_lock = LB_HELD_BY_NOBODY;
		return;
	}
	if (queue->left_lock != seen) {
		queue->left_lock = seen;
		return;
	}
	free = lb_xdp_lock_rob(queue, queue_id, seen);
	if (free != LB_XDP_LOCK_NONE)
		lb_xdp_unlock(queue, free);
}

/* Return: number of buckets swept. */
static __always_inline uint32_t lb_xdp_sweep(struct lb_xdp_cpu *cpu, const struct lb_packet *p,
					     bool has_handover)
{
	uint32_t index = cpu->sweep_next, next, done;

	for (done = 0; done < LB_XDP_SWEEP_BUCKETS; done++) {
		next = has_handover ? lb_xdp_sweep_handover(p, index)
				    : lb_xdp_sweep_own(cpu, p, index);
		if (next == index)
			break;
		index = next;
	}
	cpu->sweep_next = index;
	return done;
}

#define LB_XDP_RECORDS_AT_ONCE 256

/*
 * Free the expired ones of the records of a region's ports. Return: index of the next one, in the
 * region.
 */
LB_RARE uint32_t lb_xdp_sweep_records(const struct lb_packet *p, uint32_t first)
{
	const uint32_t all = lb_xdp_nat_spaces * lb_xdp_nat_room;
	struct lb_nat_share records;
	const struct lb_nat *nat;
	struct lb_env env;
	uint32_t n, freed = 0;

	if (!p || first >= all || !lb_env_open(&env, &p->where) || !lb_env_open_nat(&env))
		return 0;
	nat = lb_env_nat(&env);
	records = (struct lb_nat_share){ nat->worker * all + first, all - first };
	for (n = 0; n < LB_XDP_RECORDS_AT_ONCE && n < records.n; n++) {
		struct lb_nat_record *record = lb_nat_share_at(&records, n);

		freed += record && lb_nat_expire(record, p->now, &nat->params->timeouts);
	}
	env.table.stats->nat_flows -= freed;
	env.table.stats->nat_expired += freed;
	return first + n < all ? first + n : 0;
}

static __always_inline void lb_xdp_sweep_nat(struct lb_xdp_cpu *cpu, const struct lb_packet *p)
{
	uint32_t next = cpu->sweep_record;

	for (uint32_t i = 0; i < LB_XDP_SWEEP_RECORDS / LB_XDP_RECORDS_AT_ONCE; i++)
		next = lb_xdp_sweep_records(p, next);
	cpu->sweep_record = next;
}

/*
 * Not for packets: sluiced runs this by BPF_PROG_TEST_RUN on each CPU in turn, so that a region has
 * one writer, and flows also expire on CPUs that get no packets any more. Return: number of buckets
 * swept.
 */
SEC("xdp")
int sluice_xdp_sweep(struct xdp_md *ctx)
{
	struct lb_packet p = { .where.cpu_id = bpf_get_smp_processor_id() };
	struct lb_xdp_cpu *cpu = lb_xdp_at(&xdp_cpus, p.where.cpu_id);

	(void)ctx;
	if (!cpu || cpu->region == LB_XDP_REGION_NONE)
		return 0;
	p.where.generation = *(volatile uint32_t *)&lb_xdp_control.active;
	p.now = lb_xdp_now(cpu, p.where.cpu_id, p.where.generation);
	if (lb_xdp_nat_spaces)
		lb_xdp_sweep_nat(cpu, &p);
	return (int)lb_xdp_sweep(cpu, &p, false);
}

/*
 * Sweep a queue's region, from any CPU; the queue's number is the frame's first word. While its
 * worker is alive, the worker sweeps it.
 */
SEC("xdp")
int lb_sweep_handover(struct xdp_md *ctx)
{
	const uint32_t *queue_id = (const void *)(long)ctx->data;
	uint64_t now_ns = bpf_ktime_get_coarse_ns();
	struct lb_packet p = {};
	struct lb_handover *queue;
	struct lb_xdp_cpu *cpu;

	if (!lb_fits(queue_id, sizeof(*queue_id), (void *)(long)ctx->data_end))
		return 0;
	p.where.cpu_id = *queue_id;
	cpu = lb_xdp_at(&xdp_cpus, p.where.cpu_id);
	queue = lb_xdp_at(&xdp_queues, p.where.cpu_id);
	if (!cpu || !queue || lb_handover_is_due(queue, now_ns))
		return 0;
	lb_xdp_lock_left(queue, p.where.cpu_id, now_ns);
	p.where.generation = *(volatile uint32_t *)&lb_xdp_control.active;
	p.now = (uint16_t)(now_ns / LB_FLOW_TICK_NS);
	if (lb_xdp_clock_is_set)
		p.now = (uint16_t) * (volatile uint64_t *)&lb_xdp_control.clock;
	if (lb_xdp_nat_spaces)
		lb_xdp_sweep_nat(cpu, &p);
	return (int)lb_xdp_sweep(cpu, &p, true);
}

char lb_license[] SEC("license") = "Dual BSD/GPL";

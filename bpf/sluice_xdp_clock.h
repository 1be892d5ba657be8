/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Coarse time of the XDP dataplane, and what is due once a tick. */
#ifndef BPF_SLUICE_XDP_CLOCK_H
#define BPF_SLUICE_XDP_CLOCK_H

#include "lb_tables.h"

uint32_t lb_xdp_clock_moved(uint32_t cpu_id, uint32_t generation, uint64_t clock);

/* Work for once a tick. To be called when the kernel's clock has advanced. */
LB_RARE uint32_t lb_xdp_clock_moved(uint32_t cpu_id, uint32_t generation, uint64_t clock)
{
	const struct lb_rate_limit peek_rate = lb_rate_limit_make(LB_XDP_PEEKS_PER_SECOND);
	const struct lb_xdp_generation *gen = lb_xdp_generation_at(generation);
	struct lb_xdp_cpu *cpu = lb_xdp_at(&xdp_cpus, cpu_id);
	uint64_t now_ns = clock * LB_FLOW_TICK_NS;
	uint64_t ticks, passed;
	uint32_t refill;

	if (!cpu)
		return 0;
	cpu->clock = clock;
	if (!lb_xdp_clock_is_set)
		now_ns = bpf_ktime_get_coarse_ns();
	cpu->now_ns = now_ns;
	ticks = now_ns / LB_FLOW_TICK_NS;
	passed = ticks - cpu->ticks;
	refill = passed > 0xffff ? 0xffff : (uint32_t)passed;
	cpu->ticks = ticks;
	lb_rate_refill(&cpu->kernel_rate, &gen->kernel_rate, refill);
	lb_rate_refill(&cpu->icmp_rate, &gen->icmp_rate, refill);
	lb_rate_refill(&cpu->peek_rate, &peek_rate, refill);
	return refill;
}

/*
 * Coarse time. Reading jiffies costs one load; the time in units that do not depend on the kernel's
 * HZ is read only when jiffies have changed.
 */
static __always_inline uint16_t lb_xdp_now(const struct lb_xdp_cpu *cpu, uint32_t cpu_id,
					   uint32_t generation)
{
	uint64_t clock;

	if (lb_xdp_clock_is_set)
		clock = *(volatile uint64_t *)&lb_xdp_control.clock;
	else
		clock = bpf_jiffies64();
	if (lb_unlikely(clock != cpu->clock))
		lb_xdp_clock_moved(cpu_id, generation, clock);
	return (uint16_t)cpu->ticks;
}

#endif

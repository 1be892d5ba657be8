/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/xdp_world.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.skel.h"
#include "bpf/sluice_xdp_bench.skel.h"
#include "controlplane/xdp/access.h"

#define LINES_PER_HALF 4096
#define HEADROOM 256	 /* XDP_PACKET_HEADROOM */
#define HEADROOM_USED 40 /* the kernel reserves this much of it: sizeof(struct xdp_frame) */

static void *map_view(const struct bpf_map *map)
{
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *view = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(view, MAP_FAILED);
	return view;
}

static void map_unview(const struct bpf_map *map, void *view)
{
	munmap(view, (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map));
}

static uint32_t cpu_bind(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	assert_true(cpu >= 0);
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	return (uint32_t)cpu;
}

static void kind_set(struct xdp_world *w, bool has_handover)
{
	struct sluice_xdp *skel = w->skel;

	w->program = has_handover ? skel->progs.xsk_def_prog : skel->progs.sluice_xdp;
	w->sweep = has_handover ? skel->progs.lb_sweep_handover : skel->progs.sluice_xdp_sweep;
	bpf_program__set_autoload(skel->progs.sluice_xdp, !has_handover);
	bpf_program__set_autoload(skel->progs.sluice_xdp_sweep, !has_handover);
	bpf_program__set_autoload(skel->progs.xsk_def_prog, has_handover);
	bpf_program__set_autoload(skel->progs.lb_sweep_handover, has_handover);
	bpf_map__set_max_entries(skel->maps.xdp_queues, w->regions);
	bpf_map__set_max_entries(skel->maps.xsks_map, w->regions);
}

/* Regions share the ports of the harness. */
static uint32_t nat_room(const struct xdp_world *w)
{
	return HARNESS_NAT_PORTS / w->regions;
}

static void nat_size(const struct xdp_world *w)
{
	struct sluice_xdp *skel = w->skel;

	skel->rodata->lb_xdp_nat_spaces = HARNESS_NAT_SPACES;
	skel->rodata->lb_xdp_nat_room = nat_room(w);
	bpf_map__set_max_entries(skel->maps.xdp_nat_ids, 2 * LB_XDP_IDS);
	bpf_map__set_max_entries(skel->maps.xdp_nat_areas, w->regions);
	bpf_map__set_max_entries(skel->maps.xdp_nat_records,
				 w->regions * HARNESS_NAT_SPACES * nat_room(w));
}

static void skel_load(struct xdp_world *w, uint32_t n_cpus, bool shared, bool has_handover)
{
	struct sluice_xdp *skel = sluice_xdp__open();

	assert_non_null(skel);
	w->skel = skel;
	skel->rodata->lb_xdp_buckets = w->n_buckets;
	skel->rodata->lb_xdp_regions = w->regions;
	skel->rodata->lb_xdp_clock_is_set = true;
	skel->rodata->lb_xdp_worker_rows = n_cpus;
	skel->rodata->lb_xdp_shared = shared;
	skel->rodata->lb_xdp_frags = true;
	kind_set(w, has_handover);
	bpf_program__set_flags(w->program, BPF_F_XDP_HAS_FRAGS);
	bpf_map__set_max_entries(skel->maps.xdp_flows, w->regions * w->n_buckets);
	bpf_map__set_max_entries(skel->maps.xdp_cpus, n_cpus);
	bpf_map__set_max_entries(skel->maps.xdp_counts,
				 (n_cpus + w->regions) * LB_XDP_INSTANCES_MAX);
	bpf_map__set_max_entries(skel->maps.xdp_slots, 2 * LINES_PER_HALF);
	nat_size(w);
	assert_int_equal(sluice_xdp__load(skel), 0);
	w->fd = bpf_program__fd(w->program);
}

static void bench_load(struct xdp_world *w)
{
	struct sluice_xdp_bench *bench = sluice_xdp_bench__open();
	uint32_t zero = 0;

	assert_non_null(bench);
	w->bench = bench;
	bpf_program__set_flags(bench->progs.lb_bench_room, BPF_F_XDP_HAS_FRAGS);
	bpf_program__set_autoload(bench->progs.lb_bench_run, false);
	bpf_program__set_autoload(bench->progs.lb_bench_tx, false);
	assert_int_equal(sluice_xdp_bench__load(bench), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(bench->maps.bench_target), &zero, &w->fd,
					     BPF_ANY),
			 0);
	w->frame = &bench->data_bench->lb_bench;
}

static struct xdp_world *world_make(const struct harness *like, uint32_t regions, bool shared,
				    bool has_handover)
{
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus() + (has_handover ? regions : 0);
	struct xdp_world *w = calloc(1, sizeof(*w));
	uint32_t cpu = has_handover ? 0 : cpu_bind(); /* or the queue that TEST_RUN uses */

	assert_non_null(w);
	w->regions = regions;
	w->n_buckets = like->flows.table.n_buckets;
	skel_load(w, n_cpus, shared, has_handover);
	bench_load(w);
	w->control = &w->skel->data_control->lb_xdp_control;
	w->services = map_view(w->skel->maps.xdp_services);
	w->instances = map_view(w->skel->maps.xdp_instances);
	w->slots = map_view(w->skel->maps.xdp_slots);
	w->flows = map_view(w->skel->maps.xdp_flows);
	w->nat = map_view(w->skel->maps.xdp_nat);
	w->nat_ids = map_view(w->skel->maps.xdp_nat_ids);
	w->nat_areas = map_view(w->skel->maps.xdp_nat_areas);
	w->nat_records = map_view(w->skel->maps.xdp_nat_records);
	w->counts = map_view(w->skel->maps.xdp_counts);
	w->counts += (size_t)cpu * LB_XDP_INSTANCES_MAX;
	w->cpus = map_view(w->skel->maps.xdp_cpus);
	for (uint32_t i = 0; i < n_cpus; i++)
		w->cpus[i].region = i == cpu ? 0 : LB_XDP_REGION_NONE;
	w->cpu = &w->cpus[cpu];
	if (has_handover) {
		w->queues = map_view(w->skel->maps.xdp_queues);
		w->worker = map_view(w->skel->maps.xdp_workers);
		w->worker_counts = w->counts + (size_t)n_cpus * LB_XDP_INSTANCES_MAX;
	}
	return w;
}

struct xdp_world *xdp_world_create(const struct harness *like, uint32_t regions, bool shared)
{
	return world_make(like, regions, shared, false);
}

struct xdp_world *xdp_world_create_handover(const struct harness *like, uint32_t regions,
					    bool shared)
{
	return world_make(like, regions, shared, true);
}

int xdp_world_socket_set(struct xdp_world *w, int fd)
{
	uint32_t queue = 0;

	if (fd < 0)
		return bpf_map_delete_elem(bpf_map__fd(w->skel->maps.xsks_map), &queue);
	return bpf_map_update_elem(bpf_map__fd(w->skel->maps.xsks_map), &queue, &fd, BPF_ANY);
}

void xdp_world_destroy(struct xdp_world *w)
{
	map_unview(w->skel->maps.xdp_services, w->services);
	map_unview(w->skel->maps.xdp_instances, w->instances);
	map_unview(w->skel->maps.xdp_slots, w->slots);
	map_unview(w->skel->maps.xdp_flows, w->flows);
	map_unview(w->skel->maps.xdp_nat, w->nat);
	map_unview(w->skel->maps.xdp_nat_ids, w->nat_ids);
	map_unview(w->skel->maps.xdp_nat_areas, w->nat_areas);
	map_unview(w->skel->maps.xdp_nat_records, w->nat_records);
	if (w->queues) {
		map_unview(w->skel->maps.xdp_queues, w->queues);
		map_unview(w->skel->maps.xdp_workers, w->worker);
	}
	sluice_xdp_bench__destroy(w->bench);
	sluice_xdp__destroy(w->skel);
	free(w);
}

static uint32_t slots_put(struct xdp_world *w, uint32_t *line, const uint16_t *slots, uint32_t n)
{
	uint32_t first = *line;

	if (n == 0)
		return first;
	memcpy(&w->slots[first], slots, n * sizeof(*slots));
	*line += (n + LB_XDP_LINE_SLOTS - 1) / LB_XDP_LINE_SLOTS;
	return first;
}

/* As controlplane/xdp/tables.c does. */
static void nat_publish(struct xdp_world *w, uint32_t half, const struct tables *t)
{
	struct lb_nat nat = {
		.params = &t->params.nat,
		.n_workers = w->regions,
		.n_spaces = HARNESS_NAT_SPACES,
		.room = nat_room(w),
	};
	uint64_t *ids = &w->nat_ids[half * LB_XDP_IDS];

	w->nat[half] = (struct lb_xdp_nat){ .params = t->params.nat, .index = t->nat_index };
	if (lb_nat_set_ports(&nat)) {
		w->nat[half].share = nat.share;
		w->nat[half].inverse = nat.inverse;
	}
	memset(ids, 0, LB_XDP_IDS * sizeof(*ids));
	for (uint32_t i = 0; t->services && i <= t->services->mask; i++)
		if (t->services->slot[i].id)
			ids[t->services->slot[i].id] = i + 1;
}

void xdp_world_publish(struct xdp_world *w, const struct harness *h)
{
	uint32_t half = !w->control->active;
	uint32_t line = half * LINES_PER_HALF;
	struct lb_xdp_generation *gen = &w->control->generation[half];
	const struct tables *t = h->tables;

	gen->services = (struct lb_service_table){ .first = half * LB_XDP_SERVICE_SLOTS_MAX };
	if (t->services) {
		gen->services.mask = t->services->mask;
		gen->services.seed = t->services->seed;
		gen->services.n_networks = t->services->n_networks;
		memcpy(gen->services.vlan, t->services->vlan, sizeof(gen->services.vlan));
		gen->services.access_words = t->services->access_words;
		assert_int_equal(xdp_access_put(bpf_map__fd(w->skel->maps.xdp_access), half,
						t->services),
				 0);
		memcpy(&w->services[gen->services.first], t->services->slot,
		       (t->services->mask + 1) * sizeof(*w->services));
	}
	nat_publish(w, half, t);
	gen->instances = half * LB_XDP_INSTANCES_MAX;
	gen->n_instances = t->n_instances;
	memcpy(&w->instances[gen->instances], t->instances, t->n_instances * sizeof(*w->instances));
	gen->secret = t->secret;
	gen->timeouts = t->timeouts;
	gen->mtu = t->mtu;
	gen->port_mac = h->pl.port_mac;
	gen->generation = h->generation;
	gen->kernel_rate = h->pl.kernel_rate.limit;
	gen->icmp_rate = h->pl.icmp_rate.limit;
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		const struct lb_pool_view *view = &t->pool[i];

		gen->pool[i] = (struct lb_xdp_pool){
			.n_current = view->n_current,
			.n_previous = view->n_previous,
			.current = slots_put(w, &line, view->current, view->n_current),
			.previous = slots_put(w, &line, view->previous, view->n_previous),
		};
	}
	assert_true(line <= (half + 1) * LINES_PER_HALF);
	__atomic_store_n(&w->control->active, half, __ATOMIC_RELEASE);
}

void xdp_world_reset(struct xdp_world *w, const struct harness *h)
{
	memset(w->flows, 0, (size_t)w->regions * w->n_buckets * sizeof(*w->flows));
	memset(w->nat_areas, 0, w->regions * sizeof(*w->nat_areas));
	memset(w->nat_records, 0,
	       w->regions * HARNESS_NAT_SPACES * nat_room(w) * sizeof(*w->nat_records));
	memset(w->counts, 0, LB_XDP_INSTANCES_MAX * sizeof(*w->counts));
	memset(&w->cpu->stats, 0, sizeof(w->cpu->stats));
	w->cpu->kernel_rate = h->pl.kernel_rate.rate;
	w->cpu->icmp_rate = h->pl.icmp_rate.rate;
	w->control->generation[w->control->active].services.n_networks =
		h->tables->services->n_networks;
}

void xdp_world_clock_set(struct xdp_world *w, uint64_t ticks)
{
	w->control->clock = ticks;
}

void xdp_world_sweep(struct xdp_world *w)
{
	uint8_t frame[XDP_WORLD_LINEAR_MIN] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);

	for (uint32_t done = 0, part = 0;
	     done < w->n_buckets || part * LB_XDP_SWEEP_RECORDS < HARNESS_NAT_SPACES * nat_room(w);
	     done += opts.retval, part++) {
		assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(w->sweep), &opts), 0);
		if (opts.retval == 0)
			break;
	}
}

static int program_for(struct xdp_world *w, const struct xdp_run *run)
{
	if (run->headroom < 0)
		return w->fd;
	assert_in_range(run->headroom, 0, HEADROOM - HEADROOM_USED);
	w->frame->room = (uint32_t)(HEADROOM - HEADROOM_USED - run->headroom);
	w->frame->len = run->len;
	memcpy(w->frame->frame, run->frame, run->len);
	return bpf_program__fd(w->bench->progs.lb_bench_room);
}

void xdp_world_run(struct xdp_world *w, struct xdp_run *run)
{
	struct xdp_md ctx = { .data_end = run->linear ? run->linear : run->len,
			      .ingress_ifindex = run->ifindex,
			      .rx_queue_index = run->queue };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->frame, .data_size_in = run->len,
		    .data_out = run->out, .data_size_out = sizeof(run->out), .repeat = 1);
	int err;

	if ((run->linear && run->linear < run->len) || run->ifindex) {
		opts.ctx_in = &ctx;
		opts.ctx_size_in = sizeof(ctx);
	}
	err = bpf_prog_test_run_opts(program_for(w, run), &opts);
	if (err)
		fail_msg("TEST_RUN of %u bytes (%u in the first buffer): %s", run->len, run->linear,
			 strerror(-err));
	run->action = opts.retval;
	run->out_len = opts.data_size_out;
}

static void stats_compare(const struct lb_worker_stats *xdp, const struct lb_worker_stats *native)
{
	const uint64_t *a = (const uint64_t *)xdp, *b = (const uint64_t *)native;

	if (!memcmp(xdp, native, sizeof(*xdp)))
		return;
	for (uint32_t i = 0; i < sizeof(*xdp) / sizeof(*a); i++)
		if (a[i] != b[i])
			print_error("counter %u: %lu with XDP, %lu natively\n", i, a[i], b[i]);
	fail_msg("counters differ");
}

void xdp_world_compare(const struct xdp_world *w, const struct harness *h, bool deep)
{
	stats_compare(&w->cpu->stats, &h->stats);
	if (!deep)
		return;
	assert_int_equal(w->cpu->kernel_rate.tokens, h->pl.kernel_rate.rate.tokens);
	assert_int_equal(w->cpu->icmp_rate.tokens, h->pl.icmp_rate.rate.tokens);
	assert_memory_equal(w->flows, h->flows.table.bucket, w->n_buckets * sizeof(*w->flows));
	assert_memory_equal(w->counts, h->instance_stats, LB_INSTANCES_MAX * sizeof(*w->counts));
	if (!h->nat_memory.record || w->regions != 1)
		return;
	assert_memory_equal(w->nat_areas, h->nat_memory.area, sizeof(*w->nat_areas));
	assert_memory_equal(w->nat_records, h->nat_memory.record,
			    HARNESS_NAT_SPACES * HARNESS_NAT_PORTS * sizeof(*w->nat_records));
}

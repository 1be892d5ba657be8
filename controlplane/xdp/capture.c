/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/sluice_xdp.skel.h"

LB_STATIC_ASSERT(sizeof(struct lb_xdp_kept) % 8 == 0, "as the kernel rounds it up, for each CPU");

struct xdp_capture {
	struct ring_buffer *ring;
	struct lb_capture_record record;
	bool has_record;
};

void xdp_capture_select(struct xdp_object *o, const struct lb_capture_select *select)
{
	struct lb_capture_select *to = o->capture;

	if (!select) {
		lb_store_release(&to->until_ns, 0);
		return;
	}
	if (!to->until_ns) {
		*to = *select;
		to->until_ns = 0;
	}
	lb_store_release(&to->until_ns, select->until_ns);
}

/* Return: negative, so that libbpf stops behind each record. */
static int on_record(void *arg, void *data, size_t size)
{
	struct xdp_capture *capture = arg;

	if (size < sizeof(capture->record))
		return 0;
	memcpy(&capture->record, data, sizeof(capture->record));
	capture->has_record = true;
	return -ECANCELED;
}

static struct xdp_capture *capture_open(struct xdp_object *o)
{
	struct xdp_capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return NULL;
	capture->ring =
		ring_buffer__new(bpf_map__fd(o->skel->maps.xdp_captured), on_record, capture, NULL);
	if (capture->ring)
		return capture;
	free(capture);
	return NULL;
}

bool xdp_capture_next(struct xdp_object *o, struct lb_capture_record *record)
{
	struct xdp_capture *capture = o->reader;

	if (!capture)
		capture = o->reader = capture_open(o);
	if (!capture)
		return false;
	capture->has_record = false;
	ring_buffer__consume(capture->ring);
	if (capture->has_record)
		*record = capture->record;
	return capture->has_record;
}

void xdp_capture_missed(const struct xdp_object *o, uint64_t *lost, uint64_t *skipped)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct lb_xdp_kept *kept = n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*kept)) : NULL;
	uint32_t zero = 0;

	if (kept && bpf_map_lookup_elem(bpf_map__fd(o->skel->maps.xdp_kept), &zero, kept) == 0)
		for (int i = 0; i < n_cpus; i++) {
			*lost += kept[i].lost;
			*skipped += kept[i].skipped;
		}
	free(kept);
}

void xdp_capture_close(struct xdp_object *o)
{
	if (!o->reader)
		return;
	ring_buffer__free(o->reader->ring);
	free(o->reader);
	o->reader = NULL;
}

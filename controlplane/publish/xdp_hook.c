/* SPDX-License-Identifier: BSD-3-Clause */
/* The program of the XDP backend on its port: attached, watched, left. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/port_feature.h"
#include "controlplane/publish/xdp_internal.h"
#include "controlplane/publish/xdp_segment.h"
#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/loader.h"
#include "controlplane/xdp/maps.h"
#include "controlplane/xdp/pins.h"
#include "controlplane/xdp/size.h"
#include "controlplane/xdp/tables.h"

#define RETRY_MS 250
#define RETRY_LOAD_MS 30000 /* the verifier would refuse it again */

/* Compose the operator's note in two parts: one from the start, one current. */
void publish_xdp_look(struct publish_backend *x)
{
	struct lb_segment *segment = x->link.segment;
	char stray[XDP_OBJECT_WHY_MAX];
	bool news = xdp_watch_stray(&x->watch, &x->object, x->port.name, stray, sizeof(stray));

	if (news)
		log_warn("xdp: %s", stray);
	/* If both parts are present, the first gets more room. */
	snprintf(segment->note, sizeof(segment->note), "%.*s%s%.120s", stray[0] ? 132 : 255,
		 x->note, x->note[0] && stray[0] ? "; " : "", stray);
	xdp_watch_count(&x->netlink, x->port.index, lb_segment_at(segment, segment->node_stats));
}

uint32_t publish_xdp_holder(const struct publish_backend *x)
{
	uint32_t id;

	(void)xdp_pins_holder(x->port.index, &id);
	return id;
}

int publish_xdp_pins_share(struct publish_backend *x, const char *port)
{
	int err = xdp_pins_share(port, x->options.run_dir);

	if (err)
		snprintf(x->object.why, sizeof(x->object.why),
			 "the pins of %.15s cannot be shared with the group of %.100s: %s", port,
			 x->options.run_dir, strerror(-err));
	return err;
}

static void note_queues(struct publish_backend *x)
{
	const struct xdp_object *o = &x->object;
	size_t at = strlen(x->note);

	if (o->has_handover && o->regions > o->n_workers)
		snprintf(x->note + at, sizeof(x->note) - at,
			 "%squeues %u to %u have no CPU in node.cpus: XDP forwards their packets",
			 at ? "; " : "", o->n_workers, o->regions - 1);
}

/*
 * Some drivers add receive queues while an XDP program is on the port (virtio_net: one for each
 * CPU). Only new maps can have regions for them. The flows that the program has recorded by then
 * are forgotten. The old maps live on until the new program is on the hook, so there must be
 * memory for both; otherwise those queues are balanced without a record.
 */
static bool queues_grew(struct publish_backend *x)
{
	struct xdp_object *o = &x->object;

	return o->has_handover && !o->adopted && !x->hooked && o->regions < LB_XDP_REGIONS_MAX &&
	       port_feature_queues(x->port.name) > o->regions &&
	       xdp_size_check_memory(o, MEMORY_MEMINFO) == 0;
}

int publish_xdp_hook(struct publish_backend *x)
{
	const char *port = x->link.segment->port_name;
	int err;

	if (x->object.mode != XDP_OBJECT_NONE || xdp_tables_generation(&x->object) == 0)
		return 0;
	err = xdp_hook_attach(&x->object, (int)x->port.index);
	x->holder_id = err == -EBUSY ? publish_xdp_holder(x) : 0;
	if (err) {
		publish_xdp_leave(x, x->object.why);
		return -ENOTCONN;
	}
	if (queues_grew(x)) {
		xdp_maps_forget(&x->object); /* a successor would adopt them */
		x->maps_anew = true;
		publish_xdp_leave(
			x, "the port has more receive queues with an XDP program than without one; "
			   "the flow table is created again for all of them");
		return -ENOTCONN;
	}
	x->hooked = true;
	x->maps_anew = false;
	if (x->object.has_handover)
		lb_store_release(&x->object.queues[0].is_attached, 1);
	if (x->object.has_handover && publish_xdp_pins_share(x, port))
		log_err("xdp: %s", x->object.why);
	x->dispatcher_id = x->object.is_joined ? publish_xdp_holder(x) : 0;
	snprintf(x->link.segment->driver, sizeof(x->link.segment->driver), "XDP, %s mode",
		 x->object.mode == XDP_OBJECT_NATIVE ? "native" : "generic");
	snprintf(x->note, sizeof(x->note), "%.100s%s%.100s", x->object.why,
		 x->object.why[0] && x->absent[0] ? "; " : "", x->absent);
	note_queues(x);
	publish_xdp_look(x);
	log_info("xdp: on %s, %s%s%s", port, x->link.segment->driver, x->note[0] ? "; " : "",
		 x->note);
	return 0;
}

void publish_xdp_release(struct publish_backend *x)
{
	if (x->answer_event)
		event_free(x->answer_event);
	x->answer_event = NULL;
	xdp_thread_destroy(x->thread);
	x->thread = NULL;
	xdp_sweep_destroy(x->sweep);
	x->sweep = NULL;
	xdp_watch_fini(&x->watch);
	x->note[0] = '\0';
	publish_xdp_segment_close(&x->link);
	xdp_object_close(&x->object);
	if (x->claim_fd >= 0)
		close(x->claim_fd);
	x->claim_fd = -1;
	x->ready = false;
	x->hooked = false;
	x->sent_ns = 0;
}

void publish_xdp_leave(struct publish_backend *x, const char *why)
{
	const uint32_t ms = x->load_failed ? RETRY_LOAD_MS : RETRY_MS;
	const struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000 };
	bool news = strcmp(x->why, why) != 0;

	if (news) {
		snprintf(x->why, sizeof(x->why), "%s", why);
		log_warn("xdp: %s", x->why);
	}
	publish_xdp_release(x);
	evtimer_add(x->retry_timer, &delay);
	x->options.events->gone(x->options.arg, x->why);
}

/* The program is loaded; attach it again. Meanwhile the kernel answers for the VIPs. */
static void hook_again(struct publish_backend *x, const char *why)
{
	log_warn("xdp: %s", why);
	x->object.mode = XDP_OBJECT_NONE;
	x->object.why[0] = '\0';
	(void)publish_xdp_hook(x);
}

void publish_xdp_hook_watch(struct publish_backend *x)
{
	int carry = xdp_pins_carry(model_config(x->options.model)->node.port, x->port.index);
	uint32_t holder;

	if (carry == 0)
		hook_again(x, "the program was removed from the port");
	else if (x->dispatcher_id && xdp_pins_holder(x->port.index, &holder) == 0 &&
		 holder != x->dispatcher_id)
		hook_again(x, "libxdp's dispatcher has been replaced");
}

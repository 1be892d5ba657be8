/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for the XDP dataplane. Its dataplane is always available: connecting means to load
 * the program, or to adopt the running one, and to attach it to the port. A generation is in use as
 * soon as it is sent; its answer waits for the grace period of the one before.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/cpus.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/port_feature.h"
#include "controlplane/net/iface.h"
#include "controlplane/publish/directory.h"
#include "controlplane/publish/xdp.h"
#include "controlplane/publish/xdp_segment.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/loader.h"
#include "controlplane/xdp/maps.h"
#include "controlplane/xdp/pins.h"
#include "controlplane/xdp/size.h"
#include "controlplane/xdp/sweep.h"
#include "controlplane/xdp/tables.h"
#include "controlplane/xdp/thread.h"
#include "controlplane/xdp/watch.h"

#define RETRY_MS 250
#define RETRY_LOAD_MS 30000 /* the verifier would refuse it again */
#define STATES_MS 500
#define WATCH_MS 20

struct publish_backend {
	struct publish_backend_options options;
	struct xdp_object object;
	struct xdp_thread *thread;
	struct xdp_sweep *sweep;
	struct publish_link link; /* only its segment is used */
	struct publish_directory directory;
	struct event *retry_timer;
	struct event *states_timer;
	struct event *watch_timer;
	struct event *answer_event;
	struct xdp_watch watch;
	char note[XDP_OBJECT_WHY_MAX];	 /* from the start */
	char absent[XDP_OBJECT_WHY_MAX]; /* CPUs of node.cpus that are not online; "": none */
	int claim_fd;			 /* lock on the pin directory; -1: none */
	bool ready;
	bool hooked;	/* since the maps were opened */
	bool maps_anew; /* the next start makes new ones */
	bool load_failed;
	uint32_t holder_id;	/* the foreign program that had the hook last time; 0: none */
	uint32_t dispatcher_id; /* libxdp's dispatcher that we joined; 0: the hook is ours */
	struct netlink netlink;
	struct iface_link port; /* index 0: not known yet */
	uint64_t generation;
	uint64_t sent_ns; /* 0: nothing is in flight */
	int sent_result;
	uint64_t retired;
	char why[XDP_OBJECT_WHY_MAX]; /* logged last */
};

static void leave(struct publish_backend *x, const char *why);

/* ---- Sending ---- */

/* Return: 0, -ENOSPC. */
static int stage(struct publish_backend *x, const struct publish_block *block)
{
	uint32_t number = publish_directory_spare(&x->directory, block);
	void *buffer = publish_link_buffer(&x->link, block->kind, block->pool, number);
	int err;

	if (!block->bytes)
		return 0;
	err = publish_xdp_segment_room(buffer, block->bytes);
	if (!err)
		memcpy(buffer, block->data, block->bytes);
	return err;
}

static int stage_all(struct publish_backend *x, const struct publish_batch *batch)
{
	int err = 0;

	for (uint32_t i = 0; i < batch->block_count && !err; i++)
		err = stage(x, &batch->block[i]);
	return err;
}

/* Compose the operator's note in two parts: one from the start, one current. */
static void look(struct publish_backend *x)
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

/* 0: none, or unknown. */
static uint32_t holder_of(const struct publish_backend *x)
{
	uint32_t id;

	(void)xdp_pins_holder(x->port.index, &id);
	return id;
}

static int pins_share(struct publish_backend *x, const char *port)
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

/* A program without tables would drop the kernel's packets too: attach it only with tables. */
static int hook(struct publish_backend *x)
{
	const char *port = x->link.segment->port_name;
	int err;

	if (x->object.mode != XDP_OBJECT_NONE || xdp_tables_generation(&x->object) == 0)
		return 0;
	err = xdp_hook_attach(&x->object, (int)x->port.index);
	x->holder_id = err == -EBUSY ? holder_of(x) : 0;
	if (err) {
		leave(x, x->object.why);
		return -ENOTCONN;
	}
	if (queues_grew(x)) {
		xdp_maps_forget(&x->object); /* a successor would adopt them */
		x->maps_anew = true;
		leave(x, "the port has more receive queues with an XDP program than without one; "
			 "the flow table is created again for all of them");
		return -ENOTCONN;
	}
	x->hooked = true;
	x->maps_anew = false;
	if (x->object.has_handover)
		lb_store_release(&x->object.queues[0].is_attached, 1);
	if (x->object.has_handover && pins_share(x, port))
		log_err("xdp: %s", x->object.why);
	x->dispatcher_id = x->object.is_joined ? holder_of(x) : 0;
	snprintf(x->link.segment->driver, sizeof(x->link.segment->driver), "XDP, %s mode",
		 x->object.mode == XDP_OBJECT_NATIVE ? "native" : "generic");
	snprintf(x->note, sizeof(x->note), "%.100s%s%.100s", x->object.why,
		 x->object.why[0] && x->absent[0] ? "; " : "", x->absent);
	note_queues(x);
	look(x);
	log_info("xdp: on %s, %s%s%s", port, x->link.segment->driver, x->note[0] ? "; " : "",
		 x->note);
	return 0;
}

static int xdp_send(struct publish_backend *x, const struct publish_batch *batch)
{
	int err;

	if (!x->ready)
		return -ENOTCONN;
	err = stage_all(x, batch);
	publish_directory_names(&x->directory, x->options.model);
	publish_directory_states(&x->directory, x->options.model);
	x->generation++;
	x->sent_ns = clock_now_ns();
	x->retired = batch->retire | batch->retire_after;
	publish_directory_sent(&x->directory, batch, x->generation);
	if (!err)
		err = xdp_tables_apply(&x->object, batch, x->generation, x->port.mac);
	x->sent_result = err;
	return hook(x) ? -ENOTCONN : xdp_thread_sync(x->thread);
}

static const char *refusal(int err)
{
	switch (err) {
	case -EKEYREJECTED:
		return "node.secret is not the one in use; recorded flows would not be found";
	case -ENOSPC:
		return "no space left for xdp.segment in the run directory";
	default:
		return "a value or a length in a block is out of range";
	}
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;
	struct publish_answer answer = {
		.generation = x->generation,
		.refused = x->sent_result != 0,
		.reason = refusal(x->sent_result),
		.sent_ns = x->sent_ns,
		.acked_ns = clock_now_ns(),
		.workers = x->object.has_handover ? x->object.n_workers : x->object.regions,
	};

	(void)fd;
	(void)what;
	if (xdp_thread_answer(x->thread) == -EAGAIN || x->sent_ns == 0)
		return;
	x->sent_ns = 0;
	publish_directory_answered(&x->directory, !answer.refused);
	if (!answer.refused)
		publish_directory_retired(&x->directory, x->retired);
	publish_xdp_segment_refresh(&x->link, &x->object);
	x->options.events->answered(x->options.arg, &answer);
}

/* ---- Attaching and detaching ---- */

static void release(struct publish_backend *x)
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

static void leave(struct publish_backend *x, const char *why)
{
	const uint32_t ms = x->load_failed ? RETRY_LOAD_MS : RETRY_MS;
	const struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000 };
	bool news = strcmp(x->why, why) != 0;

	if (news) {
		snprintf(x->why, sizeof(x->why), "%s", why);
		log_warn("xdp: %s", x->why);
	}
	release(x);
	evtimer_add(x->retry_timer, &delay);
	x->options.events->gone(x->options.arg, x->why);
}

static int claim(struct publish_backend *x, const char *port)
{
	int fd = xdp_pins_claim(port);

	x->claim_fd = fd < 0 ? -1 : fd;
	if (fd == -EBUSY)
		snprintf(x->object.why, sizeof(x->object.why),
			 "another sluiced has the XDP program of %.15s", port);
	else if (fd < 0)
		snprintf(x->object.why, sizeof(x->object.why), "the folder of pins of %.15s: %s",
			 port, strerror(-fd));
	return fd < 0 ? fd : 0;
}

/* Open the maps and the directory of their contents; both or neither. */
static int maps_open(struct publish_backend *x, const struct xdp_object_options *opt)
{
	struct xdp_object_options anew = *opt;
	int err = xdp_object_open(&x->object, opt);

	x->load_failed = err && !xdp_object_may_work(err);
	if (err)
		return err;
	err = publish_xdp_segment_open(&x->link, x->options.run_dir, &x->object);
	if (err == -ESTALE) {
		log_warn("xdp: the directory of instances is missing: the recorded flows are "
			 "discarded");
		anew.anew = true;
		xdp_object_close(&x->object);
		err = xdp_object_open(&x->object, &anew);
		if (!err)
			err = publish_xdp_segment_open(&x->link, x->options.run_dir, &x->object);
	}
	if (err && !x->object.why[0])
		snprintf(x->object.why, sizeof(x->object.why), "%s/xdp.segment: %s",
			 x->options.run_dir, strerror(-err));
	return err;
}

/* Whether foreign programs have the hook, and may have ours among them. */
static bool is_behind(const struct publish_backend *x)
{
	struct xdp_holder holder;

	return !x->options.has_handover && xdp_holder_find((int)x->port.index, &holder) > 0 &&
	       holder.is_dispatcher;
}

/* Keep VLAN tags in frames: a frame forwarded without its tag would go into another network. */
static int tags_keep(struct publish_backend *x)
{
	int kept = port_feature_tags_keep(x->port.name);

	if (kept == -EOPNOTSUPP)
		snprintf(
			x->object.why, sizeof(x->object.why),
			"%s removes VLAN tags from frames, and this cannot be turned off (ethtool -k: "
			"rx-vlan-offload); XDP would forward tagged frames without their tag",
			x->port.name);
	if (kept == 1) {
		x->object.control->tags_kept = 1;
		log_info("xdp: %s: VLAN offload turned off (rxvlan off)", x->port.name);
	}
	return kept < 0 ? kept : 0;
}

/* Workers of sluice-dataplane check their CPUs themselves. */
static void cpus_look(struct publish_backend *x, const struct config_node *node)
{
	char absent[sizeof(x->absent)] = "";
	cpu_set_t online;

	if (!x->options.has_handover && cpus_online(&online) == 0)
		cpus_absent_note(&online, node->cpus, node->cpu_count, absent, sizeof(absent));
	if (strcmp(absent, x->absent) == 0)
		return;
	memcpy(x->absent, absent, sizeof(absent));
	if (absent[0])
		log_warn("xdp: %s", absent);
}

static int open_all(struct publish_backend *x, const struct config_node *node)
{
	char pin_dir[LB_PIN_DIR_MAX], log_path[256];
	const struct xdp_object_options opt = {
		.pin_dir = pin_dir,
		.log_path = log_path,
		.flows = node->flows,
		.pool_slots = node->table_slots,
		.pools = LB_POOLS_MAX,
		.cpus = node->cpus,
		.cpu_count = node->cpu_count,
		.mtu = x->port.mtu,
		.has_handover = x->options.has_handover,
		.anew = x->maps_anew,
		.queues = port_feature_queues(x->port.name),
		.is_behind = is_behind(x),
	};
	int err;

	lb_pin_dir(node->port, pin_dir);
	snprintf(log_path, sizeof(log_path), "%.200s/xdp-verifier.log", x->options.run_dir);
	x->object.why[0] = '\0';
	x->load_failed = false;
	cpus_look(x, node);
	err = xdp_pins_mount(x->object.why, sizeof(x->object.why));
	if (!err)
		err = claim(x, node->port);
	if (!err)
		err = maps_open(x, &opt);
	if (!err && opt.has_handover)
		err = pins_share(x, node->port);
	if (err)
		return err;
	err = tags_keep(x);
	if (!err)
		err = xdp_watch_init(&x->watch, &x->object);
	if (err)
		return err;
	x->thread = xdp_thread_create();
	x->sweep = xdp_sweep_create(&x->object, node->cpus, node->cpu_count);
	if (!x->thread || !x->sweep)
		return -errno;
	x->answer_event = event_new(x->options.base, xdp_thread_fd(x->thread), EV_READ | EV_PERSIST,
				    on_answer, x);
	return x->answer_event && !event_add(x->answer_event, NULL) ? 0 : -ENOMEM;
}

static void port_describe(struct publish_backend *x)
{
	struct lb_segment *segment = x->link.segment;
	struct lb_node_stats *node = lb_segment_at(segment, segment->node_stats);

	snprintf(segment->kernel_iface, sizeof(segment->kernel_iface), "%s", x->port.name);
	lb_segment_port_set(segment, x->port.mac, x->port.mtu);
	node->link = x->port.is_running ? LB_LINK_UP : LB_LINK_DOWN;
}

static void adopt(struct publish_backend *x, const struct config_node *node)
{
	struct lb_segment *segment = x->link.segment;
	struct model_running running = { .directory = NULL };
	bool runs;

	publish_directory_attach(&x->directory, &x->link, xdp_tables_generation(&x->object));
	x->generation = x->link.directory->generation;
	snprintf(segment->port_name, sizeof(segment->port_name), "%.60s", node->port);
	port_describe(x);
	segment->pid = (uint32_t)getpid();
	model_port_set(x->options.model, x->port.mac, x->port.mtu);
	xdp_tables_port_set(&x->object, x->port.mac);
	runs = publish_directory_read(&x->directory, &running);
	if (!runs)
		model_gone_forget(x->options.model);
	else if (model_adopt(x->options.model, &running))
		log_err("xdp: the running state could not be adopted completely");
	x->ready = true;
	x->why[0] = '\0';
	if (runs)
		log_info("xdp: adopting the %s state on %s",
			 x->object.adopted ? "running" : "previous", node->port);
	if (hook(x))
		return;
	x->options.events->connected(x->options.arg);
}

/*
 * Find the port: the same interface under any name until it is deleted; else the one of that name;
 * else the one where a predecessor attached the program.
 */
static int port_find(struct publish_backend *x, const char *name)
{
	int err = iface_read(&x->netlink, x->port.index, &x->port);
	uint32_t index;

	if (err == -ENODEV)
		err = iface_find(&x->netlink, name, &x->port);
	if (err == -ENODEV && xdp_pins_ifindex(name, &index) == 0)
		err = iface_read(&x->netlink, index, &x->port);
	return err;
}

static void xdp_try(struct publish_backend *x)
{
	const struct config *config = model_config(x->options.model);
	const struct config_node *node = config ? &config->node : NULL;
	char why[XDP_OBJECT_WHY_MAX];
	int err;

	if (x->ready)
		return;
	evtimer_del(x->retry_timer);
	if (!node) {
		leave(x, "no configuration yet");
		return;
	}
	x->load_failed = false;
	err = port_find(x, node->port);
	if (err) {
		snprintf(why, sizeof(why), "%.60s: %s", node->port, strerror(-err));
		leave(x, why);
		return;
	}
	/* Loading costs verifier time and would fail in the same way. */
	if (x->holder_id && holder_of(x) == x->holder_id) {
		leave(x, x->why);
		return;
	}
	err = open_all(x, node);
	if (!err) {
		adopt(x, node);
		return;
	}
	snprintf(why, sizeof(why), "%s", x->object.why[0] ? x->object.why : strerror(-err));
	leave(x, why);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	xdp_try(arg);
}

/* The program is loaded; attach it again. Meanwhile the kernel answers for the VIPs. */
static void hook_again(struct publish_backend *x, const char *why)
{
	log_warn("xdp: %s", why);
	x->object.mode = XDP_OBJECT_NONE;
	x->object.why[0] = '\0';
	(void)hook(x);
}

/* The port's MAC address or MTU changed. */
static void port_follow(struct publish_backend *x, const struct iface_link *port)
{
	const uint8_t *mac = port->mac;
	bool is_new = memcmp(mac, x->port.mac, LB_ETH_ALEN) != 0 || port->mtu != x->port.mtu;

	x->port = *port;
	port_describe(x);
	if (!is_new)
		return;
	log_info("xdp: %s: address is now %02x:%02x:%02x:%02x:%02x:%02x, MTU %u", port->name,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], port->mtu);
	xdp_tables_port_set(&x->object, port->mac);
	model_port_set(x->options.model, port->mac, port->mtu);
}

/* Check that the program is still on the port, and in the same place there. */
static void hook_watch(struct publish_backend *x)
{
	int carry = xdp_pins_carry(model_config(x->options.model)->node.port, x->port.index);
	uint32_t holder;

	if (carry == 0)
		hook_again(x, "the program was removed from the port");
	else if (x->dispatcher_id && xdp_pins_holder(x->port.index, &holder) == 0 &&
		 holder != x->dispatcher_id)
		hook_again(x, "libxdp's dispatcher has been replaced");
}

/* Act only on a definite answer: a failed query means no change. */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;
	struct iface_link port;
	int err;

	(void)fd;
	(void)what;
	if (!x->ready || x->object.mode == XDP_OBJECT_NONE)
		return;
	err = iface_read(&x->netlink, x->port.index, &port);
	if (err == -ENODEV) {
		leave(x, "the port was deleted");
		return;
	}
	if (!err && xdp_object_suits(&x->object, port.mtu)) {
		port_follow(x, &port);
	} else if (!err) {
		leave(x, "the port's new MTU needs another program");
		xdp_try(x);
		return;
	}
	hook_watch(x);
}

static void on_states(evutil_socket_t fd, short what, void *arg)
{
	struct publish_backend *x = arg;

	(void)fd;
	(void)what;
	if (!x->ready)
		return;
	publish_directory_states(&x->directory, x->options.model);
	if (tags_keep(x) == -EOPNOTSUPP) {
		leave(x, x->object.why);
		return;
	}
	look(x);
}

/* ---- The interface ---- */

static void xdp_destroy(struct publish_backend *x)
{
	if (x->ready)
		publish_directory_states(&x->directory, x->options.model);
	release(x);
	if (x->retry_timer)
		event_free(x->retry_timer);
	if (x->states_timer)
		event_free(x->states_timer);
	if (x->watch_timer)
		event_free(x->watch_timer);
	netlink_close(&x->netlink);
	free(x);
}

static struct publish_backend *xdp_create(const struct publish_backend_options *options)
{
	const struct timeval states = { .tv_usec = STATES_MS * 1000 };
	const struct timeval watch = { .tv_usec = WATCH_MS * 1000 };
	struct publish_backend *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return NULL;
	x->options = *options;
	x->claim_fd = -1;
	publish_link_init(&x->link);
	err = netlink_open(&x->netlink);
	if (err) {
		xdp_destroy(x);
		errno = -err;
		return NULL;
	}
	x->retry_timer = evtimer_new(options->base, on_retry, x);
	x->states_timer = event_new(options->base, -1, EV_PERSIST, on_states, x);
	x->watch_timer = event_new(options->base, -1, EV_PERSIST, on_watch, x);
	if (!x->retry_timer || !x->states_timer || !x->watch_timer ||
	    event_add(x->states_timer, &states) || event_add(x->watch_timer, &watch)) {
		xdp_destroy(x);
		errno = ENOMEM;
		return NULL;
	}
	event_active(x->retry_timer, EV_TIMEOUT, 0);
	return x;
}

static bool xdp_runs(const struct publish_backend *x, const struct publish_block *block)
{
	uint32_t bytes;
	const void *running = publish_directory_running(&x->directory, block, &bytes);

	if (xdp_tables_generation(&x->object) == 0)
		return false; /* new maps, whatever the directory says */
	if (!running)
		return block->kind == LB_BLOCK_POOL && block->count == 0;
	return bytes == block->bytes && (bytes == 0 || memcmp(running, block->data, bytes) == 0);
}

bool publish_xdp_running(const struct publish_backend *backend, struct publish_block *block)
{
	if (!backend->ready || xdp_tables_generation(&backend->object) == 0)
		return false;
	block->data = publish_directory_running(&backend->directory, block, &block->bytes);
	block->count = block->bytes;
	return block->data || block->kind == LB_BLOCK_POOL;
}

static uint64_t xdp_pool_changed_ns(const struct publish_backend *x, uint32_t pool)
{
	return x->ready ? x->link.directory->pool_changed_ns[pool] : 0;
}

static const struct lb_segment *xdp_segment(const struct publish_backend *x)
{
	return x->ready ? x->link.segment : NULL;
}

static void xdp_refresh(struct publish_backend *x)
{
	if (x->ready)
		publish_xdp_segment_refresh(&x->link, &x->object);
}

const struct xdp_object *publish_xdp_object(const struct publish_backend *backend)
{
	return backend->ready ? &backend->object : NULL;
}

bool publish_xdp_refuses(const struct publish_backend *backend)
{
	return backend->sent_result != 0;
}

const struct publish_backend_ops publish_xdp_ops = {
	.create = xdp_create,
	.destroy = xdp_destroy,
	.poke = xdp_try,
	.runs = xdp_runs,
	.send = xdp_send,
	.pool_changed_ns = xdp_pool_changed_ns,
	.segment = xdp_segment,
	.refresh = xdp_refresh,
};

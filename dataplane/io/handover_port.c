/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/handover_port.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "config/base/log.h"
#include "dataplane/engine/handover.h"

#define POLL_MS 50

enum part {
	PART_FLOWS,
	PART_COUNTS,
	PART_QUEUES,
	PART_WORKERS,
	PART_NAT_AREAS,
	PART_NAT_RECORDS,
	PARTS,
};

static const struct {
	const char *pin;
	uint32_t value_bytes;
} parts[PARTS] = {
	[PART_FLOWS] = { LB_PIN_FLOWS, sizeof(struct lb_bucket) },
	[PART_COUNTS] = { LB_PIN_COUNTS, sizeof(struct lb_instance_stats) },
	[PART_QUEUES] = { LB_PIN_QUEUES, sizeof(struct lb_handover) },
	[PART_WORKERS] = { LB_PIN_WORKERS, sizeof(struct lb_worker_stats) },
	[PART_NAT_AREAS] = { LB_PIN_NAT_AREAS, sizeof(struct lb_nat_area) },
	[PART_NAT_RECORDS] = { LB_PIN_NAT_RECORDS, sizeof(struct lb_nat_record) },
};

LB_STATIC_ASSERT(sizeof(((struct handover_port *)NULL)->bytes) / sizeof(size_t) == PARTS,
		 "one each");

/* ---- What sluiced has pinned ---- */

static int pin_open(const struct handover_port *port, const char *pin)
{
	char path[LB_PIN_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", port->pin_dir, pin);
	return bpf_obj_get(path);
}

static int object_info(int fd, void *info, uint32_t bytes)
{
	return bpf_obj_get_info_by_fd(fd, info, &bytes);
}

static int map_info(const struct handover_port *port, const char *pin, struct bpf_map_info *info)
{
	int fd = pin_open(port, pin), err;

	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return fd;
	err = object_info(fd, info, sizeof(*info));
	close(fd);
	return err;
}

/* ---- Mapping ---- */

static int part_map(struct handover_port *port, enum part part, uint32_t *entries, void **memory)
{
	struct bpf_map_info info = { .id = 0 };
	int fd = pin_open(port, parts[part].pin), err;

	if (fd < 0)
		return fd;
	err = object_info(fd, &info, sizeof(info));
	if (!err && (info.value_size != parts[part].value_bytes || !info.max_entries))
		err = -EPROTO;
	*entries = info.max_entries;
	port->bytes[part] = (size_t)info.value_size * info.max_entries;
	if (!err)
		*memory = mmap(NULL, port->bytes[part], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!err && *memory == MAP_FAILED) {
		*memory = NULL;
		err = -errno;
	}
	if (part == PART_FLOWS)
		port->flows_id = info.id;
	close(fd);
	return err;
}

/* Without translation the maps have one element each. */
static int nat_size(struct handover_port *port, const struct config_node *node, uint32_t areas,
		    uint32_t records)
{
	const uint32_t ports = (uint32_t)node->nat_port_last - node->nat_port_first + 1;

	if (records == 1)
		return 0;
	port->nat_room = ports / port->n_regions;
	if (areas != port->n_regions || !port->nat_room ||
	    records % (port->nat_room * port->n_regions))
		return -EPROTO;
	port->nat_spaces = records / (port->nat_room * port->n_regions);
	return 0;
}

static int parts_map(struct handover_port *port, const struct config_node *node)
{
	void **const memory[PARTS] = { (void **)&port->flows,	  (void **)&port->counts,
				       (void **)&port->queues,	  (void **)&port->workers,
				       (void **)&port->nat_areas, (void **)&port->nat_records };
	uint32_t n = port->n_workers, entries[PARTS];
	int err = 0;

	for (uint32_t i = 0; i < PARTS && !err; i++)
		err = part_map(port, (enum part)i, &entries[i], memory[i]);
	if (err)
		return err;
	if (entries[PART_QUEUES] < n || entries[PART_WORKERS] != n + 1 ||
	    entries[PART_COUNTS] / LB_INSTANCES_MAX < entries[PART_QUEUES] + n)
		return -EPROTO;
	port->n_regions = entries[PART_QUEUES];
	port->n_buckets = entries[PART_FLOWS] / port->n_regions;
	port->first_count = entries[PART_COUNTS] / LB_INSTANCES_MAX - n;
	if (port->n_buckets == 0)
		return -EPROTO;
	return nat_size(port, node, entries[PART_NAT_AREAS], entries[PART_NAT_RECORDS]);
}

/* sluiced makes the maps first, and attaches to the hook when its tables are filled. */
static int link_check(const struct handover_port *port, const struct plan *plan)
{
	struct bpf_link_info info = { .id = 0 };
	int fd = pin_open(port, LB_PIN_LINK), err;

	if (fd < 0)
		return fd;
	err = object_info(fd, &info, sizeof(info));
	close(fd);
	if (!err && info.xdp.ifindex != plan->if_index)
		err = -ENOENT;
	return err;
}

static void port_init(struct handover_port *port, const struct plan *plan)
{
	*port = (struct handover_port){ .n_workers = plan->n_workers };
	lb_pin_dir(plan->node->port, port->pin_dir);
}

/* Sockets go to the program on the hook, which may still be a predecessor with other maps. */
static int attached_check(const struct handover_port *port)
{
	return __atomic_load_n(&port->queues[0].is_attached, __ATOMIC_ACQUIRE) ? 0 : -ENOENT;
}

bool handover_port_is_left(const struct plan *plan)
{
	struct handover_port port;

	if (!*plan->iface)
		return false;
	port_init(&port, plan);
	return link_check(&port, plan) == 0;
}

int handover_port_open(struct handover_port *port, const struct plan *plan)
{
	int err;

	port_init(port, plan);
	err = link_check(port, plan);
	if (!err)
		err = parts_map(port, plan->node);
	if (!err)
		err = attached_check(port);
	for (uint32_t i = 0; i < port->n_workers && !err; i++)
		handover_clear(&port->queues[i]);
	if (err)
		handover_port_close(port);
	return err;
}

void handover_port_flows(const struct handover_port *port, uint32_t queue, struct flow_table *table)
{
	flow_table_adopt(table, port->flows + (size_t)queue * port->n_buckets, port->n_buckets,
			 NULL, NULL);
}

struct lb_nat_memory handover_port_nat(const struct handover_port *port, uint32_t queue)
{
	if (!port->nat_spaces)
		return (struct lb_nat_memory){ NULL, NULL };
	return (struct lb_nat_memory){
		&port->nat_areas[queue],
		&port->nat_records[(size_t)queue * port->nat_spaces * port->nat_room],
	};
}

void handover_port_close(struct handover_port *port)
{
	void *const memory[PARTS] = { port->flows,   port->counts,    port->queues,
				      port->workers, port->nat_areas, port->nat_records };

	for (uint32_t i = 0; i < PARTS; i++)
		if (memory[i])
			munmap(memory[i], port->bytes[i]);
	*port = (struct handover_port){ .flows = NULL };
}

bool handover_port_is_current(const struct handover_port *port)
{
	struct bpf_map_info info;
	int err = map_info(port, LB_PIN_FLOWS, &info);

	/* If the state can't be read, assume no change. */
	return err ? err != -ENOENT : info.id == port->flows_id;
}

/* ---- Waiting ---- */

static void missing_say(const struct plan *plan, int err)
{
	char pin_dir[LB_PIN_DIR_MAX];

	lb_pin_dir(plan->node->port, pin_dir);
	if (err == -EPROTO)
		log_warn(
			"%s: waiting for sluiced: the sizes of its maps differ; both programs must be"
			" of the same release and have the same configuration",
			plan->iface);
	else if (err == -EACCES)
		log_warn(
			"%s: waiting for sluiced: %s cannot be opened (%s); sluiced gives access to the group of the run"
			" directory, and /sys/fs/bpf needs mode 0771",
			plan->iface, pin_dir, strerror(-err));
	else
		log_info("%s: waiting for sluiced and its XDP program, which forwards packets"
			 " meanwhile",
			 plan->iface);
	sd_notify(0, "STATUS=Waiting for sluiced's XDP program");
}

int handover_port_wait(struct handover_port *port, const struct plan *plan, int signal_fd)
{
	struct pollfd end = { .fd = signal_fd, .events = POLLIN };
	int err, said = 0;

	/* -EACCES: sluiced has pinned the maps, but not shared them yet. */
	while ((err = handover_port_open(port, plan)) == -ENOENT || err == -EPROTO ||
	       err == -EACCES) {
		if (err != said)
			missing_say(plan, err);
		said = err;
		if (poll(&end, 1, POLL_MS) > 0) {
			log_info("ending: signal while waiting");
			return -ECANCELED;
		}
	}
	if (err)
		log_err("%s: cannot use sluiced's maps: %s", plan->iface, strerror(-err));
	return err;
}

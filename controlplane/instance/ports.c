/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/ports.h"

_Static_assert(sizeof(struct lb_unwrap_port) % 8 == 0, "values of all CPUs must be contiguous");

/* ---- As text ---- */

/* Return: what follows the number, or NULL if it is no port. */
static const char *port_parse(const char *text, __u16 *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || value < 1 || value > 65535)
		return NULL;
	*port = (__u16)value;
	return end;
}

int ports_parse(const char *text, struct port_map *map)
{
	memset(map, 0, sizeof(*map));
	text = port_parse(text, &map->port);
	if (!text || *text != ':')
		return -EINVAL;
	text = port_parse(text + 1, &map->instance_port);
	if (!text)
		return -EINVAL;
	if (*text == '@')
		return address_parse(text + 1, &map->vip);
	return *text ? -EINVAL : 0;
}

const char *ports_format(const struct port_map *map, char *text)
{
	char vip[ADDRESS_TEXT_SIZE];

	if (map->vip.family)
		snprintf(text, PORTS_TEXT_SIZE, "%u:%u@%s", map->port, map->instance_port,
			 address_format(&map->vip, vip));
	else
		snprintf(text, PORTS_TEXT_SIZE, "%u:%u", map->port, map->instance_port);
	return text;
}

bool ports_conflict(const struct port_map *a, const struct port_map *b)
{
	bool same_vip = address_equal(&a->vip, &b->vip);

	if (a->port == b->port)
		return same_vip && a->instance_port != b->instance_port;
	return a->instance_port == b->instance_port &&
	       (same_vip || !a->vip.family || !b->vip.family);
}

bool ports_have(const struct ports *ports, const struct port_map *map)
{
	for (__u32 i = 0; i < ports->count; i++)
		if (!memcmp(&ports->map[i], map, sizeof(*map)))
			return true;
	return false;
}

bool ports_are_set(const struct ports *ports)
{
	return ports->count || ports->mss4 || ports->mss6;
}

/* ---- In the program's maps ---- */

static int replies_load(const struct program *program, struct lb_unwrap_replies *replies)
{
	__u32 key = 0;

	memset(replies, 0, sizeof(*replies));
	if (program->replies_fd < 0)
		return 0;
	return bpf_map_lookup_elem(program->replies_fd, &key, replies) ? -errno : 0;
}

static int replies_store(const struct program *program, const struct lb_unwrap_replies *replies)
{
	__u32 key = 0;

	return bpf_map_update_elem(program->replies_fd, &key, replies, BPF_ANY) ? -errno : 0;
}

bool ports_added_qdisc(const struct program *program)
{
	struct lb_unwrap_replies replies;

	return !replies_load(program, &replies) && replies.added_qdisc;
}

int ports_record_qdisc(const struct program *program, bool added)
{
	struct lb_unwrap_replies replies;
	int ret = replies_load(program, &replies);

	replies.added_qdisc = added;
	return ret ? ret : replies_store(program, &replies);
}

static struct lb_unwrap_port_key key_of(const struct port_map *map, enum lb_unwrap_way way)
{
	return (struct lb_unwrap_port_key){
		.vip = map->vip,
		.port = htons(way == LB_UNWRAP_IN ? map->port : map->instance_port),
		.way = (__u16)way,
	};
}

/* Return: a new array, one value per possible CPU; NULL and errno on error. */
static struct lb_unwrap_port *entry_read(const struct program *program,
					 const struct lb_unwrap_port_key *key, int *cpus)
{
	struct lb_unwrap_port *values;

	*cpus = libbpf_num_possible_cpus();
	if (*cpus < 0) {
		errno = -*cpus;
		return NULL;
	}
	values = calloc(*cpus, sizeof(*values));
	if (values && bpf_map_lookup_elem(program->ports_fd, key, values)) {
		free(values);
		return NULL;
	}
	return values;
}

static int port_map_load(const struct program *program, const struct lb_unwrap_port_key *key,
			 struct ports *ports)
{
	struct port_map *map = &ports->map[ports->count];
	struct lb_unwrap_port *values;
	int cpus;

	if (key->way != LB_UNWRAP_IN)
		return 0;
	if (ports->count == LB_UNWRAP_PORTS_MAX)
		return -EPROTO;
	values = entry_read(program, key, &cpus);
	if (!values)
		return -errno;
	memset(map, 0, sizeof(*map));
	map->vip = key->vip;
	map->port = ntohs(key->port);
	map->instance_port = ntohs(values[0].port);
	ports->count++;
	free(values);
	return 0;
}

int ports_load(const struct program *program, struct ports *ports)
{
	struct lb_unwrap_port_key last, key;
	struct lb_unwrap_replies replies;
	const void *from = NULL;
	int ret = replies_load(program, &replies);

	memset(ports, 0, sizeof(*ports));
	ports->mss4 = replies.mss4;
	ports->mss6 = replies.mss6;
	while (!ret && program->ports_fd >= 0 &&
	       !bpf_map_get_next_key(program->ports_fd, from, &key)) {
		ret = port_map_load(program, &key, ports);
		last = key;
		from = &last;
	}
	return ret;
}

static int entry_put(const struct program *program, const struct port_map *map,
		     enum lb_unwrap_way way)
{
	struct lb_unwrap_port_key key = key_of(map, way);
	int cpus = libbpf_num_possible_cpus(), ret = 0;
	struct lb_unwrap_port *values;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (int i = 0; i < cpus; i++)
		values[i].port = htons(way == LB_UNWRAP_IN ? map->instance_port : map->port);
	if (bpf_map_update_elem(program->ports_fd, &key, values, BPF_ANY))
		ret = -errno;
	free(values);
	return ret;
}

/* Put a mapping's entry; one that is right keeps its counts. */
static int entry_ensure(const struct program *program, const struct port_map *map,
			enum lb_unwrap_way way)
{
	const __be16 port = htons(way == LB_UNWRAP_IN ? map->instance_port : map->port);
	struct lb_unwrap_port_key key = key_of(map, way);
	int cpus;
	struct lb_unwrap_port *values = entry_read(program, &key, &cpus);
	bool is_right = values && values[0].port == port;

	free(values);
	return is_right ? 0 : entry_put(program, map, way);
}

static int entries_ensure(const struct program *program, const struct ports *ports,
			  enum lb_unwrap_way way)
{
	int ret = 0;

	for (__u32 i = 0; i < ports->count && !ret; i++)
		ret = entry_ensure(program, &ports->map[i], way);
	return ret;
}

static bool ports_have_key(const struct ports *ports, const struct lb_unwrap_port_key *key)
{
	for (__u32 i = 0; i < ports->count; i++) {
		struct lb_unwrap_port_key other = key_of(&ports->map[i], key->way);

		if (!memcmp(key, &other, sizeof(other)))
			return true;
	}
	return false;
}

/* Delete all other entries of a way: a command that was killed may have left one in one way alone. */
static int entries_prune(const struct program *program, const struct ports *ports,
			 enum lb_unwrap_way way)
{
	static struct lb_unwrap_port_key keys[LB_UNWRAP_PORT_SLOTS];
	const void *from = NULL;
	__u32 n = 0;

	while (n < LB_UNWRAP_PORT_SLOTS && !bpf_map_get_next_key(program->ports_fd, from, &keys[n]))
		from = &keys[n++];
	for (__u32 i = 0; i < n; i++)
		if (keys[i].way == way && !ports_have_key(ports, &keys[i]) &&
		    bpf_map_delete_elem(program->ports_fd, &keys[i]) && errno != ENOENT)
			return -errno;
	return 0;
}

int ports_change(const struct program *program, const struct ports *next)
{
	struct lb_unwrap_replies replies;
	int ret = replies_load(program, &replies);

	if (!ret)
		ret = entries_ensure(program, next, LB_UNWRAP_OUT);
	if (!ret)
		ret = entries_ensure(program, next, LB_UNWRAP_IN);
	if (!ret)
		ret = entries_prune(program, next, LB_UNWRAP_IN);
	if (!ret)
		ret = entries_prune(program, next, LB_UNWRAP_OUT);
	replies.n_ports = next->count;
	replies.mss4 = next->mss4;
	replies.mss6 = next->mss6;
	return ret ? ret : replies_store(program, &replies);
}

int ports_read(const struct program *program, const struct port_map *map, enum lb_unwrap_way way,
	       struct lb_unwrap_count *count)
{
	struct lb_unwrap_port_key key = key_of(map, way);
	struct lb_unwrap_port *values;
	int cpus;

	memset(count, 0, sizeof(*count));
	values = entry_read(program, &key, &cpus);
	if (!values)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < cpus; i++) {
		count->pkts += values[i].count.pkts;
		count->bytes += values[i].count.bytes;
	}
	free(values);
	return 0;
}

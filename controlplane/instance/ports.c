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

static int entry_add(const struct program *program, const struct port_map *map,
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

/* Add what is in @to and not in @from, or remove it. */
static int entries_differ(const struct program *program, const struct ports *from,
			  const struct ports *to, enum lb_unwrap_way way, bool add)
{
	int ret = 0;

	for (__u32 i = 0; i < to->count && !ret; i++) {
		struct lb_unwrap_port_key key = key_of(&to->map[i], way);

		if (ports_have(from, &to->map[i]))
			continue;
		if (add)
			ret = entry_add(program, &to->map[i], way);
		else if (bpf_map_delete_elem(program->ports_fd, &key) && errno != ENOENT)
			ret = -errno;
	}
	return ret;
}

/* Those of @from whose key in @way has another value in @to, or none. */
static void leaving(const struct ports *from, const struct ports *to, enum lb_unwrap_way way,
		    struct ports *left)
{
	left->count = 0;
	for (__u32 i = 0; i < from->count; i++) {
		struct lb_unwrap_port_key key = key_of(&from->map[i], way);
		bool stays = false;

		for (__u32 j = 0; j < to->count && !stays; j++) {
			struct lb_unwrap_port_key other = key_of(&to->map[j], way);

			stays = !memcmp(&key, &other, sizeof(key));
		}
		if (!stays)
			left->map[left->count++] = from->map[i];
	}
}

int ports_change(const struct program *program, const struct ports *now, const struct ports *next)
{
	static const struct ports none;
	static struct ports left;
	struct lb_unwrap_replies replies;
	int ret = replies_load(program, &replies);

	/* A reply of a port that is in both goes to the new one from here on. */
	if (!ret)
		ret = entries_differ(program, now, next, LB_UNWRAP_OUT, true);
	if (!ret)
		ret = entries_differ(program, now, next, LB_UNWRAP_IN, true);
	leaving(now, next, LB_UNWRAP_IN, &left);
	if (!ret)
		ret = entries_differ(program, &none, &left, LB_UNWRAP_IN, false);
	leaving(now, next, LB_UNWRAP_OUT, &left);
	if (!ret)
		ret = entries_differ(program, &none, &left, LB_UNWRAP_OUT, false);
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

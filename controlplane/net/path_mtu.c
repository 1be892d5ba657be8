/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/path_mtu.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/net/tunnel_error.h"
#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_rate.h"
#include "dataplane/core/lb_service_find.h"

#define LEARNED_MS (10 * 60 * 1000)
#define MESSAGE_MAX 2048 /* quotes are much shorter */

/* A flood must not starve the loop: a limited number per turn, then a pause. */
#define MESSAGES_PER_TURN 64
#define PAUSE_MS 10

enum { V4, V6, FAMILIES };

struct path_mtu {
	struct event_base *base;
	struct model *model;
	int heard[FAMILIES]; /* raw sockets; -1: none */
	int sent[FAMILIES];
	struct event *readable[FAMILIES];
	struct event *pause;
	struct lb_rate rate;
	uint64_t rate_tick; /* time of the last refill */
	struct path_mtu_stats stats;
};

/* ---- Limits ---- */

static bool rate_take(struct path_mtu *p)
{
	const struct lb_rate_limit limit =
		lb_rate_limit_make(model_config(p->model)->node.icmp_rate_pps);
	uint64_t tick = clock_now_ms() / LB_FLOW_TICK_MS, passed = tick - p->rate_tick;

	p->rate_tick = tick;
	lb_rate_refill(&p->rate, &limit,
		       passed > LB_TICKS_PER_SECOND ? LB_TICKS_PER_SECOND : (uint32_t)passed);
	return lb_rate_take(&p->rate, 0);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct path_mtu *p = arg;

	(void)fd;
	(void)what;
	for (int family = 0; family < FAMILIES; family++)
		if (p->readable[family])
			event_add(p->readable[family], NULL);
}

static void pause_begin(struct path_mtu *p)
{
	const struct timeval delay = { .tv_usec = PAUSE_MS * 1000 };

	for (int family = 0; family < FAMILIES; family++)
		if (p->readable[family])
			event_del(p->readable[family]);
	evtimer_add(p->pause, &delay);
}

/* ---- Interpreting an error ---- */

/*
 * Whether a service sends to this pool by UDP to @port; true for 0, a tunnel without UDP. Other UDP
 * from the node to an instance is not a tunnel's.
 */
static bool is_tunnel_port(const struct path_mtu *p, uint16_t pool, lb_be16 port)
{
	const struct lb_service_table *table;
	uint32_t bytes;

	if (!port)
		return true;
	table = model_services(p->model, &bytes);
	for (uint32_t i = 0; table && bytes && i <= table->mask; i++)
		if (table->slot[i].instance_port == port && table->slot[i].pool == pool &&
		    lb_forward_has_port((enum lb_forward)table->slot[i].forward))
			return true;
	return false;
}

/*
 * The service of a quoted client packet; NULL unless it is sent to this pool through such tunnels.
 */
static const struct lb_service *service_of(const struct path_mtu *p, const struct lb_meta *meta,
					   uint16_t pool, lb_be16 port)
{
	const struct lb_service *service;
	const struct lb_service_table *table;
	uint32_t bytes;

	table = model_services(p->model, &bytes);
	if (!table || !bytes || lb_service_is_vip_source(table, meta))
		return NULL;
	service = lb_service_find(table, meta);
	if (!service || lb_forward_is_in_place((enum lb_forward)service->forward) ||
	    service->pool != pool || service->instance_port != port)
		return NULL;
	return service;
}

static void packet_send(struct path_mtu *p, const struct lb_meta *meta, const uint8_t *packet,
			uint32_t bytes)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	ssize_t sent;

	if (meta->family == 4) {
		to4.sin_addr.s_addr = meta->client4;
		sent = sendto(p->sent[V4], packet, bytes, MSG_DONTWAIT, (void *)&to4, sizeof(to4));
	} else {
		memcpy(&to6.sin6_addr, meta->client6, sizeof(meta->client6));
		sent = sendto(p->sent[V6], packet, bytes, MSG_DONTWAIT, (void *)&to6, sizeof(to6));
	}
	if (sent >= 0)
		p->stats.relayed++;
	else
		log_debug("ICMP error about a tunnel not relayed: %s", strerror(errno));
}

/* The quote may be too short to identify the client: it is told when it retransmits. */
static void relay(struct path_mtu *p, const struct tunnel_error *error,
		  const struct lb_instance *entry)
{
	uint8_t answer[TUNNEL_ERROR_ANSWER_MAX];
	struct lb_meta meta = { .family = 0 };
	uint32_t len = tunnel_error_inner(error, &meta), room;
	const struct lb_service *service;

	service = len ? service_of(p, &meta, entry->pool, error->port) : NULL;
	if (!service)
		return;
	room = lb_tunnel_room(entry, lb_forward_shim((enum lb_forward)service->forward),
			      meta.family, UINT16_MAX);
	if (error->is_too_big && len <= room)
		return;
	packet_send(p, &meta, answer, tunnel_error_answer(error, &meta, room, answer));
}

static void learn(struct path_mtu *p, const struct tunnel_error *error,
		  struct model_instance *instance, const char *router)
{
	const uint32_t least = LB_IPV4_MTU_MIN + error->tunnel_len;

	if (!model_path_mtu_set(p->model, instance,
				error->mtu_bytes > least ? error->mtu_bytes : least,
				clock_now_ms() + LEARNED_MS))
		return;
	p->stats.learned++;
	log_info("%s: path MTU %u, reported by %s", instance->path,
		 model_instance_mtu(p->model, instance, NULL), router);
}

/* Pools may share an address; then they share its path. */
static void error_take(struct path_mtu *p, const struct tunnel_error *error, const char *router)
{
	const struct lb_instance *entry, *quoted = NULL;
	uint32_t count;

	entry = model_instances(p->model, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct model_instance *instance = model_instance_at(p->model, i);

		if (!instance || !tunnel_error_is_of(error, &entry[i]) ||
		    !is_tunnel_port(p, entry[i].pool, error->port))
			continue;
		if (!quoted) {
			p->stats.errors++;
			if (!rate_take(p)) {
				p->stats.limited++;
				return;
			}
		}
		quoted = &entry[i];
		if (error->is_too_big)
			learn(p, error, instance, router);
		relay(p, error, quoted);
	}
}

/* ---- Sockets ---- */

static void message_take(struct path_mtu *p, int family, const uint8_t *message, uint32_t bytes,
			 const struct sockaddr_in6 *from)
{
	const struct sockaddr_in *from4 = (const struct sockaddr_in *)from;
	struct config_address router = { .family = family == V4 ? 4 : 6 };
	char text[CONFIG_ADDRESS_STRLEN];
	struct tunnel_error error;
	uint32_t header_len = 0;

	if (!model_config(p->model) || bytes < sizeof(struct lb_ipv4))
		return;
	if (family == V4) {
		header_len = (uint32_t)(message[0] & 0xf) * 4;
		memcpy(router.bytes, &from4->sin_addr, 4);
	} else {
		memcpy(router.bytes, &from->sin6_addr, 16);
	}
	if (header_len <= bytes &&
	    tunnel_error_read(router.family, message + header_len, bytes - header_len, &error))
		error_take(p, &error, config_address_format(&router, text));
}

static void messages_read(struct path_mtu *p, int family)
{
	uint8_t message[MESSAGE_MAX] LB_ALIGNED(8);
	struct sockaddr_in6 from;

	for (uint32_t i = 0; i < MESSAGES_PER_TURN; i++) {
		socklen_t size = sizeof(from);
		ssize_t bytes = recvfrom(p->heard[family], message, sizeof(message), MSG_DONTWAIT,
					 (void *)&from, &size);

		if (bytes < 0)
			return;
		message_take(p, family, message, (uint32_t)bytes, &from);
	}
	pause_begin(p);
}

static void on_readable4(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	messages_read(arg, V4);
}

static void on_readable6(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	messages_read(arg, V6);
}

/* Receive only errors: echo replies and neighbour discovery are filtered out. */
static int filter_set(int fd, int family)
{
	struct icmp_filter filter4 = { .data = ~(1U << ICMP_DEST_UNREACH |
						 1U << ICMP_TIME_EXCEEDED) };
	struct icmp6_filter filter6;

	if (family == V4)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter4, sizeof(filter4));
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter6);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter6);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter6);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

/* A machine without IPv6 is not an error. */
static int sockets_open(struct path_mtu *p, int family)
{
	int domain = family == V4 ? AF_INET : AF_INET6;
	int proto = family == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	p->heard[family] = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	if (p->heard[family] < 0)
		return errno == EAFNOSUPPORT ? 0 : -errno;
	p->sent[family] = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (p->sent[family] < 0 || filter_set(p->heard[family], family))
		return -errno;
	p->readable[family] = event_new(p->base, p->heard[family], EV_READ | EV_PERSIST,
					family == V4 ? on_readable4 : on_readable6, p);
	return !p->readable[family] || event_add(p->readable[family], NULL) ? -ENOMEM : 0;
}

struct path_mtu *path_mtu_create(struct event_base *base, struct model *model)
{
	struct path_mtu *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return NULL;
	*p = (struct path_mtu){
		.base = base,
		.model = model,
		.heard = { -1, -1 },
		.sent = { -1, -1 },
		.pause = evtimer_new(base, on_pause_over, p),
		.rate.tokens = LB_RATE_BURST_MIN,
	};
	if (!p->pause) {
		path_mtu_destroy(p);
		errno = ENOMEM;
		return NULL;
	}
	for (int family = 0; family < FAMILIES && !err; family++)
		err = sockets_open(p, family);
	if (err)
		log_warn("ICMP errors about tunnels cannot be received: %s", strerror(-err));
	return p;
}

void path_mtu_destroy(struct path_mtu *p)
{
	if (!p)
		return;
	for (int family = 0; family < FAMILIES; family++) {
		if (p->readable[family])
			event_free(p->readable[family]);
		if (p->heard[family] >= 0)
			close(p->heard[family]);
		if (p->sent[family] >= 0)
			close(p->sent[family]);
	}
	if (p->pause)
		event_free(p->pause);
	free(p);
}

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *p)
{
	return &p->stats;
}
